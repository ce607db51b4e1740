"""SymPy expressions as plain lists of names and numbers, and back: only listed functions, nothing is ever evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import sympy
from sympy.codegen.cfunctions import expm1, log1p
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean

from ...checks import shown
from ...errors import ArchiveError
from .parts import parts_of
from .singular import SingularValue

__all__ = ["Tree", "integer_from", "integer_tree", "read_tree", "tree_of"]

Tree: TypeAlias = list[Any]
"""``[name, part, ...]``, the parts being trees, numbers or texts, as JSON knows them."""

_DEEPEST, _MOST = 60, 20_000
"""Lists are nested no deeper, and have no more parts in all; what is beyond that is written part by part."""

_EXACT = 2**53
"""Integers below this are the same in every reader of JSON."""

_OF_NUMBERS = (
    *(sympy.Add, sympy.Mul, sympy.Pow, sympy.Abs, sympy.sign, sympy.Max, sympy.Min, sympy.floor, sympy.ceiling),
    *(sympy.exp, sympy.log, expm1, log1p, sympy.LambertW, sympy.Heaviside, sympy.erf, sympy.erfc, sympy.erfi),
    *(sympy.UnevaluatedExpr, sympy.KroneckerDelta, sympy.re, sympy.im, sympy.conjugate),
    *(sympy.sin, sympy.cos, sympy.tan, sympy.cot, sympy.sec, sympy.csc, sympy.sinc),
    *(sympy.asin, sympy.acos, sympy.atan, sympy.acot, sympy.atan2),
    *(sympy.sinh, sympy.cosh, sympy.tanh, sympy.coth, sympy.sech, sympy.csch),
    *(sympy.asinh, sympy.acosh, sympy.atanh, sympy.acoth),
    *(sympy.gamma, sympy.loggamma, sympy.polygamma, sympy.beta, sympy.zeta),
    *(sympy.besselj, sympy.bessely, sympy.besseli, sympy.besselk, SingularValue),
    *(sympy.airyai, sympy.airybi, sympy.airyaiprime, sympy.airybiprime, sympy.fresnels, sympy.fresnelc),
    *(sympy.Ei, sympy.Si, sympy.Ci, sympy.erfinv, sympy.erfcinv, sympy.erf2),
)
_COMPARISONS = (sympy.Eq, sympy.Ne, sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge)
_CONNECTIVES = (sympy.And, sympy.Or, sympy.Not, sympy.ITE)

_NODES: dict[str, tuple[type[sympy.Basic], type[sympy.Basic]]] = {
    **{node.__name__: (node, sympy.Expr) for node in (*_OF_NUMBERS, *_COMPARISONS)},
    **{node.__name__: (node, Boolean) for node in _CONNECTIVES},
    "Piecewise": (sympy.Piecewise, ExprCondPair),
}
"""For each node that may appear: its class, and the class that all its parts must have."""

_OF_DATA = {"Sum", "Indexed", "IndexedBase", "Idx"}
"""Nodes with rules of their own: sums over rows of data."""

_CONSTANTS = {
    type(constant).__name__: constant
    for constant in (
        *(sympy.pi, sympy.E, sympy.EulerGamma, sympy.GoldenRatio, sympy.TribonacciConstant, sympy.Catalan),
        *(sympy.true, sympy.false),
    )
}

_REAL = sympy.Symbol("x", real=True).assumptions0
"""What is known of a symbol that is known to be real."""

_INTEGER = sympy.Symbol("x", integer=True).assumptions0
"""What is known of an index."""

_COMMUTATIVE = sympy.Symbol("x").assumptions0
"""What is known of every symbol."""

_FACTS = sympy.Symbol("x", zero=True).assumptions0.keys() | sympy.Symbol("x", prime=True).assumptions0.keys()
"""What else can be known of one."""


def tree_of(expression: sympy.Basic) -> Tree:
    """Return an expression as nested lists that JSON can hold.

    Numbers are exact (a float is its mantissa, exponent and precision), a symbol is its name and whatever is assumed
    of it besides being real. What is nested deeply, or has parts that occur very often, is a list of its different
    parts, ``["Parts", ...]``, in which ``["Part", k]`` stands for the k-th.

    Raises
    ------
    ArchiveError
        If the expression contains anything but numbers, real symbols and the functions of this module's list.
    """
    parts = parts_of(expression, _inside)
    indices = frozenset(limit[0] for part in parts if isinstance(part, sympy.Sum) for limit in part.limits)
    depths: dict[sympy.Basic, int] = {}
    sizes: dict[sympy.Basic, int] = {}
    for part in parts:
        depths[part] = 1 + max((depths[inner] for inner in _inside(part)), default=0)
        sizes[part] = 1 + sum(sizes[inner] for inner in _inside(part))
    if depths[expression] <= _DEEPEST and sizes[expression] <= _MOST:
        return _Writer(indices).tree(expression)
    places = {part: place for place, part in enumerate(part for part in parts if part.args)}
    writer = _Writer(indices, places)
    return ["Parts", *(writer.tree(part) for part in places)]


def _inside(part: sympy.Basic) -> Sequence[sympy.Basic]:
    """Return the parts of a part that are expressions themselves."""
    if isinstance(part, (sympy.Indexed, sympy.Idx)):
        return ()
    return (part.function,) if isinstance(part, sympy.Sum) else part.args


class _Writer:
    """Writes expressions as trees.

    Parameters
    ----------
    indices : set of symbols
        What sums go over, which need not be real.
    places : mapping, optional
        The places of the parts that are not written out inside of others.
    """

    def __init__(self, indices: frozenset[sympy.Basic], places: dict[sympy.Basic, int] | None = None) -> None:
        self.indices = indices
        self.places = {} if places is None else places

    def inner(self, part: sympy.Basic) -> Tree:
        place = self.places.get(part)
        return self.tree(part) if place is None else ["Part", place]

    def tree(self, expression: sympy.Basic) -> Tree:  # noqa: PLR0911 - one for each kind of node
        match expression:
            case sympy.Integer():
                return ["Integer", integer_tree(int(expression))]
            case sympy.Rational():
                return ["Rational", integer_tree(int(expression.p)), integer_tree(int(expression.q))]
            case sympy.Float():
                return _float_tree(expression)
            case sympy.Symbol():
                return _symbol_tree(expression, is_index=expression in self.indices)
            case ExprCondPair():
                return ["ExprCondPair", *map(self.inner, expression.args)]
            case sympy.Sum():
                limits = [[self.inner(limit[0]), *map(_whole_tree, limit[1:])] for limit in expression.limits]
                return ["Sum", self.inner(expression.function), *limits]
            case sympy.Indexed():
                return ["Indexed", _base_tree(expression.base), *map(self.tree, expression.indices)]
            case sympy.Idx():
                return _index_tree(expression)
        name = type(expression).__name__
        if expression is _CONSTANTS.get(name):
            return [name]
        if name not in _NODES or type(expression) is not _NODES[name][0]:
            raise ArchiveError(
                f"{shown(expression)} is a {name}, which no file can hold; leave it out of the model, or write it with "
                "sums, products, powers, Piecewise and functions such as exp, erf, gamma, besselj and airyai"
            )
        return [name, *map(self.inner, expression.args)]


def read_tree(tree: Any) -> sympy.Basic:
    """Return the expression that `tree_of` described, node by node as it was.

    Raises
    ------
    ArchiveError
        If this is no such description.
    """
    if not isinstance(tree, list) or len(tree) < 2 or tree[0] != "Parts":
        return _read(tree)
    found: list[sympy.Basic] = []
    for part in tree[1:]:
        found.append(_read(part, found))
    return found[-1]


def _read(tree: Any, known: Sequence[sympy.Basic] = ()) -> sympy.Basic:  # noqa: PLR0911 - one for each kind of node
    """Return an expression; ``["Part", k]`` in it stands for the k-th of those that are known."""
    match tree:
        case ["Integer", value]:
            return sympy.Integer(integer_from(value))
        case ["Rational", numerator, denominator]:
            return _quotient(integer_from(numerator), integer_from(denominator))
        case ["Float", precision, mantissa, exponent]:
            return _float(*map(integer_from, (precision, mantissa, exponent)))
        case ["Symbol", str(name)]:
            return sympy.Symbol(name, real=True)
        case ["Symbol", str(name), dict(facts)]:
            return _symbol(name, facts)
        case ["Index", str(name), dict(facts)]:
            return _symbol(name, facts, real=False)
        case ["Part", int(place)] if 0 <= place < len(known):
            return known[place]
        case ["ExprCondPair", value, condition]:
            return ExprCondPair(_part(value, sympy.Expr, known), _part(condition, Boolean, known))
        case [str(name)] if name in _CONSTANTS:
            return _CONSTANTS[name]
        case [str(name), *parts] if name in _OF_DATA:
            return _read_of_data(name, parts, known)
        case [str(name), *parts] if name in _NODES:
            node, kind = _NODES[name]
            return _built(name, lambda: node(*(_part(part, kind, known) for part in parts), evaluate=False))
    raise ArchiveError(
        f"{shown(tree)} describes no expression; the file was not written by this version of langevin_ib"
    )


def integer_tree(value: int) -> int | str:
    """Return an integer as JSON can hold it: a number as long as every reader of JSON has it, else hexadecimal."""
    return value if abs(value) < _EXACT else hex(value)


def integer_from(value: Any) -> int:
    """Return the integer that `integer_tree` described.

    Raises
    ------
    ArchiveError
        If this is no such description.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.removeprefix("-").startswith("0x"):
        try:
            return int(value, 16)
        except ValueError:
            pass
    raise ArchiveError(f"{shown(value)} describes no integer; the file was not written by langevin_ib")


