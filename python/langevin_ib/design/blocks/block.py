"""What a block of features is asked: how it is made of parameters, which symmetry it has, which penalty a mechanism."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ...model import Symmetry
from ...process import SGD, Ambient, Constrained, GaugeFixed, SoftSlice
from ..coefficient import Coefficient
from ..mechanisms import GradientFlow, Mechanism, WeightDecay
from ..penalties import Formula, NoPotential, Potential

__all__ = ["Block", "FloatArray"]

FloatArray = NDArray[np.float64]


class Block(ABC):
    """k features z = h(x) of N parameters x of their own.

    Arrays have the features, or the parameters, of one block along their last axis.
    """

    argument: ClassVar[str] = "size"
    """What penalties are functions of: the "size" |z|, the "entries" one by one, or the "whole" of z."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """The numbers k of features and N of parameters."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it is, for titles and refusals."""

    @property
    @abstractmethod
    def coefficient(self) -> Coefficient:
        """The exponents of noise on a slice of level 0.

        Raises
        ------
        UnsupportedModelError
            If there is no such slice.
        """

    @abstractmethod
    def names(self, number: int) -> list[str]:
        """Return the names of the parameters of block `number`."""

    @abstractmethod
    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return z; numbers or expressions."""

    @abstractmethod
    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return dz/dx, shape (..., k, N)."""

    @abstractmethod
    def lift(self, z: FloatArray, level: Any) -> FloatArray:
        """Return parameters on the slice of this level with h(x) = z.

        Raises
        ------
        InvalidArgumentError
            If there are none, or they could not move.
        """

    @abstractmethod
    def init(self, scale: float) -> FloatArray:
        """Return parameters of this size with z = 0, or as near as they can be, from which z can move anywhere."""

    @abstractmethod
    def symmetries(self, x: Sequence[sympy.Symbol]) -> tuple[Symmetry, ...]:
        """Return the group that leaves z as it is."""

    def potential(self, scale: float) -> Potential | NoPotential:
        """Return the convex function of which gradient flow is the mirror descent, or why there is none."""
        return NoPotential(f"none is known for {self.words}")

    def penalty(self, mechanism: Mechanism, temperature: sympy.Expr) -> Formula:
        """Return the penalty w.r.t. dz, as a function of its `argument`.

        Raises
        ------
        UnsupportedModelError
            If this mechanism has none here; the message says why.
        """
        if isinstance(mechanism, WeightDecay):
            return self.under_decay(mechanism.lam)
        if isinstance(mechanism, GradientFlow):
            found = self.potential(mechanism.scale)
            if isinstance(found, NoPotential):
                raise UnsupportedModelError(f"gradient flow minimises nothing convex in z here: {found.reason}")
            return found.formula()
        if isinstance(mechanism, GaugeFixed | Constrained):
            is_rigid = isinstance(mechanism, Constrained) and not mechanism.fixman
            return self.on_slice(mechanism.level, 0.5 if is_rigid else 1.0, temperature)
        if isinstance(mechanism, SoftSlice):
            return self.near_slice(mechanism, temperature)
        if isinstance(mechanism, Ambient):
            if mechanism.weight_decay <= 0.0:
                raise UnsupportedModelError(
                    "Ambient() without a weight decay has no law, since the orbits of the symmetry are unbounded; give "
                    "Ambient(weight_decay=...), or a slice"
                )
            return self.in_plane(mechanism.weight_decay, temperature)
        if isinstance(mechanism, SGD) and mechanism.label_noise:
            return self.under_label_noise()
        raise self.unknown(f"{mechanism!r}", "give SGD(label_noise=...), whose noise is of known shape")

    def under_decay(self, lam: float) -> Formula:
        """Return min (lam/2) |x|² over the x with h(x) = z."""
        raise self.unknown("weight decay at T = 0")

    def on_slice(self, level: Any, share: float, temperature: sympy.Expr) -> Formula:
        """Return -T log of the density of the slice; `share` is 1/2 for the surface measure."""
        raise self.unknown("noise on a slice")

    def near_slice(self, dynamics: SoftSlice, temperature: sympy.Expr) -> Formula:
        """Return -T log of the density under a spring."""
        raise self.unknown(f"{dynamics!r}", "take its limit, GaugeFixed()")

    def in_plane(self, lam: float, temperature: sympy.Expr) -> Formula:
        """Return -T log of the density of exp(-lam |x|²/2T) dx."""
        raise self.unknown("weight decay at T > 0")

    def under_label_noise(self) -> Formula:
        """Return the least trace of the Gauss-Newton matrix of standardised inputs."""
        raise self.unknown("label noise")

    def unknown(
        self, what: str, remedy: str = "docs/design.md has the table of what is known"
    ) -> UnsupportedModelError:
        """Return the refusal of a penalty that is not known."""
        return UnsupportedModelError(f"no penalty of {self.words} is known under {what}; {remedy}")
