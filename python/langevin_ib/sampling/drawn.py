"""The batches that a run of SGD sees, drawn again outside of it: to look at them, or to replay the run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..checks import shown
from ..errors import InvalidArgumentError
from ..process import SGD, GivenBatches, Process, Risk
from .loop import Settings

__all__ = ["drawn_batches"]

MOST = 10**8
"""So many numbers are drawn at most."""


def drawn_batches(process: Process, settings: Settings, steps: int) -> GivenBatches:
    """Return the batches of all walkers up to the last of a run, in its first steps.

    Raises
    ------
    InvalidArgumentError
        If the dynamics draws none, or they are too many.
    """
    dynamics = process.dynamics
    if not isinstance(dynamics, SGD) or not dynamics.is_noisy:
        raise InvalidArgumentError(f"{shown(dynamics)} draws no batches; SGD(batch_size=...) does")
    if dynamics.given is not None:
        return dynamics.given
    if process.model.fresh is not None:
        raise InvalidArgumentError("the rows of this model are drawn afresh: its batches are of no list of rows")
    risk = Risk.of(process.model)
    draw = _Draw(dynamics, risk, settings.key, settings.walkers[1], steps)
    if draw.most > MOST:
        raise InvalidArgumentError(
            f"the batches of {settings.walkers[1]} walkers in {steps} steps are {draw.most} rows; ask for fewer steps"
        )
    return draw.batches()


class _Draw:
    """What walkers see: as `docs/noise.md` says, for all walkers and steps at once."""

    def __init__(self, dynamics: SGD, risk: Risk, key: int, walkers: int, steps: int) -> None:
        self.dynamics = dynamics
        self.risk = risk
        self.key = key
        self.walkers = walkers
        self.steps = steps
        self.count = len(risk.table)

    @property
    def most(self) -> int:
        """How many numbers there are."""
        return self.walkers * self.steps * (self.dynamics.batch_size or self.count)

    def batches(self) -> GivenBatches:
        """Draw them."""
        rows, weights = self._rows(), self._weights()
        return GivenBatches(rows=rows, weights=weights, label_noise=self._noise(weights))

    def _words(self, stream: str, count: int, steps: int) -> NDArray[np.uint64]:
        return _core.words(self.key, (0, self.walkers), (0, steps), count, stream=stream)[..., :count]

    def _weights(self) -> NDArray[np.float64] | None:
        chance = self.dynamics.inclusion
        if chance is None:
            return None
        if chance == 1.0:
            return np.ones((1, self.steps, self.count))
        words = self._words("mask", self.count, self.steps)
        return (words < np.uint64(int(chance * 2.0**64))).astype(np.float64)

    def _rows(self) -> NDArray[np.int64] | None:
        dynamics, size, count = self.dynamics, self.dynamics.batch_size, self.count
        if dynamics.inclusion is not None:
            return None
        if size is None or (size == count and (dynamics.epochs or not dynamics.replace)):
            return np.tile(np.arange(count), (1, self.steps, 1))
        if dynamics.epochs:
            return self._orders(size)
        words = self._words("rows", size, self.steps)
        if dynamics.replace:
            return _below(words, count)
        rows = np.empty(words.shape, dtype=np.int64)
        for place in range(size):
            last = count - size + place
            drawn = _below(words[..., place], last + 1)
            is_taken = (rows[..., :place] == drawn[..., np.newaxis]).any(axis=-1)
            rows[..., place] = np.where(is_taken, last, drawn)
        return rows

    def _orders(self, size: int) -> NDArray[np.int64]:
        turns = self.count // size
        epochs = -(-self.steps // turns)
        words = self._words("order", self.count, epochs)
        order = np.broadcast_to(np.arange(self.count), words.shape).copy()
        for last in range(self.count - 1, 0, -1):
            other = _below(words[..., last], last + 1)[..., np.newaxis]
            moved = np.take_along_axis(order, other, axis=-1)
            np.put_along_axis(order, other, order[..., last : last + 1], axis=-1)
            order[..., last] = moved[..., 0]
        batches = order[..., : turns * size].reshape(self.walkers, epochs * turns, size)
        return batches[:, : self.steps]

    def _noise(self, weights: NDArray[np.float64] | None) -> dict[str, NDArray[np.float64]]:
        """Return the noise on each array, the numbers of a place one after another."""
        noise = dict(self.dynamics.label_noise)
        names = [name for name in map(self.risk.array_of, self.risk.entries) if name in noise]
        if not names:
            return {}
        places = self.dynamics.batch_size or self.count
        normals = _core.normals(self.key, (0, self.walkers), (0, self.steps), places * len(names), stream="label")
        normals = normals.reshape(self.walkers, self.steps, places, len(names))
        if weights is not None:
            # Numbers belong to places in the batch, which those rows have that are in it.
            place = np.maximum(np.cumsum(weights, axis=-1).astype(np.int64) - 1, 0)
            place = np.broadcast_to(place, (self.walkers, self.steps, places))
            normals = np.take_along_axis(normals, place[..., np.newaxis], axis=2)
        columns = {name: [k for k, each in enumerate(names) if each == name] for name in noise}
        return {name: noise[name] * normals[..., which] for name, which in columns.items()}


def _below(words: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    """Return words times `count`, divided by 2**64 and rounded down."""
    half = np.uint64(32)
    factor = np.uint64(count)
    low = (words & np.uint64(2**32 - 1)) * factor >> half
    return (((words >> half) * factor + low) >> half).astype(np.int64)
