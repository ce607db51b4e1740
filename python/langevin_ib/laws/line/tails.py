"""Which moments a law has, from how fast its probabilities fall off far out."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import InfiniteMomentError
from .expectations import tail_message

__all__ = ["infinite_moment", "require_finite_moment", "tail_exponents"]

FloatArray = NDArray[np.float64]

_FAR = np.array([1e-4, 1e-6, 1e-8])
_FARTHEST = np.array([1e-30, 1e-45, 1e-60])
_SAME = 0.03


class _Quantiles(Protocol):
    def ppf(self, q: Any, /) -> Any: ...
    def isf(self, q: Any, /) -> Any: ...


def tail_exponents(law: _Quantiles, probabilities: FloatArray = _FAR) -> tuple[float, float]:
    """Return a in p(x) ~ |x|**-a towards -infinity and +infinity; inf where the density falls off faster than that.

    Of a power law the probability falls by the same power between any two distances; of what decays faster, it falls
    by a higher one farther out.
    """
    middle = float(law.ppf(np.array([0.5]))[0])
    below, above = np.asarray(law.ppf(probabilities)), np.asarray(law.isf(probabilities))
    return _exponent(middle - below, probabilities), _exponent(above - middle, probabilities)


def _exponent(distances: FloatArray, probabilities: FloatArray) -> float:
    if not np.all(np.diff(distances, prepend=0.0) > 0.0) or not np.isfinite(distances).all():
        return math.inf
    powers = -np.diff(np.log(probabilities)) / np.diff(np.log(distances))
    return 1.0 + float(powers[-1]) if abs(powers[1] - powers[0]) < _SAME * powers[1] else math.inf


def require_finite_moment(law: _Quantiles, order: float, what: str) -> None:
    """Refuse a moment that does not exist because of the tails of a law.

    Raises
    ------
    InfiniteMomentError
        If it does not; names the exponent of the tail.
    """
    exponents = tail_exponents(law)
    if min(exponents) - 1.0 <= order + _SAME:
        raise InfiniteMomentError(tail_message(what, exponents, order))


def infinite_moment(law: _Quantiles, order: float, what: str) -> InfiniteMomentError:
    """Return the refusal of a moment that came out infinite, with the exponents of the tails as far out as can be."""
    return InfiniteMomentError(tail_message(what, tail_exponents(law, _FARTHEST), order))