def _part(tree: Any, kind: type[sympy.Basic], known: Sequence[sympy.Basic] = ()) -> sympy.Basic:
    part = _read(tree, known)
    if not isinstance(part, kind):
        raise ArchiveError(f"{shown(part)} stands where a {kind.__name__} belongs")
    return part


def _built(name: str, build: Callable[[], sympy.Basic]) -> sympy.Basic:
    try:
        return build()
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise ArchiveError(f"a {name} cannot be made of its parts: {error}") from None


def _quotient(numerator: int, denominator: int) -> sympy.Rational:
    if denominator < 2:
        raise ArchiveError(f"a denominator is {denominator}; it is at least 2 where langevin_ib wrote it")
    return sympy.Rational(numerator, denominator)


def _float_tree(number: sympy.Float) -> Tree:
    sign, mantissa, exponent, _ = number._mpf_
    if not mantissa and exponent:
        raise ArchiveError(f"the number {number} is not finite; no file can hold it")
    value = -int(mantissa) if sign else int(mantissa)
    return ["Float", int(number._prec), integer_tree(value), integer_tree(int(exponent))]


def _float(precision: int, mantissa: int, exponent: int) -> sympy.Float:
    if precision < 1 or not (mantissa % 2 or mantissa == exponent == 0):
        raise ArchiveError(f"({precision}, {mantissa}, {exponent}) describes no floating-point number")
    if mantissa == 0:
        return sympy.Float(0, precision=precision)
    return sympy.Float((int(mantissa < 0), abs(mantissa), exponent), precision=precision)


