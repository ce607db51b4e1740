"""What one call of `sample` costs apart from its steps: a run so small that nothing else is left."""

from __future__ import annotations

from typing import Any

import langevin_ib as lib
import pytest
from peers import Job, ours


@pytest.mark.parametrize("observed", [False, True], ids=["nothing", "histogram"])
@pytest.mark.parametrize("threads", [1, 2])
def test_overhead(observed: bool, threads: int, benchmark: Any) -> None:
    benchmark.group = "one call, 16 walkers, 1 step"
    observe = {"theta": lib.Histogram(bins=50, range=(-1.0, 3.0))} if observed else None
    run = ours(threads=threads, observe=observe)(Job(walkers=16, steps=1))
    run(0)
    assert benchmark(run, 1).shape == (16, 2)
