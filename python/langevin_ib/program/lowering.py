"""From SymPy to the graph: every part of an expression once, in order, or an error that names the part."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import sympy
from sympy.codegen.cfunctions import expm1, log1p
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from ..errors import InvalidArgumentError, UnsupportedModelError
from ..model.expressions import SingularValue, sketch
from .algebra import Algebra
from .columns import Columns
from .conditions import CONDITIONS, heaviside, piecewise, relation
from .constants import fraction_of
from .graph import Node, Origin
from .idioms import log_of, product_with_exponentials
from .indexing import Scope, entry, index_column
from .rewriting import HINTS, REWRITTEN
from .singular import singular_values
from .summation import depends, nested, scope_of, total, written_out
from .terms import product_of, sum_of

__all__ = ["LARGEST", "Lowering"]

LARGEST = 50_000
"""The largest number of different parts that an expression may have."""

_LONGEST_CHAIN = 64  # powers beyond this are left to `pow`, which is more accurate than so many multiplications

_FUNCTIONS: dict[type[sympy.Basic], str] = {
    sympy.Abs: "abs",
    sympy.sign: "sign",
    sympy.exp: "exp",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.atan: "atan",
    sympy.erf: "erf",
    sympy.Min: "min",
    sympy.Max: "max",
    expm1: "expm1",
    log1p: "log1p",
}
_NOT_REAL = (sympy.I, sympy.nan, sympy.oo, -sympy.oo, sympy.zoo)
_WITH_PARTS = (
    *(sympy.Add, sympy.Mul, sympy.Pow, sympy.log, sympy.Heaviside, SingularValue),
    *(Relational, *CONDITIONS, *_FUNCTIONS, *REWRITTEN),
)


class Lowering:
    """Turns expressions of some parameters and data into nodes of one graph.

    Parameters
    ----------
    graph : Algebra
        The graph that grows.
    parameters : sequence of sympy.Symbol
        The coordinates, in order.
    columns : Columns
        The data that may be indexed.
    """

    def __init__(self, graph: Algebra, parameters: Sequence[sympy.Symbol], columns: Columns) -> None:
        self.graph = graph
        self.columns = columns
        self.scope: Scope | None = None
        self.root = self
        self._coordinates = {symbol: index for index, symbol in enumerate(parameters)}
        self._known: dict[sympy.Basic, Node] = {}
        self._numbers: set[sympy.Basic] = set()
        self._inner: dict[Scope, Lowering] = {}
        self._singular_values: dict[tuple[int, ...], list[Node]] = {}
        self._parts = 0

    def within(self, scope: Scope) -> Lowering:
        """Return what lowers the body of a sum over `scope`, into the same graph."""
        if scope not in self.root._inner:
            inner = self.root._inner[scope] = Lowering(self.graph, tuple(self._coordinates), self.columns)
            inner.scope, inner.root = scope, self.root
        return self.root._inner[scope]

    def __call__(self, expression: sympy.Basic) -> Node:
        """Return the node of an expression.

        Raises
        ------
        InvalidArgumentError
            If it has a symbol, an index or a number that it may not have.
        UnsupportedModelError
            If it has a function that a tape can't express, or too many parts.
        """
        # A stack instead of recursion: expressions are deeper than Python's own.
        todo = [expression]
        while todo:
            part = todo[-1]
            missing = [] if part in self._known else [a for a in _parts(part) if a not in self._known]
            if missing:
                todo.extend(reversed(missing))
                continue
            todo.pop()
            if part not in self._known:
                self._count(expression)
                with self.graph.origin(Origin(part, derivative=False)):
                    self._known[part] = self._node(part, expression)
        return self._known[expression]

    def is_number(self, part: sympy.Basic) -> bool:
        """Whether a part that was met is a number, whatever it is made of."""
        return part in self._numbers

    def _count(self, expression: sympy.Basic) -> None:
        self.root._parts += 1
        if self.root._parts > LARGEST:
            raise UnsupportedModelError(
                f"{sketch(_largest_part(expression))} is too large: the expression has more than {LARGEST} different "
                "parts; write sums over data as sympy.Sum with data=, which are not written out"
            )

    def _node(self, part: sympy.Basic, whole: sympy.Basic) -> Node:  # noqa: PLR0911 - one for each kind of part
        if part in _NOT_REAL:
            raise InvalidArgumentError(
                f"{sketch(_around(whole, part))} is not a finite real number for real parameters"
            )
        if self._is_new_number(part):
            return self.graph.constant(fraction_of(part))
        args = [self._known[a] for a in _parts(part)]
        match part:
            case sympy.Add():
                return sum_of(self.graph, args)
            case sympy.Mul() | sympy.Pow():
                return self._product(sympy.Mul.make_args(part))
            case sympy.log():
                return log_of(self.graph, self, part.args[0])
            case sympy.Piecewise():
                return piecewise(self.graph, list(zip(args[::2], args[1::2], strict=True)))
            case sympy.Heaviside():
                return heaviside(self.graph, *args)
            case sympy.Sum():
                return self._sum(part)
            case sympy.Indexed():
                return entry(self.graph, self.columns.data, part, self.scope)
            case SingularValue():
                return self._singular_value(part, args)
        return self._function(part, args)

    def _is_new_number(self, part: sympy.Basic) -> bool:
        parts = _parts(part)
        made_of_numbers = bool(parts) and isinstance(part, sympy.Expr) and all(p in self._numbers for p in parts)
        # Of functions that a tape lacks, gamma(1/3) say, values are welcome.
        unknown = isinstance(part, (sympy.Function, sympy.Integral)) and not isinstance(part, _WITH_PARTS)
        made_of_numbers = made_of_numbers or (unknown and bool(part.is_number))
        if not made_of_numbers and not isinstance(part, (sympy.Number, sympy.NumberSymbol)):
            return False
        self._numbers.add(part)
        return True

    def _function(self, part: sympy.Basic, args: list[Node]) -> Node:
        kind = type(part)
        if kind in (sympy.Min, sympy.Max):
            return reduce(lambda a, b: self.graph.apply(_FUNCTIONS[kind], a, b), args)
        if kind in _FUNCTIONS:
            return self.graph.apply(_FUNCTIONS[kind], *args)
        if kind in REWRITTEN:
            return self(_rewritten(part))
        if part in (sympy.true, sympy.false):
            return self.graph.constant(int(part is sympy.true))
        if isinstance(part, (Relational, *CONDITIONS)):
            return relation(self.graph, part, args)
        if isinstance(part, (sympy.Symbol, sympy.Idx)):
            return self._symbol(part)
        raise _unsupported(part)

    def _singular_value(self, part: sympy.Basic, args: list[Node]) -> Node:
        number, rows, columns = (int(each) for each in part.args[:3])
        key = rows, columns, *args[3:]
        known = self.root._singular_values
        if key not in known:
            known[key] = singular_values(self.graph, rows, columns, args[3:])
        return known[key][number - 1]

    def _symbol(self, symbol: sympy.Basic) -> Node:
        if symbol in self._coordinates:
            return self.graph.coordinate(self._coordinates[symbol])
        if self.scope is not None and symbol == self.scope.index:
            return index_column(self.graph, self.scope)
        known = [*map(str, self._coordinates), *(f"{name} (data, by index)" for name in self.columns.data.arrays)]
        twin = str(symbol) in map(str, self._coordinates)
        remedy = (
            "it has the name of a parameter but is another symbol; use the symbols that parameters() returned"
            if twin
            else "give it a number, list it among the parameters, or sum over it"
        )
        raise InvalidArgumentError(f"the expression depends on {symbol}, but there are {', '.join(known)}: {remedy}")

    def _product(self, factors: Sequence[sympy.Expr]) -> Node:
        nodes, others = product_with_exponentials(self.graph, self, factors)
        above = nodes
        below: list[Node] = []
        for factor in others:
            base, exponent = factor.args if isinstance(factor, sympy.Pow) else (factor, sympy.S.One)
            power = fraction_of(exponent) if exponent in self._numbers else None
            if factor is base or self.is_number(factor):
                above.append(self(factor))
            elif isinstance(factor, sympy.exp):
                above.append(self.graph.apply("exp", self(exponent)))
            elif power is None or (2 * power).denominator > 1 or abs(power) > _LONGEST_CHAIN:
                above.append(self.graph.apply("pow", self(base), self(exponent)))
            else:
                (below if power < 0 else above).append(self.graph.power(self(base), abs(power)))
        return product_of(self.graph, above, below)

    def _sum(self, part: sympy.Sum) -> Node:
        body, scope = scope_of(part)
        if scope.index in self._coordinates:
            raise InvalidArgumentError(f"{sketch(part)} goes over the parameter {scope.index}; rename the index")
        if self.scope is not None and not depends(part, self.scope):
            return self.root(part)
        inner = nested(body, scope)
        if self.scope is not None or (inner and scope.rows <= min(s.rows for s in inner)):
            return sum_of(self.graph, [self(term) for term in written_out(part, body, scope)])
        if scope.rows == 0:
            return self.graph.constant(0)
        return total(self.graph, self.columns, self.within(scope)(body), scope.rows)


def _rewritten(part: sympy.Basic) -> sympy.Expr:
    try:
        return REWRITTEN[type(part)](*part.args)
    except TypeError:
        # What SymPy says where a formula compares something that it knows not to be real.
        raise InvalidArgumentError(f"{sketch(part)} is not real for real parameters") from None


def _parts(part: sympy.Basic) -> tuple[sympy.Basic, ...]:
    """Return what must be lowered before `part`."""
    if isinstance(part, sympy.Piecewise):
        return tuple(a for pair in part.args for a in pair.args)
    return tuple(part.args) if isinstance(part, _WITH_PARTS) else ()


def _largest_part(expression: sympy.Basic) -> sympy.Basic:
    """Return the smallest part that still is most of the expression."""
    sizes: dict[sympy.Basic, int] = {}
    todo = [expression]
    while todo:
        part = todo[-1]
        missing = [a for a in part.args if a not in sizes]
        if missing and part not in sizes:
            todo.extend(missing)
        else:
            sizes[todo.pop()] = 1 + sum(sizes[a] for a in part.args)
    part = expression
    while part.args:
        largest = max(part.args, key=sizes.__getitem__)
        if 2 * sizes[largest] < sizes[expression]:
            break
        part = largest
    return part


def _around(whole: sympy.Basic, part: sympy.Basic) -> sympy.Basic:
    """Return the smallest part of `whole` that has `part` as an argument."""
    return next((p for p in sympy.postorder_traversal(whole) if part in p.args), part)


_HINT = (
    "write it with other functions, near enough where walkers are (sqrt, exp, log, sin, cos, tan, sinh, cosh, tanh, "
    "atan, erf, Abs, sign, Max, Min and Piecewise), or leave it out of what runs"
)


def _unsupported(part: sympy.Basic) -> InvalidArgumentError | UnsupportedModelError:
    name = type(part).__name__
    if isinstance(part, AppliedUndef):
        return InvalidArgumentError(f"{sketch(part)} is an undefined function; write it out")
    if isinstance(part, sympy.IndexedBase):
        return InvalidArgumentError(f"{part} stands for an array; write its entries, {part}[i] or {part}[i, column]")
    if not isinstance(part, (sympy.Expr, sympy.logic.boolalg.Boolean)) or getattr(part, "is_Matrix", False):
        return InvalidArgumentError(f"{sketch(part)} of type {name} is no scalar expression")
    hint = HINTS.get(name, _HINT)
    return UnsupportedModelError(
        f"{sketch(part)} can't be computed in the loop: there is no operation for {name}; {hint}"
    )
