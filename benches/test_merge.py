"""What merging costs as shards become many: time per shard stays level, and memory is that of the result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.sampling.loop.engine import Progressed
from langevin_ib.sampling.loop.settings import Settings
from langevin_ib.sampling.shards import Share, gather

WALKERS = 64
"""Of one shard."""


def settings(shards: int) -> Settings:
    """A run of so many shards."""
    observe = (("theta", lib.Histogram(bins=200, range=(-1.0, 3.0))), ("theta", lib.Moments(order=4)))
    plain = {"burn_in": 0, "key": 1, "scheme": "euler-maruyama", "dtype": "float64", "noise": "native"}
    return Settings(step_size=0.01, steps=1000, walkers=(0, shards * WALKERS), observe=observe, **plain)


def parts(shards: int, source: np.random.Generator) -> Iterator[Share]:
    """The shards' results, one after another, as an executor hands them over."""
    counts = source.integers(0, 10**6, size=(64, 203))
    states, sums = source.normal(size=(WALKERS, 2)), source.normal(size=(WALKERS, 5))
    for first in range(0, shards * WALKERS, WALKERS):
        yield (first, first + WALKERS), Progressed(states, (counts, sums), 1000)


@pytest.mark.parametrize("shards", [100, 1_000, 10_000])
def test_merge(shards: int, benchmark: Any) -> None:
    benchmark.group = f"merging shards of {WALKERS} walkers: a histogram of 200 bins, four moments"
    whole = settings(shards)
    before = Progressed.start(np.zeros((whole.count, 2)), whole)
    merged = benchmark(lambda: gather(before, whole, 1000, parts(shards, np.random.default_rng(1))))
    (_, one), *_ = parts(1, np.random.default_rng(1))
    np.testing.assert_array_equal(merged.kept[0], shards * one.kept[0])
    np.testing.assert_array_equal(merged.kept[1], np.tile(one.kept[1], (shards, 1)))
    benchmark.extra_info["microseconds per shard"] = (
        None if benchmark.disabled else 1e6 * benchmark.stats.stats.median / shards
    )
