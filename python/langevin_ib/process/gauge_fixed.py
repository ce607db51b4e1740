"""`GaugeFixed`: a step in all parameters, and then along the orbit back to the slice."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Any, ClassVar, Literal

import sympy

from ..checks import one_of
from ..model import Model
from .on_slice import OnSlice

__all__ = ["GaugeFixed"]


@dataclass(frozen=True, repr=False)
class GaugeFixed(OnSlice):
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
    orbits reach; symmetric matrices that commute, which are scalings in other coordinates (`geometry.aligned`);
    translations, for which P is an orthogonal projection; and GL(r), r <= 8, on pairs of matrices (U, V) -> (U g, V
    g**-T) at level 0, given by a `Linear` of the generators E_ij. For these P multiplies by a symmetric g: U g and
    V g**-1 with UᵀU = VᵀV.

    Walkers start where `initial` says, moved along their orbits to the slice.

    The scheme is Euler-Maruyama: whatever the inner step, the result is right to first order in h only, because
    scalings are no isometries. Extrapolate from two steps (``compare(..., finer=...)``), or sample the same law
    exactly with ``scheme="mala"`` under ``Constrained(level, fixman=True)``.
    """

    schemes: ClassVar[tuple[str, ...]] = ("euler-maruyama",)
    why: ClassVar[str] = (
        "whatever the step, going back along the orbits is right to first order in h only, as scalings are no "
        "isometries. Take 'euler-maruyama' and extrapolate from two steps (compare(..., finer=...)), or sample the "
        "same law exactly: scheme='mala' with Constrained(level, fixman=True)"
    )

    at_zero: Literal["absorb", "error"] | None = None
    metric: InitVar[Any] = None

    def __post_init__(self, metric: Any) -> None:
        self._check_slice(metric)
        if self.at_zero is not None:
            one_of("at_zero", self.at_zero, ("absorb", "error"))

    def potential(self, model: Model, temperature: float | None = None) -> sympy.Expr:
        """Return V = L + confinement of `model`: nothing is added."""
        del temperature
        return model.potential()
