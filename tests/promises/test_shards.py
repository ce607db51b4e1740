"""Reproducible: a run made by the workers of any executor, in any number of shards, has the bits of one made here.

Run as a script, this file presses Ctrl-C on a run that is made by a process pool.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import random
import threading
import tracemalloc
import warnings
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import langevin_ib as lib
import numpy as np
import pytest
import sharded
from children import answers_of, hear_ctrl_c, press_ctrl_c
from langevin_ib.errors import DivergenceError, InvalidArgumentError, InvarianceError
from langevin_ib.sampling import segments
from langevin_ib.sampling.loop.engine import Progressed
from langevin_ib.sampling.shards import Shards, cut, gather
from sharded import FORKED, OBSERVERS, Inline, assert_same, sampled


@pytest.mark.parametrize("scheme", ["euler-maruyama", "leimkuhler-matthews", "mala"])
@pytest.mark.parametrize(("dtype", "noise"), [("float64", "native"), ("float64", "single"), ("float32", "native")])
def test_any_number_of_shards_is_the_whole(scheme, dtype, noise) -> None:
    what = {"scheme": scheme, "dtype": dtype, "noise": noise}
    whole = sampled(**what)
    for shards in (1, 2, 3, 5, 16, 1000, None):
        assert_same(sampled(**what, executor=Inline(), shards=shards), whole)


def test_in_any_number_of_segments(monkeypatch) -> None:
    whole = sampled(scheme="mala")
    for length in (1, 7, 29, 100, 229):
        monkeypatch.setattr(segments, "FIRST", 500 * length)
        monkeypatch.setattr(segments.Pace, "learn", lambda *_: None)  # so that no segment is longer than the first
        executor = Inline()
        assert_same(sampled(scheme="mala", executor=executor, shards=3), whole)
        assert len(executor.tasks) >= 3 * (230 // length)


class Misaligned(Inline):
    """Hands arrays over as a network does that puts them into the middle of a message."""

    def submit(self, function, /, *arguments, **options) -> Future:
        (task,) = arguments
        sums = tuple(self.shifted(array) for array in task.sums)
        return super().submit(function, replace(task, states=self.shifted(task.states), sums=sums))

    def shifted(self, array: np.ndarray) -> np.ndarray:
        moved = np.frombuffer(b"\0" + array.tobytes(), dtype=np.uint8)[1:].view(array.dtype).reshape(array.shape)
        assert not moved.flags.aligned
        return moved


def test_wherever_in_a_message_arrays_lie(monkeypatch) -> None:
    monkeypatch.setattr(pickle, "loads", lambda value: value)
    monkeypatch.setattr(pickle, "dumps", lambda value: value)
    assert_same(sampled(executor=Misaligned(), shards=3), sampled())


def test_shards_of_a_part_of_a_run() -> None:
    what = {"walkers": slice(41, 333), "initial": np.linspace(-1, 1, 2 * 292).reshape(292, 2), "substeps": 2}
    assert_same(sampled(**what, executor=Inline(), shards=4), sampled(**what))


def test_resume_has_workers_too(tmp_path) -> None:
    sampled(steps=100).save(tmp_path / "run.npz")
    run = lib.load(tmp_path / "run.npz").resume(130, executor=Inline(), shards=7, progress=False)
    assert_same(run, sampled())


class TestPools:
    def test_threads(self) -> None:
        with ThreadPoolExecutor(3) as pool:
            assert_same(sampled(executor=pool), sampled())
            assert_same(sampled(executor=pool, shards=16, threads=2), sampled())

    @FORKED
    @pytest.mark.parametrize("start", ["fork", "spawn"])
    def test_processes(self, tmp_path, start) -> None:
        if start not in multiprocessing.get_all_start_methods():
            pytest.skip(f"NOT TESTED: this system cannot {start} processes")
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start)) as pool:
            assert_same(sampled(executor=pool, shards=5), sampled())
            path = tmp_path / "run.npz"
            assert_same(sampled(executor=pool, checkpoint=path, checkpoint_every=64), sampled())
            assert_same(lib.load(path), sampled())
            assert lib.load(f"{path}.previous").steps == 192
            with pytest.raises(DivergenceError, match="walker"):
                lib.sample(lib.models.harmonic(), **RUNAWAY, executor=pool)


RUNAWAY = {"temperature": 0.1, "step_size": 2.5, "steps": 5000, "walkers": 640, "rng": 1, "progress": False}


class TestDivergence:
    """V = x²/2 at h = 2.5 multiplies every x by -1.5: all walkers run away, after hundreds of steps."""

    @pytest.mark.parametrize("initial", [None, np.where(np.arange(640) % 130 == 99, 1e80, 0.0)[:, None]])
    def test_the_first_of_all_shards_is_told(self, initial) -> None:
        with pytest.raises(DivergenceError) as whole:
            lib.sample(lib.models.harmonic(), **RUNAWAY, initial=initial)
        for shards in (1, 2, 5, 20):
            with pytest.raises(DivergenceError) as cut_up:
                lib.sample(lib.models.harmonic(), **RUNAWAY, initial=initial, executor=Inline(), shards=shards)
            assert (cut_up.value.step, cut_up.value.walker) == (whole.value.step, whole.value.walker)
            assert str(cut_up.value) == str(whole.value)

    def test_errors_travel(self) -> None:
        for error in (DivergenceError("m", walker=3, step=4), InvarianceError("m", generator="g", residual="r")):
            error.add_note("a note")
            back = pickle.loads(pickle.dumps(error))
            assert type(back) is type(error)
            assert str(back) == "m"
            assert vars(back) == vars(error)


class Pressed(Inline):
    """Somebody presses Ctrl-C while the nth shard is made."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def submit(self, function, /, *arguments, **options) -> Future:
        if len(self.tasks) == self.number:
            raise KeyboardInterrupt
        return super().submit(function, *arguments, **options)


