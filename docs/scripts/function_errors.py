"""Measures errors and speed of the elementary functions: the tables of docs/functions.md.

Run `python docs/scripts/function_errors.py` for the tables in Markdown; `--count` sets how many arguments a search
takes, `--exhaustive` has all of single precision's instead. Needs mpmath, SciPy, and long doubles of 64 bits (x86).
"""

from __future__ import annotations

import argparse
import math
import timeit
from collections.abc import Callable, Iterator

import mpmath as mp
import numpy as np
from langevin_ib import _core
from numpy.typing import NDArray
from scipy import special

Columns = tuple[NDArray, ...]

# The exact functions, and near ones for whole arrays: in long doubles for double precision, in doubles for single.
ALIKE = ("exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh")
EXACT: dict[str, Callable[..., mp.mpf]] = {
    **{name: getattr(mp, name) for name in ALIKE},
    "atan": mp.atan,
    "erf": mp.erf,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "pow": lambda x, y: x**y,
}
NEAR: dict[str, Callable[..., NDArray]] = {
    **{name: getattr(np, name) for name in ALIKE},
    "atan": np.arctan,
    "erf": special.erf,
    "sigmoid": lambda x: np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x))),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "pow": np.power,
}
# SciPy's error function has no long doubles; it is measured by mpmath alone, at fewer points.
SLOW = 50


def arguments(name: str, dtype: type, count: int, rng: np.random.Generator) -> Columns:
    """Draw numbers of every magnitude, and more of them where functions vary or formulas change."""
    info = np.finfo(dtype)
    smallest, largest = math.log2(info.smallest_subnormal), math.log2(info.max)
    overflow = math.log(info.max)
    parts = [
        np.exp2(rng.uniform(smallest, largest, count)),
        np.exp2(rng.uniform(-30, 10, count)),
        rng.uniform(0, 1, count),
        rng.uniform(0, 6, count),
        rng.uniform(0, 1.1 * overflow, count),
        1 + rng.uniform(-1, 1, count) * np.exp2(rng.uniform(-info.nmant, 0, count)),
    ]
    x = np.concatenate(parts).astype(dtype) * rng.choice([-1, 1], 6 * count).astype(dtype)
    if name == "log":
        return (np.abs(x),)
    if name == "log1p":
        return (x[x > -1],)
    if name == "pow":
        x = np.abs(x)
        x = x[(x > 0) & (x != 1) & np.isfinite(x)]
        power = rng.uniform(-1.05 * overflow, overflow, len(x)) / np.log(x.astype(np.longdouble))
        return x, power.astype(dtype)
    return (x,)


def spacing(exact: NDArray, dtype: type) -> NDArray:
    """Return the spacing of a type's numbers at values of a wider type."""
    info = np.finfo(dtype)
    exponent = np.frexp(exact)[1].astype(np.int64) - info.nmant - 1
    return np.ldexp(np.ones_like(exact), np.maximum(exponent, info.minexp - info.nmant))


def near_errors(name: str, columns: Columns) -> NDArray[np.float64]:
    """Measure errors in ulp against the wider type; what overflows rightly has none."""
    dtype = columns[0].dtype.type
    wide = np.longdouble if dtype is np.float64 else np.float64
    found = _core.apply(name, *columns)
    with np.errstate(all="ignore"):
        exact = NEAR[name](*(column.astype(wide) for column in columns))
        errors = np.abs(found.astype(wide) - exact) / spacing(exact, dtype)
        errors[(found == exact.astype(dtype)) & ~np.isfinite(found)] = 0
        errors[np.isnan(found) & np.isnan(exact)] = 0
    return np.nan_to_num(errors.astype(np.float64), nan=np.inf)


