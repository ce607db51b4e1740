"""Classical tests of a stream of 128-bit blocks, each with its exact law (or a Poisson limit whose error is stated)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numba
import numpy as np
from scipy import stats

from .ars import Words
from .results import Result, chi_square, chi_square_sum, poisson, standard_scores


class Test(Protocol):
    """Sees a stream chunk by chunk, then reports."""

    def see(self, blocks: Words) -> None:
        """Take in a chunk, (n, 2)."""

    def results(self, group: str) -> list[Result]:
        """Report."""


@numba.njit
def _count(values, counts):
    for i in range(len(values)):
        for j in range(values.shape[1]):
            counts[j, values[i, j]] += 1


def halved(blocks: Words, lag: int) -> tuple[Words, Words]:
    """Disjoint pairs of blocks `lag` apart."""
    pairs = blocks.reshape(-1, 2, lag, 2)
    return pairs[:, 0].reshape(-1, 2), pairs[:, 1].reshape(-1, 2)


class Frequencies:
    """Every bit, and the eight 16-bit pieces of a block."""

    def __init__(self) -> None:
        self.counts = np.zeros((8, 65536), dtype=np.int64)

    def see(self, blocks: Words) -> None:
        """Count pieces."""
        _count(np.ascontiguousarray(blocks).view(np.uint16), self.counts)

    def results(self, group: str) -> list[Result]:
        """Report bits as standard scores, pieces as one chi-square."""
        n = self.counts[0].sum()
        ones = [self.counts[:, np.arange(65536) >> b & 1 == 1].sum(axis=1) for b in range(16)]
        scores = (np.array(ones) - n / 2) / np.sqrt(n / 4)
        pieces = ((self.counts - n / 65536) ** 2 / (n / 65536)).sum()
        return [*standard_scores(group, "bits", scores), chi_square_sum(group, "16-bit pieces", pieces, 8 * 65535)]


class Serial:
    """The same byte of two blocks `lag` apart: the pair, and its difference."""

    def __init__(self, lag: int) -> None:
        self.lag = lag
        self.counts = np.zeros((16, 65536), dtype=np.int64)

    def see(self, blocks: Words) -> None:
        """Count pairs of bytes."""
        one, two = (half.view(np.uint8).astype(np.uint16) for half in halved(blocks, self.lag))
        _count(one << 8 | two, self.counts)

    def results(self, group: str) -> list[Result]:
        """Report both as chi-squares over all 16 bytes."""
        mean = self.counts[0].sum() / 65536
        pairs = ((self.counts - mean) ** 2 / mean).sum()
        index = np.arange(65536)
        difference = np.stack([np.bincount((index >> 8) ^ (index & 255), weights=c) for c in self.counts])
        xor = ((difference - 256 * mean) ** 2 / (256 * mean)).sum()
        return [
            chi_square_sum(group, f"byte pairs {self.lag} blocks apart", pairs, 16 * 65535),
            chi_square_sum(group, f"byte differences {self.lag} blocks apart", xor, 16 * 255),
        ]


class HammingWeights:
    """Numbers of ones: of a block's two words jointly, of words a block apart jointly, and of differences of blocks."""

    def __init__(self) -> None:
        self.within = np.zeros(65 * 65, dtype=np.int64)
        self.between = np.zeros(65 * 65, dtype=np.int64)
        self.difference = np.zeros(129, dtype=np.int64)

    def see(self, blocks: Words) -> None:
        """Count pairs of weights."""
        weights = np.bitwise_count(blocks).astype(np.int64)
        self.within += np.bincount(65 * weights[:, 0] + weights[:, 1], minlength=65 * 65)
        one, two = (half.astype(np.int64) for half in halved(weights.view(np.uint64), 1))
        self.between += np.bincount((65 * one + two).ravel(), minlength=65 * 65)
        one, two = halved(blocks, 1)
        self.difference += np.bincount(np.bitwise_count(one ^ two).sum(axis=1), minlength=129)

    def results(self, group: str) -> list[Result]:
        """Compare with binomial laws."""
        word, block = (stats.binom.pmf(np.arange(n + 1), n, 0.5) for n in (64, 128))
        joint = np.outer(word, word).ravel()
        return [
            chi_square(group, "weights of a block's two words", self.within, joint * self.within.sum()),
            chi_square(group, "weights of words a block apart", self.between, joint * self.between.sum()),
            chi_square(group, "weights of differences of blocks", self.difference, block * self.difference.sum()),
        ]


