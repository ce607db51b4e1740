"""What observing costs: the uv job with nothing, a histogram, moments or a trace kept."""

from __future__ import annotations

from typing import Any

import langevin_ib as lib
import pytest
from peers import Job, on_cores, ours

RANGE = (-1.0, 3.0)
OBSERVERS: dict[str, Any] = {
    "nothing": None,
    "histogram, 256 bins, every step": lib.Histogram(bins=256, range=RANGE),
    "histogram, 256 bins, every 10th": lib.Histogram(bins=256, range=RANGE, every=10),
    "moments, order 2, every step": lib.Moments(),
    "moments, order 4, every step": lib.Moments(order=4),
    "trace, every 10th": lib.Trace(every=10),
}


@pytest.mark.parametrize("name", OBSERVERS)
def test_observers(name: str, job: Job, benchmark: Any) -> None:
    benchmark.group = "observers, float64, one thread"
    spec = OBSERVERS[name]
    run = ours(observe=None if spec is None else {"theta": spec})(job)
    with on_cores(1):
        run(0)
        benchmark(run, 1)
    if benchmark.enabled:
        benchmark.extra_info["ns_per_walker_step"] = 1e9 * benchmark.stats.stats.median / job.walker_steps
