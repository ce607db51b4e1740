"""A run against a run: verdicts, what is refused, counts that were made elsewhere, and what is printed."""

from __future__ import annotations

import json
from dataclasses import replace

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.comparison import RunComparison, compare
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.observe import Histogram, HistogramResult, Provenance
from numpy.typing import NDArray
from scipy import stats

SPEC = Histogram(bins=80, range=(-4.0, 4.0))


def count(seed: int, *, spread: float = 1.0, shape=(256, 100), groups: int = 64, spec: Histogram = SPEC, **origin):
    """A histogram of independent draws from N(0, spread²), shape (walkers, observations); the key is the seed."""
    return filled(
        spread * np.random.default_rng(seed).standard_normal(shape), groups=groups, spec=spec, seed=seed, **origin
    )


def filled(x: NDArray[np.float64], *, seed: int, groups: int = 64, spec: Histogram = SPEC, **origin):
    lo, hi = spec.range
    index = np.clip(np.floor((x - lo) * spec.bins / (hi - lo)), -1, spec.bins).astype(int) + 1
    raw = np.zeros((groups, spec.slots), dtype=np.int64)
    np.add.at(raw, (np.repeat(np.arange(len(x)) % groups, x.shape[1]), index.ravel()), 1)
    facts = {"observable": "x", "scheme": "mala", "step_size": 0.1, "temperature": 1.0, "key": (seed, 0)} | origin
    return HistogramResult(spec, Provenance(walkers=len(x), observations=x.shape[1], **facts), raw)


def biased(seed: int, h: float, **kwargs):
    """The stationary law of Euler-Maruyama for V = x²/2 at T = 1: N(0, 1 / (1 - h/2))."""
    return count(seed, spread=(1.0 - h / 2.0) ** -0.5, scheme="euler-maruyama", step_size=h, shape=(256, 400), **kwargs)


class TestVerdict:
    # False alarms once in a thousand seeds; seeds are fixed.
    def test_two_runs_of_one_law_are_consistent(self) -> None:
        result = compare(count(1), count(2))
        assert isinstance(result, RunComparison)
        assert result.consistent()

    @pytest.mark.parametrize("seed", [3, 4])
    def test_another_law_is_rejected(self, seed) -> None:
        result = compare(count(1, shape=(256, 400)), count(seed, spread=1.04, shape=(256, 400)))
        assert result.pvalue < 1e-6
        assert "REJECTED" in str(result)

    def test_the_numbers_are_what_they_say(self) -> None:
        one, other = count(1), count(2, shape=(128, 300))
        result = compare(one, other, bins=10)
        below = [np.cumsum(run.slot_counts.sum(axis=0)) / run.total for run in (one, other)]
        assert result.ks == pytest.approx(np.abs(below[0] - below[1]).max(), rel=1e-12)
        np.testing.assert_allclose(result.observed.sum(), 1.0, rtol=1e-12)
        np.testing.assert_allclose(result.expected, np.diff(stats.norm.cdf(result.intervals))[:, 0], atol=0.01)
        assert result.samples == one.total + other.total
        assert len(result.z) == 10
        # n1 n2 / (n1 + n2) draws would be as uncertain; a variance of 64 groups has a relative error of 1/6.
        assert result.effective_samples == pytest.approx(256 * 100 * 128 * 300 / (256 * 100 + 128 * 300), rel=0.3)

    def test_it_is_hotellings_test_of_the_paired_groups(self) -> None:
        one, other = count(1, shape=(64, 500)), count(2, shape=(64, 300))
        result = compare(one, other, bins=6)
        starts = np.searchsorted(np.append(-np.inf, one.edges), result.intervals[:, 0])
        shares = [np.add.reduceat(run.slot_counts, starts, axis=1) / run.group_totals[:, None] for run in (one, other)]
        d = (shares[0] - shares[1])[:, :-1]
        t2 = len(d) * d.mean(axis=0) @ np.linalg.solve(np.cov(d, rowvar=False), d.mean(axis=0))
        assert result.pvalue == pytest.approx(stats.f.sf(t2 * (64 - 5) / (5 * 63), 5, 64 - 5), rel=1e-9)

    def test_a_place_that_one_side_never_found_rejects_as_far_as_its_walkers_say(self) -> None:
        everywhere = count(1, shape=(64, 400))
        half = filled(-np.abs(np.random.default_rng(2).standard_normal((64, 400))), seed=2)
        assert compare(everywhere, half).pvalue < 1e-6
        # Sixteen walkers miss a fifth, the share of a cell, with a probability of 0.03.
        few = filled(-np.abs(np.random.default_rng(3).standard_normal((16, 400))), seed=3, groups=16)
        assert compare(everywhere, few).pvalue > 1e-3

    def test_groups_may_differ_in_number_and_size(self) -> None:
        for walkers, groups in ((100, 64), (24, 24), (500, 10)):
            other = count(5, shape=(walkers, 200), groups=groups)
            assert compare(count(1), other).consistent()
            assert compare(other, count(1)).groups == groups if groups < 64 else 64


