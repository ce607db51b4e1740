"""A budget of time for work that nobody can foresee the length of, symbolic algebra above all: then it is stopped."""

from __future__ import annotations

import ctypes
import math
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from .checks import checked_real
from .errors import OutOfTimeError

__all__ = ["DEFAULT_TIMEOUT", "somebody_looks", "within"]

Result = TypeVar("Result")

DEFAULT_TIMEOUT = 10.0
"""Seconds."""

_SILENT = 2.0  # what takes no longer needs no bar
_BEAT = 0.2
_PATIENCE = 6.0
"""A busy machine may take so many times as long."""
_AGAIN = 1.0
"""If the exception was swallowed, by a bare `except`, it is raised anew after so long."""


class _Expired(BaseException):
    """Raised in the thread that works; a BaseException, so that no handler on the way takes it for a refusal."""


def within(timeout: float | None, work: Callable[[], Result], *, what: str, remedy: str) -> Result:
    """Return work(), if that takes no longer than a budget of time.

    A watching thread raises an exception in this one when time is up. It takes effect between two operations of the
    interpreter, so code that was written without a thought of it, such as SymPy's, is stopped, too, and leaves its
    caches as Ctrl-C would; a single call into compiled code is waited for. Budgets nest: the one that ends first
    counts. On a terminal or in a notebook a bar is shown after two seconds.

    What is measured is the time that the processor spent on this thread, where the system tells it, so that an answer
    does not depend on what else the machine does; but no more than six times as long on the clock on the wall.

    Parameters
    ----------
    timeout : float or None
        The budget in seconds, positive; None for no limit.
    work : callable
        Without arguments.
    what : str
        What is sought, for the message and the bar, such as "the law of 'theta'".
    remedy : str
        What to do instead, for the message.

    Raises
    ------
    OutOfTimeError
        If it takes longer.
    InvalidArgumentError
        If `timeout` is no positive number.

    Examples
    --------
    >>> within(1.0, lambda: 6 * 7, what="the answer", remedy="ask somebody else")
    42
    """
    if timeout is not None:
        timeout = checked_real("timeout", timeout, minimum=0.0, open_end=True)
    if timeout is None and not somebody_looks():
        return work()
    watch = _Watch(timeout, what)
    try:
        try:
            watch.start()
            return work()
        finally:
            watch.stop()
    except watch.expired:
        # It may have come between the end of the work and that of the watch, even within stop().
        watch.stop()
    raise OutOfTimeError(f"{what} was not found within {timeout:g} s; give it more time by timeout=, or {remedy}")


class _Watch:
    """A thread that waits for the end of a budget, raises an exception in the thread that made it, and shows a bar."""

    def __init__(self, seconds: float | None, what: str) -> None:
        self.expired: type[BaseException] = type("_Expired", (_Expired,), {})  # of this watch alone: budgets nest
        self._seconds = None if seconds is None else min(seconds, threading.TIMEOUT_MAX / 2.0)
        self._what = what
        self._caller = threading.get_ident()
        known = hasattr(time, "pthread_getcpuclockid")
        self._clock = time.pthread_getcpuclockid(self._caller) if known else None
        self._began, self._worked = time.monotonic(), 0.0 if self._clock is None else time.clock_gettime(self._clock)
        self._lock, self._over, self._fired = threading.Lock(), threading.Event(), False
        self._thread = threading.Thread(target=self._watch, name="langevin_ib deadline", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the watch; when this has returned, nothing is raised any more."""
        with self._lock:
            self._over.set()
        if self._fired:
            self._swallow()
            _SILENCE.end(self)
        # Whoever forks afterwards should not find a thread.
        if self._thread.ident is not None:
            self._thread.join()

    def _swallow(self) -> None:
        """Receive what may still be on its way.

        Taking it back instead, as the interpreter's interface offers, leaves its flag set: profilers hang then.
        """
        try:
            _raise_in(self._caller, self.expired)  # there is room for one only, so there is exactly one now
            while True:
                pass
        except self.expired:
            pass

    def _watch(self) -> None:
        bar = _Bar(self._what, self._seconds) if somebody_looks() else None
        next_time = math.inf if self._seconds is None else self._seconds
        try:
            while not self._over.wait(min(max(next_time - self._elapsed(), 1e-3), math.inf if bar is None else _BEAT)):
                elapsed = self._elapsed()
                if bar is not None and time.monotonic() - self._began > _SILENT:
                    bar.show(elapsed)
                if elapsed >= next_time:
                    self._fire()
                    next_time = elapsed + _AGAIN
        finally:
            if bar is not None:
                bar.close()

    def _elapsed(self) -> float:
        on_the_wall = time.monotonic() - self._began
        if self._clock is None:
            return on_the_wall
        return max(time.clock_gettime(self._clock) - self._worked, on_the_wall / _PATIENCE)

    def _fire(self) -> None:
        with self._lock:
            if not self._over.is_set():
                self._fired = True
                _SILENCE.begin(self)
                _raise_in(self._caller, self.expired)


class _Silence:
    """Lets nobody hear of the end of a budget that comes within a finaliser or a weak reference's callback.

    Python cannot raise from there: it tells `sys.unraisablehook`, by default on standard error, and goes on until the
    exception is raised anew. The hook of others is in place again as soon as no end is on its way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: set[int] = set()
        self._before: Callable[[sys.UnraisableHookArgs], Any] = sys.unraisablehook

    def begin(self, watch: _Watch) -> None:
        with self._lock:
            if not self._watches:
                self._before, sys.unraisablehook = sys.unraisablehook, self._told
            self._watches.add(id(watch))

    def end(self, watch: _Watch) -> None:
        with self._lock:
            self._watches.discard(id(watch))
            if not self._watches and sys.unraisablehook == self._told:
                sys.unraisablehook = self._before

    def _told(self, unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, _Expired):
            self._before(unraisable)


_SILENCE = _Silence()


def _raise_in(thread: int, exception: type[BaseException]) -> None:
    """Have an exception raised in a thread."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))


class _Bar:
    """How much of the budget is gone."""

    def __init__(self, what: str, seconds: float | None) -> None:
        self._what, self._seconds = what, seconds
        self._bar: Any = None

    def show(self, elapsed: float) -> None:
        if self._bar is None:
            from tqdm.auto import tqdm  # noqa: PLC0415 - what is done at once does not pay for it

            limit = "{n:.0f} s" if self._seconds is None else "{n:.0f} of {total:.0f} s"
            shape = "{desc}: " + ("" if self._seconds is None else "{bar:20} ") + limit
            self._bar = tqdm(total=self._seconds, desc=self._what, bar_format=shape, leave=False)
        self._bar.update(min(elapsed, self._seconds or elapsed) - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def somebody_looks() -> bool:
    """Return whether standard error is a terminal or the output goes to a notebook."""
    if "ipykernel" in sys.modules:
        return True
    return sys.stderr is not None and sys.stderr.isatty()