def exact_error(name: str, row: Columns) -> float:
    """Measure one error in ulp against mpmath."""
    found = _core.apply(name, *(np.array([x]) for x in row))[0]
    info = np.finfo(found.dtype)
    with mp.workprec(200):
        exact = EXACT[name](*(mp.mpf(float(x)) for x in row))
        if not np.isfinite(found):
            overflow = mp.ldexp(2 - mp.ldexp(1, -info.nmant - 1), info.maxexp - 1)
            return 0.0 if abs(exact) >= overflow else math.inf
        exponent = max(mp.frexp(exact)[1] - info.nmant - 1, info.minexp - info.nmant)
        return abs(float(mp.ldexp(mp.mpf(float(found)) - exact, -exponent)))


def blocks(name: str, dtype: type, count: int, exhaustive: bool) -> Iterator[Columns]:
    """Yield arguments in blocks of a convenient size."""
    if exhaustive and dtype is np.float32 and name != "pow":
        for start in range(0, 1 << 32, 1 << 22):
            yield (np.arange(start, start + (1 << 22), dtype=np.uint32).view(np.float32),)
        return
    rng = np.random.default_rng(1)
    for _ in range(max(count // 600_000, 1)):
        yield arguments(name, dtype, min(count // 6, 100_000), rng)


def nearby(row: Columns, count: int, rng: np.random.Generator) -> Columns:
    """Draw arguments close to given ones, at several distances."""
    distance = np.exp2(-rng.uniform(4, 16, count))
    return tuple((x * (1 + rng.uniform(-1, 1, count) * distance)).astype(x.dtype) for x in row)


def largest_error(name: str, dtype: type, count: int, exhaustive: bool) -> tuple[float, Columns]:
    """Search the largest error: near ones find the worst arguments of each block, and mpmath measures those."""
    by_mpmath_alone = name == "erf" and dtype is np.float64
    count = count // SLOW if by_mpmath_alone else count
    worst: tuple[float, Columns] = (0.0, ())

    def search(columns: Columns) -> None:
        nonlocal worst
        everything = np.arange(len(columns[0]))
        places = everything if by_mpmath_alone else np.argsort(near_errors(name, columns))[-3:]
        for i in places:
            row = tuple(column[i] for column in columns)
            worst = max(worst, (exact_error(name, row), row), key=lambda pair: pair[0])

    for columns in blocks(name, dtype, count, exhaustive):
        search(columns)
    rng = np.random.default_rng(2)
    for _ in range(0 if exhaustive and dtype is np.float32 and name != "pow" else 10):
        search(nearby(worst[1], count // 20, rng))
    return worst


def nanoseconds(name: str, dtype: type, level: str) -> float:
    """Time an element of an array in the second-level cache, with the call and the copying that belong to it."""
    size = 8192
    rng = np.random.default_rng(2)
    columns = [rng.uniform(0.1, 3, size).astype(dtype) for _ in range(2 if name == "pow" else 1)]
    return min(timeit.repeat(lambda: _core.apply(name, *columns, level=level), number=50, repeat=40)) / 50 / size * 1e9


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=3_000_000)
    parser.add_argument("--exhaustive", action="store_true")
    parser.add_argument("--only", choices=[*EXACT], nargs="*", default=[*EXACT])
    options = parser.parse_args()
    print("| function | f64 | at | f32 | at |\n|---|---|---|---|---|")
    for name in options.only:
        cells = [name]
        for dtype in (np.float64, np.float32):
            error, row = largest_error(name, dtype, options.count, options.exhaustive)
            cells += [f"{error:.3f}", ", ".join(str(x) for x in row)]
        print("|", " | ".join(cells), "|", flush=True)
    levels = _core.levels()[::-1]
    heads = [f"{dtype} {level}" for dtype in ("f64", "f32") for level in levels]
    print("\n| ns an element |", " | ".join(heads), "|\n|---|" + "---|" * len(heads))
    for name in ("copy", *options.only):
        times = [nanoseconds(name, dtype, level) for dtype in (np.float64, np.float32) for level in levels]
        print(f"| {name} |", " | ".join(f"{time:.2f}" for time in times), "|", flush=True)


if __name__ == "__main__":
    main()