class TestInterrupted:
    def test_the_last_complete_segment_is_handed_back(self, tmp_path) -> None:
        path = tmp_path / "run.npz"
        with pytest.warns(lib.SamplingInterrupted, match="interrupted after 128 of 230 steps"):
            run = sampled(executor=Pressed(11), shards=5, checkpoint=path, checkpoint_every=64)
        assert run.interrupted
        assert_same(run, replace(sampled(steps=128), settings=run.settings))
        assert_same(lib.load(path), run)
        assert_same(run.resume(progress=False), sampled())

    def test_an_exception_in_the_callback_comes_through(self, tmp_path) -> None:
        def fail(made: int, steps: int) -> None:
            if made == 128:
                raise ZeroDivisionError

        path = tmp_path / "run.npz"
        with pytest.raises(ZeroDivisionError):
            sampled(executor=Inline(), checkpoint=path, checkpoint_every=64, progress=fail)
        assert lib.load(path).steps == 128

    def test_progress_is_told_after_every_segment(self, tmp_path) -> None:
        told: list = []
        what = {"executor": Inline(), "checkpoint": tmp_path / "a", "checkpoint_every": 100}
        sampled(**what, progress=lambda *where: told.append(where))
        assert told == [(100, 230), (200, 230), (230, 230)]

    @pytest.mark.skipif(os.name != "posix", reason="NOT TESTED: sends SIGINT")
    def test_ctrl_c_reaches_a_run_made_by_processes(self) -> None:
        found = answers_of(__file__, timeout=120)
        assert found["interrupted"]
        assert 0 < found["steps"] < found["of"]
        assert found["same"]
        assert found["warnings"] == [["SamplingInterrupted", Path(sharded.__file__).name]]


