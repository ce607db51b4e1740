"""Ctrl-C during a run: remembered when it comes, and raised only where nothing that was sampled can get lost."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, ClassVar, TypeAlias

__all__ = ["CtrlC"]

SECONDS = 10.0
"""So long after Ctrl-C ended a run, the same call means a loop that goes on, and not somebody who wants another run."""

Place: TypeAlias = tuple[tuple[CodeType, int], ...]
"""Where a program is: what each of its frames executes, and how far it has got there."""


class CtrlC:
    """Hears Ctrl-C while a run is made; a context manager.

    Python raises KeyboardInterrupt wherever it happens to be, for instance between the return of the core and the
    assignment of what it returned. So its handler is exchanged for one that remembers; where the program can stop, it
    asks. Only Python's own handler is exchanged, and only in the main thread, which is the one that hears signals.

    A second Ctrl-C is raised at once: whoever presses again wants out. And so does whoever presses once in a loop of
    runs: where the call whose run was ended comes again next, from the same place of the same program, it raises
    KeyboardInterrupt before anything is sampled. A loop thus ends once it has been handed the run that Ctrl-C ended.

    Attributes
    ----------
    pressed : bool
        Whether it came.
    """

    _last: ClassVar[tuple[Place, float] | None] = None
    """Where the latest run was asked for, and when it ended, if Ctrl-C ended it."""

    def __init__(self) -> None:
        self.pressed = False
        self.at_once = False
        self._before: Any = None
        self._place: Place = ()

    def __enter__(self) -> CtrlC:
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            # A run inside a callback of a run hears Ctrl-C first.
            if handler is signal.default_int_handler or isinstance(getattr(handler, "__self__", None), CtrlC):
                self._leave_loop()
                signal.signal(signal.SIGINT, self._hear)
                self._before = handler
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            CtrlC._last = (self._place, time.monotonic()) if self.pressed else None

    def _leave_loop(self) -> None:
        self._place, last, CtrlC._last = _place(), CtrlC._last, None
        if last is not None and _is_same(last[0], self._place) and time.monotonic() - last[1] < SECONDS:
            raise KeyboardInterrupt("Ctrl-C ended the run that this call made before; the loop ends here")

    def _hear(self, number: int, frame: FrameType | None) -> None:
        again, self.pressed = self.pressed, True
        if self.at_once or again:
            raise KeyboardInterrupt

    def raise_if_pressed(self) -> None:
        """Raise what Ctrl-C raises, if it was pressed."""
        if self.pressed:
            raise KeyboardInterrupt

    def after(self, report: Callable[[int], None] | None) -> Callable[[int], None] | None:
        """Return `report` followed by the question whether Ctrl-C was pressed; None if neither has to be called."""
        if self._before is None:
            return report

        def told(made: int) -> None:
            if report is not None:
                report(made)
            self.raise_if_pressed()

        return told


def _place() -> Place:
    place: list[tuple[CodeType, int]] = []
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        place.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(place)


def _is_same(one: Place, other: Place) -> bool:
    """Compare code by identity: a line that is typed at a prompt again equals the one before, but is another."""
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(a[0] is b[0] and a[1] == b[1] for a, b in pairs)
