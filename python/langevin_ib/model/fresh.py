"""`Fresh`: rows that are drawn anew whenever one is seen, of inputs by a law and of labels by formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .. import _core
from ..checks import checked_int, one_of, shown
from ..errors import InvalidArgumentError
from .expressions import checked_expression, checked_name, compiled

__all__ = ["Fresh"]

MOST_INPUTS = 10_000

Inputs = tuple[tuple[str, int | None], ...]
Labels = tuple[tuple[str, tuple[sympy.Expr, ...]], ...]


@dataclass(frozen=True)
class Fresh:
    """Rows that are drawn anew whenever one is seen, in place of arrays of data.

    A model has them by ``Model(data=Fresh(...))``. Its `data` are then a sample of so many `rows`, the same for equal
    values, which stands for all rows wherever a loss is asked for; `SGD` draws others in every batch.

    Parameters
    ----------
    inputs : mapping from str to tuple of int
        The names of the input arrays: ``{"X": (3,)}`` is an array of 3 columns, ``{"x": ()}`` one of numbers.
    labels : mapping from str to formula, or sequence of formulas
        Further arrays, one column for each formula: SymPy expressions of ``sympy.IndexedBase("X")[0]``, ..., or
        functions that return such when they are called with the inputs in order, ``lambda X: X[0] - 2 * X[1]``. A
        teacher's parameters are numbers in them; inputs of another law are formulas, too.
    law : {"normal", "uniform"}
        Of the inputs, all independent: N(0, 1), or uniform in (0, 1).
    rows : int
        Rows in the sample.
    seed : int
        Its seed.

    Raises
    ------
    InvalidArgumentError
        If an argument is not as described.

    Examples
    --------
    >>> fresh = Fresh(inputs={"X": (2,)}, labels={"y": lambda X: X[0] - 2 * X[1]}, rows=5)
    >>> fresh.sample["y"].shape
    (5,)
    """

    inputs: Any
    labels: Any = ()
    law: str = "normal"
    rows: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", _checked_inputs(self.inputs))
        object.__setattr__(self, "law", one_of("law", self.law, ("normal", "uniform")))
        object.__setattr__(self, "rows", checked_int("rows", self.rows, minimum=1, maximum=10**6))
        object.__setattr__(self, "seed", checked_int("seed", self.seed, minimum=0, maximum=2**128 - 1))
        object.__setattr__(self, "labels", self._checked_labels())

    @property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        """The inputs of a row, one symbol for each number, in order."""
        return tuple(symbol for name, _ in self.inputs for symbol in self.symbols_of(name))

    def symbols_of(self, name: str) -> tuple[sympy.Symbol, ...]:
        """Return those of one input."""
        size = dict(self.inputs)[name]
        names = [name] if size is None else [f"{name}_{k}" for k in range(size)]
        return tuple(sympy.Symbol(each, real=True) for each in names)

    def column(self, name: str, number: int | None) -> sympy.Expr:
        """Return a column of an array as a formula of `symbols`; None is the only one.

        Raises
        ------
        InvalidArgumentError
            If there is no such array.
        """
        formulas = {each: self.symbols_of(each) for each, _ in self.inputs} | dict(self.labels)
        if name not in formulas:
            raise InvalidArgumentError(f"{shown(name)} is none of the arrays of {self!r}, {', '.join(formulas)}")
        return formulas[name][number or 0]

    @property
    def sample(self) -> Mapping[str, NDArray[np.float64]]:
        """The arrays of the sample, by name, of shape (rows,) or (rows, columns)."""
        return _sample_of(self)

    def _checked_labels(self) -> Labels:
        pairs = dict(self.labels) if isinstance(self.labels, tuple) else self.labels
        if not isinstance(pairs, Mapping):
            raise InvalidArgumentError(f"labels must map names to formulas of the inputs, got {shown(self.labels)}")
        known = dict(self.inputs)
        found = []
        for name, value in pairs.items():
            if checked_name("label", name) in known:
                raise InvalidArgumentError(f"{name!r} names both an input and a label; rename one")
            formulas = value if isinstance(value, (tuple, list)) else (value,)
            if not formulas:
                raise InvalidArgumentError(f"labels[{name!r}] has no formulas; give one for each column")
            found.append((name, tuple(self._formula(name, each) for each in formulas)))
        return tuple(found)

    def _formula(self, name: str, value: Any) -> sympy.Expr:
        what = f"labels[{name!r}]"
        if isinstance(value, Callable) and not isinstance(value, sympy.Basic):  # type: ignore[arg-type] # a class to isinstance
            arguments = [
                self.symbols_of(each) if size is not None else self.symbols_of(each)[0] for each, size in self.inputs
            ]
            try:
                value = value(*arguments)
            except Exception as error:  # whatever a user's function raises
                raise InvalidArgumentError(f"{what} does not take the inputs as SymPy symbols: {error!r}") from error
        if isinstance(value, sympy.Expr):
            value = value.xreplace(
                {
                    sympy.IndexedBase(each)[k]: symbol
                    for each, size in self.inputs
                    for k, symbol in enumerate(self.symbols_of(each) if size is not None else ())
                }
            )
        return checked_expression(what, value, self.symbols)


def _checked_inputs(inputs: Any) -> Inputs:
    pairs = dict(inputs) if isinstance(inputs, tuple) else inputs
    if not isinstance(pairs, Mapping) or not pairs:
        raise InvalidArgumentError(f'inputs must map names to shapes, such as {{"X": (3,)}}, got {shown(inputs)}')
    found: list[tuple[str, int | None]] = []
    for name, shape in pairs.items():
        checked_name("input", name)
        sizes = shape if isinstance(shape, (tuple, list)) else () if shape is None else (shape,)
        if len(sizes) > 1:
            raise InvalidArgumentError(
                f"inputs[{name!r}] = {shown(shape)} must be (columns,), or () for one number a row"
            )
        size = None if not sizes else checked_int(f"inputs[{name!r}]", sizes[0], minimum=1, maximum=MOST_INPUTS)
        found.append((name, size))
    return tuple(found)


@lru_cache(maxsize=8)
def _sample_of(fresh: Fresh) -> Mapping[str, NDArray[np.float64]]:
    drawn = _drawn(fresh)
    arrays = {}
    for name, size in fresh.inputs:
        where = [fresh.symbols.index(symbol) for symbol in fresh.symbols_of(name)]
        arrays[name] = drawn[:, where[0]] if size is None else drawn[:, where]
    for name, formulas in fresh.labels:
        columns = [np.broadcast_to(compiled(each, fresh.symbols)(*drawn.T), fresh.rows) for each in formulas]
        arrays[name] = np.array(columns[0] if len(columns) == 1 else np.stack(columns, axis=1), dtype=np.float64)
    for array in arrays.values():
        array.flags.writeable = False
    return MappingProxyType(arrays)


def _drawn(fresh: Fresh) -> NDArray[np.float64]:
    """Return the inputs of the sample, (rows, number of symbols): those of one step of as many walkers."""
    count, where = len(fresh.symbols), ((0, fresh.rows), (0, 1))
    if fresh.law == "normal":
        return np.asarray(_core.normals(fresh.seed, *where, count, stream="input")[:, 0])
    words = _core.words(fresh.seed, *where, count, stream="input")[:, 0, :count]
    return (words >> np.uint64(12)).astype(np.float64) * 2.0**-52 + 2.0**-53
