"""The orders in which the random bits are read: each has a low-entropy counter that the sampler really uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from langevin_ib import _core

from .ars import Words, encrypt, halves

KEY = 0x5EED_0123_4567_89AB_CDEF_0011_2233_4455
BLOCKS = 1 << 20  # in a chunk

Chunk = Callable[[int, int], Words]


def walkers(key: int, i: int) -> Words:
    """Read 2^20 neighbouring walkers at one step, then the next step."""
    return _core.words(key, (0, BLOCKS), (i, i + 1), 2).reshape(-1, 2)


def steps(key: int, i: int) -> Words:
    """Read 2^15 successive steps of one walker, then the next walker."""
    return _core.words(key, (32 * i, 32 * i + 32), (0, BLOCKS // 32), 2).reshape(-1, 2)


def _morton() -> np.ndarray:
    """Places in a square of 2^10 walkers by 2^10 steps when their bits alternate: the walker's lowest comes first."""
    index = np.arange(BLOCKS)
    walker, step = (sum((index >> (2 * b + odd) & 1) << b for b in range(10)) for odd in (0, 1))
    return walker << 10 | step


MORTON = _morton()


def alternating(key: int, i: int) -> Words:
    """Read a square of walkers and steps along the Z-order curve: the next walker and the next step in turn."""
    square = _core.words(key, (0, 1 << 10), (i << 10, (i + 1) << 10), 2)
    return square.reshape(-1, 2)[MORTON]


def coordinates(key: int, i: int) -> Words:
    """Read 2^15 pairs of coordinates of one walker, then the next walker."""
    return _core.words(key, (0, 32), (i, i + 1), 1 << 16).reshape(-1, 2)


def keys(key: int, i: int) -> Words:
    """Read one walker and step under 2^15 keys in Gray-code order, one bit changed at a time; then the next walker."""
    gray = [key ^ j ^ j >> 1 for j in range(BLOCKS // 32)]
    table = np.concatenate([_core.words(k, (0, 32), (i, i + 1), 2) for k in gray], axis=1)
    return table.reshape(-1, 2)


ORDERS: dict[str, Chunk] = {f.__name__: f for f in (walkers, steps, alternating, coordinates, keys)}


def weaker(rounds: int) -> Chunk:
    """Read as `walkers` does, from ARS with fewer rounds."""

    def chunk(key: int, i: int) -> Words:
        counters = np.empty((BLOCKS, 2), dtype=np.uint64)
        counters[:, 0], counters[:, 1] = i, np.arange(BLOCKS)
        return encrypt(counters, halves(key), rounds)

    return chunk


def read(order: Chunk, blocks: int, key: int = KEY) -> Iterator[Words]:
    """Yield chunks, (2^20, 2), until there are `blocks` blocks."""
    for i in range(-(-blocks // BLOCKS)):
        yield order(key, i)
