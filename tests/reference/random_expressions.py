"""Random expressions of everything that a tape can express, for hypothesis."""

from __future__ import annotations

import operator

import sympy
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st

# Other examples in each run. What fails is printed with a blob that repeats it, by @reproduce_failure.
LOOK = settings(
    max_examples=200,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    database=None,
)
_SIGNS = st.sampled_from([-1, 1])
# Where asin, acosh and atanh end, and logarithms and powers are nearly constant.
_NEAR_ONE = st.builds(lambda a, b, k: a * (1 + b * 2.0**-k), _SIGNS, _SIGNS, st.integers(1, 52))
COORDINATES = st.one_of(
    st.floats(-3, 3, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6),
    *(st.floats(-3, 3, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6), _NEAR_ONE),
)

NUMBERS = [*map(sympy.Integer, (-3, -2, -1, 1, 2, 5)), sympy.Rational(1, 3), sympy.Rational(-7, 2)]
NUMBERS += [sympy.pi, sympy.sqrt(2)]
FLOATS = [sympy.Float(0.1), sympy.Float(-1.5)]
FUNCTIONS = [
    *(sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh, sympy.atan),
    *(sympy.erf, sympy.Abs, sympy.sqrt, sympy.sec, sympy.csc, sympy.cot, sympy.coth, sympy.sech, sympy.csch),
    *(sympy.asin, sympy.acos, sympy.acot, sympy.asinh, sympy.acosh, sympy.atanh, sympy.sign, sympy.Heaviside),
    *(operator.neg, lambda x: sympy.Max(0, x), lambda x: sympy.log(1 + x), lambda x: sympy.exp(x) - 1),
    *(lambda x: 1 / (1 + sympy.exp(-x)), lambda x: sympy.log(1 + sympy.exp(x)), lambda x: sympy.exp(-(x**2) / 2)),
]
EXPONENTS = [
    -3,
    -2,
    -1,
    2,
    3,
    4,
    7,
    *(sympy.Rational(k, 2) for k in (-3, -1, 1, 3, 5)),
    sympy.Rational(1, 3),
    sympy.Rational(-7, 10),
]
BINARY = [
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, sympy.Max, sympy.Min, sympy.atan2),
    lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)),
    lambda a, b: sympy.exp(a) / (sympy.exp(a) + sympy.exp(b)),
]
RELATIONS = [operator.lt, operator.le, operator.gt, operator.ge, sympy.Eq, sympy.Ne]


def built(function, *args):
    """Return what SymPy makes of it, if it makes anything real of it."""
    if function is operator.pow:
        assume(not _is_endless(*map(sympy.sympify, args)))
    try:
        made = function(*args)
    except (TypeError, ValueError, RecursionError):
        made = sympy.nan
    assume(not made.has(sympy.I, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.AccumBounds))
    return made


def _is_endless(base, exponent) -> bool:
    """Whether SymPy would write out a power of a number in more digits than there is time for."""
    bits = max((max(abs(n.p), n.q).bit_length() for n in base.atoms(sympy.Rational)), default=0)
    return bool(exponent.is_Rational) and bits * abs(exponent) > 10**5


def conditions(inner):
    simple = st.builds(built, st.sampled_from(RELATIONS), inner, inner)
    joined = st.builds(built, st.sampled_from([sympy.And, sympy.Or]), simple, simple)
    return st.one_of(simple, joined, st.builds(built, st.just(sympy.Not), simple))


def larger(inner):
    return st.one_of(
        st.builds(built, st.sampled_from(FUNCTIONS), inner),
        st.builds(built, st.just(operator.pow), inner, st.sampled_from(EXPONENTS)),
        st.builds(built, st.sampled_from(BINARY), inner, inner),
        st.builds(built, st.sampled_from([sympy.Add, sympy.Mul]), inner, inner, inner),
        st.builds(lambda c, a, b: built(sympy.Piecewise, (a, c), (b, True)), conditions(inner), inner, inner),
    )


def expressions(symbols, *, numbers=(*NUMBERS, *FLOATS), leaves=8):
    """Return a strategy for expressions of `symbols` and `numbers`, with so many leaves at most."""
    symbol = st.sampled_from(symbols)
    part = st.recursive(st.one_of(symbol, symbol, st.sampled_from(numbers)), larger, max_leaves=leaves)
    return part
