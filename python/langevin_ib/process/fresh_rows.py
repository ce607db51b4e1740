"""Rows that are drawn afresh, as the loop wants them: a row's loss as a function of what is drawn for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import sympy

from ..checks import shown
from ..errors import UnsupportedModelError
from ..model import Fresh, Model
from ..program import Program, Tape
from .risk import Risk, as_written

__all__ = ["FreshRows"]


@dataclass(frozen=True, eq=False)
class FreshRows:
    """What is drawn for a row, and its loss as a function of that.

    Parameters
    ----------
    risk : Risk
        That of the model's sample.
    drawn : tuple of sympy.Symbol
        The inputs of a row, and the noise on its labels.
    columns : mapping from sympy.Symbol to sympy.Expr
        What stands for each entry of a row of the sample, as a formula of these.
    inputs, labels : list of float
        What each of these entries is multiplied by: inputs 1, noise its standard deviation; 0 where it is the other.
    """

    risk: Risk
    drawn: tuple[sympy.Symbol, ...]
    columns: Mapping[sympy.Basic, sympy.Expr]
    inputs: list[float]
    labels: list[float]

    @cached_property
    def gradient(self) -> Tape:
        """The tape of the gradient of a row's loss; its coordinates are the parameters, followed by what is drawn."""
        model = self.risk.model
        return Program((*model.parameters, *self.drawn), as_written(self.risk.row, self.columns)).gradient_by(model.dim)

    def entries(self, symbols: Sequence[sympy.Symbol]) -> Tape:
        """Return the tape of some entries of a row of the sample, as functions of what is drawn."""
        return Program(self.drawn, sympy.S.Zero).values([self.columns[symbol] for symbol in symbols])

    @classmethod
    def of(cls, model: Model, noise: tuple[tuple[str, float], ...]) -> FreshRows:
        """Return the rows of a model whose labels are noisy.

        Raises
        ------
        UnsupportedModelError
            If the loss of a row uses anything else than entries of that row.
        """
        return _rows_of(model, noise)


@lru_cache(maxsize=16)
def _rows_of(model: Model, noise: tuple[tuple[str, float], ...]) -> FreshRows:
    fresh, risk, spread = model.fresh, Risk.of(model), dict(noise)
    assert fresh is not None
    drawn = [sympy.Symbol(f"input_{k}", real=True) for k in range(len(fresh.symbols))]
    names = dict(zip(fresh.symbols, drawn, strict=True))
    noisy: list[sympy.Symbol] = []
    labels: list[float] = []
    columns: dict[sympy.Basic, sympy.Expr] = {}
    for symbol, entry in zip(risk.symbols, risk.entries, strict=True):
        columns[symbol] = as_written(_column(fresh, risk, entry), names)
        sigma = spread.get(risk.array_of(entry), 0.0)
        if sigma > 0.0:
            noisy.append(sympy.Symbol(f"noise_{len(noisy)}", real=True))
            labels.append(sigma)
            columns[symbol] += noisy[-1]
    zeros = [0.0] * len(noisy)
    return FreshRows(risk, (*drawn, *noisy), columns, [1.0] * len(drawn) + zeros, [0.0] * len(drawn) + labels)


def _column(fresh: Fresh, risk: Risk, entry: sympy.Basic) -> sympy.Expr:
    """Return what stands for an entry of a row, as a formula of the row's inputs."""
    is_own = isinstance(entry, sympy.Indexed) and entry.indices[0] == risk.index
    if not is_own or any(place.has(risk.index) for place in entry.indices[1:]):
        raise UnsupportedModelError(
            f"the loss of a row uses {shown(entry)}; rows that are drawn afresh have no numbers and no neighbours, so "
            f"write it with entries such as X[{risk.index}, 0] alone"
        )
    column = int(entry.indices[1]) if len(entry.indices) > 1 else None
    return fresh.column(risk.array_of(entry), column)
