"""What the core has to know of a risk and its batches: tapes or a closed form, the rows, and how they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import sympy
from numpy.typing import NDArray

from ... import _core
from ...errors import UnsupportedModelError
from ...model import Fresh, Model
from ...process import SGD, FreshRows, GivenBatches, Risk, decay
from ...program import Program, Tape
from .layers import Layer, teacher_of
from .one_by_one import closed_form_of, closed_form_of_risk, drawn_factors

__all__ = ["descent_of", "examples_of"]

if TYPE_CHECKING:
    Batch = tuple[str, int, float]
    Row = _core.Tape | _core._Layer | _core._Alone


def examples_of(model: Model, dynamics: SGD) -> _core.Examples:
    """Return what the core draws batches from.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        If the loss of the model is no mean over rows, or cannot be compiled.
    """
    risk = Risk.of(model)
    rest = _rest(model, risk, dynamics)
    if model.fresh is not None and dynamics.given is None:
        return _fresh(model, model.fresh, dynamics, rest)
    batch, size = _batch(dynamics, len(risk.table))
    labels = risk.noise(_noise_of(dynamics))
    row, table, labels = closed_form_of_risk(risk, rest, labels) or _rows(risk, labels)
    return {
        "rest": _around(model, rest, row),
        "row": row,
        "table": table,
        "labels": labels,
        "inputs": [0.0] * table.shape[1],
        "law": "normal",
        "batch": batch,
        "scale": 1.0 / size,
        "given": None if dynamics.given is None else _given(dynamics.given, risk),
    }


def descent_of(model: Model, dynamics: SGD) -> _core.Examples | None:
    """Return the same for gradient descent on all rows, or without any, if there is a closed form for it; else None."""
    if model.data:
        try:
            risk = Risk.of(model)
        except UnsupportedModelError:
            return None
        closed = closed_form_of_risk(risk, _rest(model, risk, dynamics), [0.0] * len(risk.symbols))
    else:
        closed = closed_form_of(model, model.confinement + decay(dynamics.weight_decay, model))
    if closed is None:
        return None
    row, table, labels = closed
    return {
        "rest": None,
        "row": row,
        "table": table,
        "labels": labels,
        "inputs": labels,
        "law": "normal",
        "batch": ("full", 0, 0.0),
        "scale": 1.0 / len(table) if model.data else 1.0,
        "given": None,
    }


def _rest(model: Model, risk: Risk, dynamics: SGD) -> sympy.Expr:
    """Return what is no part of the mean."""
    return risk.rest + model.confinement + decay(dynamics.weight_decay, model)


def _around(model: Model, rest: sympy.Expr, row: Row) -> _core.Tape | None:
    """Return the gradient of what is no part of the mean, unless there is none or the closed form of a row has it."""
    is_alone = isinstance(row, dict) and "order" in row
    return None if rest == 0 or is_alone else _crossing(Program(model.parameters, rest, model.data).gradient)


def _rows(risk: Risk, labels: list[float]) -> tuple[Row, NDArray[np.float64], list[float]]:
    """Return the loss of a row, the rows as it takes them, and the noise on their entries."""
    layer = Layer.of(risk)
    if layer is not None:
        order = [risk.symbols.index(symbol) for symbol in layer.entries]
        if _keeps_order(order, labels):
            closed = (layer.inputs, layer.units, layer.factor, list[list[float]]())
            return closed, risk.table[:, order], [labels[k] for k in order]
    return _crossing(risk.gradient), risk.table, labels


def _fresh(model: Model, fresh: Fresh, dynamics: SGD, rest: sympy.Expr) -> _core.Examples:
    """Return the same for rows that are drawn afresh: a full batch of zeros, to which everything is added."""
    rows, size = FreshRows.of(model, dynamics.label_noise), dynamics.batch_size or 1
    row: Row | None = drawn_factors(rows, rest, fresh.law)
    layer = Layer.of(rows.risk) if row is None else None
    if layer is not None:
        row = (layer.inputs, layer.units, layer.factor, _source(layer, rows))
    row = row or _crossing(rows.gradient)
    return {
        "rest": _around(model, rest, row),
        "row": row,
        "table": np.zeros((size, len(rows.inputs))),
        "labels": rows.labels,
        "inputs": rows.inputs,
        "law": fresh.law,
        "batch": ("full", 0, 0.0),
        "scale": 1.0 / size,
        "given": None,
    }


def _source(layer: Layer, rows: FreshRows) -> list[list[float]] | _core.Tape:
    """Return what makes the inputs and the label of a layer of what is drawn: another layer, or a tape."""
    *inputs, label = (rows.columns[symbol] for symbol in layer.entries)
    count = rows.inputs.count(1.0)
    noise = sympy.Add(*rows.drawn[count:])
    if tuple(inputs) == rows.drawn[:count]:
        teacher = teacher_of(label - noise, rows.drawn[:count])
        if teacher is not None:
            return [teacher]
    return _crossing(rows.entries(layer.entries))


def _keeps_order(order: list[int], labels: list[float]) -> bool:
    """Whether noisy entries come in the order in which noise is drawn for them."""
    noisy = [k for k in order if labels[k] != 0.0]
    return noisy == sorted(noisy)


def _crossing(tape: Tape) -> _core.Tape:
    return cast("_core.Tape", tape.request())


def _noise_of(dynamics: SGD) -> dict[str, float]:
    """Return what the noise on labels is multiplied by: that which is given stands as it is."""
    given = () if dynamics.given is None else dynamics.given.label_noise
    return dict(dynamics.label_noise) | {name: 1.0 for name, _ in given}


def _given(given: GivenBatches, risk: Risk) -> _core._Given:
    """Return rows, weights and noise on labels for as many walkers each; what is not given is empty."""
    shape = (given.walkers or 1, given.steps, given.size)
    rows = np.arange(given.size) if given.rows is None else given.rows
    weights = np.empty((0, 0, 0)) if given.weights is None else np.broadcast_to(given.weights, shape)
    noise = np.empty((0, 0, 0, 0))
    if given.label_noise:
        # In the order of the entries of a row, which for one array is that of its own.
        arrays = {name: iter(np.moveaxis(array, -1, 0)) for name, array in given.label_noise}
        columns = [next(arrays[name]) for name in map(risk.array_of, risk.entries) if name in arrays]
        noise = np.stack([np.broadcast_to(column, shape) for column in columns], axis=-1)
    return np.broadcast_to(rows, shape).astype(np.uint32), weights, noise


def _batch(dynamics: SGD, rows: int) -> tuple[Batch, float]:
    """Return name, size and chance of a batch as the core has them, and what the sum over it is divided by."""
    if dynamics.inclusion is not None:
        expected = dynamics.normalisation or dynamics.inclusion * rows
        return ("full" if dynamics.inclusion == 1.0 else "mask", 0, dynamics.inclusion), expected
    if dynamics.given is not None:
        return ("given", dynamics.given.size, 0.0), dynamics.normalisation or dynamics.given.size
    size = dynamics.batch_size
    if size is None or (size == rows and (dynamics.epochs or not dynamics.replace)):
        return ("full", 0, 0.0), rows
    return ("epochs" if dynamics.epochs else "draws" if dynamics.replace else "distinct", size, 0.0), size
