"""Which law a model has under a given dynamics: `density` finds the formula and says what it is a density of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.stats
import sympy
from numpy.typing import NDArray

from . import product_law
from .distribution import Density
from .dynamics import Ambient
from .errors import InvalidArgumentError, NotNormalizableError
from .expressions import compiled
from .gaussian_law import affine_observable, quadratic_form
from .law_request import Dynamics, Given, LawRequest
from .model import Model
from .product_law import Product
from .quadrature import LogWeight, integrate
from .symmetric_law import symmetric_law
from .temperature import resolve_temperature

__all__ = ["Density", "density"]

FloatArray = NDArray[np.float64]


def density(
    model: Model,
    observable: str,
    *,
    dynamics: Dynamics,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    given: Given | None = None,
    method: str = "auto",
) -> Density:
    """Return the stationary law of an observable in continuous time.

    For `Ambient` that is the push-forward of the Gibbs law exp(-V/T) dx, dx being Lebesgue measure, T = sigma**2 / beta
    and V = L + (weight_decay / 2) |x|**2. What is known:

    * the product model theta = u v with any loss l(theta), under a positive weight decay lam: theta has the density
      2 K0(lam |theta| / T) exp(-l / T) up to a constant, w.r.t. dtheta (closed form; the quadrature of the
      two-dimensional Gibbs weight is there to check it). The laws of u, v, u**2 - v**2 and u**2 + v**2 are quadratures.
    * models with a symmetry under `SoftSlice`, `GaugeFixed` and `Constrained`, and under `Ambient` in a shell: blocks
      (uv, neurons, column pairs), chains u1 ... uL, coordinatewise products, matrices of rank 2; see `block_law`,
      `chain_law`, `torus_law` and `matrix_law`, and docs/theory.md for the formulas.
    * affine observables of a quadratic potential, such as `models.harmonic`: Gaussian.
    * the parameter of a model that has only one: exp(-V/T), by quadrature.

    The factor K0 is the volume of the orbit {u v = theta} under the Gaussian weight that the weight decay puts on it.
    ArXiv 2601.06597, equations (6)-(7), has |theta|**(-1/2) in its place: that belongs to another process, confined to
    the slice u**2 = v**2, and to another measure, the arc length of that slice (see `rivals`).

    Parameters
    ----------
    model : Model
        The model.
    observable : str
        One of `model.observable_names`.
    dynamics : Ambient, SoftSlice, GaugeFixed or Constrained
        The process whose stationary law is wanted.
    beta, sigma, temperature : float, optional
        The temperature, see `resolve_temperature`.
    given : (name, lo, hi), optional
        The condition lo <= name < hi, such as ("imbalance", -0.2, 0.2) for a shell about the slice u**2 = v**2; it
        belongs to a `Histogram` with the same `given`. Either a condition on the imbalance, or on the observable
        itself, in which case `compare` conditions the histogram.
    method : {"auto", "closed form", "quadrature"}
        "auto" takes the closed form where there is one.

    Returns
    -------
    Density
        The law, w.r.t. the measure named by its `reference`.

    Raises
    ------
    NotNormalizableError
        If the law has infinite mass; the message says where it escapes and what to do.
    InvalidArgumentError
        If an argument is wrong, or no formula for that observable is known.

    Examples
    --------
    >>> from langevin_ib import models
    >>> law = density(models.scalar_product(), "theta", dynamics=Ambient(weight_decay=0.1), temperature=0.1)
    >>> law
    <Density ambient Gibbs law with weight decay 0.1, T = 0.1, with respect to d theta, closed form>
    >>> round(law.mean(), 6)
    0.84086
    """
    if not isinstance(model, Model):
        raise InvalidArgumentError(f"model must be a Model, got {model!r}; take one from models or build one")
    T = resolve_temperature(beta, sigma, temperature)
    asked = LawRequest(model=model, observable=observable, dynamics=dynamics, T=T, given=given, method=method)
    law = symmetric_law(asked)
    if law is not None or not isinstance(dynamics, Ambient):
        return law or asked.refused()
    if given is not None:
        unconditioned = density(model, observable, dynamics=dynamics, temperature=T, method=method)
        return unconditioned.conditioned(asked.condition)
    request = _Request(
        model=model, observable=observable, expression=asked.expression, dynamics=dynamics, T=T, method=method
    )
    if model.data:
        raise InvalidArgumentError(f"no formula is known for the law of {observable!r} of a model with data")
    # The formulas of the product model know weight decay, and no other confinement.
    product = Product.recognise(model) if model.confinement == 0 else None
    if product is not None:
        return request.product(product)
    law = request.gaussian() or request.one_parameter()
    if law is None:
        raise request.unknown(
            "Gaussian laws of affine observables of a quadratic potential (closed form), and the parameter of a "
            "one-parameter model (quadrature)"
        )
    return law


@dataclass(frozen=True, kw_only=True)
class _Request:
    """The arguments of `density`, checked; each method is one family of laws."""

    model: Model
    observable: str
    expression: sympy.Expr
    dynamics: Ambient
    T: float
    method: str

    @property
    def name(self) -> str:
        decay = f" with weight decay {self.dynamics.weight_decay:.12g}" if self.dynamics.weight_decay else ""
        return f"ambient Gibbs law{decay}, T = {self.T:.12g}"

    @property
    def reference(self) -> str:
        return f"d {self.observable}"

    def weighted(self, weight: LogWeight, *, lowest: float = -math.inf, method: str = "quadrature") -> Density:
        return Density.from_log_weight(
            weight, name=self.name, reference=self.reference, support=(lowest, math.inf), method=method
        )

    def unknown(self, known: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"no formula for the law of {self.observable!r} = {self.expression} with method={self.method!r}; known for "
            f"this dynamics: {known}"
        )

    def potential(self) -> Callable[..., FloatArray]:
        return compiled(self.dynamics.potential(self.model), self.model.parameters)

    def product(self, product: Product) -> Density:
        lam = self.dynamics.weight_decay
        if lam == 0.0:
            raise self._escape(product)
        kind, loss = product.kind(self.expression), product.loss_function()
        closed_form = product_law.theta_closed_form(loss, lam, self.T)
        if kind == "theta" and self.method != "quadrature":
            return self.weighted(closed_form, method="closed form")
        if kind == "theta":
            weight = product_law.theta_pushed_forward(self.potential(), lam, self.T)
            return self.weighted(weight)
        if kind is None or self.method == "closed form":
            u, v = product.u, product.v
            raise self.unknown(f"{u}*{v} (closed form); {u}, {v}, {u}**2 - {v}**2, {u}**2 + {v}**2 (quadrature)")
        cells = integrate(closed_form, [(-math.inf, math.inf)], [0.0])
        formula = {"imbalance": product_law.imbalance, "norm": product_law.norm, "parameter": product_law.parameter}[
            kind
        ]
        return self.weighted(formula(loss, lam, self.T, cells), lowest=0.0 if kind == "norm" else -math.inf)

    def _escape(self, product: Product) -> NotNormalizableError:
        u, v = product.u, product.v
        return NotNormalizableError(
            f"the ambient Gibbs law of {self.observable!r} has infinite mass: the loss is constant along the orbits "
            f"({u}, {v}) -> (s {u}, {v} / s), which have infinite volume, and the mass escapes along them to "
            f"|{u}| = infinity or |{v}| = infinity. Confine the process, for instance by "
            f"Ambient(weight_decay=0.1), or let it run on a slice {u}**2 - {v}**2 = const"
        )

    def gaussian(self) -> Density | None:
        if self.method == "quadrature":
            return None
        potential = quadratic_form(self.dynamics.potential(self.model), self.model.parameters)
        observable = quadratic_form(self.expression, self.model.parameters)
        if potential is None or observable is None or observable[2].any() or not observable[1].any():
            return None
        mean, variance = affine_observable(potential, observable, self.T)
        normal = scipy.stats.norm(mean, math.sqrt(variance))
        return Density.from_scipy(normal, name=self.name, reference=self.reference)

    def one_parameter(self) -> Density | None:
        if self.method == "closed form" or self.model.dim != 1 or self.expression != self.model.parameters[0]:
            return None
        potential = self.potential()
        return self.weighted(lambda x: -potential(x) / self.T)
