"""Rows that are drawn afresh, as the loop wants them: a row's loss as a function of what is drawn for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy

from ..checks import shown
from ..errors import UnsupportedModelError
from ..model import Fresh, Model
from ..program import Program, Tape
from .risk import Risk

__all__ = ["FreshRows"]


@dataclass(frozen=True, eq=False)
class FreshRows:
    """What is drawn for a row, and its loss as a function of that.

    Parameters
    ----------
    gradient : Tape
        Of the row's loss; its coordinates are the parameters, the inputs of the row, and the noise on its labels.
    inputs, labels : list of float
        What each of these entries is multiplied by: inputs 1, noise its standard deviation; 0 where it is the other.
    """

    gradient: Tape
    inputs: list[float]
    labels: list[float]

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
        columns[symbol] = _column(fresh, risk, entry).xreplace(names)
        sigma = spread.get(risk.array_of(entry), 0.0)
        if sigma > 0.0:
            noisy.append(sympy.Symbol(f"noise_{len(noisy)}", real=True))
            labels.append(sigma)
            columns[symbol] += noisy[-1]
    tape = Program((*model.parameters, *drawn, *noisy), risk.row.xreplace(columns)).gradient_by(model.dim)
    zeros = [0.0] * len(noisy)
    return FreshRows(tape, [1.0] * len(drawn) + zeros, [0.0] * len(drawn) + labels)


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
