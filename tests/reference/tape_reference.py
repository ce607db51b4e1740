"""Tapes in 60 digits: what they mean, and how far from it the core may be (see enclosures)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath
import numpy as np
from enclosures import DOUBLE, EXACT, IMAGES, NUMPY, SINGLE, Arithmetic, Ball, UndecidedError, power
from langevin_ib import _core
from langevin_ib.program import OPERATIONS, Tape, evaluate

Registers = list[Ball | None]


def rounded(point: Sequence[float], dtype: Any) -> tuple[float, ...]:
    return tuple(np.array(point, dtype=dtype).tolist())


def results(tape: Tape, point: Sequence[float], dtype: Any) -> Iterator[tuple[str, Arithmetic, np.ndarray]]:
    """Yield what the interpreter and each level make of a tape, and in which arithmetic."""
    points = np.array([point], dtype=dtype)
    # In single precision the interpreter rounds functions of double precision.
    yield "interpreter", NUMPY if dtype == np.float64 else SINGLE, evaluate(tape, points)[0]
    for level in _core.levels():
        found = _core.evaluate(tape.request(), points, level=level)[0]
        yield level, DOUBLE if dtype == np.float64 else SINGLE, found


def within(found: float, wanted: Ball) -> bool:
    return bool(np.isfinite(found)) and abs(mpmath.mpf(float(found)) - wanted.value) <= wanted.error


def violations(tape: Tape, point: Sequence[float], dtype: Any) -> Iterator[tuple[str, int, float, Ball]]:
    """Yield what is farther from the meaning of a tape than rounding can take it: who, which output, what, bound."""
    bounds: dict[Arithmetic, Registers] = {}
    for who, arithmetic, found in results(tape, point, dtype):
        if arithmetic not in bounds:
            bounds[arithmetic] = computed(tape, point, arithmetic)
        for place, (number, bound) in enumerate(zip(found, bounds[arithmetic], strict=True)):
            if bound is not None and not within(number, bound):
                yield who, place, number, bound


def computed(tape: Tape, point: Sequence[float], arithmetic: Arithmetic) -> Registers:
    """Return the outputs of a tape whose constants and data are meant as they stand, with what rounding does to them.

    None stands for what is undecided: not real, out of range, or dependent on a comparison that rounding decides.
    """

    def held(x: float) -> Ball | None:
        try:
            return Ball(arithmetic, x).held()
        except UndecidedError:
            return None

    return _run(tape, point, arithmetic, [held(c) for c in tape.constants.tolist()], held)


def meant(tape: Tape, point: Sequence[float | Ball], *, doubt: int, arithmetic: Arithmetic = EXACT) -> Registers:
    """Return the outputs of a tape without rounding, with what is in doubt since its constants are rounded.

    They are the doubles nearest to folded numbers, or `doubt` u away if that is more. A short one, a multiple of 2^-20,
    is what it seems to be unless there is some: 10 times 0.1 is not 1 but becomes it, and so does tanh(50).
    """

    def constant(c: float) -> Ball:
        short = (c * 2**20).is_integer() and abs(c) < 2**33
        return Ball(arithmetic, c, 0 if c == 0 or (short and not doubt) else max(doubt, 1) * DOUBLE.u * abs(c))

    constants = [constant(c) for c in tape.constants.tolist()]
    return _run(tape, point, arithmetic, constants, lambda x: Ball(arithmetic, x))


def _run(
    tape: Tape, point: Sequence[float | Ball], arithmetic: Arithmetic, constants: Registers, entry: Callable
) -> Registers:
    registers: Registers = [*constants, *(x if isinstance(x, Ball) else Ball(arithmetic, float(x)) for x in point)]
    registers += [None] * (tape.registers - len(registers))
    code = tape.code.tolist()
    while code:
        (op, _, *operands), *rest = code
        if OPERATIONS[op].name != "loop":
            _execute(code[0], registers, ())
            code = rest
            continue
        body, code = rest[: operands[1]], rest[operands[1] :]
        for values in tape.data[operands[0]].tolist():
            row = [entry(x) for x in values]
            for instruction in body:
                _execute(instruction, registers, row)
    return [registers[output] for output in tape.outputs.tolist()]


def _execute(instruction: list[int], registers: Registers, row: Registers) -> None:
    op, target, *operands = instruction
    operation = OPERATIONS[op]
    name = operation.name.removesuffix("_column").replace("column", "copy")
    args = []
    for place, operand in enumerate(operands):
        if place in operation.reads or place == operation.column:
            args.append(row[operand] if place == operation.column else registers[operand])
    registers[target] = applied(name, args)


def applied(name: str, args: list[Ball | None]) -> Ball | None:
    """Return what an operation makes of its arguments, None if that is undecided."""
    if name == "select" and args[0] is not None:
        if args[0].contains(0) and not args[0].is_exactly(0):
            return None
        return args[2] if args[0].is_exactly(0) else args[1]
    try:
        return None if None in args else _OPERATIONS.get(name, _function(name))(*args)
    except UndecidedError:
        return None  # which is well where it is not selected


def _function(name: str) -> Callable[[Ball], Ball]:
    return lambda a: IMAGES[name](a).rounded(a.arithmetic.error(name))


def extreme(choose: Callable, *args: Ball) -> Ball:
    """Return the largest or smallest, which moves by no more than the one of them that moves most."""
    return args[0].moved(choose(a.value for a in args), max(a.error for a in args))


def _product(a: Ball, b: Ball) -> Ball:
    """Return a b; powers of two round nothing but what is smaller than normal numbers."""
    product, short = a * b, a.is_short and b.is_short
    if not short and (a.is_power_of_two or b.is_power_of_two):
        return product.moved(product.value, product.error + a.arithmetic.ulp(mpmath.mpf(0)))
    return product.after(a, b)


_OPERATIONS: dict[str, Callable[..., Ball]] = {
    "copy": lambda a: a,
    "neg": lambda a: -a,
    "abs": abs,
    "sign": lambda a: a.moved(a.sign(), 0),
    "sqrt": lambda a: IMAGES["sqrt"](a).rounded(),
    "add": lambda a, b: (a + b).after(a, b),
    "sub": lambda a, b: (a + -b).after(a, b),
    "mul": _product,
    "div": lambda a, b: (a / b).rounded(),
    "fma": lambda a, b, c: (a * b + c).after(a, b, c),
    "pow": lambda a, b: power(a, b).rounded(a.arithmetic.error("pow")),
    "min": lambda a, b: extreme(min, a, b),
    "max": lambda a, b: extreme(max, a, b),
    "less": lambda a, b: a.moved(int(a.less(b, equal=False)), 0),
    "less_equal": lambda a, b: a.moved(int(a.less(b, equal=True)), 0),
}
