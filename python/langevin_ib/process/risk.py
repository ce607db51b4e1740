"""`Risk`: a loss that is a mean over rows of data, taken apart into the loss of one row and what is none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import shown
from ..errors import InvalidArgumentError, UnsupportedModelError
from ..model import Model
from ..model.expressions import exact, index_factors, limits_of, sketch
from ..program import Program, Tape

__all__ = ["Risk", "as_written"]

MOST_TERMS = 100
"""A sum within a row is written out if it has at most so many terms."""

_ENTRY = "row_entry_"
"""How the symbols of a row's entries are called."""


@dataclass(frozen=True, eq=False)
class Risk:
    """L(x) = mean over rows of row(x, z) + rest(x), z: the entries of the row.

    The full gradient of a risk is that of a potential, L: gradient flow and Langevin dynamics need nothing else. SGD
    takes the mean over a batch of rows in its place.

    Parameters
    ----------
    model : Model
        Whose loss it is.
    row : sympy.Expr
        The loss of one row as a function of the parameters and of `symbols`.
    symbols : tuple of sympy.Symbol
        The entries of a row that its loss uses.
    entries : tuple of sympy.Indexed or sympy.Idx
        What each stands for: an entry of the data such as X[i, 0], or the number i of the row.
    index : sympy.Idx
        That number.
    table : array, shape (rows, len(symbols))
        The rows.
    rest : sympy.Expr
        What is no part of the mean; the model's confinement is not in it.
    """

    model: Model
    row: sympy.Expr
    symbols: tuple[sympy.Symbol, ...]
    entries: tuple[sympy.Basic, ...]
    index: sympy.Basic
    table: NDArray[np.float64]
    rest: sympy.Expr

    @classmethod
    def of(cls, model: Model) -> Risk:
        """Return the loss of a model, taken apart.

        Raises
        ------
        InvalidArgumentError
            If the model has no data.
        UnsupportedModelError
            If the loss is no mean over rows; the message names the part that is to blame.
        """
        return _risk_of(model)

    @cached_property
    def gradient(self) -> Tape:
        """The tape of the gradient of a row's loss; its coordinates are the parameters, followed by the entries."""
        return Program((*self.model.parameters, *self.symbols), self.row).gradient_by(self.model.dim)

    @staticmethod
    def array_of(entry: sympy.Basic) -> str:
        """Return the name of the array that an entry of a row comes from; the empty text for the row's number."""
        return str(entry.base.label) if isinstance(entry, sympy.Indexed) else ""

    def noise(self, spread: Mapping[str, float]) -> list[float]:
        """Return the standard deviation of the noise on each entry of a row, given that of each array."""
        return [spread.get(self.array_of(entry), 0.0) for entry in self.entries]

    def require_labels(self, names: Collection[str]) -> None:
        """Check that noise on the arrays of these names is noise on rows.

        Raises
        ------
        InvalidArgumentError
            If there is no such array, or an entry of it is a part of several rows, which would see different noise.
        """
        for name in names:
            used = [entry for entry in self.entries if self.array_of(entry) == name]
            if not used:
                known = ", ".join(sorted({self.array_of(entry) for entry in self.entries} - {""}))
                raise InvalidArgumentError(
                    f"label_noise: {shown(name)} is no array that the rows of the loss use; these are {known}"
                )
            places = {
                tuple((axis, place) for axis, place in enumerate(entry.indices) if place.has(self.index))
                for entry in used
            }
            if len(places) > 1 or len(next(iter(places))) > 1:
                raise InvalidArgumentError(
                    f"label_noise: entries of {name!r} are parts of several rows ({', '.join(map(str, used[:4]))}); "
                    f"write the loss with one index of it, such as {name}[i]"
                )


@lru_cache(maxsize=16)
def _risk_of(model: Model) -> Risk:
    if not model.data:
        raise InvalidArgumentError(
            "SGD draws batches of rows of a model's data, and this model has none; give Model(data=...), or take "
            "SGD(batch_size=None), which is gradient descent"
        )
    parts = _Parts(model)
    parts.take(model.loss, sympy.S.One)
    if parts.scope is None:
        raise UnsupportedModelError(
            f"the loss {sketch(model.loss)} is no mean over rows: it has no sum over data. Write it as "
            "sympy.Sum(..., (i, 0, n - 1)) / n"
        )
    index, first, last = parts.scope
    numbers = np.arange(first, last + 1)
    body = sympy.Add(*parts.bodies) * len(numbers)
    entries: list[sympy.Basic] = []
    columns: list[NDArray[np.float64]] = []
    fixed: dict[sympy.Basic, sympy.Expr] = {}
    for entry in sorted(body.atoms(sympy.Indexed), key=str):
        if entry.has(index):
            entries.append(entry)
            columns.append(_column(entry, index, numbers, model))
        else:
            fixed[entry] = exact(float(_column(entry, index, numbers[:1], model)[0]))
    symbols = [sympy.Symbol(f"{_ENTRY}{k}", real=True) for k in range(len(entries) + 1)]
    body = as_written(body, {**dict(zip(entries, symbols, strict=False)), **fixed})
    if body.has(index):
        entries.append(index)
        columns.append(numbers.astype(np.float64))
        body = as_written(body, {index: symbols[len(entries) - 1]})
    table = np.stack(columns, axis=1)
    table.flags.writeable = False
    return Risk(model, body, tuple(symbols[: len(entries)]), tuple(entries), index, table, sympy.Add(*parts.rest))


