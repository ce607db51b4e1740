"""How many ones nine successive bytes have: the tuples that PractRand's DC6-9x1Bytes-1 counts, against an exact law.

PractRand sorts the Hamming weights of bytes into four classes and counts tuples of nine of them that overlap. Here they
do not, so that counts are multinomial and the chi-square needs no simulation: the price is a ninth of the tuples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce

import numba
import numpy as np

from .ars import Words
from .results import Result, chi_square

LENGTH, CLASSES = 9, 4
WEIGHTS = np.array([byte.bit_count() for byte in range(256)])
# 0, 1 and 8 ones; 2 and 3; 4 and 5; 6 and 7.
CLASS = np.where(WEIGHTS == 8, 0, WEIGHTS // 2).astype(np.int64)
SHARES = np.bincount(CLASS, minlength=CLASSES) / 256
LAW = reduce(np.multiply.outer, [SHARES] * LENGTH).ravel()


@numba.njit
def _count(data, classes, counts):
    for start in range(0, len(data) - LENGTH + 1, LENGTH):
        place = 0
        for i in range(LENGTH):
            place = place * CLASSES + classes[data[start + i]]
        counts[place] += 1


def run(group: str, chunks: Iterable[Words], looks: Iterable[int]) -> Iterator[Result]:
    """Yield a chi-square after each of some numbers of chunks; the bytes over at a chunk's end are not seen."""
    counts, wanted = np.zeros(CLASSES**LENGTH, dtype=np.int64), set(looks)
    for number, chunk in enumerate(chunks, start=1):
        _count(np.ascontiguousarray(chunk).view(np.uint8).ravel(), CLASS, counts)
        if number in wanted:
            title = f"weights of nine bytes, {number * chunk.nbytes / 2**30:g} GiB"
            yield chi_square(group, title, counts, counts.sum() * LAW)
