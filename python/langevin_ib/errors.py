"""Everything that can go wrong has a type here; each message names the cause, the place and the remedy."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

__all__ = [
    "ArchiveError",
    "DivergenceError",
    "InfiniteMomentError",
    "InvalidArgumentError",
    "InvarianceError",
    "LangevinError",
    "NotNormalizableError",
    "OutOfTimeError",
    "UnsupportedModelError",
]


class LangevinError(Exception):
    """Base of every error that langevin_ib raises on purpose."""

    _named: ClassVar[tuple[str, ...]] = ()
    """The attributes that the constructor takes by name."""

    def __reduce__(self) -> tuple[Any, ...]:
        # What `from None` hides is told to nobody and may hold anything, but where tblib is active (dask imports it),
        # an exception takes its context along to another process.
        if self.__suppress_context__:
            self.__context__ = None
        named = {name: getattr(self, name) for name in self._named}
        return partial(type(self), **named), self.args, vars(self)


class InvalidArgumentError(LangevinError, ValueError):
    """An argument has a wrong value, shape or dtype; the message names it, its value and the remedy."""


class InvarianceError(LangevinError, ValueError):
    """A predictor or a loss is not invariant under the declared symmetry.

    Attributes
    ----------
    generator : str
        The generator under which the expression changes, as a vector field.
    residual : str
        The derivative of the expression along the generator; zero if it were invariant.
    """

    _named = ("generator", "residual")

    def __init__(self, message: str, *, generator: str, residual: str) -> None:
        super().__init__(message)
        self.generator = generator
        self.residual = residual


class NotNormalizableError(LangevinError, ValueError):
    """The requested law has infinite mass; the message says where it escapes and what to do."""


class InfiniteMomentError(LangevinError, ArithmeticError):
    """A mean, a variance or another average does not exist; the message says which tail falls off how slowly."""


class UnsupportedModelError(LangevinError, NotImplementedError):
    """The model or observable is well formed, but no kernel can run it yet."""


class OutOfTimeError(UnsupportedModelError, TimeoutError):
    """The answer was not found within the time that `timeout` allows; the message says what to do instead."""


class DivergenceError(LangevinError, ArithmeticError):
    """A walker left the representable range, became NaN, or could not go where it had to.

    Attributes
    ----------
    walker : int
        The walker that diverged first (the smallest index if several did in that step).
    step : int
        The step, counted from 1, after which its state was no longer acceptable.
    cause : str
        "out of range" if a coordinate became NaN or too large; "no return" or "no projection" if no way led back to the
        slice, along the orbit or along the normals; "reached zero" if it came to the tip of the slice.
    """

    _named = ("walker", "step", "cause")

    def __init__(self, message: str, *, walker: int, step: int, cause: str = "out of range") -> None:
        super().__init__(message)
        self.walker = walker
        self.step = step
        self.cause = cause


class ArchiveError(LangevinError):
    """A file could not be written or read, is damaged, or holds another run; the message names it and the cause.

    Attributes
    ----------
    run : Run or None
        Where a checkpoint could not be written: the run as it stood, so that it can be saved elsewhere.
    """

    run: Any = None
