"""Which law a model has under a given dynamics: `density` finds the formula and says what it is a density of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.stats
import sympy
from numpy.typing import ArrayLike, NDArray

from ..checks import shown
from ..deadline import DEFAULT_TIMEOUT, within
from ..errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError
from ..model import Model, Scaling
from ..model.expressions import compiled, condensed, landmarks
from ..model.meaning import is_invariant
from ..process import Ambient, SoftSlice
from ..temperature import resolve_temperature
from .composition import Composition
from .confirmation import Target, require_confirmation
from .families import Product, affine_observable, quadratic_form
from .families import product as product_law
from .level_sets import Gibbs, pushed_forward
from .line import Density, LogWeight, integrate
from .request import Dynamics, Given, LawRequest
from .sheets import require_one_law
from .symmetric import curve_law, family_law

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
    timeout: float | None = DEFAULT_TIMEOUT,
) -> Density:
    """Return the stationary law of an observable in continuous time.

    For `Ambient` that is the push-forward of the Gibbs law exp(-V/T) dx, dx being Lebesgue measure, T = sigma**2 / beta
    and V = L + confinement + (weight_decay / 2) |x|**2. What is known:

    * the product model theta = u v with any loss l(theta), under a positive weight decay lam (or a confinement
      lam |x|**2 / 2): theta has the density 2 K0(lam |theta| / T) exp(-l / T) up to a constant, w.r.t. dtheta (closed
      form; the quadrature of the two-dimensional Gibbs weight is there to check it). The laws of u, v, u**2 - v**2 and
      u**2 + v**2 are quadratures.
    * models with a symmetry under `SoftSlice`, `GaugeFixed` and `Constrained`, and under `Ambient` in a shell: blocks
      (uv, neurons, column pairs), chains u1 ... uL, coordinatewise products, matrices of rank 2; see
      the modules of `laws.families`, and docs/theory.md for the formulas.
    * affine observables of a quadratic potential, such as `models.harmonic`: Gaussian.
    * the parameter of a model that has only one: exp(-V/T), by quadrature.
    * any other function of few parameters that can be solved for one of them, by formulas and on all branches, or that
      is affine in parameters in which V is quadratic: by quadrature over its level sets (see `laws.level_sets`), right
      to 1e-6 of a typical value and mostly far better. Parameters in which V is quadratic are integrated in closed
      form; of the others three at most, so three parameters are never too many. Max, Abs, Piecewise, square roots and
      sums over data are allowed.

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
    timeout : float or None
        The seconds after which it is refused; None for no limit. Beyond two seconds a bar is shown on terminals.

    Returns
    -------
    Density
        The law, w.r.t. the measure named by its `reference`.

    Raises
    ------
    NotNormalizableError
        If the law has infinite mass; the message says where it escapes and what to do.
    InvalidArgumentError
        If an argument is wrong, or no closed form is known where `method` asks for one.
    UnsupportedModelError
        If the observable has no density or cannot be solved for a parameter, or its quadrature does not converge or
        does not have the total mass of the Gibbs law: a result that is in doubt is not returned.
    OutOfTimeError
        If it takes longer than `timeout`; an UnsupportedModelError, too.

    Examples
    --------
    >>> from langevin_ib import models
    >>> law = density(models.scalar_product(), "theta", dynamics=Ambient(weight_decay=0.1), temperature=0.1)
    >>> law
    <Density ambient Gibbs law with weight decay 0.1, T = 0.1, with respect to d theta, closed form, cdf within 1e-13>
    >>> round(law.mean(), 6)
    0.84086
    """
    if not isinstance(model, Model):
        raise InvalidArgumentError(f"model must be a Model, got {model!r}; take one from models or build one")
    T = resolve_temperature(beta, sigma, temperature)
    asked = LawRequest(model=model, observable=observable, dynamics=dynamics, T=T, given=given, method=method)
    return within(
        timeout,
        lambda: _confirmed(asked),
        what=f"the law of {observable!r}",
        remedy="observe a simpler function, or sample the model and compare two independent runs",
    )


def _confirmed(asked: LawRequest) -> Density:
    """Return the law once a second integration has confirmed it; those on slices are as they were found."""
    if asked.is_on_slice:
        require_one_law(asked)
    law, model = _density(asked), asked.model
    if isinstance(asked.dynamics, Ambient | SoftSlice):
        condition = None if asked.given is None else (model.observable(asked.given[0]), *asked.given[1:])
        target = Target(
            asked.dynamics.potential(model), asked.expression, model.parameters, model.data, asked.T, condition
        )
        require_confirmation(law, target, f"the law of {asked.observable!r} = {shown(asked.expression)}")
    return law


def _density(asked: LawRequest) -> Density:
    composed = Composition.recognise(asked)
    law = _of_symmetry(asked, composed)
    if law is not None:
        return law
    if not isinstance(asked.dynamics, Ambient | SoftSlice):
        return asked.refused()
    if asked.given is not None:
        condition = asked.condition
        return _density(replace(asked, given=None)).conditioned(condition)
    request = _Request(
        model=asked.model,
        observable=asked.observable,
        expression=asked.expression,
        dynamics=asked.dynamics,
        T=asked.T,
        method=asked.method,
        name=asked.name,
    )
    if isinstance(asked.dynamics, Ambient):
        request.require_broken_symmetry()
        product, confinement = Product.recognise(asked.model), request.weight_decay()
        law = None if product is None or confinement is None else request.product(product, confinement)
        law = law or request.gaussian() or request.one_parameter()
    if law is not None:
        return law
    return request.pushed_forward() if composed is None else composed.density(_density)


def _of_symmetry(asked: LawRequest, composed: Composition | None) -> Density | None:
    """Return the law if it is one of those that a symmetry gives, or on a slice; None for those in the plane."""
    in_plane = isinstance(asked.dynamics, Ambient | SoftSlice)
    refusal: UnsupportedModelError | None = None
    try:
        law = family_law(asked)
    except UnsupportedModelError as error:
        law, refusal = None, error
    if law is not None:
        return law
    if composed is not None and not (in_plane and asked.shell is None):
        return composed.density(_density)
    law = curve_law(asked)
    # In the plane there is still the quadrature over level sets.
    if law is None and refusal is not None and not (in_plane and asked.shell is None and asked.method != "closed form"):
        raise refusal
    return law


@dataclass(frozen=True, kw_only=True)
class _Request:
    """The arguments of `density`, checked; each method is one family of laws."""

    model: Model
    observable: str
    expression: sympy.Expr
    dynamics: Ambient | SoftSlice
    T: float
    method: str
    name: str

    @property
    def reference(self) -> str:
        return f"d {self.observable}"

    def weighted(
        self,
        weight: LogWeight,
        *,
        lowest: float = -math.inf,
        method: str = "quadrature",
        breaks: ArrayLike = (),
    ) -> Density:
        return Density.from_log_weight(
            weight,
            name=self.name,
            reference=self.reference,
            support=(lowest, math.inf),
            method=method,
            breaks=breaks,
        )

    def potential(self) -> Callable[..., FloatArray]:
        return compiled(self.dynamics.potential(self.model), self.model.parameters, self.model.data)

    def weight_decay(self) -> float | None:
        """Return lam if confinement and weight decay together are lam |x|**2 / 2, else None."""
        square = sympy.Add(*(x**2 for x in self.model.parameters))
        share = sympy.expand(self.model.confinement).coeff(self.model.parameters[0], 2)
        if not share.is_number or sympy.expand(self.model.confinement - share * square) != 0:
            return None
        return self.dynamics.weight_decay + 2.0 * float(share)

    def product(self, product: Product, lam: float) -> Density | None:
        if lam <= 0.0:
            raise self._escape({product.u: sympy.Integer(1), product.v: sympy.Integer(-1)})
        kind, loss = product.kind(self.expression), product.loss_function()
        breaks = landmarks(product.loss, sympy.Symbol(product.name, real=True), product.data)
        closed_form = product_law.theta_closed_form(loss, lam, self.T)
        if kind == "theta" and self.method != "quadrature":
            return self.weighted(closed_form, method="closed form", breaks=breaks)
        if kind == "theta":
            weight = product_law.theta_pushed_forward(self.potential(), lam, self.T)
            return self.weighted(weight, breaks=breaks)
        if kind is None or self.method == "closed form":
            return None
        cells = integrate(closed_form, [(-math.inf, math.inf)], [0.0], breaks)
        formula = {"imbalance": product_law.imbalance, "norm": product_law.norm, "parameter": product_law.parameter}[
            kind
        ]
        return self.weighted(formula(loss, lam, self.T, cells), lowest=0.0 if kind == "norm" else -math.inf)

    def require_broken_symmetry(self) -> None:
        """Refuse a potential that is constant along the orbits of a scaling: they have infinite volume."""
        parameters, squares = self.model.parameters, sympy.Add(*(x**2 for x in self.model.parameters))
        # The loss is invariant, or there would be no model.
        confining = self.model.confinement + sympy.Float(self.dynamics.weight_decay) / 2 * squares
        known = self.model.symmetries
        product = [] if known else [Product.recognise(self.model)]
        known = (*known, *(Scaling({p.u: 1, p.v: -1}) for p in product if p is not None))
        for scaling in (each for each in known if isinstance(each, Scaling)):
            if is_invariant(confining, scaling.matrices(parameters), parameters, self.model.data):
                raise self._escape({x: w for x, w in scaling.weights.items() if w != 0})

    def _escape(self, weights: dict[sympy.Symbol, sympy.Expr]) -> NotNormalizableError:
        names = list(map(str, weights))
        moved = [f"s {x}" if w == 1 else f"{x} / s" if w == -1 else f"s**({w}) {x}" for x, w in weights.items()]
        return NotNormalizableError(
            f"the ambient Gibbs law of {self.observable!r} has infinite mass: the potential is constant along the "
            f"orbits ({', '.join(names)}) -> ({', '.join(moved)}), which have infinite volume, and the mass escapes "
            f"along them to {' or '.join(f'|{x}| = infinity' for x in names)}. Confine the process, for instance by "
            "Ambient(weight_decay=0.1) or a confinement of the model, or let it run on a slice"
        )

    def gaussian(self) -> Density | None:
        if self.method == "quadrature":
            return None
        formulas = (
            condensed(formula, self.model.parameters, self.model.data, rows=0)
            for formula in (self.dynamics.potential(self.model), self.expression)
        )
        potential, observable = (quadratic_form(formula, self.model.parameters) for formula in formulas)
        if potential is None or observable is None or observable[2].any() or not observable[1].any():
            return None
        mean, variance = affine_observable(potential, observable, self.T)
        normal = scipy.stats.norm(mean, math.sqrt(variance))
        return Density.from_scipy(normal, name=self.name, reference=self.reference)

    def one_parameter(self) -> Density | None:
        if self.method == "closed form" or self.model.dim != 1 or self.expression != self.model.parameters[0]:
            return None
        potential = self.potential()
        places = landmarks(self.dynamics.potential(self.model), self.model.parameters[0], self.model.data)
        return self.weighted(partial(_log_gibbs, potential, self.T), breaks=places)

    def pushed_forward(self) -> Density:
        if self.method == "closed form":
            raise InvalidArgumentError(
                f"no formula for the law of {self.observable!r} = {shown(self.expression)} with method='closed form'; "
                "known: u*v (closed form) in the product model, and Gaussian laws of affine functions of a "
                "quadratic potential; leave out method="
            )
        model, scalings = self.model, [each.weights for each in self.model.symmetries if isinstance(each, Scaling)]
        rest = self.dynamics.potential(model) - model.loss
        gibbs = Gibbs(model.loss, rest, self.expression, model.parameters, model.data, self.T)
        return pushed_forward(gibbs, scalings, name=self.name, reference=self.reference)


def _log_gibbs(potential: Callable[..., FloatArray], T: float, x: FloatArray) -> FloatArray:
    return -potential(x) / T