class Gaps:
    """How many words lie between two whose lowest (or highest) byte is 0: a geometric law."""

    LONGEST = 4096

    def __init__(self, shift: int) -> None:
        self.shift = np.uint64(shift)
        self.counts = np.zeros(self.LONGEST + 1, dtype=np.int64)
        self.since = 0

    def see(self, blocks: Words) -> None:
        """Count gaps, also across chunks."""
        words = blocks.ravel()
        places = np.flatnonzero((words >> self.shift & np.uint64(255)) == 0)
        gaps = np.diff(places, prepend=-1 - self.since) - 1
        self.counts += np.bincount(np.minimum(gaps, self.LONGEST), minlength=self.LONGEST + 1)
        self.since = len(words) - 1 - places[-1]

    def results(self, group: str) -> list[Result]:
        """Compare with the geometric law in cells of 16."""
        law = stats.geom(1 / 256, loc=-1)
        edges = np.append(np.arange(0, self.LONGEST, 16), self.LONGEST)
        probability = np.append(np.diff(law.cdf(edges - 1)), law.sf(self.LONGEST - 1))
        cells = np.add.reduceat(self.counts, edges)
        return [chi_square(group, f"gaps between zero bytes at bit {self.shift}", cells, probability * cells.sum())]


class Sorted:
    """2^24 words in order: equal spacings (birthday spacings) and equal leading 40 bits (collisions)."""

    SIZE = 1 << 24

    def __init__(self, rotation: int, repeats: int) -> None:
        self.rotation = rotation
        self.repeats = repeats
        self.kept: list[Words] = []
        self.done = self.spacings = self.collisions = 0

    def see(self, blocks: Words) -> None:
        """Collect, then sort."""
        if self.done == self.repeats:
            return
        self.kept.append(blocks.ravel())
        if sum(map(len, self.kept)) < self.SIZE:
            return
        words = np.concatenate(self.kept)
        r = np.uint64(self.rotation)
        words = np.sort(words << r | words >> (np.uint64(64) - r) if r else words)
        spacings = np.sort(np.diff(words))
        self.spacings += int((spacings[1:] == spacings[:-1]).sum())
        words >>= np.uint64(24)
        self.collisions += int((words[1:] == words[:-1]).sum())
        self.done += 1
        self.kept = []

    def results(self, group: str) -> list[Result]:
        """Compare with Poisson laws: m^3 / 4n for spacings, and the exact mean for collisions."""
        if not self.done:
            return []
        m, n = float(self.SIZE), 2.0**40
        mean = m + n * np.expm1(m * np.log1p(-1 / n))
        turned = f"words turned by {self.rotation}"
        return [
            poisson(group, f"birthday spacings, {turned}", self.spacings, self.done * m**3 / 2.0**66),
            poisson(group, f"collisions of 40 bits, {turned}", self.collisions, self.done * mean),
        ]


@numba.njit
def _rank(rows):
    """Rank over GF(2); destroys `rows`, (n, words of 64 columns)."""
    n, width = rows.shape
    rank = 0
    for column in range(64 * width):
        word, bit = column >> 6, np.uint64(column & 63)
        pivot = rank
        while pivot < n and not rows[pivot, word] >> bit & np.uint64(1):
            pivot += 1
        if pivot == n:
            continue
        for w in range(word, width):
            rows[pivot, w], rows[rank, w] = rows[rank, w], rows[pivot, w]
        for i in range(rank + 1, n):
            if rows[i, word] >> bit & np.uint64(1):
                for w in range(word, width):
                    rows[i, w] ^= rows[rank, w]
        rank += 1
    return rank


@numba.njit
def _ranks(matrices, counts):
    for i in range(len(matrices)):
        deficit = matrices.shape[1] - _rank(matrices[i])
        counts[min(deficit, len(counts) - 1)] += 1


def rank_law(n: int) -> np.ndarray:
    """Probabilities that a random n x n matrix over GF(2) lacks 0, 1, 2, or more ranks."""
    probability = []
    for deficit in range(3):
        r = n - deficit
        factors = [(1 - 2.0 ** (i - n)) ** 2 / (1 - 2.0 ** (i - r)) for i in range(r)]
        probability.append(2.0 ** -(deficit**2) * np.prod(factors))
    return np.array([*probability, 1 - sum(probability)])


