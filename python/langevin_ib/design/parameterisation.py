"""How parameters make weights: block after block of features, and through the operator; and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import checked_int, checked_real
from ..errors import InvalidArgumentError
from ..model import Symmetry, parameters
from .blocks import Block
from .layout import Batch, Layout
from .operator import Operator
from .penalised import finite_array

__all__ = ["Parameterisation"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parameterisation:
    """Weights w whose features z = A w are made of parameters x.

    Attributes
    ----------
    name : str
        What it is for.
    layout : Layout
        How features fall into blocks.
    operator : Operator or None
        A; None is the identity of any size.
    frame : {"analysis", "synthesis"}
        What a tall A means: a penalty on the A w that there are, or free z of which w = A⁺z is made.
    """

    name: str
    layout: Layout
    operator: Operator | None = None
    frame: str = "analysis"

    @property
    def block(self) -> Block:
        """What features are made of; the largest block, if they differ."""
        return self.layout.block

    @property
    def weights(self) -> int | None:
        """The number of weights; None if any will do."""
        return self.layout.features if self.operator is None else self.operator.weights

    def sized(self, weights: int) -> tuple[int, list[Batch], int]:
        """Return the numbers of features, the blocks, and the number of free parameters, for so many weights.

        Raises
        ------
        InvalidArgumentError
            If the recipe is for another number.
        """
        if self.weights is not None and weights != self.weights:
            raise InvalidArgumentError(f"there are {weights} weights, and this recipe is for {self.weights}: {self!r}")
        if weights < 1:
            raise InvalidArgumentError("there are no weights; give one at least")
        features = weights if self.operator is None else self.operator.features
        free = 0 if self.operator is None else self.operator.kernel.shape[1]
        return features, self.layout.batches(features), free

    def features(self, w: Any) -> FloatArray:
        """Return z = A w, shape (..., features) for w of shape (..., weights)."""
        w = finite_array("w", w)
        self.sized(w.shape[-1])
        return w if self.operator is None else np.asarray(w @ self.operator.matrix.T)

    def parameterize(self, x: Any) -> FloatArray:
        """Return the weights w(x), shape (..., weights), of parameters x, shape (..., parameters).

        Raises
        ------
        InvalidArgumentError
            If x has another length than the parameters of some number of weights.
        """
        x = finite_array("x", x)
        return self._from_features(*self._split(x))

    def _split(self, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return z and eta, of numbers or expressions."""
        features, batches, free = self.sized(self._weights_of(x.shape[-1]))
        z, start = np.zeros((*x.shape[:-1], features), dtype=x.dtype), 0
        for batch in batches:
            mine = x[..., start : start + batch.width].reshape(*x.shape[:-1], len(batch.places), -1)
            z[..., batch.places] = batch.block.predict(mine)
            start += batch.width
        return z, x[..., x.shape[-1] - free :]

    def _from_features(self, z: NDArray[Any], eta: NDArray[Any]) -> NDArray[Any]:
        if self.operator is None:
            return z
        return np.asarray(z @ self.operator.inverse.T + eta @ self.operator.kernel.T)

    def _weights_of(self, count: int) -> int:
        """Return how many weights have so many parameters."""
        each = self.block.shape[1]
        weights = count // each if self.weights is None else self.weights
        _, batches, free = self.sized(max(weights, 1))
        expected = sum(batch.width for batch in batches) + free
        if count != expected:
            raise InvalidArgumentError(
                f"x has {count} parameters, and {weights} weights of this recipe have {expected}"
            )
        return weights

    def jacobian(self, x: Any) -> FloatArray:
        """Return dw/dx, shape (weights, parameters), at parameters of shape (parameters,)."""
        x = finite_array("x", x)
        if x.ndim != 1:
            raise InvalidArgumentError(f"x has shape {x.shape}; a Jacobian is of one point, shape (parameters,)")
        features, batches, _ = self.sized(self._weights_of(x.size))
        result, start = np.zeros((features, x.size)), 0
        for batch in batches:
            blocks = batch.block.jacobian(x[start : start + batch.width].reshape(len(batch.places), -1))
            for place, block in zip(batch.places, blocks, strict=True):
                result[place, start : start + block.shape[1]] = block
                start += block.shape[1]
        if self.operator is None:
            return result
        whole: FloatArray = self.operator.inverse @ result
        whole[:, start:] = self.operator.kernel
        return whole

    def lift(self, w: Any, level: Any = 0.0) -> FloatArray:
        """Return parameters on the slice of a level that make these weights: parameterize(lift(w)) = w.

        At level 0 they are balanced, which is the least |x|².

        Raises
        ------
        InvalidArgumentError
            At zeros, where nothing would ever move; names them and what to do. (With a tall operator in the frame
            "analysis" nothing is lost: the z = A w are lifted.)
        """
        w = finite_array("w", w)
        levels = finite_array("level", level)
        _, batches, _ = self.sized(w.shape[-1])
        z = self.features(w)
        parts = [batch.block.lift(z[..., batch.places], levels).reshape(*w.shape[:-1], -1) for batch in batches]
        if self.operator is not None:
            parts.append(w @ self.operator.kernel)
        return np.concatenate(parts, axis=-1)

    def init(self, scale: float, weights: int | None = None) -> FloatArray:
        """Return parameters with w = 0 (of squares and simplices, as near as can be), from which all of it can move.

        Parameters
        ----------
        scale : float
            The size of the factors that are not zero; positive.
        weights : int, optional
            Their number, where the recipe leaves it open.
        """
        scale = checked_real("scale", scale, minimum=0.0, open_end=True)
        _, batches, free = self.sized(self._known(weights))
        blocks = [np.tile(batch.block.init(scale), len(batch.places)) for batch in batches]
        return np.concatenate([*blocks, np.zeros(free)])

    def _known(self, weights: int | None) -> int:
        count = self.weights if weights is None else weights
        if count is None:
            raise InvalidArgumentError("this recipe is for any number of weights; say how many by weights=")
        return checked_int("weights", count, minimum=1, maximum=10**6)

    def symbols(self, weights: int | None = None) -> tuple[sympy.Symbol, ...]:
        """Return the parameters as symbols, in the order of x."""
        _, batches, free = self.sized(self._known(weights))
        names = [
            name for batch in batches for i in range(len(batch.places)) for name in batch.block.names(batch.first + i)
        ]
        return parameters(" ".join([*names, *(f"eta{i}" for i in range(free))]))

    def symmetries(self, weights: int | None = None) -> tuple[Symmetry, ...]:
        """Return the group that leaves the weights as they are, in the parameters `symbols(weights)`."""
        symbols, start = self.symbols(weights), 0
        found: list[Symmetry] = []
        for batch in self.sized(self._known(weights))[1]:
            each = batch.block.shape[1]
            for _ in batch.places:
                found += batch.block.symmetries(symbols[start : start + each])
                start += each
        return tuple(found)

    @property
    def symmetry(self) -> tuple[Symmetry, ...]:
        """The group that leaves the weights as they are, for a recipe of a fixed size; see `symmetries`."""
        return self.symmetries(1 if self.weights is None else None)

    def formulas(self, weights: int | None = None) -> tuple[list[sympy.Expr], list[sympy.Expr]]:
        """Return features z and weights w as expressions of `symbols(weights)`."""
        x = np.array(self.symbols(weights), dtype=object)
        z, eta = self._split(x)
        w = z if self.operator is None else self._from_features(z, eta)
        return [sympy.sympify(each) for each in z], [sympy.sympify(each) for each in w]

    def __repr__(self) -> str:
        operator = "" if self.operator is None else f", {self.operator!r}, {self.frame}"
        return f"<Recipe {self.name}: {self.block.words}{operator}>"
