"""The laws of the product model theta = u v in all parameters, under weight decay; `product` has the formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy
from numpy.typing import NDArray

from ...checks import checked_real
from ...errors import InvalidArgumentError, NotNormalizableError
from ...model.expressions import compiled, landmarks
from ...process import Ambient
from ..integrals import tabulated
from ..line import Density, Interval, LogWeight, integrate
from ..recomputed import Recomputed
from ..request import LawRequest
from .product import Product, imbalance, norm, parameter, theta_closed_form, theta_pushed_forward
from .wrong_laws import existing

__all__ = ["ProductLaw"]

FloatArray = NDArray[np.float64]

_FORMULAS = {"imbalance": imbalance, "norm": norm, "parameter": parameter}
_EVERYWHERE = (-math.inf, math.inf)
_BOUNDED = math.exp(-41.0)  # nearer to 0, in units of its scale, a bounded weight is a constant
_UNKNOWN = 1e-3  # of a distribution function over which integrals are to be taken
_NEAREST, _NOTHING = 1e-100, 1e-100  # of distances, and of probabilities


@dataclass(frozen=True)
class ProductLaw(Recomputed):
    """The laws of theta, imbalance, norm and parameters of the product model under the ambient process.

    Parameters
    ----------
    request : LawRequest
        What was asked.
    product : Product
        Of which model.
    kind : {"theta", "imbalance", "norm", "parameter"}
        Which of its quantities.
    """

    request: LawRequest
    product: Product
    kind: str

    @classmethod
    def recognise(cls, request: LawRequest) -> ProductLaw | None:
        """Return the law of a request about the product model in the plane, else None."""
        if not isinstance(request.dynamics, Ambient) or request.given is not None:
            return None
        product = Product.recognise(request.model)
        if product is None or request.process.weight_decay is None:
            return None
        kind = product.kind(request.expression)
        is_known = kind is not None and (kind == "theta" or request.method != "closed form")
        return cls(request, product, kind) if kind is not None and is_known else None

    def density(self) -> Density:
        """Return the law.

        Raises
        ------
        NotNormalizableError
            If the weight decay is not positive.
        """
        request, product, lam = self.request, self.product, self._weight_decay()
        loss, T = product.loss_function(), request.T
        breaks = landmarks(product.loss, sympy.Symbol(product.name, real=True), product.data)
        closed_form = theta_closed_form(loss, lam, T)
        if self.kind == "theta" and request.method != "quadrature":
            return request.weighted(closed_form, method="closed form", breaks=breaks)
        if self.kind == "theta":
            potential = compiled(request.process.potential, request.model.parameters, request.model.data)
            return request.weighted(theta_pushed_forward(potential, lam, T), breaks=breaks)
        cells = integrate(closed_form, [_EVERYWHERE], [0.0], breaks)
        if cells.error > _UNKNOWN:
            raise request.unsupported(
                f"that of {product.name} is known to {cells.error:.1g} only", "raise the temperature"
            )
        formula = _FORMULAS[self.kind](loss, lam, T, cells)
        # In units of theta and T/lam, as a table ends at exp(-42).
        unit = float(np.sum(cells.node_probability * np.abs(cells.nodes))) + T / lam
        unit = math.sqrt(unit) if self.kind == "parameter" else unit
        table = tabulated(partial(_in_units, formula, unit), signs=(1.0,))
        nearest = 0.0 if self.kind == "imbalance" else _BOUNDED
        support = (0.0 if self.kind == "norm" else -math.inf, math.inf)
        ends = [side * unit * x for side in (-1, 1) for x in table.breaks]
        return request.weighted(
            partial(_even, table, unit, nearest), support=support, breaks=ends, error=table.error + cells.error
        )

    def rivals(self, cutoff: float | None = None) -> dict[str, Density] | None:
        """Return laws of theta with other powers of |theta|; by default a tenth of a standard deviation is left out."""
        if self.kind != "theta":
            return None
        reach = self._reach(cutoff)
        outside = ((-math.inf, -reach), (reach, math.inf))
        return existing(
            {
                "no correction": partial(self._rival, 0.0, "exp(-L/T)", None),
                "half exponent": partial(self._rival, 0.5, "|theta|^(-1/2) exp(-L/T)", None),
                "slice law": partial(self._rival, 1.0, "|theta|^(-1) exp(-L/T)", outside),
            }
        )

    def _reach(self, cutoff: float | None) -> float:
        law = self.density()
        if cutoff is None:
            return law.std() / 10.0
        reach = checked_real("cutoff", cutoff, minimum=0.0, open_end=True)
        largest = max(-float(law.ppf(_NOTHING)), float(law.isf(_NOTHING)))
        if not _NEAREST * largest < reach < largest:
            raise InvalidArgumentError(
                f"cutoff={cutoff!r} must be between {_NEAREST * largest:.3g} and {largest:.3g}, beyond which nothing "
                "of the law is left; a tenth of its standard deviation, say"
            )
        return reach

    def _rival(self, exponent: float, formula: str, where: tuple[Interval, ...] | None) -> Density:
        request = self.request
        return Density.from_log_weight(
            partial(_log_power_law, self.product.loss_function(), request.T, exponent),
            name=f"{formula.replace('theta', request.observable)}, T = {request.T:.12g}",
            reference=request.reference,
            method="closed form",
            given=where,
        )

    def _weight_decay(self) -> float:
        lam = self.request.process.weight_decay or 0.0
        if lam <= 0.0:
            raise NotNormalizableError(
                f"the {self.request.name} has infinite mass: confinement and weight decay are {lam:.6g} |x|**2 / 2 "
                "together, which keeps nothing back; add a larger Ambient(weight_decay=...)"
            )
        return lam


def _in_units(log_weight: LogWeight, unit: float, x: FloatArray) -> FloatArray:
    return log_weight(unit * x)


def _even(table: LogWeight, unit: float, nearest: float, x: FloatArray) -> FloatArray:
    """Return the log-weight by the table for x > 0: u and -u have one law, and so have u**2 - v**2 and its negative."""
    return table(np.maximum(np.abs(x / unit), nearest))


def _log_power_law(
    loss: Callable[[FloatArray], FloatArray], T: float, exponent: float, theta: FloatArray
) -> FloatArray:
    with np.errstate(divide="ignore"):
        prefactor = -exponent * np.log(np.abs(theta)) if exponent else 0.0
    return prefactor - loss(theta) / T
