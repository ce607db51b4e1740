"""Tests of the normals as the sampler draws them: moments, distribution function, tails, joint laws, correlations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

import numba
import numpy as np
from langevin_ib import _core
from numpy.typing import NDArray
from scipy import special, stats

from .results import Floats, Result, chi_square, poisson, standard_scores

# The histogram's bins: 2^22 of width 2^-18 on [-8, 8), so that whole sigmas are edges.
REACH, BINS_A_UNIT = 8, 1 << 18
BINS = 2 * REACH * BINS_A_UNIT
MOMENTS = 8


@dataclass(frozen=True)
class Precision:
    """A kind of normals that the core can draw, with a key of its own."""

    name: str
    dtype: str
    noise: str
    key: int

    def draw(self, walkers: tuple[int, int], steps: tuple[int, int], dim: int, **options: object) -> NDArray:
        """Draw (walkers, steps, dim) normals."""
        settings = {"dtype": self.dtype, "noise": self.noise, **options}
        return _core.normals(settings.pop("key", self.key), walkers, steps, dim, **settings)

    def chunks(self, draws: int, walkers: int, steps: int, dim: int) -> Iterator[NDArray]:
        """Draw tables of successive steps, until there are `draws` normals."""
        for i in range(-(-draws // (walkers * steps * dim))):
            yield self.draw((0, walkers), (i * steps, (i + 1) * steps), dim)


PRECISIONS = (
    Precision("f64", "float64", "native", 0xA3B1_9C44_0E5D_7F26_8812_6B0D_D1E9_35C7),
    Precision("single", "float64", "single", 0x1F6E_2D90_77C3_5AB8_F04B_C9A1_5E83_0D72),
    Precision("f32", "float32", "native", 0x6C08_E5F7_B42A_913D_2957_8E1C_40FA_B6D3),
)


@numba.njit(fastmath={"reassoc", "contract"})
def _powers(x, sums):
    s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = 0.0
    for i in range(len(x)):
        a = np.float64(x[i])
        b = a * a
        c = b * b
        s1 += a
        s2 += b
        s3 += a * b
        s4 += c
        s5 += a * c
        s6 += b * c
        s7 += a * b * c
        s8 += c * c
    sums += np.array([s1, s2, s3, s4, s5, s6, s7, s8])


@numba.njit
def _bin(x, counts, zeros):
    for i in range(len(x)):
        place = np.int64(np.floor((np.float64(x[i]) + REACH) * BINS_A_UNIT))
        counts[min(max(place, -1), BINS) + 1] += 1
        zeros[0] += x[i] == 0


@dataclass
class Scan:
    """What one pass over the draws keeps: power sums and a fine histogram with two overflow bins."""

    draws: int = 0
    sums: Floats = field(default_factory=lambda: np.zeros(MOMENTS))
    counts: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(BINS + 2, dtype=np.uint32))
    zeros: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    def see(self, x: NDArray) -> None:
        """Take in an array."""
        x = x.ravel()
        self.draws += len(x)
        _powers(x, self.sums)
        _bin(x, self.counts, self.zeros)

    def coarse(self, a_unit: int = 16) -> tuple[Floats, NDArray[np.int64]]:
        """Return edges and counts of wider bins, for a figure."""
        counts = self.counts[1:-1].reshape(-1, BINS_A_UNIT // a_unit).sum(axis=1, dtype=np.int64)
        return np.linspace(-REACH, REACH, len(counts) + 1), counts


EDGES = np.linspace(-REACH, REACH, BINS + 1)


def even_moment(k: int) -> float:
    """Return E[x^k] of a standard normal."""
    return float(prod(range(k - 1, 0, -2))) if k % 2 == 0 else 0.0


def moments(group: str, scan: Scan) -> list[Result]:
    """Compare the means of x, x^2, ... x^8 with exact values; the standard error is exact too."""
    results = []
    for k in range(1, MOMENTS + 1):
        mean, error = scan.sums[k - 1] / scan.draws, np.sqrt((even_moment(2 * k) - even_moment(k) ** 2) / scan.draws)
        score = (mean - even_moment(k)) / error
        note = f"standard error {error:.3g}, off by {score:+.2f} of them"
        results.append(Result(group, f"mean of x^{k}", mean, even_moment(k), 2 * stats.norm.sf(abs(score)), note))
    return results


def kolmogorov(group: str, scan: Scan, scale: float = 1.0) -> Result:
    """Compare distribution functions at all 2^22 + 1 edges; between edges they can differ by one bin's mass more."""
    below = np.cumsum(scan.counts[:-1], dtype=np.int64) / scan.draws
    law = special.ndtr(EDGES / scale)
    distance = float(np.abs(below - law).max())
    widest = float(np.diff(law).max())
    root = np.sqrt(scan.draws)
    p = float(special.kolmogorov(root * distance))
    note = f"expected: median; p one-sided, at least {special.kolmogorov(root * (distance + widest)):.3g} within bins"
    name = "Kolmogorov-Smirnov" if scale == 1 else f"Kolmogorov-Smirnov, control: scale {scale}"
    return Result(group, name, distance, float(special.kolmogi(0.5)) / root, p, note)