def as_written(expression: sympy.Expr, values: Mapping[sympy.Basic, sympy.Basic]) -> sympy.Expr:
    """Return an expression with some parts replaced and nothing else changed.

    SymPy would look for a simpler form of every maximum, which takes seconds for dozens of rectified units.
    """
    with sympy.evaluate(False):
        return expression.xreplace(values)


class _Parts:
    """The loss as a sum of what is summed over rows, and the rest.

    Parameters
    ----------
    model : Model
        Whose loss is taken apart.
    """

    def __init__(self, model: Model) -> None:
        self.symbols = set(model.parameters)
        self.scope: tuple[sympy.Basic, int, int] | None = None
        self.bodies: list[sympy.Expr] = []
        self.rest: list[sympy.Expr] = []

    def take(self, part: sympy.Expr, factor: sympy.Expr) -> None:
        """Take `factor` times a part of the loss apart.

        Raises
        ------
        UnsupportedModelError
            If it is neither linear in sums over the same rows nor free of them.
        """
        if not self._moves_with_rows(part):
            self.rest.append(factor * part)
        elif isinstance(part, sympy.Add):
            for each in part.args:
                self.take(each, factor)
        elif isinstance(part, sympy.Mul) and sum(map(self._moves_with_rows, part.args)) == 1:
            (inner,) = filter(self._moves_with_rows, part.args)
            self.take(inner, factor * sympy.Mul(*(each for each in part.args if each is not inner)))
        elif isinstance(part, sympy.Sum):
            self._sum(part, factor)
        else:
            raise UnsupportedModelError(
                f"{sketch(part)} is no mean over rows, but another function of sums over them; SGD needs a loss such "
                "as sympy.Sum(row, (i, 0, n - 1)) / n, plus what needs no data"
            )

    def _moves_with_rows(self, part: sympy.Expr) -> bool:
        return part.has(sympy.Sum) and part.has(sympy.Indexed) and bool(part.atoms(sympy.Symbol) & self.symbols)

    def _sum(self, part: sympy.Sum, factor: sympy.Expr) -> None:
        *inner, (index, first, last) = limits_of("the loss", part)
        body = part.func(part.function, *inner) if inner else part.function
        scope = (index, int(first), int(last))
        if self.scope is None:
            self.scope = scope
        if self.scope[1:] != scope[1:]:
            raise UnsupportedModelError(
                f"{sketch(part)} goes over {scope[2] - scope[1] + 1} rows from {scope[1]} on, another sum of the loss "
                f"over {self.scope[2] - self.scope[1] + 1} from {self.scope[1]} on; SGD needs one mean over rows"
            )
        if index != self.scope[0]:
            body = as_written(body, {index: self.scope[0]})
        body = _written_out(body, self.scope[0])
        self.bodies.append(factor * body)


def _written_out(body: sympy.Expr, index: sympy.Basic) -> sympy.Expr:
    """Return the loss of a row without sums inside of it.

    Raises
    ------
    UnsupportedModelError
        If one of them goes over other rows, or is too long.
    """
    while sums := body.atoms(sympy.Sum):
        # From the inside.
        inner = next(each for each in sorted(sums, key=str) if not each.function.has(sympy.Sum))
        if not inner.has(index):
            raise UnsupportedModelError(
                f"{sketch(inner)} inside of a row's loss is the same for all rows, so the loss is no mean over rows "
                "that can be drawn one by one; take SGD(batch_size=None), which is gradient descent, or write it "
                "without such a sum"
            )
        terms = [inner.function]
        for k, first, last in limits_of("the loss", inner):
            if (last - first + 1) * len(terms) > MOST_TERMS:
                raise UnsupportedModelError(f"{sketch(inner)} within a row has more than {MOST_TERMS} terms")
            terms = [term.xreplace({k: sympy.Integer(n)}) for term in terms for n in range(first, last + 1)]
        body = body.xreplace({inner: sympy.Add(*terms)})
    return body


def _column(entry: sympy.Indexed, index: sympy.Basic, numbers: NDArray[np.int64], model: Model) -> NDArray[np.float64]:
    """Return the values of an entry in all rows, shape (rows,)."""
    where = []
    for place in entry.indices:
        factors = index_factors(place)
        if factors is None or not set(factors) <= {sympy.S.One, index}:
            raise UnsupportedModelError(f"{entry} must have whole numbers, {index} or {index} + 1 as indices")
        where.append(factors.get(index, 0) * numbers + factors.get(sympy.S.One, 0))
    return np.asarray(model.data[Risk.array_of(entry)][tuple(where)], dtype=np.float64)