def _symbol_tree(symbol: sympy.Symbol, *, is_index: bool) -> Tree:
    facts = symbol.assumptions0
    if is_index and type(symbol) is sympy.Symbol and not symbol.is_real:
        return ["Index", symbol.name, {fact: value for fact, value in facts.items() if fact not in _COMMUTATIVE}]
    if type(symbol) is not sympy.Symbol or not symbol.is_real:
        raise ArchiveError(f"{symbol!r} is no real symbol; make it with parameters({symbol.name!r})")
    more = {fact: value for fact, value in facts.items() if fact not in _REAL}
    return ["Symbol", symbol.name, more] if more else ["Symbol", symbol.name]


def _symbol(name: str, facts: dict[str, Any], *, real: bool = True) -> sympy.Symbol:
    if not all(fact in _FACTS and isinstance(value, bool) for fact, value in facts.items()):
        raise ArchiveError(f"{shown(facts)} says nothing that can be assumed of the symbol {shown(name)}")
    try:
        return sympy.Symbol(name, **(facts | ({"real": True} if real else {})))
    except ValueError as error:
        raise ArchiveError(f"the symbol {shown(name)} cannot be what is said of it: {error}") from None


def _whole_tree(number: sympy.Expr) -> int | str:
    if not number.is_Integer:
        raise ArchiveError(f"{shown(number)} is no whole number; no file can hold it as the limit of a sum")
    return integer_tree(int(number))


