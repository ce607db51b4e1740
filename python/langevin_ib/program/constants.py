"""Numbers on their way from SymPy to a double: exact or to 60 digits as fractions, rounded once, at the very end."""

from __future__ import annotations

import math
from fractions import Fraction

import sympy

from ..errors import InvalidArgumentError
from ..model.expressions import has_part, sketch

__all__ = ["fraction_of", "limited", "to_double"]

_DIGITS = 60
_LONGEST = 4096
_KEPT = 256
_WIDEST = 20_000


def fraction_of(number: sympy.Expr) -> Fraction:
    """Return the value of an expression without symbols: exact for rationals and floats, to 60 digits for the others.

    Raises
    ------
    InvalidArgumentError
        If it is not a finite real number.
    """
    if has_part(number, sympy.UnevaluatedExpr):
        number = number.doit()
    value = number if number.is_Rational or number.is_Float else number.evalf(_DIGITS)
    if value.is_Rational:
        return Fraction(int(value.p), int(value.q))
    if value.is_Float and value.is_finite:
        # A result of one bit is what is left of terms that cancelled in hundreds of digits.
        return Fraction(0) if value is not number and value._prec <= 1 else _fraction(number, *value._mpf_)
    kind = "is not real" if value.has(sympy.I) else "is not a finite number"
    raise InvalidArgumentError(f"{sketch(number)} {kind}; the expression must be real and finite for real parameters")


def _fraction(number: sympy.Expr, sign: int, mantissa: int, exponent: int, _bits: int) -> Fraction:
    if abs(int(exponent)) > _WIDEST:
        raise InvalidArgumentError(f"{sketch(number)} is out of the range of doubles; rescale the parameters")
    value = Fraction(-int(mantissa) if sign else int(mantissa))
    return value * Fraction(2) ** int(exponent)


def limited(value: Fraction) -> Fraction:
    """Return `value`, or 256 leading bits of it where arithmetic has made it thousands of digits long."""
    longest = max(value.numerator.bit_length(), value.denominator.bit_length())
    if longest <= _LONGEST:
        return value
    shift = _KEPT - (value.numerator.bit_length() - value.denominator.bit_length())
    return Fraction(round(value * Fraction(2) ** shift)) / Fraction(2) ** shift


def to_double(value: Fraction, part: sympy.Basic | None = None) -> float:
    """Return the double nearest to `value`, which belongs to `part` of an expression.

    Raises
    ------
    InvalidArgumentError
        If it is too large for doubles, or so small that only zero is left.
    """
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isfinite(number) and (number == 0.0) == (value == 0):
        return number
    digits = math.floor((value.numerator.bit_length() - value.denominator.bit_length()) * math.log10(2))
    where = "the expression" if part is None else sketch(part)
    raise InvalidArgumentError(f"about 1e{digits} in {where} is out of the range of doubles; rescale the parameters")
