"""SymPy expressions of real symbols: which are acceptable, as text, and as NumPy functions."""

from __future__ import annotations

import hashlib
import keyword
import math
import numbers
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.function import AppliedUndef
from sympy.printing.repr import ReprPrinter

from ...checks import shown
from ...errors import InvalidArgumentError
from .data import Data, free_symbols_of, uses_data
from .jets import values_of
from .numpy_code import numpy_function
from .parts import degree_of, has_part, is_plainly_real, is_small, parts_of, symbols_of
from .rows import summed_rows

__all__ = [
    "DATA_TOLERANCE",
    "NO_DATA",
    "canonical_text",
    "checked_expression",
    "checked_name",
    "compiled",
    "compiled_together",
    "condensed",
    "exact",
    "probes",
    "same_expression",
    "scalar_expression",
]

NO_DATA: Data = MappingProxyType({})

DATA_TOLERANCE = 1e-11
"""What cancels to less than this share of its terms is zero, in an expression with data: those are evaluated in double
precision, with errors that are some thousand times smaller."""

_NOT_FINITE = frozenset((sympy.nan, sympy.zoo, sympy.oo, -sympy.oo))
_BLOCK = 2**16
_WITHOUT_VALUES = {
    (sympy.Derivative, sympy.Subs, sympy.Limit, sympy.Trace, sympy.Determinant): "call .doit() on it first",
    sympy.Contains: "write it with comparisons, And and Or",
    sympy.Integral: "integrate it first, by .doit(), or replace it by a sympy.Sum over nodes",
    sympy.Product: "write its factors out, or exp(Sum(log(...)))",
    sympy.Order: "leave it out, by .removeO()",
    sympy.DiracDelta: "write a narrow Gaussian, or ask for a law under a condition, given=",
    (sympy.LambertW, sympy.LeviCivita): "write it with other functions",
    sympy.SingularityFunction: "write it with Max or Heaviside",
    sympy.AccumBounds: "give one number",
}
"""What can't be had, and what to do instead."""

_OF_NUMBERS = (sympy.LambertW, sympy.LeviCivita)
"""Of these a number is evaluated."""

_LONGEST = 256

_EPSILON, _ROUNDED = float(np.finfo(np.float64).eps), 1e-9
"""A polynomial in place of a sum may be wrong by `_ROUNDED`, or by as little as adding up the rows would be."""

_FEW, _MANY, _LONG, _HIGHEST = 8, 400, 256, 12
"""Sums over more rows than `_LONG` are usually condensed to polynomials, if those have few symbols and few terms, and
no high degree."""