class TestExtrapolation:
    coarse, finer, exact = biased(20, 0.2), biased(21, 0.1), count(22, shape=(256, 400))

    def test_of_either_side(self) -> None:
        assert compare(self.coarse, self.exact).pvalue < 1e-6
        result = compare(self.coarse, self.exact, finer=self.finer)
        assert result.consistent()
        assert result.discretisation.pvalue_coarse < 1e-6
        assert result.discretisation.explained > 0.8
        assert result.other_discretisation is None
        other = compare(self.exact, self.coarse, other_finer=self.finer)
        assert other.pvalue == pytest.approx(result.pvalue, rel=1e-9)
        assert other.discretisation is None
        assert other.other_discretisation.pvalue_coarse == pytest.approx(result.discretisation.pvalue_coarse, rel=1e-9)
        assert "extrapolated to h = 0" in str(other)
        assert "other run: extrapolated from" in str(other)

    def test_of_both(self) -> None:
        result = compare(self.coarse, biased(23, 0.1), finer=self.finer, other_finer=biased(24, 0.05))
        assert result.consistent()
        assert result.samples == 4 * 256 * 400
        np.testing.assert_allclose([result.observed.sum(), result.expected.sum()], 1.0, rtol=1e-12)

    def test_a_run_at_another_step_is_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"other_finer has step_size 0\.05"):
            compare(self.exact, self.coarse, other_finer=biased(24, 0.05))

    def test_a_law_has_no_step(self) -> None:
        law = lib.Density.from_scipy(stats.norm(), name="normal", reference="dx")
        with pytest.raises(InvalidArgumentError, match="other_finer= belongs to another run"):
            compare(self.coarse, law, other_finer=self.finer)


class TestRefusals:
    one = count(1)

    @pytest.mark.parametrize(
        ("origin", "message"),
        [
            ({"observable": "y"}, "differ in observable: 'x' and 'y'; observe the same"),
            ({"temperature": 1.1}, "differ in temperature: 1.0 and 1.1"),
            ({"described": "b"}, "different models"),
            ({"key": (1, 0)}, "same key.*another rng="),
            ({"stuck": 3}, "stuck"),
            ({"spec": Histogram(bins=40, range=(-4.0, 4.0))}, "bins, range.*bin both runs alike"),
            ({"spec": Histogram(bins=80, range=(-4.0, 4.5))}, "bins, range.*bin both runs alike"),
            ({"spec": Histogram(bins=80, range=(-4.0, 4.0), given=("y", 0, 1))}, "different conditions"),
            ({"groups": 7}, "7 groups"),
        ],
    )
    def test_runs_that_were_not_asked_the_same(self, origin, message) -> None:
        one = replace(self.one, provenance=replace(self.one.provenance, described="a"))
        with pytest.raises(InvalidArgumentError, match=message):
            compare(one, count(2, **origin))

    def test_a_finer_run_of_the_same_key_on_the_other_side(self) -> None:
        coarse, finer = biased(20, 0.2), biased(20, 0.1)
        assert compare(coarse, count(2), finer=finer).pvalue > 0  # of one side they may share it
        with pytest.raises(InvalidArgumentError, match="same key"):
            compare(coarse, biased(21, 0.4), finer=finer, other_finer=biased(20, 0.2))

    def test_one_run_twice(self) -> None:
        foreign = HistogramResult.from_counts(self.one.group_counts, self.one.edges, observable="x", temperature=1.0)
        with pytest.raises(InvalidArgumentError, match="one run twice"):
            compare(foreign, foreign)

    def test_what_the_bins_do_not_resolve(self) -> None:
        wide = Histogram(bins=4, range=(-1000.0, 1000.0 + 8))
        with pytest.raises(InvalidArgumentError, match="do not resolve"):
            compare(count(1, spec=wide, spread=1e-3), count(2, spec=wide, spread=1e-3))

    def test_a_run_or_a_number_in_place_of_a_histogram(self) -> None:
        for what in (3.0, object()):
            with pytest.raises(InvalidArgumentError, match="histogram of another run"):
                compare(self.one, what)


