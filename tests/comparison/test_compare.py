"""Comparing: verdicts, refusals, extrapolation in the step, and what is printed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from langevin_ib.comparison.compare import Comparison, compare
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.observe import Histogram, HistogramResult, Provenance
from numpy.typing import ArrayLike, NDArray
from scipy import stats

SPEC = Histogram(bins=80, range=(-4.0, 4.0))
WALKERS, OBSERVATIONS = 256, 100
INF = float("inf")


@dataclass(frozen=True)
class Law:
    """The least that a comparison asks of a law."""

    frozen: object
    given: tuple[tuple[float, float], ...] | None = None
    name: str = "test law"
    reference: str = "dx"

    def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
        return self.frozen.cdf(x)

    def support(self) -> tuple[float, float]:
        return self.frozen.support()


NORMAL = Law(stats.norm())


def count(x: NDArray[np.float64], *, spec: Histogram = SPEC, groups: int = 64, step_size: float = 0.1, **origin):
    """Fill a histogram with values of shape (walkers, observations)."""
    lo, hi = spec.range
    index = np.clip(np.floor((x - lo) * spec.bins / (hi - lo)), -1, spec.bins).astype(int) + 1
    raw = np.zeros((groups, spec.bins + 3), dtype=np.int64)
    np.add.at(raw, (np.repeat(np.arange(len(x)) % groups, x.shape[1]), index.ravel()), 1)
    settings_ = {"observable": "x", "scheme": "euler-maruyama", "temperature": 1.0, "key": (1, 2)} | origin
    return HistogramResult(
        spec, Provenance(step_size=step_size, walkers=len(x), observations=x.shape[1], **settings_), raw
    )


def draws(seed: int, law=NORMAL.frozen, walkers: int = WALKERS, observations: int = OBSERVATIONS):
    return law.rvs(size=(walkers, observations), random_state=np.random.default_rng(seed))


class TestVerdict:
    def test_the_right_law_is_consistent(self) -> None:
        result = compare(count(draws(1)), NORMAL)
        assert result.consistent()
        assert result.consistent(alpha=result.pvalue)
        assert not result.consistent(alpha=np.nextafter(result.pvalue, 1))

    @pytest.mark.parametrize("wrong", [stats.norm(0, 1.05), stats.norm(0.05), stats.t(10), stats.logistic(0, 0.55)])
    def test_wrong_laws_are_rejected(self, wrong) -> None:
        result = compare(count(draws(1)), Law(wrong))
        assert result.pvalue < 1e-6
        assert "REJECTED" in str(result)

    def test_the_numbers_are_what_they_say(self) -> None:
        x = draws(2)
        histogram = count(x)
        result = compare(histogram, NORMAL, bins=10)
        below = np.cumsum(histogram.raw_counts[:, :-1].sum(axis=0))[:-1] / x.size
        assert result.ks == pytest.approx(np.abs(below - stats.norm.cdf(histogram.edges)).max(), rel=1e-9)
        inside = [np.mean((x >= lo) & (x < hi)) for lo, hi in result.intervals]
        np.testing.assert_allclose(result.observed, inside, rtol=1e-12)
        np.testing.assert_allclose(result.expected, np.diff(stats.norm.cdf(result.intervals))[:, 0], rtol=1e-9)
        assert result.total_variation == pytest.approx(np.abs(result.observed - result.expected).sum() / 2, rel=1e-9)
        groups = [[np.mean((x[g::64] >= lo) & (x[g::64] < hi)) for g in range(64)] for lo, hi in result.intervals]
        z = (result.observed - result.expected) / (np.std(groups, axis=1, ddof=1) / 8)
        np.testing.assert_allclose(result.z, z, rtol=1e-9)
        assert result.dof == (len(result.z) - 1, 65 - len(result.z))
        assert result.samples == x.size
        assert result.groups == 64
        worst = int(np.argmax(np.abs(result.z)))
        assert result.worst == (*result.intervals[worst], result.z[worst])

    def test_effective_samples_of_independent_draws_are_all_of_them(self) -> None:
        ratios = [compare(count(draws(seed)), NORMAL).effective_samples / 25600 for seed in range(10)]
        assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)

    def test_effective_samples_of_walkers_that_stand_still_are_the_walkers(self) -> None:
        x = [np.repeat(draws(seed, observations=1), 100, axis=1) for seed in range(10)]
        effective = [compare(count(values), NORMAL).effective_samples for values in x]
        assert np.mean(effective) == pytest.approx(WALKERS, rel=0.15)

    def test_correlation_costs_significance(self) -> None:
        # The same 2.5 % shift that 25600 independent draws show is invisible to 256 draws repeated 100 times.
        shifted = Law(stats.norm(0.06))
        assert compare(count(draws(3)), shifted).pvalue < 1e-3
        assert compare(count(np.repeat(draws(3, observations=1), 100, axis=1)), shifted).pvalue > 1e-3

    def test_few_draws_are_given_few_cells(self) -> None:
        assert len(compare(count(draws(4, walkers=64, observations=1)), NORMAL).z) <= 4
        assert len(compare(count(draws(4)), NORMAL).z) == 21

    def test_groups_of_unequal_size_are_weighted(self) -> None:
        result = compare(count(draws(5, walkers=100)), NORMAL)
        assert result.consistent()
        assert result.observed.sum() == pytest.approx(1.0, abs=1e-12)

    def test_groups_without_observations_are_left_out(self) -> None:
        histogram = count(draws(6, walkers=40))
        assert compare(histogram, NORMAL).groups == 40


class TestDegenerateRuns:
    def test_values_that_the_law_forbids_are_rejected_with_certainty(self) -> None:
        exponential = Law(stats.expon())
        x = draws(7, stats.expon())
        assert compare(count(x), exponential).consistent()
        x[17, 3] = -0.05
        result = compare(count(x), exponential)
        assert result.pvalue == 0.0
        assert result.statistic == INF

    def test_values_beside_the_support_are_rejected_with_certainty(self) -> None:
        result = compare(count(draws(8)), Law(stats.uniform(10.0, 1.0)))
        assert result.pvalue == 0.0
        assert not result.consistent()

    @pytest.mark.parametrize("place", [0.0, 1.23, 3.9])
    def test_walkers_in_a_single_bin_are_rejected(self, place) -> None:
        result = compare(count(np.full((WALKERS, OBSERVATIONS), place)), NORMAL)
        assert result.pvalue < 1e-12
        assert np.all(np.isfinite(result.z))
        assert result.effective_samples == 64

    def test_a_few_walkers_in_a_single_cell_are_no_certainty(self) -> None:
        # Eight walkers that stand still on one side of the median: a chance of 2 in 256.
        result = compare(count(np.full((8, 5), 1.0), groups=8), NORMAL)
        assert 1 / 256 <= result.pvalue <= 4 / 256

    def test_an_unvisited_half_is_rejected(self) -> None:
        assert compare(count(np.abs(draws(9))), NORMAL).pvalue < 1e-12

    def test_a_law_far_out_of_range_is_rejected(self) -> None:
        assert compare(count(draws(10)), Law(stats.norm(50.0))).pvalue < 1e-12

    def test_bins_too_coarse_for_the_law_are_refused(self) -> None:
        coarse = Histogram(bins=2, range=(-80.0, 120.0))
        with pytest.raises(InvalidArgumentError, match="does not resolve"):
            compare(count(draws(11), spec=coarse), NORMAL)

    def test_everything_in_the_overflow_is_refused_if_the_law_agrees(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"law\.interval"):
            compare(count(draws(11) + 50.0), Law(stats.norm(50.0)))


@dataclass(frozen=True)
class Outside:
    """The standard normal law given |x| > 0.5."""

    given: tuple[tuple[float, float], ...] = ((-INF, -0.5), (0.5, INF))
    name: str = "normal law, |x| > 0.5"
    reference: str = "dx"
    scale: float = 1.0

    def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
        cdf = stats.norm(scale=self.scale).cdf
        return (cdf(np.minimum(x, -0.5)) + cdf(np.maximum(x, 0.5)) - cdf(0.5)) / (2 * cdf(-0.5))

    def support(self) -> tuple[float, float]:
        return -INF, INF


class TestConditionedLaws:
    def test_the_histogram_is_conditioned_too(self) -> None:
        x = draws(12)
        result = compare(count(x), Outside())
        assert result.consistent()
        assert result.samples == np.sum((x < -0.5) | (x >= 0.5))
        assert result.observed.sum() == pytest.approx(1.0, abs=1e-12)

    def test_what_happens_outside_of_the_condition_does_not_matter(self) -> None:
        x = draws(12)
        x[np.abs(x) < 0.4] = 0.01
        assert compare(count(x), Outside()).pvalue == compare(count(draws(12)), Outside()).pvalue

    def test_a_wrong_conditioned_law_is_rejected(self) -> None:
        assert compare(count(draws(12)), Outside(scale=1.1)).pvalue < 1e-6

    def test_bins_that_cross_the_condition_are_left_out(self) -> None:
        x = draws(12)
        result = compare(count(x, spec=Histogram(bins=27, range=(-4.0, 4.0))), Outside())
        edges = np.linspace(-4, 4, 28)
        assert result.samples == np.sum((x < edges[edges <= -0.5].max()) | (x >= edges[edges >= 0.5].min()))
        assert result.consistent()

    def test_a_condition_that_nobody_met_is_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match="conditioned"):
            compare(count(np.zeros((64, 3))), Outside())

    def test_a_condition_that_few_groups_met_is_refused(self) -> None:
        x = np.zeros((64, 50))
        x[:5] = draws(13, walkers=5, observations=50) + 3
        with pytest.raises(InvalidArgumentError, match="some 4 groups"):
            compare(count(x), Outside())

    def test_bins_that_miss_the_condition_are_refused(self) -> None:
        narrow = Outside(given=((0.51, 0.52),))
        with pytest.raises(InvalidArgumentError, match="finer bins"):
            compare(count(draws(14)), narrow)


def biased(seed: int, h: float, **kwargs):
    """A run whose law N(0, 1 / (1 - h/2)) is that of Euler-Maruyama at step h."""
    return count(draws(seed, stats.norm(0, (1 - h / 2) ** -0.5), observations=400), step_size=h, **kwargs)


class TestExtrapolation:
    coarse, finer = biased(20, 0.2), biased(21, 0.1)

    def test_the_bias_of_the_scheme_is_separated_from_the_law(self) -> None:
        assert compare(self.coarse, NORMAL).pvalue < 1e-6
        result = compare(self.coarse, NORMAL, finer=self.finer)
        assert result.consistent()
        assert result.samples == self.coarse.total + self.finer.total
        found = result.discretisation
        assert found.finer_step_size == 0.1
        assert found.pvalue_coarse < 1e-6
        assert found.pvalue_no_bias < 1e-3
        assert found.explained > 0.9
        assert found.bias == pytest.approx(found.deviation, rel=0.3)
        assert "explains" in str(result)

    def test_the_extrapolated_proportions_are_twice_the_fine_minus_the_coarse(self) -> None:
        result = compare(self.coarse, NORMAL, finer=self.finer)
        shares = []
        for lo, hi in result.intervals:
            slots = self.coarse.slots_inside([(lo, hi)])
            p_h, p_half = (run.raw_counts[:, :-1][:, slots].sum() / run.total for run in (self.coarse, self.finer))
            shares.append(2 * p_half - p_h)
        np.testing.assert_allclose(result.observed, shares, rtol=1e-10)

    def test_a_wrong_law_stays_rejected(self) -> None:
        result = compare(self.coarse, Law(stats.norm(0.1, 1.0)), finer=self.finer)
        assert result.pvalue < 1e-6
        assert "REJECTED extrapolated" in str(result)

    def test_a_deviation_that_the_step_does_not_cause_is_not_blamed_on_it(self) -> None:
        shifted = Law(stats.norm(0.5, 1.0))
        assert compare(self.coarse, shifted, finer=self.finer).discretisation.explained < 0.2

    def test_nothing_is_explained_where_nothing_deviates(self) -> None:
        exact = biased(22, 0.0), biased(23, 0.0)
        pair = (
            replace(run, provenance=replace(run.provenance, step_size=h))
            for run, h in zip(exact, (0.2, 0.1), strict=True)
        )
        coarse, finer = pair
        result = compare(coarse, NORMAL, finer=finer)
        assert result.consistent()
        assert result.discretisation.explained is None
        assert "no deviation at h to explain" in str(result)

    def test_it_says_so_when_extrapolation_only_lost_the_power_to_reject(self) -> None:
        first, second = (count(draws(seed), step_size=h) for seed, h in ((24, 0.2), (25, 0.1)))
        result = compare(first, Law(stats.norm(0.0, 1.04)), finer=second)
        assert result.consistent()
        assert result.discretisation.explained is None
        assert "sample longer" in str(result)
        assert "not resolved" in str(result)

    def test_walkers_may_differ_in_number_and_stride(self) -> None:
        finer = count(draws(26, stats.norm(0, 0.95**-0.5), walkers=100), spec=replace(SPEC, every=2), step_size=0.1)
        assert compare(self.coarse, NORMAL, finer=finer).consistent()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"step_size": 0.05}, "half"),
            ({"step_size": 0.2}, "half"),
            ({"temperature": 2.0}, "temperature"),
            ({"scheme": "other"}, "scheme"),
            ({"observable": "y"}, "observable"),
        ],
    )
    def test_runs_that_do_not_belong_together_are_refused(self, change, message) -> None:
        finer = replace(self.finer, provenance=replace(self.finer.provenance, **change))
        with pytest.raises(InvalidArgumentError, match=message):
            compare(self.coarse, NORMAL, finer=finer)

    def test_different_bins_or_groups_are_refused(self) -> None:
        for finer in (biased(21, 0.1, spec=Histogram(bins=40, range=(-4.0, 4.0))), biased(21, 0.1, groups=32)):
            with pytest.raises(InvalidArgumentError, match="alike"):
                compare(self.coarse, NORMAL, finer=finer)

    def test_schemes_without_a_known_order_are_refused(self) -> None:
        coarse, finer = biased(20, 0.2, scheme="metropolis"), biased(21, 0.1, scheme="metropolis")
        with pytest.raises(InvalidArgumentError, match="first order"):
            compare(coarse, NORMAL, finer=finer)


class TestRefusals:
    def test_fewer_than_eight_groups(self) -> None:
        with pytest.raises(InvalidArgumentError, match="walkers >= 8"):
            compare(count(draws(30, walkers=7), groups=7), NORMAL)
        compare(count(draws(30, walkers=8), groups=8), NORMAL)

    def test_an_empty_histogram(self) -> None:
        with pytest.raises(InvalidArgumentError, match="0 groups"):
            compare(count(np.zeros((64, 0))), NORMAL)

    def test_nan_observations(self) -> None:
        histogram = count(draws(31))
        raw = histogram.raw_counts.copy()
        raw[3, -1] = 7
        with pytest.raises(InvalidArgumentError, match="7 NaN"):
            compare(replace(histogram, raw_counts=raw), NORMAL)

    def test_what_is_no_histogram(self) -> None:
        with pytest.raises(InvalidArgumentError, match="filled histogram"):
            compare(draws(32), NORMAL)
        with pytest.raises(InvalidArgumentError, match="finer is a tuple"):
            compare(count(draws(32)), NORMAL, finer=(1, 2))

    def test_what_is_no_law(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"name, reference, given.*Density\.from_scipy"):
            compare(count(draws(33)), stats.norm())

    @pytest.mark.parametrize("bins", [1, 33, 2.0, True, "10"])
    def test_impossible_numbers_of_cells(self, bins) -> None:
        with pytest.raises(InvalidArgumentError, match="from 2 to 32"):
            compare(count(draws(34)), NORMAL, bins=bins)

    def test_a_law_whose_cdf_is_none(self) -> None:
        class Broken:
            def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
                return np.where(np.asarray(x) > 0, np.nan, 0.5)

            def support(self) -> tuple[float, float]:
                return -INF, INF

        with pytest.raises(InvalidArgumentError, match="valid cdf"):
            compare(count(draws(35)), Law(Broken()))


class TestReport:
    def test_it_prints_a_table_that_ends_in_a_verdict(self) -> None:
        lines = str(compare(count(draws(40)), NORMAL)).splitlines()
        assert lines[0] == "x by euler-maruyama, h = 0.1, T = 1"
        assert lines[1] == "against test law"
        assert lines[2].split() == ["reference", "measure", "dx"]
        assert lines[-1] == "verdict: CONSISTENT (p >= 0.001)"
        assert len({line.index(line[22:].lstrip()) for line in lines[2:5]}) == 1

    def test_it_says_when_the_bias_of_the_scheme_is_not_separated(self) -> None:
        assert "pass finer=" in str(compare(count(draws(41)), NORMAL))
        assert "finer" not in str(compare(count(draws(41), scheme="metropolis"), NORMAL))

    @pytest.mark.parametrize("finer", [None, TestExtrapolation.finer])
    def test_it_becomes_json_and_back(self, finer) -> None:
        result = compare(TestExtrapolation.coarse, NORMAL, finer=finer)
        plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert plain["pvalue"] == result.pvalue
        assert plain["z"] == result.z.tolist()
        assert plain["intervals"][0][0] is None
        assert plain["worst"]["z"] == result.worst.z
        assert plain["consistent"] is result.consistent()
        assert (plain["discretisation"] is None) == (finer is None)

    def test_it_is_brief_in_a_list(self) -> None:
        result = compare(count(draws(42)), NORMAL)
        assert isinstance(result, Comparison)
        said = f"x against 'test law': p = {result.pvalue:.3g}, KS = {result.ks:.3g}"
        assert repr(result) == f"Comparison(consistent: {said})"


class TestEndsOfTheSupport:
    """Observables in single precision miss an end of the support by a rounding error; nothing else may."""

    SPEC = Histogram(bins=60, range=(1.0, 2.5))
    STEEP = stats.beta(0.5, 3.0, loc=1.0, scale=2.0)  # infinite density at 1, as the radius has on u**2 - v**2 = 1

    def rounded(self, seed: int):
        x = draws(seed, self.STEEP, observations=2000)
        noise = np.random.default_rng(seed + 1).normal(size=x.shape)
        return np.float64(np.float32(x * (1.0 + 6e-8 * noise)))

    def test_values_a_rounding_error_below_are_not_impossible(self) -> None:
        x = self.rounded(1)
        assert 5 < (x < 1.0).sum() < 300
        # False alarms once in a thousand seeds; the seed is fixed.
        assert compare(count(x, spec=self.SPEC), Law(self.STEEP)).consistent()
        mirrored = Histogram(bins=60, range=(-2.5, -1.0))
        assert compare(count(-x, spec=mirrored), Law(stats.beta(3.0, 0.5, loc=-3.0, scale=2.0))).consistent()

    def test_more_than_rounding_explains_is_impossible(self) -> None:
        x = self.rounded(1)
        x[:, :50] = 0.9
        assert compare(count(x, spec=self.SPEC), Law(self.STEEP)).pvalue == 0.0

    def test_where_the_density_vanishes_rounding_explains_nothing(self) -> None:
        law = stats.gamma(6.0, loc=1.0, scale=0.2)
        x = draws(2, law)
        assert compare(count(x, spec=self.SPEC), Law(law)).consistent()
        x[7, 0] = 0.999
        assert compare(count(x, spec=self.SPEC), Law(law)).pvalue == 0.0

    def test_a_bin_below_the_support_is_impossible_as_ever(self) -> None:
        x = self.rounded(1)
        x[7, 0] = 0.95
        assert compare(count(x, spec=Histogram(bins=100, range=(0.0, 2.5))), Law(self.STEEP)).pvalue == 0.0