def checked_name(kind: str, name: Any) -> str:
    """Return `name` if it is a plain Python identifier, so that it can be typed, printed and stored anywhere.

    Raises
    ------
    InvalidArgumentError
        If it is anything else.
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise InvalidArgumentError(f"{kind} name {name!r} must be a Python identifier such as 'theta' or 'w_1'")
    return name


def checked_expression(what: str, value: Any, symbols: Sequence[sympy.Symbol], data: Data = NO_DATA) -> sympy.Expr:
    """Return `value` as a SymPy expression that is real, finite and depends on `symbols` and `data` alone.

    Raises
    ------
    InvalidArgumentError
        If `value` is no expression, contains infinities, nan, the imaginary unit or an undefined function, depends on
        something else than `symbols`, or does not use the data as they are; the message names the sub-expression.
    """
    expression = scalar_expression(value)
    if expression is None:
        raise InvalidArgumentError(
            f"{what} must be a scalar SymPy expression of the parameters, got {shown(value)} of type "
            f"{type(value).__name__}"
        )
    _refuse_what_has_no_values(what, expression, symbols)
    _refuse_unknown_symbols(what, expression, symbols, data)
    if any(part in _NOT_FINITE for part in parts_of(expression)):
        raise InvalidArgumentError(f"{_named(what, expression)} is not finite; remove the infinity or nan")
    # Of a sum SymPy would find out by simplifying it, which takes seconds; of many nested functions, hours.
    known = is_small(expression) and not uses_data(expression) and not is_plainly_real(expression)
    if has_part(expression, sympy.core.numbers.ImaginaryUnit) or (known and expression.is_extended_real is False):
        raise InvalidArgumentError(f"{_named(what, expression)} is not real for real parameters")
    undefined = sorted(str(part) for part in parts_of(expression) if isinstance(part, AppliedUndef))
    if undefined:
        raise InvalidArgumentError(f"{what} contains undefined functions {', '.join(undefined)}; write them out")
    return expression


def _refuse_what_has_no_values(what: str, expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> None:
    """Refuse what SymPy writes down and nothing here evaluates."""
    known = frozenset(symbols)
    for part in parts_of(expression):
        remedy = next((remedy for kind, remedy in _WITHOUT_VALUES.items() if isinstance(part, kind)), None)
        if remedy is None:
            continue
        if known.isdisjoint(symbols_of(part)) and not isinstance(part, sympy.AccumBounds):
            if isinstance(part, _OF_NUMBERS):
                continue
            remedy = "if it is a number, write sympy.N() of it in its place"
        raise InvalidArgumentError(f"{what} contains {shown(part)}, which is not evaluated here; {remedy}")


def scalar_expression(value: Any) -> sympy.Expr | None:
    """Return an expression or a number as SymPy has it; None for anything else.

    SymPy would also take what has a ``__float__``: the value that a tensor has at the moment, in place of a formula.
    """
    if not isinstance(value, (sympy.Basic, numbers.Number)) and not hasattr(type(value), "_sympy_"):
        return None
    try:
        expression = sympy.sympify(value, strict=True)
    except sympy.SympifyError:
        return None
    no_scalar = isinstance(expression, sympy.Lambda) or getattr(expression, "is_Matrix", False)
    return expression if isinstance(expression, sympy.Expr) and not no_scalar else None


def _named(what: str, expression: sympy.Expr) -> str:
    return f"{what} = {shown(expression)}" if is_small(expression) else what


def _refuse_unknown_symbols(what: str, expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data) -> None:
    free = free_symbols_of(what, expression, data)[0] if uses_data(expression) else symbols_of(expression)
    unknown = sorted(free.difference(symbols), key=str)
    if not unknown:
        return
    names = ", ".join(map(str, unknown))
    known = ", ".join(map(str, symbols))
    twin = any(str(s) == str(t) for s in unknown for t in symbols)
    remedy = (
        "it has the name of a parameter but is another symbol; use the symbols that parameters() returned"
        if twin
        else "give it a number or list it among the parameters"
    )
    raise InvalidArgumentError(f"{what} depends on {names}, but the parameters are {known}: {remedy}")


def exact(value: Any) -> sympy.Expr:
    """Return a number as SymPy has it, whole floats as integers: a model typed by hand equals a ready-made one."""
    number = sympy.sympify(value)
    return sympy.Integer(int(number)) if number.is_Float and float(number).is_integer() else number


class _CanonicalPrinter(ReprPrinter):  # type: ignore[misc]  # SymPy has no types
    """SymPy's srepr, but a symbol is what is known of it, and not what was said when it was made."""

    def _print_Symbol(self, symbol: sympy.Symbol) -> str:  # noqa: N802 - the name that SymPy looks for
        return f"Symbol({symbol.name!r}, {sorted(symbol.assumptions0.items())})"


def canonical_text(expression: Any) -> str:
    """Return a text that is the same for equal expressions in every process; of large ones, with parts as hashes."""
    if not isinstance(expression, sympy.Basic) or is_small(expression):
        return str(_CanonicalPrinter().doprint(expression))
    texts: dict[sympy.Basic, str] = {}
    for part in parts_of(expression):
        if isinstance(part, sympy.Basic) and part.args:
            text = f"{type(part).__name__}({', '.join(texts[inner] for inner in part.args)})"
        else:
            text = str(_CanonicalPrinter().doprint(part))
        texts[part] = text if len(text) <= _LONGEST else hashlib.sha256(text.encode()).hexdigest()
    return texts[expression]


def same_expression(one: sympy.Expr, other: sympy.Expr) -> bool:
    """Return whether expressions are equal; SymPy compares a part as often as it occurs, which can take hours."""
    return bool(one == other) if is_small(one) else canonical_text(one) == canonical_text(other)


