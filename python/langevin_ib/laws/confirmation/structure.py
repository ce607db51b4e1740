"""What two targets have in common that differ in their numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable

import numpy as np
import sympy

from .on_slices import OnSlice
from .target import Target

__all__ = ["structure"]


def structure(target: Target) -> Hashable | None:
    """Return the target without its numbers but for their signs, exponents and zeros; None if it has data."""
    if target.data:
        return None
    key: list[Hashable] = [
        type(target).__name__,
        _skeleton(target.potential),
        _skeleton(target.observable),
        target.parameters,
    ]
    if target.condition is not None:
        expression, *ends = target.condition
        key.append((_skeleton(expression), *map(math.isinf, ends), *np.sign(ends)))
    if isinstance(target, OnSlice):
        key += [target.weights.tobytes(), np.sign(target.levels).tobytes(), target.rigid]
    return tuple(key)


def _skeleton(node: sympy.Basic) -> Hashable:
    if isinstance(node, sympy.Number):
        return bool(node.is_negative), bool(node.is_zero)
    if isinstance(node, sympy.Pow) and node.exp.is_Number:
        return sympy.Pow, _skeleton(node.base), node.exp
    parts = map(_skeleton, node.args)
    if isinstance(node, sympy.Add | sympy.Mul):  # SymPy's own order of terms depends on their numbers
        return node.func, frozenset(Counter(parts).items())
    return (node.func, *parts) if node.args else node
