"""The elementary functions of the core against mpmath: errors in units in the last place (ulp), edges, every level.

Seeds are fixed, so a test passes always or never. The bounds are those of docs/functions.md, kept in larger searches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import mpmath as mp
import numpy as np
import pytest
from enclosures import ULPS
from langevin_ib import _core
from numpy.typing import NDArray

Reference = Callable[..., mp.mpf]
TYPES = [np.float64, np.float32]

REFERENCES: dict[str, Reference] = {
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": mp.log1p,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "atan": mp.atan,
    "erf": mp.erf,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "pow": lambda x, y: x**y,
}
# Bounds in ulp; no function and no type is worse.
BOUNDS = dict.fromkeys(REFERENCES, 1.0) | ULPS

# mpmath's expm1 and log1p lose digits next to 0 if the precision is only that of the result.
PRECISION = 160


def arguments(name: str, dtype: type, count: int) -> tuple[NDArray, ...]:
    """Numbers of every magnitude, more of them where functions vary, and neighbours of the edges of formulas."""
    rng = np.random.default_rng(3)
    info = np.finfo(dtype)
    smallest, largest = math.log2(info.smallest_subnormal), math.log2(info.max)
    # The end of the exponential's range, of sinh's, of the reduced range, of the fast reduction of angles.
    edges = [
        abs(math.log(info.max)),
        abs(math.log(info.smallest_subnormal)),
        math.log(2) / 2,
        math.pi / 2,
        0.414,
        2.414,
        2.0**15,
        2.0**30,
    ]
    around = [np.nextafter(dtype(e), dtype(way)) for e in edges for way in (0, np.inf)]
    parts = [
        np.exp2(rng.uniform(smallest, largest, count)),
        np.exp2(rng.uniform(-12, 6, count)),
        rng.uniform(0, edges[0], count),
        np.array(around),
    ]
    x = np.concatenate(parts).astype(dtype)
    x = np.concatenate([x, -x])
    if name == "log":
        return (np.concatenate([np.abs(x), 1 + np.clip(x, -0.5, 0.5)]),)
    if name == "log1p":
        return (x[x > -1],)
    if name == "pow":
        # Results of every magnitude from bases of every magnitude and next to 1; squares, roots and inverses.
        base = np.abs(x[np.isfinite(x) & (x != 0)])
        base = np.concatenate([base, (1 + rng.uniform(-0.5, 0.5, count) * np.exp2(rng.uniform(-20, 0, count)))]).astype(
            dtype
        )
        base = base[base != 1]
        power = rng.uniform(-edges[1], edges[0], len(base)) / np.log(base.astype(np.longdouble))
        simple = rng.choice([-2, -1, -0.5, 0.5, 2, 3], len(base))
        return np.tile(base, 2), np.concatenate([power, simple]).astype(dtype)
    return (x,)


def exact_values(name: str, columns: tuple[NDArray, ...]) -> list[mp.mpf]:
    with mp.workprec(PRECISION):
        return [REFERENCES[name](*(mp.mpf(float(x)) for x in row)) for row in zip(*columns, strict=True)]


@cache
def case(name: str, dtype: type) -> tuple[tuple[NDArray, ...], list[mp.mpf]]:
    columns = arguments(name, dtype, 400)
    return columns, exact_values(name, columns)


def ulps(found: NDArray, exact: list[mp.mpf]) -> NDArray[np.float64]:
    """Return errors in units of the spacing of numbers at the exact value; what rounds to infinity must be infinite."""
    info = np.finfo(found.dtype)
    errors = np.empty(len(found))
    with mp.workprec(PRECISION):
        overflow = mp.ldexp(2 - mp.ldexp(1, -info.nmant - 1), info.maxexp - 1)
        for i, (x, y) in enumerate(zip(found, exact, strict=True)):
            if abs(y) >= overflow:
                errors[i] = 0 if float(x) == math.copysign(math.inf, y) else math.inf
                continue
            exponent = max(mp.frexp(y)[1] - info.nmant - 1, info.minexp - info.nmant)
            errors[i] = abs(float(mp.ldexp(mp.mpf(float(x)) - y, -exponent))) if np.isfinite(x) else math.inf
    return errors


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", REFERENCES)
def test_errors_are_within_the_stated_bounds_at_every_level(name: str, dtype: type) -> None:
    columns, exact = case(name, dtype)
    best = _core.apply(name, *columns)
    errors = ulps(best, exact)
    worst = errors.argmax()
    print(f"{name} {dtype.__name__}: {errors[worst]:.3f} ulp at {[column[worst] for column in columns]}")
    assert errors[worst] < BOUNDS[name], [column[worst] for column in columns]
    # Control: the measurement is not blind, since rounding alone comes near half a unit.
    assert errors[worst] > 0.45
    for level in _core.levels():
        np.testing.assert_array_equal(_core.apply(name, *columns, level=level), best, err_msg=level)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", REFERENCES)
def test_a_result_two_numbers_farther_off_is_noticed(name: str, dtype: type) -> None:
    columns, exact = case(name, dtype)
    found = _core.apply(name, *columns)
    ordinary = np.flatnonzero(np.isfinite(found) & (found != 0))
    off = found[ordinary]
    for _ in range(2):
        off = np.nextafter(off, dtype(np.inf))
    errors = ulps(off, [exact[i] for i in ordinary])
    # 0.99 and not 1: where the result is next above a power of two, a step down is half a unit.
    assert np.quantile(errors, 0.01) > 0.99
    assert errors.max() > BOUNDS[name]


def test_textbook_formulas_are_beyond_the_bounds() -> None:
    columns, exact = case("expm1", np.float64)
    with np.errstate(over="ignore"):
        assert ulps(np.exp(columns[0]) - 1, exact).max() > 1e10
    columns, exact = case("log1p", np.float64)
    with np.errstate(divide="ignore"):
        assert ulps(np.log(1 + columns[0]), exact).max() > 1e10
    columns, exact = case("pow", np.float64)
    assert ulps(_core.apply("exp", columns[1] * _core.apply("log", columns[0])), exact).max() > 50
    # An angle reduced by π as a double.
    columns, exact = case("sin", np.float64)
    assert ulps(_core.apply("sin", np.remainder(columns[0], 2 * np.pi)), exact).max() > 1e10


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("dtype", TYPES)
def test_angles_next_to_multiples_of_a_quarter_turn_are_reduced_with_all_digits(name: str, dtype: type) -> None:
    rng = np.random.default_rng(4)
    info = np.finfo(dtype)
    with mp.workprec(1200):
        # The numbers nearest to q π/2, for q of every size.
        quarters = [int(mp.floor(mp.mpf(2) ** float(e))) for e in rng.uniform(0, info.maxexp - 2, 600)]
        angles = np.array([float(q * mp.pi / 2) for q in quarters]).astype(dtype)
    # The smallest distance to a multiple of π/2 that a double can have.
    angles = np.append(angles, dtype(6381956970095103 * 2.0**797 if dtype is np.float64 else 16367173 * 2.0**72))
    angles = angles[np.isfinite(angles)]
    for level in _core.levels():
        errors = ulps(_core.apply(name, angles, level=level), exact_values(name, (angles,)))
        assert errors.max() < BOUNDS[name], angles[errors.argmax()]


NUMPY_NAMES = {
    "copy": "positive",
    "neg": "negative",
    "atan": "arctan",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "min": "minimum",
    "max": "maximum",
    "pow": "power",
}


@pytest.mark.parametrize("level", _core.levels())
@pytest.mark.parametrize("dtype", TYPES)
def test_special_values_are_those_of_numpy(dtype: type, level: str) -> None:
    special = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 0.5, -0.5, 2, -2, 3, -3, 1e30, -1e30], dtype=dtype)
    functions = [
        *(
            "copy",
            "neg",
            "abs",
            "sign",
            "sqrt",
            "exp",
            "expm1",
            "log",
            "log1p",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
        ),
        *("atan", "add", "sub", "mul", "div", "min", "max", "pow", "less", "less_equal"),
    ]
    pairs = [grid.ravel() for grid in np.meshgrid(special, special)]
    for name in functions:
        function = getattr(np, NUMPY_NAMES.get(name, name))
        columns = pairs if function.nin == 2 else [special]
        with np.errstate(all="ignore"):
            # Long doubles, so that NumPy's own vector functions are not what is compared.
            expected = function(*(column.astype(np.longdouble) for column in columns)).astype(dtype)
        found = _core.apply(name, *columns, level=level)
        assert found.dtype == dtype
        finite = np.isfinite(expected)
        np.testing.assert_array_max_ulp(found[finite], expected[finite], maxulp=1)
        np.testing.assert_array_equal(found[~finite], expected[~finite], err_msg=name)
        # The sign of zero; but that of the smaller of 0 and -0 is left open.
        if name not in ("min", "max"):
            numbers = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]), err_msg=name)


@pytest.mark.parametrize("dtype", TYPES)
def test_logistic_functions_saturate_without_overflow(dtype: type) -> None:
    x = np.array([-np.inf, -1e30, -0.0, 1e30, np.inf, np.nan], dtype=dtype)
    np.testing.assert_array_equal(_core.apply("sigmoid", x), np.array([0, 0, 0.5, 1, 1, np.nan], dtype=dtype))
    expected = np.array([0, 0, np.log(2), 1e30, np.inf, np.nan], dtype=dtype)
    np.testing.assert_array_equal(_core.apply("softplus", x), expected)
    # Gradually: a result below the normal range is still a number.
    edge = dtype(math.log(np.finfo(dtype).tiny) - 2)
    for name in ("sigmoid", "softplus", "exp"):
        (tail,) = _core.apply(name, np.array([edge]))
        assert 0 < tail < np.finfo(dtype).tiny


@pytest.mark.parametrize("length", [0, 1, 7, 16, 17, 100])
def test_arrays_of_any_length_are_computed_element_by_element(length: int) -> None:
    x = np.linspace(0.1, 5.0, length)
    for level in _core.levels():
        single = [_core.apply("pow", x[i : i + 1], x[::-1][i : i + 1], level=level)[0] for i in range(length)]
        np.testing.assert_array_equal(_core.apply("pow", x, x[::-1].copy(), level=level), single)


OPERATIONS = """
    copy neg abs sign sqrt exp expm1 log log1p sin cos tan sinh cosh tanh atan erf sigmoid softplus add sub mul div min
    max pow less less_equal select fma loop column mul_column fma_column
"""


def test_operations_are_in_the_order_of_their_codes() -> None:
    assert _core.operations() == OPERATIONS.split()


def test_what_cannot_be_applied_is_refused_with_the_reason() -> None:
    x = np.ones(4)
    for arguments, error, reason in [
        (("cosine", x), ValueError, "choose one of copy, neg"),
        (("exp", x, x), ValueError, "takes 1"),
        (("pow", x), ValueError, "takes 2"),
        (("select", x), ValueError, "tape"),
        (("pow", x, x[:3]), ValueError, "a has 4 elements and b has 3"),
        (("exp", x[::2]), ValueError, "ascontiguousarray"),
        (("exp", x.reshape(2, 2)), TypeError, "one-dimensional"),
        (("pow", x, x.astype(np.float32)), TypeError, "both float64 or both float32"),
        (("exp", [1.0]), TypeError, "float64"),
    ]:
        with pytest.raises(error, match=reason):
            _core.apply(*arguments)
    with pytest.raises(ValueError, match="this machine has"):
        _core.apply("exp", x, level="mmx")
