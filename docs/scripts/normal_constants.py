"""Derives rust/noise/constants.rs: minimax polynomials and the logarithm's table for the Box-Muller transform.

Run `python docs/scripts/normal_constants.py > rust/noise/constants.rs` and format; needs mpmath and NumPy.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise

import mpmath as mp
import numpy as np

mp.mp.dps = 50
Function = Callable[[mp.mpf], mp.mpf]

HALF_TURN_FRACTION = mp.mpf(1) / 2  # angles are t quarter turns, |t| <= 1/2
FIRST_CELL = mp.mpf("0.703125")  # the mantissa's 16 cells start here, so that one of them straddles 1


def remez(f: Function, weight: Function, a: mp.mpf, b: mp.mpf, degree: int) -> tuple[list[mp.mpf], mp.mpf]:
    """Minimise max |p - f| * weight over [a, b]; return p's coefficients and the maximum."""
    n = degree + 2
    nodes = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * i / (n - 1)) for i in range(n)]
    for _ in range(30):
        system = mp.matrix(n, n)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                system[i, j] = x**j
            system[i, degree + 1] = (-1) ** i / weight(x)
        solution = mp.lu_solve(system, mp.matrix([f(x) for x in nodes]))
        p = [solution[j] for j in range(degree + 1)]

        def error(x: mp.mpf, p: list[mp.mpf] = p) -> mp.mpf:
            return (mp.polyval(p[::-1], x) - f(x)) * weight(x)

        nodes = extrema(error, a, b, n)
        largest = max(abs(error(x)) for x in nodes)
        if largest < abs(solution[degree + 1]) * (1 + mp.mpf("1e-6")):
            break
    return p, largest


def extrema(error: Function, a: mp.mpf, b: mp.mpf, n: int) -> list[mp.mpf]:
    """Return the n alternating extrema of an equioscillating error, found by a grid and ternary search."""
    grid = [a + (b - a) * mp.mpf(i) / (40 * n) for i in range(40 * n + 1)]
    values = [error(x) for x in grid]
    best: list[int] = []
    for i, value in enumerate(values):
        if best and mp.sign(values[best[-1]]) == mp.sign(value):
            if abs(value) > abs(values[best[-1]]):
                best[-1] = i
        else:
            best.append(i)
    while len(best) > n:
        best.pop(0 if abs(values[best[0]]) < abs(values[best[-1]]) else -1)
    refined = []
    for i in best:
        low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
        for _ in range(40):
            left, right = low + (high - low) / 3, high - (high - low) / 3
            if abs(error(left)) < abs(error(right)):
                low = left
            else:
                high = right
        refined.append((low + high) / 2)
    return refined


def sine(t2: mp.mpf) -> mp.mpf:
    """sin(pi t / 2) / t as a function of t²."""
    t = mp.sqrt(t2)
    return mp.sin(mp.pi / 2 * t) / t


def cosine(t2: mp.mpf) -> mp.mpf:
    """(cos(pi t / 2) - 1) / t² as a function of t²."""
    return (mp.cos(mp.pi / 2 * mp.sqrt(t2)) - 1) / t2


def logarithm(f: mp.mpf) -> mp.mpf:
    """-2 log(1 + f) / f."""
    return -2 * mp.log1p(f) / f if f else mp.mpf(-2)


def cells() -> list[tuple[mp.mpf, mp.mpf]]:
    """Return the 16 cells of the mantissa: equal steps in its bits, hence half as wide below 1."""
    edges = [FIRST_CELL]
    for _ in range(16):
        step = mp.mpf(1) / (32 if edges[-1] < 1 else 16)
        above = edges[-1] + step
        edges.append(above if edges[-1] >= 1 or above <= 1 else 1 + (above - 1) * 2)
    return list(pairwise(edges))


def rounded(x: mp.mpf, scalar: str) -> mp.mpf:
    """Return the nearest f64 or f32."""
    if scalar == "f64":
        return mp.mpf(float(x))
    return mp.mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def literals(numbers: list[mp.mpf], scalar: str) -> str:
    """Rust literals that read back as exactly these numbers."""
    number = {"f64": np.float64, "f32": np.float32}[scalar]
    nearest = [number(float(rounded(x, scalar))) for x in numbers]
    return ", ".join(
        f"std::{scalar}::consts::FRAC_PI_2" if x == number(np.pi / 2) else np.format_float_scientific(x, trim="0")
        for x in nearest
    )


def main() -> None:
    """Print the Rust file."""
    print("//! Constants of the Box-Muller transform, derived by docs/scripts/normal_constants.py.\n")
    print("/// The polynomials and the table of one number type, for its `BoxMuller` implementation.")
    print("macro_rules! constants {")
    tiny = mp.mpf("1e-5")
    for scalar, degrees in (("f64", (8, 6, 5)), ("f32", (3, 3, 2))):
        inverse = [mp.mpf(1) if lo < 1 < hi else rounded(2 / (lo + hi), scalar) for lo, hi in cells()]
        reach = [edge * r - 1 for (lo, hi), r in zip(cells(), inverse, strict=True) for edge in (lo, hi)]
        fits = {
            "LOG": remez(logarithm, lambda f: 1 / logarithm(f), min(reach), max(reach), degrees[0]),
            "SIN": remez(sine, lambda t2: 1 / sine(t2), tiny, HALF_TURN_FRACTION**2, degrees[1]),
            "COS": remez(cosine, lambda t2: t2 / (1 + t2 * cosine(t2)), tiny, HALF_TURN_FRACTION**2, degrees[2]),
        }
        logs = [2 * mp.log(r) for r in inverse]
        print(f"    ({scalar}) => {{")
        for name, (p, error) in fits.items():
            print(f"        // Relative error 2^{mp.nstr(mp.log(error, 2), 4)}.")
            numbers = f"[{literals(p, scalar)}]"
            if scalar == "f64" and name != "LOG":  # angles are words there
                numbers = f"in_words({numbers}, {64 if name == 'SIN' else 128})"
            print(f"        const {name}: &'static [{scalar}] = &{numbers};")
        print(f"        const INVERSE: [{scalar}; 16] = [{literals(inverse, scalar)}];")
        print(f"        const TWICE_LOG_INVERSE: [{scalar}; 16] = [{literals(logs, scalar)}];")
        print("    };")
    print("}\npub(super) use constants;")


if __name__ == "__main__":
    main()
