"""The core itself: whatever request it gets, it answers with an ordinary error and neither panics nor hangs."""

from __future__ import annotations

import math

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib import _core
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.sampling.loop import engine
from langevin_ib.sampling.loop.engine import Progressed, advance
from langevin_ib.sampling.loop.settings import Machine

NAN, INF = math.nan, math.inf
MODEL = lib.models.harmonic()
STEPS = 10


def sampled(**changes) -> lib.Run:
    settings = {"temperature": 0.5, "step_size": 0.01, "steps": STEPS, "walkers": 4, "rng": 1, "threads": 1}
    return lib.sample(MODEL, progress=False, **(settings | changes))


def test_what_the_core_refuses_is_a_langevin_error() -> None:
    run = sampled()
    start = Progressed.start(run.states, run.settings)
    with pytest.raises(InvalidArgumentError, match="threads"):
        advance(run.process, run.settings, Machine(threads=10**6), before=start, steps=10, report=None)


@pytest.fixture(scope="module")
def core_request() -> dict:
    """The request of a valid run, as it crosses into the core."""
    crossed = []

    class Watched:
        DivergedError = _core.DivergedError

        @staticmethod
        def sample(request, *rest):
            crossed.append(request)
            return _core.sample(request, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_core", Watched)
        sampled(scheme="mala", observe={"x": lib.Trace(every=1)})
    return crossed[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"potential": "x"},
        {"potential": ("product", [], 0.1)},
        {"potential": ("product", [1.0, 2.0], 0.1)},
        {"potential": (0, 0, 0.1)},
        {"bound": ([([0], [1], 0.5, False)], False)},
        {"bound": ([], 1)},
        {"metric": [0.0]},
        {"metric": [1.0, 2.0, 2.0, 1.0]},
        {"scheme": "x"},
        {"noise": "x"},
        {"temperature": NAN},
        {"temperature": -1.0},
        {"step_size": 0.0},
        {"step_size": NAN},
        {"key": -1},
        {"key": 2**128},
        {"walkers": (4, 0)},
        {"walkers": (0, 5)},
        {"walkers": (2**40, 2**40 + 4)},
        {"walkers": (-1, 3)},
        {"steps": (10, 0)},
        {"steps": (0, 2**64)},
        {"observe": [("x1", 1, "trace", [])]},
        {"observe": [("y", 1, "trace", [])]},
        {"observe": [("x0", 0, "trace", [])]},
        {"observe": [("x0", 1, "trace", [1.0])]},
        {"observe": [("x0", 1, "moments", [NAN])]},
        {"observe": [("x0", 1, "moments", [1e9])]},
        {"observe": [("x0", 1, "histogram", [NAN, 0.0, 1.0])]},
        {"observe": [("x0", 1, "histogram", [1e9, 0.0, 1.0])]},
        {"observe": [("x0", 1, "histogram", [10.0, 1.0, 0.0])]},
        {"observe": [("x0", 1, "histogram", [10.0, -INF, 0.0])]},
        {"groups": 0},
        {"threads": 0},
        {"level": "x"},
        {"block": 0},
    ],
    ids=str,
)
def test_the_core_itself_neither_panics_nor_hangs(changes, core_request) -> None:
    """A panic would be a BaseException and not one of these."""
    with pytest.raises((ValueError, TypeError, OverflowError)):
        _core.sample(core_request | changes, np.zeros((4, 1)))


def test_the_request_that_they_change_is_a_good_one(core_request) -> None:
    assert _core.sample(core_request, np.zeros((4, 1)))[2] == STEPS


@pytest.mark.parametrize(
    "value", [np.zeros(4), np.zeros((3, 1)), np.zeros((4, 1), dtype=int), np.zeros((4, 2))[:, ::2], [[0.0]] * 4, None]
)
def test_the_core_refuses_states_that_are_no_matrix_of_floats(value, core_request) -> None:
    with pytest.raises((ValueError, TypeError)):
        _core.sample(core_request, value)
