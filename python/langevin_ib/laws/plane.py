"""Laws in all parameters, of exp(-V/T) dx: the product model, Gaussians, one parameter, and the push-forward of any."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.stats
import sympy
from numpy.typing import ArrayLike, NDArray

from ..checks import shown
from ..errors import InvalidArgumentError, NotNormalizableError
from ..model import Model, Scaling, Translation
from ..model.expressions import compiled, condensed, landmarks
from ..model.meaning import is_constant_along, is_invariant
from .families import Product, affine_observable, quadratic_form
from .families import product as product_law
from .level_sets import Gibbs, pushed_forward
from .line import Density, Interval, LogWeight, integrate
from .request import LawRequest

__all__ = ["InPlane"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class InPlane:
    """What is asked of a process in all parameters, without a condition; each method is one family of laws.

    Parameters
    ----------
    asked : LawRequest
        The request.
    """

    asked: LawRequest

    @property
    def model(self) -> Model:
        """The model."""
        return self.asked.model

    def potential(self) -> Callable[..., FloatArray]:
        """Return V as a NumPy function of the parameters."""
        return compiled(self.asked.process.potential, self.model.parameters, self.model.data)

    def product(self) -> Density | None:
        """Return the law of the product model's theta, imbalance, norm or parameters; None if it is another model."""
        product, lam = Product.recognise(self.model), self.asked.process.weight_decay
        if product is None or lam is None:
            return None
        if lam <= 0.0:
            raise self._escape({product.u: sympy.Integer(1), product.v: sympy.Integer(-1)})
        kind, loss = product.kind(self.asked.expression), product.loss_function()
        breaks = landmarks(product.loss, sympy.Symbol(product.name, real=True), product.data)
        closed_form = product_law.theta_closed_form(loss, lam, self.asked.T)
        if kind == "theta" and self.asked.method != "quadrature":
            return self._weighted(closed_form, method="closed form", breaks=breaks)
        if kind == "theta":
            weight = product_law.theta_pushed_forward(self.potential(), lam, self.asked.T)
            return self._weighted(weight, breaks=breaks)
        if kind is None or self.asked.method == "closed form":
            return None
        cells = integrate(closed_form, [(-math.inf, math.inf)], [0.0], breaks)
        lowest = 0.0 if kind == "norm" else -math.inf
        formula = {"imbalance": product_law.imbalance, "norm": product_law.norm, "parameter": product_law.parameter}[
            kind
        ]
        return self._weighted(formula(loss, lam, self.asked.T, cells), support=(lowest, math.inf))

    def require_broken_symmetry(self) -> None:
        """Refuse a potential that is constant along the orbits of a scaling: they have infinite volume."""
        parameters, squares = self.model.parameters, sympy.Add(*(x**2 for x in self.model.parameters))
        # The loss is invariant, or there would be no model.
        confining = (
            self.model.confinement + sympy.Float(getattr(self.asked.dynamics, "weight_decay", 0.0)) / 2 * squares
        )
        known = self.model.symmetries
        product = [] if known else [Product.recognise(self.model)]
        known = (*known, *(Scaling({p.u: 1, p.v: -1}) for p in product if p is not None))
        for translation in (each for each in known if isinstance(each, Translation)):
            if is_constant_along(confining, [translation], parameters, self.model.data):
                raise self._escape_along(translation)
        for scaling in (each for each in known if isinstance(each, Scaling)):
            if is_invariant(confining, scaling.matrices(parameters), parameters, self.model.data):
                raise self._escape({x: w for x, w in scaling.weights.items() if w != 0})

    def _weighted(
        self,
        weight: LogWeight,
        *,
        support: Interval = (-math.inf, math.inf),
        method: str = "quadrature",
        breaks: ArrayLike = (),
    ) -> Density:
        asked = self.asked
        return Density.from_log_weight(
            weight, name=asked.name, reference=asked.reference, support=support, method=method, breaks=breaks
        )

    def _escape(self, weights: dict[sympy.Symbol, sympy.Expr]) -> NotNormalizableError:
        names = list(map(str, weights))
        moved = [f"s {x}" if w == 1 else f"{x} / s" if w == -1 else f"s**({w}) {x}" for x, w in weights.items()]
        return NotNormalizableError(
            f"the ambient Gibbs law of {self.asked.observable!r} has infinite mass: the potential is constant along "
            f"the orbits ({', '.join(names)}) -> ({', '.join(moved)}), which have infinite volume, and the mass "
            f"escapes along them to {' or '.join(f'|{x}| = infinity' for x in names)}. Confine the process, for "
            "instance by Ambient(weight_decay=0.1) or a confinement of the model, or let it run on a slice"
        )

    def _escape_along(self, translation: Translation) -> NotNormalizableError:
        moved = ", ".join(f"{x} + ({a}) s" for x, a in translation.direction.items() if a != 0)
        return NotNormalizableError(
            f"the ambient Gibbs law of {self.asked.observable!r} has infinite mass: the potential is constant along "
            f"the translations ({moved}), and the mass escapes along them to infinity. Confine the process, for "
            "instance by Ambient(weight_decay=0.1) or a confinement of the model, or let it run on a slice"
        )

    def gaussian(self) -> Density | None:
        """Return the law of an affine observable of a quadratic potential; None if it is another one."""
        if self.asked.method == "quadrature":
            return None
        formulas = (
            condensed(formula, self.model.parameters, self.model.data, rows=0)
            for formula in (self.asked.process.potential, self.asked.expression)
        )
        potential, observable = (quadratic_form(formula, self.model.parameters) for formula in formulas)
        if potential is None or observable is None or observable[2].any() or not observable[1].any():
            return None
        mean, variance = affine_observable(potential, observable, self.asked.T)
        normal = scipy.stats.norm(mean, math.sqrt(variance))
        return Density.from_scipy(normal, name=self.asked.name, reference=self.asked.reference)

    def one_parameter(self) -> Density | None:
        """Return exp(-V/T) of the only parameter; None if there are more."""
        asked = self.asked
        if asked.method == "closed form" or self.model.dim != 1 or asked.expression != self.model.parameters[0]:
            return None
        potential = self.potential()
        places = landmarks(self.asked.process.potential, self.model.parameters[0], self.model.data)
        return self._weighted(partial(_log_gibbs, potential, self.asked.T), breaks=places)

    def pushed_forward(self) -> Density:
        """Return the law by quadrature over level sets."""
        if self.asked.method == "closed form":
            raise InvalidArgumentError(
                f"no formula for the law of {self.asked.observable!r} = {shown(self.asked.expression)} with "
                "method='closed form'; known: u*v (closed form) in the product model, and Gaussian laws of affine "
                "functions of a quadratic potential; leave out method="
            )
        model, scalings = self.model, [each.weights for each in self.model.symmetries if isinstance(each, Scaling)]
        rest = self.asked.process.potential - model.loss
        gibbs = Gibbs(model.loss, rest, self.asked.expression, model.parameters, model.data, self.asked.T)
        return pushed_forward(gibbs, scalings, name=self.asked.name, reference=self.asked.reference)


def _log_gibbs(potential: Callable[..., FloatArray], T: float, x: FloatArray) -> FloatArray:
    return -potential(x) / T
