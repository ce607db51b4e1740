"""Steps: what step_size="auto" takes and says, and an unstable step ends in an error that names a stable one."""

from __future__ import annotations

import re

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import DivergenceError, InvalidArgumentError
from langevin_ib.sampling.loop import stability

SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")
PRODUCT, AMBIENT = lib.models.scalar_product(), lib.Ambient(weight_decay=0.5)
SETTINGS = {"temperature": 0.2, "walkers": 200, "steps": 400, "rng": 7, "threads": 1, "progress": False}
NAN, INF = float("nan"), float("inf")


def sampled(model=PRODUCT, **changes) -> lib.Run:
    return lib.sample(model, **(SETTINGS | {"dynamics": AMBIENT, "step_size": "auto"} | changes))


def hessian(states: np.ndarray, target: float = 1.0, weight_decay: float = 0.5) -> np.ndarray:
    u, v = np.asarray(states, dtype=float).T
    mixed = 2 * u * v - target
    return np.moveaxis(np.array([[v**2 + weight_decay, mixed], [mixed, u**2 + weight_decay]]), -1, 0)


class TestCurvature:
    def test_of_the_product_model(self) -> None:
        states = np.random.default_rng(1).normal(size=(50, 2))
        expected = np.abs(np.linalg.eigvalsh(hessian(states))).max()
        assert stability.curvature(PRODUCT, AMBIENT, states) == pytest.approx(expected, rel=1e-14)

    def test_a_negative_one_counts_by_its_size(self) -> None:
        assert stability.curvature(lib.models.scalar_product(target=3.0), lib.Ambient(), np.zeros((1, 2))) == 3.0

    @pytest.mark.parametrize("dim", [1, 2, 100])
    @pytest.mark.parametrize("weight_decay", [0.0, 0.25])
    def test_of_a_harmonic_model_is_its_stiffness(self, dim, weight_decay) -> None:
        model, dynamics = lib.models.harmonic(stiffness=3.5, dim=dim), lib.Ambient(weight_decay=weight_decay)
        assert stability.curvature(model, dynamics, np.ones((5, dim))) == 3.5 + weight_decay

    def test_parameters_that_share_no_term_are_taken_apart(self) -> None:
        a, b, c, d, e = lib.parameters("a b c d e")
        model = lib.Model(
            parameters=(a, b, c, d, e), predictor={"a": a}, loss=a**2 * c**2 + b * d + 2 * d * e + c * e**3
        )
        states = np.random.default_rng(2).normal(size=(40, 5))
        whole = sympy.lambdify((a, b, c, d, e), sympy.hessian(model.loss, (a, b, c, d, e)))
        expected = max(np.abs(np.linalg.eigvalsh(np.array(whole(*row), dtype=float))).max() for row in states)
        # By differences of the gradient, whose rounding is what is left.
        assert stability.curvature(model, lib.Ambient(), states) == pytest.approx(expected, rel=1e-8)

    def test_is_zero_where_nothing_is_curved(self) -> None:
        x, y = lib.parameters("x y")
        flat = lib.Model(parameters=(x, y), predictor={"x": x}, loss=2 * x + 1)
        assert stability.curvature(flat, lib.Ambient(), np.ones((3, 2))) == 0.0

    @pytest.mark.parametrize("value", [NAN, INF, 1e200])
    def test_is_infinite_where_it_is_no_number(self, value) -> None:
        states = np.ones((3, 2))
        states[1, 0] = value
        assert stability.curvature(PRODUCT, AMBIENT, states) == INF

    @pytest.mark.parametrize("walkers", [65_535, 65_536, 65_537, 131_071, 200_000])
    def test_of_many_walkers_looks_at_some_from_the_first_to_the_last(self, walkers, monkeypatch) -> None:
        states = np.zeros((walkers, 2))
        looked = []
        block = stability._Block
        original = block.largest_eigenvalue
        monkeypatch.setattr(block, "largest_eigenvalue", lambda self, rows: looked.append(rows) or original(self, rows))
        stability.curvature(PRODUCT, AMBIENT, states)
        assert walkers / 4 <= len(looked[0]) <= 65_536 if walkers > 65_536 else len(looked[0]) == walkers


