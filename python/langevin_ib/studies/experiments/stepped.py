"""An arm whose gradient is written out in NumPy, for all seeds at once, with the core's noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from ... import _core
from ...checks import checked_rng
from ...errors import DivergenceError
from .arms import Arm, Array, Order, Problem

__all__ = ["Field", "Stepped"]

NUMBERS = 2**20
"""About so many random numbers are drawn at a time."""

Draws = tuple[Array, Array, Array]


class Field(Protocol):
    """The gradient of the paper's loss, for several seeds.

    Attributes
    ----------
    inputs, labels : int
        How many normals of the streams of that name a seed has at a step: those that `Fresh` rows would have.
    """

    inputs: int
    labels: int

    def __call__(self, x: Array, inputs: Array, labels: Array) -> Array:
        """Return the gradient at x, shape (seeds, dim), of the batch that these normals make."""
        ...


@dataclass(frozen=True, kw_only=True)
class Stepped(Arm):
    """x' = x - eta (gradient + decay x) + sqrt(2 T eta) R, in NumPy.

    It is for losses that the core has no form for, and for gradients of the mean over all inputs. Seeds are trained
    together and do not depend on each other, to the bit.

    Parameters
    ----------
    field : callable
        Returns the gradient for the problems of the seeds.
    decay : float
        The weight decay.
    """

    field: Callable[[Sequence[Problem]], Field]
    decay: float = 0.0
    is_joint: ClassVar[bool] = True

    def train(self, order: Order) -> Array:
        """Return the states at the looks, shape (seeds, looks, dim)."""
        with np.errstate(over="ignore", invalid="ignore"):
            # Whoever runs away is named at the next look.
            return self._states(order)

    def _states(self, order: Order) -> Array:
        field, x = self.field(order.problems), order.initial.astype(np.float64)
        heat = np.sqrt(2.0 * order.temperatures * self.learning_rate)[:, None]
        kept = np.empty((len(x), len(self.looks), x.shape[1]))
        place = 0
        for step, (inputs, labels, kicks) in enumerate(self._draws(field, order, x.shape[1]), start=1):
            slope = field(x, inputs, labels)
            if self.decay:
                slope = slope + self.decay * x
            x = x - self.learning_rate * slope
            if kicks.size:
                x = x + heat * kicks
            if step == self.looks[place]:
                _require_finite(x, order, step)
                kept[:, place] = x
                place += 1
                if callable(order.progress):
                    order.progress(step, self.steps)
        return kept

    def _draws(self, field: Field, order: Order, dim: int) -> Iterator[Draws]:
        """Return the normals of every step: for inputs, for labels, and for kicks."""
        low, high = checked_rng(order.root).integers(0, 2**64, size=2, dtype=np.uint64)
        key, walkers = int(low) | int(high) << 64, (order.walkers.start, order.walkers.stop)
        counts = {"input": field.inputs, "label": field.labels, "increment": dim if order.temperatures.any() else 0}
        most = max(1, NUMBERS // max(1, len(order.walkers) * max(counts.values())))
        for first in range(0, self.steps, most):
            span = (first, min(first + most, self.steps))
            drawn = [
                _core.normals(key, walkers, span, count, stream=stream)[:, :, :count]
                if count
                else np.empty((len(order.walkers), span[1] - first, 0))
                for stream, count in counts.items()
            ]
            for k in range(span[1] - first):
                inputs, labels, kicks = (each[:, k] for each in drawn)
                yield inputs, labels, kicks


def _require_finite(x: Array, order: Order, step: int) -> None:
    gone = ~np.isfinite(x).all(axis=1)
    if gone.any():
        seed = order.walkers[int(np.argmax(gone))]
        raise DivergenceError(
            f"seed {seed} ran away by iteration {step}; take a smaller learning rate", walker=seed, step=step
        )
