"""A penalty as a function of the size of a block of features: by numbers, and by symbols where these are a formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import UnsupportedModelError

__all__ = ["FloatArray", "Formula", "no_symbols"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Formula:
    """A function of r = |z|, or of z itself where blocks have features that are not turned into each other.

    Parameters
    ----------
    numeric : callable
        Takes an array, returns one of the same shape.
    symbolic : callable
        Takes an expression, returns one; raises UnsupportedModelError where there is no formula.
    """

    numeric: Callable[[FloatArray], FloatArray]
    symbolic: Callable[[sympy.Expr], sympy.Expr]


def no_symbols(reason: str) -> Callable[[sympy.Expr], sympy.Expr]:
    """Return the symbolic side of a penalty that has none."""

    def refuse(r: sympy.Expr) -> sympy.Expr:
        raise UnsupportedModelError(f"there is no formula for this penalty: {reason}; give numbers in place of {r}")

    return refuse