def cells(group: str, scan: Scan) -> Result:
    """Test the 256 bins of width 1/16 at once."""
    edges, counts = scan.coarse()
    law = np.diff(special.ndtr(edges)) * scan.draws
    outside = 2 * special.ndtr(-REACH) * scan.draws
    rest = scan.draws - counts.sum()
    return chi_square(group, "bins of width 1/16", np.append(counts, rest), np.append(law, outside))


def exact_zeros(group: str, scan: Scan, precision: Precision) -> Result:
    """Count numbers that are exactly 0: where u rounds to 1 (both of a pair), or where the angle's word is 0 (one)."""
    both, one = (
        (2.0**-54, 2.0**-62) if (precision.dtype, precision.noise) == ("float64", "native") else (2**-25, 2**-30)
    )
    # Zeros of u come in pairs, so twice a Poisson number; the angle's share is small.
    pairs = int(scan.zeros[0]) // 2
    return poisson(group, "exact zeros, halved", pairs, scan.draws / 2 * (both + one / 2))


def distribution(precision: Precision, draws: int) -> tuple[list[Result], Scan]:
    """Run all tests of the one-dimensional law."""
    scan = Scan()
    for x in precision.chunks(draws, 1024, 64, 8):
        scan.see(x)
    group = precision.name
    results = [
        *moments(group, scan),
        kolmogorov(group, scan),
        kolmogorov(group, scan, 1.0005),
        cells(group, scan),
        exact_zeros(group, scan, precision),
    ]
    return results, scan


@numba.njit
def _beyond(x, counts):
    up4 = up5 = up6 = up7 = down4 = down5 = down6 = down7 = 0
    for i in range(len(x)):
        a = x[i]
        up4 += a > 4
        up5 += a > 5
        up6 += a > 6
        up7 += a > 7
        down4 += a < -4
        down5 += a < -5
        down6 += a < -6
        down7 += a < -7
    counts += np.array([[up4, up5, up6, up7], [down4, down5, down6, down7]])


def tails(precision: Precision, draws: int) -> list[Result]:
    """Count numbers beyond 4, 5, 6 and 7 sigma, on both sides together and apart."""
    counts, total = np.zeros((2, 4), dtype=np.int64), 0
    for x in precision.chunks(draws, 1024, 64, 8):
        _beyond(x.ravel(), counts)
        total += x.size
    results = []
    for i, sigma in enumerate((4, 5, 6, 7)):
        mean = total * special.ndtr(-sigma)
        for side, count, expected in (
            (f"|x| > {sigma}", counts[:, i].sum(), 2 * mean),
            (f"x > {sigma}", counts[0, i], mean),
            (f"x < -{sigma}", counts[1, i], mean),
        ):
            results.append(poisson(f"{precision.name} tails", side, int(count), expected, f"of {total:.4g}"))
    return results


# Products whose mean is 0 where x and y are independent, and their variances.
PRODUCTS = {"x y": 1.0, "(x^2 - 1)(y^2 - 1)": 4.0, "(x^2 - 1) y": 2.0, "x (y^2 - 1)": 2.0}


@numba.njit(fastmath={"reassoc", "contract"})
def _products(x, y, sums):
    for row in range(len(x)):
        s0 = s1 = s2 = s3 = 0.0
        a_row, b_row = x[row], y[row]
        for i in range(len(a_row)):
            a, b = np.float64(a_row[i]), np.float64(b_row[i])
            a2, b2 = a * a - 1, b * b - 1
            s0 += a * b
            s1 += a2 * b2
            s2 += a2 * b
            s3 += a * b2
        sums += np.array([s0, s1, s2, s3])


class Correlations:
    """Standard scores of the four products, for named pairs of arrays."""

    def __init__(self) -> None:
        self.sums: dict[str, Floats] = {}
        self.draws: dict[str, int] = {}

    def see(self, name: str, x: NDArray, y: NDArray) -> None:
        """Take in two arrays of equal shape, (rows, columns)."""
        self.draws[name] = self.draws.get(name, 0) + x.size
        _products(x, y, self.sums.setdefault(name, np.zeros(len(PRODUCTS))))

    def scores(self) -> dict[str, Floats]:
        """Return four standard scores a name."""
        scale = np.sqrt(np.array(list(PRODUCTS.values())))
        return {name: sums / scale / np.sqrt(self.draws[name]) for name, sums in self.sums.items()}

    def results(self, group: str, family: str) -> list[Result]:
        """Report each product over all names."""
        scores = np.array(list(self.scores().values()))
        return [
            r
            for i, product in enumerate(PRODUCTS)
            for r in standard_scores(group, f"{family}, {product}", scores[:, i])
        ]


