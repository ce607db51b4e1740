"""Interruptible: Ctrl-C in a loop of runs ends the loop, once the run that it ended has been handed back.

Run as a script, this file presses Ctrl-C on itself and prints what came of it: no signal is sent to the test runner.
"""

from __future__ import annotations

import code
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable

import langevin_ib as lib
import pytest
from children import answers_of, hear_ctrl_c, press_ctrl_c
from langevin_ib.sampling import interrupts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to processes")

ENDLESS = 2**60
SETTINGS = {"temperature": 0.1, "step_size": 1e-3, "walkers": 64, "rng": 8, "threads": 1}


def press(made: int, steps: int) -> None:
    """Press Ctrl-C, as the progress of a run that has begun."""
    press_ctrl_c()


def sampled(steps: int = ENDLESS) -> lib.Run:
    progress = press if steps == ENDLESS else False
    return lib.sample(lib.models.scalar_product(), steps=steps, progress=progress, **SETTINGS)


def a_loop() -> list[lib.Run]:
    model, runs = lib.models.scalar_product(), []
    try:
        for _ in range(3):
            runs.append(lib.sample(model, steps=ENDLESS, progress=press, **SETTINGS))
    except KeyboardInterrupt:
        return runs
    return []


def a_loop_over_a_function() -> list[lib.Run]:
    runs: list[lib.Run] = []
    try:
        runs.extend(map(sampled, [ENDLESS] * 3))
    except KeyboardInterrupt:
        # extend keeps what it was handed before.
        return runs
    return []


def a_loop_of_resumed_runs() -> list[lib.Run]:
    runs = [sampled()]
    try:
        while runs[-1].interrupted:
            runs.append(runs[-1].resume(progress=press))
    except KeyboardInterrupt:
        return runs
    return []


def one_call_after_another() -> list[lib.Run]:
    """Who writes two calls gets two runs."""
    first = sampled()
    return [first, sampled(first.steps)]


def a_loop_that_wants_to_go_on() -> list[lib.Run]:
    runs: list[lib.Run] = []
    for steps in (ENDLESS, 100, 200):
        try:
            runs.append(sampled(steps))
        except KeyboardInterrupt:
            continue
    return runs


def the_same_line_at_a_prompt() -> list[lib.Run]:
    console = code.InteractiveConsole({"sampled": sampled, "runs": []})
    for _ in range(2):
        assert not console.push("runs.append(sampled())")
    found: list[lib.Run] = console.locals["runs"]
    return found


def the_same_call_much_later() -> list[lib.Run]:
    interrupts.SECONDS = 0.0
    runs = [sampled(steps) for steps in (ENDLESS, 100)]
    interrupts.SECONDS = 10.0
    return runs


CASES: dict[str, Callable[[], list[lib.Run]]] = {
    case.__name__: case
    for case in (
        a_loop,
        a_loop_over_a_function,
        a_loop_of_resumed_runs,
        one_call_after_another,
        a_loop_that_wants_to_go_on,
        the_same_line_at_a_prompt,
        the_same_call_much_later,
    )
}


@pytest.fixture(scope="module")
def interrupted() -> dict[str, list[bool]]:
    answers: dict[str, list[bool]] = answers_of(__file__, timeout=120)
    return answers


@pytest.mark.parametrize(
    ("case", "runs"),
    [
        ("a_loop", [True]),
        ("a_loop_over_a_function", [True]),
        ("a_loop_of_resumed_runs", [True, True]),
        ("one_call_after_another", [True, False]),
        ("a_loop_that_wants_to_go_on", [True, False]),
        ("the_same_line_at_a_prompt", [True, True]),
        ("the_same_call_much_later", [True, False]),
    ],
)
def test_a_loop_ends_and_nothing_else_does(case, runs, interrupted) -> None:
    assert interrupted[case] == runs


def test_a_script_of_nothing_but_a_loop_dies_of_ctrl_c() -> None:
    script = (
        "import os, signal, langevin_ib as lib\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "press = lambda made, steps: os.kill(os.getpid(), signal.SIGINT)\n"
        f"model, settings = lib.models.scalar_product(), {SETTINGS!r}\n"
        "for i in range(3): print(i, lib.sample(model, steps=2**60, progress=press, **settings).interrupted)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert done.stdout == "0 True\n"
    assert "KeyboardInterrupt: Ctrl-C ended the run that this call made before; the loop ends here" in done.stderr


if __name__ == "__main__":
    hear_ctrl_c()
    warnings.simplefilter("ignore", lib.SamplingInterrupted)
    print(json.dumps({name: [run.interrupted for run in case()] for name, case in CASES.items()}))