def probes(symbols: Sequence[sympy.Symbol], count: int) -> dict[sympy.Symbol, NDArray[np.float64]]:
    """Return random points, always the same: every other one positive, a third each of the sizes 1, 1/10 and 1/1000."""
    source = random.Random(20260106)
    scale = 10.0 ** -np.array([(0, 1, 3)[probe % 3] for probe in range(count)])
    drawn = [[_random_number(source, positive=probe % 2 == 0) for _ in symbols] for probe in range(count)]
    return dict(zip(symbols, np.array(drawn).T * scale, strict=True))


def _random_number(source: random.Random, *, positive: bool) -> float:
    value = source.randint(200, 3000) / source.randint(500, 1500)
    return value if positive or source.random() < 0.5 else -value


def compiled(
    expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data = NO_DATA
) -> Callable[..., NDArray[np.float64]]:
    """Return `expression` as a NumPy function of the symbols, which broadcasts and is silent about overflow.

    Parameters
    ----------
    expression : sympy.Expr
        A real expression of `symbols` and `data`.
    symbols : sequence of sympy.Symbol
        The arguments, in the order in which the function takes them.
    data : mapping from str to array, optional
        What the expression sums over.

    Returns
    -------
    callable
        Takes one array per symbol (any broadcastable shapes), returns the float64 array of values; values out of the
        range of doubles come back as inf or nan.
    """
    return _First(compiled_together([expression], symbols, data))


@dataclass(frozen=True, eq=False)
class _First:
    """The only value of a function that returns a list."""

    function: Callable[..., list[NDArray[np.float64]]]

    def __call__(self, *arguments: Any) -> NDArray[np.float64]:
        return self.function(*arguments)[0]


class _Compiled:
    """A NumPy function of expressions, which is pickled as these: SymPy's functions themselves cannot be."""

    def __init__(self, expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], data: Data) -> None:
        self._arguments = (tuple(expressions), tuple(symbols), dict(data))
        formulas, arguments, arrays = self._arguments
        self._function = (
            _compiled_together(formulas, arguments, arrays) if data else _compiled_before(formulas, arguments)
        )

    def __call__(self, *arguments: Any) -> list[NDArray[np.float64]]:
        return self._function(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments


@lru_cache(maxsize=128)
def _compiled_before(
    expressions: tuple[sympy.Expr, ...], symbols: tuple[sympy.Symbol, ...]
) -> Callable[..., list[NDArray[np.float64]]]:
    """Return what was compiled before: in a scan, the same formulas at each point."""
    return _compiled_together(expressions, symbols, NO_DATA)


def compiled_together(
    expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], data: Data = NO_DATA
) -> Callable[..., list[NDArray[np.float64]]]:
    """Return expressions as one NumPy function, which evaluates once what those without data have in common.

    Parameters
    ----------
    expressions : sequence of sympy.Expr
        Real expressions of `symbols` and `data`.
    symbols, data
        As for `compiled`.

    Returns
    -------
    callable
        As `compiled` does, but a list with the values of each expression; it can be pickled.
    """
    return _Compiled(expressions, symbols, data)


def _compiled_together(
    expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], data: Data
) -> Callable[..., list[NDArray[np.float64]]]:
    short = [_condensed_sums(expression, symbols, data) for expression in expressions]
    bound = [e.xreplace(sums) for e, sums in zip(expressions, short, strict=True)]
    summing = {k: _summing(e, symbols, data) for k, e in enumerate(bound) if uses_data(e)}
    plain = [e for e in bound if not uses_data(e)]
    raw = numpy_function(symbols, plain, share=True)
    corrections = {k: _correction(expressions[k], sums, symbols, data) for k, sums in enumerate(short) if sums}

    def function(*arguments: Any) -> list[NDArray[np.float64]]:
        arrays = [np.asarray(a, dtype=np.float64) for a in arguments]
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        with np.errstate(all="ignore"):
            values = [np.broadcast_to(np.asarray(v, dtype=np.float64), shape) for v in (raw(*arrays) if plain else [])]
        for k, total in summing.items():
            values.insert(k, total(*arrays))
        for k, corrected in corrections.items():
            values[k] = corrected(values[k], arrays)
        return values

    return function