LAGS = (1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64)
DISTANCES = (1, 2, 4, 8, 16, 32, 64, 128)


def correlations(precision: Precision, draws: int) -> tuple[list[Result], dict[str, list[float]]]:
    """Correlate steps, walkers and coordinates at all the distances that packs, blocks and bytes suggest."""
    families = ("steps", "walkers", "coordinates", "walkers and steps", "control: a correlation of 0.0003")
    kept = {family: Correlations() for family in families}
    dim = 4
    for x in precision.chunks(draws, 256, 256, dim):
        rows = x.reshape(len(x), -1)
        for lag in LAGS:
            kept["steps"].see(f"{lag}", rows[:, : -dim * lag], rows[:, dim * lag :])
        for distance in DISTANCES:
            kept["walkers"].see(f"{distance}", rows[:-distance], rows[distance:])
        for distance in (1, 8, 32):
            kept["walkers and steps"].see(f"+{distance}, +1", rows[:-distance, :-dim], rows[distance:, dim:])
            kept["walkers and steps"].see(f"+{distance}, -1", rows[:-distance, dim:], rows[distance:, :-dim])
        planes = np.ascontiguousarray(np.moveaxis(x, 2, 0)).reshape(dim, len(x), -1)
        for i in range(dim):
            for j in range(i):
                kept["coordinates"].see(f"{j}, {i}", planes[j], planes[i])
        kept["control: a correlation of 0.0003"].see("", rows[:-1], rows[1:] + 3e-4 * rows[:-1])
    group = f"{precision.name} pairs"
    results = [r for family, c in kept.items() for r in c.results(group, family)]
    scores = {f"{family} {name}": list(s) for family, c in kept.items() for name, s in c.scores().items()}
    return results, scores


def seeds(precision: Precision, draws: int) -> list[Result]:
    """Correlate the run with those whose key differs in one bit, and its streams with one another."""
    walkers, steps, dim = 1024, max(draws // 8192, 1), 8

    def table(**options: object) -> NDArray:
        return precision.draw((0, walkers), (0, steps), dim, **options).reshape(walkers, -1)

    base = table()
    keys, streams = Correlations(), Correlations()
    for bit in range(128):
        keys.see(f"{bit}", base, table(key=precision.key ^ 1 << bit))
    initial, accept = table(stream="initial"), table(stream="accept")
    for name, x, y in (("0, 1", base, initial), ("0, 2", base, accept), ("1, 2", initial, accept)):
        streams.see(name, x, y)
    group = f"{precision.name} seeds"
    return [*keys.results(group, "keys one bit apart"), *streams.results(group, "streams")]


@numba.njit
def _joint(x, y, counts):
    for row in range(len(x)):
        a_row, b_row = x[row], y[row]
        for i in range(len(a_row)):
            a = min(max(np.int64(np.floor(np.float64(a_row[i]) * 4)), -16), 15) + 16
            b = min(max(np.int64(np.floor(np.float64(b_row[i]) * 4)), -16), 15) + 16
            counts[a, b] += 1


def joint_laws(precision: Precision, draws: int) -> list[Result]:
    """Compare pairs of neighbours with the product law, in 32 x 32 cells of width 1/4."""
    names = ("the two of a pair", "neighbouring pairs", "neighbouring walkers", "neighbouring steps")
    counts = {name: np.zeros((32, 32), dtype=np.int64) for name in names}
    for x in precision.chunks(draws, 256, 256, 4):
        flat = x.reshape(len(x), -1)
        planes = np.ascontiguousarray(np.moveaxis(x, 2, 0))
        _joint(planes[0], planes[1], counts["the two of a pair"])
        _joint(planes[1], planes[2], counts["neighbouring pairs"])
        _joint(flat[0::2], flat[1::2], counts["neighbouring walkers"])
        halves = x.reshape(len(x), -1, 2, 4)
        _joint(
            np.ascontiguousarray(halves[:, :, 0]).reshape(len(x), -1),
            np.ascontiguousarray(halves[:, :, 1]).reshape(len(x), -1),
            counts["neighbouring steps"],
        )
    edges = np.concatenate([[-np.inf], np.arange(-15, 16) / 4, [np.inf]])
    law = np.diff(special.ndtr(edges))
    cell = np.outer(law, law)
    return [chi_square(f"{precision.name} joint", name, c, cell * c.sum()) for name, c in counts.items()]
