"""Coupled runs: substeps make runs at h and h/2 share a Brownian path, to the bit, and comparison profits from it."""

from __future__ import annotations

import itertools
from functools import cache

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib import _core
from langevin_ib.errors import InvalidArgumentError
from numpy.typing import NDArray
from scipy import stats

SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")
PRECISIONS = [("float64", "native"), ("float64", "single"), ("float32", "native")]
WALKERS = 70  # no multiple of any block
SETTINGS = {"temperature": 0.5, "walkers": WALKERS, "rng": 3, "threads": 1, "progress": False}
PRODUCT, AMBIENT = lib.models.scalar_product(), lib.Ambient(weight_decay=0.5)


def sampled(model=PRODUCT, **changes) -> lib.Run:
    return lib.sample(model, **(SETTINGS | {"step_size": 0.01, "steps": 20} | changes))


def summed(run: lib.Run, steps: int, substeps: int, dim: int = 1) -> NDArray[np.floating]:
    """Normalised sums of a run's normals, (walkers, steps, dim), added in the order of the finer steps."""
    settings = run.settings
    options = {"dtype": settings.dtype, "noise": settings.noise}
    fine = _core.normals(settings.key, settings.walkers, (0, steps * substeps), dim, **options)
    fine = fine.reshape(settings.count, steps, substeps, dim)
    total = fine[:, :, 0]
    for part in range(1, substeps):
        total = total + fine[:, :, part]
    return total * fine.dtype.type(1.0 / np.sqrt(substeps)) if substeps > 1 else total


class TestArgument:
    @pytest.mark.parametrize(
        "value",
        [None, "2", 2.0, np.float64(2), True, np.True_, [2], np.array([2]), np.array(2), float("nan"), 2j, object()],
        ids=lambda value: type(value).__name__,
    )
    def test_of_a_wrong_type_is_refused(self, value) -> None:
        with pytest.raises(InvalidArgumentError, match="substeps"):
            sampled(substeps=value)

    @pytest.mark.parametrize("value", [0, -1, 1025, 2**31, 2**63, 2**64, 10**500, -(2**70), np.int64(0)])
    def test_out_of_range_is_refused(self, value) -> None:
        with pytest.raises(InvalidArgumentError, match="substeps"):
            sampled(substeps=value)

    @pytest.mark.parametrize("kind", [int, np.int8, np.uint64, np.int32])
    def test_of_any_integer_type_is_taken(self, kind) -> None:
        run = sampled(substeps=kind(4))
        assert type(run.settings.substeps) is int
        assert np.array_equal(run.states, sampled(substeps=4).states)

    def test_more_noise_than_there_is_is_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"steps=.* times substeps=2 is more than the noise can address"):
            sampled(steps=2**62, substeps=2)

    def test_one_substep_is_none(self) -> None:
        assert np.array_equal(sampled(substeps=1).states, sampled().states)

    def test_the_largest_number_works(self) -> None:
        run = sampled(steps=1, substeps=1024, walkers=5000)
        normals = summed(run, 1, 1024, dim=2)
        # Five standard errors: a false alarm less than once in a million.
        assert abs(normals.var() - 1.0) < 5.0 * (2.0 / normals.size) ** 0.5


