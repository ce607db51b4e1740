r"""The laws of a model with one block: uv, a neuron (w, v), a column pair (U, V), under every dynamics.

`BlockStrength` has the law of the strength s = |U||V|. What is added here is the change of variables to what is
observed:

* theta = uv, of which s is the absolute value, on two sheets; w.r.t. dtheta;
* the strength s; w.r.t. ds; and v |U|, if V is a number v, which is s with the sign of v;
* a component z_i of a neuron's z = v w, or of a row or column U_i V_j: w.r.t. dz_i. If the loss depends on s alone,
  z_i = s times the coordinate of a uniform direction, and with s = |z_i| cosh y the density is
  int rho(|z_i| cosh y) tanh(y)^(d-2) dy over y > 0;
* the imbalance q = |U|^2 - |V|^2 = 2 s sinh t, dq = 2 s cosh t dt: int rho(s) exp(nu t) ds / sqrt(q^2 + 4 s^2);
* the size N = |U|^2 + |V|^2 = 2 s cosh t; w.r.t. dN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from ...errors import InvalidArgumentError, NotNormalizableError
from ...process import Ambient
from ..integrals import Sphere, angular_integral, log_integrals, tabulated
from ..line import Density, LogWeight
from ..request import LawRequest
from .block import Block, BlockStrength
from .product import Product
from .wrong_laws import LITERAL, POWERS, existing, labelled

__all__ = ["BlockLaw"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_TINY = 1e-300


@dataclass(frozen=True)
class BlockLaw(BlockStrength):
    """The laws of the observables of a model that is one block."""

    @classmethod
    def recognise(cls, request: LawRequest) -> BlockLaw | None:
        """Return the law of a request about a model that is one block, else None."""
        block = Block.recognise(request.model) if request.process.weight_decay is not None else None
        if block is None:
            return None
        # The ambient law of uv has formulas of its own, which need no symmetry.
        is_ambient = isinstance(request.dynamics, Ambient) and request.given is None
        return None if is_ambient and Product.recognise(request.model) is not None else cls(request, block)

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
            weight = partial(self._theta, factor) if kind == "theta" else self.log_strength
            is_closed = self.measure.is_closed and (kind == "theta" or self.is_isotropic)
            method = "closed form" if is_closed and self.request.method != "quadrature" else "quadrature"
            self._refuse_closed_form(method)
            breaks = self._breaks(factor) if kind == "theta" else ()
            return self._weighted(weight, support=support, breaks=breaks, method=method)
        self._refuse_closed_form("quadrature")
        if kind == "signed":
            return self._signed()
        if kind == "component":
            component = self._component()
            table = tabulated(lambda z: component(z / factor), is_even=self.is_isotropic)
            return self._weighted(table, breaks=table.breaks, error=table.error)
        if kind == "imbalance":
            return self._imbalance(factor)
        if kind == "size":
            return self._size(factor)
        raise self.request.unsupported(
            "it is none of the quantities of a block", "ask for the strength, the imbalance, |U|**2 + |V|**2 or U_i V_j"
        )

    def _breaks(self, factor: float) -> ArrayLike:
        """Return where the loss jumps or bends, as values of factor times theta; it is known for the predictor's."""
        found = self.request.breaks
        if not found.size:
            return ()
        (predictor,) = self.request.model.predictor.values()
        kind, its_factor = self.block.kind(predictor)
        return found * (factor / its_factor) if kind == "theta" else ()

    def rivals(self, cutoff: float | None = None) -> dict[str, Density] | None:
        """Return the laws with other corrections of theta and of the strength; None for what else is observed."""
        kind, factor = self.block.kind(self.request.expression)
        if kind not in {"theta", "strength"}:
            return None
        corrections: dict[str, tuple[str, float | None]] = {
            key: (text, exponent) for key, (exponent, text) in POWERS.items()
        }
        corrections["equation (6)"] = (LITERAL, None)
        return existing(
            {key: partial(self._rival, (kind, factor), key, *correction) for key, correction in corrections.items()}
        )

    def _rival(self, what: tuple[str, float], key: str, text: str, exponent: float | None) -> Density:
        support = (-math.inf if what[0] == "theta" else 0.0, math.inf)
        return labelled(self.request, key, text).weighted(partial(self._log_rival, what, exponent), support=support)

    def _log_rival(self, what: tuple[str, float], exponent: float | None, x: FloatArray) -> FloatArray:
        """Return the log-weight with a power of the right correction, or with s**(-1/2) if there is no exponent."""
        kind, x = what[0], x / what[1]
        excess = self.m + self.n - 2
        s = np.maximum(np.abs(x), _TINY)
        correction = -0.5 * np.log(s) if exponent is None else exponent * self.measure.log_radial(s)
        tail = self.log_sheets(x) if kind == "theta" else self.log_gibbs(x)
        return np.asarray(correction + (excess * np.log(s) if excess else 0.0) + tail)

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
        breaks: ArrayLike = (),
        method: str = "quadrature",
        error: float = 0.0,
    ) -> Density:
        name = self.request.observable
        remedy = (
            f"Use level != 0, or exclude a neighbourhood of 0 by given=({name!r}, lo, hi); absorption_time has what "
            "the process of level 0 does instead"
            if self.measure.level == 0.0
            else ""
        )
        return self.request.weighted(
            weight,
            support=support,
            singularities=singularities,
            breaks=breaks,
            method=method,
            remedy=remedy,
            error=error + self.weight_error,
        )

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

    def _log_signed(self, x: FloatArray) -> FloatArray:
        return self.log_strength(np.abs(x))

    def _theta(self, factor: float, x: FloatArray) -> FloatArray:
        theta = x / factor
        return self.measure.log_strength(np.abs(theta)) + self.log_sheets(theta)

    def _component(self) -> LogWeight:
        if min(self.m, self.n) > 1:
            raise self.request.unsupported(
                "of a product U_i V_j it is known if U or V has one component only", "ask for the strength"
            )
        if not self.is_isotropic:
            return self._component_by_directions()
        return self._log_component

    def _log_component(self, z: FloatArray) -> FloatArray:
        dim = max(self.m, self.n)
        size = np.maximum(np.abs(z), _TINY)
        reach = np.maximum(np.log(2.0 * self.largest / size), 0.0) + 3.0

        def log_f(row: IndexArray, y: FloatArray) -> FloatArray:
            return np.asarray(self.log_strength(size[row] * np.cosh(y)) + (dim - 2) * np.log(np.tanh(y)))

        values = log_integrals(log_f, np.zeros(z.shape), reach, width=5.0, far=37.0)
        return np.where((z == 0.0) & (self.measure.exponent_at_zero <= 0.0), np.inf, values)

    def _component_by_directions(self) -> LogWeight:
        """Integrate over the other components: z_perp = |z_i| sinh(y) times a direction; two or three dimensions."""
        vector = self.block.left if self.n == 1 else self.block.right
        dim = len(vector)
        # The component i is z_i = w_i v, and does not depend on the others.
        place = next(i for i, x in enumerate(vector) if self.request.expression.has(x))
        self._require_few_directions()
        others = self.spheres[0 if self.n == 1 else 1].without(place)
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
            reach = np.maximum(np.log(2.0 * self.largest / np.abs(z)), 0.0) + 40.0

            def log_f(row: IndexArray, y: FloatArray) -> FloatArray:
                size, shape = np.abs(z[row]) * np.cosh(y), y.shape
                flat_z, flat_y = (np.broadcast_to(x, shape).reshape(-1, 1) for x in (z[row], y))
                angular = angular_integral(
                    lambda k, a, _: log_sheets(flat_z[k], flat_y[k], a), flat_z.size, others, Sphere(0)
                ).reshape(shape)
                # dz_perp = (|z_i| sinh y)**(dim - 2) |z_i| cosh(y) dy times the element of angle
                jacobian = (dim - 1) * np.log(np.abs(z[row])) + (dim - 2) * np.log(np.sinh(y)) + np.log(np.cosh(y))
                return np.asarray(self.measure.log_radial(size) + angular + jacobian)

            return log_integrals(log_f, np.zeros(z.shape), reach, width=5.0)

        return log_weight

    def _signed(self) -> Density:
        if not self.is_isotropic:
            self._require_few_directions()
            table = tabulated(self.log_signed)
            return self._weighted(table, breaks=table.breaks, error=table.error)
        return self._weighted(self._log_signed)

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

        # It is tabulated, so that it need not be kept.
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

        table = tabulated(log_weight)
        return self._weighted(table, support=(low, high), breaks=table.breaks, error=table.error + self.cells.error)

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
        log_weight = partial(self._log_size, factor, low, high)
        support, ends = (factor * smallest, math.inf), (factor * smallest,)
        if smallest > 0.0:
            return self._weighted(log_weight, support=support, singularities=ends)
        table = tabulated(log_weight, signs=(1.0,))
        return self._weighted(table, support=support, singularities=ends, breaks=table.breaks, error=table.error)

    def _log_size(self, factor: float, low: float, high: float, total: FloatArray) -> FloatArray:
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

    def _size_on_slice(self, factor: float, smallest: float) -> Density:
        """N = 2 sqrt(c**2 + s**2): ds = N dN / 4s."""
        if self.largest**2 < 1e-8 * smallest**2:
            raise self.request.unsupported(
                f"it differs from {factor * smallest:.6g} by less than doubles resolve well", "use a smaller level"
            )
        log_weight = partial(self._log_size_on_slice, factor, smallest)
        return self._weighted(log_weight, support=(factor * smallest, math.inf), singularities=(factor * smallest,))

    def _log_size_on_slice(self, factor: float, smallest: float, total: FloatArray) -> FloatArray:
        total = total / factor
        s = np.maximum(np.sqrt(np.maximum((total - smallest) * (total + smallest), 0.0)) / 2.0, _TINY)
        return self.log_strength(s) + np.log(np.maximum(total, _TINY)) - np.log(s)
