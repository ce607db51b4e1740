"""Scripts that tests run in processes of their own: they hear Ctrl-C whatever the runner was told, and none is left."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36

# One of these serves all that multiprocessing does here, and ends with the test runner.
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def hear_ctrl_c() -> None:
    """Let Ctrl-C interrupt this process: a background job of a shell, or of nohup, begins by ignoring it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def press_once_sampling(seconds: float, press: Callable[[], None] = press_ctrl_c) -> None:
    """Press Ctrl-C so many seconds after the main thread has begun to make a run, however long that takes.

    A run that is made has exchanged Python's own handler.
    """

    def wait_and_press() -> None:
        while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            time.sleep(0.001)
        time.sleep(seconds)
        press()

    threading.Thread(target=wait_and_press, daemon=True).start()


def answers_of(script: str, *arguments: str, timeout: float) -> Any:
    """Run a Python file and return the JSON that it prints; whatever it started ends with it."""
    child = subprocess.Popen(
        [sys.executable, script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,  # the script and its children are a process group
    )
    try:
        printed, complaints = child.communicate(timeout=timeout)
    finally:
        end_group(child)
    assert child.returncode == 0, complaints
    return json.loads(printed)


def end_group(leader: subprocess.Popen[str]) -> None:
    """Kill what is left of a process group, its leader included."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.communicate()


def adopt_orphans() -> None:
    """Have the descendants whose parent dies become children of this process, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> dict[int, str]:
    """Return the command lines of this process's children, without those that have ended or serve everybody."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # After the program's name, which is in brackets and may hold anything: state, parent, ...
            parent = int((process / "stat").read_bytes().rpartition(b")")[2].split()[1])
            command = (process / "cmdline").read_bytes() if parent == os.getpid() else b""
        except OSError:
            continue
        # One that has ended, and was not asked about, has no command line any more.
        shown = command.replace(b"\0", b" ").decode(errors="replace").strip()
        if shown and not any(helper in shown for helper in HELPERS):
            found[int(process.name)] = shown
    return found
