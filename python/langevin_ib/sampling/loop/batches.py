"""What the core has to know of a risk and its batches: two tapes, the rows, and how they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ... import _core
from ...model import Model
from ...process import SGD, Risk, decay
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
    rows = len(risk.table)
    batch, size = _batch(dynamics, rows)
    rest = risk.rest + model.confinement + decay(dynamics.weight_decay, model)
    return {
        "rest": cast("_core.Tape", Program(model.parameters, rest, model.data).gradient.request()),
        "row": cast("_core.Tape", risk.gradient.request()),
        "table": risk.table,
        "labels": risk.noise(dict(dynamics.label_noise)),
        "inputs": [0.0] * len(risk.symbols),
        "law": "normal",
        "batch": batch,
        "scale": 1.0 / size,
        "given": None,
    }


def _batch(dynamics: SGD, rows: int) -> tuple[Batch, float]:
    """Return name, size and chance of a batch as the core has them, and what the sum over it is divided by."""
    if dynamics.inclusion is not None:
        expected = dynamics.normalisation or dynamics.inclusion * rows
        return ("full" if dynamics.inclusion == 1.0 else "mask", 0, dynamics.inclusion), expected
    size = dynamics.batch_size
    if size is None or (size == rows and (dynamics.epochs or not dynamics.replace)):
        return ("full", 0, 0.0), rows
    return ("epochs" if dynamics.epochs else "draws" if dynamics.replace else "distinct", size, 0.0), size