class TestOfModels:
    """The model behind a histogram is known by its formulas, whoever moves the walkers."""

    @staticmethod
    def run(model, dynamics, rng, **more):
        keep = {name: Histogram(bins=40, range=(-1.0, 2.5), every=5) for name in ("theta", "imbalance")}
        settings = {"step_size": 0.1, "scheme": "mala", "steps": 400, "burn_in": 100, "walkers": 256} | more
        return lib.sample(model, dynamics=dynamics, temperature=0.3, rng=rng, observe=keep, progress=False, **settings)

    def test_another_dynamics_of_the_same_model_is_welcome_and_another_loss_is_not(self) -> None:
        rigid = lib.Constrained(level=0.5, fixman=True)
        model = lib.models.scalar_product(target=1.0)
        one, other = self.run(model, rigid, 1), self.run(model, lib.Constrained(level=0.5), 2)
        assert compare(one["theta"], other["theta"]).dof[0] > 1
        changed = self.run(lib.models.scalar_product(target=1.1), rigid, 3)
        with pytest.raises(InvalidArgumentError, match="different models"):
            compare(one["theta"], changed["theta"])
        with pytest.raises(InvalidArgumentError, match="observable"):
            compare(one["theta"], other["imbalance"])

    def test_the_law_of_another_observable_is_refused(self) -> None:
        model, dynamics = lib.models.scalar_product(target=1.0), lib.Constrained(level=0.5, fixman=True)
        run = self.run(model, dynamics, 1)
        law = lib.density(model, "theta", dynamics=dynamics, temperature=0.3)
        assert law.observable == law.conditioned([(0.0, 1.0)]).observable == "theta"
        assert compare(run["theta"], law).consistent()
        with pytest.raises(InvalidArgumentError, match="law of 'theta', and the histogram is one of 'imbalance'"):
            compare(run["imbalance"], law)
        for rival in lib.rivals(model, "theta", dynamics=dynamics, temperature=0.3).values():
            with pytest.raises(InvalidArgumentError, match="'imbalance'"):
                compare(run["imbalance"], rival)


class TestForeignCounts:
    EDGES = np.linspace(-4.0, 4.0, 81)

    def test_are_compared_with_runs_and_laws(self) -> None:
        one = count(1)
        tails = {"underflow": one.raw_counts[:, 0], "overflow": one.raw_counts[:, -2]}
        foreign = HistogramResult.from_counts(one.group_counts, self.EDGES, observable="x", temperature=1.0, **tails)
        np.testing.assert_array_equal(foreign.raw_counts, one.raw_counts)
        assert foreign.provenance.walkers == 64
        assert compare(foreign, count(2)).pvalue == compare(one, count(2)).pvalue
        law = lib.Density.from_scipy(stats.norm(), name="normal", reference="dx")
        assert compare(foreign, law).pvalue == compare(one, law).pvalue
        assert str(compare(foreign, count(2))).splitlines()[0] == "x by foreign, T = 1"

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"counts": np.ones((64, 79), int)}, r"give \(groups, 80\)"),
            ({"counts": np.ones(80, int)}, r"give \(groups, 80\)"),
            ({"counts": np.full((64, 80), 0.5)}, "whole numbers"),
            ({"counts": np.full((64, 80), np.nan)}, "whole numbers"),
            ({"counts": -np.ones((64, 80), int)}, "whole numbers"),
            ({"counts": "many"}, "counts"),
            ({"edges": np.geomspace(1.0, 4.0, 81)}, "equal bins"),
            ({"edges": np.linspace(4.0, -4.0, 81)}, "equal bins"),
            ({"edges": np.full(81, np.inf)}, "finite edges"),
            ({"edges": 3.0}, "finite edges"),
            ({"underflow": [1, 2]}, "underflow has shape"),
            ({"overflow": -1}, "overflow"),
            ({"walkers": 8}, "walkers"),
            ({"observable": 3}, "observable"),
            ({"temperature": -1.0}, "temperature"),
            ({"step_size": np.nan}, "step_size"),
        ],
    )
    def test_that_do_not_fit_are_refused(self, change, message) -> None:
        given = {"counts": np.ones((64, 80), int), "edges": self.EDGES, "observable": "x", "temperature": 1.0} | change
        with pytest.raises(InvalidArgumentError, match=message):
            HistogramResult.from_counts(given.pop("counts"), given.pop("edges"), **given)

    def test_arrays_stay_the_users(self) -> None:
        counts = np.asfortranarray(np.ones((64, 160), np.uint8))[:, ::2]
        foreign = HistogramResult.from_counts(counts, self.EDGES, observable="x", temperature=1.0)
        counts[:] = 7
        assert foreign.total == 64 * 80


class TestReport:
    def test_it_prints_a_table_that_ends_in_a_verdict(self) -> None:
        lines = str(compare(biased(20, 0.1), count(2))).splitlines()
        assert lines[0] == "x by euler-maruyama, h = 0.1, T = 1"
        assert lines[1] == "against another run, by mala, h = 0.1"
        assert "pass finer=" in "\n".join(lines)
        assert "pass other_finer=" in str(compare(count(2), biased(20, 0.1)))
        assert lines[-1].startswith("verdict: ")

    def test_it_becomes_json_and_is_brief_in_a_list(self) -> None:
        coarse, finer = biased(20, 0.2), biased(21, 0.1)
        result = compare(count(2), coarse, other_finer=finer)
        plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert plain["other_discretisation"]["finer_step_size"] == 0.1
        assert plain["discretisation"] is None
        assert repr(result).startswith(
            "Comparison(consistent: x against 'another run, by euler-maruyama, h = 0.2': p = "
        )

    def test_its_residuals_are_drawn(self) -> None:
        ax = lib.plot.residuals(compare(count(1), count(2)))
        assert "against another run" in ax.get_title()
