"""Loud: walkers whose steps are too small for their coordinates are named, with the remedy, and others are not."""

from __future__ import annotations

import time
import warnings

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.sampling.diagnostics import REMARK
from langevin_ib.sampling.precision import lost_steps

PRODUCT = lib.models.scalar_product(target=1.0)
SETTINGS = {"step_size": 1e-3, "steps": 200, "walkers": 64, "rng": 1, "progress": False}


def told(**changes) -> tuple[str, ...]:
    """Return what is said of a run's precision: in a warning, once, at the caller's line, and in the run's notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = lib.sample(PRODUCT, **({"temperature": 0.1} | SETTINGS | changes))
    assert all(warning.filename == __file__ for warning in caught)
    said = tuple(str(warning.message) for warning in caught)
    notes = [note for note in run.notes if "neighbouring numbers" in note or "stands still" in note]
    assert notes == [f"{REMARK}{each}" for each in said]
    return said


class TestNoise:
    # sqrt(2 T h) = 0.0141; neighbouring floats at 2**18 are 0.03125 apart, at 2**16 they are 0.0078 apart.
    FAR, NEAR = (2.0**18, 2.0**-18), (2.0**16, 2.0**-16)

    def test_walkers_that_cannot_move_are_named(self) -> None:
        initial = np.tile([0.5, 0.5], (64, 1))
        initial[7] = self.FAR
        (note,) = told(steps=1, initial=initial, dtype="float32")
        assert note.startswith("walker 7 is at u = 262144, where neighbouring numbers of float32 are 0.031 apart")
        assert "1 of 64" in note
        assert note.endswith("take dtype='float64'")

    @pytest.mark.parametrize(("dtype", "initial"), [("float32", NEAR), ("float64", FAR), ("float32", [0.0, 1.0])])
    def test_walkers_that_can_are_not(self, dtype, initial) -> None:
        assert told(steps=1, initial=initial, dtype=dtype) == ()

    def test_numbers_of_the_whole_run_are_given(self) -> None:
        (note,) = told(walkers=slice(32, 64), initial=self.FAR, dtype="float32", steps=1)
        assert note.startswith("walker 32 is at")

    def test_double_precision_has_an_end_too(self) -> None:
        (note,) = told(initial=[2.0**48, 0.0], steps=1, step_size=1e-8)
        assert note.endswith("take a larger step_size, or write the model in parameters that are nearer to 0")

    def test_a_metric_makes_noise_of_its_own(self) -> None:
        metric = [[1e8, 0.0], [0.0, 1.0]]
        dynamics = lib.Ambient(metric=metric)
        (note,) = told(dynamics=dynamics, initial=[64.0, 0.0], dtype="float32", steps=1)
        assert "than the noise of a step, 1.4e-06" in note
        assert told(dynamics=dynamics, initial=[0.0, 64.0], dtype="float32", steps=1) == ()

    def test_who_comes_there_on_the_way_is_named_at_the_end(self) -> None:
        """Neighbouring floats are 4.9e-4 apart below 8192 and 9.8e-4 above; the noise is 6.3e-4, the drift 0.015."""
        (u,) = lib.parameters("u")
        hill = lib.Model(parameters=(u,), predictor={"u": u}, loss=-15 * u)
        with pytest.warns(UserWarning, match="walker 0 is at u = 820"):
            lib.sample(hill, temperature=2e-4, initial=8190.0, dtype="float32", **SETTINGS | {"steps": 1000})

    def test_who_runs_away_is_not_told_of_rounding(self) -> None:
        """At h k = 3 every step doubles the distance from 0, with noise or without."""
        settings = SETTINGS | {"step_size": 3.0, "steps": 100}
        # A warning would be an error.
        lib.sample(lib.models.harmonic(), temperature=0.1, initial=1.0, **settings)

    def test_it_is_true(self) -> None:
        """Walkers of which it is said that they do not move indeed do not, and in the other precision they do."""
        flat = lib.Model(parameters=(x := lib.parameters("x")), predictor={"x": x[0]}, loss=0 * x[0])
        system = {"temperature": 1.0, "step_size": 5e-5, "steps": 100, "walkers": 4096, "rng": 2, "progress": False}
        # The noise is 0.01 and single-precision neighbours are 0.125 apart, so only draws beyond six standard
        # deviations move a walker: one run in 10⁴ has such a draw. In double precision the variance is 100 times 0.01².
        far = 1.5 * 2.0**20
        with pytest.warns(UserWarning, match="4096 of 4096"):
            still = lib.sample(flat, initial=far, dtype="float32", **system)
        assert (still.states == far).all()
        moving = lib.sample(flat, initial=far, **system)
        assert np.var(moving.states) == pytest.approx(0.01, rel=0.1)


class TestDrift:
    def test_walkers_that_stand_still_too_early_are_named(self) -> None:
        (note,) = told(temperature=0.0, initial=[1.0, 0.5], step_size=1e-8, dtype="float32")
        assert note.startswith("walker 0 is at v = 0.5 and stands still")
        assert note.endswith("take dtype='float64'")

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_walkers_at_a_minimum_are_not(self, dtype) -> None:
        settings = SETTINGS | {"temperature": 0.0, "step_size": 0.05, "steps": 5000}
        run = lib.sample(PRODUCT, dtype=dtype, **settings)
        np.testing.assert_allclose(run.states.prod(axis=1), 1.0, rtol=1e-5)

    def test_walkers_on_the_way_are_not(self) -> None:
        assert told(temperature=0.0, steps=50, dtype="float32") == ()


def test_looking_costs_next_to_nothing() -> None:
    run = lib.sample(PRODUCT, temperature=0.1, **SETTINGS | {"walkers": 10**6, "steps": 1}, dtype="float32")
    started = time.process_time()
    assert lost_steps(run) is None
    assert time.process_time() - started < 0.1