class TestCut:
    def test_shards_are_everybody_once_and_begin_at_packs(self) -> None:
        source = random.Random(5)
        for _ in range(300):
            first = source.choice([0, 1, 31, 32, source.randrange(2**40 - 2**20)])
            last = first + source.randrange(1, 5000)
            shards = cut((first, last), source.randrange(1, 200))
            assert shards[0][0] == first
            assert shards[-1][1] == last
            assert all(a < b for a, b in shards)
            assert all(b == c and b % 32 == 0 for (_, b), (c, _) in pairwise(shards))

    def test_shards_are_about_equal(self) -> None:
        sizes = [b - a for a, b in cut((0, 100_000), 7)]
        assert len(sizes) == 7
        assert max(sizes) - min(sizes) <= 64

    def test_there_are_a_few_per_worker(self) -> None:
        for executor, count in ((ThreadPoolExecutor(3), 12), (ProcessPoolExecutor(2), 8)):
            with executor:
                assert Shards(executor)._number(10**6) == count
                assert Shards(executor)._number(130) == 2
                assert Shards(executor, 5)._number(10**6) == 5


def test_merging_ten_thousand_shards_takes_the_memory_of_the_result() -> None:
    run = sampled(
        walkers=32 * 10_000,
        steps=31,
        observe={"theta": (lib.Histogram(range=(0, 1)), lib.Moments(), lib.Trace(every=1))},
    )
    settings, before = run.settings, Progressed.start(np.zeros_like(run.states), run.settings)

    def parts():
        for first in range(0, 320_000, 32):
            kept = tuple(whole[first : first + 32] for whole in run.progressed.kept[1:])
            counts = np.ones_like(run.progressed.kept[0])
            yield (first, first + 32), Progressed(run.states[first : first + 32], (counts, *kept), 31)

    tracemalloc.start()
    merged = gather(before, settings, 31, parts())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (merged.kept[0] == 10_000).all()
    for ours, theirs in zip((merged.states, *merged.kept[1:]), (run.states, *run.progressed.kept[1:]), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    result = sum(array.nbytes for array in (merged.states, *merged.kept))
    assert peak < 1.1 * result + 10**6


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"executor": 3}, "executor=3 is no concurrent.futures.Executor"),
        ({"executor": ThreadPoolExecutor}, "is no concurrent.futures.Executor"),
        ({"shards": 3}, "shards=3 has no effect without executor="),
        ({"executor": Inline(), "shards": 0}, "shards must lie between 1 and"),
        ({"executor": Inline(), "shards": 1.5}, "shards must be an integer"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(arguments, complaint) -> None:
    with pytest.raises(InvalidArgumentError, match=complaint):
        sampled(**arguments)


def test_an_executor_that_was_shut_down_is_refused() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(InvalidArgumentError, match=r"takes no work: .*shutdown.*; open another"):
        sampled(executor=pool)


class TestDask:
    def test_a_local_cluster(self, dask_client) -> None:
        executor = dask_client.get_executor(pure=False)
        assert Shards(executor).workers() == 2
        assert_same(sampled(executor=executor), sampled())
        with pytest.raises(DivergenceError) as far:
            lib.sample(lib.models.harmonic(), **RUNAWAY, executor=executor)
        with pytest.raises(DivergenceError) as here:
            lib.sample(lib.models.harmonic(), **RUNAWAY)
        assert str(far.value) == str(here.value)


def interrupted_report() -> dict:
    """Press Ctrl-C while workers make a segment."""
    segments.FIRST, segments.SECONDS = 500 * 1000, 0.02
    endless, told = 10**9, []

    def press_later(made: int, steps: int) -> None:
        told.append(made)
        if len(told) == 2:
            threading.Timer(0.1, press_ctrl_c).start()

    with ProcessPoolExecutor(2) as executor, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = sampled(steps=endless, executor=executor, observe={"theta": OBSERVERS[:2]}, progress=press_later)
    once = sampled(steps=run.steps, observe={"theta": OBSERVERS[:2]})
    return {
        "interrupted": run.interrupted,
        "steps": run.steps,
        "of": endless,
        "same": run.states.tobytes() == once.states.tobytes(),
        "warnings": [[warning.category.__name__, Path(warning.filename).name] for warning in caught],
    }


if __name__ == "__main__":
    hear_ctrl_c()
    print(json.dumps(interrupted_report()))
