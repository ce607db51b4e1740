"""The stochastic processes that a model can follow; the same value names the process and its stationary law."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from .checks import checked_real
from .model import Model

__all__ = ["Ambient"]


@dataclass(frozen=True)
class Ambient:
    """The Langevin equation as it stands, in all parameters: dx = -grad V dt + sqrt(2 T) dW.

    V = L + confinement + (weight_decay / 2) |x|**2. Where exp(-V / T) dx (dx: Lebesgue measure of the parameters) has
    finite mass, it is the stationary law. For a loss with a continuous non-compact symmetry that needs a confinement of
    the model or a positive weight decay, because the orbits of the symmetry have infinite volume.

    Parameters
    ----------
    weight_decay : float
        The coefficient of |x|**2 / 2, in units of loss per squared parameter; >= 0.

    Raises
    ------
    InvalidArgumentError
        If `weight_decay` is negative or not a finite number.
    """

    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight_decay", checked_real("weight_decay", self.weight_decay, minimum=0.0))

    def potential(self, model: Model) -> sympy.Expr:
        """Return V = L + confinement + (weight_decay / 2) |x|**2 of `model` as a SymPy expression."""
        if self.weight_decay == 0.0:
            return model.potential()
        return model.potential() + sympy.Float(self.weight_decay) / 2 * sum(x**2 for x in model.parameters)
