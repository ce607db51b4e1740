r"""A model with one block, uv, a neuron (w, v) or a column pair (U, V), and the law of its strength s = |U||V|.

`BlockMeasure` knows the density of s without the loss. What is added here is exp(-L/T), which depends on s and on the
directions of U and V, and is averaged over these. `BlockLaw` has the laws of what else is observed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
from numpy.typing import NDArray

from ...geometry import blocks_of, scaling_weights
from ...model import Model
from ...model.expressions import compiled, exact, rough_parts
from ...model.meaning import LinearMap, is_invariant, is_unchanged, same_function
from ..integrals import ANGLES, LogTable, Sphere, angular_integral, tabulated
from ..line import Panels, integrate
from ..recomputed import Recomputed
from ..request import LawRequest
from .block_measure import BlockMeasure
from .known_directions import known_directions

__all__ = ["Block", "BlockStrength"]

FloatArray = NDArray[np.float64]

_PROBES = 16
_ERROR = 1e-11  # of integrals over directions or an orbit: their rules are refined until they agree to less


@dataclass(frozen=True)
class Block:
    """The parameters of a block: U scales with s**weight, V with s**-weight."""

    left: tuple[sympy.Symbol, ...]
    right: tuple[sympy.Symbol, ...]
    weight: float

    @classmethod
    def recognise(cls, model: Model) -> Block | None:
        """Return the block that all parameters of a model form, else None."""
        weights = scaling_weights(model)
        found = None if weights is None or len(weights) != 1 else blocks_of(weights)
        if not found:
            return None
        left, right, weight = found[0]
        x = model.parameters
        return cls(tuple(x[i] for i in left), tuple(x[i] for i in right), weight)

    @property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        """U and V."""
        return (*self.left, *self.right)

    @property
    def is_scalar(self) -> bool:
        """Whether it is uv."""
        return len(self.left) == len(self.right) == 1

    def kind(self, expression: sympy.Expr) -> tuple[str, float]:
        """Return which of "theta", "strength", "signed", "component", "imbalance", "size" it is, and its factor.

        Values at random points tell which of them it can be, and then it is decided whether it is that everywhere: it
        may be written in any way.
        """
        if not expression.free_symbols <= set(self.symbols):
            return "", 1.0
        x = np.random.default_rng(20260106).standard_normal((len(self.symbols), _PROBES))
        u, v = x[: len(self.left)], x[len(self.left) :]
        p, q = (u**2).sum(axis=0), (v**2).sum(axis=0)
        value = compiled(expression, self.symbols)(*x)
        squares = [sympy.Add(*(x**2 for x in side)) for side in (self.left, self.right)]
        factors = {name: round(float(value[0] / form[0]), 12) for name, form in (("imbalance", p - q), ("size", p + q))}
        product = "theta" if self.is_scalar else "component"
        candidates = [
            *(
                (
                    product,
                    factor := round(float(value[0] / (a * b)[0]), 12),
                    factor * a * b,
                    self.left[i] * self.right[j],
                )
                for (i, a), (j, b) in itertools.product(enumerate(u), enumerate(v))
            ),
            ("strength", 1.0, np.sqrt(p * q), sympy.sqrt(squares[0]) * sympy.sqrt(squares[1])),
            *([("signed", 1.0, v[0] * np.sqrt(p), sympy.sqrt(squares[0]) * self.right[0])] * (len(v) == 1)),
            ("imbalance", factors["imbalance"], factors["imbalance"] * (p - q), squares[0] - squares[1]),
            ("size", factors["size"], factors["size"] * (p + q), squares[0] + squares[1]),
        ]
        for name, factor, values, form in candidates:
            likely = factor != 0.0 and _same(value, values)
            if likely and same_function(expression, exact(factor) * form, self.symbols):
                return name, factor
        return "", 1.0


@dataclass(frozen=True)
class BlockStrength(Recomputed):
    """The law of the strength of a model that is one block.

    Parameters
    ----------
    request : LawRequest
        What was asked.
    block : Block
        Of which parameters.
    """

    request: LawRequest
    block: Block

    @property
    def m(self) -> int:
        """The dimension of U."""
        return len(self.block.left)

    @property
    def n(self) -> int:
        """The dimension of V."""
        return len(self.block.right)

    @cached_property
    def measure(self) -> BlockMeasure:
        """What the dynamics leaves of the block."""
        request, weight = self.request, self.block.weight
        return BlockMeasure(
            m=self.m,
            n=self.n,
            temperature=request.T,
            weight_decay=request.process.weight_decay or 0.0,
            stiffness=request.stiffness * weight**2,
            window=self._window(),
            level=float(request.levels(1)[0]) / weight if request.is_on_slice else None,
            rigid=request.is_rigid,
            numerical=request.method == "quadrature",
        )

    def _window(self) -> tuple[float, float] | None:
        shell = self.request.given
        if shell is None:
            return None
        kind, factor = self.block.kind(self.request.model.observable(shell[0]))
        if kind != "imbalance" and self.request.shell is None:
            return None
        if kind != "imbalance":
            raise self.request.unsupported(
                f"the condition on {shell[0]!r} is not one on |U|**2 - |V|**2 of its block",
                "condition on the imbalance or on the observable itself",
            )
        low, high = sorted((shell[1] / factor, shell[2] / factor))
        return low, high

    @cached_property
    def loss_at(self) -> Callable[[FloatArray, FloatArray, FloatArray], FloatArray]:
        """The loss as a function of s (n, 1) and of the directions a (K, m), b (K, n), which gives (n, K)."""
        loss, symbols = self.request.loss, self.request.model.parameters
        sides = {x: (0, i) for i, x in enumerate(self.block.left)} | {x: (1, i) for i, x in enumerate(self.block.right)}
        places = [sides[x] for x in symbols]

        def function(s: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
            root = np.sqrt(s)
            return loss(*(root * (a, b)[side][..., i] for side, i in places))

        return function

    @cached_property
    def is_isotropic(self) -> bool:
        """Whether the loss depends on s alone: no rotation and no reflection of U or of V changes it."""
        source = np.random.default_rng(20260106)
        a, b = (_unit(source.standard_normal((_PROBES, dim))) for dim in (self.m, self.n))
        values = self.loss_at(np.array([[1e-3], [0.1], [0.5], [1.0], [2.5], [7.0]]), a, b)
        spread = np.ptp(values, axis=1)
        if np.any(spread > 1e-11 * (np.abs(values).max(axis=1) + np.abs(values).max() * 1e-3)):
            return False
        model, sides = self.request.model, (self.block.left, self.block.right)
        places = [[model.parameters.index(x) for x in side] for side in sides]
        turns = tuple(_turn(model.dim, i, j) for side in places for i, j in itertools.pairwise(side))
        flips = [LinearMap.reflection(model.dim, [side[0]]) for side in places]
        return is_invariant(model.loss, turns, model.parameters, model.data) and is_unchanged(
            model.loss, flips, model.parameters, model.data
        )

    @cached_property
    def log_gibbs(self) -> Callable[[FloatArray], FloatArray]:
        """The log of the integral of exp(-L/T) over the directions, as a function of s; up to a constant."""
        T = self.request.T
        if self.is_isotropic:
            ends = {self.block.left[0], self.block.right[0]}
            at_axes = [x in ends for x in self.request.model.parameters]
            loss, zero = self.request.loss, np.zeros(())
            return lambda s: np.asarray(-loss(*(np.sqrt(s) if each else zero for each in at_axes)) / T)
        if self.m + self.n == 2:
            return lambda s: self._over_directions(s.ravel()).reshape(s.shape)
        table = self._table
        return lambda s: table(s.ravel()).reshape(s.shape)

    def _require_few_directions(self) -> None:
        if rough_parts(self.request.model.loss):
            # Rules for the circle converge too slowly: this is known before they are tried, for seconds.
            raise self.request.unsupported(
                "the loss depends on the directions of U and V, and may have kinks there",
                "use a loss that is smooth, or one of the strength alone",
            )
        angles = sum(sphere.angles for sphere in self.spheres)
        if angles > ANGLES:
            raise self.request.unsupported(
                f"the loss depends on {angles} angles of the directions of U and V",
                f"integrals over more than {ANGLES} are not done; use a loss of the strength and of few components",
            )

    def _over_directions(self, s: FloatArray) -> FloatArray:
        T = self.request.T
        return angular_integral(lambda row, a, b: -self.loss_at(s[row, None], a, b) / T, s.size, *self.spheres)

    @cached_property
    def spheres(self) -> tuple[Sphere, Sphere]:
        """The directions of U and of V; of long vectors, only those that the loss knows."""
        if self.m + self.n - 2 <= ANGLES:
            return Sphere(self.m), Sphere(self.n)
        left, right = (known_directions(self.request.model, side) for side in (self.block.left, self.block.right))
        return Sphere(self.m, left), Sphere(self.n, right)

    @cached_property
    def _table(self) -> LogTable:
        self._require_few_directions()
        return tabulated(self._over_directions, signs=(1.0,))

    @property
    def weight_error(self) -> float:
        """A bound on the relative error of the weight: that of integrals over orbits and directions, and of tables."""
        of_orbits = 0.0 if self.measure.is_closed and not self.measure.numerical else _ERROR
        is_exact = self.is_isotropic or self.m + self.n == 2
        return of_orbits + (0.0 if is_exact else _ERROR + self._table.error)

    def log_signed(self, x: FloatArray) -> FloatArray:
        """Return the log-weight of v |U| w.r.t. itself, V = v being a number: of the strength, for either sign of v."""
        T, sign = self.request.T, np.where(x < 0.0, -1.0, 1.0)
        s = np.abs(x)
        over_u = angular_integral(
            lambda row, a, _: -self.loss_at(s[row, None], a, sign[row, None, None]) / T,
            s.size,
            self.spheres[0],
            Sphere(0),
        )
        return self.measure.log_strength(s) + over_u

    def log_strength(self, s: FloatArray) -> FloatArray:
        """Return the log-weight of the strength w.r.t. ds; s >= 0."""
        return self.measure.log_strength(s) + self.log_gibbs(s)

    def log_sheets(self, theta: FloatArray) -> FloatArray:
        """Return the log of the sum of exp(-L/T) over the two sheets above theta = u v."""
        s, sign = np.abs(theta), np.where(theta < 0.0, -1.0, 1.0)[:, None]
        one = np.ones((1, 1))
        losses = [self.loss_at(s[:, None], side * one, side * sign[..., None])[:, 0] for side in (1.0, -1.0)]
        return np.asarray(np.logaddexp(-losses[0] / self.request.T, -losses[1] / self.request.T))

    @cached_property
    def cells(self) -> Panels:
        """The law of the strength, whose nodes do further integrals."""
        return integrate(self.log_strength, [(0.0, math.inf)], [0.0])

    @cached_property
    def largest(self) -> float:
        """A strength that is exceeded with a probability of 1e-40 at most."""
        return float(np.max(self.cells.nodes[self.cells.node_probability > 1e-40]))


def _same(one: FloatArray, other: FloatArray) -> bool:
    return bool(np.all(np.abs(one - other) <= 1e-10 * np.maximum(np.abs(other), 1e-3)))


def _turn(dim: int, i: int, j: int) -> sympy.ImmutableSparseMatrix:
    """Return the generator of the rotations that mix two coordinates."""
    return sympy.ImmutableSparseMatrix(dim, dim, {(i, j): sympy.Integer(-1), (j, i): sympy.Integer(1)})


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
