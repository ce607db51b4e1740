"""Entries of a product of two matrices of parameters, some of them drawn at every step, recognised in a loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import sympy

from ...process import Risk
from .output import Output

__all__ = ["Factorisation"]

FEWEST = 8
"""Vectors of so many parameters are worth packs of their own."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Factorisation:
    """The loss (factor/2) Σ_k m_k (x_p . x_q - t_k)² of vectors x_0, x_1, ... that are the parameters in order.

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
    chance: float | None = None

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
        found: list[_Term] = []
        for each in sympy.Add.make_args(terms):
            term = _Term.of(each, numbers, masks)
            if term is None or len(parameters) % term.length != 0:
                return None
            found.append(term)
        if len({(term.length, term.factor, term.chance) for term in found}) != 1:
            return None
        if sorted(str(term.coin) for term in found if term.coin is not None) != sorted(map(str, coins)):
            return None
        if coins:
            by_coin = {term.coin: term for term in found}
            found = [by_coin[coin] for coin in coins]
        length, scale, chance = found[0].length, 2.0 * float(factor) * found[0].factor, found[0].chance
        pairs, targets = [term.pair for term in found], [term.target for term in found]
        return cls(length, pairs, targets, scale, chance) if scale > 0.0 and length >= FEWEST else None

    @classmethod
    def of_rows(cls, risk: Risk) -> tuple[Factorisation, int] | None:
        """Return the factorisation whose terms are the rows of a risk, and which entry of a row is t_k; else None.

        Each row has to be a measurement of one entry: one of its numbers is 1, the others are 0.
        """
        output = Output.of(risk)
        if output is None:
            return None
        products: dict[int, list[tuple[int, ...]]] = {}
        for weight, columns in output.weights.items():
            if len(columns) != 1 or None in columns or set(columns.values()) != {1.0}:
                return None
            products.setdefault(cast("int", next(iter(columns))), []).append(weight)
        entries = list(products)
        known = [_vectors(products[entry]) for entry in entries]
        measured = risk.table[:, entries]
        if None in known or not ((measured == 0.0) | (measured == 1.0)).all() or (measured.sum(axis=1) != 1.0).any():
            return None
        vectors = [each for each in known if each is not None]
        length = vectors[0][0]
        if {each[0] for each in vectors} != {length} or risk.model.dim % length != 0 or length < FEWEST:
            return None
        pairs = [vectors[k][1] for k in np.argmax(measured, axis=1)]
        return cls(length, pairs, risk.table[:, output.label].tolist(), output.factor), output.label


@dataclass(frozen=True)
class _Term:
    """factor m (x_p . x_q - target)², with the uniform number of m, if any, and its chance."""

    length: int
    pair: Pair
    target: float
    factor: float
    coin: sympy.Basic | None
    chance: float | None

    @classmethod
    def of(
        cls, term: sympy.Expr, numbers: Mapping[sympy.Basic, int], masks: Mapping[sympy.Basic, sympy.Expr]
    ) -> _Term | None:
        """Return what a part of a loss is, None if it is something else."""
        factor, squares = 1.0, []
        coin: tuple[sympy.Basic | None, float | None] | None = (None, None)
        for each in sympy.Mul.make_args(term):
            if each.is_number:
                factor *= float(each)
            elif each in masks and coin == (None, None):
                coin = _coin(masks[each])
            else:
                squares.append(each)
        is_square = len(squares) == 1 and isinstance(squares[0], sympy.Pow) and squares[0].exp == 2
        if coin is None or not is_square:
            return None
        target, products = 0.0, []
        for each in sympy.Add.make_args(squares[0].base):
            if each.is_number:
                target -= float(each)
            else:
                products.append(tuple(numbers.get(x, -1) for x in sympy.Mul.make_args(each)))
        vectors = _vectors(products)
        return None if vectors is None else cls(*vectors, target, factor, *coin)


def _coin(mask: sympy.Expr) -> tuple[sympy.Basic, float] | None:
    """Return number and chance of a mask that is 1 where the number is less than the chance, else 0; or None."""
    if not isinstance(mask, sympy.Piecewise) or len(mask.args) != 2:
        return None
    (one, condition), (zero, otherwise) = mask.args
    is_coin = one == 1 and zero == 0 and otherwise == sympy.true and isinstance(condition, sympy.StrictLessThan)
    if not is_coin or not isinstance(condition.lhs, sympy.Symbol) or not condition.rhs.is_number:
        return None
    return condition.lhs, float(condition.rhs)


def _vectors(products: Iterable[tuple[int, ...]]) -> tuple[int, Pair] | None:
    """Return the length and the numbers of two vectors whose product is a sum of products of parameters, or None."""
    pairs = [tuple(sorted(product)) for product in products]
    length = len(pairs)
    if length == 0 or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        return None
    found = {(p // length, q // length) for p, q in pairs}
    places = {p % length for p, q in pairs if p % length == q % length}
    (p, q), *more = found
    return None if more or p == q or len(places) != length else (length, (p, q))
