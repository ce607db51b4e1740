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
from .heads import Head
from .pull import Pull
from .regression import Regression

if TYPE_CHECKING:
    from ... import _core

    Closed = tuple[_core._Alone, NDArray[np.float64], list[float]]

__all__ = ["closed_form_of", "closed_form_of_risk", "drawn_factors"]


def closed_form_of_risk(risk: Risk, rest: sympy.Expr, labels: Sequence[float]) -> Closed | None:
    """Return the closed form of a risk, its rows, and the noise on their entries; None if there is none.

    Parameters
    ----------
    risk, rest
        What is a mean, and everything that is none.
    labels : sequence of float
        The noise on each entry of the risk's rows, of which y alone may have any.
    """
    pull = Pull.of(risk.model, rest)
    if pull is None:
        return None
    regression = Regression.of(risk)
    if regression is not None:
        row = _alone(regression.order, regression.length, regression.factor, pull)
        return _with_labels(row, regression.rows, regression.label, labels)
    head = Head.of(risk)
    if head is not None and not any(labels[entry] for entry in head.entries[:-1]):
        sizes = [head.tokens, 1, head.inputs, head.columns, 1]
        row = _alone(head.order.ravel().tolist(), head.columns, head.factor, pull, taught=(sizes, []))
        return row, risk.table[:, head.entries], [labels[entry] for entry in head.entries]
    found = Factorisation.of_rows(risk)
    if found is None:
        return None
    factors, label = found
    return _with_labels(_factors(risk.model, factors, pull), np.array(factors.targets)[:, np.newaxis], label, labels)


def closed_form_of(model: Model, rest: sympy.Expr) -> Closed | None:
    """Return the closed form of a loss without data, whose rows are its terms; None if there is none."""
    pull = Pull.of(model, rest)
    found = None if pull is None else Factorisation.of(model.parameters, model.loss, {}, ())
    if pull is None or found is None:
        return None
    return _factors(model, found, pull), np.array(found.targets)[:, np.newaxis], [0.0]


def drawn_factors(rows: FreshRows, rest: sympy.Expr, law: str) -> _core._Alone | None:
    """Return the closed form of a factorisation whose terms are drawn afresh by uniform numbers; else None."""
    model = rows.risk.model
    pull = Pull.of(model, rest) if law == "uniform" else None
    found = None
    if pull is not None:
        found = Factorisation.of(model.parameters, rows.risk.row, rows.columns, rows.drawn)
    return None if pull is None or found is None else _factors(model, found, pull)


def _with_labels(row: _core._Alone, rows: NDArray[np.float64], label: int, labels: Sequence[float]) -> Closed | None:
    if any(spread != 0.0 for entry, spread in enumerate(labels) if entry != label):
        return None
    return row, rows, [0.0] * (rows.shape[1] - 1) + [labels[label]]


def _factors(model: Model, found: Factorisation, pull: Pull) -> _core._Alone:
    masks = None if found.chance is None else (found.chance, found.targets)
    return _alone([*range(model.dim)], found.length, found.factor, pull, factors=(found.pairs, masks))


def _alone(
    order: list[int],
    length: int,
    factor: float,
    pull: Pull,
    *,
    factors: _core._Factors | None = None,
    taught: tuple[list[int], list[float]] | None = None,
) -> _core._Alone:
    return {
        "order": order,
        "length": length,
        "factor": factor,
        "decay": pull.decay,
        "lasso": pull.lasso,
        "factors": factors,
        "taught": taught,
    }
