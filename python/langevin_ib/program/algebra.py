"""Building a graph: each operation with the simplifications that change no rounding, or leave one out."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from .constants import limited
from .graph import Graph, Node

__all__ = ["Algebra"]

_EVEN = frozenset({"abs", "cos", "cosh"})
_ODD = frozenset({"sign", "sin", "tan", "sinh", "tanh", "atan", "erf"})
_AT_ZERO = {**dict.fromkeys((*_ODD, "abs", "sqrt", "expm1", "log1p"), 0), **dict.fromkeys(("cos", "cosh", "exp"), 1)}
_FOLDED: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "min": min,
    "max": max,
    "less": lambda a, b: Fraction(a < b),
    "less_equal": lambda a, b: Fraction(a <= b),
}


class Algebra(Graph):
    """A graph that simplifies as it grows.

    Constants are folded exactly. Signs travel outwards, through whatever keeps its bits when they do, so that a - b and
    b - a or x and -x under a square are one expression. In a sum over rows, so do factors that are the same in all
    rows, and numbers that scale a denominator: in the end they are applied once, to the sum. Nothing else is expanded,
    factored or reordered.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conditions: dict[Node, bool] = {}

    def constant(self, value: Fraction | int) -> Node:
        """Return a number."""
        return self.node("constant", (), limited(Fraction(value)))

    def coordinate(self, index: int) -> Node:
        """Return x[index]."""
        return self.node("coordinate", (), index)

    def neg(self, a: Node) -> Node:
        """Return -a."""
        value, op, args = self.constant_value(a), self.ops[a], self.args[a]
        if value is not None:
            return self.constant(-value)
        if op == "neg":
            return args[0]
        if op == "sub":
            return self.sub(args[1], args[0])
        if op == "div" and self.ops[args[0]] == "constant":
            return self.div(self.neg(args[0]), args[1])
        if op in ("add", "mul") and (split := self.split(a)):
            number, other = split
            return self.mul(self.neg(number), other) if op == "mul" else self.sub(self.neg(number), other)
        return self.node("neg", (a,))

    def split(self, a: Node) -> tuple[Node, Node] | None:
        """Return the constant and the other argument of a sum or product that has one."""
        first, second = self.args[a]
        if self.ops[first] == "constant":
            return first, second
        return (second, first) if self.ops[second] == "constant" else None

    def add(self, a: Node, b: Node) -> Node:  # noqa: PLR0911 - one for each identity
        """Return a + b."""
        p, q = self.constant_value(a), self.constant_value(b)
        if p is not None and q is not None:
            return self.constant(p + q)
        if p == 0 or q == 0:
            return b if p == 0 else a
        if a == b:
            return self.mul(self.constant(2), a)
        if self.ops[a] == "neg" and self.ops[b] == "neg":
            return self.neg(self.add(self.args[a][0], self.args[b][0]))
        if self.ops[b] == "neg":
            return self.sub(a, self.args[b][0])
        if self.ops[a] == "neg":
            return self.sub(b, self.args[a][0])
        return self.node("add", (min(a, b), max(a, b)))

    def sub(self, a: Node, b: Node) -> Node:  # noqa: PLR0911 - one for each identity
        """Return a - b."""
        p, q = self.constant_value(a), self.constant_value(b)
        if q is not None:
            return self.add(a, self.constant(-q))
        if a == b:
            return self.constant(0)
        if p == 0:
            return self.neg(b)
        if self.ops[b] == "neg":
            return self.add(a, self.args[b][0])
        if self.ops[a] == "neg":
            return self.neg(self.add(self.args[a][0], b))
        if p == 1 and self.ops[b] == "sigmoid":
            return self.apply("sigmoid", self.neg(self.args[b][0]))
        return self.node("sub", (a, b))

    def mul(self, a: Node, b: Node) -> Node:
        """Return a b."""
        p, q = self.constant_value(a), self.constant_value(b)
        if p is not None and q is not None:
            return self.constant(p * q)
        if q is not None:
            a, b, p = b, a, q
        if p is not None:
            return self._scaled(a, p, b)
        if self.ops[a] == "neg" or self.ops[b] == "neg":
            product = self.mul(self._size(a), self._size(b))
            return product if self.ops[a] == self.ops[b] else self.neg(product)
        for factor, other in ((a, b), (b, a)):
            if outer := self._outer_factor(factor):
                if self.rows[other] == 0:
                    return self.mul(self.mul(outer[0], other), outer[1])
                return self.mul(outer[0], self.mul(outer[1], other))
        return self.node("mul", (min(a, b), max(a, b)))

    def _outer_factor(self, a: Node) -> tuple[Node, Node] | None:
        """Return the factor that is the same in all rows, and the other, of a product that has one of each."""
        if self.ops[a] != "mul" or self.rows[a] == 0:
            return None
        first, second = self.args[a]
        if self.rows[first] == 0:
            return first, second
        return (second, first) if self.rows[second] == 0 else None

    def _scaled(self, a: Node, factor: Fraction, b: Node) -> Node:
        if factor == 0:
            return a
        if factor in (1, -1):
            return b if factor == 1 else self.neg(b)
        if self.ops[b] == "neg":
            return self.mul(self.constant(-factor), self.args[b][0])
        if self.ops[b] == "mul" and (split := self.split(b)):
            return self.mul(self.mul(a, split[0]), split[1])
        return self.node("mul", (min(a, b), max(a, b)))

    def _size(self, a: Node) -> Node:
        return self.args[a][0] if self.ops[a] == "neg" else a

    def div(self, a: Node, b: Node) -> Node:  # noqa: PLR0911 - one for each identity
        """Return a / b; a division by a number becomes a multiplication, which is faster."""
        p, q = self.constant_value(a), self.constant_value(b)
        if p == 0 and q != 0:
            return a
        if q is not None and q != 0 and 1e-300 < abs(q) < 1e300:
            return self.mul(a, self.constant(1 / q))
        if self.ops[a] == "neg" or self.ops[b] == "neg":
            quotient = self.div(self._size(a), self._size(b))
            return quotient if self.ops[a] == self.ops[b] else self.neg(quotient)
        if self.rows[b] > 0 and (parts := self._scale_of(b)):
            # 1 / c leaves the loop, so that c costs nothing in it.
            return self.mul(self.constant(1 / parts[0]), self.div(a, parts[1]))
        if self.rows[b] > 0 and p is not None and p != 1:
            return self.mul(a, self.div(self.constant(1), b))
        if outer := self._outer_factor(a):
            return self.mul(outer[0], self.div(outer[1], b))
        return self.node("div", (a, b))

    def _scale_of(self, a: Node) -> tuple[Fraction, Node] | None:
        """Return c and z + d/c of a node c z + d with numbers c and d, neither of which says much of the size of z."""
        if self.ops[a] != "add" or not (outer := self.split(a)) or self.ops[outer[1]] != "mul":
            return None
        if not (inner := self.split(outer[1])):
            return None
        shift, scale = self.constant_value(outer[0]), self.constant_value(inner[0])
        if shift is None or scale is None or not all(1e-6 < abs(x) < 1e6 for x in (scale, shift / scale)):
            return None
        return scale, self.add(inner[1], self.constant(shift / scale))

    def power(self, a: Node, exponent: Fraction) -> Node:  # noqa: PLR0911 - one for each identity
        """Return a to a multiple of 1/2."""
        if exponent <= 0:
            return self.constant(1) if exponent == 0 else self.div(self.constant(1), self.power(a, -exponent))
        if exponent == 1:
            return a
        whole = exponent.denominator == 1
        value = self.constant_value(a)
        if whole and value is not None:
            return self.constant(value ** int(exponent))
        if whole and exponent % 2 == 0:
            return self.node("power", (self._even_argument(a),), exponent)
        if whole and self.ops[a] == "neg":
            return self.neg(self.power(self.args[a][0], exponent))
        if exponent == Fraction(1, 2):
            return self.apply("sqrt", a)
        return self.node("power", (a,), exponent)

    def _even_argument(self, a: Node) -> Node:
        """Return a or -a, whichever serves for both; |a| as well if no more than that is needed."""
        if self.ops[a] in ("neg", "abs"):
            return self._even_argument(self.args[a][0])
        if self.ops[a] != "sub":
            return a
        first, second = self.args[a]
        if self.ops[first] == "constant":
            return self.add(second, self.neg(first))
        return self.node("sub", (min(first, second), max(first, second)))

    def apply(self, op: str, *args: Node) -> Node:
        """Return a function of the tape's list, by name."""
        a = args[0]
        values = [self.constant_value(b) for b in args]
        if len(args) == 1:
            if values[0] == 0 and op in _AT_ZERO:
                return self.constant(_AT_ZERO[op])
            if op in _EVEN:
                a = self._even_argument(a)
            elif op in _ODD and self.ops[a] == "neg":
                return self.neg(self.apply(op, self.args[a][0]))
            return self._unary(op, a)
        if op in _FOLDED and values[0] is not None and values[1] is not None:
            return self.constant(_FOLDED[op](values[0], values[1]))
        if op in ("min", "max"):
            return a if a == args[1] else self.node(op, (min(args), max(args)))
        return self.select(*args) if op == "select" else self.node(op, args)

    def _unary(self, op: str, a: Node) -> Node:
        value, inner = self.constant_value(a), self.ops[a]
        if op in ("abs", "sign") and value is not None:
            return self.constant(abs(value) if op == "abs" else (value > 0) - (value < 0))
        if op == "log" and inner == "exp":
            return self.args[a][0]
        if op == "log" and inner == "sigmoid":
            return self.neg(self.apply("softplus", self.neg(self.args[a][0])))
        return self.node(op, (a,))

    def select(self, condition: Node, chosen: Node, other: Node) -> Node:
        """Return `chosen` where `condition` is not zero, else `other`."""
        value = self.constant_value(condition)
        if value is not None or chosen == other:
            return other if value == 0 else chosen
        if self._is_condition(condition):
            if self.ops[condition] == "sub":
                return self.select(self.args[condition][1], other, chosen)
            if self.constant_value(chosen) == 1 and self.constant_value(other) == 0:
                return condition
        return self.node("select", (condition, chosen, other))

    def _is_condition(self, a: Node) -> bool:
        """Whether a node is 1 or 0 by the way it is made; of each node that is found out once."""
        known = self._conditions.get(a)
        if known is None:
            op, args = self.ops[a], self.args[a]
            if op == "sub":
                known = self.constant_value(args[0]) == 1 and self._is_condition(args[1])
            else:
                known = op in ("less", "less_equal") or (op in ("mul", "max") and all(map(self._is_condition, args)))
            self._conditions[a] = known
        return known

    def both(self, first: Node, second: Node) -> Node:
        """Return the condition that two conditions (1 or 0) hold."""
        return first if first == second else self.mul(first, second)

    def opposite(self, condition: Node) -> Node:
        """Return the condition that another (1 or 0) does not hold."""
        return self.sub(self.constant(1), condition)

    def hold(self, a: Node) -> Node:
        """Return a, as a number whose derivative is not taken."""
        return self.node("hold", (a,)) if self.moving[a] else a
