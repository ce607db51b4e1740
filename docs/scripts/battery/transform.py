"""Tests of Box-Muller alone: its error against exact arithmetic, and its tails given the uniform's leading bits."""

from __future__ import annotations

from dataclasses import dataclass

import mpmath as mp
import numpy as np
from langevin_ib import _core
from numpy.typing import NDArray
from scipy import special

from .ars import Words
from .results import Floats, Result, poisson

FIRST_CELL = 45  # sixty-fourths: the logarithm's table starts here


@dataclass(frozen=True)
class Format:
    """The words and numbers of a precision (rust/noise/normal.rs)."""

    dtype: str
    word: int  # bits
    resolution: int  # uniforms are odd multiples of 2^-resolution, rounded

    def scaled(self, first: Words, second: Words) -> Floats:
        """Return 2^resolution u as the transform rounds it: there the measurement starts."""
        if self.word == 64:
            return (first | np.uint64(1)).astype(np.float64)
        below = (second & np.uint64(0xFF) | np.uint64(1)).astype(np.float64)
        return (first.astype(np.float32).astype(np.float64) * 256 + below).astype(np.float32).astype(np.float64)

    def pair(self, first: Words, second: Words) -> NDArray[np.float64]:
        """Return the core's normals, (n, 2)."""
        return np.stack(_core.box_muller(first, second, dtype=self.dtype), axis=1)

    def ulp(self, exact: Floats) -> Floats:
        """Return the spacing of the numbers next to a result."""
        return np.spacing(np.abs(exact).astype(self.dtype)).astype(np.float64)


FORMATS = (Format("float64", 64, 64), Format("float32", 32, 40))


def adversarial(form: Format) -> tuple[Words, Words]:
    """Words next to every cell's edge at every exponent, next to 0 and 1, and angles next to every eighth of a turn."""
    top = 1 << form.word
    cells = [(FIRST_CELL + i) * top >> 6 >> e for e in range(form.word) for i in range(46)]
    edges = {c + d for c in cells for d in (-1, 0, 1)}
    edges |= {sign * ((1 << i) + d) % top for i in range(form.word) for d in (-1, 0, 1) for sign in (-1, 1)}
    eighths = {i * (top >> 3) + s * (1 << j) for i in range(9) for j in range(form.word - 3) for s in (-1, 0, 1)}
    one, two = (np.array(sorted(x for x in s if 0 <= x < top), dtype=np.uint64) for s in (edges, eighths))
    rng = np.random.default_rng(3)
    first = np.concatenate([one, rng.choice(one, len(two)), rng.integers(0, top, len(two), dtype=np.uint64)])
    second = np.concatenate([rng.integers(0, top, len(one), dtype=np.uint64), two, two])
    return first, second


def exact_pair(form: Format, scaled: float, second: int) -> tuple[mp.mpf, mp.mpf]:
    """Return the pair in exact arithmetic; the angle is an integer times a fixed part of a turn, so nothing cancels."""
    radius = mp.sqrt(-2 * mp.log(mp.ldexp(mp.mpf(scaled), -form.resolution)))
    signed = (second << 2) % (1 << form.word)
    signed -= (signed >> (form.word - 1)) << form.word
    cosine, sine = mp.cos_sin(mp.pi * mp.ldexp(mp.mpf(signed), -form.word - 1))
    cosine = -cosine if second >> (form.word - 2) & 1 else cosine
    cosine, sine = (sine, cosine) if second >> (form.word - 1) else (cosine, sine)
    return radius * cosine, radius * sine


def against_mpmath(form: Format, random: int) -> list[Result]:
    """Measure errors on random and adversarial words with 140 bits."""
    rng = np.random.default_rng(4)
    uniform = rng.integers(0, 1 << form.word, (2, random), dtype=np.uint64)
    results = []
    for name, (first, second) in (("random", uniform), ("adversarial", adversarial(form))):
        found, scaled = form.pair(first, second), form.scaled(first, second)
        errors = np.empty(found.shape)
        with mp.workprec(140):
            for i in range(len(first)):
                pair = exact_pair(form, float(scaled[i]), int(second[i]))
                for j, exact in enumerate(pair):
                    ulp = float(form.ulp(np.float64(float(exact))))
                    errors[i, j] = abs(float((mp.mpf(float(found[i, j])) - exact) / ulp)) if exact else found[i, j] != 0
        note = f"root mean square {np.sqrt((errors**2).mean()):.3f}; {len(first)} pairs of words"
        results.append(
            Result("transform", f"{form.dtype}, largest error in ulp, {name}", errors.max(), 0.5, None, note)
        )
    return results