class TestNoise:
    """At k = 1, h = 1 and T = 1/2 an Euler-Maruyama step x - x + R ends exactly at its noise."""

    MODEL = lib.models.harmonic(dim=3)

    @pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
    @pytest.mark.parametrize("substeps", [1, 2, 3, 4, 7])
    def test_is_the_normalised_sum_of_the_finer_normals_to_the_bit(self, substeps, dtype, noise) -> None:
        options = {"step_size": 1.0, "dtype": dtype, "noise": noise, "substeps": substeps, "initial": 0.0}
        for steps in (1, 2, 17):
            run = sampled(self.MODEL, steps=steps, **options)
            assert run.states.tobytes() == summed(run, steps, substeps, dim=3)[:, -1].tobytes()

    @pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
    def test_of_two_halves_is_theirs(self, dtype, noise) -> None:
        """What a run at h uses is (R_2n + R_2n+1) / sqrt(2) of the run at h/2 with the same seed."""
        options = {"dtype": dtype, "noise": noise}
        run = sampled(self.MODEL, step_size=1.0, steps=5, substeps=2, initial=0.0, **options)
        normals = _core.normals(run.settings.key, (0, WALKERS), (8, 10), 3, **options)
        expected = (normals[:, 0] + normals[:, 1]) * normals.dtype.type(1.0 / np.sqrt(2.0))
        np.testing.assert_array_equal(run.states, expected)
        finer = sampled(self.MODEL, step_size=1.0, steps=10, initial=0.0, **options)
        np.testing.assert_array_equal(finer.states, normals[:, 1])

    @pytest.mark.parametrize("substeps", [1, 2, 5])
    def test_of_leimkuhler_matthews_is_the_mean_of_two_neighbours(self, substeps) -> None:
        options = {"step_size": 1.0, "substeps": substeps, "initial": 0.0, "scheme": "leimkuhler-matthews"}
        run = sampled(self.MODEL, steps=6, **options)
        normals = summed(run, 7, substeps, dim=3)
        np.testing.assert_array_equal(run.states, 0.5 * (normals[:, 5] + normals[:, 6]))

    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize("substeps", [1, 2, 4])
    def test_drives_the_scheme_as_its_formula_says(self, substeps, scheme) -> None:
        """A replay of 200 steps in NumPy, which does not fuse multiply-add."""
        stiffness, h, T, steps = 2.0, 0.2, 0.5, 200
        initial = np.linspace(-1.0, 1.0, WALKERS)[:, None]
        model = lib.models.harmonic(stiffness=stiffness)
        run = sampled(model, step_size=h, steps=steps, substeps=substeps, scheme=scheme, initial=initial)
        normals = summed(run, steps + 1, substeps)
        words = _core.words(run.settings.key, (0, WALKERS), (0, steps), 1, stream="accept")[..., 0]
        log_uniform = np.log((words | np.uint64(1)) * 2.0**-64)
        x = initial
        for n in range(steps):
            drifted = (1.0 - h * stiffness) * x
            match scheme:
                case "euler-maruyama":
                    x = drifted + np.sqrt(2.0 * T * h) * normals[:, n]
                case "leimkuhler-matthews":
                    x = drifted + np.sqrt(T * h / 2.0) * (normals[:, n] + normals[:, n + 1])
                case "mala":
                    y = drifted + np.sqrt(2.0 * T * h) * normals[:, n]
                    back = (x - (1.0 - h * stiffness) * y) ** 2 - (y - drifted) ** 2
                    log_ratio = stiffness * (x**2 - y**2) / (2.0 * T) - back / (4.0 * T * h)
                    x = np.where(log_uniform[:, n, None] < log_ratio, y, x)
        np.testing.assert_allclose(run.states, x, rtol=0, atol=1e-12)


class TestReproducible:
    @pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_same_bits_on_every_machine(self, scheme, dtype, noise) -> None:
        what = {"scheme": scheme, "dtype": dtype, "noise": noise, "substeps": 3}
        reference = sampled(**what, level="portable")
        machines = [{"threads": 2}, {"threads": 3, "block": 32}, {"block": 33}]
        machines += [{"level": level} for level in lib.levels()]
        for machine in machines:
            assert sampled(**what, **machine).states.tobytes() == reference.states.tobytes()

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_shards_and_parts_are_the_whole(self, scheme) -> None:
        what = {"scheme": scheme, "substeps": 2}
        whole = sampled(**what).states
        parts = [sampled(**what, walkers=slice(a, b)).states for a, b in itertools.pairwise((0, 7, 33, WALKERS))]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        resumed = sampled(**what, steps=9).resume(steps=11, threads=1, progress=False)
        np.testing.assert_array_equal(resumed.states, whole)


def apart(h: float, *, scheme: str = "euler-maruyama", coupled: bool = True, model=PRODUCT) -> float:
    """Root mean square difference of walkers between h and h/2, after 2 units of time from one start."""
    run = {"scheme": scheme, "dynamics": AMBIENT, "initial": 0.7, "walkers": 2000, "temperature": 0.2}
    coarse = sampled(model, step_size=h, steps=round(2.0 / h), substeps=2 if coupled else 1, **run)
    fine = sampled(model, step_size=h / 2.0, steps=round(4.0 / h), **run)
    return float(np.sqrt(np.mean((coarse.states - fine.states) ** 2)))


