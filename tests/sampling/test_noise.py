"""The noise, bit by bit and in distribution: generator, rounding error of the transform, moments, tails, correlations.

Keys are fixed, so a test passes always or never; the rate stated beside a bound is that at which a right generator
would fail it if the key were drawn anew. All statistical bounds of this file together: 2e-3.
"""

from __future__ import annotations

from pathlib import Path

import mpmath
import numpy as np
import pytest
from langevin_ib import _core
from numpy.typing import NDArray
from scipy import stats

KEY = 0x5EED_0123_4567_89AB_CDEF_0011_2233_4455
# A right mean is farther off than this with probability 7e-6.
STANDARD_ERRORS = 4.5
STREAMS = {"increment": 0, "initial": 1, "accept": 2, "rows": 3, "order": 4, "mask": 5, "label": 6, "input": 7}
PRECISIONS = [("float64", "native"), ("float64", "single"), ("float32", "native")]


def draws(
    walkers: int, steps: int, dim: int, *, key: int = KEY, dtype: str = "float64", noise: str = "native", first: int = 0
) -> NDArray[np.float64]:
    """Normals as double-precision numbers, (walkers, steps, dim)."""
    return _core.normals(key, (0, walkers), (first, first + steps), dim, dtype=dtype, noise=noise).astype(np.float64)


class TestBits:
    """The words are ARS at the documented addresses, by an implementation that shares nothing with the core."""

    MASK = (1 << 64) - 1

    @staticmethod
    def product(a: int, b: int) -> int:
        """Multiply in GF(2^8), as AES does."""
        total = 0
        while b:
            total ^= a if b & 1 else 0
            a, b = a << 1 ^ (0x11B if a & 0x80 else 0), b >> 1
        return total

    @classmethod
    def sbox(cls) -> list[int]:
        inverse = [next((b for b in range(256) if cls.product(a, b) == 1), 0) for a in range(256)]
        bit = [[b >> i & 1 for i in range(8)] for b in inverse]
        taps = (0, 4, 5, 6, 7)
        return [0x63 ^ sum((sum(x[(i + t) % 8] for t in taps) & 1) << i for i in range(8)) for x in bit]

    @classmethod
    def ars(cls, counter: int, key: int, rounds: int, sbox: list[int]) -> int:
        weyl = 0xBB67AE8584CAA73B << 64 | 0x9E3779B97F4A7C15
        block = counter ^ key
        for i in range(1, rounds + 1):
            low = (key + i * (weyl & cls.MASK)) & cls.MASK
            high = ((key >> 64) + i * (weyl >> 64)) & cls.MASK
            b = [sbox[x] for x in block.to_bytes(16, "little")]
            b = [b[(4 * (column + row) + row) % 16] for column in range(4) for row in range(4)]
            if i < rounds:
                columns = [b[4 * c : 4 * c + 4] for c in range(4)]
                b = [
                    cls.product(c[r], 2) ^ cls.product(c[(r + 1) % 4], 3) ^ c[(r + 2) % 4] ^ c[(r + 3) % 4]
                    for c in columns
                    for r in range(4)
                ]
            block = int.from_bytes(bytes(b), "little") ^ (high << 64 | low)
        return block

    def test_oracle_gives_the_known_answers(self) -> None:
        sbox = self.sbox()
        lines = (Path(__file__).parents[1] / "core" / "ars_known_answers.txt").read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if not line.startswith("#")]
        assert len(lines) > 15
        for line in lines:
            rounds, *words = line.split()
            number = [sum(int(w, 16) << 32 * i for i, w in enumerate(words[j : j + 4])) for j in (0, 4, 8)]
            assert self.ars(number[0], number[1], int(rounds), sbox) == number[2], line

    @pytest.mark.parametrize(("stream", "number"), STREAMS.items())
    def test_words_are_ars_at_the_documented_addresses(self, stream: str, number: int) -> None:
        sbox = self.sbox()
        walkers, steps = (1_000_003, 1_000_022), (2**40 - 1, 2**40 + 2)
        words = _core.words(KEY, walkers, steps, 6, stream=stream)
        assert words.shape == (19, 3, 6)
        for i, walker in enumerate(range(*walkers)):
            for j, step in enumerate(range(*steps)):
                for pair in range(3):
                    block = self.ars(step | walker << 64 | pair << 104 | number << 120, KEY, 5, sbox)
                    first, second = (int(word) for word in words[i, j, 2 * pair : 2 * pair + 2])
                    assert first | second << 64 == block

    def test_every_bit_is_set_half_the_time(self) -> None:
        words = _core.words(KEY, (0, 1000), (0, 500), 2).reshape(-1, 2)
        bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(np.int64)
        # 128 comparisons at 5 standard errors: 7e-5.
        assert np.abs(bits.mean(axis=0) - 0.5).max() * 2 * np.sqrt(len(words)) < 5


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
def test_normals_do_not_depend_on_the_level_or_on_what_is_drawn_beside_them(dtype: str, noise: str) -> None:
    settings = {"dtype": dtype, "noise": noise}
    everything = _core.normals(KEY, (0, 200), (0, 7), 5, **settings)
    assert everything.shape == (200, 7, 5)
    assert len(np.unique(everything)) > 6990  # single precision may repeat itself
    for level in _core.levels():
        part = _core.normals(KEY, (37, 102), (3, 6), 5, level=level, **settings)
        np.testing.assert_array_equal(part, everything[37:102, 3:6], err_msg=level)
    fewer = _core.normals(KEY, (0, 200), (0, 7), 2, **settings)
    np.testing.assert_array_equal(fewer, everything[:, :, :2])


