r"""The laws of a model with one block: uv, a neuron (w, v), a column pair (U, V), under every dynamics.

`BlockMeasure` knows the density of the strength s = |U||V| without the loss. What is added here is exp(-L/T), which
depends on s and on the directions of U and V, and the change of variables to what is observed:

* theta = uv, of which s is the absolute value, on two sheets; w.r.t. dtheta;
* the strength s; w.r.t. ds;
* a component z_i of a neuron's z = v w, or of a row or column U_i V_j: w.r.t. dz_i. If the loss depends on s alone,
  z_i = s times the coordinate of a uniform direction, and with s = |z_i| cosh y the density is
  int rho(|z_i| cosh y) tanh(y)^(d-2) dy over y > 0;
* the imbalance q = |U|^2 - |V|^2 = 2 s sinh t, dq = 2 s cosh t dt: int rho(s) exp(nu t) ds / sqrt(q^2 + 4 s^2);
* the size N = |U|^2 + |V|^2 = 2 s cosh t; w.r.t. dN.
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
from scipy.special import logsumexp

from ..distribution import Density
from ..errors import InvalidArgumentError, NotNormalizableError
from ..expressions import compiled
from ..model import Model
from ..panels import Cells
from ..quadrature import LogWeight, integrate
from .block_measure import BlockMeasure
from .directions import ANGLES, angular_integral
from .line_integrals import log_integrals
from .log_table import tabulated
from .request import LawRequest
from .scalings import blocks_of, scaling_weights

__all__ = ["Block", "BlockLaw"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_TINY = 1e-300
_PROBES = 16


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
        """Return which of "theta", "strength", "component", "imbalance", "size" an observable is, and its factor.

        The observable is compared with each of them at random points, so it may be written in any way.
        """
        if not expression.free_symbols <= set(self.symbols):
            return "", 1.0
        x = np.random.default_rng(20260106).standard_normal((len(self.symbols), _PROBES))
        u, v = x[: len(self.left)], x[len(self.left) :]
        p, q = (u**2).sum(axis=0), (v**2).sum(axis=0)
        value = compiled(expression, self.symbols)(*x)
        if any(_same(value, a * b) for a, b in itertools.product(u, v)):
            return ("theta" if self.is_scalar else "component"), 1.0
        if _same(value, np.sqrt(p * q)):
            return "strength", 1.0
        for name, form in (("imbalance", p - q), ("size", p + q)):
            factor = float(value[0] / form[0])
            if factor != 0.0 and _same(value, factor * form):
                return name, round(factor, 12)
        return "", 1.0


@dataclass(frozen=True)
class BlockLaw:
    """The laws of the observables of a model that is one block."""

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
            weight_decay=request.weight_decay() or 0.0,
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
        """Whether the loss depends on s alone, up to rounding, at 16 directions and 6 strengths."""
        source = np.random.default_rng(20260106)
        a, b = (_unit(source.standard_normal((_PROBES, dim))) for dim in (self.m, self.n))
        values = self.loss_at(np.array([[1e-3], [0.1], [0.5], [1.0], [2.5], [7.0]]), a, b)
        spread = np.ptp(values, axis=1)
        return bool(np.all(spread <= 1e-11 * (np.abs(values).max(axis=1) + np.abs(values).max() * 1e-3)))

    @cached_property
    def log_gibbs(self) -> Callable[[FloatArray], FloatArray]:
        """The log of the integral of exp(-L/T) over the directions, as a function of s; up to a constant."""
        T = self.request.T
        if self.is_isotropic:
            a, b = np.eye(1, self.m), np.eye(1, self.n)
            return lambda s: np.asarray(-self.loss_at(s[..., None], a, b)[..., 0] / T)
        if self.m + self.n - 2 > ANGLES:
            raise self.request.unsupported(
                f"the loss depends on the directions of U and V, which have {self.m + self.n - 2} angles",
                f"integrals over more than {ANGLES} are not done; use a loss of the strength alone",
            )

        def log_gibbs(s: FloatArray) -> FloatArray:
            return angular_integral(lambda row, a, b: -self.loss_at(s[row, None], a, b) / T, s.size, self.m, self.n)

        if self.m + self.n == 2:
            return lambda s: log_gibbs(s.ravel()).reshape(s.shape)
        table = tabulated(log_gibbs, signs=(1.0,))
        return lambda s: table(s.ravel()).reshape(s.shape)

    def log_strength(self, s: FloatArray) -> FloatArray:
        """Return the log-weight of the strength w.r.t. ds; s >= 0."""
        return self.measure.log_strength(s) + self.log_gibbs(s)

    def density(self) -> Density:
        """Return the law of the observable.

        Raises
        ------
        NotNormalizableError
            If its mass is infinite.
        UnsupportedModelError
            If it is not known.
        InvalidArgumentError
            If the observable is constant, or no closed form exists where one is wanted.
        """
        self._require_confinement()
        kind, factor = self.block.kind(self.request.expression)
        if kind in {"theta", "strength"}:
            support = (0.0 if kind == "strength" else -math.inf, math.inf)
            weight = self._theta if kind == "theta" else self.log_strength
            is_closed = self.measure.is_closed and (kind == "theta" or self.is_isotropic)
            method = "closed form" if is_closed and self.request.method != "quadrature" else "quadrature"
            self._refuse_closed_form(method)
            return self._weighted(weight, support=support, method=method)
        self._refuse_closed_form("quadrature")
        if kind == "component":
            return self._weighted(tabulated(self._component()))
        if kind == "imbalance":
            return self._imbalance(factor)
        if kind == "size":
            return self._size(factor)
        raise self.request.unsupported(
            "it is none of the quantities of a block", "ask for the strength, the imbalance, |U|**2 + |V|**2 or U_i V_j"
        )

    def _refuse_closed_form(self, method: str) -> None:
        if self.request.method == "closed form" and method != "closed form":
            raise InvalidArgumentError(
                f"no closed form is known for the law of {self.request.observable!r} under {self.request.dynamics!r}; "
                "leave out method="
            )

    def _weighted(
        self,
        weight: LogWeight,
        *,
        support: tuple[float, float] = (-math.inf, math.inf),
        singularities: tuple[float, ...] = (0.0,),
        method: str = "quadrature",
    ) -> Density:
        name = self.request.observable
        remedy = (
            f"Use level != 0, or exclude a neighbourhood of 0 by given=({name!r}, lo, hi); absorption_time has what "
            "the process of level 0 does instead"
            if self.measure.level == 0.0
            else ""
        )
        return self.request.weighted(weight, support=support, singularities=singularities, method=method, remedy=remedy)

    def _require_confinement(self) -> None:
        if self.measure.is_confined:
            return
        u, v = self.block.left[0], self.block.right[0]
        raise NotNormalizableError(
            f"the {self.request.name} of {self.request.observable!r} has infinite mass: the loss is constant along the "
            f"orbits (U, V) -> (s U, V / s), which have infinite volume, and the mass escapes along them to "
            f"|{u}| = infinity or |{v}| = infinity. Confine the process, for instance by a weight decay, by a bounded "
            "given= on the imbalance, or by GaugeFixed(level=...)"
        )

    def _theta(self, theta: FloatArray) -> FloatArray:
        return self.measure.log_strength(np.abs(theta)) + self.log_sheets(theta)

    def log_sheets(self, theta: FloatArray) -> FloatArray:
        """Return the log of the sum of exp(-L/T) over the two sheets above theta = u v."""
        s, sign = np.abs(theta), np.where(theta < 0.0, -1.0, 1.0)[:, None]
        one = np.ones((1, 1))
        losses = [self.loss_at(s[:, None], side * one, side * sign[..., None])[:, 0] for side in (1.0, -1.0)]
        return np.asarray(np.logaddexp(-losses[0] / self.request.T, -losses[1] / self.request.T))

    @cached_property
    def cells(self) -> Cells:
        """The law of the strength, whose nodes do further integrals."""
        return integrate(self.log_strength, [(0.0, math.inf)], [0.0])

    @cached_property
    def _largest(self) -> float:
        """A strength that is exceeded with a probability of 1e-40 at most."""
        return float(np.max(self.cells.nodes[self.cells.node_probability > 1e-40]))

    def _component(self) -> LogWeight:
        if min(self.m, self.n) > 1:
            raise self.request.unsupported(
                "of a product U_i V_j it is known if U or V has one component only", "ask for the strength"
            )
        if not self.is_isotropic:
            return self._component_by_directions()
        dim = max(self.m, self.n)

        def log_weight(z: FloatArray) -> FloatArray:
            size = np.maximum(np.abs(z), _TINY)
            reach = np.maximum(np.log(2.0 * self._largest / size), 0.0) + 40.0

            def log_f(row: IndexArray, y: FloatArray) -> FloatArray:
                return np.asarray(self.log_strength(size[row] * np.cosh(y)) + (dim - 2) * np.log(np.tanh(y)))

            values = log_integrals(log_f, np.zeros(z.shape), reach, width=5.0)
            return np.where((z == 0.0) & (self.measure.exponent_at_zero <= 0.0), np.inf, values)

        return log_weight

    def _component_by_directions(self) -> LogWeight:
        """Integrate over the other components: z_perp = |z_i| sinh(y) times a direction; two or three dimensions."""
        vector = self.block.left if self.n == 1 else self.block.right
        dim = len(vector)
        if dim > 3:
            raise self.request.unsupported(
                "the loss depends on the direction of z",
                "this is known in up to three dimensions; ask for the strength",
            )
        # The component i is z_i = w_i v, and does not depend on the others.
        place = next(i for i, x in enumerate(vector) if self.request.expression.has(x))
        order, one = [place, *(i for i in range(dim) if i != place)], np.ones((1, 1))

        def log_sheets(z: FloatArray, tilt: FloatArray, across: FloatArray) -> FloatArray:
            """Z (n, 1), tilt y (n, 1), directions (K, dim - 1): both signs of the scalar."""
            s = np.abs(z) * np.cosh(tilt)
            parts = [np.sign(z) / np.cosh(tilt) + 0.0 * across[:, 0]]
            parts += [np.tanh(tilt) * across[:, k] for k in range(dim - 1)]
            direction = np.empty((*parts[0].shape, dim))
            for k, part in zip(order, parts, strict=True):
                direction[..., k] = part
            pair = [(side * direction, side * one) for side in (1.0, -1.0)]
            losses = [self.loss_at(s, *(sides if self.n == 1 else sides[::-1])) for sides in pair]
            return np.logaddexp(-losses[0] / self.request.T, -losses[1] / self.request.T)

        def log_weight(z: FloatArray) -> FloatArray:
            z = np.where(z == 0.0, _TINY, z)
            reach = np.maximum(np.log(2.0 * self._largest / np.abs(z)), 0.0) + 40.0

            def log_f(row: IndexArray, y: FloatArray) -> FloatArray:
                size, shape = np.abs(z[row]) * np.cosh(y), y.shape
                flat_z, flat_y = (np.broadcast_to(x, shape).reshape(-1, 1) for x in (z[row], y))
                angular = angular_integral(
                    lambda k, a, _: log_sheets(flat_z[k], flat_y[k], a), flat_z.size, dim - 1, 0
                ).reshape(shape)
                # dz_perp = (|z_i| sinh y)**(dim - 2) |z_i| cosh(y) dy times the element of angle
                jacobian = (dim - 1) * np.log(np.abs(z[row])) + (dim - 2) * np.log(np.sinh(y)) + np.log(np.cosh(y))
                return np.asarray(self.measure.log_radial(size) + angular + jacobian)

            return log_integrals(log_f, np.zeros(z.shape), reach, width=5.0)

        return log_weight

    def _imbalance(self, factor: float) -> Density:
        if self.measure.level is not None:
            raise InvalidArgumentError(
                f"{self.request.observable!r} has the constant value {2.0 * factor * self.measure.level:.12g} on the "
                "slice, and so no density; ask for another observable"
            )
        window = self.measure.window or (-math.inf, math.inf)
        low, high = sorted((factor * window[0], factor * window[1]))
        log_rho, nodes, gap = self._strength_rule()
        log_core = float(self.log_gibbs(np.array([gap]))[0]) if self.m == self.n == 1 else -math.inf

        def log_weight(q: FloatArray) -> FloatArray:
            q = q / factor
            result = np.empty(q.shape)
            step = max(1, 2**20 // nodes.size)
            for start in range(0, q.size, step):
                part = q[start : start + step, None]
                result[start : start + step] = logsumexp(log_rho + self._log_kernel(part, nodes), axis=1)
            # Between the innermost node and 0 only 1/r varies, and matters only if there is no other power of s.
            core = np.log(np.arcsinh(2.0 * gap / np.abs(q)) / 2.0) + log_core + self._log_confinement(q, np.abs(q))
            return np.logaddexp(result, core)

        return self._weighted(tabulated(log_weight), support=(low, high))

    def _strength_rule(self) -> tuple[FloatArray, FloatArray, float]:
        cells = self.cells
        gap = float(cells.right[(cells.origin == 0.0) & (cells.sign > 0.0) & (cells.kappa > 0.0)][0])
        seen = (cells.nodes > gap * (1.0 + 1e-9)) & (cells.node_probability > 1e-30)
        nodes = cells.nodes[seen]
        return np.log(cells.measure[seen]) + self.log_gibbs(nodes), nodes, gap

    def _log_kernel(self, q: FloatArray, s: FloatArray) -> FloatArray:
        radius = np.hypot(q, 2.0 * s)
        ratio = np.sign(q) * np.log((np.abs(q) + radius) / (2.0 * s))
        return (
            self.measure.power * np.log(s) + self.measure.nu * ratio - np.log(radius) + self._log_confinement(q, radius)
        )

    def _log_confinement(self, q: FloatArray, size: FloatArray) -> FloatArray:
        measure = self.measure
        return -(measure.weight_decay * size / 2.0 + measure.stiffness * q**2 / 8.0) / measure.temperature

    def _size(self, factor: float) -> Density:
        if factor < 0.0:
            raise self.request.unsupported("it is a negative multiple of |U|**2 + |V|**2", "change its sign")
        if self.measure.level is not None:
            return self._size_on_slice(factor, 2.0 * abs(self.measure.level))
        low, high = self.measure.window or (-math.inf, math.inf)
        smallest = max(low, -high, 0.0)

        def log_weight(total: FloatArray) -> FloatArray:
            total = np.maximum(total / factor, _TINY)
            reach = np.maximum(np.log(2.0 * total), 0.0) + 50.0
            with np.errstate(divide="ignore"):  # q = N tanh t; all of t where the window is wider than N
                left, right = (np.arctanh(np.clip(end / total, -1.0, 1.0)) for end in (low, high))

            def log_f(row: IndexArray, t: FloatArray) -> FloatArray:
                n = total[row]
                cosh = np.logaddexp(t, -t)
                shape = ((self.m - 1) * (t - cosh) + (self.n - 1) * (-t - cosh)) / 2.0 - cosh
                return shape + self.log_gibbs(n * np.exp(-cosh)) + self._log_confinement(n * np.tanh(t), n)

            values = log_integrals(log_f, np.maximum(left, -reach), np.minimum(right, reach), width=6.0)
            return values + self.measure.power * np.log(total)

        weight = tabulated(log_weight, signs=(1.0,)) if smallest == 0.0 else log_weight
        return self._weighted(weight, support=(factor * smallest, math.inf), singularities=(factor * smallest,))

    def _size_on_slice(self, factor: float, smallest: float) -> Density:
        """N = 2 sqrt(c**2 + s**2): ds = N dN / 4s."""
        if self._largest**2 < 1e-8 * smallest**2:
            raise self.request.unsupported(
                f"it differs from {factor * smallest:.6g} by less than doubles resolve well", "use a smaller level"
            )

        def log_weight(total: FloatArray) -> FloatArray:
            total = total / factor
            s = np.maximum(np.sqrt(np.maximum((total - smallest) * (total + smallest), 0.0)) / 2.0, _TINY)
            return self.log_strength(s) + np.log(np.maximum(total, _TINY)) - np.log(s)

        return self._weighted(log_weight, support=(factor * smallest, math.inf), singularities=(factor * smallest,))


def _same(one: FloatArray, other: FloatArray) -> bool:
    return bool(np.all(np.abs(one - other) <= 1e-10 * np.maximum(np.abs(other), 1e-3)))


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
