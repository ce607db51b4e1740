"""What a model compiles to: tapes for its potential, the gradient, both, and for anything that is observed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from threading import RLock
from typing import Any, NamedTuple

import sympy

from ..checks import shown
from ..errors import InvalidArgumentError
from ..model.expressions import checked_parameters, same_expression, scalar_expression
from .algebra import Algebra
from .assembly import assembled
from .columns import Columns
from .data import Data
from .graph import Node
from .lowering import Lowering
from .reverse import gradient
from .tape import Tape

__all__ = ["Program"]


class _Source(NamedTuple):
    """What is compiled: an expression of parameters and data."""

    parameters: tuple[sympy.Symbol, ...]
    expression: sympy.Expr
    data: Data

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Source)
            and self.parameters == other.parameters
            and same_expression(self.expression, other.expression)
            and self.data == other.data
        )

    def __hash__(self) -> int:
        return hash((self.parameters, self.expression, self.data))


class Program:
    """The tapes of a potential energy; compiled when they are first asked for, and once for equal potentials.

    Parameters
    ----------
    parameters : tuple of sympy.Symbol
        The coordinates x, in order, as `parameters` returns them.
    potential : sympy.Expr
        V(x): a real expression of the parameters and of the data, in which ``sympy.IndexedBase("X")`` stands for
        ``data["X"]`` and ``sympy.Sum`` goes over its rows.
    data : mapping from str to array, optional
        Arrays of real numbers of shape (rows,) or (rows, columns).

    Raises
    ------
    InvalidArgumentError
        If an argument is not as described. What the expression itself is refused for comes with the first tape.

    Examples
    --------
    >>> u, v = sympy.symbols("u v", real=True)
    >>> program = Program((u, v), (u * v - 1) ** 2 / 2)
    >>> len(program.gradient)
    3
    """

    def __init__(
        self,
        parameters: Sequence[sympy.Symbol],
        potential: sympy.Expr,
        data: Mapping[str, Any] | Data | None = None,
    ) -> None:
        checked = data if isinstance(data, Data) else Data(data)
        self._source = _Source(checked_parameters(parameters), _checked(potential), checked)
        names = {str(symbol) for symbol in self.parameters} & set(checked.arrays)
        if names:
            raise InvalidArgumentError(f"{', '.join(sorted(names))} names both a parameter and data; rename one")

    @property
    def parameters(self) -> tuple[sympy.Symbol, ...]:
        """The coordinates."""
        return self._source.parameters

    @property
    def potential(self) -> sympy.Expr:
        """V(x)."""
        return self._source.expression

    @property
    def data(self) -> Data:
        """What is summed over."""
        return self._source.data

    @property
    def value(self) -> Tape:
        """The tape of V(x): one output.

        Raises
        ------
        InvalidArgumentError
            If V depends on what is neither a parameter nor data, reads data that is not there, or is not real.
        UnsupportedModelError
            If V has a function for which there is no operation, or is too large.
        """
        return self._unit.tape("value")

    @property
    def gradient(self) -> Tape:
        """The tape of grad V(x): one output for each coordinate; errors as for `value`."""
        return self._unit.tape("gradient")

    def gradient_by(self, count: int) -> Tape:
        """Return the tape of the derivatives of V by the first `count` coordinates; errors as for `value`."""
        return self._unit.gradient_by(count)

    @property
    def value_and_gradient(self) -> Tape:
        """The tape of V(x), followed by grad V(x); errors as for `value`."""
        return self._unit.tape("value_and_gradient")

    def observable(self, expression: sympy.Expr) -> Tape:
        """Return the tape of another expression of the same parameters and data: one output; errors as for `value`."""
        return self._unit.observable(_checked(expression))

    def values(self, expressions: Sequence[sympy.Expr]) -> Tape:
        """Return the tape of several expressions of the same parameters and data, in order; errors as for `value`."""
        return self._unit.values(tuple(map(_checked, expressions)))

    def with_gradients(self, expressions: Sequence[sympy.Expr]) -> Tape:
        """Return the tape of other expressions, all of them first, then the gradient of each; errors as for `value`."""
        return self._unit.with_gradients(tuple(map(_checked, expressions)))

    @cached_property
    def _unit(self) -> _Unit:
        return _unit(self._source)

    @cached_property
    def digest(self) -> str:
        """A hash of what the program computes and of the names of its parameters, the same in every process."""
        names = " ".join(map(str, self.parameters))
        return hashlib.blake2b(f"{names} {self.value_and_gradient.digest}".encode(), digest_size=16).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self._source == other._source

    def __hash__(self) -> int:
        return hash(self._source)

    def __repr__(self) -> str:
        return f"Program({self.parameters}, {shown(self.potential)}, {self.data})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Program, tuple(self._source)


def _checked(expression: Any) -> sympy.Expr:
    checked = scalar_expression(expression)
    if checked is None:
        raise InvalidArgumentError(f"{shown(expression)} is no scalar SymPy expression")
    return checked


class _Unit:
    """Everything that is compiled of one potential. Its graph grows by the gradient when that is first asked for."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._names = tuple(map(str, source.parameters))
        self._graph = Algebra()
        self._columns = Columns(self._graph, source.data)
        self._output = Lowering(self._graph, source.parameters, self._columns)(source.expression)
        self._tapes: dict[str | sympy.Expr, Tape] = {}
        self._lock = RLock()

    def tape(self, kind: str) -> Tape:
        with self._lock:
            if kind not in self._tapes:
                outputs = [] if kind == "gradient" else [self._output]
                outputs += [] if kind == "value" else self._gradient
                self._tapes[kind] = assembled(self._graph, self._columns, outputs, self._names)
            return self._tapes[kind]

    def gradient_by(self, count: int) -> Tape:
        with self._lock:
            return assembled(self._graph, self._columns, self._gradient[:count], self._names)

    def observable(self, expression: sympy.Expr) -> Tape:
        with self._lock:
            if expression not in self._tapes:
                # In a graph of its own: a tape must not depend on what was compiled before it.
                self._tapes[expression] = _Unit(self._source._replace(expression=expression)).tape("value")
            return self._tapes[expression]

    def values(self, expressions: tuple[sympy.Expr, ...]) -> Tape:
        with self._lock:
            graph, columns, lowering = self._fresh()
            return assembled(graph, columns, [lowering(expression) for expression in expressions], self._names)

    def _fresh(self) -> tuple[Algebra, Columns, Lowering]:
        """Return a graph of its own, as a tape must not depend on what was compiled before it."""
        graph = Algebra()
        columns = Columns(graph, self._source.data)
        return graph, columns, Lowering(graph, self._source.parameters, columns)

    def with_gradients(self, expressions: tuple[sympy.Expr, ...]) -> Tape:
        with self._lock:
            graph, columns, lowering = self._fresh()
            outputs = [lowering(expression) for expression in expressions]
            gradients = [gradient(graph, columns, output, len(self._names)) for output in outputs]
            return assembled(graph, columns, [*outputs, *(node for row in gradients for node in row)], self._names)

    @cached_property
    def _gradient(self) -> list[Node]:
        return gradient(self._graph, self._columns, self._output, len(self._names))


_units_lock = RLock()


@lru_cache(maxsize=8)
def _cached_unit(source: _Source) -> _Unit:
    return _Unit(source)


def _unit(source: _Source) -> _Unit:
    """Return what was compiled of an equal source, if that is not long ago; data can be large, so few are kept."""
    with _units_lock:
        return _cached_unit(source)
