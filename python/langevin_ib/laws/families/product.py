r"""The laws of the product model theta = u v under weight decay: formulas for the log-weights of its observables.

Everything follows from the Gibbs measure exp(-V/T) du dv, V = l(theta) + (lam/2)(u^2 + v^2), by a change of variables.

* u = +-sqrt|theta| e^s, v = +-sgn(theta) sqrt|theta| e^-s: du dv = dtheta ds on each of the two branches, and
  u^2 + v^2 = 2|theta| cosh 2s. Integrating s out gives 2 K0(lam |theta| / T) exp(-l/T) dtheta, since
  int exp(-x cosh 2s) ds = K0(x).
* q = u^2 - v^2: du dv = dtheta dq / (2 r) on each branch, r = u^2 + v^2 = sqrt(q^2 + 4 theta^2).
* u and v have the same law: du dv = du dtheta / |u|.
* N = u^2 + v^2 in polar coordinates, theta = (N/2) sin psi: the weight is exp(-lam N / 2T) times the integral of
  exp(-l/T) dpsi over (-pi/2, pi/2), with respect to dN.

All weights have the same total, the integral of exp(-V/T) du dv.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import erf, k0e, logsumexp

from ...errors import UnsupportedModelError
from ...model import Model
from ...model.expressions import Data, compiled
from ..line import LogWeight, Panels

__all__ = ["Product", "imbalance", "norm", "parameter", "theta_closed_form", "theta_pushed_forward"]

FloatArray = NDArray[np.float64]
Loss: TypeAlias = Callable[[FloatArray], FloatArray]
Potential: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]

_BLOCK, _CACHED = 2**20, 2**15  # entries of the largest temporary array, and of one that stays in the cache
_UNDERFLOW = 1e-250  # what is smaller is summed by its logarithms
_NEAR = 1e-9  # below, K0(x) is log(2/x) - gamma to all digits
_LOG_FOUR = math.log(4.0) - 2.0 * np.euler_gamma
_CUT = 45.0  # exp(-45) is what the truncation of an inner integral leaves out


@dataclass(frozen=True)
class Product:
    """A model recognised as the product model.

    Parameters
    ----------
    name : str
        The name of the predictor component u v.
    u, v : sympy.Symbol
        The parameters.
    loss : sympy.Expr
        The loss as a function l of the real symbol called `name`.
    data : mapping from str to array
        What the loss sums over.
    """

    name: str
    u: sympy.Symbol
    v: sympy.Symbol
    loss: sympy.Expr
    data: Data

    @classmethod
    def recognise(cls, model: Model) -> Product | None:
        """Return the product structure of a model with two parameters whose predictor is their product, else None."""
        if model.dim != 2 or len(model.predictor) != 1:
            return None
        (name, predictor), (u, v) = next(iter(model.predictor.items())), model.parameters
        if sympy.expand(predictor - u * v) != 0:
            return None
        try:
            return cls(name, u, v, model.loss_of_predictor(), model.data)
        except UnsupportedModelError:
            return None

    def loss_function(self) -> Loss:
        """Return l as a NumPy function."""
        return compiled(self.loss, [sympy.Symbol(self.name, real=True)], self.data)

    def kind(self, expression: sympy.Expr) -> str | None:
        """Return which of "theta", "imbalance", "norm", "parameter" an observable is, or None."""
        u, v = self.u, self.v
        forms = {u * v: "theta", u**2 + v**2: "norm", u: "parameter", v: "parameter"}
        forms |= {u**2 - v**2: "imbalance", v**2 - u**2: "imbalance"}  # one law: exchanging u and v changes nothing
        return next((kind for form, kind in forms.items() if sympy.expand(expression - form) == 0), None)


def theta_closed_form(loss: Loss, weight_decay: float, temperature: float) -> LogWeight:
    """Return log of 2 K0(lam |theta| / T) exp(-l(theta) / T), w.r.t. dtheta; +inf at theta = 0."""
    return partial(_log_closed_form, loss, weight_decay, temperature)


def _log_closed_form(loss: Loss, weight_decay: float, temperature: float, theta: FloatArray) -> FloatArray:
    x = weight_decay / temperature * np.abs(theta)
    log_bessel = np.empty(x.shape)
    is_near = x < _NEAR
    away = x[~is_near]
    log_bessel[~is_near] = np.log(2.0 * k0e(away)) - away
    with np.errstate(divide="ignore"):
        log_x = math.log(weight_decay) - math.log(temperature) + np.log(np.abs(theta[is_near]))  # x may underflow
        log_bessel[is_near] = np.log(_LOG_FOUR - 2.0 * log_x)
    return log_bessel - loss(theta) / temperature


def theta_pushed_forward(potential: Potential, weight_decay: float, temperature: float) -> LogWeight:
    """Return the log of int exp(-V(u, v) / T) ds over both branches of u v = theta, w.r.t. dtheta.

    V is evaluated as it stands. The trapezoidal rule converges geometrically on an analytic integrand that decays
    double-exponentially; the weight decay only tells where it has dropped by exp(-45), which is where s is cut.
    """
    return partial(_log_pushed_forward, potential, weight_decay, temperature)


def _log_pushed_forward(potential: Potential, weight_decay: float, temperature: float, theta: FloatArray) -> FloatArray:
    result = np.full(theta.shape, np.inf)
    (known,) = np.nonzero(theta)
    with np.errstate(over="ignore"):
        reach = 0.5 * np.arccosh(1.0 + _CUT * temperature / (weight_decay * np.abs(theta[known])))
    half = np.ceil(np.maximum(16.0, reach / 0.12)).astype(int)
    for start, stop in _blocks(2 * half + 1):
        rows = known[start:stop]
        count = int(half[start:stop].max())
        s = reach[start:stop, None] * np.linspace(-1.0, 1.0, 2 * count + 1)
        root = np.sqrt(np.abs(theta[rows, None]))
        u, v = root * np.exp(s), np.sign(theta[rows, None]) * root * np.exp(-s)
        branches = np.logaddexp(-potential(u, v) / temperature, -potential(-u, -v) / temperature)
        result[rows] = logsumexp(branches, axis=1) + np.log(reach[start:stop] / count)
    return result


@dataclass(frozen=True, eq=False)
class _Rule:
    """An integral over theta by the nodes of its law.

    Parameters
    ----------
    weight_decay, temperature : float
        lam and T.
    theta, log_measure : (n,) arrays
        The nodes, and the logs of exp(-l/T) dtheta there.
    gap : float
        The distance from 0 where the nodes begin.
    log_core : float
        The log of exp(-l/T) nearer to 0.
    """

    weight_decay: float
    temperature: float
    theta: FloatArray
    log_measure: FloatArray
    gap: float
    log_core: float

    @classmethod
    def of(cls, loss: Loss, weight_decay: float, temperature: float, cells: Panels) -> _Rule:
        """Take the nodes from the law of theta."""
        inner = cells.right[(cells.origin == 0.0) & (cells.sign > 0.0) & (cells.kappa > 0.0)]
        gap = float(inner[0])
        seen = (np.abs(cells.nodes) > gap * (1.0 + 1e-9)) & (cells.node_probability > 1e-30)
        theta = cells.nodes[seen]
        log_measure = np.log(cells.measure[seen]) - loss(theta) / temperature
        log_core = -float(loss(np.array([gap]))[0]) / temperature
        return cls(weight_decay, temperature, theta, log_measure, gap, log_core)

    def log_sum(self, terms: Callable[[FloatArray], tuple[FloatArray, FloatArray]], points: FloatArray) -> FloatArray:
        """Return the logs of the integrals of exp(a)/b over the nodes, terms(points[:, None]) being a < 0 and b."""
        top = float(np.max(self.log_measure))
        shares, result = np.exp(self.log_measure - top), np.empty(points.shape)
        rows = 1 + _CACHED // self.theta.size
        for start in range(0, points.size, rows):
            mine = slice(start, start + rows)
            with np.errstate(all="ignore"):
                exponents, divisors = terms(points[mine, None])
                sums = (np.exp(exponents) / divisors) @ shares
                result[mine] = np.log(sums) + top
                if sums.min() < _UNDERFLOW:
                    result[mine] = logsumexp(exponents - np.log(divisors) + self.log_measure, axis=1)
        return result


def imbalance(loss: Loss, weight_decay: float, temperature: float, cells: Panels) -> LogWeight:
    """Return log of int exp(-l/T - lam r / 2T) dtheta / r, w.r.t. dq, r = sqrt(q^2 + 4 theta^2).

    `cells` hold the law of theta, whose nodes do the integral.
    """
    return partial(_log_imbalance, _Rule.of(loss, weight_decay, temperature, cells))


def _log_imbalance(rule: _Rule, q: FloatArray) -> FloatArray:
    rate, size = rule.weight_decay / (2.0 * rule.temperature), np.abs(q)
    squares = 4.0 * rule.theta**2

    def terms(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        r = np.sqrt(rows**2 + squares)
        return squares / (r + rows) * -rate, r  # r - |q| without a difference

    # Between the innermost nodes only 1/r varies: its integral over |theta| < gap is asinh(2 gap / |q|).
    with np.errstate(divide="ignore"):
        core = np.log(np.arcsinh(2.0 * rule.gap / size)) + rule.log_core
        return np.asarray(np.logaddexp(rule.log_sum(terms, size), core) - rate * size)


def parameter(loss: Loss, weight_decay: float, temperature: float, cells: Panels) -> LogWeight:
    """Return log of int exp(-l/T - lam (u^2 + theta^2/u^2) / 2T) dtheta / |u|, w.r.t. du.

    `cells` hold the law of theta, whose nodes do the integral.
    """
    return partial(_log_parameter, _Rule.of(loss, weight_decay, temperature, cells))


def _log_parameter(rule: _Rule, u: FloatArray) -> FloatArray:
    rate = rule.weight_decay / (2.0 * rule.temperature)

    squares = rule.theta**2

    def terms(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        return squares * (-rate / rows**2), np.ones(1)

    # Between the innermost nodes the loss is constant, and the rest is a Gaussian integral over v = theta / u.
    with np.errstate(divide="ignore", over="ignore"):
        core = np.log(np.sqrt(math.pi / rate) * erf(rule.gap * math.sqrt(rate) / np.abs(u))) + rule.log_core
        outer = np.full(u.shape, -np.inf)
        (known,) = np.nonzero(u)
        outer[known] = rule.log_sum(terms, np.abs(u[known])) - np.log(np.abs(u[known]))
    return np.asarray(np.logaddexp(outer, core) - rate * u**2)


def norm(loss: Loss, weight_decay: float, temperature: float, cells: Panels) -> LogWeight:
    """Return log of exp(-lam N / 2T) int exp(-l((N/2) sin psi) / T) dpsi, w.r.t. dN; `cells` hold theta's law.

    The midpoint rule is doubled until it stands still, which it does geometrically fast, the integrand being analytic
    and periodic; not in psi, though, but in phi, tan psi = kappa tan phi, which brings more points to psi = 0 if N is
    so large that the loss leaves room only there.
    """
    seen = cells.node_probability > 0.0
    lowest = float(np.min(loss(cells.nodes[seen])))
    scale = math.sqrt(float(np.sum((cells.node_probability * cells.nodes**2)[seen])))
    return _LogNorm(loss, weight_decay, temperature, lowest, scale, cells.log_total)


@dataclass(frozen=True, eq=False)
class _LogNorm:
    """The law of N: the lowest loss, the scale of theta, and the log of the mass of its law tell where to look."""

    loss: Loss
    weight_decay: float
    temperature: float
    lowest: float
    scale: float
    log_total: float

    def __call__(self, total: FloatArray) -> FloatArray:
        """Return the log of the weight."""
        weight_decay, temperature = self.weight_decay, self.temperature
        decay = -weight_decay * total / (2.0 * temperature)
        result = np.full(total.shape, -np.inf)
        # Where a bound on the mass per unit of log N is below exp(-100) of everything, the weight is taken as zero.
        with np.errstate(divide="ignore"):
            bound = math.log(math.pi) + decay - self.lowest / temperature + np.log(total)
        rising = total < 2.0 * temperature / weight_decay
        (active,) = np.nonzero((total >= 0.0) & (rising | (bound > self.log_total - 100.0)))
        previous, count = np.full(active.shape, np.nan), 32
        while active.size:
            phi = (np.arange(count) + 0.5) / count * math.pi - math.pi / 2
            terms = partial(_norm_terms, self.loss, temperature, self.scale, phi)
            value = _summed(terms, total[active], count) + math.log(math.pi / count)
            result[active] = value + decay[active]
            with np.errstate(invalid="ignore"):
                open_rows = ~(np.abs(value - previous) < 2e-13 + 4e-16 * np.abs(value))
            active, previous, count = active[open_rows], value[open_rows], 2 * count
            if count > 2**15 and active.size:
                raise UnsupportedModelError(
                    f"the law of u**2 + v**2 is not resolved at {total[active[0]]:g}: the loss has a kink or the "
                    "temperature is too low for this rule; use another observable"
                )
        return result


def _norm_terms(loss: Loss, temperature: float, scale: float, phi: FloatArray, total: FloatArray) -> FloatArray:
    """Return log of exp(-l(theta)/T) dpsi/dphi: sin psi = kappa sin phi / g, dpsi = kappa dphi / g^2."""
    kappa = np.sqrt(np.minimum(1.0, 2.0 * scale / total))
    square = np.cos(phi) ** 2 + (kappa * np.sin(phi)) ** 2
    theta = total / 2.0 * kappa * np.sin(phi) / np.sqrt(square)
    log_jacobian: FloatArray = np.log(kappa / square)
    return log_jacobian - loss(theta) / temperature


def _summed(terms: Loss, points: FloatArray, width: int) -> FloatArray:
    """Return logsumexp of terms(points[:, None]) along the second axis, in blocks of bounded memory."""
    result = np.empty(points.shape)
    for start, stop in _blocks(np.full(points.shape, width)):
        with np.errstate(all="ignore"):  # overflow to infinity means weight zero
            result[start:stop] = logsumexp(terms(points[start:stop, None]), axis=1)
    return result


def _blocks(widths: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cut rows of the given widths into runs whose padded size stays below `_BLOCK`."""
    runs: list[tuple[int, int]] = []
    start, widest = 0, 0
    for index, width in enumerate(widths):
        widest = max(widest, int(width))
        if widest * (index + 1 - start) > _BLOCK and index > start:
            runs.append((start, index))
            start, widest = index, int(width)
    return [*runs, (start, len(widths))] if len(widths) else runs
