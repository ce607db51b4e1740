"""How a run reports where it is: a bar on a terminal or in a notebook, a function of the user's, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from .deadline import somebody_looks
from .errors import InvalidArgumentError

__all__ = ["Progress", "Reporter"]

Progress: TypeAlias = bool | Callable[[int, int], object] | None
"""``None`` for a bar where somebody looks, ``True`` or ``False`` to decide, or a function of (steps made, steps)."""


class Reporter:
    """Passes the number of steps made on to whoever wants it; a context manager that closes its bar.

    Parameters
    ----------
    progress : bool, callable or None
        See `Progress`.
    steps : int
        The steps of the whole run.

    Raises
    ------
    InvalidArgumentError
        If `progress` is none of these.
    """

    def __init__(self, progress: Progress, steps: int) -> None:
        if not (progress is None or isinstance(progress, bool) or callable(progress)):
            raise InvalidArgumentError(f"progress={progress!r}: pass True, False, None or a function of (made, steps)")
        self._progress = progress
        self._steps = steps
        self._bar: Any = None

    def callback(self) -> Callable[[int], None] | None:
        """Return what the core should call, or None to spare it the calls."""
        if callable(self._progress):
            report = self._progress
            return lambda made: (report(made, self._steps), None)[1]
        wanted = somebody_looks() if self._progress is None else self._progress
        return self._advance if wanted else None

    def _advance(self, made: int) -> None:
        if self._bar is None:
            # What is over when it is first heard of needs no bar.
            if made >= self._steps:
                return
            from tqdm.auto import tqdm  # noqa: PLC0415 - a run without a bar does not pay for it

            self._bar = tqdm(total=self._steps, unit="step", unit_scale=True, delay=0.5)
        self._bar.update(made - self._bar.n)

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