def _base_tree(base: sympy.IndexedBase) -> Tree:
    label, shape = base.label, base.shape
    if type(label) is not sympy.Symbol or base.strides is not None or base.offset not in {0, None}:
        raise ArchiveError(f"{base!r} is more than a name for data; make it with sympy.IndexedBase({str(label)!r})")
    facts = {fact: value for fact, value in label.assumptions0.items() if fact not in _COMMUTATIVE}
    return ["IndexedBase", label.name, facts, *([] if shape is None else [[_whole_tree(n) for n in shape]])]


def _index_tree(index: sympy.Idx) -> Tree:
    if type(index.label) is not sympy.Symbol or index.label.assumptions0 != _INTEGER:
        raise ArchiveError(f"{index!r} is more than a name for an index; make it with sympy.Idx('i', n)")
    if index.lower is None:
        return ["Idx", index.label.name]
    return ["Idx", index.label.name, _whole_tree(index.lower), _whole_tree(index.upper)]


def _read_of_data(name: str, parts: list[Any], known: Sequence[sympy.Basic]) -> sympy.Basic:
    match name, parts:
        case "Sum", [body, *limits] if limits:
            function, ends = _part(body, sympy.Expr, known), [_limit(limit) for limit in limits]
            return _built(name, lambda: sympy.Sum(function, *ends))
        case "Indexed", [["IndexedBase", *base], *indices] if indices:
            array, places = _base(base), [_part(index, sympy.Expr) for index in indices]
            return _built(name, lambda: sympy.Indexed(array, *places))
        case "Idx", [str(label), *ends] if len(ends) in {0, 2}:
            bounds = tuple(map(integer_from, ends))
            return _built(name, lambda: sympy.Idx(label, bounds) if bounds else sympy.Idx(label))
    raise ArchiveError(f"{shown([name, *parts])} describes no {name}; the file was not written by langevin_ib")


def _limit(limit: Any) -> tuple[sympy.Basic, int, int]:
    match limit:
        case [index, first, last]:
            return _part(index, sympy.Expr), integer_from(first), integer_from(last)
    raise ArchiveError(f"{shown(limit)} describes no limit of a sum")


def _base(parts: list[Any]) -> sympy.IndexedBase:
    match parts:
        case [str(label), dict(facts), *shape] if len(shape) < 2:
            symbol = _symbol(label, facts, real=False)
            if not shape:
                return _built("IndexedBase", lambda: sympy.IndexedBase(symbol))
            if isinstance(shape[0], list):
                sizes = tuple(map(integer_from, shape[0]))
                return _built("IndexedBase", lambda: sympy.IndexedBase(symbol, shape=sizes))
    raise ArchiveError(f"{shown(parts)} describes no name of data; the file was not written by langevin_ib")
