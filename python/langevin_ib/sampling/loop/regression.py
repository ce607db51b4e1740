"""Least squares of a linear model whose weights are products of parameters, recognised in the loss of a row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ...process import Risk
from .output import Output, Weight

__all__ = ["Regression"]

FEWEST, MOST = 16, 2**17
"""So many weights are worth packs of their own, and so many numbers of all rows stay in second-level cache."""


@dataclass(frozen=True)
class Regression:
    """The loss (factor/2) (Σ_m X_m z_m - y)² of a row, each z_m a product of as many parameters, which are its own.

    Parameters
    ----------
    order : list of int
        The numbers of the first parameters of all z_m, then of the second ones, and so on.
    length : int
        How many z_m there are.
    factor : float
        What multiplies half of the square.
    rows : array, shape (rows, length + 1)
        X and y.
    label : int
        Which entry of the risk's rows is y.
    """

    order: list[int]
    length: int
    factor: float
    rows: NDArray[np.float64]
    label: int

    @classmethod
    def of(cls, risk: Risk) -> Regression | None:
        """Return the regression that the loss of a row is; None if it is none, or one of few weights."""
        output = Output.of(risk)
        if output is None or not FEWEST <= len(output.weights) <= MOST / len(risk.table):
            return None
        if not _are_apart(output.weights, risk.model.dim):
            return None
        rows = np.zeros((len(risk.table), len(output.weights) + 1))
        for place, columns in enumerate(output.weights.values()):
            for entry, coefficient in columns.items():
                rows[:, place] += coefficient * (1.0 if entry is None else risk.table[:, entry])
        rows[:, -1] = risk.table[:, output.label]
        order = [*chain(*zip(*output.weights, strict=True))]
        return cls(order, len(output.weights), output.factor, rows, output.label)


def _are_apart(weights: Collection[Weight], dim: int) -> bool:
    """Whether all weights are products of as many parameters, and each parameter is in one of them, once."""
    return len({len(weight) for weight in weights}) == 1 and sorted(chain(*weights)) == list(range(dim))
