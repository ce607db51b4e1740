"""Interruptible: a checkpointed run that is killed at any moment ends with the bits of one that never was.

Run as a script, this file forks runs that are killed, interrupted or out of disk space, and prints what came of them.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
import warnings
from pathlib import Path

import langevin_ib as lib
import pytest
from children import answers_of, hear_ctrl_c, press_ctrl_c, press_once_sampling
from langevin_ib.errors import ArchiveError

MODEL = lib.models.scalar_product()
ENDLESS = 5 * 10**6
TRIALS = 20
OBSERVE = {"theta": (lib.Histogram(bins=50, range=(-1.0, 3.0), every=5), lib.Moments(every=3), lib.Trace(every=50))}


def sampled(**changes) -> lib.Run:
    settings = {"temperature": 0.1, "step_size": 0.01, "steps": 2000, "burn_in": 10, "walkers": 300, "rng": 8}
    return lib.sample(MODEL, **({"threads": 1, "progress": False, "observe": OBSERVE} | settings | changes))


def is_same(run: lib.Run, reference: lib.Run) -> bool:
    pairs = zip((run.states, *run.progressed.kept), (reference.states, *reference.progressed.kept), strict=True)
    same = all(ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes() for ours, theirs in pairs)
    return same and (run.settings, run.progressed.accepted) == (reference.settings, reference.progressed.accepted)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# What the script does: each function runs in a process that is not the test runner's.


def killed(folder: Path) -> dict:
    """Kill a checkpointed run at random moments, each time repeating the call, and finish it."""
    path, source, steps = folder / "run.npz", random.Random(2026), []
    for _ in range(TRIALS):
        child = os.fork()
        if child == 0:
            sampled(steps=ENDLESS, checkpoint=path, checkpoint_every=100)
            os._exit(0)
        time.sleep(source.uniform(0.01, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        steps.append(lib.load(path).steps if path.exists() else 0)
    whole = steps[-1] + 250
    finished = sampled(steps=whole, checkpoint=path, checkpoint_every=100)
    reference = sampled(steps=whole)
    return {
        "steps": steps,
        "same": is_same(finished, reference),
        "same on disk": is_same(lib.load(path), reference),
        "files": files(folder),
    }


def stopped_at_every_call(folder: Path) -> dict:
    """Let a process vanish before and after each call of the system that writing makes, and look what is left."""
    path, run, found, number = folder / "run.npz", sampled(steps=100), [], 0
    run.save(path)
    while True:
        child = os.fork()
        if child == 0:
            vanish_at(number)
            run.resume(10, progress=False).save(path)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        found.append(lib.load(path).steps)
        if status == 0:
            break
        run.save(path)
        number += 1
    return {"steps": found, "calls": number}


def vanish_at(number: int) -> None:
    calls = 0

    def vanishing(real):
        def call(*arguments, **options):
            nonlocal calls
            for after in (False, True):
                if calls == number:
                    os._exit(9)
                calls += 1
                if not after:
                    result = real(*arguments, **options)
            return result

        return call

    for name in ("link", "replace", "fsync", "open", "unlink"):
        setattr(os, name, vanishing(getattr(os, name)))


def out_of_space(folder: Path) -> dict:
    """Let the disk be full after so many bytes, wherever that is in the file."""
    path, run = folder / "run.npz", sampled(steps=100)
    run.save(path)
    run.resume(1, progress=False).save(path)
    before, size = (path.read_bytes(), Path(f"{path}.previous").read_bytes()), path.stat().st_size
    errors = []
    for limit in (0, 1, 1000, size // 2, size - 200, size - 60, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            run.resume(10, progress=False).save(path)
        except ArchiveError as error:
            errors.append(str(error))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return {
        "errors": errors,
        "untouched": before == (path.read_bytes(), Path(f"{path}.previous").read_bytes()),
        "files": files(folder),
        "path": str(path),
    }


def out_of_space_on_the_way(folder: Path) -> dict:
    """Let the disk be full in the middle of a run, whose trace makes each checkpoint larger than the one before."""
    path, elsewhere = folder / "run.npz", folder / "elsewhere.npz"
    what = {"steps": 2000, "observe": {"theta": lib.Trace(every=1)}}
    sampled(**what, checkpoint=folder / "probe.npz", checkpoint_every=100)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / "probe.npz").stat().st_size // 2, resource.RLIM_INFINITY))
    try:
        sampled(**what, checkpoint=path, checkpoint_every=100)
    except ArchiveError as error:
        caught = error
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    caught.run.save(elsewhere)
    reference = sampled(**what)
    return {
        "on disk": lib.load(path).steps,
        "in memory": caught.run.steps,
        "same": is_same(sampled(**what, checkpoint=path, checkpoint_every=100), reference),
        "same from memory": is_same(lib.load(elsewhere).resume(progress=False), reference),
    }


def interrupted(folder: Path) -> dict:
    """Press Ctrl-C on a checkpointed run."""
    path = folder / "run.npz"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        press_once_sampling(0.2)
        run = sampled(steps=ENDLESS, checkpoint=path, checkpoint_every=100_000)
    loaded = lib.load(path)
    return {
        "warnings": [[warning.category.__name__, Path(warning.filename).name] for warning in caught],
        "interrupted": [run.interrupted, loaded.interrupted],
        "same": is_same(loaded, run),
        "continued": is_same(
            sampled(steps=run.steps + 50, checkpoint=path, checkpoint_every=10**6), sampled(steps=run.steps + 50)
        ),
    }


def interrupted_while_writing(folder: Path) -> dict:
    """Press Ctrl-C in the middle of writing a checkpoint."""
    path, real, calls = folder / "run.npz", os.fsync, []

    def pressed(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 5:
            press_ctrl_c()
        real(descriptor)

    os.fsync = pressed
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = sampled(steps=ENDLESS, checkpoint=path, checkpoint_every=100)
    loaded = lib.load(path)
    return {
        "warnings": len(caught),
        "interrupted": [run.interrupted, loaded.interrupted],
        "steps": run.steps,
        "same": is_same(loaded, run),
    }


CASES = (interrupted_while_writing, killed, stopped_at_every_call, out_of_space, out_of_space_on_the_way, interrupted)


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, dict]:
    if os.name != "posix":
        pytest.skip("NOT TESTED: this system has no fork and no SIGKILL")
    answers: dict[str, dict] = answers_of(__file__, str(tmp_path_factory.mktemp("runs")), timeout=300)
    return answers


class TestSurviving:
    def test_sigkill_at_twenty_random_moments(self, reports) -> None:
        found = reports["killed"]
        assert len(found["steps"]) == TRIALS
        assert found["steps"] == sorted(found["steps"])
        assert found["steps"][-1] > found["steps"][0]
        assert found["same"]
        assert found["same on disk"]
        # What the killed left half-written has been cleared away.
        assert found["files"] == ["run.npz", "run.npz.previous"]

    def test_sigkill_at_every_call_of_the_system(self, reports) -> None:
        found = reports["stopped_at_every_call"]
        assert found["calls"] >= 10
        assert set(found["steps"]) == {100, 110}
        # There is one moment at which the new file takes the place of the old one.
        assert found["steps"] == sorted(found["steps"])

    def test_a_full_disk_loses_nothing_already_saved(self, reports) -> None:
        found = reports["out_of_space"]
        assert len(found["errors"]) == 7
        assert all(found["path"] in error and "File too large" in error for error in found["errors"])
        assert found["untouched"]
        assert found["files"] == ["run.npz", "run.npz.previous"]

    def test_a_disk_that_fills_up_loses_nothing_at_all(self, reports) -> None:
        found = reports["out_of_space_on_the_way"]
        assert 0 < found["on disk"] < found["in memory"] == found["on disk"] + 100
        assert found["same"]
        assert found["same from memory"]

    def test_ctrl_c_writes_what_was_sampled(self, reports) -> None:
        found = reports["interrupted"]
        assert found["warnings"] == [["SamplingInterrupted", Path(__file__).name]]
        assert found["interrupted"] == [True, True]
        assert found["same"]
        assert found["continued"]

    def test_ctrl_c_while_it_is_written(self, reports) -> None:
        found = reports["interrupted_while_writing"]
        assert found["warnings"] == 1
        assert found["interrupted"] == [True, True]
        assert 300 <= found["steps"] <= 400
        assert found["same"]


if __name__ == "__main__":
    hear_ctrl_c()
    reported = {}
    for case in CASES:
        folder = Path(sys.argv[1]) / case.__name__
        folder.mkdir()
        reported[case.__name__] = case(folder)
    print(json.dumps(reported))