class Ranks:
    """Square matrices over GF(2): 64 x 64 and 256 x 256 from whole words, 512 x 512 from the lowest bits of words."""

    def __init__(self) -> None:
        self.counts = {n: np.zeros(4, dtype=np.int64) for n in (64, 256, 512)}

    def see(self, blocks: Words) -> None:
        """Take 4096 small, 128 middle and 8 large matrices of a chunk of 2^20."""
        words = blocks.ravel()
        _ranks(words[: 1 << 18].reshape(-1, 64, 1).copy(), self.counts[64])
        _ranks(words[1 << 18 : (1 << 18) + (1 << 17)].reshape(-1, 256, 4).copy(), self.counts[256])
        lowest = np.packbits((words & np.uint64(1)).astype(np.uint8), bitorder="little").view(np.uint64)
        _ranks(lowest.reshape(-1, 512, 8).copy(), self.counts[512])

    def results(self, group: str) -> list[Result]:
        """Compare with the exact laws."""
        return [chi_square(group, f"ranks of {n} x {n}", c, rank_law(n) * c.sum(), 3) for n, c in self.counts.items()]


@numba.njit
def _linear_complexity(bits):
    """Berlekamp-Massey, 64 coefficients at a time."""
    width = len(bits) // 64 + 1
    connection, before = np.zeros(width, np.uint64), np.zeros(width, np.uint64)
    kept, recent = np.zeros(width, np.uint64), np.zeros(width, np.uint64)
    connection[0] = before[0] = 1
    complexity, shift = 0, 1
    for i in range(len(bits)):
        used = i // 64 + 1
        for w in range(used - 1, 0, -1):
            recent[w] = recent[w] << np.uint64(1) | recent[w - 1] >> np.uint64(63)
        recent[0] = recent[0] << np.uint64(1) | np.uint64(bits[i])
        parity = np.uint64(0)
        for w in range(used):
            parity ^= connection[w] & recent[w]
        for half in (32, 16, 8, 4, 2, 1):
            parity ^= parity >> np.uint64(half)
        if parity & np.uint64(1):
            kept[:] = connection
            words, rest = shift // 64, np.uint64(shift % 64)
            for w in range(words, width):
                moved = before[w - words] << rest
                if rest and w > words:
                    moved |= before[w - words - 1] >> (np.uint64(64) - rest)
                connection[w] ^= moved
            if 2 * complexity <= i:
                complexity = i + 1 - complexity
                before[:] = kept
                shift = 0
        shift += 1
    return complexity


@numba.njit
def _complexities(blocks, length, out):
    bits = np.empty(length, dtype=np.uint8)
    for position in range(128):
        for i in range(length):
            bits[i] = blocks[i, position // 64] >> np.uint64(position % 64) & np.uint64(1)
        out[position] = _linear_complexity(bits)


class LinearComplexities:
    """The shortest linear recurrence of each of the 128 bits of a block over 2048 successive blocks."""

    LENGTH = 2048

    def __init__(self, repeats: int) -> None:
        self.repeats = repeats
        self.found: list[np.ndarray] = []

    def see(self, blocks: Words) -> None:
        """Take one stretch of each chunk."""
        if len(self.found) < self.repeats:
            self.found.append(np.empty(128, dtype=np.int64))
            _complexities(blocks[: self.LENGTH], self.LENGTH, self.found[-1])

    def results(self, group: str) -> list[Result]:
        """Compare with the exact law (Rueppel): P(L) = 2^min(n - 2L, 2L - 1 - n)."""
        n = self.LENGTH
        lengths = np.arange(n + 1)
        law = 2.0 ** np.minimum(n - 2 * lengths, 2 * lengths - 1 - n)
        law[0] = 2.0**-n
        counts = np.bincount(np.concatenate(self.found), minlength=n + 1)
        return [chi_square(group, f"linear complexity of {n} bits", counts, law / law.sum() * counts.sum())]


def run(group: str, chunks: Iterable[Words], repeats: int) -> list[Result]:
    """Put a stream through every test; `repeats` bounds those that sort and those that solve."""
    tests: list[Test] = [
        Frequencies(),
        Serial(1),
        Serial(32),
        HammingWeights(),
        Gaps(0),
        Gaps(56),
        Sorted(0, repeats),
        Sorted(32, repeats),
        Ranks(),
        LinearComplexities(8 * repeats),
    ]
    for chunk in chunks:
        for test in tests:
            test.see(chunk)
    return [result for test in tests for result in test.results(group)]