class TestAutomatic:
    @pytest.mark.parametrize(
        ("scheme", "numerator"), [("euler-maruyama", 0.05), ("leimkuhler-matthews", 0.2), ("mala", 0.5)]
    )
    @pytest.mark.parametrize("stiffness", [1e-6, 0.7, 3.0, 1e9])
    def test_on_a_harmonic_model_it_is_a_number_over_the_stiffness(self, scheme, numerator, stiffness) -> None:
        run = sampled(lib.models.harmonic(stiffness=stiffness), dynamics=None, scheme=scheme)
        assert run.settings.step_size == numerator / stiffness

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_the_note_says_what_was_taken_and_why(self, scheme) -> None:
        run = sampled(scheme=scheme)
        (note,) = run.notes
        assert "step_size='auto'" in note
        assert f"h = {run.settings.step_size:.3g}" in note
        assert scheme in note
        assert "largest curvature" in note

    def test_a_number_needs_no_note(self) -> None:
        assert sampled(step_size=0.01).notes == ()

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_it_is_the_number_that_it_says(self, scheme) -> None:
        run = sampled(scheme=scheme)
        again = sampled(scheme=scheme, step_size=run.settings.step_size)
        assert again.settings == run.settings
        assert again.states.tobytes() == run.states.tobytes()

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_is_reproducible_whatever_the_machine(self, scheme) -> None:
        reference = sampled(scheme=scheme)
        machines = [{"threads": 2}, {"threads": 3, "block": 32}, *({"level": level} for level in lib.levels())]
        for machine in machines:
            run = sampled(scheme=scheme, **machine)
            assert run.settings == reference.settings
            assert run.notes == reference.notes
            assert run.states.tobytes() == reference.states.tobytes()

    def test_does_not_depend_on_what_is_asked_of_the_run(self) -> None:
        reference = sampled().settings.step_size
        changes = {"steps": 20_000, "burn_in": 15_000, "observe": {"theta": lib.Moments(every=5000)}}
        assert sampled(**changes).settings.step_size == reference
        assert sampled(noise="single").settings.step_size == pytest.approx(reference, rel=0.5)

    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize("walkers", [1, 2, 31, slice(70, 73), 300])
    def test_few_walkers_are_enough(self, scheme, walkers) -> None:
        run = sampled(scheme=scheme, walkers=walkers)
        assert np.isfinite(run.states).all()
        assert 1e-3 < run.settings.step_size < 0.5

    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize("changes", [{"dtype": "float32"}, {"noise": "single"}, {"substeps": 4}])
    def test_works_at_any_precision_and_with_substeps(self, scheme, changes) -> None:
        run = sampled(scheme=scheme, **changes)
        assert np.isfinite(run.states).all()
        assert run.settings.step_size == pytest.approx(sampled(scheme=scheme).settings.step_size, rel=0.5)

    def test_looks_where_the_walkers_start(self) -> None:
        initial = [20.0, 0.1]
        run = sampled(initial=initial)
        steepest = np.abs(np.linalg.eigvalsh(hessian([initial]))).max()
        assert run.settings.step_size == pytest.approx(0.05 / steepest, rel=1e-9)

    def test_looks_at_every_walker(self) -> None:
        initial = np.full((SETTINGS["walkers"], 2), 0.7)
        initial[-1] = [20.0, 0.1]
        assert sampled(initial=initial).settings.step_size < 0.05 / 399

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_looks_where_they_go(self, scheme) -> None:
        """At the saddle point the curvature is 1.5, and at least 2 in the valleys next to which all of them end."""
        run = sampled(initial=0.0, scheme=scheme)
        numerator = stability.PROPOSED[scheme] / (2 ** (1 / 3) if scheme == "mala" else 1.0)
        assert run.settings.step_size < numerator / 2.0

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_a_start_that_is_much_flatter_than_the_rest_is_no_trap(self, scheme) -> None:
        """The curvature at the start is a millionth of that elsewhere, so the first pilots make useless steps."""
        model = lib.models.scalar_product(target=0.0)
        run = sampled(model, dynamics=None, initial=1e-3, temperature=1.0, scheme=scheme)
        assert np.isfinite(run.states).all()
        assert run.settings.step_size < 1.0
        assert run.acceptance is None or run.acceptance > 0.8

    @pytest.mark.parametrize("dim", [1, 2, 10, 100])
    def test_mala_accepts_about_9_in_10_steps_in_any_dimension(self, dim) -> None:
        model = lib.models.harmonic(stiffness=3.0, dim=dim)
        run = sampled(model, dynamics=None, scheme="mala", walkers=64)
        assert 0.85 < run.acceptance < 0.97

    @pytest.mark.parametrize("temperature", [0.01, 0.2, 3.0])
    @pytest.mark.parametrize("target", [0.0, 1.0, 30.0])
    def test_mala_accepts_most_steps_of_the_product_model(self, target, temperature) -> None:
        run = sampled(lib.models.scalar_product(target=target), temperature=temperature, scheme="mala", steps=2000)
        assert run.acceptance > 0.8

    def test_gradient_descent_has_a_step_too(self) -> None:
        run = sampled(temperature=0.0, steps=20_000)
        np.testing.assert_allclose(np.abs(run.states), 0.5**0.5, atol=1e-6)

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_is_refused_where_nothing_is_curved(self, scheme) -> None:
        model = lib.models.scalar_product(target=0.0)
        with pytest.raises(InvalidArgumentError, match=r"curvature .* is 0, which proposes nothing; give a number"):
            sampled(model, dynamics=None, initial=0.0, scheme=scheme)

    def test_is_refused_where_curvature_is_no_number(self) -> None:
        model = lib.models.scalar_product(target=1e308)
        with pytest.raises(InvalidArgumentError, match=r"curvature .* is inf"):
            sampled(model, dynamics=lib.Ambient(weight_decay=1e308), initial=1e90)

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_a_step_too_small_for_the_numbers_is_refused(self, dtype) -> None:
        stiff = lib.models.harmonic(stiffness=1e37 if dtype == "float32" else 1e307)
        with pytest.raises(InvalidArgumentError, match=r"too small for dtype|curvature"):
            sampled(stiff, dynamics=None, dtype=dtype, initial=1e-20)

    @pytest.mark.parametrize("value", ["Auto", "auto ", "", b"auto", ["auto"], np.array(["auto"]), None])
    def test_only_auto_is_auto(self, value) -> None:
        with pytest.raises(InvalidArgumentError, match="step_size"):
            sampled(step_size=value)

    def test_a_string_of_numpy_is_a_string(self) -> None:
        assert sampled(step_size=np.str_("auto")).settings == sampled().settings

    def test_other_mistakes_are_found_first(self) -> None:
        with pytest.raises(InvalidArgumentError, match="steps"):
            sampled(steps=0)

    def test_ctrl_c_during_the_pilot_is_not_lost(self, monkeypatch) -> None:
        advance = stability.advance
        monkeypatch.setattr(stability, "advance", lambda *a, **k: (advance(*a, **k)[0], KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            sampled()


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

    @pytest.mark.parametrize(("dtype", "near"), [("float64", 0.99e100), ("float32", 0.99e18)])
    def test_states_within_it_are_taken(self, dtype, near) -> None:
        # The noise is far below the last digit there, and a step of T = 0 goes nowhere.
        run = sampled(
            lib.models.harmonic(stiffness=1e-9), dynamics=None, initial=near, dtype=dtype, steps=3, step_size=1
        )
        np.testing.assert_allclose(run.states, near, rtol=1e-6)


def test_every_shard_chooses_the_same_step() -> None:
    settings = {
        "dynamics": lib.Ambient(weight_decay=0.5),
        "temperature": 0.2,
        "step_size": "auto",
        "steps": 5,
        "rng": 3,
    }
    model = lib.models.scalar_product()
    whole = lib.sample(model, walkers=200, **settings)
    parts = [lib.sample(model, walkers=slice(a, b), **settings) for a, b in [(0, 100), (100, 200)]]
    assert {part.settings.step_size for part in parts} == {whole.settings.step_size}
    assert np.array_equal(np.concatenate([part.states for part in parts]), whole.states)
    with pytest.raises(lib.errors.InvalidArgumentError, match="each shard another step"):
        lib.sample(model, walkers=slice(0, 2), initial=np.ones((2, 2)), **settings)
