"""Nonnegative features: w = |U|² for a vector U, whose rotations are a compact symmetry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import InvalidArgumentError
from ...model import Linear, Symmetry
from ..coefficient import Coefficient
from ..penalties import Formula
from .block import Block, FloatArray

__all__ = ["Squares"]


@dataclass(frozen=True)
class Squares(Block):
    """w = u_1² + ... + u_q².

    Parameters
    ----------
    count : int
        q.
    """

    count: int = 1
    argument: ClassVar[str] = "entries"

    @property
    def shape(self) -> tuple[int, int]:
        """One feature and q parameters."""
        return 1, self.count

    @property
    def words(self) -> str:
        """What it is."""
        return f"a number made of {self.count} squares"

    @property
    def coefficient(self) -> Coefficient:
        """The exponent 1 - q/2 of Lebesgue measure in u, without a slice: rotations are compact."""
        return Coefficient(features=1, parameters=self.count, generators=0, degree=2)

    def names(self, number: int) -> list[str]:
        """Return u0, or u0_0, ...."""
        return [f"u{number}"] if self.count == 1 else [f"u{number}_{i}" for i in range(self.count)]

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of squares."""
        return np.asarray((x**2).sum(axis=-1, keepdims=True))

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return 2 u."""
        return 2.0 * x[..., None, :]

    def lift(self, z: FloatArray, level: Any) -> FloatArray:
        """Return equal squares."""
        del level
        if np.any(z <= 0.0):
            where = np.flatnonzero(np.ravel(z) <= 0.0)[:5].tolist()
            raise InvalidArgumentError(
                f"features {where} are not positive: squares have no negative values, and at zero nothing moves; "
                "begin at init(scale)"
            )
        return np.repeat(np.sqrt(z / self.count), self.count, axis=-1)

    def init(self, scale: float) -> FloatArray:
        """Return equal numbers with the squared sum scale²: at zero itself nothing moves."""
        return np.full(self.count, scale / np.sqrt(self.count))

    def symmetries(self, x: Sequence[sympy.Symbol]) -> tuple[Symmetry, ...]:
        """Return the rotations of U."""
        pairs = [(i, j) for j in range(len(x)) for i in range(j)]
        if not pairs:
            return ()
        turns = [sympy.SparseMatrix(len(x), len(x), {(i, j): 1, (j, i): -1}) for i, j in pairs]
        return (Linear(tuple(turns), tuple(f"turn{i}_{j}" for i, j in pairs)),)

    def under_decay(self, lam: float) -> Formula:
        """Return (lam/2) w."""
        return Formula(lambda w: _where_positive(w, lam / 2.0 * w), lambda w: sympy.nsimplify(lam) / 2 * w)

    def in_plane(self, lam: float, temperature: sympy.Expr) -> Formula:
        """Return T (1 - q/2) log w + (lam/2) w: w lam/T has the law chi² of q degrees."""
        power = sympy.Rational(2 - self.count, 2)

        def numeric(w: FloatArray) -> FloatArray:
            with np.errstate(divide="ignore", invalid="ignore"):
                peak = float(temperature) * float(power) * np.log(w) if power else 0.0
            return _where_positive(w, peak + lam / 2.0 * w)

        return Formula(numeric, lambda w: temperature * power * sympy.log(w) + sympy.nsimplify(lam) / 2 * w)

    def under_label_noise(self) -> Formula:
        """Return 4 w = |grad w|²."""
        return Formula(lambda w: _where_positive(w, 4.0 * w), lambda w: 4 * w)


def _where_positive(w: FloatArray, value: Any) -> FloatArray:
    return np.asarray(np.where(w >= 0.0, value, np.inf))
