"""A worker whose parent was killed ends as well: nobody is left to take its results, and nobody would ever stop it."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from functools import cache

__all__ = ["end_with_parent"]

SECONDS = 1.0
"""How often a worker looks."""


@cache
def end_with_parent(pid: int) -> None:
    """From now on, end this process soon after the process `pid` has died, if that is its parent.

    A worker of `ProcessPoolExecutor` waits for work on a pipe whose other end all workers hold as well, so it does not
    hear that its parent has died. Whoever works for another process than its parent is left alone: a thread, or a
    worker of a cluster, whose nanny looks after it.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid != pid:
        return
    before = os.getppid()

    def watch() -> None:
        while os.getppid() == before and _is_alive(parent):
            time.sleep(SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="langevin_ib-parent", daemon=True).start()


def _is_alive(parent: multiprocessing.process.BaseProcess) -> bool:
    """Ask the pipe that the parent holds.

    With "forkserver" it is the one way to know, as the system takes the server for the parent; with "fork" it is not
    enough, as siblings hold the pipe, too.
    """
    try:
        return parent.is_alive()
    except ValueError:
        return True  # loky's workers have no such pipe
