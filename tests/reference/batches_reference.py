"""Batches and steps of SGD as the documents say, in plain Python, from the random words of the core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import langevin_ib as lib
import numpy as np
from langevin_ib import _core
from numpy.typing import NDArray

Gradient = Callable[[NDArray[np.float64], int, float], NDArray[np.float64]]
"""The gradient of a row's loss, given the state, the number of the row, and what is added to its label."""


def below(word: int, count: int) -> int:
    """A whole number below `count` from a word of 64 bits."""
    return (int(word) * count) >> 64


def words(key: int, walker: int, step: int, count: int, stream: str) -> list[int]:
    """The first words of a walker at a step."""
    drawn = _core.words(key, (walker, walker + 1), (step, step + 1), count, stream=stream)[0, 0]
    return [int(word) for word in drawn[:count]]


def order(key: int, walker: int, epoch: int, count: int) -> list[int]:
    """The rows as they are shuffled for an epoch (Fisher and Yates, from the end)."""
    rows = list(range(count))
    drawn = words(key, walker, epoch, count, "order")
    for last in range(count - 1, 0, -1):
        other = below(drawn[last], last + 1)
        rows[last], rows[other] = rows[other], rows[last]
    return rows


def batch(sgd: lib.SGD, key: int, walker: int, step: int, count: int) -> list[int]:
    """The numbers of the rows that a walker sees at a step, of `count`."""
    size = sgd.batch_size
    if sgd.inclusion is not None:
        if sgd.inclusion == 1.0:
            return list(range(count))
        drawn = words(key, walker, step, count, "mask")
        return [row for row in range(count) if drawn[row] < sgd.inclusion * 2.0**64]
    if size is None or (size == count and (sgd.epochs or not sgd.replace)):
        return list(range(count))
    if sgd.epochs:
        turns = count // size
        start = step % turns * size
        return order(key, walker, step // turns, count)[start : start + size]
    drawn = words(key, walker, step, size, "rows")
    if sgd.replace:
        return [below(word, count) for word in drawn]
    rows: list[int] = []
    for place, word in enumerate(drawn):
        last = count - size + place
        row = below(word, last + 1)
        rows.append(last if row in rows else row)
    return rows


def walk(
    sgd: lib.SGD,
    settings: Any,
    walker: int,
    *,
    start: Sequence[float],
    count: int,
    gradient: Gradient,
    rest: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Where SGD leads a walker whose rows have one label with noise, if any."""
    x, key = np.array(start), settings.key
    sigma = dict(sgd.label_noise).get("y", 0.0)
    for step in range(settings.steps):
        rows = batch(sgd, key, walker, step, count)
        noise = np.zeros(len(rows))
        if sigma > 0.0 and rows:
            noise = sigma * _core.normals(key, (walker, walker + 1), (step, step + 1), len(rows), stream="label")[0, 0]
        size = len(rows) if sgd.inclusion is None else sgd.normalisation or sgd.inclusion * count
        mean = sum((gradient(x, row, noise[k]) for k, row in enumerate(rows)), np.zeros(len(x))) / size
        x = x - settings.step_size * (mean + rest(x) + sgd.weight_decay * x)
    return x
