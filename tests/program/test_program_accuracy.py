"""Tapes of random expressions against 60 digits: what they mean, what the core makes of it, how accurate that is.

Three promises, each with a bound that is proven and not fitted (docs/program.md, tests/reference/enclosures.py):

- without rounding, a tape is its expression, and its derivatives: to 45 digits, but for the rounding of its constants;
- every level is as far from its tape as the roundings of the tape's instructions can take it, and no farther;
- a value is as accurate as what is written, if every operation of that is wrong by as much as its formula is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import mpmath
import numpy as np
import pytest
import sympy
from enclosures import DIGITS, DOUBLE, EXACT, IMAGES, NUMPY, SINGLE, Arithmetic, Ball, UndecidedError
from hypothesis import assume, given
from hypothesis import strategies as st
from langevin_ib import _core
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.program import OPCODES, OPERATIONS, Program, Tape, evaluate
from random_expressions import COORDINATES, LOOK, expressions
from tape_reference import computed, meant, results, rounded, violations, within
from written_reference import Written, doubt_of

U, V, W = SYMBOLS = sympy.symbols("u v w", real=True)
EXPRESSIONS = expressions(SYMBOLS)
POINTS = st.tuples(COORDINATES, COORDINATES, COORDINATES)
TYPES = [np.float64, np.float32]


@pytest.fixture(autouse=True)
def _sixty_digits():
    with mpmath.workdps(DIGITS):
        yield


def program(expression) -> Program:
    """Return the program; the only refusal that is accepted is that of a number which is not real or finite."""
    assume(isinstance(expression, sympy.Expr))
    made = Program(SYMBOLS, expression)
    try:
        len(made.value)
    except InvalidArgumentError as error:
        parts = [p for p in sympy.preorder_traversal(expression) if isinstance(p, sympy.Expr)]
        numbers = [p.evalf(30) for p in parts if p.is_number]
        # asinh(Piecewise((log(-2), u < 0), (u, True))): SymPy compares all branches with 0, also what is not real.
        assume(not ("is not real" in str(error) and expression.has(sympy.Piecewise)))
        if all(p.is_extended_real is not False for p in parts) and all(
            n.is_Rational or (n.is_Float and 1e-307 < abs(n) < 1e307) for n in numbers
        ):
            raise AssertionError(f"{expression} was refused") from error
        assume(False)
    return made


def decided(function, *args):
    try:
        return function(*args)
    except UndecidedError:
        assume(False)


def with_slopes(expression: sympy.Expr, point) -> list[Ball]:
    """Return the exact value of an expression and of SymPy's derivatives of it; it is undecided where there are none.

    For these each float is a symbol: SymPy computes with floats, and rounds.
    """
    floats = {x: sympy.Dummy(real=True) for x in expression.atoms(sympy.Float)}
    exactly = Written(EXACT, dict(zip(SYMBOLS, point, strict=True)) | {symbol: x for x, symbol in floats.items()})
    try:
        slopes = [sympy.diff(expression.xreplace(floats), symbol) for symbol in SYMBOLS]
    except TypeError as error:
        # The derivative of 0**x, say, is nowhere a number.
        if "nan" in str(error):
            raise UndecidedError from None
        raise
    if any(slope.has(sympy.Derivative, sympy.Subs, sympy.arg, sympy.nan) for slope in slopes):
        raise UndecidedError
    found = [exactly(part) for part in (expression, *slopes)]
    # SymPy halves the derivative of Max between two equal arguments; a tape gives it to one (docs/program.md).
    ties = {a.args[0] for a in sympy.Tuple(*slopes).atoms(sympy.Heaviside)}
    if any(exactly.met(tie) and exactly(tie).contains(0) for tie in ties):
        raise UndecidedError
    return found


@LOOK
@given(expression=EXPRESSIONS, point=POINTS)
def test_a_tape_is_its_expression_and_its_derivatives(expression, point) -> None:
    tape = program(expression).value_and_gradient
    wanted = decided(with_slopes, expression, point)
    found = meant(tape, point, doubt=doubt_of(expression))
    for exact, output in zip(wanted, found, strict=True):
        assume(output is not None)
        assert abs(output.value - exact.value) <= output.error + exact.error, (expression, point, output, exact)


@pytest.mark.long
@pytest.mark.parametrize("dtype", TYPES)
@LOOK
@given(expression=EXPRESSIONS, point=POINTS)
def test_every_level_is_as_far_from_its_tape_as_rounding_can_take_it(dtype, expression, point) -> None:
    made, point = program(expression), rounded(point, dtype)
    for tape in (made.value, made.gradient):
        assert not list(violations(tape, point, dtype)), (expression, point)


@pytest.mark.parametrize("dtype", TYPES)
@LOOK
@given(expression=EXPRESSIONS, point=POINTS)
def test_a_value_is_as_accurate_as_the_expression_as_written(dtype, expression, point) -> None:
    tape, point = program(expression).value, rounded(point, dtype)
    bounds: dict[Arithmetic, Ball] = {}
    for level, arithmetic, found in results(tape, point, dtype):
        if arithmetic not in bounds:
            bounds[arithmetic] = decided(Written(arithmetic, dict(zip(SYMBOLS, point, strict=True))), expression)
        wanted = bounds[arithmetic]
        assert within(found[0], wanted), (level, expression, point, found[0], wanted)


TENTH = sympy.Rational(1, 10)


@pytest.mark.parametrize(
    ("expression", "u", "scale"),
    [
        (sympy.atanh(U), -1 + 2.0**-40, 0),
        (sympy.asinh(sympy.exp(U) + TENTH**5), -40.0, 0),
        (sympy.acosh(sympy.exp(U) + 1), -40.0, 0),
        (sympy.log(TENTH**10 + sympy.exp(U)), 2.0**-30, 1),
        (sympy.log(TENTH**10 + sympy.exp(U)), -50.0, 0),
        (1 / (TENTH**300 + sympy.exp(U)), 20.0, 0),
        (sympy.exp(U) / (TENTH**300 + sympy.exp(U)) ** 2, 20.0, 0),
        (1 / (sympy.exp(-3000) + sympy.exp(U)), 1.5, 0),
    ],
    ids=range(8),
)
def test_what_stands_for_an_expression_is_as_accurate(expression, u, scale) -> None:
    """Formulas that cancel, or bring extreme numbers into exponents, would lose up to all digits here."""
    exact = sympy.lambdify(U, expression, modules="mpmath")(mpmath.mpf(u))
    for who, _, found in results(Program(SYMBOLS, expression).value, (u, 1.0, 1.0), np.float64):
        assert abs(found[0] - exact) <= 8 * DOUBLE.u * max(abs(exact), scale), (who, found[0], exact)


WELL_CONDITIONED = [
    (U * V - 1) ** 2 / 2,
    sympy.exp(-(U**2)) * sympy.sin(3 * V) + sympy.pi,
    sympy.log(1 + sympy.exp(U * V)) / (1 + W**2),
    sympy.sqrt(1 + U**2 + V**2) * sympy.tanh(W) + sympy.atan(U),
    sympy.Piecewise((sympy.erf(U) + V, U > 0), (sympy.cos(V), True)) * sympy.Max(V, W, U),
    sympy.log(sympy.exp(U) + sympy.exp(V) + sympy.exp(W)) + sympy.Abs(W) ** sympy.Rational(4, 3),
]


def spoiled(tape: Tape) -> Iterator[Tape]:
    """Yield the tape with one instruction changed: its operation, or two of its operands exchanged."""
    plain = [(code, o.reads) for code, o in enumerate(OPERATIONS) if o.column is None]
    groups = [{code for code, reads in plain if len(reads) == n} for n in (1, 2, 3)]
    for place, (code, *_) in enumerate(tape.code.tolist()):
        group = next(group for group in groups if code in group)
        changes = [(slice(0, 1), [other]) for other in group - {code}]
        changes += [(slice(2, 5), tape.code[place, list(order)]) for order in ((3, 2, 4), (2, 4, 3), (4, 3, 2))]
        for where, what in changes:
            changed = tape.code.copy()
            changed[place, where] = what
            if len(OPERATIONS[code].reads) == 3 or not changed[place, 4]:
                yield dataclasses.replace(tape, code=changed)


@pytest.mark.parametrize("kind", ["value", "gradient"])
@pytest.mark.parametrize("expression", WELL_CONDITIONED, ids=str)
def test_a_wrong_tape_is_caught(expression, kind) -> None:
    """The negative control: one wrong instruction is seen as soon as it moves a result by some parts in 1e13.

    So is a result that is wrong by 1e-12 of itself, and in what a tape means already a change of the 40th digit.
    """
    point = (0.7, 1.3, -0.4)
    tape = getattr(Program(SYMBOLS, expression), kind)
    right, demanded = evaluate(tape, np.array([point]))[0], computed(tape, point, NUMPY)
    value, *slopes = with_slopes(expression, point)
    exact = [value] if kind == "value" else slopes

    def accepted(found) -> bool:
        return all(within(f, d) for f, d in zip(found, demanded, strict=True))

    def meaningful(wrong) -> bool:
        pairs = zip(exact, meant(wrong, point, doubt=doubt_of(expression)), strict=True)
        return all(m is not None and abs(m.value - e.value) <= m.error + e.error for e, m in pairs)

    assert accepted(right)
    assert meaningful(tape)
    for side in (1, -1):
        assert not any(f and within(f * (1 + side * 1e-12), d) for f, d in zip(right, demanded, strict=True))
    moved = caught = senseless = 0
    for wrong in [*spoiled(tape), dataclasses.replace(tape, constants=tape.constants * (1 + 1e-12))]:
        found = evaluate(wrong, np.array([point]))[0]
        moved += not np.allclose(found, right, rtol=3e-14, atol=3e-14)
        caught += not accepted(found)
        senseless += not meaningful(wrong)
    assert senseless >= caught >= moved >= 10


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", [o.name for o in OPERATIONS if o.name in IMAGES and o.name not in ("abs", "sqrt")])
def test_a_function_that_is_three_units_off_is_caught(name, dtype) -> None:
    """The negative control of rounding: for nine of ten arguments, for others it is still within what is promised."""
    tape = Tape(np.array([[OPCODES[name], 1, 0, 0, 0]]), np.zeros(0), 1, 2, np.array([1]))
    points = np.random.default_rng(5).uniform(0.1, 2.9, size=(100, 1)).astype(dtype)
    found = _core.evaluate(tape.request(), points)
    arithmetic = DOUBLE if dtype == np.float64 else SINGLE
    bounds = [computed(tape, point, arithmetic)[0] for point in points.tolist()]
    assert all(within(f, b) for f, b in zip(found[:, 0], bounds, strict=True))
    for way in (np.inf, -np.inf):
        off = found[:, 0]
        for _ in range(3):
            off = np.nextafter(off, dtype(way))
        assert sum(within(f, b) for f, b in zip(off, bounds, strict=True)) <= 10


@pytest.mark.parametrize("expression", WELL_CONDITIONED, ids=str)
def test_lambdify_agrees(expression) -> None:
    points = np.random.default_rng(1).uniform(-2, 2, size=(50, 3))
    columns = [expression, *(sympy.diff(expression, s) for s in SYMBOLS)]
    wanted = sympy.lambdify(SYMBOLS, columns, modules=["scipy", "numpy"])(*points.T)
    found = evaluate(Program(SYMBOLS, expression).value_and_gradient, points)
    np.testing.assert_allclose(found, np.stack(np.broadcast_arrays(*wanted), axis=1), rtol=1e-12, atol=1e-13)
