"""Cells: whole bins are merged to about equal probability under the law, and nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langevin_ib.comparison.cells import Slots, merge, split
from langevin_ib.observe import Histogram, HistogramResult, Provenance
from numpy.typing import ArrayLike, NDArray
from scipy import stats

INF = float("inf")


@dataclass(frozen=True)
class Normal:
    """A normal law of unit variance, with the names that cells ask for."""

    mean: float = 0.0
    given: tuple[tuple[float, float], ...] | None = None
    name: str = "normal law"
    reference: str = "dx"

    def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
        return stats.norm.cdf(x, self.mean)

    def support(self) -> tuple[float, float]:
        return -INF, INF


@dataclass(frozen=True)
class Chi:
    """The law of the length of a normal vector of five, of this scale: nothing is below 0."""

    scale: float
    given: None = None
    name: str = "chi law"
    reference: str = "dx"

    def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
        return stats.chi.cdf(x, 5, scale=self.scale)

    def support(self) -> tuple[float, float]:
        return 0.0, INF


def empty(bins: int) -> HistogramResult:
    origin = Provenance("x", "euler-maruyama", 0.1, 1.0, 8, 0, (1, 2))
    return HistogramResult(Histogram(bins=bins, range=(-4.0, 4.0)), origin, np.zeros((8, bins + 3), dtype=np.int64))


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=60).filter(lambda p: sum(p) > 0.1),
    st.integers(2, 30),
)
@settings(max_examples=300, deadline=None)
def test_cells_are_a_partition_into_whole_slots(masses, wanted) -> None:
    probability = np.array(masses) / sum(masses)
    ends = np.arange(len(masses) + 1.0)
    slots = Slots(
        np.ones(len(masses), bool), probability, ends[:-1], ends[1:], np.zeros(len(masses), bool), 0.0 * probability
    )
    cells = merge(slots, wanted)
    assert 1 <= len(cells) <= wanted
    assert cells.starts[0] == 0
    assert np.all(np.diff(cells.starts) > 0)
    np.testing.assert_array_equal(cells.intervals[1:, 0], cells.intervals[:-1, 1])
    assert cells.intervals[0, 0] == 0
    assert cells.intervals[-1, 1] == len(masses)
    assert cells.expected.sum() == pytest.approx(1.0, abs=1e-12)
    assert len(cells) == 1 or cells.expected.min() >= 0.5 / wanted
    counts = np.arange(2 * len(masses)).reshape(2, -1)
    np.testing.assert_array_equal(cells.gather(counts).sum(axis=1), counts.sum(axis=1))


def test_fine_bins_give_cells_of_equal_probability() -> None:
    cells = merge(Slots.of(empty(4000), Normal()), 20)
    np.testing.assert_allclose(cells.expected, 1 / 20, atol=2e-3)
    assert cells.intervals[0, 0] == -INF
    assert cells.intervals[-1, 1] == INF


def test_probabilities_are_those_of_the_law_in_underflow_bins_and_overflow() -> None:
    slots = Slots.of(empty(8), Normal())
    np.testing.assert_allclose(slots.probability, np.diff(stats.norm.cdf([-INF, *range(-4, 5), INF])), rtol=1e-9)
    assert not slots.impossible.any()


def test_a_condition_keeps_whole_bins_and_renormalises() -> None:
    slots = Slots.of(empty(8), Normal(given=((-INF, -1.5), (1.0, 3.0))))
    np.testing.assert_array_equal(slots.lower, [-INF, -4, -3, 1, 2])
    np.testing.assert_array_equal(slots.upper, [-4, -3, -2, 2, 3])
    kept = stats.norm.cdf(slots.upper) - stats.norm.cdf(slots.lower)
    np.testing.assert_allclose(slots.probability, kept / kept.sum(), rtol=1e-9)


def test_an_unresolved_law_is_cut_beside_its_bin() -> None:
    slots = Slots.of(empty(80), Normal(20.0))
    assert len(merge(slots, 20)) == 1
    cells = split(slots)
    np.testing.assert_array_equal(cells.intervals, [[-INF, 4.0], [4.0, INF]])
    assert np.all(cells.expected > 0)


def test_no_sum_of_probabilities_makes_nothing_impossible() -> None:
    scales = np.linspace(0.2, 2.0, 200)
    laws = [Slots.of(empty(160), Chi(float(scale))) for scale in scales]
    below = np.diff(stats.chi.cdf([*np.linspace(-4.0, 4.0, 161), INF], 5, scale=scales[:, None]), axis=1)
    assert (below.sum(axis=1) < 1.0).any(), "or this test sees nothing"
    for slots in laws:
        assert slots.impossible.sum() == 81
        assert (slots.rounded >= 0.0).all()
        assert not slots.refute(np.zeros((8, slots.impossible.size), dtype=np.int64))
