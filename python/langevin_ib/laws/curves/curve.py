r"""The law of any observable on a slice that is made of curves: Model(slice=...), and groups of any kind.

A slice {chi = level} of dim - 1 constraints is one or more curves. With the arc length s along them, the law is

    exp(-V/T) (det G)^(-1/2) ds    for `GaugeFixed` and `Constrained(fixman=True)`,     G_ab = grad chi_a . grad chi_b,
    exp(-V/T) ds                   for `Constrained`,

and that of an observable f with respect to df is the sum of these weights over |df/ds| at all points of the curves
where f takes its value. `tracing` follows the curves, `pieces` cuts them until f and the weight
are polynomials to rounding,
and `branches` is the law of f.

The law of `GaugeFixed` needs more than the slice: grad chi must be in the span of the generators not only on the slice
but near it, or else the chain has another law (docs/theory.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ...errors import NotNormalizableError
from ...model.expressions import compiled, compiled_together
from ...process import GaugeFixed
from ..line import Density
from ..request import LawRequest
from .branches import Branches
from .pieces import Pieces, Values, cut
from .tracing import Curves, Slice, trace

__all__ = ["CurveLaw"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_MOST_PARAMETERS = 8
_DOUBTFUL = math.log(1e-9)
"""The share of the mass that may be where nothing converges, or beyond where curves were followed."""
_ERROR = 2.0 * math.exp(_DOUBTFUL)  # of the distribution function: such a share is missing twice, with the total
_CONSTANT = 1e-13
_REMEDY = "Give another level, or given=(name, lo, hi) away from there"


@dataclass(frozen=True)
class CurveLaw:
    """The law of an observable on the curves of a slice.

    Parameters
    ----------
    request : LawRequest
        What was asked; on a slice of dimension 1. Its condition may be on any observable.
    """

    request: LawRequest

    @classmethod
    def recognise(cls, request: LawRequest) -> CurveLaw | None:
        """Return the law if the process lives on a slice of dimension 1, else None."""
        model = request.model
        if not request.is_on_slice or not model.symmetries or request.method == "closed form":
            return None
        count = len(model.constraints())
        return cls(request) if model.dim <= _MOST_PARAMETERS and count == model.dim - 1 > 0 else None

    def density(self) -> Density:
        """Return the law.

        Raises
        ------
        NotNormalizableError
            If its mass is infinite; the message says where.
        UnsupportedModelError
            If the curves cannot be followed, there is no theorem for the process on them, the observable is constant on
            one, or an integral does not converge.
        """
        request = self.request
        if isinstance(request.dynamics, GaugeFixed):
            self._require_orthogonal()
        pieces = cut(self._values, self.curves.length, self._sizes, self._interval)
        if pieces is None:
            raise request.unsupported("its quadrature does not converge", "smooth the potential or the observable")
        if not pieces.log_top.size:
            raise request.unsupported("no mass was found on the slice", "check the level, the potential and given=")
        log_total = float(logsumexp(pieces.log_masses))
        self._require_finite_mass(log_total)
        self._require_convergence(pieces, log_total)
        law = pieces.branches(self._interval)
        if not law.total > 0.0:
            raise request.unsupported("no mass was found where the condition holds", "check given=")
        if law.mass[law.top - law.bottom <= _CONSTANT * np.abs(law.top)].sum() > 1e-9 * law.total:
            raise request.unsupported("it is constant on a part of the slice", "ask for another observable")
        law = replace(law, ends=self._support(law))
        rounding = float(np.exp(pieces.log_masses - log_total) @ np.minimum(pieces.grain, 1.0))
        return Density(request.name, request.reference, "quadrature", request.intervals, law, _ERROR + rounding)

    @cached_property
    def slice(self) -> Slice:
        """The slice."""
        model = self.request.model
        constraints = model.constraints()
        return Slice.of(model.parameters, constraints, self.request.levels(len(constraints)))

    @cached_property
    def curves(self) -> Curves:
        """The curves, followed to where exp(-V/T) is nothing."""
        return trace(self.slice, self._log_gibbs)

    def _log_gibbs(self, x: FloatArray) -> FloatArray:
        values = -self.request.potential(*x.T) / self.request.T
        return np.where(np.isnan(values), -np.inf, values)

    @cached_property
    def _sizes(self) -> FloatArray:
        return np.asarray(np.abs(self.curves.base).max(axis=1) + self.curves.length)

    @property
    def _interval(self) -> tuple[float, float]:
        return (-math.inf, math.inf) if self.request.given is None else self.request.given[1:]

    @cached_property
    def _functions(self) -> list[Callable[..., FloatArray]]:
        """The observable and that of the condition."""
        model, given = self.request.model, self.request.given
        names = [self.request.observable, self.request.observable if given is None else given[0]]
        return [compiled(model.observable(name), model.parameters, model.data) for name in names]

    def _values(self, panel: IndexArray, u: FloatArray) -> Values:
        """Evaluate at coordinates u, shape (n, m), of panels; the weight is nan where there is no point."""
        which = np.repeat(panel, u.shape[1])
        x, found = self.curves.points(which, u.ravel())
        slope, log_root = self.slice.tangents(x, self.curves.unit[which])
        with np.errstate(all="ignore"):
            log_weight = self._log_gibbs(x) + np.log(np.linalg.norm(slope, axis=1))
            log_weight = log_weight if self.request.is_rigid else log_weight - log_root
        columns = (*(f(*x.T) for f in self._functions), np.where(found, log_weight, np.nan))
        return Values(*(column.reshape(u.shape) for column in columns))

    def _support(self, law: Branches) -> tuple[float, float]:
        """Return the range of the observable, as far as its condition lets it go."""
        curves, f = self.curves, self._functions[0]
        seen = [f(*curves.base.T), f(*curves.end.T)]
        for k in np.flatnonzero(curves.cut):
            last, before = float(f(*curves.end[k])), float(f(*curves.base[k]))
            if abs(last - before) > 1e-3 * max(abs(last), 1e-12):
                seen.append(np.array([math.copysign(math.inf, last - before)]))
        kept = law.bottom, law.top
        values = np.concatenate([*seen, *kept])
        inside = self.request.intervals or ((-math.inf, math.inf),)
        ends = max(float(np.nanmin(values)), inside[0][0]), min(float(np.nanmax(values)), inside[0][1])
        return ends

    def _require_finite_mass(self, log_total: float) -> None:
        """Refuse a law whose mass is not known because it is far out."""
        for k in np.flatnonzero(self.curves.cut):
            at = self._values(np.array([k]), self.curves.length[k] * np.array([[0.0, 1.0]]))
            (near, far), size = at.log_weight[0], np.linalg.norm([self.curves.base[k], self.curves.end[k]], axis=1)
            inside = self._interval[0] <= at.condition[0, 1] < self._interval[1]
            if not inside or not far + np.log(size[1]) > log_total + _DOUBTFUL:
                continue
            exponent = float((near - far) / np.log(size[1] / size[0]))
            towards = (self.curves.end[k] / size[1]).round(3).tolist()
            names = ", ".join(map(str, self.request.model.parameters))
            raise self._without_end(f"towards infinity in the direction ({names}) = {towards}", exponent, is_far=True)

    def _require_convergence(self, pieces: Pieces, log_total: float) -> None:
        """Refuse a law with mass where nothing converges."""
        if not pieces.doubtful_panel.size:
            return
        panels, where = pieces.doubtful_panel, pieces.doubtful_at
        length = self.curves.length[panels]
        side = np.where(where < 0.5 * length, 1.0, -1.0) * length
        near, far = self._values(panels, where[:, None] + side[:, None] * np.array([1e-8, 1e-4])).log_weight.T
        # Next to the place there may be no value at all, so the mass there is that of the power seen from afar.
        exponents = (near - far) / math.log(1e4)
        log_mass = near + np.log(1e-8 * length) + (1.0 - exponents) * math.log(1e-2)
        log_mass = np.where(np.isnan(log_mass), np.inf, np.maximum(log_mass, pieces.doubtful_log_mass))
        if logsumexp(log_mass) < log_total + _DOUBTFUL:
            return
        worst = int(np.argmax(log_mass))
        panel, u, exponent = panels[worst : worst + 1], where[worst], float(exponents[worst])
        place = self.curves.points(panel, np.array([u]))[0][0]
        named = ", ".join(f"{x} = {value:.4g}" for x, value in zip(self.request.model.parameters, place, strict=True))
        raise self._without_end(f"at {named}", exponent, is_far=False)

    def _without_end(self, place: str, exponent: float, *, is_far: bool) -> Exception:
        request, power = self.request, f"|x|**{-exponent:.3g}" if is_far else f"distance**{-exponent:.3g}"
        if math.isfinite(exponent) and (exponent < 1.01 if is_far else exponent > 0.99):
            return NotNormalizableError(
                f"the {request.name} has infinite mass with respect to {request.reference}: {place} the weight "
                f"goes like {power} per arc length. {_REMEDY}"
            )
        return request.unsupported(
            f"its quadrature does not converge {place}, where the weight goes like {power} per arc length",
            _REMEDY.lower(),
        )

    def _require_orthogonal(self) -> None:
        """Refuse the law of the gauge-fixed process on a slice for which there is no theorem."""
        model = self.request.model
        generators = compiled_together([c for xi in model.generators() for c in xi], model.parameters)
        near = self.curves.base
        moved = np.random.default_rng(7).standard_normal(near.shape)
        near = near + 0.01 * np.abs(near).max(axis=1)[:, None] * moved
        normals = self.slice.rows(near)[1]
        xi = np.stack(generators(*near.T), axis=-1).reshape(len(near), -1, model.dim)
        xi = xi / np.maximum(np.linalg.norm(xi, axis=2), 1e-300)[..., None]
        basis = np.linalg.svd(xi, full_matrices=False)[2]
        outside = normals - np.einsum("nab,ncb,ncd->nad", normals, basis, basis)
        if xi.shape[1] > normals.shape[1] or not np.abs(outside).max() < 1e-7:
            raise self.request.unsupported(
                "GaugeFixed samples exp(-V/T) (det G)**(-1/2) dS only where the gradients of chi have the span of the "
                "generators, not only on the slice but near it, and here they have not",
                "take Constrained(level), whose laws exist on every slice, or leave out slice= for the canonical one",
            )
