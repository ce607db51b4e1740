"""Numbers in 60 digits, each with a proven bound on how far off a floating-point computation of it can be.

This is running error analysis in the way of Wilkinson, with balls in place of first-order terms: nothing is neglected.
A `Ball` holds the exact value of something and a radius; what the machine has for it lies within. Two things make a
radius grow:

- an operation is applied to what the machine has instead of the exact operands. By how much that moves the result is
  bounded by values of the function at the ends of the operands' balls, between which it is monotone (or convex, or
  curved no more than is said), so not by a derivative at the centre;
- the result is rounded. Operations that IEEE 754 rounds are off by half a unit in the last place of their result at
  most, elementary functions by as many as docs/functions.md says; a unit never grows towards zero, so that of the
  largest number in the ball will do.

Where a ball contains what a function jumps at, or reaches the end of its domain or of the range, it is undecided.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import mpmath

DIGITS = 60
ULPS = {"erf": 1.2, "tan": 1.4, "pow": 1.5, "sigmoid": 1.6, "softplus": 1.8}
"""The bounds of docs/functions.md, which tests/program/test_functions.py holds the core to; 1 for all others."""


class UndecidedError(Exception):
    """The point says nothing about the expression: it is not real there, or a comparison is a matter of rounding."""


class Arithmetic(NamedTuple):
    """Binary numbers of `bits` bits, the smallest normal one 2^lowest, and functions that are off by `ulps` or more.

    Of a comparison of equal numbers it may be left open which of them comes first, where it `decides_ties` or not.
    """

    bits: int
    lowest: int
    highest: int
    ulps: float = 1.0
    decides_ties: bool = True

    @property
    def u(self) -> mpmath.mpf:
        """The largest relative error of a rounding, where nothing underflows."""
        return mpmath.ldexp(1, -self.bits)

    @property
    def largest(self) -> mpmath.mpf:
        return mpmath.ldexp(1, self.highest)

    def ulp(self, size: mpmath.mpf) -> mpmath.mpf:
        """Return the unit in the last place of numbers like `size`."""
        exponent = mpmath.frexp(size)[1] - 1 if size else self.lowest
        return mpmath.ldexp(1, max(exponent, self.lowest) - self.bits + 1)

    def error(self, function: str) -> float:
        """Return the error of an elementary function in ulp."""
        return max(ULPS.get(function, 1.0), self.ulps)


DOUBLE = Arithmetic(53, -1022, 1023)
SINGLE = Arithmetic(24, -126, 127)
NUMPY = Arithmetic(53, -1022, 1023, ulps=4.0)
"""The functions of NumPy and SciPy, who promise nothing; 4 ulp is what NumPy's own tests allow those with SIMD."""

EXACT = Arithmetic(166, -10000, 10000)
"""What the reference itself makes of 60 digits: the last ten, more than its functions lose, are written off."""


class Ball:
    """A real number, how far from it a computation in some arithmetic may be, and that arithmetic."""

    def __init__(self, arithmetic: Arithmetic, value, error=0) -> None:
        value = mpmath.mpmathify(value)
        if isinstance(value, mpmath.mpc) or not mpmath.isfinite(value):
            raise UndecidedError
        self.arithmetic, self.value, self.error = arithmetic, value, mpmath.mpf(error)
        if not abs(self.value) + self.error < arithmetic.largest:
            raise UndecidedError

    def __repr__(self) -> str:
        return f"{mpmath.nstr(self.value, 25)} +- {mpmath.nstr(self.error, 5)}"

    @property
    def ends(self) -> tuple[mpmath.mpf, mpmath.mpf]:
        return self.value - self.error, self.value + self.error

    @property
    def size(self) -> mpmath.mpf:
        """The largest absolute value."""
        return abs(self.value) + self.error

    def moved(self, value, error) -> Ball:
        return Ball(self.arithmetic, value, error)

    def rounded(self, ulps: float = 0.5) -> Ball:
        """Return the ball as the result of an operation that is off by so many units in the last place."""
        return self.moved(self.value, self.error + ulps * self.arithmetic.ulp(self.size))

    def spoiled(self, count: float) -> Ball:
        """Return the ball as the result of `count` operations, each of which is wrong by u of it, or by underflow.

        A hundredth is added for the products of errors: (1 + u)^n - 1 is less than 1.01 n u as long as n u < 0.01.
        """
        one = self.arithmetic.u * self.size + self.arithmetic.ulp(mpmath.mpf(0))
        return self.moved(self.value, self.error + mpmath.mpf("1.01") * count * one)

    def held(self) -> Ball:
        """Return the ball as the arithmetic holds it: rounded, unless it has few digits."""
        bits, lowest = self.arithmetic.bits, self.arithmetic.lowest - self.arithmetic.bits + 1
        fits = self.error == 0 and self.value.man.bit_length() <= bits and (self.value == 0 or self.value.exp >= lowest)
        return self if fits else self.rounded()

    def after(self, *operands: Ball) -> Ball:
        """Return the ball as the result of + - * on `operands`: exact if these are short and it has few digits."""
        return self.held() if all(o.is_short for o in operands) else self.rounded()

    @property
    def is_short(self) -> bool:
        """Whether it is known, below 2^40, and a multiple of 2^-40: then products and sums are exact in 60 digits."""
        return self.error == 0 and abs(self.value) < 2**40 and self.value.exp >= -40

    @property
    def is_power_of_two(self) -> bool:
        return self.error == 0 and abs(self.value.man) == 1

    def contains(self, number) -> bool:
        return abs(self.value - number) <= self.error

    def is_exactly(self, number) -> bool:
        return self.value == number and self.error == 0

    def __neg__(self) -> Ball:
        return self.moved(-self.value, self.error)

    def __add__(self, other: Ball) -> Ball:
        return self.moved(self.value + other.value, self.error + other.error)

    def __mul__(self, other: Ball) -> Ball:
        error = abs(self.value) * other.error + abs(other.value) * self.error + self.error * other.error
        return self.moved(self.value * other.value, error)

    def __truediv__(self, other: Ball) -> Ball:
        if other.contains(0):
            raise UndecidedError
        quotient = self.value / other.value
        # From x'/y' - x/y = (x' - x - (y' - y) x/y)/y'.
        return self.moved(quotient, (self.error + abs(quotient) * other.error) / (abs(other.value) - other.error))

    def __abs__(self) -> Ball:
        return self.moved(abs(self.value), self.error)

    def less(self, other: Ball, *, equal: bool) -> bool:
        """Whether this is less than another, or equal to it."""
        if self is other or (self.value == other.value and self.error == other.error == 0):
            if not self.arithmetic.decides_ties:
                raise UndecidedError
            return equal
        if abs(self.value - other.value) <= self.error + other.error:
            raise UndecidedError
        return self.value < other.value

    def sign(self) -> int:
        zero = self.moved(0, 0)
        return -1 if self.less(zero, equal=False) else int(zero.less(self, equal=False))


