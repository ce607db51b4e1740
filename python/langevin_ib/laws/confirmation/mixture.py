"""A mixture of Student laws that is fitted to weighted points: where importance sampling draws from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["Mixture"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_FREEDOM = 5.0
_INFLATION = 1.3
"""Of the covariances: a proposal that is too wide costs some draws, one that is too narrow costs the answer."""

_ROUNDS = 6
_BLOCK = 2**18


@dataclass(frozen=True, eq=False)
class Mixture:
    """Student laws with five degrees of freedom, in d coordinates.

    Parameters
    ----------
    shares : (k,) array
        The probabilities of the components.
    centres : (k, d) array
        Their centres.
    roots : (k, d, d) array
        Lower triangular square roots of their scale matrices.
    """

    shares: FloatArray
    centres: FloatArray
    roots: FloatArray

    @classmethod
    def fit(cls, points: FloatArray, count: int, rng: np.random.Generator) -> Mixture:
        """Fit to points (n, d) of equal weight: each component to a cluster of them."""
        spread = points.std(axis=0) + 1e-300
        label, centres = _clusters(points / spread, count, rng)
        sizes = np.bincount(label, minlength=len(centres))
        kept = np.flatnonzero(sizes > 0)
        within = points - np.array([points[label == k].mean(axis=0) for k in kept])[np.searchsorted(kept, label)]
        pooled = within.T @ within / len(points)
        roots = [_root(points[label == k], pooled) for k in kept]
        # A small cluster is more uncertain than its size says.
        shares = sizes[kept] + 0.3 * len(points) / len(kept)
        middles = np.array([points[label == k].mean(axis=0) for k in kept])
        return cls(shares / shares.sum(), middles, np.array(roots))

    def with_defence(self, points: FloatArray, share: float, wider: float) -> Mixture:
        """Return this mixture, with a share for one component around all points that is so many times wider."""
        spread = np.diag(wider * points.std(axis=0) + 1e-150)
        return Mixture(
            np.concatenate([(1.0 - share) * self.shares, [share]]),
            np.vstack([self.centres, points.mean(axis=0)]),
            np.concatenate([self.roots, spread[None]]),
        )

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Return independent points, shape (count, d)."""
        which = np.sort(rng.choice(self.shares.size, count, p=self.shares))
        normals = rng.standard_normal((count, self.centres.shape[1]))
        scales = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, count))
        starts = np.searchsorted(which, np.arange(self.shares.size + 1))
        drawn = np.empty_like(normals)
        for k, root in enumerate(self.roots):
            part = slice(starts[k], starts[k + 1])
            drawn[part] = self.centres[k] + scales[part, None] * (normals[part] @ root.T)
        return drawn

    def log_density(self, points: FloatArray) -> FloatArray:
        """Return the log of the density at points, shape (n, d)."""
        d = points.shape[1]
        constant = gammaln((_FREEDOM + d) / 2) - gammaln(_FREEDOM / 2) - d / 2 * math.log(_FREEDOM * math.pi)
        inverses = np.linalg.inv(self.roots)
        logs = np.log(self.shares) - np.log(np.einsum("kii->ki", self.roots)).sum(axis=1) + constant
        result = np.full(len(points), -np.inf)
        for inverse, centre, log in zip(inverses, self.centres, logs, strict=True):
            square = _lengths(points - centre, inverse)
            np.logaddexp(result, log - (_FREEDOM + d) / 2 * np.log1p(square / _FREEDOM), out=result)
        return result

    def log_density_across(self, offsets: FloatArray, normals: FloatArray) -> FloatArray:
        """Return the log of the density of n.x, a mixture of Student laws, at offsets (m,), for unit normals (m, d)."""
        constant = gammaln((_FREEDOM + 1) / 2) - gammaln(_FREEDOM / 2) - math.log(_FREEDOM * math.pi) / 2
        result = np.full(len(offsets), -np.inf)
        for share, centre, root in zip(self.shares, self.centres, self.roots, strict=True):
            width = np.sqrt(np.square(normals @ root).sum(axis=1))
            square = np.square((offsets - normals @ centre) / width)
            logs = math.log(share) + constant - np.log(width) - (_FREEDOM + 1) / 2 * np.log1p(square / _FREEDOM)
            np.logaddexp(result, logs, out=result)
        return result


def _lengths(points: FloatArray, lower: FloatArray) -> FloatArray:
    """Return |L x|**2 for points (n, d); small products are no work for a linear algebra library and its threads."""
    total = np.zeros(len(points))
    for i, row in enumerate(lower):
        image = row[0] * points[:, 0]
        for j in range(1, i + 1):
            image += row[j] * points[:, j]
        total += image * image
    return total


def _root(points: FloatArray, pooled: FloatArray) -> FloatArray:
    """Return the root of a scale matrix from the points of a cluster and, if these are few, from those of all."""
    count, d = points.shape
    own = np.cov(points.T).reshape(d, d) if count > 1 else np.zeros((d, d))
    prior = (2.0 * d + 2.0) / (count + 2.0 * d + 2.0)
    matrix = (1.0 - prior) * own + prior * pooled
    floor = np.diag(np.maximum(np.diag(matrix), 1e-280)) * 1e-9
    return np.linalg.cholesky(matrix + floor) * math.sqrt(_INFLATION)


def _clusters(points: FloatArray, count: int, rng: np.random.Generator) -> tuple[IndexArray, FloatArray]:
    """Return labels (n,) and centres by Lloyd's algorithm, started from points that are far apart."""
    centres = points[rng.integers(len(points), size=1)]
    distance = np.square(points - centres[0]).sum(axis=1)
    while len(centres) < min(count, len(points)):
        total = distance.sum()
        if not total > 0.0:
            break
        fresh = points[rng.choice(len(points), p=distance / total)]
        centres = np.vstack([centres, fresh])
        distance = np.minimum(distance, np.square(points - fresh).sum(axis=1))
    label = np.zeros(len(points), dtype=np.intp)
    for _ in range(_ROUNDS):
        gaps = -2.0 * points @ centres.T + np.square(centres).sum(axis=1)
        label = np.argmin(gaps, axis=1)
        sizes = np.bincount(label, minlength=len(centres))
        sums = np.stack([np.bincount(label, column, minlength=len(centres)) for column in points.T], axis=1)
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
    return label, centres
