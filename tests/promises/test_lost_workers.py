"""Surviving: workers die, others make what is missing, and no bit of the run depends on it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor

import langevin_ib as lib
import pytest
from langevin_ib.sampling.shards import Shards, cut
from sharded import FORKED, OBSERVERS, Inline, assert_same, sampled


@pytest.mark.skipif(os.name != "posix", reason="NOT TESTED: sends SIGKILL")
class TestPools:
    @FORKED
    def test_a_lost_worker_is_replaced(self, tmp_path) -> None:
        children = {child.pid for child in multiprocessing.active_children()}
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:

            def kill(made: int, steps: int) -> None:
                if made == 128:
                    os.kill(next(iter(pool._processes)), signal.SIGKILL)
                    while not pool._broken:  # by then the other worker may have made the rest
                        time.sleep(0.01)

            with pytest.warns(
                RuntimeWarning, match="a worker of the pool was lost: of the . shards of the steps from 128"
            ):
                run = sampled(executor=pool, progress=kill, checkpoint=tmp_path / "run.npz", checkpoint_every=64)
        assert_same(run, sampled())
        assert {child.pid for child in multiprocessing.active_children()} <= children

    @FORKED
    def test_workers_that_are_lost_again_and_again_leave_the_last_checkpoint(self, tmp_path) -> None:
        path = tmp_path / "run.npz"
        sampled(steps=100, checkpoint=path)
        with (
            ProcessPoolExecutor(
                2, mp_context=multiprocessing.get_context("fork"), initializer=os._exit, initargs=(1,)
            ) as pool,
            pytest.warns(RuntimeWarning, match="lost"),
            pytest.raises(BrokenExecutor) as caught,
        ):
            sampled(executor=pool, checkpoint=path, checkpoint_every=64)
        assert "repeat the call" in caught.value.__notes__[0]
        assert lib.load(path).steps >= 100
        assert_same(sampled(checkpoint=path, executor=Inline()), sampled())


class Breaking(Inline):
    """A pool that breaks at the nth shard it is given: nothing comes of that one, nor of what is given to it later."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    def submit(self, function, /, *arguments, **options) -> Future:
        if len(self.tasks) < self.last:
            return super().submit(function, *arguments, **options)
        future: Future = Future()
        future.set_exception(BrokenExecutor("a worker died"))
        return future


class Farm(Shards):
    """Pools that break one after another, as told."""

    @classmethod
    def of(cls, breaks: list[int], **options) -> Farm:
        pools = [Breaking(last) for last in breaks]
        farm = cls(pools[0], **options)
        farm.pools, farm.left = pools, iter(pools[1:])  # type: ignore[attr-defined]
        return farm

    def _renewed(self) -> bool:
        self.executor = next(self.left)  # type: ignore[attr-defined]
        return True


class TestLosses:
    """What was finished before a pool broke is kept, and the rest is made by another."""

    def made(self, monkeypatch, breaks: list[int]) -> tuple[lib.Run, Farm]:
        farm = Farm.of(breaks, number=10)
        with monkeypatch.context() as patch:
            patch.setattr("langevin_ib.sampling.sampling.Shards.checked", lambda *_: farm)
            return sampled(executor=Inline()), farm

    @pytest.mark.parametrize("breaks", [[4, 99], [0, 1, 2, 3, 99], [9, 0, 99], [1] * 10, [0, 0, 5, 0, 5]])
    @pytest.mark.filterwarnings("ignore:a worker of the pool was lost:RuntimeWarning")
    def test_no_shard_is_made_twice(self, monkeypatch, breaks) -> None:
        run, farm = self.made(monkeypatch, breaks)
        assert_same(run, sampled())
        done = [task.settings.walkers for pool in farm.pools for (task,) in pool.tasks]
        assert sorted(done) == cut((0, 500), 10)

    def test_the_warning_says_how_much(self, monkeypatch) -> None:
        with pytest.warns(RuntimeWarning, match="of the 10 shards of the steps from 0 on another pool makes 6"):
            self.made(monkeypatch, [4, 99])

    @pytest.mark.filterwarnings("ignore:a worker of the pool was lost:RuntimeWarning")
    @pytest.mark.parametrize("breaks", [[0, 0, 0], [3, 0, 0, 99], [9, 0, 0]])
    def test_three_pools_that_make_nothing_are_the_end(self, monkeypatch, breaks) -> None:
        with pytest.raises(BrokenExecutor):
            self.made(monkeypatch, breaks)


class TestDask:
    def test_a_lost_worker_changes_nothing(self, dask_client, tmp_path) -> None:
        executor = dask_client.get_executor(pure=False)
        what = {
            "walkers": 4000,
            "steps": 60_000,
            "observe": {"theta": (OBSERVERS[0], OBSERVERS[1], lib.Trace(every=5000))},
        }
        before = set(dask_client.run(os.getpid).values())
        assert len(before) == 2

        def kill(made: int, steps: int) -> None:
            if made == 20_000:
                # In the middle of the next segment.
                threading.Timer(0.05, os.kill, (min(before), signal.SIGKILL)).start()

        path = tmp_path / "run.npz"
        run = sampled(**what, executor=executor, shards=8, checkpoint=path, checkpoint_every=20_000, progress=kill)
        dask_client.wait_for_workers(2)
        assert set(dask_client.run(os.getpid).values()) != before
        assert_same(run, sampled(**what))
