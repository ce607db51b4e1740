"""Expressions in 60 digits, each part with the error that it may have if it is computed as it is written.

A value is promised to be as accurate as what is written, if each of its operations is wrong by a few units u of its
result. How many is counted here, for every operation that SymPy has, from the formula that stands for it on a tape.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import mpmath
import sympy
from enclosures import IMAGES, Arithmetic, Ball, UndecidedError, angle, power
from tape_reference import extreme

FORMULAS: dict[str, tuple[tuple[str, ...], float]] = {
    "sec": (("cos",), 1),
    "csc": (("sin",), 1),
    "cot": (("cos", "sin"), 1),
    "coth": (("tanh",), 1),
    "sinc": (("sin",), 1),
    # 2 exp(-s) sigmoid(2s) and 2 exp(-s)/(1 - exp(-2s)) with s = |x|: a product or quotient; where s is a multiple of
    # some |y|, the two exponents are rounded each for itself, which for s > 1 is less than the error of s does.
    "sech": (("exp", "sigmoid"), 4),
    "csch": (("exp", "expm1"), 4),
    # atan t has at most the relative error of t. t = x/sqrt((1 - x)(1 + x)): three roundings under the root count
    # half, then the root and the quotient; t = sqrt((1 - x)/(1 + x)): the same three, and the root.
    "asin": (("atan",), 3.5),
    "acos": (("atan",), 2.5),
    "acot": (("atan",), 1),
    # sign(y) pi + atan(y/x), which is more than pi/2: those of pi, of the quotient, of the sum, each at most doubled.
    "atan2": (("atan",), 4),
    # So has log(1 + t) for t > 0. t = s + q, q = s^2/(1 + sqrt(1 + s^2)) < s: five for q count half, one for the sum.
    "asinh": (("log1p",), 3.5),
    # t = (x - 1) + sqrt((x - 1)(x + 1)): two and a half for the root, one for the sum.
    "acosh": (("log1p",), 3.5),
    # t = 2s/(1 - s)
    "atanh": (("log1p",), 2),
}
"""The functions of the core that stand for one of SymPy's, and how many roundings of u there are besides.

