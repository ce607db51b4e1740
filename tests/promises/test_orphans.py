"""Surviving: the workers of a pool whose owner is killed end as well, however they were started.

Run as a script, this file is killed while two workers have nothing to do.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path

import langevin_ib as lib
import pytest
from children import end_group
from langevin_ib.sampling import shards
from langevin_ib.sampling.orphans import end_with_parent


@pytest.mark.skipif(os.name != "posix", reason="NOT TESTED: sends SIGKILL")
@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_workers_end_when_their_parent_was_killed(start, tmp_path) -> None:
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"NOT TESTED: this system cannot {start} processes")
    told = tmp_path / "workers.json"
    # Nothing is read through pipes: the workers inherit them, so whoever reads would wait for the workers.
    command = [sys.executable, __file__, start, str(told)]
    owner = subprocess.Popen(command, start_new_session=True, encoding="utf-8")
    try:
        assert owner.wait(timeout=120) == -signal.SIGKILL
        workers = json.loads(told.read_text(encoding="utf-8"))
        deadline = time.monotonic() + 30
        while any(map(is_running, workers)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(workers) == 2
        assert not any(map(is_running, workers))
    finally:
        end_group(owner)


class Inline(Executor):
    def submit(self, function, /, *arguments, **options) -> Future:
        future: Future = Future()
        future.set_result(function(*arguments, **options))
        return future


def test_each_shard_says_whose_it_is(monkeypatch) -> None:
    owners = []
    monkeypatch.setattr(shards, "end_with_parent", owners.append)
    settings = {"temperature": 0.1, "step_size": 0.01, "steps": 10, "walkers": 96, "progress": False}
    lib.sample(lib.models.harmonic(), **settings, executor=Inline(), shards=3)
    assert owners == [os.getpid()] * 3


def test_who_works_for_another_process_is_left_alone() -> None:
    threads = threading.active_count()
    for owner in (os.getpid(), os.getppid()):
        end_with_parent(owner)
    assert threading.active_count() == threads


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended: one that has stays until its parent asks."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def be_killed(start: str, told: str) -> None:
    """Die when both workers wait for the next shard: they have nothing to do, and nobody would ever tell them."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start)) as executor:
        met = [executor.submit(work_at_once, os.getpid(), f"{told}.{own}", f"{told}.{1 - own}") for own in (0, 1)]
        for future in met:
            future.result()
        Path(told).write_text(json.dumps(list(executor._processes)), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)


def work_at_once(owner: int, own: str, other: str) -> None:
    """Do what a shard does first, and see that another worker does so, too."""
    end_with_parent(owner)
    Path(own).touch()
    while not Path(other).exists():
        time.sleep(0.01)


if __name__ == "__main__":
    be_killed(*sys.argv[1:])
