r"""The laws of the singular values of T = U V^T on the slices of the diagonal group and of GL(r).

U is (m, r) and V is (n, r), r <= min(m, n); the loss is a function of the singular values s_1 >= s_2 >= ... of T. With
uniform singular vectors, times exp(-L/T) prod ds_i, delta(chi) dx on the level 0 pushes forward to

* GL(r), U^T U = V^T V:  prod_{i<j} |s_i - s_j| prod s_i^((m+n)/2-r-1). (The Gram matrices P = U^T U and Q = V^T V have
  Wishart densities det P^((m-r-1)/2) det Q^((n-r-1)/2); delta(P - Q) leaves one P, whose eigenvalues are the s_i.)
* its surface measure: the same times (det G)^(1/2), det G = prod 2 s_i prod_{i<j} 2 (s_i + s_j);
* the diagonal group, r = 2, |U_j| = |V_j| for each column: |s_1^2 - s_2^2| (s_1 s_2)^((m+n)/2-2) J^2 with
  J = int_0^pi (B/A)^((m-n)/4) (A B)^(-1/2) dphi, A = s_1 cos^2 + s_2 sin^2, B = s_1 sin^2 + s_2 cos^2; pi/agm(s_1, s_2)
  for m = n.

The group matters: on the same loss these are different laws. Both slices are cones, so that for a loss of the norm |T|
alone, and any r, its density is |T|^(D-1) exp(-L/T) d|T|, D = (r (m + n) - 2 k)/2, k being the number of constraints
(each delta(chi) counts -2, the surface measure +1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import logsumexp

from ...geometry import Factorization
from ...model.expressions import compiled
from ...model.meaning import slack_of, telling_points, values_at
from ..integrals import PanelSeries, log_integrals, tabulated
from ..line import Density, LogWeight, integrate
from ..recomputed import Recomputed
from ..request import LawRequest
from .wrong_laws import LITERAL, POWERS, existing, labelled

__all__ = ["MatrixLaw", "log_diagonal_factor"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]
Measure = Callable[[FloatArray, FloatArray], FloatArray]

_TINY = 1e-300
_PROBES, _MOST_PROBES, _SMALLEST = 12, 200, 1e-4
_ERROR = 1e-11  # of the weight: that of the table of the diagonal group's factor, which is made for 1e-12
_ROUNDING, _ROUNDING_OF_VALUES = 1e-9, 1e-14
"""Of values that are compared, and of singular values."""


@dataclass(frozen=True)
class MatrixLaw(Recomputed):
    """A law of singular values on the slice of level 0.

    Parameters
    ----------
    request : LawRequest
        What was asked.
    form : Factorization
        Of which model.
    measure : callable, optional
        What takes the place of `log_measure`: a rival.
    """

    request: LawRequest
    form: Factorization
    measure: Measure | None = None

    @classmethod
    def recognise(cls, request: LawRequest) -> MatrixLaw | None:
        """Return the law of a request about a factorisation on its slice, else None."""
        form = Factorization.recognise(request.model) if request.is_on_slice else None
        return None if form is None or min(form.m, form.n) < form.rank else cls(request, form)

    @cached_property
    def kind(self) -> str:
        """Which of "norm", "sigma1", "sigma2", "angle" the observable is; "" for none of them."""
        points, sigma = self._samples(self.request.expression)
        value = compiled(self.request.expression, self.request.model.parameters)(*points)
        norm = np.sqrt((sigma**2).sum(axis=1))
        forms = {"norm": norm, "sigma1": sigma[:, 0]}
        if self.form.rank == 2:
            forms |= {"sigma2": sigma[:, 1], "angle": np.arctan2(sigma[:, 1], sigma[:, 0])}
        size = {"angle": np.ones_like(norm)}
        known = np.isfinite(value)
        return next(
            (
                name
                for name, exact in forms.items()
                if np.all(np.abs(value - exact)[known] <= _ROUNDING * size.get(name, norm)[known])
            ),
            "",
        )

    def _samples(self, expression: sympy.Expr) -> tuple[FloatArray, FloatArray]:
        """Return points, shape (dim, n), random ones and some on all pieces of an expression; and singular values."""
        form, model, source = self.form, self.request.model, np.random.default_rng(20260106)
        drawn = source.standard_normal((model.dim, _PROBES))
        telling = telling_points([expression], model.parameters, model.data)
        sizes = np.abs(telling).max(axis=0)
        telling = telling[:, (sizes > _SMALLEST) & (sizes < 1.0 / _SMALLEST)]
        points = np.concatenate([drawn, telling[:, source.permutation(telling.shape[1])[:_MOST_PROBES]]], axis=1)
        u, v = (np.moveaxis(points[np.array(side)], -1, 0) for side in (form.left, form.right))
        sigma = np.linalg.svd(u @ v.transpose(0, 2, 1), compute_uv=False)[:, : form.rank]
        return points, np.asarray(sigma, dtype=np.float64)

    def _loss_is(self, of_norm: bool) -> bool:
        """Whether the loss is that of the diagonal matrix of singular values; or of one with the norm as the first."""
        model = self.request.model
        points, sigma = self._samples(model.loss)
        error = _ROUNDING_OF_VALUES * sigma[:, :1] * np.ones_like(sigma)
        if of_norm:
            sigma = np.sqrt((sigma**2).sum(axis=1))[:, None] * np.eye(1, self.form.rank)
            error = error * np.eye(1, self.form.rank)
        places = np.array(self.form.canonical(sigma))
        errors = np.array(self.form.canonical(sigma + error)) - np.array(
            self.form.canonical(np.maximum(sigma - error, 0.0))
        )
        one = values_at(model.loss, model.parameters, points, model.data)
        other = values_at(model.loss, model.parameters, places, model.data, errors)
        bound = slack_of(model.loss, model.data) * (one.error + other.error)
        with np.errstate(invalid="ignore"):
            return not np.any(np.isfinite(bound) & (np.abs(one.value - other.value) > bound))

    def density(self) -> Density:
        """Return the law.

        Raises
        ------
        NotNormalizableError
            If its mass is infinite.
        UnsupportedModelError
            If it is not known.
        """
        request, form = self.request, self.form
        constraints = form.rank * (form.rank + 1) // 2 if form.is_full else form.rank
        if np.any(request.levels(constraints)):
            raise request.unsupported("laws of matrices are known on the level 0 only", "use level=0")
        if request.given is not None and request.shell is not None:
            raise request.unsupported("a condition on another quantity is not done for matrices", "leave out given=")
        decay = request.process.weight_decay
        if decay is None or (decay != 0.0 and not form.is_full):
            raise request.unsupported(f"the confinement {request.model.confinement} is not done", "leave it out")
        is_of_norm = decay == 0.0 and self.kind in {"norm", "angle"} and self._loss_is(of_norm=True)
        if self.kind == "norm" and is_of_norm:
            return self._of_norm(constraints)
        if form.rank != 2 or (request.is_rigid and not form.is_full):
            raise request.unsupported(
                "beyond rank 2, and on the rigid slice of the diagonal group, only the norm is known, for a loss of "
                "the norm",
                "use GaugeFixed or Constrained(fixman=True) and rank 2, or method='sampling'",
            )
        if not self._loss_is(of_norm=False):
            raise request.unsupported("the loss is no function of the singular values", "use one of tr (T^T T), say")
        if not self.kind:
            raise request.unsupported("it is no function of the singular values that is known", "ask for the norm")
        if is_of_norm:
            # Norm and angle are independent: that the law of one exists is not seen in the other.
            self._of_norm(constraints)
        return self._of_pair(is_of_norm=is_of_norm)

    def rivals(self, cutoff: float | None = None) -> dict[str, Density] | None:
        """Return the laws with other corrections; None beyond rank 2."""
        if self.form.rank != 2:
            return None
        measures: dict[str, tuple[str, Measure]] = {
            key: (text, partial(self._log_powered, exponent)) for key, (exponent, text) in POWERS.items()
        }
        measures["equation (6)"] = (LITERAL, partial(_log_literal, self.form))
        if self.form.is_full:
            text = "(det H)^(-1/2) with the compact generators"
            measures["compact generators"] = (text, self._log_with_compact)
            measures["Haar quotient"] = ("all of GL(2) as gauge", partial(_log_haar, self.form))
        return existing({key: partial(self._rival, key, *each) for key, each in measures.items()})

    def _rival(self, key: str, text: str, measure: Measure) -> Density:
        return replace(self, request=labelled(self.request, key, text), measure=measure).density()

    def _log_powered(self, exponent: float, log_first: FloatArray, gap: FloatArray) -> FloatArray:
        base = _log_flat(self.form, log_first, gap)
        return base + exponent * (self.log_measure(log_first, gap) - base)

    def _log_with_compact(self, log_first: FloatArray, gap: FloatArray) -> FloatArray:
        return self.log_measure(log_first, gap) - 0.5 * _log_sum(log_first, gap)

    def _of_norm(self, constraints: int) -> Density:
        """|T|^(D-1) exp(-L/T)."""
        form = self.form
        D = (form.rank * (form.m + form.n) - (1 if self.request.is_rigid else 2) * constraints) / 2.0
        if self.measure is not None:
            # Every measure is a power of |T| times a function of the gap.
            gap = np.ones(1)
            D = 2.0 + round(float((self.measure(gap, gap) - self.measure(0.0 * gap, gap))[0]), 9)
        log_weight = partial(self._log_norm, D)
        return self.request.weighted(log_weight, support=(0.0, math.inf), method="closed form", remedy=self._remedy())

    def _log_norm(self, D: float, norm: FloatArray) -> FloatArray:
        sigma = norm[:, None] * np.eye(1, self.form.rank)
        with np.errstate(divide="ignore"):
            power = (D - 1.0) * np.log(norm) if D != 1.0 else 0.0
        return power - self.request.loss(*self.form.canonical(sigma)) / self.request.T

    def _remedy(self) -> str:
        return (
            "The last singular value vanishes with too much weight: take more rows than columns, (m, n) other than "
            f"(r, r), or another quantity; this is {self.form.m} x {self.form.n} of rank {self.form.rank}"
        )

    def log_joint(self, log_first: FloatArray, gap: FloatArray) -> FloatArray:
        """Return the log of the density w.r.t. ds_1 ds_2, for log s_1 and gap = log(s_1/s_2) >= 0."""
        first, second = np.broadcast_arrays(np.exp(log_first), np.exp(log_first - gap))
        decay = (self.request.process.weight_decay or 0.0) * (first + second)
        loss = self.request.loss(*self.form.canonical(np.stack([first, second], axis=-1)))
        return np.asarray((self.measure or self.log_measure)(log_first, gap) - (loss + decay) / self.request.T)

    def log_measure(self, log_first: FloatArray, gap: FloatArray) -> FloatArray:
        """Return the same without exp(-L/T)."""
        form = self.form
        total = 2.0 * log_first - gap
        ratio = np.exp(-gap)
        half = (form.m + form.n) / 2.0
        log_difference = log_first + np.log(-np.expm1(-gap))
        log_sum = log_first + np.log1p(ratio)
        if form.is_full:
            measure = log_difference + (half - 3.0) * total
            return measure + 0.5 * (total + log_sum) if self.request.is_rigid else measure
        factor = self._diagonal_factor(gap) - log_first
        return np.asarray(log_difference + log_sum + (half - 2.0) * total + 2.0 * factor)

    @cached_property
    def _diagonal_factor(self) -> Callable[[FloatArray], FloatArray]:
        return log_diagonal_factor(self.form.m - self.form.n)

    def _of_pair(self, *, is_of_norm: bool) -> Density:
        request, remedy = self.request, self._remedy()
        weight = {"norm": self._norm, "angle": self._angle, "sigma1": self._first, "sigma2": self._second}[self.kind]
        highest = math.pi / 4.0 if self.kind == "angle" else math.inf
        exponent = (self.form.m + self.form.n) / 2.0 - 3.0 + 0.5 * request.is_rigid
        if self.measure is None and self.form.is_full and exponent <= -1.0 and request.intervals is None:
            # The others hide it: their inner integrals are infinite everywhere.
            return request.weighted(partial(_log_gamma, exponent), support=(0.0, math.inf), remedy=remedy)
        if self.kind == "angle" and is_of_norm:
            weight, error = self._at_unit_norm, _ERROR
        elif self.kind == "angle":
            weight, error = self._tabulated_angle()
        else:
            table = tabulated(weight, signs=(1.0,))
            weight, error = table, _ERROR + table.error
        return request.weighted(weight, support=(0.0, highest), singularities=(0.0,), remedy=remedy, error=error)

    def _far(self, points: FloatArray) -> FloatArray:
        """Return up to which gap log(s_1/s_2) to integrate: s_2**-1/2 is the worst that the measure does."""
        return np.full(points.shape, 110.0)

    def _norm(self, norm: FloatArray) -> FloatArray:
        """Integrate |T| dphi, phi = atan(exp(-gap))."""
        size = np.log(np.maximum(norm, _TINY))

        def log_f(row: IndexArray, gap: FloatArray) -> FloatArray:
            tilt = np.log1p(np.exp(-2.0 * gap))
            return self.log_joint(size[row] - tilt / 2.0, gap) - gap - tilt

        return log_integrals(log_f, np.zeros(norm.shape), self._far(norm), width=3.0) + size

    def _at_unit_norm(self, angle: FloatArray) -> FloatArray:
        """Return the measure alone: a loss of the norm gives all angles the same weight."""
        gap = _gap(angle)
        with np.errstate(divide="ignore"):
            return (self.measure or self.log_measure)(-np.log1p(np.exp(-2.0 * gap)) / 2.0, gap)

    def _tabulated_angle(self) -> tuple[LogWeight, float]:
        """Tabulate the angle's law, without its zero where s_1 = s_2: the logarithm of that is no polynomial."""
        table = tabulated(lambda x: self._angle(x) - _log_difference(x), signs=(1.0,), farthest=math.pi / 4.0)
        return partial(_log_angle, table), _ERROR + table.error

    def _angle(self, angle: FloatArray) -> FloatArray:
        gap = _gap(angle)
        tilt = np.log1p(np.exp(-2.0 * gap)) / 2.0
        low, high = self._log_range

        def log_f(row: IndexArray, size: FloatArray) -> FloatArray:
            return self.log_joint(size - tilt[row], gap[row]) + 2.0 * size

        ends = np.full(angle.shape, low), np.full(angle.shape, high)
        return log_integrals(log_f, *ends, width=3.0)

    def _first(self, sigma: FloatArray) -> FloatArray:
        size = np.log(np.maximum(sigma, _TINY))

        def log_f(row: IndexArray, gap: FloatArray) -> FloatArray:
            return self.log_joint(size[row], gap) + size[row] - gap

        return log_integrals(log_f, np.zeros(sigma.shape), self._far(sigma), width=3.0)

    def _second(self, sigma: FloatArray) -> FloatArray:
        size = np.log(np.maximum(sigma, _TINY))
        reach = np.maximum(self._log_range[1] - size, 0.0) + 10.0

        def log_f(row: IndexArray, gap: FloatArray) -> FloatArray:
            return self.log_joint(size[row] + gap, gap) + size[row] + gap

        return log_integrals(log_f, np.zeros(sigma.shape), reach, width=3.0)

    @cached_property
    def _log_range(self) -> tuple[float, float]:
        """The logs of norms between which all that matters lies."""
        # A coarse sum over the gap: it has to see where the mass is, and not how much.
        gap: FloatArray = (np.arange(200, dtype=np.float64) + 0.5) * 0.2

        def log_norm(norm: FloatArray) -> FloatArray:
            tilt = np.log1p(np.exp(-2.0 * gap))
            size = np.log(np.maximum(norm, _TINY))
            return np.asarray(logsumexp(self.log_joint(size[:, None] - tilt / 2.0, gap) - gap - tilt, axis=1) + size)

        cells = integrate(log_norm, [(0.0, math.inf)], [0.0])
        seen = cells.nodes[cells.node_probability > 1e-30]
        return math.log(float(seen.min())) - 10.0, math.log(float(seen.max())) + 5.0


