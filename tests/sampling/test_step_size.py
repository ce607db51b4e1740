"""Steps: what step_size="auto" takes and says, and an unstable step ends in an error that names a stable one."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import schemes
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.process import Process
from langevin_ib.sampling.loop import curvature as measured
from langevin_ib.sampling.loop import step_size
from short_runs import AMBIENT, PRODUCT, SCHEMES, SETTINGS, sampled

NAN, INF = float("nan"), float("inf")


def hessian(states: np.ndarray, target: float = 1.0, weight_decay: float = 0.5) -> np.ndarray:
    u, v = np.asarray(states, dtype=float).T
    mixed = 2 * u * v - target
    return np.moveaxis(np.array([[v**2 + weight_decay, mixed], [mixed, u**2 + weight_decay]]), -1, 0)


def curvature(model: lib.Model, dynamics: lib.Ambient, states: np.ndarray) -> float:
    """The largest curvature of a process at some states."""
    return measured.Curvature(Process(model, dynamics, 0.1)).largest(states)


class TestCurvature:
    def test_of_the_product_model(self) -> None:
        states = np.random.default_rng(1).normal(size=(50, 2))
        expected = np.abs(np.linalg.eigvalsh(hessian(states))).max()
        assert curvature(PRODUCT, AMBIENT, states) == pytest.approx(expected, rel=1e-14)

    def test_a_negative_one_counts_by_its_size(self) -> None:
        assert curvature(lib.models.scalar_product(target=3.0), lib.Ambient(), np.zeros((1, 2))) == 3.0

    @pytest.mark.parametrize("dim", [1, 2, 100])
    @pytest.mark.parametrize("weight_decay", [0.0, 0.25])
    def test_of_a_harmonic_model_is_its_stiffness(self, dim, weight_decay) -> None:
        model, dynamics = lib.models.harmonic(stiffness=3.5, dim=dim), lib.Ambient(weight_decay=weight_decay)
        assert curvature(model, dynamics, np.ones((5, dim))) == 3.5 + weight_decay

    def test_parameters_that_share_no_term_are_taken_apart(self) -> None:
        a, b, c, d, e = lib.parameters("a b c d e")
        model = lib.Model(
            parameters=(a, b, c, d, e), predictor={"a": a}, loss=a**2 * c**2 + b * d + 2 * d * e + c * e**3
        )
        states = np.random.default_rng(2).normal(size=(40, 5))
        whole = sympy.lambdify((a, b, c, d, e), sympy.hessian(model.loss, (a, b, c, d, e)))
        expected = max(np.abs(np.linalg.eigvalsh(np.array(whole(*row), dtype=float))).max() for row in states)
        # By differences of the gradient, whose rounding is what is left.
        assert curvature(model, lib.Ambient(), states) == pytest.approx(expected, rel=1e-8)

    def test_is_zero_where_nothing_is_curved(self) -> None:
        x, y = lib.parameters("x y")
        flat = lib.Model(parameters=(x, y), predictor={"x": x}, loss=2 * x + 1)
        assert curvature(flat, lib.Ambient(), np.ones((3, 2))) == 0.0

    @pytest.mark.parametrize("value", [NAN, INF, 1e200])
    def test_is_infinite_where_it_is_no_number(self, value) -> None:
        states = np.ones((3, 2))
        states[1, 0] = value
        assert curvature(PRODUCT, AMBIENT, states) == INF

    @pytest.mark.parametrize("walkers", [65_535, 65_536, 65_537, 131_071, 200_000])
    def test_of_many_walkers_looks_at_some_from_the_first_to_the_last(self, walkers, monkeypatch) -> None:
        states = np.zeros((walkers, 2))
        looked = []
        block = measured._HessianBlock
        original = block.largest_eigenvalue
        monkeypatch.setattr(block, "largest_eigenvalue", lambda self, rows: looked.append(rows) or original(self, rows))
        curvature(PRODUCT, AMBIENT, states)
        assert walkers / 4 <= len(looked[0]) <= 65_536 if walkers > 65_536 else len(looked[0]) == walkers


class TestAutomatic:
    @pytest.mark.parametrize(
        ("scheme", "numerator"), [("euler-maruyama", 0.05), ("leimkuhler-matthews", 0.2), ("mala", 1.0)]
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
        numerator = {"mala": 1.5}.get(scheme, schemes.SCHEMES[scheme].proposed)
        assert run.settings.step_size < numerator / 2.0

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_a_start_that_is_much_flatter_than_the_rest_is_no_trap(self, scheme) -> None:
        """The curvature at the start is a millionth of that elsewhere, so the first pilots make useless steps."""
        model = lib.models.scalar_product(target=0.0)
        run = sampled(model, dynamics=None, initial=1e-3, temperature=1.0, scheme=scheme)
        assert np.isfinite(run.states).all()
        assert run.settings.step_size < 1.0
        assert run.acceptance is None or run.acceptance > 0.57

    @pytest.mark.parametrize("dim", [1, 2, 10, 100])
    @pytest.mark.parametrize("burn_in", [0, 200])
    def test_mala_accepts_60_to_85_per_cent_in_any_dimension(self, dim, burn_in) -> None:
        model = lib.models.harmonic(stiffness=3.0, dim=dim)
        run = sampled(model, dynamics=None, scheme="mala", walkers=64, burn_in=burn_in)
        assert 0.57 < run.acceptance < 0.9

    @pytest.mark.parametrize("temperature", [0.01, 0.2, 3.0])
    @pytest.mark.parametrize("target", [0.0, 1.0, 30.0])
    def test_mala_accepts_as_much_of_the_product_model_and_leaves_nobody_stuck(self, target, temperature) -> None:
        model = lib.models.scalar_product(target=target)
        run = sampled(model, temperature=temperature, scheme="mala", steps=3000, burn_in=1000)
        # At T = 3 its valleys are narrow in places, so that steps are smaller.
        assert 0.57 < run.acceptance < (0.9 if temperature < 1.0 else 0.97)
        assert len(run.stuck_walkers) == 0
        assert run.walker_acceptance.min() > 0.3

    @pytest.mark.parametrize("burn_in", [0, 2000])
    def test_mala_at_low_temperature(self, burn_in) -> None:
        """From N(0, 1) at T = 1e-6 a step of a thousandth is refused for ever; after an approach .4 is not."""
        run = sampled(
            dynamics=lib.Ambient(weight_decay=0.1), temperature=1e-6, scheme="mala", steps=4000, burn_in=burn_in
        )
        assert len(run.stuck_walkers) == 0
        if burn_in:
            assert 0.57 < run.acceptance < 0.9
            assert run.settings.step_size > 0.2
        else:
            assert run.settings.step_size < 0.02

    def test_a_mala_step_does_not_depend_on_how_long_the_run_is(self) -> None:
        """Or a run could not be made in two parts."""
        steps = {sampled(scheme="mala", steps=n, burn_in=100).settings.step_size for n in (101, 400, 5000)}
        assert len(steps) == 1

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
        advance = step_size.advance
        monkeypatch.setattr(step_size, "advance", lambda *a, **k: (advance(*a, **k)[0], KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            sampled()


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
