"""The curvature of a process's potential where walkers are: from its Hessian, or from differences of its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ...model.expressions import compiled
from ...process import Process
from .driver import Driver

__all__ = ["Curvature"]

LOOKED_AT = 65_536
"""Curvature is the largest over at most this many walkers."""

MEASURED_AT = 1024
"""The same where curvature is measured by differences of the gradient."""

DENSE = 32
"""Up to so many dimensions the whole Hessian is measured."""

DIFFERENCE = 1e-5
"""Half the distance of two gradients, relative to where the walker is: the cube root of a double's resolution."""

POWER_STEPS = 30
"""Steps of the power iteration."""


@dataclass(frozen=True)
class Curvature:
    """The largest curvature of V, in units of inverse time.

    Parameters
    ----------
    process : Process
        Whose V; it has to have a formula.
    """

    process: Process

    def largest(self, states: NDArray[Any]) -> float:
        """Return the largest absolute eigenvalue of the Hessian of V over some of the given states.

        Parameters
        ----------
        states : array, shape (walkers, dim)
            Where to look; evenly spread rows are taken if there are many.

        Returns
        -------
        float
            0 where V is affine, and infinite where the Hessian is not finite. With a metric G it is that of
            G**(-1/2) Hessian G**(-1/2).
        """
        if self._driver.is_taped or self.process.metric is not None:
            return self._measured(np.asarray(_spread(states, MEASURED_AT), dtype=np.float64))
        rows = np.asarray(_spread(states, LOOKED_AT), dtype=np.float64)
        return max((block.largest_eigenvalue(rows) for block in self._blocks), default=0.0)

    def _measured(self, states: NDArray[np.float64]) -> float:
        """Return the same by differences of the gradient.

        Up to `DENSE` dimensions the Hessian is built column by column; beyond, power iteration finds the eigenvalue
        from below, to a few per cent.
        """
        dim, metric = self.process.model.dim, self.process.metric
        # In the coordinates y = L.T x, with G = L L.T, the metric is Euclidean and grad_y V = inv(L) grad V.
        whitening = np.eye(dim) if metric is None else np.linalg.inv(np.linalg.cholesky(metric))

        def along(directions: NDArray[np.float64]) -> NDArray[np.float64]:
            """Return the Hessian in y times one direction for each state."""
            moves = directions @ whitening
            sizes = DIFFERENCE * (1.0 + np.abs(states).max(axis=1, keepdims=True))
            sizes /= np.maximum(np.abs(moves).max(axis=1, keepdims=True), np.finfo(float).tiny)
            ahead, behind = (self._slopes(states + sign * sizes * moves) for sign in (1.0, -1.0))
            return np.asarray((ahead - behind) / (2.0 * sizes) @ whitening.T)

        if dim <= DENSE:
            columns = [along(np.broadcast_to(unit, states.shape)) for unit in np.eye(dim)]
            hessians = np.stack(columns, axis=-1)
            if not np.isfinite(hessians).all():
                return math.inf
            return float(np.abs(np.linalg.eigvalsh((hessians + hessians.swapaxes(-1, -2)) / 2.0)).max())
        direction = np.random.default_rng(0).standard_normal(states.shape)
        lengths = np.zeros((len(states), 1))
        for _ in range(POWER_STEPS):
            direction = along(direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-300))
            lengths = np.linalg.norm(direction, axis=1)
            if not np.isfinite(lengths).all():
                return math.inf
        return float(lengths.max())

    def _slopes(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._driver.is_taped:
            return np.asarray(self._driver.gradients(states))
        return np.stack([np.broadcast_to(f(*states.T), len(states)) for f in self._gradient], axis=1)

    @cached_property
    def _driver(self) -> Driver:
        return Driver.of(self.process)

    @cached_property
    def _gradient(self) -> tuple[Callable[..., NDArray[np.float64]], ...]:
        parameters = self.process.model.parameters
        return tuple(compiled(sympy.diff(self.process.potential, x), parameters) for x in parameters)

    @cached_property
    def _blocks(self) -> tuple[_HessianBlock, ...]:
        return _hessian(self.process)


def _spread(states: NDArray[Any], most: int) -> NDArray[Any]:
    return states[:: -(-len(states) // most)]


@dataclass(frozen=True, eq=False)
class _HessianBlock:
    """A diagonal block of the Hessian of V: its parameters, by their numbers, and its entries, row by row."""

    parameters: tuple[int, ...]
    entries: tuple[float | Callable[..., NDArray[np.float64]], ...]

    def largest_eigenvalue(self, states: NDArray[np.float64]) -> float:
        """Return the largest absolute eigenvalue over states of shape (walkers, dim); infinite if one is NaN."""
        columns = states[:, self.parameters].T
        values = [entry if isinstance(entry, float) else entry(*columns) for entry in self.entries]
        size = len(self.parameters)
        matrices = np.stack(np.broadcast_arrays(*values), axis=-1).reshape(-1, size, size)
        return float(np.abs(np.linalg.eigvalsh(matrices)).max()) if np.isfinite(matrices).all() else math.inf


def _hessian(process: Process) -> tuple[_HessianBlock, ...]:
    """Return the Hessian of V as the blocks that it falls into: parameters that share no term of V do not mix."""
    groups: list[tuple[set[sympy.Symbol], list[sympy.Expr]]] = []
    for term in sympy.Add.make_args(sympy.expand(process.potential)):
        symbols, terms = set(term.free_symbols), [term]
        for group in [group for group in groups if group[0] & symbols]:
            groups.remove(group)
            symbols |= group[0]
            terms += group[1]
        if symbols:
            groups.append((symbols, terms))
    number = {parameter: i for i, parameter in enumerate(process.model.parameters)}
    return tuple(_block(sympy.Add(*terms), sorted(found, key=number.__getitem__), number) for found, terms in groups)


def _block(potential: sympy.Expr, parameters: list[sympy.Symbol], number: dict[sympy.Symbol, int]) -> _HessianBlock:
    entries = sympy.hessian(potential, parameters)
    functions = (compiled(entry, parameters) if entry.free_symbols else float(entry) for entry in entries)
    return _HessianBlock(tuple(number[parameter] for parameter in parameters), tuple(functions))
