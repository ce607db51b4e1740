"""The axis of a histogram of equal bins, as the UHI plotting protocol asks for it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["AxisTraits", "RegularAxis"]


@dataclass(frozen=True)
class AxisTraits:
    """The two facts that the UHI plotting protocol asks of an axis."""

    circular: bool = False
    discrete: bool = False


@dataclass(frozen=True)
class RegularAxis:
    """An axis of equal bins that satisfies UHI's ``PlottableAxis``: item i is the pair of edges of bin i.

    Parameters
    ----------
    bins : int
        The number of bins.
    range : (float, float)
        The ends of the axis.
    label : str
        The name of what is on the axis.
    """

    bins: int
    range: tuple[float, float]
    label: str = ""

    @property
    def traits(self) -> AxisTraits:
        """Neither circular nor discrete."""
        return AxisTraits()

    @property
    def edges(self) -> NDArray[np.float64]:
        """The bins + 1 edges, shape (bins + 1,)."""
        return np.linspace(*self.range, self.bins + 1)

    def __len__(self) -> int:
        return self.bins

    def __getitem__(self, index: int) -> tuple[float, float]:
        position = range(self.bins)[index]
        return self._edge(position), self._edge(position + 1)

    def __iter__(self) -> Iterator[tuple[float, float]]:
        edges = self.edges.tolist()
        return itertools.pairwise(edges)

    def _edge(self, position: int) -> float:
        # The arithmetic of numpy.linspace, without the other edges.
        lo, hi = self.range
        return hi if position == self.bins else position * ((hi - lo) / self.bins) + lo
