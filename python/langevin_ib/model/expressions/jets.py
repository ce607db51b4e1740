"""Values of expressions with sums over data at many points at once, and their derivatives along a vector field.

The derivative is carried along node by node (forward differentiation), so it exists wherever the expression is
differentiable, kinks of Max, Abs and Piecewise excepted, and costs as much as a few evaluations whatever the number of
parameters. Along with it goes the sum of the absolute values of all its terms: what cancels is judged by that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.logic.boolalg import Boolean

from ...checks import shown
from ...errors import InvalidArgumentError
from .data import Data, index_factors, limits_of
from .numpy_code import numpy_function

__all__ = ["Jet", "function_of", "jet", "values_of", "values_together"]

FloatArray = NDArray[np.float64]

_ENTRIES = 2**17
"""Sums go over so many rows at once that an array has about this many entries."""

_FLAT = (sympy.sign, sympy.Heaviside, sympy.floor, sympy.ceiling)
"""Functions whose derivative is zero wherever there is one."""

_CONDITIONS: dict[type[sympy.Basic], Callable[..., Any]] = {
    sympy.Lt: np.less,
    sympy.Le: np.less_equal,
    sympy.Gt: np.greater,
    sympy.Ge: np.greater_equal,
    sympy.Eq: np.equal,
    sympy.Ne: np.not_equal,
}


@dataclass(frozen=True)
class Jet:
    """An expression at points.

    Parameters
    ----------
    value : array
        Its values.
    slope : array or None
        Its derivatives along the vector field; None if they are zero everywhere.
    size : array
        What the absolute values of the terms of `slope` add up to.
    """

    value: FloatArray
    slope: FloatArray | None = None
    size: FloatArray = field(default_factory=lambda: np.zeros(()))


def jet(
    expression: sympy.Expr,
    points: Mapping[sympy.Symbol, FloatArray],
    data: Data,
    flow: Mapping[sympy.Symbol, FloatArray] | None = None,
    *,
    rows: Mapping[sympy.Basic, NDArray[np.int64]] | None = None,
) -> Jet:
    """Return value and derivative of an expression.

    Parameters
    ----------
    expression : sympy.Expr
        A function of the symbols of `points` and of `data`, checked by `data.free_symbols_of`.
    points : mapping from symbol to array, shape (n,)
        Where to evaluate.
    data : mapping from str to array
        What `sympy.IndexedBase` of these names stands for.
    flow : mapping from symbol to array, shape (n,), optional
        The components of a vector field at the points; zero where a symbol is missing.
    rows : mapping from index to array, shape (n,), optional
        For an expression that stands inside of a sum: the value of its index at each point.

    Returns
    -------
    Jet
        With arrays of shape (n,); not finite where the expression is undefined or out of the range of doubles.

    Raises
    ------
    InvalidArgumentError
        If the expression has a node that this evaluation does not know.
    """
    moving = {} if flow is None else flow
    leaves = {
        symbol: Jet(values, moving[symbol], np.abs(moving[symbol])) if symbol in moving else Jet(values)
        for symbol, values in points.items()
    }
    (shape,) = {np.shape(values) for values in points.values()}
    with np.errstate(all="ignore"):
        found = _Evaluation(data, leaves, {} if rows is None else rows).visit(expression)
    slope = None if found.slope is None else np.broadcast_to(found.slope, shape)
    return Jet(np.broadcast_to(found.value, shape), slope, np.broadcast_to(found.size, shape))


def values_of(expression: sympy.Expr, points: Mapping[sympy.Symbol, FloatArray], data: Data) -> FloatArray:
    """Return the values of an expression, shape (n,), as `jet` does."""
    return jet(expression, points, data).value


def values_together(
    expressions: Sequence[sympy.Expr], points: Mapping[sympy.Symbol, FloatArray], data: Data
) -> list[FloatArray]:
    """Return the values of several expressions, shape (n,) each; what they have in common is evaluated once."""
    shape = np.broadcast_shapes(*(np.shape(values) for values in points.values()))
    evaluation = _Evaluation(data, {symbol: Jet(values) for symbol, values in points.items()})
    with np.errstate(all="ignore"):
        return [np.broadcast_to(evaluation.visit(expression).value, shape) for expression in expressions]


@dataclass
class _Evaluation:
    """One walk through an expression; inside a sum, arrays have a further leading axis for its rows."""

    data: Data
    leaves: Mapping[sympy.Symbol, Jet]
    rows: Mapping[sympy.Basic, NDArray[np.int64]] = field(default_factory=dict)
    memo: dict[sympy.Basic, Jet] = field(default_factory=dict)

    def visit(self, node: sympy.Basic) -> Jet:
        found = self.memo.get(node)
        if found is None:
            found = self.memo[node] = self._evaluated(node)
        return found

    def _evaluated(self, node: sympy.Basic) -> Jet:  # noqa: PLR0911, PLR0912 - one for each kind of node
        match node:
            case sympy.Number() | sympy.NumberSymbol():
                return Jet(np.asarray(_double(node)))
            case sympy.Indexed():
                return Jet(self.data[str(node.base.label)][tuple(self._index(i) for i in node.indices)])
            case sympy.Sum():
                return self._sum(node)
            case sympy.Add():
                return _added([self.visit(part) for part in node.args])
            case sympy.Mul():
                return _multiplied([self.visit(part) for part in node.args])
            case sympy.Max() | sympy.Min():
                return _extreme([self.visit(part) for part in node.args], 1 if isinstance(node, sympy.Max) else -1)
            case sympy.Piecewise():
                return self._piecewise(node)
            case sympy.frac():
                return self.visit(node.args[0] - sympy.floor(node.args[0]))
            case sympy.Mod():
                return self.visit(node.args[0] - node.args[1] * sympy.floor(node.args[0] / node.args[1]))
            case sympy.KroneckerDelta():
                one, other = (self.visit(part).value for part in node.args[:2])
                return Jet(np.equal(one, other).astype(np.float64))
            case sympy.Pow() | sympy.Function():
                return self._function(node)
        if node in self.leaves:
            return self.leaves[node]
        if node in self.rows:
            return Jet(self.rows[node].astype(np.float64))
        raise InvalidArgumentError(
            f"there are no values of {type(node).__name__} here, as in {shown(node)}; write it with other functions, "
            "or, if it is a number, as sympy.N() has it"
        )

    def _index(self, index: sympy.Expr) -> Any:
        factors = index_factors(index) or {}
        return sum(factor * self.rows.get(bound, 1) for bound, factor in factors.items())

    def _sum(self, node: sympy.Sum) -> Jet:
        index, first, last = limits_of("a sum", node)[-1]
        inner = node.func(node.function, *node.limits[:-1]) if len(node.limits) > 1 else node.function
        width = max((leaf.value.size for leaf in self.leaves.values()), default=1)
        for rows in self.rows.values():
            width *= rows.size
        count, parts = max(1, _ENTRIES // width), []
        axes = 1 + len(self.rows)
        for start in range(first, last + 1, count):
            numbers = np.arange(start, min(start + count, last + 1)).reshape(-1, *(1,) * axes)
            part = _Evaluation(self.data, self.leaves, {**self.rows, index: numbers}).visit(inner)
            parts.append(
                Jet(
                    _total(part.value, numbers),
                    None if part.slope is None else _total(part.slope, numbers),
                    _total(part.size, numbers),
                )
            )
        return _added(parts)

    def _function(self, node: sympy.Expr) -> Jet:
        arguments = [self.visit(part) for part in node.args]
        values = [argument.value for argument in arguments]
        value = np.asarray(function_of(node)(*values))
        if isinstance(node, sympy.log) and (out := np.isinf(value) | np.isnan(values[0])).any():
            value = np.where(out, self._log(node.args[0]), value)
        slope: FloatArray | None = None
        size = np.asarray(0.0)
        for k, argument in enumerate(arguments):
            if argument.slope is None or isinstance(node, _FLAT):
                continue
            rate = np.asarray(function_of(node, k)(*values))
            slope = rate * argument.slope if slope is None else slope + rate * argument.slope
            size = size + np.abs(rate) * argument.size
        return Jet(value, slope, size)

    def _log(self, node: sympy.Expr) -> FloatArray:
        """Return the log of a product of positive numbers, also if exp(1000), say, is out of range on the way to it."""
        match node:
            case sympy.exp():
                return self.visit(node.args[0]).value
            case sympy.cosh():
                size = np.abs(self.visit(node.args[0]).value)
                return np.asarray(size + np.log1p(np.exp(-2.0 * size)) - np.log(2.0))
            case sympy.Pow() if node.exp.is_number:
                return np.asarray(self.visit(node.exp).value * self._log(node.base))
            case sympy.Mul():
                return np.asarray(sum(self._log(part) for part in node.args))
            case sympy.Add():
                whole = np.asarray(np.log(self.visit(node).value))
                logs = reduce(np.logaddexp, [self._log(part) for part in node.args])
                return np.asarray(np.where(np.isinf(whole) & ~np.isnan(logs), logs, whole))
        return np.asarray(np.log(self.visit(node).value))

    def _piecewise(self, node: sympy.Piecewise) -> Jet:
        value, slope, size = np.asarray(np.nan), np.asarray(0.0), np.asarray(0.0)
        moves = False
        for part, condition in reversed(node.args):
            chosen, branch = self._condition(condition), self.visit(part)
            value = np.where(chosen, branch.value, value)
            slope = np.where(chosen, 0.0 if branch.slope is None else branch.slope, slope)
            size = np.where(chosen, branch.size, size)
            moves |= branch.slope is not None
        return Jet(value, slope if moves else None, size)

    def _condition(self, node: Boolean) -> NDArray[np.bool_]:
        if type(node) in _CONDITIONS:
            left, right = (self.visit(side).value for side in node.args)
            return np.asarray(_CONDITIONS[type(node)](left, right))
        parts = [self._condition(part) for part in node.args]
        match node:
            case sympy.logic.boolalg.BooleanTrue() | sympy.logic.boolalg.BooleanFalse():
                return np.asarray(bool(node))
            case sympy.And():
                return np.asarray(_folded(np.logical_and, parts))
            case sympy.Or():
                return np.asarray(_folded(np.logical_or, parts))
            case sympy.Not():
                return np.logical_not(parts[0])
            case sympy.ITE():
                return np.where(parts[0], parts[1], parts[2])
        raise InvalidArgumentError(f"the condition {shown(node)} cannot be evaluated with data")


def _double(number: sympy.Expr) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number.is_positive else float("-inf")


def _folded(combine: Callable[..., Any], parts: list[Any]) -> Any:
    result = parts[0]
    for part in parts[1:]:
        result = combine(result, part)
    return result


def _total(part: FloatArray, numbers: NDArray[np.int64]) -> FloatArray:
    """Sum over the leading axis, along which something that does not depend on the row is as long as the rows."""
    if part.ndim < numbers.ndim:
        return np.asarray(part * len(numbers))
    return np.asarray(part.sum(axis=0) if len(part) == len(numbers) else part[0] * len(numbers))


def _added(parts: list[Jet]) -> Jet:
    moving = [part.slope for part in parts if part.slope is not None]
    slope = np.asarray(_folded(np.add, moving)) if moving else None
    return Jet(
        np.asarray(_folded(np.add, [part.value for part in parts])),
        slope,
        np.asarray(_folded(np.add, [part.size for part in parts])),
    )


def _multiplied(factors: list[Jet]) -> Jet:
    result = factors[0]
    for factor in factors[1:]:
        terms = [a.slope * b.value for a, b in ((result, factor), (factor, result)) if a.slope is not None]
        value = result.value * factor.value
        if not terms:
            result = Jet(value)
            continue
        size = result.size * np.abs(factor.value) + np.abs(result.value) * factor.size
        result = Jet(value, np.asarray(_folded(np.add, terms)), size)
    return result


def _extreme(parts: list[Jet], sign: int) -> Jet:
    result = parts[0]
    for part in parts[1:]:
        better = sign * part.value > sign * result.value
        undefined = np.isnan(part.value) | np.isnan(result.value)
        value = np.where(undefined, np.nan, np.where(better, part.value, result.value))
        slope = None
        if part.slope is not None or result.slope is not None:
            slopes = [0.0 if jet_.slope is None else jet_.slope for jet_ in (part, result)]
            slope = np.where(better, *slopes)
        result = Jet(value, slope, np.where(better, part.size, result.size))
    return result


def function_of(node: sympy.Expr, argument: int | None = None) -> Callable[..., Any]:
    """Return the function that a node applies to its arguments, or its derivative by one of them, for arrays."""
    # Where the exponent of a power is a number, the formula of its derivative has no logarithm.
    exponent = node.exp if isinstance(node, sympy.Pow) and node.exp.is_Number else None
    return _compiled(node.func, len(node.args), argument, exponent)


@lru_cache(maxsize=512)
def _compiled(
    function: type[sympy.Expr], arity: int, argument: int | None, exponent: sympy.Expr | None
) -> Callable[..., Any]:
    symbols = sympy.symbols(f"x:{arity}", real=True)
    value = function(*symbols) if exponent is None else symbols[0] ** exponent
    formula = value if argument is None else value.diff(symbols[argument])
    compiled = numpy_function(symbols, [formula], functions={"DiracDelta": np.zeros_like})
    return lambda *arguments: compiled(*arguments)[0]
