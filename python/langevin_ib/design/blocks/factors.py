"""Products: a vector of features times scalars, z = v s_2 ... s_K, or a sum of several such copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import InvalidArgumentError, UnsupportedModelError
from ...model import Scaling, Symmetry
from ...process import SoftSlice
from ..coefficient import Coefficient
from ..penalties import (
    Formula,
    NoPotential,
    Potential,
    ambient,
    label_noise,
    log_squares,
    on_slice,
    shifts_of,
    stiff,
    weight_decay,
)
from .block import Block, FloatArray

__all__ = ["Factors"]


@dataclass(frozen=True)
class Factors(Block):
    """z = sum over copies of v s_2 ... s_K, with v of the size of z; parameters in this order, copy after copy.

    Parameters
    ----------
    depth : int
        K, the number of factors.
    features : int
        d, the size of z and v; 1 for a product of numbers.
    copies : int
        q; more than one for two factors only.
    """

    depth: int = 2
    features: int = 1
    copies: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """D and N = q (d + K - 1)."""
        return self.features, self.copies * (self.features + self.depth - 1)

    @property
    def words(self) -> str:
        """What it is."""
        what = "a number" if self.features == 1 else f"a vector of {self.features}"
        several = f"{self.copies} copies of " if self.copies > 1 else ""
        return f"{several}{what} made of {self.depth} factors"

    @property
    def coefficient(self) -> Coefficient:
        """The exponents; of several copies the slices have non-compact fibres, and there are none."""
        self._require_one_copy()
        K = self.depth
        return Coefficient(features=self.features, parameters=self.shape[1], generators=K - 1, degree=K)

    def _require_one_copy(self) -> None:
        if self.copies > 1:
            raise UnsupportedModelError(
                f"{self.words}: one scaling for each leaves fibres of infinite volume over z, so that noise on a slice "
                "has no law of z; take copies=1, or a weight decay"
            )

    def names(self, number: int) -> list[str]:
        """Return u0, v0 for two factors of a number; else v0_1, ..., s0_2, ..., with the copy in front."""
        letters = []
        for copy in range(self.copies):
            index = f"{number}" if self.copies == 1 else f"{number}_{copy}"
            if self.depth == 2 and self.features == 1:
                letters += [f"u{index}", f"v{index}"]
            else:
                letters += [f"v{index}_{i}" for i in range(self.features)]
                letters += [f"s{index}_{i}" for i in range(2, self.depth + 1)]
        return letters

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return z."""
        vectors, scalars = self._parts(x)
        return np.asarray((vectors * scalars.prod(axis=-1)[..., None]).sum(axis=-2))

    def _parts(self, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return v, shape (..., q, d), and s, shape (..., q, K - 1)."""
        split = x.reshape(*x.shape[:-1], self.copies, -1)
        return split[..., : self.features], split[..., self.features :]

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return dz/dx."""
        vectors, scalars = self._parts(x)
        width = self.features + self.depth - 1
        result = np.zeros((*x.shape[:-1], self.features, self.copies, width))
        whole = scalars.prod(axis=-1)
        for i in range(self.features):
            result[..., i, :, i] = whole
        for i in range(self.depth - 1):
            others = np.delete(scalars, i, axis=-1).prod(axis=-1)
            result[..., self.features + i] = np.swapaxes(vectors * others[..., None], -1, -2)
        return result.reshape(*x.shape[:-1], *self.shape)

    def lift(self, z: FloatArray, level: Any) -> FloatArray:
        """Return parameters with nonnegative scalars; copies share z equally, which is the balanced lift."""
        levels = self._levels(level)
        part = z / self.copies
        size = np.sqrt((part**2).sum(axis=-1))
        self._require_moving(size, levels)
        squares = log_squares(size, shifts_of(levels))
        lengths = np.exp(squares / 2.0)
        shifts = shifts_of(levels)
        lengths = np.where((size == 0.0)[..., None], np.sqrt(shifts), lengths)
        direction = np.divide(part, size[..., None], out=np.zeros_like(part), where=size[..., None] > 0.0)
        if self.features == 1:
            direction = np.where(part < 0.0, -1.0, 1.0)
        one = np.concatenate([direction * lengths[..., :1], lengths[..., 1:]], axis=-1)
        return np.concatenate([one] * self.copies, axis=-1)

    def _levels(self, level: Any) -> FloatArray:
        count = self.depth - 1
        levels = np.atleast_1d(np.asarray(level, dtype=np.float64))
        if levels.size not in (1, count):
            raise InvalidArgumentError(
                f"level={level!r} has {levels.size} numbers, and {self.words} has {count} constraints; give one number "
                "for all of them, or one for each"
            )
        return np.array(np.broadcast_to(levels, (count,)))

    def _require_moving(self, size: FloatArray, levels: FloatArray) -> None:
        (zeros,) = np.nonzero(np.ravel(size) == 0.0)
        if not zeros.size:
            return
        smallest = shifts_of(levels) == 0.0
        stuck = np.count_nonzero(smallest) > 1
        if stuck or (self.features > 1 and not smallest[0]):
            why = "all factors vanish, so that nothing moves" if stuck else "the vector has no direction"
            remedy = "a negative level=, the scalars larger than the vector," if self.features > 1 else "another level="
            raise InvalidArgumentError(
                f"features {zeros[:5].tolist()} are zero, and there {why}: a stationary point of every loss; give "
                f"{remedy} or begin at init(scale)"
            )

    def init(self, scale: float) -> FloatArray:
        """Return v = 0 and all scalars at `scale`."""
        one = np.concatenate([np.zeros(self.features), np.full(self.depth - 1, scale)])
        return np.tile(one, self.copies)

    def symmetries(self, x: Sequence[sympy.Symbol]) -> tuple[Symmetry, ...]:
        """Return the K - 1 scalings of neighbours of each copy; chi_1 = (|v|² - s_2²)/2."""
        width = self.features + self.depth - 1
        found: list[Symmetry] = []
        for copy in range(self.copies):
            mine = list(x[copy * width : (copy + 1) * width])
            chain = [mine[: self.features], *([each] for each in mine[self.features :])]
            for up, down in pairwise(chain):
                found.append(Scaling(dict.fromkeys(up, 1) | dict.fromkeys(down, -1)))
        return tuple(found)

    def potential(self, scale: float) -> Potential | NoPotential:
        """Return that of numbers; vectors have none."""
        if self.features > 1:
            return NoPotential(
                f"{self.words} moves in the metric (1/s²)(1 - zz/|z|²) + (zz/|z|²)/sqrt(q² + 4|z|²), which is the "
                "Hessian of no function (Li, Wang, Lee and Arora, NeurIPS 2022); while the direction of the gradient "
                "stands still it is that of a number"
            )
        return Potential(self.depth, scale, self.copies)

    def under_decay(self, lam: float) -> Formula:
        """Return (lam K/2) |z|^(2/K)."""
        return weight_decay(self.depth, lam)

    def under_label_noise(self) -> Formula:
        """Return K d^(1/K) |z|^(2 - 2/K)."""
        return label_noise(self.depth, self.features)

    def in_plane(self, lam: float, temperature: sympy.Expr) -> Formula:
        """Return Bessel's and Meijer's penalties."""
        return ambient(self.depth, self.features, self.copies, lam, temperature)

    def on_slice(self, level: Any, share: float, temperature: sympy.Expr) -> Formula:
        """Return logarithms."""
        coefficient = self.coefficient
        kappa = coefficient.kappa if share == 1.0 else coefficient.rigid
        return on_slice(self.features, self._levels(level), share, temperature, kappa)

    def near_slice(self, dynamics: SoftSlice, temperature: sympy.Expr) -> Formula:
        """Return that of u v; of deeper products the slice's neighbourhood has no formula."""
        if (self.depth, self.features, self.copies) != (2, 1, 1) or dynamics.weight_decay > 0.0:
            raise self.unknown(f"{dynamics!r}", "take its limit for a stiff spring, GaugeFixed()")
        return stiff(dynamics.stiffness, temperature)
