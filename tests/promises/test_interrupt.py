"""Interruptible: Ctrl-C stops a run within 0.2 s and hands back exactly what was sampled until then.

Run as a script, this file presses Ctrl-C on itself and prints what came of it: no signal is sent to the test runner.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import langevin_ib as lib
import pytest
from children import answers_of, hear_ctrl_c, press_ctrl_c, press_once_sampling
from langevin_ib.errors import InvalidArgumentError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to processes")

ENDLESS = 2**60
TRIES, LIMIT = 5, 0.2  # seconds
OBSERVE = {"theta": (lib.Histogram(bins=50, range=(-1.0, 3.0), every=5), lib.Moments(every=3))}
CASES: dict[str, dict] = {
    "one thread": {"threads": 1, "burn_in": 10, "observe": OBSERVE},
    "two threads": {"threads": 2, "burn_in": 10, "observe": OBSERVE},
    "one walker": {"threads": 1, "walkers": 1},
    "a million walkers": {"threads": 2, "walkers": 10**6, "observe": {"theta": lib.Moments()}},
    "mala": {"threads": 1, "scheme": "mala"},
    "a callback": {"threads": 1, "progress": lambda made, steps: None},
    "within the burn-in": {"threads": 1, "burn_in": ENDLESS // 2, "observe": OBSERVE},
}


def sampled(**changes) -> lib.Run:
    settings = {"temperature": 0.1, "step_size": 1e-3, "walkers": 1000, "rng": 8, "progress": False}
    return lib.sample(lib.models.scalar_product(), **(settings | changes))


def interrupted(case: dict) -> tuple[float, lib.Run, warnings.WarningMessage]:
    """Return the time from Ctrl-C to the return, what was returned, and the warning."""
    pressed: list[tuple[float, float]] = []

    def press() -> None:
        pressed.append((time.perf_counter(), time.process_time()))
        press_ctrl_c()

    sampled(steps=1)  # the same call after one that was interrupted would mean a loop, which ends there
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        press_once_sampling(0.25, press)
        run = sampled(steps=ENDLESS, **case)
        delay, worked = time.perf_counter() - pressed[0][0], time.process_time() - pressed[0][1]
    (warning,) = caught
    # Where others wait for the processors as well, the clock on the wall tells about them.
    is_crowded = os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
    return min(delay, worked) if is_crowded else delay, run, warning


def uninterrupted(case: dict, steps: int) -> lib.Run:
    unseen = {"burn_in": 0, "observe": None} if case.get("burn_in", 0) >= steps else {}
    return sampled(**(case | unseen), steps=steps)


def report(case: dict) -> dict:
    # On a loaded machine the best of several tries tells what the program itself takes.
    for _ in range(TRIES):
        sampled(steps=1)  # so that no try is the next turn of an interrupted loop
        delay, run, warning = interrupted(case)
        if delay < LIMIT:
            break
    whole = uninterrupted(case, run.steps)
    kept = zip(run.progressed.kept, whole.progressed.kept, strict=False)
    try:
        error = "" if "theta" not in run or run["theta"] else "empty"
    except InvalidArgumentError as refusal:
        error = str(refusal)
    return {
        "delay": delay,
        "interrupted": [run.interrupted, whole.interrupted],
        "steps": run.steps,
        "text": repr(run),
        "warning": [warning.category.__name__, str(warning.message), Path(warning.filename).name],
        "same states": run.states.tobytes() == whole.states.tobytes() and run.acceptance == whole.acceptance,
        "same results": all(ours.tobytes() == theirs.tobytes() for ours, theirs in kept),
        "error": error,
    }


def thread_report() -> dict:
    """Sample in a thread while the main thread is the one that hears Ctrl-C."""
    finished: list[lib.Run] = []
    thread = threading.Thread(target=lambda: finished.append(sampled(steps=100_000, threads=1)))
    thread.start()
    heard = False
    while not (heard and finished):
        try:
            if not heard:
                press_ctrl_c()
            time.sleep(0.01)
        except KeyboardInterrupt:
            heard = True
    return {"heard": heard, "interrupted": finished[0].interrupted, "steps": finished[0].steps}


def handler_report() -> dict:
    """Let Ctrl-C raise something else, as frameworks do: it comes through, and nothing is left behind."""

    def shut_down(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGINT, shut_down)
    try:
        threading.Timer(0.2, press_ctrl_c).start()
        sampled(steps=ENDLESS, threads=2)
    except TimeoutError:
        came_through = True
    signal.signal(signal.SIGINT, before)
    return {"came through": came_through, "steps": sampled(steps=100, threads=2).steps}


def deaf_report(disposition: Any) -> dict:
    """Press Ctrl-C again and again on a run in a process that does not hear it, such as a background job."""
    before = signal.signal(signal.SIGINT, disposition)
    during = []

    def press(made: int, steps: int) -> None:
        press_ctrl_c()
        during.append(signal.getsignal(signal.SIGINT))

    run = sampled(steps=100_000, threads=2, progress=press)
    after = signal.signal(signal.SIGINT, before)
    return {
        "pressed": len(during) > 1,
        "interrupted": run.interrupted,
        "steps": run.steps,
        "left alone": all(found is disposition for found in (*during, after)),
    }


@pytest.fixture(scope="module")
def reports() -> dict[str, dict]:
    answers: dict[str, dict] = answers_of(__file__, timeout=120)
    return answers


@pytest.mark.parametrize("case", CASES)
def test_ctrl_c_returns_within_a_fifth_of_a_second(case, reports) -> None:
    assert reports[case]["delay"] < LIMIT


@pytest.mark.parametrize("case", CASES)
def test_what_is_handed_back_is_the_run_of_that_many_steps(case, reports) -> None:
    found = reports[case]
    assert found["interrupted"] == [True, False]
    assert found["steps"] > 0
    assert found["same states"]
    assert found["same results"]


@pytest.mark.parametrize("case", CASES)
def test_a_warning_and_the_repr_say_so(case, reports) -> None:
    category, message, file = reports[case]["warning"]
    steps = reports[case]["steps"]
    assert category == "SamplingInterrupted"
    assert message == f"interrupted after {steps} of {ENDLESS} steps"
    assert file == Path(__file__).name  # the caller's line, not one inside the package
    assert f"interrupted after {steps:,} of {ENDLESS:,} steps" in reports[case]["text"]


def test_what_was_not_looked_at_yet_is_refused(reports) -> None:
    for case, found in reports.items():
        if case == "within the burn-in":
            assert f"the first look is after step {ENDLESS // 2 + 5}" in found["error"]
        elif case in CASES:
            assert not found["error"]


def test_ctrl_c_belongs_to_the_main_thread(reports) -> None:
    assert reports["another thread"] == {"heard": True, "interrupted": False, "steps": 100_000}


def test_another_signal_handler_is_respected(reports) -> None:
    assert reports["another handler"] == {"came through": True, "steps": 100}


@pytest.mark.parametrize("case", ["ignored", "a handler that does nothing"])
def test_where_ctrl_c_is_ignored_it_stays_ignored(case, reports) -> None:
    assert reports[case] == {"pressed": True, "interrupted": False, "steps": 100_000, "left alone": True}


def test_while_walkers_are_laid_out_their_starting_points_are_handed_back() -> None:
    settings = {"temperature": 0.1, "step_size": 1e-3, "steps": 2, "walkers": 1_500_000, "rng": 8}
    told: list[int] = []

    def press(made: int, steps: int) -> None:
        told.append(made)
        raise KeyboardInterrupt

    model = lib.models.scalar_product()
    with pytest.warns(lib.SamplingInterrupted, match="after 0 of 2 steps"):
        run = lib.sample(model, progress=press, **settings)
    assert (told, run.steps, run.interrupted) == ([0], 0, True)
    whole = lib.sample(model, progress=False, **settings)
    assert run.resume(progress=False).states.tobytes() == whole.states.tobytes()


if __name__ == "__main__":
    hear_ctrl_c()
    answers = {name: report(case) for name, case in CASES.items()}
    answers |= {"another thread": thread_report(), "another handler": handler_report()}
    answers |= {"ignored": deaf_report(signal.SIG_IGN), "a handler that does nothing": deaf_report(lambda *_: None)}
    print(json.dumps(answers))
