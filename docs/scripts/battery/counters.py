"""Tests of the cipher as a function of its counter: what the rounds leave of the structure of addresses and keys."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .ars import Words, encrypt, halves
from .results import Result, at_least_one, chi_square_sum, poisson, standard_scores
from .streams import KEY

# Bits of the 128-bit counter (rust/noise/mod.rs).
STEP, WALKER, PAIR = range(64), range(64, 104), range(104, 120)


@dataclass(frozen=True)
class Cube:
    """All values of some bits of the counter, or of the key, while the others stay."""

    name: str
    bits: tuple[int, ...]
    of_key: bool = False

    def words(self, rounds: int, key: int = KEY) -> Words:
        """Return the blocks, (2^bits, 2): bit j of the index is the bit `bits[j]` of the counter or key."""
        index = np.arange(1 << len(self.bits), dtype=np.uint64)
        varied = np.zeros((len(index), 2), dtype=np.uint64)
        for j, bit in enumerate(self.bits):
            varied[:, bit // 64] |= (index >> np.uint64(j) & np.uint64(1)) << np.uint64(bit % 64)
        if self.of_key:
            return encrypt(np.zeros_like(varied), varied ^ halves(key), rounds)
        return encrypt(varied, halves(key), rounds)


def cubes(n: int) -> list[Cube]:
    """Return cubes of n bits: the lowest of every part of an address, alone and together."""
    half, third = n // 2, n // 3
    return [
        Cube("steps", tuple(STEP[:n])),
        Cube("walkers", tuple(WALKER[:n])),
        Cube("steps and walkers", (*STEP[:half], *WALKER[: n - half])),
        Cube("steps, walkers and pairs", (*STEP[:third], *WALKER[:third], *PAIR[: n - 2 * third])),
        # Step byte 2, walker byte 0 and pair byte 0 meet in one column of the first round: three quarters of a
        # diagonal, the most that addresses can fill in fewer than 2^32 steps.
        Cube("three bytes of a diagonal", (*WALKER[:8], *STEP[16:24], *PAIR[:8])[:n]),
        Cube("keys", tuple(range(n)), of_key=True),
    ]


@numba.njit
def _moebius(words):
    half = 1
    while half < len(words):
        for start in range(0, len(words), 2 * half):
            for i in range(start, start + half):
                words[i + half] ^= words[i]
        half *= 2


def monomials(group: str, cube: Cube, rounds: int) -> list[Result]:
    """Count the monomials of each degree in the algebraic normal form of the 128 output bits: each is a fair coin."""
    words = cube.words(rounds)
    for half in (0, 1):
        column = words[:, half].copy()
        _moebius(column)
        words[:, half] = column
    degree = np.bitwise_count(np.arange(len(words), dtype=np.uint64))
    ones = np.bincount(degree, weights=np.bitwise_count(words).sum(axis=1, dtype=np.int64))
    tosses = 128 * np.bincount(degree)
    return standard_scores(group, f"monomials by degree, {cube.name}", (2 * ones - tosses) / np.sqrt(tosses))


@numba.njit
def _walsh(signs):
    half = 1
    while half < len(signs):
        for start in range(0, len(signs), 2 * half):
            for i in range(start, start + half):
                a, b = signs[i], signs[i + half]
                signs[i], signs[i + half] = a + b, a - b
        half *= 2


def linear(group: str, cube: Cube, rounds: int) -> list[Result]:
    """Correlate output bits with all linear functions of the varied bits; count the correlations beyond 5 sigma."""
    words = cube.words(rounds)
    n = len(words)
    beyond, largest = 0, 0
    limit = int(5 * np.sqrt(n))
    for bit in range(128):
        signs = (words[:, bit // 64] >> np.uint64(bit % 64) & np.uint64(1)).astype(np.int32) * 2 - 1
        _walsh(signs)
        size = np.abs(signs[1:])
        beyond, largest = beyond + int((size > limit).sum()), max(largest, int(size.max()))
    law = stats.binom(n, 0.5)
    mean = 128 * (n - 1) * 2 * law.cdf((n - limit - 1) // 2)
    note = f"of {128 * (n - 1)}; largest {largest / np.sqrt(n):.2f} sigma"
    return [poisson(group, f"linear correlations beyond 5 sigma, {cube.name}", beyond, mean, note)]


def avalanche(group: str, kind: str, rounds: int, samples: int) -> list[Result]:
    """Flip one bit of the counter, of the key, or of both; test every byte of the change, and its weight.

    Flipping the same bit of both leaves the first whitening as it was, so the change enters one round later: the
    hardest case, which needs related keys.
    """
    rng = np.random.default_rng(2)
    counters = np.stack([rng.integers(0, 1 << 20, samples), rng.integers(0, 1 << 20, samples)], axis=1)
    counters = counters.astype(np.uint64)
    key = halves(KEY)
    before = encrypt(counters, key, rounds)
    places = range(128) if kind == "key" else [*STEP[:40], *WALKER, *PAIR]
    weights = stats.binom.pmf(np.arange(129), 128, 0.5) * samples
    core = slice(40, 89)  # expects at least ten
    bytes_off, weights_off = [], []
    for place in places:
        flip = halves(1 << place)
        after = encrypt(counters ^ (0 if kind == "key" else flip), key ^ (0 if kind == "counter" else flip), rounds)
        change = before ^ after
        values = change.view(np.uint8) + np.arange(16, dtype=np.int64) * 256
        counts = np.bincount(values.ravel(), minlength=4096)
        bytes_off.append(((counts - samples / 256) ** 2 / (samples / 256)).sum())
        weight = np.bincount(np.bitwise_count(change).sum(axis=1), minlength=129)
        cells, expected = (np.append(x[core], x.sum() - x[core].sum()) for x in (weight, weights))
        weights_off.append(((cells - expected) ** 2 / expected).sum())
    results = []
    for name, off, freedom in (("bytes", bytes_off, 16 * 255), ("weights", weights_off, core.stop - core.start)):
        title = f"change of {name} when a bit of {kind} flips"
        results.append(chi_square_sum(group, f"{title}, all", float(np.sum(off)), freedom * len(off)))
        p = stats.chi2(freedom).sf(max(off))
        note = f"worst of {len(off)} bits, expected: degrees of freedom; p corrected for their number, one-sided"
        results.append(Result(group, f"{title}, worst", float(max(off)), freedom, at_least_one(p, len(off)), note))
    return results


# The bytes that one column becomes by the last ShiftRows: a 32-bit word in which mixtures collide together.
COLUMNS = [[4 * ((column - row) % 4) + row for row in range(4)] for column in range(4)]


@numba.njit
def _mixtures(pairs, columns, masks):
    """Count pairs that collide again after exchanging one varied byte."""
    again = 0
    for k in range(len(pairs)):
        a, b = pairs[k, 0], pairs[k, 1]
        for mask in masks:
            changed = (a ^ b) & mask
            if changed and changed != a ^ b and columns[a ^ changed] == columns[b ^ changed]:
                again += 1
    return again


def _colliding(columns: NDArray[np.uint32]) -> tuple[int, NDArray[np.int64]]:
    """Return how many pairs are equal, and neighbours among them in sorted order."""
    index = np.argsort(columns, kind="stable")
    same = np.flatnonzero(columns[index[1:]] == columns[index[:-1]])
    runs = np.diff(np.flatnonzero(np.diff(columns[index], prepend=~columns[index[0]], append=~columns[index[-1]])))
    return int((runs * (runs - 1) // 2).sum()), np.stack([index[same], index[same + 1]], axis=1)


def mixtures(group: str, cube: Cube, rounds: int) -> list[Result]:
    """Count pairs of blocks that agree in 32 bits, and pairs that still do after the exchange of an address byte.

    Exchanging a varied byte between two counters keeps the difference of their states for two rounds (Grassi, "Mixture
    differential cryptanalysis", ToSC 2018). After four rounds pairs therefore collide in families; after five they do
    so only where a whole diagonal of the state is varied, which the layout of addresses prevents.
    """
    words = np.ascontiguousarray(cube.words(rounds)).view(np.uint8)
    index = np.arange(len(cube.bits))
    of_byte = np.array(cube.bits) // 8
    masks = np.array([(1 << index[of_byte == byte]).sum() for byte in np.unique(of_byte)], dtype=np.int64)
    total, again, tried = 0, 0, 0
    for places in COLUMNS:
        columns = np.ascontiguousarray(words[:, places]).view(np.uint32).ravel()
        count, pairs = _colliding(columns)
        total += count
        tried += len(pairs)
        again += int(_mixtures(pairs, columns, masks))
    n = len(words)
    return [
        poisson(group, f"pairs that agree in 32 bits, {cube.name}", total, 4 * n * (n - 1) / 2 / 2.0**32),
        poisson(group, f"of them also as mixtures, {cube.name}", again, tried * len(masks) / 2.0**32),
    ]


def run(group: str, rounds: int, n: int) -> list[Result]:
    """Put a cipher through every test, with cubes of n bits (n + 2 for collisions, n - 2 for Walsh transforms)."""
    results = []
    for cube in cubes(n):
        results += monomials(group, cube, rounds)
    for cube in cubes(n - 2):
        results += linear(group, cube, rounds)
    for kind in ("counter", "key", "counter and key"):
        results += avalanche(group, kind, rounds, 1 << (n - 4))
    for cube in cubes(n + 2)[:5]:
        results += mixtures(group, cube, rounds)
    return results
