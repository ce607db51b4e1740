r"""The potential of gradient flow on a product of K factors that starts at zero, and at alpha in the other factors.

On the slice that the flow keeps to, u_1² = ... = u_(K-1)² = alpha² + x² with x = u_K, so z = x (x² + alpha²)^((K-1)/2),
and dz/dt = -a L'(z), a = e_(K-1)(u²) = dz/dx (x² + alpha²)^((K-1)/2). With Phi'' = 1/a that is d Phi'(z)/dt = -L'(z),
and so

    Phi'(z) = F(x) = int_0^x (s² + alpha²)^(-(K-1)/2) ds,    Phi(z) = z F(x) - x²/2,    Phi(0) = 0.

F is asinh(x/alpha) for K = 2 (Woodworth et al., COLT 2020) and atan(x/alpha)/alpha for K = 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy
from scipy.special import hyp2f1

from .formula import FloatArray, Formula, no_symbols
from .slices import log_squares

__all__ = ["NoPotential", "Potential"]


@dataclass(frozen=True)
class Potential:
    """A convex function of each feature, whose Bregman divergence from 0 gradient flow makes small among what fits.

    Parameters
    ----------
    depth : int
        K.
    scale : float
        alpha.
    copies : int
        q copies that begin alike stay alike: Phi is q Phi_1(z/q).
    """

    depth: int
    scale: float
    copies: int = 1

    def value(self, z: FloatArray) -> FloatArray:
        """Return Phi(z), entry by entry; Phi(0) = Phi'(0) = 0."""
        part = z / self.copies
        x = self.root(part)
        return np.asarray(self.copies * (part * self._integral(x) - x**2 / 2.0))

    def slope(self, z: FloatArray) -> FloatArray:
        """Return Phi'(z), entry by entry."""
        return self._integral(self.root(z / self.copies))

    def root(self, z: FloatArray) -> FloatArray:
        """Return x, the factor that begins at zero, for a product z of one copy."""
        shifts = np.concatenate([[0.0], np.full(self.depth - 1, self.scale**2)])
        x = np.exp(log_squares(np.abs(z), shifts)[..., 0] / 2.0)
        return np.asarray(np.where(z == 0.0, 0.0, np.copysign(x, z)))

    def _integral(self, x: FloatArray) -> FloatArray:
        ratio, K = x / self.scale, self.depth
        if K == 2:
            return np.asarray(np.arcsinh(ratio))
        if K == 3:
            return np.asarray(np.arctan(ratio) / self.scale)
        return np.asarray(x * self.scale ** (1 - K) * hyp2f1(0.5, (K - 1) / 2.0, 1.5, -(ratio**2)))

    def formula(self) -> Formula:
        """Return it as a penalty, with symbols for K = 2."""
        if self.depth > 2:
            return Formula(self.value, no_symbols(f"it holds a root of a polynomial of degree {self.depth}"))
        q, copies = sympy.nsimplify(self.scale) ** 2, self.copies

        def symbolic(z: sympy.Expr) -> sympy.Expr:
            part = z / copies
            return copies * (part * sympy.asinh(2 * part / q) - sympy.sqrt(4 * part**2 + q**2) / 2 + q / 2) / 2

        return Formula(self.value, symbolic)


class NoPotential:
    """Why gradient flow on a parameterisation minimises no convex function of z; false as a truth value.

    Attributes
    ----------
    reason : str
        In words.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"NoPotential({self.reason!r})"
