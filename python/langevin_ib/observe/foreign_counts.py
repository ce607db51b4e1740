"""Counts that were made elsewhere, checked and brought into the form of a histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import real_array
from ..errors import InvalidArgumentError

__all__ = ["checked_edges", "raw_counts_of"]

_ALIKE = 1e-6
"""Edges may miss those of equal bins by this share of a bin: they may have been written down with few digits."""


def checked_edges(edges: ArrayLike) -> tuple[int, tuple[float, float]]:
    """Return the number of bins and the ends of an axis that is given by its edges, shape (bins + 1,).

    Raises
    ------
    InvalidArgumentError
        If they are not increasing, finite and equally spaced.
    """
    given = real_array("edges", edges)
    if given.ndim != 1 or given.size < 2 or not np.isfinite(given).all():
        raise InvalidArgumentError(f"edges has shape {given.shape}; give the bins + 1 finite edges of the bins")
    places = given.astype(np.float64)
    bins, lo, hi = places.size - 1, float(places[0]), float(places[-1])
    if not lo < hi or np.abs(places - np.linspace(lo, hi, bins + 1)).max() > _ALIKE * (hi - lo) / bins:
        raise InvalidArgumentError(
            f"edges from {lo!r} to {hi!r} are not those of {bins} equal bins from left to right; count in equal bins, "
            "such as numpy.linspace(lo, hi, bins + 1) cuts"
        )
    return bins, (lo, hi)


def raw_counts_of(counts: ArrayLike, underflow: ArrayLike, overflow: ArrayLike, bins: int) -> NDArray[np.int64]:
    """Return counts per group in the columns underflow, bins, overflow and invalid, shape (groups, bins + 3).

    Raises
    ------
    InvalidArgumentError
        If a shape does not fit, or what is given are not whole numbers from 0 on.
    """
    inside = _whole("counts", counts)
    if inside.ndim != 2 or inside.shape[1] != bins:
        raise InvalidArgumentError(
            f"counts has shape {inside.shape}; give (groups, {bins}): a row for each independent group of walkers, a "
            "column for each bin"
        )
    raw = np.zeros((len(inside), bins + 3), dtype=np.int64)
    raw[:, 1:-2] = inside
    for name, column, tail in (("underflow", 0, underflow), ("overflow", -2, overflow)):
        values = _whole(name, tail)
        if values.shape not in {(), (len(inside),)}:
            raise InvalidArgumentError(
                f"{name} has shape {values.shape}; give one count for each of {len(inside)} groups"
            )
        raw[:, column] = values
    return raw


def _whole(name: str, value: Any) -> NDArray[np.int64]:
    numbers = real_array(name, value)
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(np.int64)
    wrong = (whole != numbers) | (numbers < 0)
    if wrong.any():
        first = numbers[wrong].flat[0].item()
        raise InvalidArgumentError(
            f"{name} has the entry {first!r}; give counts: whole numbers from 0 on, not densities"
        )
    return whole
