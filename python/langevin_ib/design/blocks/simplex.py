"""Features on the simplex: w_i = u_i² / |u|², which do not know the length of u."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import InvalidArgumentError, UnsupportedModelError
from ...model import Scaling, Symmetry
from ..coefficient import Coefficient
from ..penalties import Formula
from .block import Block, FloatArray

__all__ = ["Simplex"]


@dataclass(frozen=True)
class Simplex(Block):
    """w_i = u_i² / |u|², i = 1 ... k.

    Parameters
    ----------
    features : int
        k.
    """

    features: int
    argument: ClassVar[str] = "entries"

    @property
    def shape(self) -> tuple[int, int]:
        """As many parameters as features."""
        return self.features, self.features

    @property
    def words(self) -> str:
        """What it is."""
        return f"{self.features} numbers on a simplex"

    @property
    def coefficient(self) -> Coefficient:
        """1/2 for each w_i: on a sphere |u|² = 2 level the law is Dirichlet's of parameters 1/2."""
        return _HalfEach(features=self.features, parameters=self.features, generators=1, degree=0)

    def names(self, number: int) -> list[str]:
        """Return u0, u1, ...; there is one block."""
        del number
        return [f"u{i}" for i in range(self.features)]

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the shares of the squares."""
        return np.asarray(x**2 / (x**2).sum(axis=-1, keepdims=True))

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return (2 u_j / |u|²)(delta_ij - w_i)."""
        square = (x**2).sum(axis=-1)[..., None, None]
        shares = self.predict(x)[..., :, None]
        return np.asarray(2.0 * x[..., None, :] / square * (np.eye(self.features) - shares))

    def lift(self, z: FloatArray, level: Any) -> FloatArray:
        """Return the point of the sphere |u|² = 2 level; of the unit sphere where no level is given."""
        if np.any(z <= 0.0) or np.any(np.abs(z.sum(axis=-1) - 1.0) > 1e-9):
            raise InvalidArgumentError(
                f"z={z.tolist()} must be positive and sum up to 1; where an entry is zero, its parameter never moves"
            )
        radius = 2.0 * float(np.ravel(level)[0])
        if radius < 0.0:
            raise InvalidArgumentError(f"level={level!r} must not be negative: |u|² = 2 level")
        return np.sqrt(z * (radius or 1.0))

    def init(self, scale: float) -> FloatArray:
        """Return equal shares."""
        return np.full(self.features, scale / np.sqrt(self.features))

    def symmetries(self, x: Sequence[sympy.Symbol]) -> tuple[Symmetry, ...]:
        """Return the scaling of all of u."""
        return (Scaling(dict.fromkeys(x, 1)),)

    def under_decay(self, lam: float) -> Formula:
        """Refuse: decay shortens u for ever and says nothing about w."""
        raise UnsupportedModelError(
            "weight decay has no penalty on the simplex: |u| is free, and is made as short as one likes for every w; "
            "take GaugeFixed(level) with a positive level"
        )

    def on_slice(self, level: Any, share: float, temperature: sympy.Expr) -> Formula:
        """Return (T/2) sum log w_i: det G = |u|² is constant on the sphere, so both measures agree."""
        if not np.all(np.ravel(level) > 0.0):
            raise UnsupportedModelError(
                f"level={level!r} must be positive here: the slice is the sphere |u|² = 2 level"
            )

        def numeric(w: FloatArray) -> FloatArray:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(np.where(w >= 0.0, float(temperature) / 2.0 * np.log(np.abs(w)), np.inf))

        return Formula(numeric, lambda w: temperature / 2 * sympy.log(w))


@dataclass(frozen=True, repr=False)
class _HalfEach(Coefficient):
    """The exponents of Dirichlet's law of parameters 1/2, w.r.t. the flat measure of the simplex."""

    @property
    def kappa(self) -> Fraction:
        """1/2 for each feature."""
        return Fraction(1, 2)

    @property
    def rigid(self) -> Fraction:
        """The same: the determinant is constant."""
        return Fraction(1, 2)

    @property
    def proper(self) -> bool:
        """It is."""
        return True

    @property
    def rigid_proper(self) -> bool:
        """It is."""
        return True