def _correction(
    expression: sympy.Expr, sums: dict[sympy.Expr, sympy.Expr], symbols: Sequence[sympy.Symbol], data: Data
) -> Callable[..., NDArray[np.float64]]:
    """Return a function that sums over the data after all, at the points where the terms of a polynomial cancel."""
    sizes = [sympy.Add(*(sympy.Abs(term) for term in sympy.Add.make_args(polynomial))) for polynomial in sums.values()]
    compiled_sizes = numpy_function(symbols, [*sums.values(), *sizes])
    exact = _summing(expression, symbols, data)

    def function(values: NDArray[np.float64], arrays: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        cancels = np.zeros(values.shape, dtype=bool)
        with np.errstate(all="ignore"):
            found = compiled_sizes(*arrays)
            for value, size in zip(found[: len(sizes)], found[len(sizes) :], strict=True):
                cancels |= _EPSILON * np.asarray(size) > np.maximum(_ROUNDED, 64.0 * _EPSILON * np.abs(value))
        if not cancels.any():
            return values
        there = [np.broadcast_to(array, values.shape)[cancels] for array in arrays]
        corrected = values.copy()
        corrected[cancels] = exact(*there)
        return corrected

    return function


def _summing(expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data) -> Callable[..., NDArray[np.float64]]:
    """Return a function that sums over data at every point, as many points at once as fit into a block of memory."""
    quick = summed_rows(expression, symbols, data)

    def function(*arguments: Any) -> NDArray[np.float64]:
        arrays = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in arguments))
        flat = [array.ravel() for array in arrays]
        if quick is not None:
            return quick(*flat).reshape(arrays[0].shape)
        values = np.empty(flat[0].shape)
        for start in range(0, values.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            values[block] = values_of(expression, {s: a[block] for s, a in zip(symbols, flat, strict=True)}, data)
        return values.reshape(arrays[0].shape)

    return function


def condensed(expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data, *, rows: int = _LONG) -> sympy.Expr:
    """Return an equal expression whose sums over so many rows are gone where they are polynomials in few symbols.

    The sum of (a x_i - y_i)**2 is a**2 sum x_i**2 - 2 a sum x_i y_i + sum y_i**2, whose coefficients are numbers: then
    a value costs the same however many rows there are.
    """
    return expression.xreplace(_condensed_sums(expression, symbols, data, rows=rows))


def _condensed_sums(
    expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data, *, rows: int = _LONG
) -> dict[sympy.Expr, sympy.Expr]:
    """Return the polynomials that sums of an expression are."""
    if not uses_data(expression):
        return {}
    sums = [
        total
        for total in expression.atoms(sympy.Sum)
        if len(total.free_symbols & set(symbols)) <= _FEW and max(b - a for _, a, b in total.limits) >= rows
    ]
    found = {total: _condensed_sum(total, symbols, data) for total in sums}
    return {total: polynomial for total, polynomial in found.items() if polynomial != total}


def _condensed_sum(total: sympy.Sum, symbols: Sequence[sympy.Symbol], data: Data) -> sympy.Expr:
    degree = degree_of(total.function)
    if degree > _HIGHEST and (math.isfinite(degree) or not is_small(total.function)):
        # Written out, high powers cancel in all their digits; and to write large expressions out may take hours.
        return total
    parameters = [s for s in symbols if s in total.free_symbols]
    coefficients: dict[sympy.Expr, sympy.Expr] = {}
    terms = sympy.Add.make_args(sympy.expand(total.function))
    for term in terms[: _MANY + 1]:
        coefficient, factor = term.as_independent(*parameters, as_Add=False)
        if len(terms) > _MANY or factor.has(sympy.Indexed, sympy.Sum, *(limit[0] for limit in total.limits)):
            return total
        coefficients[factor] = coefficients.get(factor, sympy.S.Zero) + coefficient
    nowhere = {sympy.Dummy(): np.zeros(1)}
    return sympy.Add(
        *(
            sympy.Float(float(values_of(total.func(c, *total.limits), nowhere, data)[0]), 17) * factor
            for factor, c in coefficients.items()
        )
    )
