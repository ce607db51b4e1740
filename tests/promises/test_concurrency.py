"""Runs side by side, inside each other and after a fork: the same bits as alone, and no hang."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import langevin_ib as lib
import numpy as np
import pytest

MODEL = lib.models.scalar_product()


def sampled(rng: int = 1, threads: int = 2, **changes) -> np.ndarray:
    settings = {"temperature": 0.1, "step_size": 1e-3, "steps": 2000, "walkers": 500, "progress": False}
    return lib.sample(MODEL, rng=rng, threads=threads, **(settings | changes)).states


@pytest.mark.parametrize("threads", [1, 2])
def test_runs_in_parallel_threads_do_not_disturb_each_other(threads) -> None:
    alone = [sampled(rng, threads) for rng in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda rng: sampled(rng, threads), range(6)))
    for ours, theirs in zip(together, alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_threads_go_on_while_the_core_samples() -> None:
    """The GIL is released: a Python thread never stands still for anything like the length of a run."""
    ticks = [time.perf_counter()]
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(sampled, threads=1, steps=300_000)
        while not run.done():
            ticks.append(time.perf_counter())
    assert np.diff(ticks).max() < 0.5 * (ticks[-1] - ticks[0])


def test_a_run_inside_a_callback_of_a_run() -> None:
    inner = []
    outer = sampled(steps=20_000, progress=lambda made, steps: inner.append(sampled(7)))
    np.testing.assert_array_equal(outer, sampled(steps=20_000))
    assert inner
    assert all(np.array_equal(states, sampled(7)) for states in inner)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # that is the point
def test_a_forked_child_has_threads_of_its_own() -> None:
    reference = sampled()  # starts the parent's threads, which a child does not inherit
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=require, args=(reference,), daemon=True) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(timeout=30)
        exitcode = child.exitcode
        child.kill()  # one that hangs must not hang the tests
        assert exitcode == 0
    require(reference)


def require(reference: np.ndarray) -> None:
    np.testing.assert_array_equal(sampled(), reference)


def test_shards_in_spawned_processes_are_the_whole() -> None:
    whole = sampled(threads=1)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        shards = [pool.submit(lib.sample, MODEL, **shard(slice(a, a + 250))) for a in (0, 250)]
        runs = [child.result(timeout=60) for child in shards]
    np.testing.assert_array_equal(np.concatenate([run.states for run in runs]), whole)
    merged = runs[0]["theta"] + runs[1]["theta"]
    assert merged == lib.sample(MODEL, **shard(500))["theta"]


def shard(walkers: int | slice) -> dict:
    observe = {"theta": lib.Histogram(bins=20, range=(-1.0, 3.0), every=10)}
    settings = {"temperature": 0.1, "step_size": 1e-3, "steps": 2000, "rng": 1, "threads": 1, "progress": False}
    return settings | {"walkers": walkers, "observe": observe}
