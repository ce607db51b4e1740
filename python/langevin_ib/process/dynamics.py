"""The stochastic processes that a model can follow; the same value names the process and its stationary law."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import checked_real, shown
from ..errors import InvalidArgumentError, UnsupportedModelError
from ..geometry import log_determinant
from ..model import Metric, Model, Rows, checked_metric, metric_for
from .compiled_potential import CompiledPotential

__all__ = ["Ambient", "Constrained", "Dynamics", "GaugeFixed", "SoftSlice", "compiled_of", "levels_of"]


@dataclass(frozen=True, repr=False)
class Dynamics(ABC):
    """What all dynamics have in common: a potential, and schemes that can follow them."""

    schemes: ClassVar[tuple[str, ...]] = ("euler-maruyama", "leimkuhler-matthews", "mala")
    """The schemes of `sample` that can move walkers so."""

    @abstractmethod
    def potential(self, model: Model, temperature: float | None = None) -> sympy.Expr:
        """Return V of `model` as a SymPy expression; `temperature` is only needed where V depends on it."""

    def metric_of(self, model: Model) -> NDArray[np.float64] | None:
        """Return the metric as an array of shape (model.dim, model.dim), or None if it is the identity.

        Raises
        ------
        InvalidArgumentError
            If it is of another size.
        """
        rows: Rows | None = getattr(self, "metric", None)
        metric = None if rows is None else metric_for(Metric(rows), model.parameters)
        return None if metric is None else metric.matrix

    def __repr__(self) -> str:
        said = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) is not None)
        return f"{type(self).__name__}({', '.join(said)})"


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
        return model.potential() + _decay(self.weight_decay, model)


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
        spring = sympy.Float(self.stiffness) / 2 * sympy.Add(*(chi**2 for chi in _constraints(model, "SoftSlice")))
        return model.potential() + _decay(self.weight_decay, model) + spring


@dataclass(frozen=True, repr=False)
class GaugeFixed(Dynamics):
    r"""A step in all parameters, and then along the orbit of the symmetry back to the slice {chi = level}.

    x' = P(x - h grad V(x) + sqrt(2 T h) R), V = L + confinement, where P moves a point along its orbit to where it
    meets the slice; chi_a = xᵀ S_a x / 2 are `model.constraints()`. P leaves the predictor as it is. No correction is
    added. As h goes to 0, the walkers follow Langevin dynamics on the slice with the induced metric and the loss
    L + (T / 2) log det G, G_ab = grad chi_a . grad chi_b, whose law is

        exp(-V / T) (det G)**(-1/2) dS,        dS: surface measure of the slice,

    that is arXiv 2601.06597, equation (8), in that measure. For theta = u v it is exp(-L / T) /
    sqrt(level**2 + theta**2) dtheta. At step h the law is wrong by O(h).

    Level 0 is special: there the slice is a cone, and walkers may reach its tip, where the predictor is zero. A
    product of numbers such as u v gets there with probability 1 and is then caught, so that it has no stationary law.
    `at_zero` must then say what becomes of it. (A neuron with one input weight more than that does better: for two
    input weights, zero is reached and left again, and the law has an error of O(sqrt(h)); for more it is not reached.)

    Parameters
    ----------
    level : float or sequence of float
        The value of each chi, in the order of `model.constraints()`; one number stands for all. For theta = u v the
        slice is u**2 - v**2 = 2 level.
    at_zero : {"absorb", "error"}, optional
        What becomes of a walker whose predictor changes its sign in a step (for vectors: turns by more than a right
        angle), or hits zero. "absorb": it stays at zero from then on, and its time, the number of the step times h, is
        in ``run.absorption_times``. "error": the run ends with a `DivergenceError` that carries walker and step. To be
        given if and only if the slice has such a tip.
    metric : None
        Only the Euclidean metric is known here; for another one take the model in the coordinates in which it is
        Euclidean, `geometry.whitened`.

    Raises
    ------
    InvalidArgumentError
        If an argument is not as described.

    Notes
    -----
    Symmetries that are supported: scalings with any weights, also if they share parameters, at any level that the
    orbits reach; and GL(r), r <= 8, on pairs of matrices (U, V) -> (U g, V g**-T) at level 0, given by a `Linear` of
    the generators E_ij. For these P multiplies by a symmetric g: U g and V g**-1 with UᵀU = VᵀV.

    Walkers start where `initial` says, moved along their orbits to the slice.

    The scheme is Euler-Maruyama: whatever the inner step, the result is right to first order in h only, because
    scalings are no isometries. Extrapolate from two steps (``compare(..., finer=...)``), or sample the same law
    exactly with ``scheme="mala"`` under ``Constrained(level, fixman=True)``.
    """

    schemes: ClassVar[tuple[str, ...]] = ("euler-maruyama",)

    level: float | tuple[float, ...] = 0.0
    at_zero: Literal["absorb", "error"] | None = None
    metric: InitVar[Any] = None

    def __post_init__(self, metric: Any) -> None:
        _require_euclidean("GaugeFixed", metric)
        object.__setattr__(self, "level", _checked_level(self.level))
        if self.at_zero not in (None, "absorb", "error"):
            raise InvalidArgumentError(f"at_zero={shown(self.at_zero)} is unknown; choose 'absorb', 'error' or None")

    def potential(self, model: Model, temperature: float | None = None) -> sympy.Expr:
        """Return V = L + confinement of `model`: nothing is added."""
        del temperature
        return model.potential()


@dataclass(frozen=True, repr=False)
class Constrained(Dynamics):
    r"""Walkers that are held on the slice {chi = level} as a bead on a wire: projected along its normals.

    V = L + confinement, and with `fixman` V = L + confinement + (T / 2) log det G, G_ab = grad chi_a . grad chi_b
    (Fixman, Proc. Natl. Acad. Sci. 71 (1974) 3050). The stationary law is exp(-V / T) dS, dS: surface measure of the
    slice. So without `fixman` it is the rigid law exp(-L / T) dS, and with it exp(-L / T) (det G)**(-1/2) dS, the law
    of `GaugeFixed` and of arXiv 2601.06597, equation (8), with the correction put in by hand. For theta = u v these
    are, w.r.t. dtheta, exp(-L / T) times (level**2 + theta**2) to the power -1/4 and -1/2.

    Scheme "euler-maruyama": x' = x - h grad V(x) + sqrt(2 T h) R + J(x)ᵀ lambda with lambda such that chi(x') = level
    (J: the gradients of chi); its law is wrong by O(h) (Ciccotti, Lelievre and Vanden-Eijnden, Comm. Pure Appl. Math.
    61 (2008) 371). Scheme "mala": the tangent part of the step as a proposal, which is accepted or refused so that the
    law is exact, and refused if the way back from there does not end where it began (Zappa, Holmes-Cerf and Goodman,
    Comm. Pure Appl. Math. 71 (2018) 2609).

    Parameters
    ----------
    level : float or sequence of float
        The value of each chi, in the order of `model.constraints()`; one number stands for all.
    fixman : bool
        Whether to add (T / 2) log det G.
    metric : None
        As for `GaugeFixed`.

    Raises
    ------
    InvalidArgumentError
        If an argument is not as described.

    Notes
    -----
    A slice may fall into sheets, such as the two signs of u for u**2 - v**2 = 1; walkers stay on theirs, but for jumps
    at large steps.

    Any constraints will do, also those that a model has of its own (``Model(slice=...)``), up to 16 of them. Walkers
    start where `initial` says, moved to the slice along its normals. The slice must be smooth where walkers go: at
    level 0 it has a tip, at which "mala" may refuse many steps.
    """

    schemes: ClassVar[tuple[str, ...]] = ("euler-maruyama", "mala")

    level: float | tuple[float, ...] = 0.0
    fixman: bool = False
    metric: InitVar[Any] = None

    def __post_init__(self, metric: Any) -> None:
        _require_euclidean("Constrained", metric)
        object.__setattr__(self, "level", _checked_level(self.level))
        if not isinstance(self.fixman, (bool, np.bool_)):
            raise InvalidArgumentError(f"fixman must be True or False, got {shown(self.fixman)}")
        object.__setattr__(self, "fixman", bool(self.fixman))

    def potential(self, model: Model, temperature: float | None = None) -> sympy.Expr:
        """Return V of `model` as a SymPy expression; with `fixman` it depends on the temperature.

        Raises
        ------
        InvalidArgumentError
            If the temperature is needed and not given.
        UnsupportedModelError
            If det G is too large to be written down.
        """
        if not self.fixman:
            return model.potential()
        if temperature is None:
            raise InvalidArgumentError("V = L + (T / 2) log det G needs temperature=, as fixman=True")
        constraints = _constraints(model, "Constrained")
        jacobian = sympy.Matrix([[sympy.diff(chi, x) for x in model.parameters] for chi in constraints])
        log_det = log_determinant(jacobian * jacobian.T)
        if log_det.has(sympy.Determinant):
            raise UnsupportedModelError(
                f"log det G of {len(constraints)} constraints is too large a formula; leave fixman out, or take "
                "GaugeFixed, which has the same law and needs no formula"
            )
        return model.potential() + sympy.Float(temperature) / 2 * log_det


def compiled_of(dynamics: Dynamics) -> CompiledPotential | None:
    """Return the compiled function that drives the walkers in place of a formula, if there is one."""
    return dynamics.compiled if isinstance(dynamics, Ambient) else None


def _require_euclidean(who: str, metric: Any) -> None:
    if metric is not None:
        raise InvalidArgumentError(
            f"{who} knows the Euclidean metric only, not metric={shown(metric)}; write the model in coordinates in "
            f"which the metric is Euclidean, geometry.whitened(model, metric), and take {who} without one"
        )


def _decay(weight_decay: float, model: Model) -> sympy.Expr:
    if weight_decay == 0.0:
        return sympy.S.Zero
    return sympy.Float(weight_decay) / 2 * sum(x**2 for x in model.parameters)


def _constraints(model: Model, who: str) -> tuple[sympy.Expr, ...]:
    constraints = model.constraints()
    if not constraints:
        raise InvalidArgumentError(
            f"{who} needs constraints chi, and the model has none: it has no non-compact symmetry and no slice; give "
            "Model(symmetry=...) or Model(slice=...)"
        )
    return constraints


def levels_of(dynamics: GaugeFixed | Constrained, model: Model) -> tuple[float, ...]:
    """Return the level of each of the model's constraints.

    Raises
    ------
    InvalidArgumentError
        If the model has no constraints, or there are more or fewer levels.
    """
    count = len(_constraints(model, type(dynamics).__name__))
    if not isinstance(dynamics.level, tuple):
        return (dynamics.level,) * count
    if len(dynamics.level) != count:
        raise InvalidArgumentError(
            f"level has {len(dynamics.level)} numbers, but the model has {count} constraints "
            f"({shown(model.constraints())}); give one for each"
        )
    return dynamics.level


def _checked_level(value: Any) -> float | tuple[float, ...]:
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str) and np.ndim(value) == 1:
        if len(value) == 0:
            raise InvalidArgumentError("level is empty; give a number, or one for each constraint")
        return tuple(checked_real(f"level[{i}]", number) for i, number in enumerate(value))
    return checked_real("level", value)
