"""The exponent that noise on a slice of level 0 gives to a block of features, by counting dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Coefficient"]


@dataclass(frozen=True)
class Coefficient:
    """The law on the slice of level 0 is exp(-L/T) |z|^-kappa dz times a function of the direction of z.

    Let a block have N parameters, m non-compact generators of a self-adjoint linear group, and features z of dimension
    k that are homogeneous of degree D. Then x -> rho x leaves the slice as it is, and multiplies delta(chi) dx by
    rho^(N - 2m), its surface measure by rho^(N - m) and |z| by rho^D. So

        kappa = k - (N - j m) / D,    j = 2 for `GaugeFixed` and stiff slices, j = 1 for `Constrained`.

    As the number that multiplies T log|z| in the effective loss it is kappa T: noise alone has no other strength.

    Attributes
    ----------
    features, parameters, generators, degree : int
        k, N, m and D.

    Examples
    --------
    >>> Coefficient(features=1, parameters=3, generators=2, degree=3)
    Coefficient(kappa=4/3, rigid=2/3, proper=False)
    """

    features: int
    parameters: int
    generators: int
    degree: int

    @property
    def kappa(self) -> Fraction:
        """The exponent of the gauge-fixed law, exact."""
        return self._exponent(2)

    @property
    def rigid(self) -> Fraction:
        """The exponent of the law of the surface measure, `Constrained`, exact."""
        return self._exponent(1)

    @property
    def proper(self) -> bool:
        """Whether the gauge-fixed law has finite mass at z = 0: N > 2 m, or kappa < k."""
        return self.parameters > 2 * self.generators

    @property
    def rigid_proper(self) -> bool:
        """Whether the rigid law has finite mass at z = 0."""
        return self.parameters > self.generators

    def _exponent(self, j: int) -> Fraction:
        return self.features - Fraction(self.parameters - j * self.generators, self.degree)

    def __float__(self) -> float:
        return float(self.kappa)

    def __repr__(self) -> str:
        return f"Coefficient(kappa={self.kappa}, rigid={self.rigid}, proper={self.proper})"
