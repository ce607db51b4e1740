"""Which moments a law has, from how fast its probabilities fall off far out."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from ...errors import InfiniteMomentError
from .expectations import tail_message

__all__ = ["require_finite_moment", "tail_exponents"]

_FAR = np.array([1e-4, 10.0**-5.5, 1e-7])
_SAME = 0.03


class _Quantiles(Protocol):
    def ppf(self, q: Any, /) -> Any: ...
    def isf(self, q: Any, /) -> Any: ...


def tail_exponents(law: _Quantiles) -> tuple[float, float]:
    """Return a in p(x) ~ |x|**-a towards -infinity and +infinity; inf where the density falls off faster than that.

    Of a power law the probability falls by the same power between any two distances; of what decays faster, it falls
    by a higher one farther out.
    """
    return _exponent(-np.asarray(law.ppf(_FAR))), _exponent(np.asarray(law.isf(_FAR)))


def _exponent(distances: np.ndarray) -> float:
    if not np.all(np.diff(distances, prepend=0.0) > 0.0) or not np.isfinite(distances).all():
        return math.inf
    powers = -np.diff(np.log(_FAR)) / np.diff(np.log(distances))
    return 1.0 + float(powers[-1]) if abs(powers[1] - powers[0]) < _SAME * powers[1] else math.inf


def require_finite_moment(law: _Quantiles, order: float, what: str) -> None:
    """Refuse a moment that does not exist because of the tails of a law; of an infinite order, any.

    Raises
    ------
    InfiniteMomentError
        If it does not; names the exponent of the tail.
    """
    exponents = tail_exponents(law)
    side = int(np.argmin(exponents))
    if exponents[side] - 1.0 <= order + _SAME:
        raise InfiniteMomentError(tail_message(what, exponents[side], order, upper=side == 1))
