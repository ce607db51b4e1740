"""Checks of numbers and arrays that a user hands in; each failure names the argument, its value and the remedy."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidArgumentError

__all__ = ["checked_int", "checked_kind", "checked_real", "checked_rng", "one_of", "real_array", "shown"]

T = TypeVar("T")

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


def real_array(name: str, value: Any, *, code: str = "") -> NDArray[Any]:
    """Return `value` as an array, a view where it is one, once it is known to hold integers or floats and no gaps.

    This is what is usable as data anywhere in the package. Whether numbers are finite is for the caller to ask.

    Parameters
    ----------
    name : str
        How the caller's user knows this argument.
    value : array_like
        What was passed. Booleans, complex numbers, texts, objects, masked entries and ragged rows are refused.
    code : str, optional
        What code calls it, if not `name`.

    Raises
    ------
    InvalidArgumentError
        If the value is no such array.
    """
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever an object's own __array__ raises
        raise InvalidArgumentError(f"{name} = {shown(value)} is no array of numbers: {error}") from None
    if array.dtype.kind not in "iuf":
        raise InvalidArgumentError(
            f"{name} has shape {array.shape} and dtype {array.dtype}; give real numbers, such as "
            f"numpy.asarray({code or name}, dtype=float)"
        )
    if np.ma.is_masked(value):
        raise InvalidArgumentError(f"{name} = {shown(value)} is masked in places; remove them, or fill them in")
    return array


def one_of(name: str, value: Any, known: Sequence[str]) -> str:
    """Return `value` as a text once it is known to be one of those.

    Raises
    ------
    InvalidArgumentError
        If it is not.
    """
    if not isinstance(value, str) or value not in known:
        raise InvalidArgumentError(f"{name}={shown(value)} is unknown; choose one of {', '.join(map(repr, known))}")
    return str(value)


def checked_kind(name: str, value: Any, kind: type[T]) -> T:
    """Return `value` once it is known to be of a class.

    Raises
    ------
    InvalidArgumentError
        If it is not.
    """
    if not isinstance(value, kind):
        raise InvalidArgumentError(f"{name} must be a {kind.__name__}, got {shown(value)}")
    return value


def checked_rng(rng: Any) -> np.random.Generator:
    """Return the generator that a user means by what `numpy.random.default_rng` takes (SPEC 7).

    Raises
    ------
    InvalidArgumentError
        If it takes no such thing.
    """
    try:
        if isinstance(rng, np.matrix):
            raise TypeError("a matrix, of which NumPy would take rows without end")
        return np.random.default_rng(rng)
    except Exception as error:  # NumPy's own, or what the repr of an object raises
        raise InvalidArgumentError(f"rng={shown(rng)}: numpy.random.default_rng refuses it ({error})") from None


def key_of(rng: Any) -> int:
    """Return the 128-bit key of the noise that a seed or generator gives.

    Raises
    ------
    InvalidArgumentError
        If `numpy.random.default_rng` takes no such thing.
    """
    low, high = checked_rng(rng).integers(0, 2**64, size=2, dtype=np.uint64)
    return int(low) | int(high) << 64


def shown(value: Any) -> str:
    """Return a value as it appears in a message: its repr, but never a page of it, and whatever that raises."""
    try:
        text = repr(value)
    except ValueError:
        text = "more digits than Python writes out"
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