def against_long_double(form: Format, pairs: int) -> list[Result]:
    """Measure errors on many random words with 64-bit mantissas (x87), whose own error is about 2^-9 ulp of float64."""
    if np.finfo(np.longdouble).nmant < 63:
        return []
    rng = np.random.default_rng(5)
    worst, squares, done = 0.0, 0.0, 0
    size = 1 << 18
    while done < pairs:
        first, second = rng.integers(0, 1 << form.word, (2, size), dtype=np.uint64)
        found = form.pair(first, second)
        unit = np.longdouble(2.0**-form.resolution)
        radius = np.sqrt(-2 * np.log(form.scaled(first, second).astype(np.longdouble) * unit))
        shift = np.uint64(64 - form.word)
        signed = (second << np.uint64(2) << shift).view(np.int64) >> shift.astype(np.int64)
        angle = (
            signed.astype(np.longdouble) * np.longdouble(2.0 ** -(form.word + 1)) * (4 * np.arctan(np.longdouble(1)))
        )
        cosine, sine = np.cos(angle), np.sin(angle)
        cosine = np.where(second >> np.uint64(form.word - 2) & np.uint64(1), -cosine, cosine)
        swap = (second >> np.uint64(form.word - 1)).astype(bool)
        exact = np.stack([np.where(swap, sine, cosine), np.where(swap, cosine, sine)], axis=1) * radius[:, None]
        errors = np.abs(found - exact) / form.ulp(exact.astype(np.float64))
        worst, squares, done = max(worst, float(errors.max())), squares + float((errors**2).sum()), done + size
    note = f"root mean square {np.sqrt(squares / done / 2):.3f}; {done} pairs of words"
    return [Result("transform", f"{form.dtype}, largest error in ulp, long double", worst, 0.5, None, note)]


def grid_law(form: Format, sigma: float) -> float:
    """Return P(|x| > sigma) for the uniforms that there are: odd multiples of 2^-resolution."""
    count = int(np.ceil(np.exp(-(sigma**2) / 2) * 2.0**form.resolution / 2)) + 1
    odd = 2.0 * np.arange(count) + 1
    radius = np.sqrt(-2 * np.log(odd * 2.0**-form.resolution))
    inside = np.minimum(sigma / radius, 1)
    return float((2 / np.pi * np.arccos(inside)).sum() * 2 / 2.0**form.resolution)


def conditional_tails(form: Format, pairs: int) -> list[Result]:
    """Count beyond high sigmas given that the first word starts with k zeros: far tails from few draws."""
    zeros = {5: 16, 6: 24, 7: 34, 8: 45, 9: 58} if form.word == 64 else {5: 16, 6: 24, 7: 32}
    rng = np.random.default_rng(6)
    results = []
    for sigma, k in zeros.items():
        first, second = rng.integers(0, 1 << form.word, (2, pairs), dtype=np.uint64)
        found = np.abs(form.pair(first >> np.uint64(k), second))
        normal = 2 * special.ndtr(-sigma)
        law = grid_law(form, sigma) if sigma >= 7 else normal
        note = f"of {2 * pairs}"
        if sigma >= 7:
            note += f"; the uniforms' grid changes the tail by {law / normal - 1:+.1e} of itself"
        test = f"{form.dtype}, |x| > {sigma} given that u < 2^-{k}"
        results.append(poisson("transform", test, int((found > sigma).sum()), 2 * pairs * law * 2.0**k, note))
    return results


def ranges(form: Format) -> list[Result]:
    """Report the largest normal, and the smallest that is not zero unless the angle is next to a quarter turn."""
    zero = np.zeros(1, dtype=np.uint64)
    largest = float(form.pair(zero, zero)[0, 0])
    expected = float(np.sqrt(2 * form.resolution * np.log(2)))
    return [Result("transform", f"{form.dtype}, largest normal", largest, expected, None)]


def run(random: int, pairs: int) -> list[Result]:
    """Measure both precisions."""
    results = []
    for form in FORMATS:
        results += ranges(form)
        results += against_mpmath(form, random)
        results += against_long_double(form, pairs)
        results += conditional_tails(form, pairs)
    return results
