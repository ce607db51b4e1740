"""The operations of a tape: their names, in the order of their codes, what they read, and what they mean in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .fused import fused

__all__ = ["OPCODES", "OPERATIONS", "Array", "Operation"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Operation:
    """One operation.

    Parameters
    ----------
    name : str
        Its name; its code is its place in `OPERATIONS`.
    reads : tuple of int
        Which of the operands a, b, c (0, 1, 2) are registers.
    column : int or None
        Which operand is a column of the data, inside a loop.
    apply : callable
        Its meaning for float64 arrays: takes the registers in the order of the operands, a column in its place. For
        floats of single precision the result is rounded once more, which is correct rounding for + - * / and sqrt.
    """

    name: str
    reads: tuple[int, ...]
    column: int | None
    apply: Callable[..., Any]


def _power(a: Array, b: Array) -> Array:
    """Return C's pow: negative a to an integer b has the sign of (-1)**b, to any other b is NaN."""
    return np.asarray(np.power(a, b))


def _select(a: Array, b: Array, c: Array) -> Array:
    return np.where(a != 0, b, c)


def _compare(relation: Callable[[Array, Array], Any]) -> Callable[[Array, Array], Array]:
    return lambda a, b: np.asarray(relation(a, b), dtype=np.float64)


def _softplus(a: Array) -> Array:
    return np.asarray(np.logaddexp(0.0, a))


_UNARY: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("copy", np.positive),
    ("neg", np.negative),
    ("abs", np.abs),
    ("sign", np.sign),
    ("sqrt", np.sqrt),
    ("exp", np.exp),
    ("expm1", np.expm1),
    ("log", np.log),
    ("log1p", np.log1p),
    ("sin", np.sin),
    ("cos", np.cos),
    ("tan", np.tan),
    ("sinh", np.sinh),
    ("cosh", np.cosh),
    ("tanh", np.tanh),
    ("atan", np.arctan),
    ("erf", special.erf),
    ("sigmoid", special.expit),
    ("softplus", _softplus),
)
_BINARY: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("add", np.add),
    ("sub", np.subtract),
    ("mul", np.multiply),
    ("div", np.divide),
    ("min", np.minimum),
    ("max", np.maximum),
    ("pow", _power),
    ("less", _compare(np.less)),
    ("less_equal", _compare(np.less_equal)),
)
_REST = (
    Operation("select", (0, 1, 2), None, _select),
    Operation("fma", (0, 1, 2), None, fused),
    Operation("loop", (), None, np.positive),
    Operation("column", (), 0, np.positive),
    Operation("mul_column", (0,), 1, np.multiply),
    Operation("fma_column", (0, 2), 1, fused),
)

OPERATIONS: tuple[Operation, ...] = (
    *(Operation(name, (0,), None, apply) for name, apply in _UNARY),
    *(Operation(name, (0, 1), None, apply) for name, apply in _BINARY),
    *_REST,
)
"""Every operation; the code of one is its place here. A row of code is (op, dst, a, b, c)."""

OPCODES: dict[str, int] = {operation.name: code for code, operation in enumerate(OPERATIONS)}
