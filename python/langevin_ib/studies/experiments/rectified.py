"""A layer of rectified units beside a teacher, x ~ N(0, I): its mean loss, the gradient of that, and the noise of rows.

E relu(a . x) relu(b . x) = |a| |b| (sin t + (pi - t) cos t) / (2 pi), t the angle between a and b: the arc-cosine
kernel of Cho and Saul (2009). Its derivative by a is (|b| sin t a / |a| + (pi - t) b) / (2 pi).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arms import Array, Problem

__all__ = ["PopulationField", "noise_of_rows", "population_loss"]


def _angles(w: Array, others: Array) -> tuple[Array, Array, Array, Array]:
    """Return |w|, |others|, and cosines and angles between them; (..., n), (..., m), (..., n, m) twice."""
    sizes, lengths = np.linalg.norm(w, axis=-1), np.linalg.norm(others, axis=-1)
    units, directions = (
        each / np.where(size > 0.0, size, 1.0)[..., None] for each, size in ((w, sizes), (others, lengths))
    )
    cosine = np.clip(units @ directions.swapaxes(-1, -2), -1.0, 1.0)
    return sizes, lengths, cosine, np.arccos(cosine)


def population_loss(student: Array, teacher: Array) -> float:
    """Return the mean of (f - f_teacher)² over x ~ N(0, I), exactly, for units (w, v) in rows."""
    w = np.concatenate([student[:, :-1], teacher[:, :-1]])
    v = np.concatenate([student[:, -1], -teacher[:, -1]])
    sizes, _, cosine, angle = _angles(w, w)
    kernel = np.outer(sizes, sizes) * (np.sin(angle) + (np.pi - angle) * cosine) / (2.0 * np.pi)
    return float(max(0.0, v @ kernel @ v))


class PopulationField:
    """The gradient of `population_loss` for several seeds: neither inputs nor labels are drawn.

    Parameters
    ----------
    problems : sequence of mapping
        Their "teacher" has units (w, v) in rows.
    """

    inputs = labels = 0

    def __init__(self, problems: Sequence[Problem]) -> None:
        self._teachers = np.stack([problem["teacher"] for problem in problems])

    def __call__(self, x: Array, inputs: Array, labels: Array) -> Array:
        """Return the gradients at states x, shape (seeds, dim)."""
        del inputs, labels
        units = x.reshape(len(x), -1, self._teachers.shape[2])
        w, v = units[..., :-1], units[..., -1]
        others = np.concatenate([w, self._teachers[..., :-1]], axis=1)
        weights = np.concatenate([v, -self._teachers[..., -1]], axis=1)[:, None]
        sizes, lengths, cosine, angle = _angles(w, others)
        sine, rest = np.sin(angle), np.pi - angle
        weighted = weights * lengths[:, None]
        by_v = sizes * (weighted * (sine + rest * cosine)).sum(axis=2) / np.pi
        along = (weighted * sine).sum(axis=2) / np.where(sizes > 0.0, sizes, 1.0)
        by_w = (v / np.pi)[..., None] * (along[..., None] * w + (weights * rest) @ others)
        return np.concatenate([by_w, by_v[..., None]], axis=2).reshape(len(x), -1)


def noise_of_rows(student: Array, teacher: Array, noise: float, *, rows: int = 8192) -> float:
    """Return the trace of the covariance of the gradient of (f - y)² of a row, from so many rows, the same for all.

    Parameters
    ----------
    student, teacher : array, shapes (n, d + 1) and (m, d + 1)
        Units (w, v) in rows.
    noise : float
        The standard deviation of the noise on labels.
    rows : int
        How many.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, student.shape[1] - 1))
    hidden, taught = (np.maximum(x @ layer[:, :-1].T, 0.0) for layer in (student, teacher))
    residual = hidden @ student[:, -1] - taught @ teacher[:, -1] - noise * rng.normal(size=rows)
    by_v = 2.0 * residual[:, None] * hidden
    active = 2.0 * residual[:, None] * (hidden > 0.0) * student[:, -1]
    by_w = active[:, :, None] * x[:, None]
    return float(by_v.var(axis=0).sum() + by_w.var(axis=0).sum())
