"""Lattices of many parameters: V is quadratic in most of them jointly, so these are normal given the others.

z = s_1 v_1 + ... + s_q v_q in R**d has q (d + 1) parameters, and its loss is a parabola in all v. So lattices are
stretched in s alone, to where the mass over v is, and v is drawn as it is distributed given s: mean and covariance come
from differences of V. They only say where points are. Each has the weight exp(-V/T) as it was written, over the density
that it was drawn with: where V is no parabola many points are needed, and averages are right all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .lattice import Lattices, sequence
from .population import LogWeight

__all__ = ["BlockLattices"]

FloatArray = NDArray[np.float64]

_MOST_LEFT, _LARGEST = 4, 16
"""So many parameters may be left beside the block, and be in it."""

_PROBES, _SEED = 6, 20260122
_SAME, _HUGE = 1e-9, 1e12

_EACH = 16
"""So many points of the block go with one of the others, half of them mirrored at the mean."""

_PILOT = 512
"""The mass over the block is smooth."""

_AT_ONCE = 2**13
"""Larger arrays are taken from the system and given back each time, which takes three times as long."""


@dataclass(frozen=True, eq=False)
class BlockLattices:
    """Lattices for a weight that is Gaussian, or nearly, in a block of parameters given the others.

    Parameters
    ----------
    log_weight : callable
        See `LogWeight`.
    block : _Block
        The parameters.
    outer : Lattices
        Those of the others, for the mass over the block.
    """

    log_weight: LogWeight
    block: _Block
    outer: Lattices

    @classmethod
    def about(cls, log_weight: LogWeight, dim: int, rng: np.random.Generator) -> BlockLattices | None:
        """Search for the largest block, and for the mass; None if there is none wherever it was looked."""
        block = _Block.largest(log_weight, dim)
        if block is None:
            return None
        outer = Lattices.about(block.mass_of(log_weight), len(block.outside), rng, _PILOT)
        return None if outer is None else cls(log_weight, block, outer)

    def again(self, log_weight: LogWeight, rng: np.random.Generator) -> BlockLattices | None:
        """Return lattices for another weight whose mass is not far away; None if there is none."""
        outer = self.outer.again(self.block.mass_of(log_weight), rng, _PILOT)
        return None if outer is None else BlockLattices(log_weight, self.block, outer)

    def at_once(self, count: int) -> int:
        """Return how many shifts of so many points are best drawn together."""
        return max(1, _AT_ONCE // count)

    def draw(self, shifts: int, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return points x, shape (shifts * count, d), lattice after lattice, and the logs of their weights."""
        block, size = self.block, len(self.block.inside)
        others, log_volume = self.outer.placed(shifts, count // _EACH, rng)
        t = sequence(count // 2, block.dim)[-size:, None, :] + rng.random((size, shifts, 1))
        normals = ndtri(t - np.floor(t)).reshape(size, -1, _EACH // 2)
        normals = np.concatenate([normals, -normals], axis=2)
        forces, rows, _ = block.normal(self.log_weight, others)
        x = np.empty((block.dim, len(others), _EACH))
        x[block.outside] = others.T[..., None]
        # y = L^-T (normal - L^-1 g), the last coordinate first.
        for i in reversed(range(size)):
            later = sum((rows[j][i][:, None] * x[block.inside[j]] for j in range(i + 1, size)), np.zeros(()))
            x[block.inside[i]] = (normals[i] - forces[i][:, None] - later) / rows[i][i][:, None]
        points = x.reshape(block.dim, -1).T
        log_density = _log_root(rows)[:, None] - np.square(normals).sum(axis=0) / 2.0
        logs = _evaluated(self.log_weight, points) + (log_volume[:, None] - log_density).ravel()
        return points, np.where(np.isfinite(logs), logs, -np.inf)


@dataclass(frozen=True)
class _Block:
    """Parameters y in which V/T is c + g.y + y.H y / 2 given the others, as far as it was looked.

    Parameters
    ----------
    inside, outside : list of int
        The places of y, and of the others.
    coupled : list of (int, int)
        The entries i > j of H, by places in y, that are not always zero.
    """

    inside: list[int]
    outside: list[int]
    coupled: list[tuple[int, int]]

    @property
    def dim(self) -> int:
        """The number of all parameters."""
        return len(self.inside) + len(self.outside)

    @classmethod
    def largest(cls, log_weight: LogWeight, dim: int) -> _Block | None:
        """Return the largest block that grows from one parameter by the most sociable ones; None if it is small."""
        x = np.random.default_rng(_SEED).standard_normal((_PROBES, dim))
        unit, (one, other) = np.eye(dim), np.tril_indices(dim)
        joint = np.zeros((dim, dim), dtype=bool)
        joint[one, other] = joint[other, one] = _are_parabolas(log_weight, x, unit[one] - 1.5 * unit[other])
        order, best = np.argsort(-joint.sum(axis=0), kind="stable").tolist(), list[int]()
        for first in range(dim):
            block: list[int] = []
            for i in (first, *order):
                if i not in block and joint[i, [i, *block]].all():
                    block.append(i)
            best = max(best, sorted(block[: dim - 1]), key=len)
        if not dim - _MOST_LEFT <= len(best) <= _LARGEST:
            return None
        # Of a b c each two are well, and not all three.
        along = np.zeros((1, dim))
        along[0, best] = np.linspace(0.7, 1.6, len(best))
        if not _are_parabolas(log_weight, x, along)[0]:
            return None
        return cls(best, [i for i in range(dim) if i not in best], list(_coupled(log_weight, x, best)))

    def mass_of(self, log_weight: LogWeight) -> LogWeight:
        """Return the log of the mass over the block, as a function of the others."""

        def log_mass(others: FloatArray) -> FloatArray:
            forces, rows, constant = self.normal(log_weight, others)
            return np.asarray(_dot(forces, forces) / 2.0 - constant - _log_root(rows))

        return log_mass

    def normal(
        self, log_weight: LogWeight, others: FloatArray
    ) -> tuple[list[FloatArray], list[list[FloatArray]], FloatArray]:
        """Return L^-1 g, L of H = L L^T, and c; where V is no such parabola 0, the unit matrix, and infinity."""
        size, unit = len(self.inside), np.eye(len(self.inside))
        mixed = [unit[i] + unit[j] for i, j in self.coupled]
        places = np.vstack([np.zeros((1, size)), unit, -unit, *mixed])
        x = np.empty((self.dim, len(places), len(others)))
        x[self.outside] = others.T[:, None, :]
        x[self.inside] = places.T[..., None]
        found = -_evaluated(log_weight, x.reshape(self.dim, -1).T).reshape(len(places), -1)
        with np.errstate(all="ignore"):
            constant, ahead, behind = found[0], found[1 : size + 1], found[size + 1 : 2 * size + 1]
            slopes, entries = (ahead - behind) / 2.0, dict(zip(self.coupled, found[2 * size + 1 :], strict=True))
            known = np.abs(found).sum(axis=0) < _HUGE
            rows: list[list[FloatArray]] = []
            forces: list[FloatArray] = []
            for i in range(size):
                row: list[FloatArray] = []
                for j in range(i):
                    entry = entries[i, j] - ahead[i] - ahead[j] + constant if (i, j) in entries else 0.0
                    row.append((entry - _dot(row, rows[j])) / rows[j][j])
                row.append(np.sqrt(ahead[i] + behind[i] - 2.0 * constant - _dot(row, row)))
                forces.append((slopes[i] - _dot(row, forces)) / row[i])
                known &= np.isfinite(forces[i]) & (row[i] > 0.0)
                rows.append(row)
        if not known.all():
            rows = [
                [np.where(known, entry, float(i == j)) for j, entry in enumerate(row)] for i, row in enumerate(rows)
            ]
            forces = [np.where(known, force, 0.0) for force in forces]
        return forces, rows, np.where(known, constant, np.inf)


def _are_parabolas(log_weight: LogWeight, x: FloatArray, steps: FloatArray) -> NDArray[np.bool_]:
    """Return for each step (n, d) whether V is quadratic along it, through all points x."""
    places = x[:, None, None, :] + np.arange(-1.0, 3.0)[:, None, None] * steps
    found = _evaluated(log_weight, places.reshape(-1, x.shape[1])).reshape(len(x), 4, -1)
    third = np.abs(found[:, 3] - 3.0 * found[:, 2] + 3.0 * found[:, 1] - found[:, 0])
    return np.asarray((third <= _SAME * np.abs(found).sum(axis=1)).all(axis=0))


def _coupled(log_weight: LogWeight, x: FloatArray, block: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the entries i > j of the matrix of second derivatives that are not zero at all points x."""
    unit = np.eye(x.shape[1])
    for i, one in enumerate(block):
        for j, other in enumerate(block[:i]):
            corners = [x, x + unit[one], x + unit[other], x + unit[one] + unit[other]]
            found = _evaluated(log_weight, np.concatenate(corners)).reshape(4, -1)
            mixed = np.abs(found[3] - found[2] - found[1] + found[0])
            if (mixed > _SAME * np.abs(found).sum(axis=0)).any():
                yield i, j


def _evaluated(log_weight: LogWeight, x: FloatArray) -> FloatArray:
    """Return the logs of the weight at points, shape (n, d), not too many at once."""
    with np.errstate(all="ignore"):
        return np.concatenate([log_weight(x[k : k + _AT_ONCE]) for k in range(0, len(x), _AT_ONCE)])


def _dot(one: list[FloatArray], other: list[FloatArray]) -> FloatArray:
    """Return the sum of products, as far as both go."""
    return sum((a * b for a, b in zip(one, other, strict=False)), np.zeros(()))


def _log_root(rows: list[list[FloatArray]]) -> FloatArray:
    """Return the log of the determinant of L."""
    return np.asarray(sum(np.log(row[-1]) for row in rows))
