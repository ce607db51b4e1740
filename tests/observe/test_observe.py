"""What is kept: requests are checked, results count exactly, merge exactly and carry honest errors."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.observe import (
    Histogram,
    HistogramResult,
    Moments,
    MomentsResult,
    Provenance,
    RegularAxis,
    Trace,
    TraceResult,
)

ORIGIN = Provenance("theta", "euler-maruyama", 0.01, 0.1, walkers=6, observations=5, key=(1, 2))
SPEC = Histogram(bins=4, range=(-1.0, 1.0))


def result(raw, spec: Histogram = SPEC, origin: Provenance = ORIGIN) -> HistogramResult:
    return HistogramResult(spec, origin, np.array(raw, dtype=np.int64))


# underflow, four bins, overflow, invalid
SMALL = [[1, 2, 3, 4, 5, 0, 0], [0, 5, 4, 3, 2, 1, 2], [2, 2, 2, 2, 2, 2, 0]]


class TestRequests:
    @pytest.mark.parametrize("bins", [0, -1, 1_000_001, 10.0, "10", True, None, float("nan")])
    def test_bins_that_make_no_sense_are_refused(self, bins) -> None:
        with pytest.raises(InvalidArgumentError, match="bins"):
            Histogram(bins=bins, range=(0.0, 1.0))

    @pytest.mark.parametrize(
        "interval",
        [
            (1.0, 1.0),
            (2.0, 1.0),
            (0.0, np.inf),
            (-np.inf, 0.0),
            (np.nan, 1.0),
            (0.0,),
            (0, 1, 2),
            "ab",
            3.0,
            (0, "1"),
            (0, 1j),
        ],
    )
    def test_ranges_that_make_no_sense_are_refused(self, interval) -> None:
        with pytest.raises(InvalidArgumentError, match="range"):
            Histogram(bins=10, range=interval)

    @pytest.mark.parametrize("interval", [(1.0, 1.0 + 1e-15), (-1.7e308, 1.7e308), (1e300, 1.0000000000000003e300)])
    def test_bins_that_floating_point_cannot_tell_apart_are_refused(self, interval) -> None:
        with pytest.raises(InvalidArgumentError, match="range"):
            Histogram(bins=100, range=interval)

    @pytest.mark.parametrize("request_type", [Moments, Trace, lambda every: Histogram(range=(0, 1), every=every)])
    @pytest.mark.parametrize("every", [0, -3, 1.5, "1", True, None])
    def test_strides_that_make_no_sense_are_refused(self, request_type, every) -> None:
        with pytest.raises(InvalidArgumentError, match="every"):
            request_type(every=every)

    @pytest.mark.parametrize("order", [0, 5, 2.0])
    def test_orders_outside_of_1_to_4_are_refused(self, order) -> None:
        with pytest.raises(InvalidArgumentError, match="order"):
            Moments(order=order)

    def test_numbers_of_numpy_become_plain_ones(self) -> None:
        spec = Histogram(bins=np.int32(7), range=(np.float32(0), np.int64(2)), every=np.uint8(3))
        assert spec == Histogram(bins=7, range=(0.0, 2.0), every=3)
        assert type(spec.bins) is int
        assert type(spec.range[0]) is float
        assert hash(spec) == hash(Histogram(bins=7, range=(0.0, 2.0), every=3))

    def test_a_list_is_a_range(self) -> None:
        assert Histogram(bins=2, range=[0, 1]).range == (0.0, 1.0)

    def test_requests_cannot_be_changed(self) -> None:
        with pytest.raises(FrozenInstanceError):
            SPEC.bins = 5

    def test_a_million_bins_are_allowed(self) -> None:
        assert Histogram(bins=1_000_000, range=(0, 1)).bins == 1_000_000


class TestHistogramResult:
    def test_everything_is_counted_once(self) -> None:
        histogram = result(SMALL)
        assert (histogram.underflow, histogram.overflow, histogram.invalid) == (3, 3, 2)
        assert histogram.total == 42
        np.testing.assert_array_equal(histogram.group_totals, [15, 15, 12])
        np.testing.assert_array_equal(histogram.group_counts, [[2, 3, 4, 5], [5, 4, 3, 2], [2, 2, 2, 2]])
        assert histogram.groups == 3

    def test_to_numpy_is_what_numpy_histogram_returns(self) -> None:
        x = np.random.default_rng(1).normal(size=1000)
        counts, edges = np.histogram(x, bins=4, range=(-1.0, 1.0))
        raw = [[np.sum(x < -1), *counts, np.sum(x >= 1), 0]]
        mine, my_edges = result(raw).to_numpy()
        np.testing.assert_array_equal(mine, counts)
        np.testing.assert_array_equal(my_edges, edges)
        assert mine.dtype == np.int64

    def test_density_is_normalised_by_all_observations(self) -> None:
        histogram = result(SMALL)
        in_range = np.sum(histogram.density() * np.diff(histogram.edges))
        assert in_range == pytest.approx(36 / 42, rel=1e-14)

    def test_variances_are_the_textbook_ones_for_equal_groups(self) -> None:
        raw = np.array([[0, 3, 7, 0, 0, 0, 0], [0, 6, 4, 0, 0, 0, 0], [0, 1, 9, 0, 0, 0, 0]])
        histogram = result(raw)
        expected = 3 * np.var(histogram.group_counts, axis=0, ddof=1)
        np.testing.assert_allclose(histogram.variances(), expected, rtol=1e-14)
        np.testing.assert_allclose(histogram.density_error(), np.sqrt(expected) / (30 * 0.5), rtol=1e-14)

    def test_variances_are_unbiased_for_unequal_groups(self) -> None:
        rng = np.random.default_rng(2)
        sizes = np.array([10, 40, 20, 80])
        p = np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.1])
        draws = [np.column_stack([rng.multinomial(sizes, p), np.zeros(4, int)]) for _ in range(4000)]
        mean = np.mean([result(raw).variances() for raw in draws], axis=0)
        np.testing.assert_allclose(mean, sizes.sum() * (p * (1 - p))[1:5], rtol=0.08)

    def test_variances_see_walkers_that_stand_still(self) -> None:
        # Each group repeats one draw 50 times: the variance is 50 times that of independent counts.
        rng = np.random.default_rng(3)
        draws = [
            50 * np.column_stack([rng.multinomial(1, [0, 0.5, 0.5, 0, 0, 0], 64), np.zeros(64, int)])
            for _ in range(400)
        ]
        mean = np.mean([result(raw).variances() for raw in draws], axis=0)
        np.testing.assert_allclose(mean[:2], 64 * 50**2 / 4, rtol=0.02)

    def test_one_group_has_no_variance(self) -> None:
        histogram = result(SMALL[:1])
        assert histogram.variances() is None
        assert np.isnan(histogram.density_error()).all()

    def test_an_empty_histogram_has_density_zero(self) -> None:
        assert not result(np.zeros((3, 7))).density().any()

    def test_it_speaks_the_plotting_protocol(self) -> None:
        histogram = result(SMALL)
        assert histogram.kind == "COUNT"
        (axis,) = histogram.axes
        assert len(axis) == 4
        assert axis[0] == (-1.0, -0.5)
        assert axis[-1] == (0.5, 1.0)
        assert list(axis) == list(itertools.pairwise(histogram.edges))
        assert axis == RegularAxis(4, (-1.0, 1.0), "theta")
        assert (axis.traits.circular, axis.traits.discrete) == (False, False)
        with pytest.raises(IndexError):
            axis[4]
        np.testing.assert_array_equal(histogram.values(), [9, 9, 9, 9])
        np.testing.assert_array_equal(histogram.counts(), histogram.values())
        assert histogram.values().dtype == np.float64

    @given(st.integers(1, 500), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
    def test_items_of_an_axis_are_its_edges_to_the_last_bit(self, bins, lo, width) -> None:
        axis = RegularAxis(bins, (lo, lo + width))
        assert [axis[i] for i in range(bins)] == list(itertools.pairwise(axis.edges.tolist()))

    def test_slots_inside_intervals(self) -> None:
        histogram = result(SMALL)
        np.testing.assert_array_equal(histogram.slots_inside([(-np.inf, -0.5), (0.25, 1.0)]), [1, 1, 0, 0, 1, 0])
        np.testing.assert_array_equal(histogram.slots_inside([(-np.inf, np.inf)]), np.ones(6))

    def test_slots_inside_forgive_rounding(self) -> None:
        histogram = result(np.zeros((2, 33)), Histogram(bins=30, range=(-0.3, 0.6)))
        assert histogram.slots_inside([(0.03 * 4 - 0.3, 0.03 * 17 - 0.3)]).sum() == 13

    def test_shards_merge_exactly(self) -> None:
        merged = result(SMALL) + result(SMALL[::-1])
        np.testing.assert_array_equal(merged.raw_counts, np.array(SMALL) + np.array(SMALL[::-1]))
        assert merged.provenance.walkers == 12
        assert merged.provenance.observations == 5

    @given(arrays(np.int64, (3, 2, 7), elements=st.integers(0, 2**40)))
    def test_the_order_of_merging_does_not_matter(self, raw) -> None:
        a, b, c = (result(part) for part in raw)
        assert (a + b) + c == a + (b + c) == (c + a) + b

    @pytest.mark.parametrize(
        "change",
        [
            {"observable": "u"},
            {"scheme": "x"},
            {"step_size": 0.02},
            {"temperature": 0.2},
            {"key": (1, 3)},
            {"observations": 4},
        ],
    )
    def test_shards_of_different_runs_do_not_merge(self, change) -> None:
        with pytest.raises(InvalidArgumentError, match=next(iter(change))):
            result(SMALL) + result(SMALL, origin=replace(ORIGIN, **change))

    def test_different_binnings_do_not_merge(self) -> None:
        with pytest.raises(InvalidArgumentError, match="bin both alike"):
            result(SMALL) + result(SMALL, Histogram(bins=4, range=(-1.0, 2.0)))
        with pytest.raises(InvalidArgumentError, match="groups"):
            result(SMALL) + result(SMALL[:2])

    def test_only_histograms_can_be_added(self) -> None:
        with pytest.raises(TypeError):
            result(SMALL) + 1

    @pytest.mark.parametrize(
        "raw",
        [
            np.zeros((3, 6), np.int64),
            np.zeros((3, 7), np.int32),
            np.zeros(7, np.int64),
            np.zeros((0, 7), np.int64),
            np.full((1, 7), -1),
        ],
    )
    def test_counts_of_a_wrong_layout_are_refused(self, raw) -> None:
        with pytest.raises(InvalidArgumentError, match="raw_counts"):
            HistogramResult(SPEC, ORIGIN, raw)

    def test_counts_are_read_only_and_compared_by_value(self) -> None:
        histogram = result(SMALL)
        with pytest.raises(ValueError, match="read-only"):
            histogram.raw_counts[0, 0] = 9
        assert histogram == result(SMALL)
        assert histogram != result(SMALL[::-1])
        assert histogram != SMALL
        assert pickle.loads(pickle.dumps(histogram)) == histogram

    def test_it_says_what_it_is(self) -> None:
        assert repr(result(SMALL)) == (
            "HistogramResult(theta: 42 observations of 6 walkers, 4 bins over [-1, 1), 3 groups; "
            "3 underflow, 3 overflow, 2 invalid)"
        )


class TestMomentsResult:
    values = np.random.default_rng(4).normal(1.0, 2.0, size=(6, 5))

    def filled(self, order: int = 4) -> MomentsResult:
        sums = np.stack([(self.values**k).sum(axis=1) for k in range(1, order + 1)], axis=1)
        return MomentsResult(Moments(order=order), ORIGIN, sums)

    def test_moments_are_those_of_the_values(self) -> None:
        moments = self.filled()
        assert moments.mean() == pytest.approx(self.values.mean(), rel=1e-13)
        assert moments.var() == pytest.approx(self.values.var(), rel=1e-12)
        for k in (1, 2, 3, 4):
            assert moments.moment(k) == pytest.approx((self.values**k).mean(), rel=1e-13)
        np.testing.assert_allclose(moments.walker_means, self.values.mean(axis=1), rtol=1e-13)

    def test_a_variance_far_from_zero_keeps_its_digits(self) -> None:
        values = np.random.default_rng(5).normal(1e8, 1.0, size=(6, 5))
        away = values - values[:, :1]
        kept = np.column_stack([*(np.sum(away**k, axis=1) for k in range(1, 5)), values[:, 0]])
        moments = MomentsResult(Moments(order=4), ORIGIN, kept)
        assert moments.mean() == pytest.approx(values.mean(), rel=1e-15)
        assert moments.var() == pytest.approx(values.var(), rel=1e-7)
        np.testing.assert_array_equal(moments.pivots, values[:, 0])
        for k in (1, 2, 3, 4):
            assert moments.moment(k) == pytest.approx((values**k).mean(), rel=1e-13)
        np.testing.assert_allclose(moments.sums[:, 1], (values**2).sum(axis=1), rtol=1e-14)
        # Negative control: sums of x and x² have lost all but two digits.
        about_zero = MomentsResult(Moments(), ORIGIN, np.stack([(values**k).sum(axis=1) for k in (1, 2)], axis=1))
        assert abs(about_zero.var() - values.var()) > 0.01

    @pytest.mark.parametrize("k", [1, 2])
    def test_errors_come_from_the_spread_between_walkers(self, k) -> None:
        means = (self.values**k).mean(axis=1)
        assert self.filled().standard_error(k) == pytest.approx(means.std(ddof=1) / np.sqrt(6), rel=1e-12)

    def test_moments_that_were_not_kept_are_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match="k = 3"):
            self.filled(order=2).moment(3)
        with pytest.raises(InvalidArgumentError, match="k = 2"):
            self.filled(order=1).var()

    def test_one_walker_has_no_error(self) -> None:
        moments = MomentsResult(Moments(order=1), replace(ORIGIN, walkers=1), np.ones((1, 1)))
        with pytest.raises(InvalidArgumentError, match="walkers"):
            moments.standard_error()
        assert "mean 0.2," in repr(moments)

    def test_sums_of_a_wrong_shape_and_empty_runs_are_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match="sums"):
            MomentsResult(Moments(), ORIGIN, np.zeros((5, 2)))
        with pytest.raises(InvalidArgumentError, match="observations"):
            MomentsResult(Moments(), replace(ORIGIN, observations=0), np.zeros((6, 2)))

    def test_results_are_compared_by_value(self) -> None:
        assert self.filled() == self.filled()
        assert self.filled() != self.filled(order=2)
        assert "mean" in repr(self.filled())


class TestTraceResult:
    values = np.arange(30.0).reshape(6, 5)

    def test_times_are_counted_from_the_end_of_burn_in(self) -> None:
        trace = TraceResult(Trace(every=10), ORIGIN, self.values)
        np.testing.assert_array_equal(trace.steps, [10, 20, 30, 40, 50])
        np.testing.assert_allclose(trace.times, [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-15)

    def test_it_is_an_array(self) -> None:
        trace = TraceResult(Trace(every=10), ORIGIN, self.values)
        np.testing.assert_array_equal(np.asarray(trace), self.values)
        assert np.shares_memory(np.asarray(trace), self.values)
        assert np.asarray(trace, dtype=np.float32).dtype == np.float32
        assert not np.shares_memory(np.array(trace), self.values)
        assert np.mean(trace) == 14.5

    def test_values_of_a_wrong_shape_or_dtype_are_refused(self) -> None:
        for values in (self.values.T, self.values.astype(int)):
            with pytest.raises(InvalidArgumentError, match="values"):
                TraceResult(Trace(every=10), ORIGIN, values)

    def test_results_are_compared_by_value_and_say_what_they_are(self) -> None:
        trace = TraceResult(Trace(every=10), ORIGIN, self.values)
        assert trace == TraceResult(Trace(every=10), ORIGIN, self.values.copy())
        assert trace != TraceResult(Trace(every=20), ORIGIN, self.values)
        assert repr(trace) == "TraceResult(theta: 6 walkers × 5 draws, every 10 steps)"
