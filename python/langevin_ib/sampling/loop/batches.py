"""What the core has to know of a risk and its batches: two tapes, the rows, and how they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ... import _core
from ...model import Fresh, Model
from ...process import SGD, FreshRows, GivenBatches, Risk, decay
from ...program import Program

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
    around = cast("_core.Tape", Program(model.parameters, rest, model.data).gradient.request())
    if model.fresh is not None and dynamics.given is None:
        return _fresh(model, model.fresh, dynamics, around)
    batch, size = _batch(dynamics, len(risk.table))
    return {
        "rest": around,
        "row": cast("_core.Tape", risk.gradient.request()),
        "table": risk.table,
        "labels": risk.noise(_noise_of(dynamics)),
        "inputs": [0.0] * len(risk.symbols),
        "law": "normal",
        "batch": batch,
        "scale": 1.0 / size,
        "given": None if dynamics.given is None else _given(dynamics.given, risk),
    }


def _fresh(model: Model, fresh: Fresh, dynamics: SGD, rest: _core.Tape) -> _core.Examples:
    """Return the same for rows that are drawn afresh: a full batch of zeros, to which everything is added."""
    rows, size = FreshRows.of(model, dynamics.label_noise), dynamics.batch_size or 1
    return {
        "rest": rest,
        "row": cast("_core.Tape", rows.gradient.request()),
        "table": np.zeros((size, len(rows.inputs))),
        "labels": rows.labels,
        "inputs": rows.inputs,
        "law": fresh.law,
        "batch": ("full", 0, 0.0),
        "scale": 1.0 / size,
        "given": None,
    }


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