One more is added to all: products are flattened, so that the first operation of a formula can be joined to its
argument. What is derived of x beforehand (1 - x is -y where x is 1 + y) only becomes more accurate.
"""

_SQUARED = ("asinh", "acosh")
"""These square their argument, and so overflow where it is beyond the root of the largest number."""


def doubt_of(expression: sympy.Expr) -> int:
    """Return by how many u the numbers of a tape may be off, 0 if short ones are what they seem to be.

    They are if all numbers in the expression are fractions of small ones, whose products and sums are not near others.
    SymPy rounds products and quotients of floats; so a formula of ours that is made of some may hold what was rounded
    before.
    """
    numbers = [part for part in sympy.preorder_traversal(expression) if isinstance(part, sympy.Expr) and part.is_number]
    if any(n.is_Float for n in numbers):
        return 4
    return 0 if all(n.is_Rational and max(abs(n.p), n.q) < 2**20 for n in numbers) else 1


class Written:
    """Evaluates expressions at a point in some arithmetic, part by part.

    Parameters
    ----------
    arithmetic : Arithmetic
        EXACT for the value of an expression; else the errors are those which that arithmetic may make of it.
    point : dict
        The values of the symbols.
    """

    def __init__(self, arithmetic: Arithmetic, point: dict) -> None:
        self.arithmetic = arithmetic
        self._smallest = mpmath.ldexp(1, arithmetic.lowest)
        self._known = {symbol: Ball(arithmetic, float(x)) for symbol, x in point.items()}

    def __call__(self, expression: sympy.Expr) -> Ball:
        if expression not in self._known:
            ball = self._part(expression)
            if 0 < abs(ball.value) < self._smallest:
                # Formulas that stand for it may pass through what is smaller still.
                raise UndecidedError
            self._known[expression] = ball
        return self._known[expression]

    def met(self, expression: sympy.Expr) -> bool:
        """Whether an expression was evaluated."""
        return expression in self._known

    def _part(self, expression: sympy.Expr) -> Ball:
        if expression.is_number:
            return Ball(self.arithmetic, mpmath.mpmathify(expression.evalf(70))).held()
        if isinstance(expression, sympy.Piecewise):
            branch = next((value for value, condition in expression.args if self.holds(condition)), None)
            if branch is None:
                raise UndecidedError
            return self(branch)
        args = [self(a) for a in expression.args]
        name = type(expression).__name__
        made = _PARTS[name](args) if name in _PARTS else self._function(name.lower(), *args)
        exponent = self._exponent(expression)
        return made if exponent is None else made.spoiled(3 * exponent)

    def _function(self, name: str, *args: Ball) -> Ball:
        if name in _SQUARED and 4 * args[0].size ** 2 > self.arithmetic.largest:
            raise UndecidedError
        image = angle(*args) if name == "atan2" else IMAGES[name](*args)
        functions, roundings = FORMULAS.get(name, ((name,), -1))
        return image.spoiled(2 * sum(map(self.arithmetic.error, functions)) + roundings + 1)

    def _exponent(self, expression: sympy.Expr) -> mpmath.mpf | None:
        """Return how large the exponents are of the exponentials that are multiplied or added here, None if none is.

        Sums of exponentials and quotients of them are computed by differences of their exponents: a and log c of
        c exp(a), that are rounded as log c, as a + log c, and less the largest of them. Each rounding of an exponent
        is one of the exponential, times the exponent.
        """
        if isinstance(expression, sympy.exp):
            return self(expression.exp).size
        if isinstance(expression, sympy.Pow) and expression.exp.is_Rational:
            inner = self._exponent(expression.base)
            return None if inner is None else abs(expression.exp) * inner
        if not isinstance(expression, (sympy.Add, sympy.Mul)):
            return None
        found = [e for e in map(self._exponent, expression.args) if e is not None]
        numbers = [self(a).size for a in expression.args if a.is_number]
        join = sum if isinstance(expression, sympy.Mul) else max
        return join([*found, *(abs(mpmath.log(n)) for n in numbers)]) if found else None

    def holds(self, condition: sympy.Basic) -> bool:
        """Whether a comparison holds, or what And, Or, Not and ITE make of some."""
        name = type(condition).__name__
        if name in ("And", "Or", "Not"):
            parts = [self.holds(c) for c in condition.args]
            return {"And": all, "Or": any, "Not": lambda parts: not parts[0]}[name](parts)
        if name == "ITE":
            return self.holds(condition.args[1 if self.holds(condition.args[0]) else 2])
        if not condition.args:
            return bool(condition)
        a, b = (self(side) for side in condition.args)
        if name in ("StrictGreaterThan", "GreaterThan"):
            a, b = b, a
        if name in ("Equality", "Unequality"):
            same = a.less(b, equal=True) and b.less(a, equal=True)
            return same == (name == "Equality")
        return a.less(b, equal=name in ("LessThan", "GreaterThan"))


def _sum(args: list[Ball]) -> Ball:
    """Return the sum: whatever the order, each of the additions is off by u of no more than the sum of all sizes."""
    total, sizes = reduce(lambda a, b: a + b, args), sum(a.size for a in args)
    return total.moved(total.value, total.error + total.moved(sizes, 0).spoiled(len(args)).error)


def _product(args: list[Ball]) -> Ball:
    """Return the product, if no product of some of the factors is out of range."""
    arithmetic = args[0].arithmetic
    if sum(abs(mpmath.log(a.size)) for a in args if a.size) > mpmath.log(arithmetic.largest):
        raise UndecidedError
    return reduce(lambda a, b: a * b, args).spoiled(len(args))


def _power(args: list[Ball]) -> Ball:
    """Return a power: whole and half-whole ones are as many multiplications at most, a root and a division."""
    base, exponent = args
    count = abs(exponent.value) + 2
    if exponent.error or not (2 * exponent.value == int(2 * exponent.value) and count <= 66):
        count = 2 * base.arithmetic.error("pow")
    return power(base, exponent).spoiled(count)


def _heaviside(args: list[Ball]) -> Ball:
    side = args[0].sign()
    return args[1] if side == 0 else args[0].moved((1 + side) // 2, 0)


def _nowhere(args: list[Ball]) -> Ball:
    if args[0].contains(0):
        raise UndecidedError
    return args[0].moved(0, 0)


_PARTS: dict[str, Callable[[list[Ball]], Ball]] = {
    "Add": _sum,
    "Mul": _product,
    "Pow": _power,
    "Abs": lambda args: abs(args[0]),
    "Max": lambda args: extreme(max, *args),
    "Min": lambda args: extreme(min, *args),
    "sign": lambda args: args[0].moved(args[0].sign(), 0),
    "Heaviside": _heaviside,
    "DiracDelta": _nowhere,
    "re": lambda args: args[0],
    "im": lambda args: args[0].moved(0, 0),
}
