"""`SoftSlice`: the Langevin equation in all parameters, with a spring that pulls towards the slice."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from ..checks import checked_real
from ..model import Model, Rows, checked_metric
from .dynamics import Dynamics, decay
from .on_slice import constraints_of

__all__ = ["SoftSlice"]


@dataclass(frozen=True, repr=False)
class SoftSlice(Dynamics):
    r"""The Langevin equation in all parameters, with a spring that pulls towards the slice {chi = 0}.

    dx = -grad V dt + sqrt(2 T) dW with V = L + confinement + (weight_decay / 2) |x|**2 + (stiffness / 2) sum_a
    chi_a**2, where chi_a are `model.constraints()`. Its stationary law is exp(-V / T) dx (dx: Lebesgue measure of the
    parameters). For theta = u v it is e**x K0(x) exp(-L / T) dtheta, x = stiffness theta**2 / (4 T). As the spring
    stiffens, it tends to exp(-L / T) (det G)**(-1/2) dS on the slice (arXiv 2601.06597, equation (8); dS: surface
    measure, G_ab = grad chi_a . grad chi_b) wherever that has finite mass. For the slice u**2 = v**2 of theta = u v it
    has not: all mass then goes to theta = 0.

    Parameters
    ----------
    stiffness : float
        The coefficient of sum_a chi_a**2 / 2, in units of loss per squared chi; > 0.
    weight_decay : float
        The coefficient of |x|**2 / 2; >= 0.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric, as for `Ambient`. V does not know it: slice and spring are those of the model, and
        the law exp(-V / T) dx stays as it is. (For the canonical slice of the metric, see `Model.constraints`, give the
        model these constraints: ``slice=``.)

    Raises
    ------
    InvalidArgumentError
        If a number is out of its range or not finite, or `metric` is no symmetric positive definite matrix.

    Examples
    --------
    >>> from langevin_ib import models
    >>> SoftSlice(stiffness=2).potential(models.scalar_product(target=1))
    1.0*(u**2/2 - v**2/2)**2 + (u*v - 1)**2/2
    """

    stiffness: float
    weight_decay: float = 0.0
    metric: Rows | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "stiffness", checked_real("stiffness", self.stiffness, minimum=0.0, open_end=True))
        object.__setattr__(self, "weight_decay", checked_real("weight_decay", self.weight_decay, minimum=0.0))
        if self.metric is not None:
            object.__setattr__(self, "metric", checked_metric(self.metric))

    def potential(self, model: Model, temperature: float | None = None) -> sympy.Expr:
        """Return V of `model` as a SymPy expression.

        Raises
        ------
        InvalidArgumentError
            If the model has no constraints.
        """
        del temperature
        spring = sympy.Float(self.stiffness) / 2 * sympy.Add(*(chi**2 for chi in constraints_of(model, "SoftSlice")))
        return model.potential() + decay(self.weight_decay, model) + spring
