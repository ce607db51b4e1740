"""Tapes of random expressions against 50 digits: values are as accurate as what is written, gradients as their tape.

What is demanded of a value: let every operation of the expression, as SymPy holds it, be wrong by 4 units of 2⁻⁵³ of
its result, every number and every term of a sum as well, and let these errors propagate to first order. The value of
the tape lies within that. Of a gradient the same is demanded with the operations of the tape, against SymPy's
derivative. Points say nothing where such errors decide a comparison or reach 1e-6 of a part, or a part is not real.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import assume, given
from hypothesis import strategies as st
from langevin_ib import _core
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.program import OPERATIONS, Program, Tape, evaluate
from random_expressions import COORDINATES, LOOK, expressions
from tape_reference import TINY, Known, UndecidedError, as_written, of_tape

U, V, W = SYMBOLS = sympy.symbols("u v w", real=True)

CORE_EXECUTES_TAPES = hasattr(_core, "evaluate")
"""The one switch: as soon as the core has `evaluate`, every test here runs on it as well, at every level."""

EVALUATORS: dict[str, Callable[[Tape, np.ndarray], np.ndarray]] = {"interpreter": evaluate}
if CORE_EXECUTES_TAPES:
    EVALUATORS |= {
        level: lambda tape, points, level=level: _core.evaluate(tape.request(), points, level=level)
        for level in _core.levels()
    }


NOISE = mpmath.mpf("1e-40")
"""What 50 digits may leave of terms that cancel."""


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


EXPRESSIONS = expressions(SYMBOLS)
POINTS = st.tuples(COORDINATES, COORDINATES, COORDINATES)


def program(expression) -> Program:
    """Return the program; the only refusal that is accepted is that of a number which is not real or finite."""
    assume(isinstance(expression, sympy.Expr))
    made = Program(SYMBOLS, expression)
    try:
        len(made.value)
    except InvalidArgumentError as error:
        parts = [p for p in sympy.preorder_traversal(expression) if isinstance(p, sympy.Expr)]
        numbers = [p.evalf(30) for p in parts if p.is_number]
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
    except TypeError as error:
        # The derivative of 0**x, say, is nowhere a number.
        assume("nan" not in str(error))
        raise


def known(point) -> dict:
    return {symbol: Known(x) for symbol, x in zip(SYMBOLS, point, strict=True)}


def within(found: float, wanted, error) -> bool:
    """Whether the error is within its bound; half an ulp is the rounding of a constant that was folded."""
    return bool(np.isfinite(found)) and abs(mpmath.mpf(float(found)) - wanted) <= error + abs(wanted) / 2**53 + TINY


@pytest.mark.parametrize("evaluator", EVALUATORS)
@LOOK
@given(expression=EXPRESSIONS, point=POINTS)
def test_a_value_is_as_accurate_as_the_expression_as_written(evaluator, expression, point) -> None:
    tape = program(expression).value
    wanted = decided(as_written, expression, known(point))
    found = EVALUATORS[evaluator](tape, np.array([point]))[0, 0]
    assert within(found, wanted.value, wanted.error), (expression, point, found, wanted.value, wanted.error)


@pytest.mark.parametrize("evaluator", EVALUATORS)
@LOOK
@given(expression=EXPRESSIONS, point=POINTS)
def test_a_gradient_is_the_derivative(evaluator, expression, point) -> None:
    tape = program(expression).gradient
    parts = known(point)
    decided(as_written, expression, parts)
    found = EVALUATORS[evaluator](tape, np.array([point]))[0]
    for symbol, derivative, bound in zip(SYMBOLS, found, of_tape(tape, point), strict=True):
        slope = sympy.diff(expression, symbol)
        assume(bound is not None and not slope.has(sympy.Derivative, sympy.Subs))
        exact = decided(as_written, slope, parts).value
        # SymPy halves the derivative of Max between two equal arguments; a tape gives it to one (docs/program.md).
        ties = [parts[a.args[0]] for a in slope.atoms(sympy.Heaviside) if a.args[0] in parts]
        assume(all(tie.value != 0 for tie in ties))
        assert within(derivative, exact, bound.error + NOISE), (
            expression,
            symbol,
            point,
            derivative,
            exact,
            bound.error,
        )


WELL_CONDITIONED = [
    (U * V - 1) ** 2 / 2,
    sympy.exp(-(U**2)) * sympy.sin(3 * V) + sympy.pi,
    sympy.log(1 + sympy.exp(U * V)) / (1 + W**2),
    sympy.sqrt(1 + U**2 + V**2) * sympy.tanh(W) + sympy.atan(U),
    sympy.Piecewise((sympy.erf(U) + V, U > 0), (sympy.cos(V), True)) * sympy.Max(V, W, U),
    sympy.log(sympy.exp(U) + sympy.exp(V) + sympy.exp(W)) + sympy.Abs(W) ** sympy.Rational(4, 3),
]


def spoiled(tape: Tape):
    """Yield the tape with one instruction changed, in all ways that leave its operands alone."""
    plain = [(code, o.reads) for code, o in enumerate(OPERATIONS) if o.column is None]
    groups = [{code for code, reads in plain if len(reads) == n} for n in (1, 2, 3)]
    for place, (code, *_) in enumerate(tape.code.tolist()):
        for other in next(group for group in groups if code in group) - {code}:
            changed = tape.code.copy()
            changed[place, 0] = other
            yield dataclasses.replace(tape, code=changed)


@pytest.mark.parametrize("kind", ["value", "gradient"])
@pytest.mark.parametrize("expression", WELL_CONDITIONED, ids=str)
def test_a_wrong_tape_is_caught(expression, kind) -> None:
    """The negative control: one wrong instruction is seen as soon as it moves a result by some parts in 1e13."""
    point = (0.7, 1.3, -0.4)
    tape = getattr(Program(SYMBOLS, expression), kind)
    right, demanded = evaluate(tape, np.array([point]))[0], of_tape(tape, point)
    exact = [expression] if kind == "value" else [sympy.diff(expression, s) for s in SYMBOLS]
    wanted = [as_written(e, known(point)).value for e in exact]
    assert all(within(f, w, d.error) for f, w, d in zip(right, wanted, demanded, strict=True))
    moved = caught = 0
    for wrong in [*spoiled(tape), dataclasses.replace(tape, constants=tape.constants * (1 + 1e-12))]:
        found = evaluate(wrong, np.array([point]))[0]
        moved += not np.allclose(found, right, rtol=3e-14, atol=3e-14)
        caught += not all(within(f, w, d.error) for f, w, d in zip(found, wanted, demanded, strict=True))
    assert caught >= moved >= 10


@pytest.mark.parametrize("expression", WELL_CONDITIONED, ids=str)
def test_lambdify_agrees(expression) -> None:
    points = np.random.default_rng(1).uniform(-2, 2, size=(50, 3))
    columns = [expression, *(sympy.diff(expression, s) for s in SYMBOLS)]
    wanted = sympy.lambdify(SYMBOLS, columns, modules=["scipy", "numpy"])(*points.T)
    found = evaluate(Program(SYMBOLS, expression).value_and_gradient, points)
    np.testing.assert_allclose(found, np.stack(np.broadcast_arrays(*wanted), axis=1), rtol=1e-12, atol=1e-13)
