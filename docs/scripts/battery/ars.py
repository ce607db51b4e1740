"""ARS with any number of rounds, by tables: a reference for the core's five, and weaker ciphers that must fail."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
KNOWN_ANSWERS = Path(__file__).parents[3] / "tests" / "core" / "ars_known_answers.txt"
LOW = 2**64 - 1


def _product(a: int, b: int) -> int:
    """Multiply in GF(2^8), as AES does."""
    total = 0
    while b:
        total ^= a if b & 1 else 0
        a, b = a << 1 ^ (0x11B if a & 0x80 else 0), b >> 1
    return total


def _sbox() -> NDArray[np.uint32]:
    inverse = [next((b for b in range(256) if _product(a, b) == 1), 0) for a in range(256)]
    taps = (0, 4, 5, 6, 7)
    affine = [sum((sum(x >> (i + t) % 8 & 1 for t in taps) & 1) << i for i in range(8)) for x in inverse]
    return np.array([0x63 ^ a for a in affine], dtype=np.uint32)


SBOX = _sbox()
# What a byte of row 0 adds to its column by MixColumns; the other rows are rotations.
_FIRST = np.array(
    [_product(int(s), 2) | int(s) << 8 | int(s) << 16 | _product(int(s), 3) << 24 for s in SBOX], dtype=np.uint32
)
MIXED = np.stack([_FIRST << np.uint32(8 * r) | (_FIRST >> np.uint32(32 - 8 * r) if r else 0) for r in range(4)])
MIXED = MIXED.astype(np.uint32)
WEYL = np.array([0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B], dtype=np.uint64)


@numba.njit
def _encrypt(counters, keys, rounds, out):
    columns = np.empty(4, dtype=np.uint32)
    mixed = np.empty(4, dtype=np.uint32)
    for i in range(len(counters)):
        key = keys[i % len(keys)]
        low, high = counters[i, 0] ^ key[0], counters[i, 1] ^ key[1]
        for r in range(1, rounds + 1):
            columns[0], columns[1] = low & 0xFFFFFFFF, low >> np.uint64(32)
            columns[2], columns[3] = high & 0xFFFFFFFF, high >> np.uint64(32)
            for c in range(4):
                word = np.uint32(0)
                for row in range(4):
                    byte = (columns[(c + row) & 3] >> np.uint32(8 * row)) & 0xFF
                    if r < rounds:
                        word ^= MIXED[row, byte]
                    else:
                        word |= SBOX[byte] << np.uint32(8 * row)
                mixed[c] = word
            low = np.uint64(mixed[0]) | np.uint64(mixed[1]) << np.uint64(32)
            high = np.uint64(mixed[2]) | np.uint64(mixed[3]) << np.uint64(32)
            low ^= key[0] + np.uint64(r) * WEYL[0]
            high ^= key[1] + np.uint64(r) * WEYL[1]
        out[i, 0], out[i, 1] = low, high


def encrypt(counters: Words, keys: Words, rounds: int = 5) -> Words:
    """Encrypt counters, (n, 2), lower half first, under one key, (2,), or a key for each, (n, 2)."""
    out = np.empty_like(counters)
    _encrypt(counters, np.atleast_2d(keys), rounds, out)
    return out


def halves(number: int) -> Words:
    """Split a 128-bit number."""
    return np.array([number & LOW, number >> 64], dtype=np.uint64)


def check() -> int:
    """Compare with every known answer of the project; return how many there are."""
    lines = [
        line for line in KNOWN_ANSWERS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]
    for line in lines:
        rounds, *words = line.split()
        counter, key, answer = (
            halves(sum(int(word, 16) << 32 * i for i, word in enumerate(words[j : j + 4]))) for j in (0, 4, 8)
        )
        if (encrypt(counter[None], key, int(rounds))[0] != answer).any():
            raise AssertionError(f"wrong answer: {line}")
    return len(lines)
