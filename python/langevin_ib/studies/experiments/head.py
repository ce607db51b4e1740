"""A softmax head of attention in which every token asks, for several seeds: its output, and gradients of its loss.

Weights are (W_Q, W_K, W_V) of shape (3, d, r), one after the other in a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .arms import Array, Problem
from .descent import Draw, alone, examples

if TYPE_CHECKING:
    from ..._core import Examples

__all__ = ["Head", "gradients_of_rows", "output", "shared"]


def shared(states: Array, shape: tuple[int, int, int]) -> Array:
    """Return states of shape (..., dim) as matrices (..., d, 3 r), by which a token is multiplied."""
    _, d, r = shape
    return np.moveaxis(states.reshape(*states.shape[:-1], 3, d, r), -3, -2).reshape(*states.shape[:-1], d, 3 * r)


def output(tokens: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Return what a head makes of sequences.

    Parameters
    ----------
    tokens : array, shape (seeds, batch, tokens, d)
        X.
    weights : array, shape (seeds, d, 3 r)
        W_Q, W_K and W_V side by side.

    Returns
    -------
    tuple of array
        softmax(X W_Q (X W_K)ᵀ / sqrt(r)) X W_V, shape (seeds, batch, tokens, r); the softmax; X times the weights.
    """
    seeds, batch, count, d = tokens.shape
    sides = (tokens.reshape(seeds, batch * count, d) @ weights).reshape(seeds, batch, count, -1)
    r = weights.shape[-1] // 3
    scores = sides[..., :r] @ sides[..., r : 2 * r].swapaxes(2, 3)
    scores *= r**-0.5
    scores -= _largest(scores)
    np.exp(scores, out=scores)
    scores /= _total(scores)
    return scores @ sides[..., 2 * r :], scores, sides


def _largest(values: Array) -> Array:
    """Return the maximum over the last axis, which is kept; many times as fast as NumPy's for a short one."""
    found = values[..., :1].copy()
    for place in range(1, values.shape[-1]):
        np.maximum(found, values[..., place : place + 1], out=found)
    return found


def _total(values: Array) -> Array:
    """Return the sum over the last axis, which is kept."""
    total: Array = values @ np.ones((values.shape[-1], 1))
    return total


def _by_sides(residual: Array, scores: Array, sides: Array) -> Array:
    """Return the derivatives of half of |residual|² by X W_Q, X W_K and X W_V, side by side."""
    r = sides.shape[-1] // 3
    q, k, v = sides[..., :r], sides[..., r : 2 * r], sides[..., 2 * r :]
    by_softmax = residual @ v.swapaxes(2, 3)
    # The derivative of a softmax p by its scores is diag(p) - p pᵀ.
    by_scores = scores * (by_softmax - _total(by_softmax * scores)) * r**-0.5
    derivatives: Array = np.concatenate(
        [by_scores @ k, by_scores.swapaxes(2, 3) @ q, scores.swapaxes(2, 3) @ residual],
        axis=3,
    )
    return derivatives


def gradients_of_rows(tokens: Array, residual: Array, scores: Array, sides: Array) -> Array:
    """Return the gradient by the weights of the mean of squares of every sequence, shape (seeds, batch, d, 3 r)."""
    slope: Array = tokens.swapaxes(2, 3) @ _by_sides(residual, scores, sides)
    slope *= 2.0 / residual[0, 0].size
    return slope


@dataclass(frozen=True, kw_only=True)
class Head:
    """The mean of squares over a batch of fresh sequences from N(0, 1) with labels of a teacher; all tokens ask.

    Parameters
    ----------
    tokens, batch : int
        Tokens in a sequence, and sequences in a batch.
    noise : float
        The standard deviation of the noise on labels.
    """

    tokens: int
    batch: int
    noise: float = 0.0
    is_joint: bool = False

    def form(self, problems: Sequence[Problem], first: int, decay: float) -> Examples:
        """Return the closed form: vectors are, for each entry of a token, the rows of W_Q, W_K and W_V."""
        del first
        teacher = problems[0]["teacher"]
        _, d, r = teacher.shape
        inputs, labels = self.tokens * d, self.tokens * r
        taught = ([self.tokens, self.tokens, d, r, r], teacher.ravel().tolist())
        order = np.arange(teacher.size).reshape(3, d, r).swapaxes(0, 1).reshape(3 * d, r)
        table = np.zeros((self.batch, inputs + (labels if self.noise else 0)))
        scales = {"labels": [0.0] * inputs + [self.noise] * labels, "inputs": [1.0] * inputs + [0.0] * labels}
        return examples(
            alone(order, factor=2.0 / labels, decay=decay, taught=taught),
            table,
            **{name: each[: table.shape[1]] for name, each in scales.items()},
        )

    def gradient(self, problems: Sequence[Problem], x: Array, draw: Draw) -> Array:
        """Return the gradient."""
        teacher = problems[0]["teacher"]
        _, d, r = teacher.shape
        shape = (len(x), self.batch, self.tokens)
        tokens = draw("input", self.batch * self.tokens * d).reshape(*shape, d)
        labels = output(tokens, shared(teacher.reshape(1, -1), teacher.shape))[0]
        labels += self.noise * draw("label", self.batch * self.tokens * r).reshape(*shape, r)
        made, scores, sides = output(tokens, shared(x, teacher.shape))
        rows = gradients_of_rows(tokens, made - labels, scores, sides).mean(axis=1)
        return np.asarray(np.moveaxis(rows.reshape(-1, d, 3, r), 2, 1).reshape(x.shape))
