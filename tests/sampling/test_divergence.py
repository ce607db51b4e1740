"""A run that diverges ends in an error that says where, and names a step that is stable."""

from __future__ import annotations

import re

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import DivergenceError, InvalidArgumentError
from short_runs import PRODUCT, SCHEMES, sampled

NAN, INF = float("nan"), float("inf")


def diverged(model=PRODUCT, **changes) -> DivergenceError:
    with pytest.raises(DivergenceError) as caught:
        sampled(model, **changes)
    return caught.value


def named_step(error: DivergenceError, kind: str) -> float:
    found = re.search(kind.format(r"step_size=(\S+?),?"), str(error))
    assert found, str(error)
    return float(found[1])


STABLE_AT_START = r"; {} is stable where the walkers started"
STEEPER_LATER = r"; the step was stable where the walkers started .*: try {} or scheme='mala'"


class TestDivergence:
    @pytest.mark.parametrize("scheme", SCHEMES[:2])
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("target", [0.0, 1.0, 20.0])
    @pytest.mark.parametrize("step_size", [0.5, 3.0, 1e6])
    def test_the_step_that_it_names_is_stable(self, scheme, dtype, target, step_size) -> None:
        model, run = lib.models.scalar_product(target=target), {"scheme": scheme, "dtype": dtype, "steps": 3000}
        stable = named_step(diverged(model, step_size=step_size, **run), STABLE_AT_START)
        assert stable < step_size
        assert np.isfinite(sampled(model, step_size=stable, **run).states).all()

    @pytest.mark.parametrize("scheme", SCHEMES[:2])
    @pytest.mark.parametrize("stiffness", [0.01, 4.0, 1e7])
    def test_it_is_not_timid_either(self, scheme, stiffness) -> None:
        model = lib.models.harmonic(stiffness=stiffness, dim=3)
        error = diverged(model, dynamics=None, step_size=2.5 / stiffness, steps=5000, scheme=scheme)
        assert named_step(error, STABLE_AT_START) == pytest.approx(1.0 / stiffness, rel=0.05)

    def test_the_steepest_of_many_walkers_counts(self) -> None:
        """One of 300,000 walkers starts where nobody else does, and is not among those looked at."""
        initial = np.full((300_000, 2), 0.7)
        initial[123_457] = [12.0, 1.0]
        run = {"walkers": len(initial), "initial": initial, "steps": 60}
        error = diverged(step_size=0.2, **run)
        assert error.walker == 123_457
        assert np.isfinite(sampled(step_size=named_step(error, STABLE_AT_START), **run).states).all()

    def test_a_place_that_was_met_later(self) -> None:
        run = {"initial": 0.7, "walkers": 4096, "steps": 30_000}
        error = diverged(step_size=0.32, **run)
        assert error.step > 100
        smaller = named_step(error, STEEPER_LATER)
        assert smaller == pytest.approx(0.08)
        assert np.isfinite(sampled(step_size=smaller, **run).states).all()
        assert np.isfinite(sampled(step_size=0.32, scheme="mala", **run).states).all()

    @pytest.mark.parametrize("walkers", [200, slice(1000, 1200)])
    def test_walker_and_step_are_those_of_the_core(self, walkers) -> None:
        run = {"step_size": 0.4, "steps": 1000}
        error = diverged(walkers=walkers, **run)
        first = walkers.start if isinstance(walkers, slice) else 0
        assert first <= error.walker < first + 200
        assert str(error).startswith(f"walker {error.walker} diverged at step {error.step}: ")
        alone = diverged(walkers=slice(error.walker, error.walker + 1), **run)
        assert (alone.walker, alone.step) == (error.walker, error.step)
        # It was well until then.
        if error.step > 1:
            before = sampled(walkers=walkers, **(run | {"steps": error.step - 1}))
            assert np.isfinite(before.states).all()

    def test_a_resumed_run_says_so_as_well(self) -> None:
        run = sampled(step_size=0.32, initial=0.7, walkers=4096, steps=50)
        with pytest.raises(DivergenceError, match="step_size=") as caught:
            run.resume(steps=5000, threads=1, progress=False)
        assert caught.value.step > 50

    def test_where_the_potential_is_flat_there_is_nothing_to_name(self) -> None:
        error = diverged(
            lib.models.scalar_product(target=0.0), dynamics=None, initial=0.0, temperature=1e50, step_size=1e50
        )
        assert "the curvature of V where the walkers started gives no stable step" in str(error)


