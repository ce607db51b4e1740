"""Closed forms that move walkers one by one, recognised in a loss and in what is no mean over rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import sympy
from numpy.typing import NDArray

from ...model import Model
from ...process import FreshRows, Risk
from .factorisation import Factorisation
from .pull import Pull
from .regression import Regression

if TYPE_CHECKING:
    from ... import _core

__all__ = ["drawn_factors", "factors_of", "regression_of"]


def regression_of(
    risk: Risk, rest: sympy.Expr, labels: Sequence[float]
) -> tuple[_core._Alone, NDArray[np.float64], list[float]] | None:
    """Return the closed form of a risk that is a regression, its rows, and the noise on their entries; else None.

    Parameters
    ----------
    risk, rest
        What is a mean, and everything that is none.
    labels : sequence of float
        The noise on each entry of the risk's rows, of which y alone may have any.
    """
    pull = Pull.of(risk.model, rest)
    found = None if pull is None else Regression.of(risk)
    if pull is None or found is None or any(s != 0.0 for k, s in enumerate(labels) if k != found.label):
        return None
    row = _alone(found.order, found.length, found.factor, pull)
    return row, found.rows, [0.0] * found.length + [labels[found.label]]


def factors_of(model: Model, rest: sympy.Expr) -> _core._Alone | None:
    """Return the closed form of a loss without data that is a factorisation; else None."""
    return _factors(model, rest, Factorisation.of(model.parameters, model.loss, {}, ()))


def drawn_factors(rows: FreshRows, rest: sympy.Expr, law: str) -> _core._Alone | None:
    """Return the closed form of a factorisation whose terms are drawn afresh by uniform numbers; else None."""
    model = rows.risk.model
    if law != "uniform":
        return None
    return _factors(model, rest, Factorisation.of(model.parameters, rows.risk.row, rows.columns, rows.drawn))


def _factors(model: Model, rest: sympy.Expr, found: Factorisation | None) -> _core._Alone | None:
    pull = Pull.of(model, rest)
    if pull is None or found is None:
        return None
    factors = (found.pairs, found.targets, found.chance)
    return _alone([*range(model.dim)], found.length, found.factor, pull, factors)


def _alone(
    order: list[int], length: int, factor: float, pull: Pull, factors: _core._Factors | None = None
) -> _core._Alone:
    return {
        "order": order,
        "length": length,
        "factor": factor,
        "decay": pull.decay,
        "lasso": pull.lasso,
        "factors": factors,
    }