class TestPaths:
    @pytest.mark.parametrize("scheme", SCHEMES[:2])
    @pytest.mark.parametrize("model", [PRODUCT, lib.models.harmonic(dim=2)], ids=["product", "harmonic"])
    def test_at_two_steps_stay_together(self, model, scheme) -> None:
        independent = apart(0.01, scheme=scheme, model=model, coupled=False)
        assert apart(0.01, scheme=scheme, model=model) < 0.2 * independent

    @pytest.mark.parametrize("model", [PRODUCT, lib.models.harmonic(dim=2)], ids=["product", "harmonic"])
    def test_of_euler_maruyama_approach_each_other_like_h(self, model) -> None:
        """Additive noise makes it strongly of order 1."""
        distances = [apart(h, model=model) for h in (0.04, 0.02, 0.01)]
        ratios = np.divide(distances[:-1], distances[1:])
        assert ((ratios > 1.8) & (ratios < 2.3)).all()

    def test_of_leimkuhler_matthews_approach_each_other_like_the_root_of_h(self) -> None:
        """The latest normal has half its weight in the state, and at h it covers twice the time as at h/2."""
        distances = [apart(h, scheme="leimkuhler-matthews") for h in (0.04, 0.02, 0.01)]
        ratios = np.divide(distances[:-1], distances[1:])
        assert ((ratios > 1.3) & (ratios < 1.6)).all()

    def test_without_substeps_have_nothing_to_do_with_each_other(self) -> None:
        distances = [apart(h, coupled=False) for h in (0.04, 0.01)]
        assert 0.8 < distances[0] / distances[1] < 1.25

    def test_at_three_steps_are_one_path(self) -> None:
        """h, h/2 and h/4, with 4, 2 and 1 substeps: the means differ by little, and not by chance."""
        means = {}
        for substeps in (4, 2, 1):
            h = 0.01 * substeps
            observe = {"theta": lib.Moments()}
            run = {"dynamics": AMBIENT, "temperature": 0.2, "observe": observe, "initial": 0.7, "walkers": 500}
            means[substeps] = sampled(step_size=h, steps=round(20 / h), substeps=substeps, **run)["theta"].walker_means
        assert np.corrcoef(means[4], means[1])[0, 1] > 0.99
        assert np.std(means[4] - means[2]) < 0.15 * np.std(means[1])
        assert np.std(means[2] - means[1]) < 0.6 * np.std(means[4] - means[2])


class TestComparison:
    """V = x²/2 at h = 0.04: of Euler-Maruyama's 2 % of the variance, extrapolation leaves h²/8 = 0.02 %, unseen."""

    REPETITIONS, TEMPERATURE, STEP_SIZE = 150, 0.7, 0.04
    BURN_IN, TIME, LOOK = 12.0, 240.0, 0.2  # walkers relax in 1

    @classmethod
    @cache
    def runs(cls, halvings: int, coupled: bool) -> list[lib.HistogramResult]:
        h = cls.STEP_SIZE / 2**halvings
        return [
            sampled(
                lib.models.harmonic(),
                temperature=cls.TEMPERATURE,
                step_size=h,
                steps=round((cls.BURN_IN + cls.TIME) / h),
                burn_in=round(cls.BURN_IN / h),
                walkers=160,
                substeps=2 - halvings if coupled else 1,
                rng=[seed] if coupled else [seed, halvings],
                observe={"x": lib.Histogram(bins=100, range=(-3.0, 3.0), every=round(cls.LOOK / h))},
            )["x"]
            for seed in range(cls.REPETITIONS)
        ]

    @classmethod
    def compared(cls, *, coupled: bool = True, factor: float = 1.0) -> list[lib.Comparison]:
        scale = (factor * cls.TEMPERATURE) ** 0.5
        law = lib.Density.from_scipy(stats.norm(scale=scale), name="N(0, T)", reference="dx")
        pairs = zip(cls.runs(0, coupled), cls.runs(1, coupled), strict=True)
        return [lib.compare(run, law, finer=finer) for run, finer in pairs]

    @pytest.mark.long
    @pytest.mark.parametrize("coupled", [True, False])
    def test_pvalues_are_uniform(self, coupled) -> None:
        """Seeds are fixed; a false alarm has the probability 0.001."""
        results = self.compared(coupled=coupled)
        assert stats.kstest([result.pvalue for result in results], "uniform").pvalue > 0.001
        # Not for want of power: the cells are many.
        assert min(len(result.z) for result in results) >= 10

    def test_a_temperature_that_is_10_percent_off_is_rejected(self) -> None:
        assert np.mean([not result.consistent() for result in self.compared(factor=1.1)]) >= 0.95

    def test_coupled_runs_are_worth_more_draws(self) -> None:
        pairs = zip(self.compared(), self.compared(coupled=False), strict=True)
        gain = [coupled.effective_samples / apart.effective_samples for coupled, apart in pairs]
        assert np.median(gain) > 3.0
        assert min(gain) > 1.0

    def test_coupled_runs_show_the_bias_of_the_step(self) -> None:
        found = {coupled: [r.discretisation for r in self.compared(coupled=coupled)] for coupled in (True, False)}
        seen = {coupled: np.mean([d.pvalue_no_bias < 1e-3 for d in found[coupled]]) for coupled in found}
        assert seen[True] > 0.9
        assert seen[False] < 0.2
