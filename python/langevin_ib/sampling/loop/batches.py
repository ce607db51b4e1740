"""What the core has to know of a risk and its batches: two tapes, the rows, and how they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import sympy

from ... import _core
from ...model import Fresh, Model
from ...process import SGD, FreshRows, GivenBatches, Risk, decay
from ...program import Program, Tape
from .layers import Layer, teacher_of

__all__ = ["examples_of"]

if TYPE_CHECKING:
    Batch = tuple[str, int, float]


def examples_of(model: Model, dynamics: SGD) -> _core.Examples:
    """Return what the core draws batches from.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        If the loss of the model is no mean over rows, or cannot be compiled.
    """
    risk = Risk.of(model)
    rest = risk.rest + model.confinement + decay(dynamics.weight_decay, model)
    around = None if rest == 0 else _crossing(Program(model.parameters, rest, model.data).gradient)
    if model.fresh is not None and dynamics.given is None:
        return _fresh(model, model.fresh, dynamics, around)
    batch, size = _batch(dynamics, len(risk.table))
    layer, labels, table = Layer.of(risk), risk.noise(_noise_of(dynamics)), risk.table
    order = list(range(len(labels))) if layer is None else [risk.symbols.index(symbol) for symbol in layer.entries]
    if not _keeps_order(order, labels):
        layer, order = None, list(range(len(labels)))
    labels, table = [labels[k] for k in order], table[:, order]
    return {
        "rest": around,
        "row": _crossing(risk.gradient) if layer is None else (layer.inputs, layer.units, layer.factor, []),
        "table": table,
        "labels": labels,
        "inputs": [0.0] * table.shape[1],
        "law": "normal",
        "batch": batch,
        "scale": 1.0 / size,
        "given": None if dynamics.given is None else _given(dynamics.given, risk),
    }


def _fresh(model: Model, fresh: Fresh, dynamics: SGD, rest: _core.Tape | None) -> _core.Examples:
    """Return the same for rows that are drawn afresh: a full batch of zeros, to which everything is added."""
    rows, size = FreshRows.of(model, dynamics.label_noise), dynamics.batch_size or 1
    layer = Layer.of(rows.risk)
    closed = None if layer is None else (layer.inputs, layer.units, layer.factor, _source(layer, rows))
    return {
        "rest": rest,
        "row": closed or _crossing(rows.gradient),
        "table": np.zeros((size, len(rows.inputs))),
        "labels": rows.labels,
        "inputs": rows.inputs,
        "law": fresh.law,
        "batch": ("full", 0, 0.0),
        "scale": 1.0 / size,
        "given": None,
    }


def _source(layer: Layer, rows: FreshRows) -> list[float] | _core.Tape:
    """Return what makes the inputs and the label of a layer of what is drawn: another layer, or a tape."""
    *inputs, label = (rows.columns[symbol] for symbol in layer.entries)
    count = rows.inputs.count(1.0)
    noise = sympy.Add(*rows.drawn[count:])
    if tuple(inputs) == rows.drawn[:count]:
        teacher = teacher_of(label - noise, rows.drawn[:count])
        if teacher is not None:
            return teacher
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
