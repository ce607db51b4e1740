"""Expressions and tapes in 50 digits, with the errors that double precision may make: what tests of programs share."""

from __future__ import annotations

import operator
from functools import reduce

import mpmath
import sympy
from langevin_ib.program import OPERATIONS, Tape

CHARGE = 4 * mpmath.mpf(2) ** -53
TINY, HUGE = mpmath.mpf("1e-290"), mpmath.mpf("1e290")
CURVED = mpmath.mpf("1e-6")

FUNCTIONS = {
    **{name: getattr(mpmath, name) for name in ("sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "erf")},
    **{name: getattr(mpmath, name) for name in ("sinh", "cosh", "tanh", "coth", "sech", "csch", "cot", "sec", "csc")},
    **{name: getattr(mpmath, name) for name in ("atan", "asin", "acos", "acot", "asinh", "acosh", "atanh", "sinc")},
    "abs": mpmath.fabs,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "re": lambda x: x,
    "im": lambda x: 0 * x,
}


class UndecidedError(Exception):
    """The point says nothing about the expression: it is not real there, or a comparison is a matter of rounding."""


def real(value) -> mpmath.mpf:
    value = mpmath.mpmathify(value)
    if isinstance(value, mpmath.mpc) or not mpmath.isfinite(value) or abs(value) > HUGE or 0 < abs(value) < TINY:
        raise UndecidedError
    return value


def number(value) -> Known:
    """Return a number of an expression or of a tape, which is rounded unless it is a short one."""
    known = Known(value)
    return known if known.value * 2**20 == int(known.value * 2**20) else known.rounded()


class Known:
    """A number, and how wrong it may be; undecided if the first order does not describe that."""

    def __init__(self, value, error=0) -> None:
        self.value, self.error = real(value), mpmath.mpf(error)
        if self.error > CURVED * max(1, abs(self.value)):
            raise UndecidedError

    def rounded(self, count: int = 1) -> Known:
        return Known(self.value, self.error + count * CHARGE * abs(self.value))

    def __neg__(self) -> Known:
        return Known(-self.value, self.error)

    def __add__(self, other: Known) -> Known:
        return Known(self.value + other.value, self.error + other.error)

    def __mul__(self, other: Known) -> Known:
        (a, da), (b, db) = (self.value, self.error), (other.value, other.error)
        return Known(a * b, abs(a) * db + abs(b) * da + da * db)

    def through(self, function, *others: Known) -> Known:
        """Return function(self, *others), by its partial derivatives."""
        arguments = (self, *others)
        values = tuple(a.value for a in arguments)
        try:
            result, error = real(function(*values)), mpmath.mpf(0)
            for index, argument in enumerate(arguments):
                if argument.error:
                    order = tuple(int(i == index) for i in range(len(values)))
                    slope = mpmath.diff(function, values, order) if others else mpmath.diff(function, values[0])
                    error += abs(real(slope)) * argument.error
        except (ZeroDivisionError, ValueError, OverflowError, mpmath.libmp.NoConvergence):
            raise UndecidedError from None
        return Known(result, error)

    def less(self, other: Known, *, equal: bool) -> bool:
        if self is other or (self.value == other.value and self.error == other.error == 0):
            return equal
        if abs(self.value - other.value) <= self.error + other.error:
            raise UndecidedError
        return self.value < other.value


def power(base: Known, exponent: Known) -> Known:
    if exponent.error == 0 and exponent.value == int(exponent.value):
        whole = int(exponent.value)
        return base.through(lambda x: x**whole).rounded(max(1, abs(whole)))
    if base.value == 0:
        raise UndecidedError
    return base.through(lambda x, y: x**y, exponent).rounded()


def sign(x: Known, at_zero: Known) -> Known:
    if x.less(Known(0), equal=False):
        return Known(-1)
    return Known(1) if Known(0).less(x, equal=False) else at_zero


def extreme(choose, args: list[Known]) -> Known:
    return Known(choose(a.value for a in args), max(a.error for a in args))


def as_written(expression: sympy.Expr, known: dict) -> Known:
    """Evaluate an expression part by part, each with its error; `known` holds the symbols and grows by the parts."""
    if expression not in known:
        known[expression] = _part(expression, known)
    return known[expression]


def _part(expression: sympy.Expr, known: dict) -> Known:
    if expression.is_number:
        return number(mpmath.mpmathify(expression.evalf(60)))
    if isinstance(expression, sympy.Piecewise):
        branch = next((value for value, condition in expression.args if holds(condition, known)), None)
        if branch is None:
            raise UndecidedError
        return as_written(branch, known)
    args = [as_written(a, known) for a in expression.args]
    name = type(expression).__name__
    if name in _PARTS:
        return _PARTS[name](args)
    return args[0].through(FUNCTIONS[name.lower()]).rounded()


def _sum(args: list[Known]) -> Known:
    total = reduce(operator.add, args)
    return Known(total.value, total.error + len(args) * CHARGE * sum(abs(a.value) for a in args))


def _heaviside(args: list[Known]) -> Known:
    side = sign(args[0], Known(0)).value
    return args[1] if side == 0 else Known((1 + side) / 2)


def _angle(args: list[Known]) -> Known:
    if args[0].value == args[1].value == 0:
        raise UndecidedError
    return args[0].through(mpmath.atan2, args[1]).rounded()


def _acot(args: list[Known]) -> Known:
    if abs(args[0].value) <= args[0].error:
        raise UndecidedError  # it jumps there
    return args[0].through(mpmath.acot).rounded()


_PARTS = {
    "Add": _sum,
    "Mul": lambda args: reduce(lambda a, b: (a * b).rounded(), args),
    "Pow": lambda args: power(*args),
    "Max": lambda args: extreme(max, args),
    "Min": lambda args: extreme(min, args),
    "sign": lambda args: sign(args[0], Known(0)),
    "Heaviside": _heaviside,
    "DiracDelta": lambda args: Known(0),
    "atan2": _angle,
    "acot": _acot,
}


def holds(condition: sympy.Basic, known: dict) -> bool:
    name = type(condition).__name__
    if name in ("And", "Or", "Not"):
        parts = [holds(c, known) for c in condition.args]
        return {"And": all, "Or": any, "Not": lambda parts: not parts[0]}[name](parts)
    if name == "ITE":
        return holds(condition.args[1 if holds(condition.args[0], known) else 2], known)
    if not condition.args:
        return bool(condition)
    a, b = (as_written(side, known) for side in condition.args)
    if name in ("StrictGreaterThan", "GreaterThan"):
        a, b = b, a
    if name in ("Equality", "Unequality"):
        same = a.less(b, equal=True) and b.less(a, equal=True)
        return same == (name == "Equality")
    return a.less(b, equal=name in ("LessThan", "GreaterThan"))


def of_tape(tape: Tape, point) -> list[Known | None]:
    """Execute a tape in 50 digits, with the errors of its operations; None for what is not real."""
    registers: list[Known | None] = [number(float(c)) for c in tape.constants]
    registers += [Known(float(x)) for x in point]
    registers += [None] * (tape.registers - len(registers))
    rows = tape.code.tolist()
    while rows:
        (code, _, *operands), *rows = rows
        if OPERATIONS[code].name == "loop":
            body, rows = rows[: operands[1]], rows[operands[1] :]
            for values in tape.data[operands[0]]:
                for instruction in body:
                    _execute(instruction, registers, values)
        else:
            _execute([code, _, *operands], registers, ())
    return [registers[output] for output in tape.outputs.tolist()]


def _execute(instruction: list[int], registers: list[Known | None], row) -> None:
    code, target, *operands = instruction
    operation = OPERATIONS[code]
    name = operation.name.removesuffix("_column").replace("column", "copy")
    args = []
    for place, operand in enumerate(operands):
        if place in operation.reads or place == operation.column:
            args.append(Known(float(row[operand])) if place == operation.column else registers[operand])
    registers[target] = _operation(name, args)


def _operation(name: str, args: list[Known | None]) -> Known | None:
    if name == "select" and args[0] is not None:
        return args[2] if args[0].value == 0 else args[1]
    try:
        return None if None in args else _OPERATIONS.get(name, _function(name))(*args)
    except UndecidedError:
        return None  # which is well where it is not selected


def _function(name: str):
    return lambda a: a.through(FUNCTIONS[name]).rounded()


_OPERATIONS = {
    "copy": lambda a: a,
    "neg": lambda a: -a,
    "sign": lambda a: sign(a, Known(0)),
    "add": lambda a, b: (a + b).rounded(),
    "sub": lambda a, b: (a + -b).rounded(),
    "mul": lambda a, b: (a * b).rounded(),
    "div": lambda a, b: a.through(operator.truediv, b).rounded(),
    "fma": lambda a, b, c: (a * b + c).rounded(),
    "pow": power,
    "min": lambda a, b: extreme(min, [a, b]),
    "max": lambda a, b: extreme(max, [a, b]),
    "less": lambda a, b: Known(int(a.less(b, equal=False))),
    "less_equal": lambda a, b: Known(int(a.less(b, equal=True))),
}
