"""Sheets of a slice that a run never leaves: whether a run from the usual starts has the law of all of them together.

Where a parameter can not vanish on a slice, such as u on {u**2 - v**2 = 1}, its sign is conserved, and the slice falls
into sheets. (At level 0 a slice of one dimension is a bundle of lines through 0, such as u = v and u = -v, and a run
goes straight on.) exp(-V/T) has a mass on each of them, but a run stays on the sheet where it starts, which with
independent starts N(0, 1) is each with the same probability. So the law of all sheets is that of a run only if all have
the same mass: if changes of sign that leave V as it is lead from each to each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import LangevinError, UnsupportedModelError
from ..geometry import Scalings, balance
from ..model.expressions import compiled
from ..model.meaning import LinearMap, is_unchanged
from ..process import Slice
from .request import LawRequest

__all__ = ["require_one_law"]

FloatArray = NDArray[np.float64]
Signs = tuple[bool, ...]
"""For each of some parameters, whether its sign is changed."""

_MOST = 8
"""So many parameters whose signs may be changed are looked at."""

_POINTS = 64


def require_one_law(request: LawRequest) -> None:
    """Refuse the law on a slice if a run has another one, as far as that can be seen.

    Parameters
    ----------
    request : LawRequest
        What was asked, about a process on a slice. Its condition may choose among the sheets.

    Raises
    ------
    UnsupportedModelError
        If it has; the message says how to ask for the law on a sheet.
    """
    sheets = _Sheets.of(request)
    if sheets is None or len(sheets.changes) == 2 ** len(sheets.conserved):
        return
    alive = [sheet for sheet in sheets.all() if sheets.is_allowed(sheet)]
    classes = {sheets.equal_to(sheet) for sheet in alive}
    if len(classes) > 1:
        names = ", ".join(str(request.model.parameters[i]) for i in sheets.conserved)
        raise UnsupportedModelError(
            f"the law of {request.observable!r} under {request.dynamics!r}: the slice falls into sheets, by the signs "
            f"of {names}, that a run never leaves, and exp(-V/T) has another mass on each of them, so that the law of "
            f"a run depends on where it starts; ask for the law on one of them{sheets.advice(alive)}"
        )


@dataclass(frozen=True)
class _Sheets:
    """The sheets of a slice.

    Parameters
    ----------
    request : LawRequest
        What was asked.
    units : tuple of tuple of int
        The parameters that may change their signs together, by their numbers.
    conserved : tuple of int
        Those whose signs are conserved.
    through_zero : tuple of tuple of int
        Parameters that change their signs together as a run goes through 0.
    """

    request: LawRequest
    units: tuple[tuple[int, ...], ...]
    conserved: tuple[int, ...]
    through_zero: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, request: LawRequest) -> _Sheets | None:
        """Return the sheets, or None where that is not known: the slice is none of scalings, or there are too many."""
        model = request.model
        if model.slice is not None or not model.symmetries:
            return None
        try:
            levels = tuple(float(each) for each in request.levels(len(model.constraints())))
            slice_ = Slice(model, levels)
            pieces = slice_.pieces
        except LangevinError:
            return None
        units: list[tuple[int, ...]] = []
        conserved: list[int] = []
        through: list[tuple[int, ...]] = []
        for piece in pieces:
            if not isinstance(piece, Scalings):
                return None
            target = np.array(slice_.levels_of(piece))
            units.extend(piece.factors)
            conserved.extend(_never_zero(piece, target))
            if not target.any():
                through.append(tuple(itertools.chain(*piece.factors)))
        small = len(units) <= _MOST
        return cls(request, tuple(units), tuple(conserved), tuple(through)) if small else None

    def all(self) -> Iterator[Signs]:
        """Yield all sheets, by the conserved signs."""
        return itertools.product((False, True), repeat=len(self.conserved))

    @cached_property
    def changes(self) -> set[Signs]:
        """All changes of conserved signs that lead to a sheet with the same mass, or to the same sheet."""
        found = _span([self._restricted(each) for each in self.through_zero], len(self.conserved))
        # What is seen at once is nearly always enough.
        for is_same in (self._keeps_formula, self._is_unchanged):
            for number in range(1, len(self.units) + 1):
                for some in itertools.combinations(self.units, number):
                    places = tuple(itertools.chain(*some))
                    change = self._restricted(places)
                    if change not in found and is_same(LinearMap.reflection(self.request.model.dim, places)):
                        found |= {_sum(change, each) for each in found}
        return found

    def _keeps_formula(self, flip: LinearMap) -> bool:
        model = self.request.model
        return flip.keeps_formula(model.potential(), model.parameters)

    def _is_unchanged(self, flip: LinearMap) -> bool:
        model = self.request.model
        return is_unchanged(model.potential(), [flip], model.parameters, model.data)

    def _restricted(self, places: Sequence[int]) -> Signs:
        return tuple(i in places for i in self.conserved)

    def equal_to(self, sheet: Signs) -> Signs:
        """Return one of the sheets that have the same mass: the first."""
        return min(_sum(sheet, change) for change in self.changes)

    def is_allowed(self, sheet: Signs) -> bool:
        """Return whether the condition of the request can hold on a sheet."""
        given = self.request.given
        if given is None:
            return True
        values = self._values(given[0], sheet)
        return bool(np.any((values >= given[1]) & (values < given[2])))

    def _values(self, name: str, sheet: Signs) -> FloatArray:
        """Return values of an observable at points of a sheet."""
        model = self.request.model
        rng = np.random.default_rng(20260106)
        x = rng.standard_normal((_POINTS, model.dim)) * 10.0 ** rng.uniform(-1.5, 1.5, (_POINTS, 1))
        places = list(self.conserved)
        x[:, places] = np.abs(x[:, places]) * np.where(sheet, -1.0, 1.0)
        level = self.request.levels(len(model.constraints()))
        points = balance(model, x, level)
        # On a bundle of lines the other half of a line is the same sheet.
        mirrored = [points]
        for places_through in self.through_zero:
            other = points.copy()
            other[:, list(places_through)] *= -1.0
            mirrored.append(other)
        return compiled(model.observable(name), model.parameters, model.data)(*np.concatenate(mirrored).T)

    def advice(self, alive: Sequence[Signs]) -> str:
        """Return how to choose a sheet: by the sign of an observable that tells classes of them apart."""
        for name in self.request.model.observable_names:
            signs: dict[Signs, set[float]] = {}
            for sheet in alive:
                values = self._values(name, sheet)
                signs.setdefault(self.equal_to(sheet), set()).update(np.sign(values).tolist())
            if all(len(each) == 1 for each in signs.values()) and len({min(each) for each in signs.values()}) > 1:
                return f', such as given=("{name}", 0, inf) or given=("{name}", -inf, 0)'
        return ", by a condition given= on the signs"


def _never_zero(piece: Scalings, levels: FloatArray) -> list[int]:
    """Return the parameters that vanish nowhere on the slice, but perhaps at 0; vectors turn, and do not count."""
    matrix = np.array(piece.weights).T / 2.0
    alone = [(k, factor[0]) for k, factor in enumerate(piece.factors) if len(factor) == 1]
    return [place for k, place in alone if not _is_reached(np.delete(matrix, k, axis=1), levels)]


def _is_reached(matrix: FloatArray, levels: FloatArray) -> bool:
    """Return whether some squares, not all zero, have these levels."""
    if len(levels) == 1:
        signs = np.sign(matrix[0]) * (np.sign(levels[0]) or 1.0)
        return bool(np.any(signs > 0.0) if levels[0] else np.any(signs >= 0.0) and np.any(signs <= 0.0))
    from scipy.optimize import nnls  # noqa: PLC0415 - slow to import, and needed for several constraints only

    if not levels.any():  # what is not 0 may have the size 1
        matrix, levels = np.vstack([matrix, np.ones(matrix.shape[1])]), np.append(levels, 1.0)
    return bool(nnls(matrix, levels)[1] <= 1e-9 * np.abs(levels).max())


def _span(changes: Sequence[Signs], size: int) -> set[Signs]:
    """Return all changes of signs that are made of some."""
    span: set[Signs] = {(False,) * size}
    for change in changes:
        span |= {_sum(change, each) for each in span}
    return span


def _sum(one: Signs, other: Signs) -> Signs:
    return tuple(a != b for a, b in zip(one, other, strict=True))
