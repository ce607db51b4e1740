"""Entries of a product of two matrices of parameters, some of them drawn at every step, recognised in a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy

__all__ = ["Factorisation"]

Pair = tuple[int, int]


@dataclass(frozen=True)
class Factorisation:
    """The loss (factor/2) Σ_k m_k (x_p . x_q - t_k)², of vectors x_0, x_1, ... that are the parameters in order.

    Parameters
    ----------
    length : int
        Parameters of a vector.
    pairs : list of (int, int)
        Numbers p and q of the vectors of each term.
    targets : list of float
        The t_k.
    factor : float
        What multiplies half of the sum.
    chance : float or None
        m_k is 1 where the uniform number k of a row is below this, else 0; without it m_k is 1.
    """

    length: int
    pairs: list[Pair]
    targets: list[float]
    factor: float
    chance: float | None

    @classmethod
    def of(
        cls,
        parameters: Sequence[sympy.Symbol],
        loss: sympy.Expr,
        masks: Mapping[sympy.Basic, sympy.Expr],
        coins: Sequence[sympy.Symbol],
    ) -> Factorisation | None:
        """Return the factorisation that a loss is; None if it is none.

        Parameters
        ----------
        parameters, loss
            The loss as a function of parameters, and of masks if there are any.
        masks : mapping from sympy.Symbol to sympy.Expr
            What each mask is a function of.
        coins : sequence of sympy.Symbol
            The uniform numbers that are drawn, each of which has to be in one mask.
        """
        factor, terms = loss.as_independent(*loss.free_symbols, as_Add=False)
        numbers = {x: i for i, x in enumerate(parameters)}
        found = [_term(term, numbers, masks) for term in sympy.Add.make_args(terms)]
        known = [each for each in found if each is not None]
        if len(known) < len(found) or len(parameters) % known[0].length != 0:
            return None
        if {(term.length, term.factor) for term in known} != {(known[0].length, known[0].factor)}:
            return None
        chances = {None if term.coin is None else term.coin[1] for term in known}
        thrown = [term.coin[0] for term in known if term.coin is not None]
        if len(chances) > 1 or sorted(map(str, thrown)) != sorted(map(str, coins)):
            return None
        if coins:
            by_coin = {term.coin[0]: term for term in known if term.coin is not None}
            known = [by_coin[coin] for coin in coins]
        scale = 2.0 * float(factor) * known[0].factor
        if not scale > 0.0:
            return None
        pairs, targets = [term.pair for term in known], [term.target for term in known]
        return cls(known[0].length, pairs, targets, scale, chances.pop())


@dataclass(frozen=True)
class _Term:
    """factor m (x_p . x_q - target)², and the uniform number of m, if any, with its chance."""

    length: int
    pair: Pair
    target: float
    factor: float
    coin: tuple[sympy.Basic, float] | None


def _term(
    term: sympy.Expr, numbers: Mapping[sympy.Basic, int], masks: Mapping[sympy.Basic, sympy.Expr]
) -> _Term | None:
    factor, coin, squares = 1.0, None, []
    for each in sympy.Mul.make_args(term):
        if each.is_number:
            factor *= float(each)
        elif each in masks and coin is None:
            coin = _coin(masks[each])
            if coin is None:
                return None
        else:
            squares.append(each)
    if len(squares) != 1 or not isinstance(squares[0], sympy.Pow) or squares[0].exp != 2:
        return None
    product = _product(squares[0].base, numbers)
    return None if product is None else _Term(*product, factor, coin)


def _coin(mask: sympy.Expr) -> tuple[sympy.Basic, float] | None:
    """Return number and chance of a mask that is 1 where the number is less than the chance, else 0; or None."""
    if not isinstance(mask, sympy.Piecewise) or len(mask.args) != 2:
        return None
    (one, condition), (zero, otherwise) = mask.args
    is_coin = one == 1 and zero == 0 and otherwise == sympy.true and isinstance(condition, sympy.StrictLessThan)
    if not is_coin or not isinstance(condition.lhs, sympy.Symbol) or not condition.rhs.is_number:
        return None
    return condition.lhs, float(condition.rhs)


def _product(base: sympy.Expr, numbers: Mapping[sympy.Basic, int]) -> tuple[int, Pair, float] | None:
    """Return length, numbers and target of x_p . x_q - target, if the vectors are such as `Factorisation` has them."""
    target, products = 0.0, []
    for each in sympy.Add.make_args(base):
        pair = [numbers[x] for x in each.args if x in numbers] if isinstance(each, sympy.Mul) else []
        if each.is_number:
            target -= float(each)
        elif len(pair) == 2 and len(each.args) == 2:
            products.append(sorted(pair))
        else:
            return None
    length = len(products)
    vectors = {(p // length, q // length) for p, q in products}
    is_aligned = all(p % length == q % length for p, q in products)
    if len(vectors) != 1 or not is_aligned or len({p % length for p, _ in products}) != length:
        return None
    (vector,) = vectors
    return None if vector[0] == vector[1] else (length, vector, target)