def _log_flat(form: Factorization, log_first: FloatArray, gap: FloatArray) -> FloatArray:
    return _log_vandermonde(log_first, gap) + (float(form.m + form.n) - 4.0) * (2.0 * log_first - gap)


def _log_literal(form: Factorization, log_first: FloatArray, gap: FloatArray) -> FloatArray:
    log_det = 2.0 * log_first - gap + (2.0 * _log_sum(log_first, gap) if form.is_full else 0.0)
    return _log_flat(form, log_first, gap) - 0.5 * log_det


def _log_haar(form: Factorization, log_first: FloatArray, gap: FloatArray) -> FloatArray:
    return _log_vandermonde(log_first, gap) + (float(form.m + form.n) / 2.0 - 2.0) * (2.0 * log_first - gap)


def _log_sum(log_first: FloatArray, gap: FloatArray) -> FloatArray:
    return np.asarray(log_first + np.log1p(np.exp(-gap)))


def _log_vandermonde(log_first: FloatArray, gap: FloatArray) -> FloatArray:
    return np.asarray(2.0 * log_first + np.log(-np.expm1(-2.0 * gap)))


def _gap(angle: FloatArray) -> FloatArray:
    """Return log(s_1/s_2) for the angle of (s_1, s_2)."""
    return np.asarray(-np.log(np.tan(np.clip(angle, _TINY, math.pi / 4.0))))


