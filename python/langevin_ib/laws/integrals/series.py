"""A smooth function of one variable that is dear to evaluate, kept as Legendre series on panels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from ..line import NODES, ORDER, TO_COEFFICIENTS

__all__ = ["PanelSeries"]

FloatArray = NDArray[np.float64]

_TOLERANCE = 1e-12
_MOST_HALVINGS = 11
_WILD = 0.1


class PanelSeries:
    """Legendre series between edges.

    Parameters
    ----------
    edges : (n + 1,) array
        The ends of the panels, increasing.
    series : (order, n) array
        The coefficients, a column for each panel.
    """

    def __init__(self, edges: FloatArray, series: FloatArray) -> None:
        self.edges, self.series = edges, series

    @classmethod
    def fit(
        cls,
        function: Callable[[FloatArray], FloatArray],
        edges: FloatArray,
        is_negligible: Callable[[FloatArray, FloatArray, FloatArray], NDArray[np.bool_]] | None = None,
        noise: float = 0.0,
    ) -> PanelSeries:
        """Fit a function between the first and the last edge; panels are halved until their series have converged.

        Parameters
        ----------
        function : callable
            Takes flat points inside the panels, never their ends; finite, and smooth apart from a few kinks.
        edges : (n + 1,) array
            The widest panels.
        is_negligible : callable, optional
            Takes values (k, order) on panels and the ends (k,) of these, and says for which nobody needs digits.
        noise : float
            What rounding alone does to the function.
        """
        low, high = edges[:-1], edges[1:]
        done: list[tuple[FloatArray, FloatArray]] = []
        for halving in range(_MOST_HALVINGS + 1):
            centre, half = (low + high) / 2.0, (high - low) / 2.0
            points = centre[:, None] + half[:, None] * NODES
            values = np.asarray(function(points.ravel())).reshape(points.shape)
            series = values @ TO_COEFFICIENTS.T
            tail = np.abs(series[:, -3:]).max(axis=1)
            smooth = tail <= _TOLERANCE * (1.0 + 0.1 * np.abs(values).max(axis=1)) + noise
            nothing = np.zeros_like(smooth) if is_negligible is None else is_negligible(values, low, high)
            # A series that has not converged may overshoot between the nodes by as much as the function varies.
            wild = ~smooth & (nothing | (tail > _WILD))
            series[wild] = values[wild].max(axis=1)[:, None] * (np.arange(ORDER) == 0)
            settled = smooth | nothing | (halving == _MOST_HALVINGS)
            done.append((low[settled], series[settled]))
            low, centre, high = low[~settled], centre[~settled], high[~settled]
            low, high = np.concatenate([low, centre]), np.concatenate([centre, high])
            if not low.size:
                break
        starts, coefficients = (np.concatenate(column) for column in zip(*done, strict=True))
        order = np.argsort(starts)
        return cls(np.append(starts[order], edges[-1]), np.ascontiguousarray(coefficients[order].T))

    def __call__(self, points: FloatArray) -> FloatArray:
        """Return the function at points of any shape; outside of the edges its value at the nearest one."""
        panel = np.clip(np.searchsorted(self.edges, points, side="right") - 1, 0, self.edges.size - 2)
        left, right = self.edges[panel], self.edges[panel + 1]
        t = np.clip(2.0 * (points - left) / (right - left) - 1.0, -1.0, 1.0)
        return np.asarray(legendre.legval(t, self.series[:, panel], tensor=False))

    @cached_property
    def first_slope(self) -> float:
        """The derivative at the first edge."""
        slope = legendre.legval(-1.0, legendre.legder(self.series[:, 0]))
        return float(slope) * 2.0 / float(self.edges[1] - self.edges[0])
