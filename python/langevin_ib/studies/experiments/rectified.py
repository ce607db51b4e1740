"""A layer of rectified units beside a teacher, x ~ N(0, I): its mean loss, the gradient of that, and the noise of rows.

E relu(a . x) relu(b . x) = |a| |b| (sin t + (pi - t) cos t) / (2 pi), t the angle between a and b: the arc-cosine
kernel of Cho and Saul (2009). Its derivative by a is (|b| sin t a / |a| + (pi - t) b) / (2 pi).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sympy

from ...model import parameters
from ...model.expressions import exact
from ...program import Program
from .arms import Array, Problem
from .descent import Draw, alone, examples

if TYPE_CHECKING:
    from ..._core import Examples

__all__ = ["Layer", "MeanLayer", "noise_of_rows", "population_loss"]


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


@dataclass(frozen=True, kw_only=True)
class MeanLayer:
    """`population_loss` of a layer beside the "teacher": nothing is drawn."""

    is_joint: bool = False

    def form(self, problems: Sequence[Problem], first: int, decay: float) -> Examples:
        """Return the closed form: vectors are a weight each of all units."""
        del first
        teacher = problems[0]["teacher"]
        row = alone(
            np.arange(problems[0]["initial"].size).reshape(problems[0]["initial"].shape).T,
            factor=2.0,
            decay=decay,
            taught=([len(teacher)], teacher.T.ravel().tolist()),
        )
        return examples(row, np.empty((1, 0)))

    def gradient(self, problems: Sequence[Problem], x: Array, draw: Draw) -> Array:
        """Return the gradient."""
        del draw
        teacher = problems[0]["teacher"]
        units = x.reshape(len(x), -1, teacher.shape[1])
        w, v = units[..., :-1], units[..., -1]
        others = np.concatenate([w, np.broadcast_to(teacher[:, :-1], (len(x), *teacher[:, :-1].shape))], axis=1)
        weights = np.concatenate([v, np.broadcast_to(-teacher[:, -1], (len(x), len(teacher)))], axis=1)[:, None]
        sizes, lengths, cosine, angle = _angles(w, others)
        sine, rest = np.sin(angle), np.pi - angle
        weighted = weights * lengths[:, None]
        by_v = sizes * (weighted * (sine + rest * cosine)).sum(axis=2) / np.pi
        along = (weighted * sine).sum(axis=2) / np.where(sizes > 0.0, sizes, 1.0)
        by_w = (v / np.pi)[..., None] * (along[..., None] * w + (weights * rest) @ others)
        return np.concatenate([by_w, by_v[..., None]], axis=2).reshape(x.shape)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The mean of squares over a batch of fresh inputs from N(0, I), labelled by a teacher.

    Parameters
    ----------
    teacher : str
        Which array of a problem it is, with units (w, v) in rows, as many as the layer has.
    batch : int
        Inputs in a batch.
    noise : float
        The standard deviation of the noise on labels.
    """

    teacher: str
    batch: int
    noise: float = 0.0
    is_joint: bool = True

    def form(self, problems: Sequence[Problem], first: int, decay: float) -> Examples:
        """Return the closed form. Walker w has teacher w modulo their number."""
        teachers = np.stack([problem[self.teacher] for problem in problems])
        teachers = np.roll(teachers, first % len(teachers), axis=0)
        count, units, width = teachers.shape
        table = np.zeros((self.batch, width if self.noise else width - 1))
        row = (width - 1, units, 2.0, teachers.reshape(count, -1).tolist())
        x = parameters(f"x:{units * width}")
        norm = exact(decay) / 2 * sympy.Add(*(each**2 for each in x))
        return examples(
            row,
            table,
            labels=([0.0] * (width - 1) + [self.noise])[: table.shape[1]],
            inputs=([1.0] * (width - 1) + [0.0])[: table.shape[1]],
            rest=Program(x, norm).gradient.request() if decay else None,
        )

    def gradient(self, problems: Sequence[Problem], x: Array, draw: Draw) -> Array:
        """Return the gradient."""
        teachers = np.stack([problem[self.teacher] for problem in problems])
        count, _, width = teachers.shape
        units = x.reshape(teachers.shape)
        inputs = draw("input", self.batch * (width - 1)).reshape(count, self.batch, width - 1)
        hidden, taught = (np.maximum(inputs @ each[..., :-1].swapaxes(1, 2), 0.0) for each in (units, teachers))
        labels = (taught @ teachers[..., -1:])[..., 0] + self.noise * draw("label", self.batch)
        slopes = 2.0 * ((hidden @ units[..., -1:])[..., 0] - labels) / self.batch
        active = (hidden > 0.0) * slopes[..., None]
        by_w = (active.swapaxes(1, 2) @ inputs) * units[..., -1:]
        by_v = hidden.swapaxes(1, 2) @ slopes[..., None]
        return np.concatenate([by_w, by_v], axis=2).reshape(x.shape)


def noise_of_rows(student: Array, teacher: Array, noise: float, *, rows: int = 8192) -> tuple[Array, Array]:
    """Return the variances of the gradient of (f - y)² of a row, by each w and by each v, from so many rows.

    The rows are the same for all.

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
    return by_w.var(axis=0).sum(axis=1), by_v.var(axis=0)
