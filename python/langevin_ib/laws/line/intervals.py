"""Intervals of the line as a user gives them: checked, and cut with each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...errors import InvalidArgumentError
from .charts import Interval

__all__ = ["checked_interval", "intersection"]


def checked_interval(name: str, interval: Any) -> Interval:
    """Return an interval as two floats once it is known to be one that doubles resolve.

    Raises
    ------
    InvalidArgumentError
        If it is no pair of numbers lo < hi, or too narrow.
    """
    try:
        lo, hi = (float(end) for end in interval)
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"{name} must be a pair (lo, hi) of numbers, got {interval!r}; where pairs are asked for, one is [(lo, hi)]"
        ) from None
    if math.isnan(lo) or math.isnan(hi) or lo == math.inf or hi == -math.inf or not lo < hi:
        raise InvalidArgumentError(f"{name}=({lo}, {hi}) must satisfy lo < hi")
    if math.isfinite(hi - lo) and hi - lo < 1e7 * max(np.spacing(abs(lo)), np.spacing(abs(hi))):
        raise InvalidArgumentError(f"{name}=({lo!r}, {hi!r}) is too narrow to be resolved by doubles; widen it")
    return lo, hi


def intersection(base: Sequence[Interval], given: Sequence[Interval] | None) -> tuple[Interval, ...]:
    """Return the parts of disjoint intervals that lie in others; all of them if no others are given.

    Raises
    ------
    InvalidArgumentError
        If one of `given` is unusable, two overlap, or nothing is left.
    """
    if given is None:
        return tuple(base)
    if not isinstance(given, Iterable):
        raise InvalidArgumentError(f"given={given!r} is no list of intervals; give pairs, such as [(0.0, 1.0)]")
    wanted = sorted(checked_interval("given", interval) for interval in given)
    if any(left[1] > right[0] for left, right in itertools.pairwise(wanted)):
        raise InvalidArgumentError(f"given={wanted} overlap; pass disjoint intervals")
    pairs = [(max(a, lo), min(b, hi)) for a, b in base for lo, hi in wanted if max(a, lo) < min(b, hi)]
    if not pairs:
        raise InvalidArgumentError(f"given={wanted} does not meet the support {list(base)}; the law has no mass there")
    return tuple(pairs)
