"""What is sampled: the weight on a slice, or in all of space, in coordinates without constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import NotNormalizableError, UnsupportedModelError
from ...geometry import GeneralLinear, find_symmetries
from ...model.expressions import compiled
from ...process import Ambient, GaugeFixed, Slice
from ..confirmation import Target, finite
from ..plane import require_broken_symmetry
from ..request import LawRequest
from .batches import doubted
from .chart import SliceChart
from .factored import FactoredChart

__all__ = ["SliceTarget", "target_of"]

FloatArray = NDArray[np.float64]
Function = Callable[[FloatArray], FloatArray]

_MOST_BY_MIXTURE = 8
"""A mixture follows the weight of so many parameters; of more it may, but takes longer to find out than chains do."""

_MOST_UNKNOWN, _SKEW, _SEED = 40, 1e-6, 20260117
"""Of more parameters it takes too long to look for symmetries; and what is less symmetric than this is a rotation."""


@dataclass(frozen=True)
class SliceTarget(Target):
    """The same on a slice: points are coordinates of its chart.

    Parameters
    ----------
    chart : SliceChart or FactoredChart or None
        None in all of space.
    is_quick : bool
        Whether formulas are compiled: that takes a second at most, and pays from a million points on.
    """

    chart: SliceChart | FactoredChart | None = None
    is_quick: bool = False

    @property
    def dim(self) -> int:
        """The number of coordinates."""
        return len(self.parameters) if self.chart is None else self.chart.dim

    def function(self, expression: sympy.Expr) -> Function:
        """Return an expression as a function of coordinates, shape (n, d)."""
        direct, chart = self._direct(expression), self.chart
        return direct if chart is None else lambda y: direct(chart.point(y))

    @property
    def squares(self) -> sympy.Expr:
        """The squared distance of a point from zero."""
        return sympy.Add(*(x**2 for x in self.parameters))

    def _direct(self, expression: sympy.Expr) -> Function:
        if not self.is_quick:
            return super().function(expression)
        quick = compiled(expression, self.parameters, self.data)
        return lambda x: quick(*x.T)

    def log_weight(self) -> Function:
        """Return the log of the weight of exp(-V/T), and of the measure on the slice."""
        potential, chart = self._direct(self.potential), self.chart

        def log_weight(y: FloatArray) -> FloatArray:
            x, logs = (y, 0.0) if chart is None else chart.placed(y)
            with np.errstate(over="ignore", invalid="ignore"):  # where V is huge there is no weight
                logs = logs - potential(x) / self.temperature
            return np.where(np.isnan(logs), -np.inf, finite(logs))

        return log_weight


def target_of(asked: LawRequest) -> SliceTarget:
    """Return what is asked for as a weight.

    Raises
    ------
    NotNormalizableError
        If its mass is infinite, as far as that is seen at once.
    UnsupportedModelError
        If the slice is of a kind that is not known, or leaves orbits free that do not end.
    """
    model, place = asked.model, asked.process.slice
    is_large = model.dim > _MOST_BY_MIXTURE
    shell = None if asked.shell is None else (model.observable(asked.shell[0]), *asked.shell[1:])
    common = (asked.expression, model.parameters, model.data, asked.T, shell)
    if place is None:
        if isinstance(asked.dynamics, Ambient):
            require_broken_symmetry(asked)
        return SliceTarget(asked.process.potential, *common, is_quick=is_large)
    if isinstance(asked.dynamics, GaugeFixed):
        _require_frameless(place)
    infinite = None if asked.is_rigid else place.infinite
    if infinite is not None:
        raise NotNormalizableError(
            f"the {asked.name} has infinite mass at zero of {place.named(infinite)}; take another level, such as 0.5"
        )
    # Fixman's term is not a part of V here: it is the measure delta(chi - c) dx.
    chart: SliceChart | FactoredChart | None = FactoredChart.of(place, is_rigid=asked.is_rigid) if is_large else None
    if chart is None:
        if is_large:
            _require_fixed(asked)
        chart = SliceChart.of(place, is_rigid=asked.is_rigid, is_near=not is_large)
    return SliceTarget(model.potential(), *common, chart, is_quick=is_large)


def _require_frameless(place: Slice) -> None:
    try:
        pieces = place.pieces
    except UnsupportedModelError:
        return  # the chart says what it is
    for piece in pieces:
        if isinstance(piece, GeneralLinear):
            place.require_frameless(piece)


def _require_fixed(asked: LawRequest) -> None:
    """Refuse orbits that do not end and that the slice leaves free: on them lengths have tails that nobody follows.

    Raises
    ------
    UnsupportedModelError
        If there are any along which neither predictor nor confinement changes.
    """
    model = asked.model
    if model.confinement != 0 or model.dim > _MOST_UNKNOWN:
        return
    missed = find_symmetries(model, rng=_SEED).missed
    free = [matrix for matrix in missed if np.abs(matrix + matrix.T).max() > _SKEW * np.abs(matrix).max()]
    if free:
        raise doubted(
            asked,
            f"the predictor has {len(free)} more symmetries that are not compact, and this slice leaves them free "
            "(geometry.find_symmetries), so that parameters may be large as long as they cancel; declare these, too, "
            "such as group='gl' for those of matrices, or add a confinement to the model",
        )
