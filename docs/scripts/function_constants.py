"""Derives rust/math/constants.rs: minimax polynomials and split constants for the elementary functions.

Run `python docs/scripts/function_constants.py > rust/math/constants.rs` and format; needs mpmath and NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import mpmath as mp
import numpy as np
from normal_constants import Function, remez, rounded

mp.mp.dps = 60

SLACK = mp.mpf("1.001")  # arguments are reduced with rounded constants and may lie a little outside
TINY = mp.mpf("1e-7")  # where a quotient is 0/0, fits begin here: far below what the error can see
TYPES = ("f64", "f32")
BITS = {"f64": 53, "f32": 24}
NAMED = {math.log(2): "LN_2", math.pi / 2: "FRAC_PI_2", 2 / math.pi: "FRAC_2_PI", 1 / math.log(2): "LOG2_E"}


class Fit(NamedTuple):
    """A polynomial to be found: what it approximates, how much its error counts, where, and its degree by type."""

    meaning: str
    function: Function
    weight: Function
    interval: tuple[mp.mpf, mp.mpf]
    degrees: tuple[int, int]


def exponential(r: mp.mpf) -> mp.mpf:
    """(e^r - 1 - r - r²/2) / r³."""
    return (mp.expm1(r) - r - r**2 / 2) / r**3 if abs(r) > TINY else mp.mpf(1) / 6 + r / 24


def hyperbolic_sine(w: mp.mpf) -> mp.mpf:
    """(sinh r - r) / r³ as a function of w = r²."""
    r = mp.sqrt(w)
    return (mp.sinh(r) - r) / r**3


def hyperbolic_cosine(w: mp.mpf) -> mp.mpf:
    """(cosh r - 1) / r² as a function of w = r²."""
    return (mp.cosh(mp.sqrt(w)) - 1) / w


def logarithm(w: mp.mpf) -> mp.mpf:
    """(2 artanh s - 2 s) / s³ as a function of w = s², where (1 + s) / (1 - s) is the argument of the logarithm."""
    s = mp.sqrt(w)
    return 2 * (mp.atanh(s) - s) / s**3


def logarithm_tail(w: mp.mpf) -> mp.mpf:
    """`logarithm` beyond its constant 2/3, divided by w."""
    return (logarithm(w) - mp.mpf(2) / 3) / w


def sine(w: mp.mpf) -> mp.mpf:
    """(sin r - r) / r³ as a function of w = r²."""
    r = mp.sqrt(w)
    return (mp.sin(r) - r) / r**3


def cosine(w: mp.mpf) -> mp.mpf:
    """(cos r - 1 + r²/2) / r⁴ as a function of w = r²."""
    return (mp.cos(mp.sqrt(w)) - 1 + w / 2) / w**2


def arctangent(w: mp.mpf) -> mp.mpf:
    """(arctan t - t) / t³ as a function of w = t²."""
    t = mp.sqrt(w)
    return (mp.atan(t) - t) / t**3


def error_exponent(x: mp.mpf) -> mp.mpf:
    """(-log erfc x - c x) / x² with the slope c = 2/√π at 0: what is in the exponent of 1 - erf x beyond it."""
    return (-mp.log(mp.erfc(x)) - 2 / mp.sqrt(mp.pi) * x) / x**2


def error_weight(x: mp.mpf) -> mp.mpf:
    """How many parts of erf x one part of x² adds to -log erfc x."""
    return x**2 * mp.erfc(x) / mp.erf(x)


def weight_with_floor(floor: mp.mpf, x: mp.mpf) -> mp.mpf:
    """`error_weight`, but no less than the floor."""
    return max(error_weight(x), floor)


HALF_LOG = mp.log(2) / 2 * SLACK
EIGHTH = mp.pi / 4 * SLACK
LOG_REACH = mp.mpf(1) / 5  # s = f / (2 + f) for f from -1/4 to 1/2
ATAN_REACH = mp.tan(mp.pi / 8) * SLACK
FITS = {
    "EXP": Fit("`(e^r - 1 - r - r²/2) / r³`", exponential, lambda r: HALF_LOG**2, (-HALF_LOG, HALF_LOG), (9, 4)),
    "SINH": Fit("`(sinh r - r) / r³` in r²", hyperbolic_sine, lambda w: HALF_LOG**2, (TINY, HALF_LOG**2), (4, 2)),
    "COSH": Fit("`(cosh r - 1) / r²` in r²", hyperbolic_cosine, lambda w: HALF_LOG**2, (TINY, HALF_LOG**2), (5, 2)),
    "LOG": Fit(
        "`(log((1 + s) / (1 - s)) - 2 s) / s³` in s²",
        logarithm,
        lambda w: LOG_REACH**2 / 2,
        (TINY, LOG_REACH**2),
        (7, 3),
    ),
    "LOG_TAIL": Fit(
        "`LOG` beyond its 2/3, to more digits",
        logarithm_tail,
        lambda w: LOG_REACH**4 / 2,
        (TINY, LOG_REACH**2),
        (7, 3),
    ),
    "SIN": Fit("`(sin r - r) / r³` in r²", sine, lambda w: EIGHTH**2, (TINY, EIGHTH**2), (5, 2)),
    "COS": Fit("`(cos r - 1 + r²/2) / r⁴` in r²", cosine, lambda w: EIGHTH**4, (TINY, EIGHTH**2), (5, 2)),
    "ATAN": Fit("`(arctan t - t) / t³` in t²", arctangent, lambda w: ATAN_REACH**2, (TINY, ATAN_REACH**2), (10, 4)),
}


def erf_fit(reach: mp.mpf, degree: int) -> tuple[list[mp.mpf], mp.mpf]:
    """Fit the error function's exponent on [0, reach].

    Its weight falls by many orders of magnitude, so the exchange is led to it from weights with a floor, each starting
    from the nodes of the one before.
    """
    nodes = None
    for digits in range(2, 18):
        floor = mp.mpf(10) ** -digits
        weight = partial(weight_with_floor, floor)
        p, error, nodes = exchange(error_exponent, weight, (TINY, reach), degree, nodes)
    return p, error


def exchange(
    f: Function, weight: Function, interval: tuple[mp.mpf, mp.mpf], degree: int, nodes: list[mp.mpf] | None
) -> tuple[list[mp.mpf], mp.mpf, list[mp.mpf]]:
    """Minimise max |p - f| * weight over a grid that is finer on the left; return p, the maximum and its places."""
    (a, b), n, points = interval, degree + 2, 1500
    grid = [a + (b - a) * (mp.mpf(i) / points) ** mp.mpf("1.3") for i in range(points + 1)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    nodes = nodes or [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * i / (n - 1)) for i in range(n)]
    for _ in range(40):
        system = mp.matrix(n, n)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                system[i, j] = x**j * weight(x)
            system[i, degree + 1] = (-1) ** i
        solution = mp.lu_solve(system, mp.matrix([f(x) * weight(x) for x in nodes]))
        p = [solution[j] for j in range(degree + 1)]
        errors = [(mp.polyval(p[::-1], x) - y) * w for x, y, w in zip(grid, values, weights, strict=True)]
        best = alternation(errors, n)
        nodes, largest = [grid[i] for i in best], max(abs(errors[i]) for i in best)
        if largest < abs(solution[degree + 1]) * (1 + mp.mpf("1e-3")):
            break
    return p, largest, nodes


def alternation(errors: list[mp.mpf], n: int) -> list[int]:
    """Return the places of n extrema of alternating sign."""
    best: list[int] = []
    for i, value in enumerate(errors):
        if best and mp.sign(errors[best[-1]]) == mp.sign(value):
            if abs(value) > abs(errors[best[-1]]):
                best[-1] = i
        else:
            best.append(i)
    while len(best) > n:
        best.pop(0 if abs(errors[best[0]]) < abs(errors[best[-1]]) else -1)
    if len(best) < n:
        raise ArithmeticError(f"the error alternates {len(best)} times, not {n}: start nearer to the solution")
    return best


def parts(x: mp.mpf, scalar: str, count: int) -> list[mp.mpf]:
    """Return x as a sum of numbers of a type, each the nearest to what is left."""
    found = []
    for _ in range(count):
        found.append(rounded(x, scalar))
        x -= found[-1]
    return found


def below(x: mp.mpf, scalar: str) -> list[mp.mpf]:
    """Return x > 0 as a sum of two numbers of a type of which the second is positive too."""
    first = rounded(x, scalar)
    if first > x:
        first -= mp.ldexp(1, int(mp.floor(mp.log(x, 2))) + 1 - BITS[scalar])
    return [first, rounded(x - first, scalar)]


NUMBERS: dict[str, tuple[str, Callable[[str], list[mp.mpf]]]] = {
    "LOG2_E": ("1 / log 2", lambda scalar: parts(1 / mp.log(2), scalar, 1)),
    "LN_2": ("log 2 in two positive parts", lambda scalar: below(mp.log(2), scalar)),
    "FRAC_2_PI": ("2 / π", lambda scalar: parts(2 / mp.pi, scalar, 1)),
    "FRAC_PI_2": ("π / 2 in three parts", lambda scalar: parts(mp.pi / 2, scalar, 3)),
    "TWO_THIRDS": ("2 / 3 in two parts", lambda scalar: parts(mp.mpf(2) / 3, scalar, 2)),
    "FRAC_2_SQRT_PI": ("2 / √π in two parts", lambda scalar: parts(2 / mp.sqrt(mp.pi), scalar, 2)),
}


def literal(x: mp.mpf, scalar: str) -> str:
    """Write a Rust literal that reads back as exactly this number."""
    number = {"f64": np.float64, "f32": np.float32}[scalar]
    nearest = number(float(rounded(x, scalar)))
    for value, name in {**NAMED, 2 / math.sqrt(math.pi): "FRAC_2_SQRT_PI"}.items():
        if nearest == number(value):
            return f"std::{scalar}::consts::{name}"
    return str(np.format_float_scientific(nearest, trim="0"))


def table(comment: Iterable[str], name: str, double: list[mp.mpf], single: list[mp.mpf]) -> None:
    """Print one constant."""
    for line in comment:
        print(f"/// {line}")
    print(f"pub const {name}: Table = Table {{")
    print(f"    double: &[{', '.join(literal(x, 'f64') for x in double)}],")
    print(f"    single: &[{', '.join(literal(x, 'f32') for x in single)}],\n}};")


def words_of_two_over_pi() -> list[int]:
    """Return 2/π's bits, 64 a word, after two words of zeros: enough for the largest double's last bit and 192 more."""
    with mp.workprec(1400):
        bits = int(mp.floor(mp.ldexp(2 / mp.pi, 64 * 19)))
    return [0, 0, *(bits >> 64 * i & (1 << 64) - 1 for i in reversed(range(19)))]


def main() -> None:
    """Print the Rust file."""
    print("//! Constants of the elementary functions, derived by docs/scripts/function_constants.py.\n")
    lints = "clippy::unreadable_literal, clippy::approx_constant"
    print(f'#![allow({lints}, reason = "exact numbers, written by a script")]\n')
    print("use super::table::Table;\n")
    for name, (meaning, numbers) in NUMBERS.items():
        table([f"{meaning}."], name, *(numbers(scalar) for scalar in TYPES))
    for name, fit in FITS.items():
        found = [remez(fit.function, fit.weight, *fit.interval, degree) for degree in fit.degrees]
        errors = " and ".join(f"2^{mp.nstr(mp.log(error, 2), 4)}" for _, error in found)
        table([f"{fit.meaning}: relative error {errors}."], name, *(p for p, _ in found))
    found = [erf_fit(mp.mpf(6), 23), erf_fit(mp.mpf(4), 8)]
    errors = " and ".join(f"2^{mp.nstr(mp.log(error, 2), 4)}" for _, error in found)
    meaning = "`(-log erfc x - 2 x / √π) / x²`"
    table([f"{meaning}: relative error of erf {errors}."], "ERF", *(p for p, _ in found))
    print("/// The binary digits of 2/π after 128 zeros.")
    print(f"pub const DIGITS_OF_2_PI: [u64; 21] = [{', '.join(f'0x{w:016X}' for w in words_of_two_over_pi())}];")


if __name__ == "__main__":
    main()
