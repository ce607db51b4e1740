"""Checks of numbers and arrays that a user hands in; each failure names the argument, its value and the remedy."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidArgumentError

__all__ = ["checked_int", "checked_real", "real_array", "shown"]

MAX_SHOWN = 200
"""The longest piece of a user's value that a message repeats."""


def checked_real(name: str, value: Any, *, minimum: float = -math.inf, open_end: bool = False) -> float:
    """Return `value` as a float once it is known to be a finite real number of the allowed range.

    Parameters
    ----------
    name : str
        How the caller's user knows this argument.
    value : object
        What was passed. Booleans, strings, arrays and complex numbers are refused.
    minimum : float
        The smallest allowed value.
    open_end : bool
        If true, `minimum` itself is not allowed.

    Raises
    ------
    InvalidArgumentError
        If the value is not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidArgumentError(f"{name} must be a real number, got {shown(value)}; pass a float")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidArgumentError(f"{name} must be finite, got {shown(value)}; pass a finite float")
    if number < minimum or (open_end and number == minimum):
        raise InvalidArgumentError(f"{name} must be {'>' if open_end else '>='} {minimum:g}, got {number!r}")
    return number


def checked_int(name: str, value: Any, *, minimum: int, maximum: int) -> int:
    """Return `value` as an int once it is known to be an integer in [minimum, maximum].

    Raises
    ------
    InvalidArgumentError
        If the value is not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InvalidArgumentError(f"{name} must be an integer, got {shown(value)}; pass an int")
    number = int(value)
    if not minimum <= number <= maximum:
        raise InvalidArgumentError(f"{name} must lie between {minimum} and {maximum}, got {shown(number)}")
    return number


def real_array(name: str, value: Any) -> NDArray[Any]:
    """Return `value` as an array, a view where it is one, once it is known to hold integers or floats and no gaps.

    This is what is usable as data anywhere in the package. Whether numbers are finite is for the caller to ask.

    Parameters
    ----------
    name : str
        How the caller's user knows this argument.
    value : array_like
        What was passed. Booleans, complex numbers, texts, objects, masked entries and ragged rows are refused.

    Raises
    ------
    InvalidArgumentError
        If the value is no such array.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidArgumentError(f"{name} = {shown(value)} is no array of numbers: {error}") from None
    if array.dtype.kind not in "iuf":
        raise InvalidArgumentError(
            f"{name} has shape {array.shape} and dtype {array.dtype}; give real numbers, such as "
            f"numpy.asarray({name}, dtype=float)"
        )
    if np.ma.is_masked(value):
        raise InvalidArgumentError(f"{name} = {shown(value)} is masked in places; remove them, or fill them in")
    return array


def shown(value: Any) -> str:
    """Return a value as it appears in a message: its repr, but never a page of it."""
    try:
        text = repr(value)
    except ValueError:
        text = "more digits than Python writes out"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
