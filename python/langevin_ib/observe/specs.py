"""The three things that a run can keep of an observable: immutable, checked requests that hold no data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..checks import checked_int, checked_real, shown
from ..errors import InvalidArgumentError

__all__ = ["MAX_BINS", "Histogram", "Moments", "Spec", "Trace", "checked_condition"]

MAX_BINS = 1_000_000
"""The largest number of bins that a histogram may have; 64 groups of them take half a gigabyte."""

MAX_EVERY = 2**53
"""The largest stride: the largest integer up to which step · h is exact in double precision."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Count how often an observable visits each of ``bins`` equal intervals.

    Bin i is the half-open interval [edge_i, edge_{i+1}). What falls below or above the range is counted as underflow
    or overflow and NaN as invalid, so nothing is lost.

    Parameters
    ----------
    bins : int, default 200
        The number of bins, from 1 to 1 000 000.
    range : (float, float)
        The finite ends lo < hi of the binned interval, in the units of the observable.
    every : int, default 1
        Look at the observable after every so many steps.
    given : (str, float, float), optional
        A condition: count only while the model's observable of this name is in [lo, hi), of which one end may be
        infinite. The histogram is then that of the conditional law; looks at other times are counted apart, as
        elsewhere.

    Raises
    ------
    InvalidArgumentError
        If an argument has a wrong type or lies outside of what is stated above.

    Examples
    --------
    >>> Histogram(bins=4, range=(0, 1))
    Histogram(bins=4, range=(0.0, 1.0), every=1)
    >>> Histogram(bins=4, range=(0, 1), given=("imbalance", -0.1, 0.1))
    Histogram(bins=4, range=(0.0, 1.0), every=1, given=('imbalance', -0.1, 0.1))
    """

    bins: int = 200
    range: tuple[float, float]
    every: int = 1
    given: tuple[str, float, float] | None = None

    def __post_init__(self) -> None:
        """Check the arguments and bring them to plain Python numbers."""
        object.__setattr__(self, "bins", checked_int("bins", self.bins, minimum=1, maximum=MAX_BINS))
        object.__setattr__(self, "range", _interval(self.range))
        object.__setattr__(self, "every", checked_int("every", self.every, minimum=1, maximum=MAX_EVERY))
        object.__setattr__(self, "given", checked_condition(self.given))
        lo, hi = self.range
        width = hi / self.bins - lo / self.bins
        if not (lo + width > lo and hi - width < hi and hi - lo < float("inf")):
            raise InvalidArgumentError(
                f"range = ({lo!r}, {hi!r}) cannot be cut into bins = {self.bins} distinct floating-point intervals; "
                "use fewer bins or another range"
            )

    @property
    def slots(self) -> int:
        """The number of counts of each group: underflow, the bins, overflow, NaN and, under a condition, elsewhere."""
        return self.bins + (3 if self.given is None else 4)

    def __repr__(self) -> str:
        given = "" if self.given is None else f", given={self.given!r}"
        return f"Histogram(bins={self.bins}, range={self.range}, every={self.every}{given})"


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Add up the powers x, x², …, x^order of an observable, walker by walker.

    Parameters
    ----------
    every : int, default 1
        Look at the observable after every so many steps.
    order : int, default 2
        The highest power, from 1 to 4.

    Raises
    ------
    InvalidArgumentError
        If an argument has a wrong type or lies outside of what is stated above.
    """

    every: int = 1
    order: int = 2

    def __post_init__(self) -> None:
        """Check the arguments and bring them to plain Python numbers."""
        object.__setattr__(self, "every", checked_int("every", self.every, minimum=1, maximum=MAX_EVERY))
        object.__setattr__(self, "order", checked_int("order", self.order, minimum=1, maximum=4))

    @property
    def width(self) -> int:
        """How many numbers are kept of each walker: the sums of powers of x - pivot, and the pivot."""
        return self.order + 1


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Keep the observable itself after every so many steps: the one request whose memory grows with the run.

    Parameters
    ----------
    every : int
        Keep one value per so many steps. There is no default, because 8 bytes per walker and value add up.

    Raises
    ------
    InvalidArgumentError
        If ``every`` is not an integer of at least 1.
    """

    every: int

    def __post_init__(self) -> None:
        """Check the argument and bring it to a plain Python number."""
        object.__setattr__(self, "every", checked_int("every", self.every, minimum=1, maximum=MAX_EVERY))


Spec: TypeAlias = Histogram | Moments | Trace
"""Whatever ``sample(observe=...)`` accepts as a value."""


def checked_condition(value: object) -> tuple[str, float, float] | None:
    """Return a condition (name, lo, hi) on an observable, or None.

    Raises
    ------
    InvalidArgumentError
        If it is neither.
    """
    if value is None:
        return None
    if not isinstance(value, (tuple, list)) or len(value) != 3 or not isinstance(value[0], str):
        raise InvalidArgumentError(
            f'given = {shown(value)} is no condition; give (name, lo, hi), such as ("imbalance", -0.1, 0.1)'
        )
    ends = []
    for which, end in (("lo", value[1]), ("hi", value[2])):
        is_infinite = isinstance(end, float) and math.isinf(end)
        ends.append(end if is_infinite else checked_real(f"{which} of given", end))
    lo, hi = ends
    if not lo < hi:
        raise InvalidArgumentError(f"given = {tuple(value)!r} holds nowhere; give (name, lo, hi) with lo < hi")
    return value[0], lo, hi


def _interval(value: object) -> tuple[float, float]:
    if not isinstance(value, (tuple, list, np.ndarray)) or getattr(value, "ndim", 1) != 1 or len(value) != 2:
        raise InvalidArgumentError(f"range = {shown(value)} is not a pair; give (lo, hi)")
    lo, hi = checked_real("range[0]", value[0]), checked_real("range[1]", value[1])
    if not lo < hi:
        raise InvalidArgumentError(f"range = ({lo!r}, {hi!r}) is empty; give (lo, hi) with lo < hi")
    return lo, hi
