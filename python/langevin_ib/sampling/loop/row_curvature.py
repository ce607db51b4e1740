"""The curvature of the loss of single rows: a step that is stable for every row is so for every batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...process import SGD, Risk
from ...program import evaluate
from .curvature import Curvature

__all__ = ["RowCurvature"]

ROWS = 256
"""So many rows are looked at, evenly spread."""


@dataclass(frozen=True)
class RowCurvature(Curvature):
    """The largest curvature of a row's loss, with weight decay, in units of inverse time."""

    def largest(self, states: NDArray[Any]) -> float:
        """Return the largest absolute eigenvalue of the Hessians of some rows at the first of the given states."""
        dynamics = self.process.dynamics
        decay = dynamics.weight_decay if isinstance(dynamics, SGD) else 0.0
        start = np.asarray(states[:1], dtype=np.float64)
        return self._measured(np.repeat(start, len(self._rows), axis=0)) + decay

    def _slopes(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        return evaluate(self._risk.gradient, np.concatenate([states, self._rows], axis=1))

    @cached_property
    def _risk(self) -> Risk:
        return Risk.of(self.process.model)

    @cached_property
    def _rows(self) -> NDArray[np.float64]:
        table = self._risk.table
        return table[:: -(-len(table) // ROWS)]
