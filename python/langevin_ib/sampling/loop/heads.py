"""Heads of attention that answer the last token, recognised by numbers: SymPy would take minutes to take one apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ...process import Risk
from ...program import Program, evaluate
from .output import half_square

__all__ = ["Head"]

FEWEST = 4
"""Matrices of so many columns are worth packs of their own."""

ROUNDING = 1e-9
POINTS = 3

ANALYTIC = (sympy.Add, sympy.Mul, sympy.Pow, sympy.exp, sympy.Symbol, sympy.Number)
"""What an expression is made of that is a head at all points if it is at some that are nothing special."""


@dataclass(frozen=True)
class Head:
    """The loss (factor/2) (Σ_l a_l V · x_l - y)² of a row, a = softmax_l((x_n Q) · (x_l K) / sqrt(r)).

    Parameters
    ----------
    tokens, inputs, columns : int
        n, the entries of a token, and r. Parameters are Q, K and V row by row.
    factor : float
        What multiplies half of the square.
    entries : list of int
        Which entries of the risk's rows are x_1, ..., x_n and y.
    """

    tokens: int
    inputs: int
    columns: int
    factor: float
    entries: list[int]

    @classmethod
    def of(cls, risk: Risk) -> Head | None:
        """Return the head whose loss a row has; None if it is none, or one of few columns."""
        found, dim, width = half_square(risk), risk.model.dim, len(risk.symbols) - 1
        if found is None or not risk.row.has(sympy.exp):
            return None
        sizes = [
            (d, r) for d in range(1, width + 1) if (r := (dim // d - 1) // 2) >= FEWEST and _fits(d, r, dim, width)
        ]
        entries = _entries(risk, found[1])
        if (
            not sizes
            or entries is None
            or not all(isinstance(part, ANALYTIC) for part in sympy.preorder_traversal(risk.row))
        ):
            return None
        x, rows = (0.5 * np.random.default_rng(dim).normal(size=(POINTS, size)) for size in (dim, width + 1))
        places = (*risk.model.parameters, *(risk.symbols[entry] for entry in entries))
        values = evaluate(Program(places, found[1]).value, np.column_stack([x, rows]))[:, 0]
        for d, r in sizes:
            made = _made(x, rows[:, :-1].reshape(POINTS, -1, d), r) - rows[:, -1]
            if np.allclose(values, made, rtol=ROUNDING, atol=ROUNDING):
                return cls(width // d, d, r, found[0], entries)
        return None

    @property
    def order(self) -> NDArray[np.int64]:
        """The numbers of the parameters in the rows of Q, K and V in turn, filled up with one beyond the last."""
        d, r = self.inputs, self.columns
        rows = np.full((d, 3, r), d * (2 * r + 1))
        rows[:, :2] = np.arange(2 * d * r).reshape(2, d, r).swapaxes(0, 1)
        rows[:, 2, 0] = 2 * d * r + np.arange(d)
        return rows.reshape(3 * d, r)


def _fits(d: int, r: int, dim: int, width: int) -> bool:
    return d * (2 * r + 1) == dim and width % d == 0


def _entries(risk: Risk, residual: sympy.Expr) -> list[int] | None:
    """Return the numbers of the entries of X, by column, and of y, which is subtracted; None if that is not all."""
    (label, *more) = [-term for term in residual.args if -term in set(risk.symbols)] or [None]
    inputs = [entry for entry, symbol in enumerate(risk.symbols) if symbol != label]
    columns = [risk.entries[entry] for entry in inputs]
    if label is None or more or len({risk.array_of(each) for each in columns}) != 1:
        return None
    if not all(isinstance(each, sympy.Indexed) and len(each.indices) == 2 for each in columns):
        return None
    inputs.sort(key=lambda entry: int(risk.entries[entry].indices[1]))
    return [*inputs, risk.symbols.index(label)]


def _made(x: NDArray[np.float64], tokens: NDArray[np.float64], r: int) -> NDArray[np.float64]:
    """Return what heads with parameters x, shape (count, dim), make of a sequence each."""
    d = tokens.shape[2]
    queries, keys = (x[:, side * d * r : (side + 1) * d * r].reshape(-1, d, r) for side in (0, 1))
    shares = np.exp((tokens @ keys) @ (tokens[:, -1:] @ queries).swapaxes(1, 2) / np.sqrt(r))[:, :, 0]
    shares /= shares.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("cl,cli,ci->c", shares, tokens, x[:, 2 * d * r :]))
