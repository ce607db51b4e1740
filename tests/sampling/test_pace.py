"""How long the segments of a run through an executor become, where steps and gathering take what is said."""

from __future__ import annotations

import numpy as np
import pytest
from langevin_ib.sampling.segments import FIRST, SECONDS, WORTH, Pace

WALKERS = 1000


def lengths(step: float, gathering: float, *, opening: float = 0.0, spread: float = 0.0, segments: int = 30):
    """Return the seconds of each segment, and how many steps it makes."""
    pace, rng = Pace(WALKERS), np.random.default_rng(1)
    found = []
    for number in range(segments):
        made = pace.steps
        seconds = (gathering + made * step) * float(np.exp(spread * rng.normal())) + (opening if number == 0 else 0.0)
        pace.learn(made, seconds)
        found.append((seconds, made))
    return np.array(found).T


@pytest.mark.parametrize("step", [1e-9, 1e-6, 1e-4, 1e-2, 1.0])
def test_without_overhead_a_segment_takes_five_seconds(step) -> None:
    seconds, made = lengths(step, 0.0)
    assert made[0] == FIRST // WALKERS
    assert (np.abs(seconds[-5:] - SECONDS) <= max(0.01 * SECONDS, step)).all()


@pytest.mark.parametrize("gathering", [1e-3, 0.1, 1.0, 4.9, 5.0, 30.0, 300.0])
@pytest.mark.parametrize("step", [1e-6, 1e-4])
@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_gathering_takes_a_tenth_of_the_time_at_most(gathering, step, spread) -> None:
    seconds, made = lengths(step, gathering, spread=spread)
    useful = made[-10:] * step / seconds[-10:]
    assert np.median(useful) > 1 - 1.5 / WORTH
    # And no segment is longer than that makes necessary.
    assert np.median(seconds[-10:]) < 1.5 * max(SECONDS, WORTH * gathering)


def test_opening_processes_is_no_reason_for_long_segments() -> None:
    seconds, _ = lengths(1e-6, 1e-3, opening=3.0)
    assert seconds[-1] == pytest.approx(SECONDS, rel=0.02)


def test_a_machine_that_becomes_slow_is_noticed() -> None:
    pace = Pace(WALKERS)
    for _ in range(10):
        pace.learn(pace.steps, pace.steps * 1e-6)
    fast = pace.steps
    for _ in range(5):
        pace.learn(pace.steps, pace.steps * 1e-5)
    assert pace.steps < fast / 5