def _log_gamma(exponent: float, s: FloatArray) -> FloatArray:
    return np.asarray(exponent * np.log(s) - s)


def _log_difference(angle: FloatArray) -> FloatArray:
    """Return log(1 - s_2/s_1)."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.expm1(-_gap(angle))))


def _log_angle(table: LogWeight, angle: FloatArray) -> FloatArray:
    return table(angle) + _log_difference(angle)


@cache
def log_diagonal_factor(excess: int) -> Callable[[FloatArray], FloatArray]:
    """Return the function gap -> log of s_1 J, gap = log(s_1/s_2), J as in the module's text with m - n = `excess`.

    With t = log tan phi, J ds is 2 (B/A)^((m-n)/4) dt / sqrt((s_1 e^-t + s_2 e^t)(s_1 e^t + s_2 e^-t)) over the line,
    where the trapezoidal rule with steps of 1/4 is exact to 16 digits. It is tabulated once, as Legendre series.
    """
    step = 0.25

    def sums(gap: FloatArray) -> FloatArray:
        # Between -gap/2 and gap/2 the integrand is an exponential, and outside it falls like exp(-|t|).
        reach = step * math.ceil((gap.max() / 2.0 + 45.0) / step)
        t = np.arange(-reach, reach + step / 2.0, step)
        near, far = np.logaddexp(-t, t - gap[:, None]), np.logaddexp(t, -t - gap[:, None])
        logs = (excess / 4.0) * (far - near) - (near + far) / 2.0
        top = logs.max(axis=1)
        return np.asarray(top + np.log(2.0 * np.exp(logs - top[:, None]).sum(axis=1) * step))

    def values(gap: FloatArray) -> FloatArray:
        return np.concatenate([sums(part) for part in np.split(gap, range(64, gap.size, 64))])

    return PanelSeries.fit(values, np.array([0.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 800.0]))
