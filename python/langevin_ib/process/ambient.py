"""`Ambient`: the Langevin equation as it stands, in all parameters."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from ..checks import checked_real
from ..model import Model, Rows, checked_metric
from .compiled_potential import CompiledPotential
from .dynamics import Dynamics, decay

__all__ = ["Ambient", "compiled_of"]


@dataclass(frozen=True, repr=False)
class Ambient(Dynamics):
    """The Langevin equation as it stands, in all parameters: dx = -grad V dt + sqrt(2 T) dW.

    V = L + confinement + (weight_decay / 2) |x|**2. Where exp(-V / T) dx (dx: Lebesgue measure of the parameters) has
    finite mass, it is the stationary law. For a loss with a continuous non-compact symmetry that needs a confinement of
    the model or a positive weight decay, because the orbits of the symmetry have infinite volume.

    Parameters
    ----------
    weight_decay : float
        The coefficient of |x|**2 / 2, in units of loss per squared parameter; >= 0.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric G, symmetric and positive definite: the process is then
        dx = -G**-1 grad V dt + sqrt(2 T) G**(-1/2) dW, that is, G**-1 preconditions gradient and noise alike. The law
        exp(-V / T) dx stays as it is (the volume element sqrt(det G) dx of a constant metric is a multiple of dx). Kept
        as a tuple of rows. None is the identity.
    compiled : CompiledPotential or function, optional
        A compiled function that takes the place of the model's loss and confinement in the loop, see
        `CompiledPotential`. The model then only says what the parameters and observables are called. Such a run stays
        in this process: it can be resumed, but neither saved nor sent to another.

    Raises
    ------
    InvalidArgumentError
        If `weight_decay` is negative or not a finite number, `metric` is no symmetric positive definite matrix, or
        `compiled` is no such function.
    """

    weight_decay: float = 0.0
    metric: Rows | None = None
    compiled: CompiledPotential | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight_decay", checked_real("weight_decay", self.weight_decay, minimum=0.0))
        if self.metric is not None:
            object.__setattr__(self, "metric", checked_metric(self.metric))
        if self.compiled is not None:
            object.__setattr__(self, "compiled", CompiledPotential.of(self.compiled))

    def potential(self, model: Model, temperature: float | None = None) -> sympy.Expr:
        """Return V = L + confinement + (weight_decay / 2) |x|**2 of `model` as a SymPy expression."""
        del temperature
        return model.potential() + decay(self.weight_decay, model)


def compiled_of(dynamics: Dynamics) -> CompiledPotential | None:
    """Return the compiled function that drives the walkers in place of a formula, if there is one."""
    return dynamics.compiled if isinstance(dynamics, Ambient) else None
