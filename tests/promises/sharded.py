"""A run for executors, one that does what it is given at once, and how two runs are compared to the bit."""

from __future__ import annotations

import pickle
from concurrent.futures import Executor, Future

import langevin_ib as lib
import pytest

MODEL = lib.models.scalar_product()
OBSERVERS = (lib.Histogram(bins=37, range=(-1.0, 1.5), every=3), lib.Moments(every=2, order=3), lib.Trace(every=13))
FORKED = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def sampled(**changes) -> lib.Run:
    settings = {"temperature": 0.1, "step_size": 0.01, "steps": 230, "burn_in": 30, "walkers": 500, "rng": 5}
    return lib.sample(MODEL, **({"progress": False, "observe": {"theta": OBSERVERS}} | settings | changes))


def assert_same(run: lib.Run, reference: lib.Run) -> None:
    assert run.settings == reference.settings
    assert (run.steps, run.progressed.accepted) == (reference.steps, reference.progressed.accepted)
    pairs = zip((run.states, *run.progressed.kept), (reference.states, *reference.progressed.kept), strict=True)
    for ours, theirs in pairs:
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.tobytes() == theirs.tobytes()
    assert [run[name] for name in run] == [reference[name] for name in reference]


class Inline(Executor):
    """Does what it is given at once, and remembers it."""

    def __init__(self) -> None:
        self.tasks: list = []

    def submit(self, function, /, *arguments, **options) -> Future:
        self.tasks.append(arguments)
        future: Future = Future()
        try:
            # Through a pickle, as to another machine and back.
            future.set_result(pickle.loads(pickle.dumps(function))(*pickle.loads(pickle.dumps(arguments))))
        except BaseException as error:
            future.set_exception(pickle.loads(pickle.dumps(error)))
        return future
