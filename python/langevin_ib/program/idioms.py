"""Exponentials as people write them, computed so that nothing overflows or cancels: log-sum-exp, softmax, sigmoid."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from typing import NamedTuple, Protocol

import sympy

from .algebra import Algebra
from .constants import fraction_of
from .graph import Node
from .terms import sum_of

__all__ = ["Lower", "log_of", "product_with_exponentials"]


class Lower(Protocol):
    """What turns parts of the expression into nodes."""

    def __call__(self, expression: sympy.Basic) -> Node:
        """Return the node of a part."""

    def is_number(self, part: sympy.Basic) -> bool:
        """Whether a part that was met is a number."""


_LARGEST_COUNT = 64
_LARGEST_FACTOR = 1024


class _Term(NamedTuple):
    """A positive number times exp(exponent); the exponent is None for the number alone."""

    factor: sympy.Expr
    exponent: sympy.Expr | None


_ONE = _Term(sympy.S.One, None)


def _exponentials(lower: Lower, expression: sympy.Expr) -> list[_Term] | None:
    """Return the terms of a sum of exponentials with positive factors, None for anything else."""
    if not isinstance(expression, (sympy.Add, sympy.Mul, sympy.exp)):
        return None
    terms = [_term(lower, t) for t in sympy.Add.make_args(expression)]
    if any(t is None for t in terms) or all(t is not None and t.exponent is None for t in terms):
        return None
    numbers = [t.factor for t in terms if t is not None and t.exponent is None]
    exponentials = [t for t in terms if t is not None and t.exponent is not None]
    return [*([_Term(sympy.Add(*numbers), None)] if numbers else []), *exponentials]


def _term(lower: Lower, expression: sympy.Expr) -> _Term | None:
    factors = sympy.Mul.make_args(expression)
    exponents = [f.exp for f in factors if isinstance(f, sympy.exp) and not lower.is_number(f)]
    numbers = [f for f in factors if lower.is_number(f)]
    if len(exponents) + len(numbers) < len(factors):
        return None
    factor = sympy.Mul(*numbers)
    if not factor.is_positive:
        return None
    return _Term(factor, sympy.Add(*exponents) if exponents else None)


def log_of(graph: Algebra, lower: Lower, argument: sympy.Expr) -> Node:
    """Return log(argument): that of a product of exponentials and their sums term by term, log(1 + x) as log1p(x)."""
    parts = [_log_of_factor(graph, lower, f) for f in sympy.Mul.make_args(argument)]
    known = [part for part in parts if part is not None]
    if len(known) == len(parts) and not lower.is_number(argument):
        return sum_of(graph, known)
    node = lower(argument)
    if isinstance(argument, sympy.Add) and sympy.S.One in argument.args and graph.ops[node] != "sigmoid":
        return graph.apply("log1p", sum_of(graph, [lower(t) for t in argument.args if t is not sympy.S.One]))
    return graph.apply("log", node)


def _log_of_factor(graph: Algebra, lower: Lower, factor: sympy.Expr) -> Node | None:
    base, exponent = factor.as_base_exp() if isinstance(factor, sympy.Pow) else (factor, sympy.S.One)
    if lower.is_number(factor) and factor.is_positive:
        return graph.constant(fraction_of(sympy.log(factor)))
    terms = _exponentials(lower, base)
    if not exponent.is_Rational:
        return None
    if terms is None:
        node = lower(base)
        if graph.ops[node] not in ("sigmoid", "cosh"):
            return None
        return graph.mul(graph.constant(fraction_of(exponent)), graph.apply("log", node))
    return graph.mul(graph.constant(fraction_of(exponent)), _log_sum_exp(graph, lower, terms))


def _log_sum_exp(graph: Algebra, lower: Lower, terms: Sequence[_Term]) -> Node:
    if len(terms) > 1 and terms[0] == _ONE:
        # log(1 + s) = softplus(log s) is as accurate as its terms even where it is nearly 0.
        return graph.apply("softplus", _log_sum_exp(graph, lower, terms[1:]))
    exponents = [_exponent(graph, lower, term) for term in terms]
    if len(exponents) == 1:
        return exponents[0]
    largest, total = _shifted(graph, exponents)
    return graph.add(largest, graph.apply("log", total))


def _log_of_number(graph: Algebra, number: sympy.Expr) -> Node:
    return graph.constant(0 if number is sympy.S.One else fraction_of(sympy.log(number)))


def _exponent(graph: Algebra, lower: Lower, term: _Term) -> Node:
    """Return a with exp(a) = the term."""
    offset = _log_of_number(graph, term.factor)
    return offset if term.exponent is None else graph.add(offset, lower(term.exponent))


def _shifted(graph: Algebra, exponents: Sequence[Node]) -> tuple[Node, Node]:
    """Return m, the largest of the exponents, and the sum of all exp(a - m).

    Whatever m is, exp(m) times that sum is the sum of exponentials: so m is held when derivatives are taken.
    """
    largest = graph.hold(reduce(lambda a, b: graph.apply("max", a, b), exponents))
    return largest, sum_of(graph, [graph.apply("exp", graph.sub(a, largest)) for a in exponents])


def product_with_exponentials(
    graph: Algebra, lower: Lower, factors: Sequence[sympy.Expr]
) -> tuple[list[Node], list[sympy.Expr]]:
    """Return what becomes of exponentials over sums of exponentials among `factors`, and all the other factors."""
    sums = [f for f in factors if _is_inverse_sum(lower, f)]
    if not sums:
        return [], list(factors)
    left = sympy.Add(*(f.exp for f in factors if isinstance(f, sympy.exp)))
    nodes: list[Node] = []
    shifts: list[Node] = []
    for factor in sums:
        terms, count = _exponentials(lower, factor.base) or [], -int(factor.exp)
        matched = _over_two(graph, lower, terms, count, left) if len(terms) == 2 else None
        if matched is not None:
            nodes += matched[0]
            left = matched[1]
            continue
        largest, total = _shifted(graph, [_exponent(graph, lower, t) for t in terms])
        nodes.append(graph.power(total, Fraction(-count)))
        shifts.append(graph.mul(graph.constant(-count), largest))
    if left != 0 or shifts:
        nodes.append(graph.apply("exp", sum_of(graph, [lower(left), *shifts])))
    return nodes, [f for f in factors if not isinstance(f, sympy.exp) and not _is_inverse_sum(lower, f)]


def _is_inverse_sum(lower: Lower, factor: sympy.Expr) -> bool:
    if not isinstance(factor, sympy.Pow) or not factor.exp.is_Integer or not -_LARGEST_COUNT <= factor.exp < 0:
        return False
    terms = _exponentials(lower, factor.base)
    return terms is not None and len(terms) > 1


def _over_two(
    graph: Algebra, lower: Lower, terms: Sequence[_Term], count: int, exponent: sympy.Expr
) -> tuple[list[Node], sympy.Expr] | None:
    """Return exp(exponent) / (exp(a) + exp(b))**count as factors and an exponent that is left; None if neither a fits.

    For any j, exp(j a + (count - j) b) over it is sigmoid(a - b)**j sigmoid(b - a)**(count - j). A factor of an
    exponential becomes part of its exponent and is taken out again; a very small or large one would leave little else.
    """
    if any(not 1 / _LARGEST_FACTOR <= abs(t.factor) <= _LARGEST_FACTOR for t in terms):
        return None
    (p, a), (q, b) = ((t.factor, sympy.S.Zero if t.exponent is None else t.exponent) for t in terms)
    fitting = [j for j in range(count + 1) if exponent == sympy.Add(_multiple(j, a), _multiple(count - j, b))]
    if not fitting and terms[0].exponent is not None:
        return None
    j = fitting[0] if fitting else count
    first, second = (_exponent(graph, lower, t) for t in terms)
    scale = graph.constant(1 / (fraction_of(p) ** j * fraction_of(q) ** (count - j)))
    ratio = graph.sub(first, second)
    factors = [graph.power(graph.apply("sigmoid", ratio), Fraction(j))]
    factors.append(graph.power(graph.apply("sigmoid", graph.neg(ratio)), Fraction(count - j)))
    return [scale, *factors], sympy.S.Zero if fitting else exponent


def _multiple(count: int, exponent: sympy.Expr) -> sympy.Expr:
    """Return a multiple; where it is plain to see without SymPy's arithmetic, which can take hours on nested ones."""
    return exponent if count == 1 else count * exponent if count else sympy.S.Zero
