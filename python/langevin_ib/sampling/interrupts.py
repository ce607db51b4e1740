"""Ctrl-C during a run: remembered when it comes, and raised only where nothing that was sampled can get lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["CtrlC"]


class CtrlC:
    """Hears Ctrl-C while a run is made; a context manager.

    Python raises KeyboardInterrupt wherever it happens to be, for instance between the return of the core and the
    assignment of what it returned. So its handler is exchanged for one that remembers; where the program can stop, it
    asks. Only Python's own handler is exchanged, and only in the main thread, which is the one that hears signals.

    A second Ctrl-C is raised at once: whoever presses again wants out.

    Attributes
    ----------
    pressed : bool
        Whether it came.
    """

    def __init__(self) -> None:
        self.pressed = False
        self.at_once = False
        self._before: Any = None

    def __enter__(self) -> CtrlC:
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            # A run inside a callback of a run hears Ctrl-C first.
            if handler is signal.default_int_handler or isinstance(getattr(handler, "__self__", None), CtrlC):
                signal.signal(signal.SIGINT, self._hear)
                self._before = handler
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

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