class TestPlace:
    """The error names the coordinate that was farthest out, and what it was."""

    CHAIN = lib.models.scalar_product(4)

    def test_a_gauge_fixed_chain_that_blows_up_has_diverged(self) -> None:
        """A step leads so far out that no orbit leads back: not for the slice's sake, nor for the precision's."""
        run = {"dynamics": lib.GaugeFixed(level=(0.5, 0.4, 0.3)), "temperature": 0.3, "walkers": 1024, "rng": 1}
        error = diverged(self.CHAIN, step_size=0.02, **run)
        message = str(error)
        assert error.cause == "out of range"
        assert message.startswith(
            f"walker {error.walker} diverged at step {error.step}: it came so far out that no way"
        )
        assert "dtype" not in message
        place = re.search(r"\(it was at (u[1-4]) = (\S+)\)", message)
        assert abs(float(place[2])) > 1e10
        stable = named_step(error, STABLE_AT_START)
        assert stable < 0.02
        assert np.isfinite(sampled(self.CHAIN, step_size=stable, **run).states).all()
        # The drift of the last step, by hand; the noise is nothing beside it.
        x = sampled(self.CHAIN, step_size=0.02, **(run | {"steps": error.step - 1})).states[error.walker]
        came = x - 0.02 * (x.prod() - 1.0) * x.prod() / x
        farthest = int(np.argmax(np.abs(came)))
        assert place[1] == f"u{farthest + 1}"
        assert float(place[2]) == pytest.approx(came[farthest], rel=1e-2)

    @pytest.mark.parametrize(
        ("model", "level"),
        [
            (lib.models.matrix_factorization(4, 3, 2, group="gl"), 0.0),
            (lib.models.relu_network(3, 2), 0.5),
            (lib.models.scalar_product(3), 0.5),
        ],
        ids=["GL(2)", "neurons", "chain"],
    )
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_so_has_every_other_gauge_that_blows_up(self, model, level, dtype) -> None:
        run = {"temperature": 0.3, "dynamics": lib.GaugeFixed(level=level), "walkers": 64, "dtype": dtype}
        error = diverged(model, step_size=5.0, **run)
        assert error.cause == "out of range"
        stable = named_step(error, STABLE_AT_START)
        assert np.isfinite(sampled(model, step_size=stable / 4, **run).states).all()

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("scheme", SCHEMES[:2])
    def test_of_a_free_walker(self, scheme, dtype) -> None:
        model, start = lib.models.harmonic(stiffness=4.0, dim=3), [0.1, -2.0, 0.3]
        run = {"dynamics": None, "step_size": 50.0, "temperature": 1e-10, "dtype": dtype, "scheme": scheme}
        error = diverged(model, initial=start, **run)
        place = re.search(r"\(it was at x1 = (\S+)\)", str(error))
        # x -> -199 x in each step.
        assert float(place[1]) == pytest.approx(-2.0 * (-199.0) ** error.step, rel=1e-2)

    def test_of_a_walker_that_comes_to_infinity_it_is_the_place_before(self) -> None:
        model = lib.models.scalar_product(loss=lambda theta: theta**8)
        error = diverged(model, dynamics=None, step_size=1.0, temperature=1e-10, initial=[1e6, 1.1e6], walkers=2)
        # The gradient is 8 u^7 v^8 and overflows in the second step.
        assert error.step == 2
        assert "(it was at u = -1.71e+91)" in str(error)

    def test_a_walker_that_mala_cannot_move_is_not_told_to_take_it(self) -> None:
        run = {"dynamics": lib.GaugeFixed(level=0.5), "temperature": 3.0, "walkers": 4096, "steps": 100}
        error = diverged(self.CHAIN, step_size=0.05, initial=[1.2, 1.0, 0.9, 0.7], **run)
        named_step(error, r"the step was stable .*: try {} or scheme='mala' with Constrained\(level, fixman=True\)")


class TestReach:
    @pytest.mark.parametrize(("dtype", "reach"), [("float64", 1e100), ("float32", 1e18)])
    @pytest.mark.parametrize("step_size", ["auto", 0.01])
    @pytest.mark.parametrize("factor", [1.0, 1e5, INF, NAN, -1.0, -INF])
    def test_states_beyond_it_are_refused(self, dtype, reach, step_size, factor) -> None:
        initial = np.zeros((200, 2))
        initial[17, 1] = factor * reach if np.isfinite(factor) else factor
        with pytest.raises(
            InvalidArgumentError, match=rf"initial: walker 17 starts at .* below {reach:g}".replace("+", r"\+")
        ):
            sampled(initial=initial, dtype=dtype, step_size=step_size)

    def test_what_is_no_array_is_refused_in_plain_words(self) -> None:
        refused = r"initial, of shape .* has shape .* numpy.asarray\(initial, dtype=float\)"
        with pytest.raises(InvalidArgumentError, match=refused):
            sampled(initial={"u": 1.0, "v": 2.0})

    @pytest.mark.filterwarnings("ignore:walker 0 is at x")
    @pytest.mark.parametrize(("dtype", "near"), [("float64", 0.99e100), ("float32", 0.99e18)])
    def test_states_within_it_are_taken(self, dtype, near) -> None:
        # The noise is far below the last digit there, and a step of T = 0 goes nowhere.
        run = sampled(
            lib.models.harmonic(stiffness=1e-9), dynamics=None, initial=near, dtype=dtype, steps=3, step_size=1
        )
        np.testing.assert_allclose(run.states, near, rtol=1e-6)