def image(function: Callable, *balls: Ball) -> Ball:
    """Return function(balls), which is monotone in each of them wherever the others are, or convex and even in one.

    Then it is farthest from its value at the centres at a corner. (For the latter: if 0 is in the ball, the way up from
    there to the farther end is the longest.)
    """
    arithmetic = balls[0].arithmetic
    try:
        centre = Ball(arithmetic, function(*(b.value for b in balls)))
        corners = itertools.product(*(b.ends if b.error else (b.value,) for b in balls))
        values = [Ball(arithmetic, function(*corner)).value for corner in corners]
    except (ZeroDivisionError, ValueError, OverflowError, TypeError, mpmath.libmp.NoConvergence):
        raise UndecidedError from None
    return Ball(arithmetic, centre.value, max(abs(v - centre.value) for v in values))


def between(poles: Callable[[mpmath.mpf], mpmath.mpf], x: Ball) -> Ball:
    """Return x if no point that `poles` maps to a whole number lies in it."""
    low, high = (poles(end) for end in x.ends)
    if mpmath.floor(low) != mpmath.floor(high) or low == mpmath.floor(low):
        raise UndecidedError
    return x


def wave(function: Callable, slope: Callable, x: Ball) -> Ball:
    """Return sin x or cos x, by Taylor's formula: the second derivative is at most 1."""
    return x.moved(function(x.value), abs(slope(x.value)) * x.error + x.error**2 / 2)


def off_zero(x: Ball) -> Ball:
    if x.contains(0):
        raise UndecidedError
    return x


def power(base: Ball, exponent: Ball) -> Ball:
    """Return base^exponent: monotone in each for positive bases, and for others if the exponent is a whole number."""
    if exponent.error == 0 and exponent.value == int(exponent.value):
        whole = int(exponent.value)
        return image(lambda x: x**whole, base if whole >= 0 else off_zero(base))
    if base.ends[0] <= 0:
        raise UndecidedError
    return image(lambda x, y: x**y, base, exponent)


def sinc(x: Ball) -> Ball:
    return x.moved(mpmath.sinc(x.value), x.error / 2)  # its slope is never more than 0.44


def angle(y: Ball, x: Ball) -> Ball:
    """Return atan2(y, x), which is monotone in each where the other has one sign; with x of both, ends do as well."""
    if (y.contains(0) and not y.is_exactly(0)) or (y.is_exactly(0) and x.contains(0)):
        raise UndecidedError
    return image(mpmath.atan2, y, x)


def _half_turns(x):
    return x / mpmath.pi


_MONOTONE = ("sqrt", "exp", "expm1", "log", "log1p", "sinh", "cosh", "tanh", "atan", "erf")
_MONOTONE += ("asin", "acos", "asinh", "acosh", "atanh")


def _through(name: str) -> Callable[[Ball], Ball]:
    return lambda x: image(getattr(mpmath, name), x)


IMAGES: dict[str, Callable[[Ball], Ball]] = {
    **{name: _through(name) for name in _MONOTONE},
    "sin": lambda x: wave(mpmath.sin, mpmath.cos, x),
    "cos": lambda x: wave(mpmath.cos, mpmath.sin, x),
    "tan": lambda x: image(mpmath.tan, between(lambda t: _half_turns(t) + mpmath.mpf(0.5), x)),
    "cot": lambda x: image(mpmath.cot, between(_half_turns, x)),
    "sec": lambda x: x.moved(1, 0) / IMAGES["cos"](x),
    "csc": lambda x: x.moved(1, 0) / IMAGES["sin"](x),
    "sech": lambda x: x.moved(1, 0) / IMAGES["cosh"](x),
    "csch": lambda x: image(mpmath.csch, off_zero(x)),
    "coth": lambda x: image(mpmath.coth, off_zero(x)),
    "acot": lambda x: image(mpmath.acot, off_zero(x)),
    "sigmoid": lambda x: image(lambda t: 1 / (1 + mpmath.exp(-t)), x),
    "softplus": lambda x: image(lambda t: mpmath.log1p(mpmath.exp(t)), x),
    "sinc": sinc,
    "abs": abs,
    "re": lambda x: x,
    "im": lambda x: x.moved(0, 0),
}
"""The exact image of a ball under each function: rounding comes on top."""
