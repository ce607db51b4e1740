"""`Constrained`: walkers that are held on the slice as a bead on a wire, projected along its normals."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Any, ClassVar

import numpy as np
import sympy

from ..checks import shown
from ..errors import InvalidArgumentError, UnsupportedModelError
from ..geometry import log_determinant
from ..model import Model
from .on_slice import OnSlice, constraints_of

__all__ = ["Constrained"]


@dataclass(frozen=True, repr=False)
class Constrained(OnSlice):
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

    Any constraints will do, also those that a model has of its own (``Model(slice=...)``); up to 16 of them may hang
    together by the parameters in them, and there may be any number of such blocks. Walkers start where `initial` says,
    moved to the slice along its normals. The slice must be smooth where walkers go: at level 0 it has a tip, at which
    "mala" may refuse many steps.
    """

    schemes: ClassVar[tuple[str, ...]] = ("euler-maruyama", "mala")
    why: ClassVar[str] = (
        "the noise that it keeps for the next step belongs to another tangent space; take 'mala', which is exact, or "
        "'euler-maruyama'"
    )

    fixman: bool = False
    metric: InitVar[Any] = None

    def __post_init__(self, metric: Any) -> None:
        self._check_slice(metric)
        if not isinstance(self.fixman, (bool, np.bool_)):
            raise InvalidArgumentError(f"fixman must be True or False, got {shown(self.fixman)}")
        object.__setattr__(self, "fixman", bool(self.fixman))

    @property
    def needs_temperature(self) -> bool:
        """Whether V depends on the temperature: with Fixman's term it does."""
        return self.fixman

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
        constraints = constraints_of(model, "Constrained")
        jacobian = sympy.Matrix([[sympy.diff(chi, x) for x in model.parameters] for chi in constraints])
        log_det = log_determinant(jacobian * jacobian.T)
        if log_det.has(sympy.Determinant):
            raise UnsupportedModelError(
                f"log det G of {len(constraints)} constraints is too large a formula; leave fixman out, or take "
                "GaugeFixed, which has the same law and needs no formula"
            )
        return model.potential() + sympy.Float(temperature) / 2 * log_det