def test_single_noise_is_that_of_a_single_precision_run() -> None:
    np.testing.assert_array_equal(draws(100, 9, 3, noise="single"), draws(100, 9, 3, dtype="float32"))


# Bits of a word, and the bound on the measured error in units in the last place of the result.
WORD = {"float64": 64, "float32": 32}
BOUND = {"float64": 5.0, "float32": 5.0}


class TestTransform:
    """Box–Muller against mpmath, given the uniform and the angle that the words stand for."""

    def words(self, bits: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Words where a rounding, a cell of the logarithm or a quarter turn lies, tails, and random ones."""
        rng = np.random.default_rng(1)
        top = 2**bits
        corners = [i * top // 8 for i in range(9)] + [top * 90 // 128, top * 45 // 128]
        around = [c + d for c in corners for d in (-3, -1, 0, 1, 2) if 0 <= c + d < top]
        # Next to 0 and next to 1 at every distance; angles at every distance from a quarter turn.
        small = [2**i for i in range(bits)]
        edges = sorted({*around, *small, *(top - s for s in small), *(top // 4 + s for s in small if s < top // 2)})
        edge = np.array(edges, dtype=np.uint64)
        random = rng.integers(0, top, size=(2, 6000), dtype=np.uint64)
        first = np.concatenate([edge, rng.choice(edge, len(edge)), random[0], random[1][:500] >> np.uint64(bits // 2)])
        second = np.concatenate([rng.choice(edge, len(edge)), edge, random[1], random[0][:500]])
        return first, second

    def uniforms(self, first: NDArray[np.uint64], second: NDArray[np.uint64], bits: int) -> NDArray[np.float64]:
        """Round the uniform, times 2^64 or 2^40: that is where the transform starts, so it is no error of the log."""
        if bits == 64:
            return (first | np.uint64(1)).astype(np.float64)
        below = (second & np.uint64(0xFF) | np.uint64(1)).astype(np.float64)
        # Exact in double precision, so that the conversion is the only rounding.
        return (first.astype(np.float32).astype(np.float64) * 256 + below).astype(np.float32).astype(np.float64)

    @staticmethod
    def exact(scaled: float, second: int, bits: int) -> tuple[mpmath.mpf, mpmath.mpf]:
        radius = mpmath.sqrt(-2 * mpmath.log(mpmath.ldexp(mpmath.mpf(scaled), -64 if bits == 64 else -40)))
        signed = (second << 2) % 2**bits
        signed -= 2**bits if signed >> (bits - 1) else 0
        angle = mpmath.pi * mpmath.ldexp(mpmath.mpf(signed), -bits) / 2
        cosine, sine = mpmath.cos(angle), mpmath.sin(angle)
        cosine = -cosine if second >> (bits - 2) & 1 else cosine
        cosine, sine = (sine, cosine) if second >> (bits - 1) else (cosine, sine)
        return radius * cosine, radius * sine

    def errors(self, dtype: str) -> tuple[NDArray[np.float64], NDArray[np.uint64], NDArray[np.uint64]]:
        """Measure in ulp of the exact result, even next to zeros of the sine: angles are exact distances from there."""
        bits = WORD[dtype]
        first, second = self.words(bits)
        found = np.stack(_core.box_muller(first, second, dtype=dtype), axis=1)
        errors = np.empty(found.shape)
        with mpmath.workprec(120):
            for i, scaled in enumerate(self.uniforms(first, second, bits)):
                for j, exact in enumerate(self.exact(scaled, int(second[i]), bits)):
                    ulp = np.spacing(np.dtype(dtype).type(abs(float(exact))))
                    errors[i, j] = abs(float((mpmath.mpf(found[i, j]) - exact) / mpmath.mpf(float(ulp))))
        return errors, first, second

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_error_is_a_few_units_in_the_last_place(self, dtype: str) -> None:
        errors, first, second = self.errors(dtype)
        worst = errors.max()
        i = np.unravel_index(errors.argmax(), errors.shape)[0]
        assert len(errors) > 6500
        print(f"{dtype}: at most {worst:.2f} ulp, root mean square {np.sqrt((errors**2).mean()):.2f} ulp")
        assert worst < BOUND[dtype], f"{worst:.2f} ulp at words {first[i]:#x}, {second[i]:#x}"
        # Control: the measurement itself is not blind below the bound.
        assert worst > 0.5

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_a_uniform_of_one_is_exactly_zero_and_every_word_is_finite(self, dtype: str) -> None:
        bits = WORD[dtype]
        first, second = self.words(bits)
        assert all(np.isfinite(x).all() for x in _core.box_muller(first, second, dtype=dtype))
        ones = np.full(len(second), 2**bits - 1, dtype=np.uint64)
        assert all((x == 0).all() for x in _core.box_muller(ones, second, dtype=dtype))

    def test_the_largest_normal_is_beyond_nine_sigma(self) -> None:
        zero = np.zeros(1, dtype=np.uint64)
        assert _core.box_muller(zero, zero)[0][0] == pytest.approx(np.sqrt(128 * np.log(2)), rel=1e-15)
        assert _core.box_muller(zero, zero, dtype="float32")[0][0] == pytest.approx(np.sqrt(80 * np.log(2)), rel=1e-6)


def moments_off(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many standard errors the means of x, x², … x⁸ are from those of a standard normal."""
    even = {k: float(np.prod(np.arange(k - 1, 0, -2, dtype=float))) for k in range(0, 17, 2)}
    power, off = np.ones_like(x), []
    for k in range(1, 9):
        power *= x
        mean = even.get(k, 0.0)
        off.append((power.mean() - mean) / np.sqrt((even[2 * k] - mean**2) / len(x)))
    return np.abs(off)


@pytest.mark.parametrize(("dtype", "noise", "walkers"), [("float64", "native", 5000), ("float32", "native", 1000)])
def test_eight_moments_are_normal(dtype: str, noise: str, walkers: int) -> None:
    # 16 comparisons: 1e-4.
    x = draws(walkers, 1000, 2, dtype=dtype, noise=noise).ravel()
    assert moments_off(x).max() < STANDARD_ERRORS


def test_a_scale_wrong_by_one_per_cent_has_wrong_moments() -> None:
    assert moments_off(1.01 * draws(1000, 1000, 2).ravel()).max() > 10


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
def test_a_million_draws_pass_kolmogorov_smirnov(dtype: str, noise: str) -> None:
    # Three comparisons: 3e-4.
    x = draws(1000, 500, 2, dtype=dtype, noise=noise).ravel()
    assert stats.kstest(x, "norm", method="asymp").pvalue > 1e-4
    assert stats.kstest(1.02 * x, "norm", method="asymp").pvalue < 1e-6


def tail_p(count: int, draws: int, beyond: float) -> float:
    """Two-sided probability of a count at least so far from what a normal law expects."""
    law = stats.binom(draws, 2 * stats.norm.sf(beyond))
    return 2 * min(law.cdf(count), law.sf(count - 1))


@pytest.mark.parametrize(("dtype", "rounds"), [("float64", 10), ("float32", 5)])
def test_tails_beyond_four_and_five_sigma_are_right(dtype: str, rounds: int) -> None:
    size = 10_000_000
    beyond = {4.0: 0, 5.0: 0}
    scaled = 0
    for i in range(rounds):
        x = np.abs(_core.normals(KEY, (0, 5000), (1000 * i, 1000 * (i + 1)), 2, dtype=dtype))
        x = x[x > 3.9]
        beyond = {sigma: count + int((x > sigma).sum()) for sigma, count in beyond.items()}
        scaled += int((1.01 * x > 4).sum())
    for sigma, count in beyond.items():
        # Four comparisons: 4e-5.
        assert tail_p(count, rounds * size, sigma) > 1e-5, (sigma, count)
        # Control: a truncated tail is told apart.
        assert tail_p(0, rounds * size, sigma) < 1e-4
    assert tail_p(scaled, rounds * size, 4.0) < 1e-6, "a scale wrong by one per cent is told apart"


def correlations_off(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """How many standard errors x y, (x² - 1)(y² - 1), … are from 0, their mean if x and y are independent."""
    x, y = x.ravel(), y.ravel()
    products = [(x * y, 1), ((x**2 - 1) * (y**2 - 1), 4), ((x**2 - 1) * y, 2), (x * (y**2 - 1), 2)]
    return max(abs(product.mean()) * np.sqrt(len(x) / variance) for product, variance in products)


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
def test_coordinates_walkers_steps_and_keys_are_uncorrelated(dtype: str, noise: str) -> None:
    settings = {"dtype": dtype, "noise": noise}
    x = draws(600, 200, 4, **settings)
    other_key = draws(600, 200, 4, key=KEY + 1, **settings)
    other_half = draws(600, 200, 4, key=KEY ^ 1 << 127, **settings)
    initial = _core.normals(KEY, (0, 600), (0, 200), 4, stream="initial", **settings).astype(np.float64)
    pairs = {
        "the two of a pair": (x[..., 0], x[..., 1]),
        "neighbouring pairs": (x[..., 1], x[..., 2]),
        "the same place in two pairs": (x[..., 0], x[..., 2]),
        "neighbouring walkers": (x[:-1], x[1:]),
        "walkers in neighbouring packs": (x[:-16], x[16:]),
        "neighbouring steps": (x[:, :-1], x[:, 1:]),
        "steps 64 apart": (x[:, :-64], x[:, 64:]),
        "neighbouring keys": (x, other_key),
        "keys that differ in their top bit": (x, other_half),
        "streams": (x, initial),
    }
    # 3 precisions, 10 pairs, 4 products: 8e-4.
    off = {name: correlations_off(a, b) for name, (a, b) in pairs.items()}
    assert max(off.values()) < STANDARD_ERRORS, off
    assert correlations_off(x, other_key + 0.02 * x) > 2 * STANDARD_ERRORS, "a correlation of 0.02 is told apart"
    assert correlations_off(x[:, :-1], x[:, :-1] * other_key[:, 1:] / np.sqrt(3)) > 2 * STANDARD_ERRORS


def test_a_generator_that_repeats_itself_is_noticed() -> None:
    x = draws(100, 100, 2)
    assert correlations_off(x, x) > 100
