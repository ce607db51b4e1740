r"""The minimiser of weight decay, by variable projection: one factor eliminated, the others by L-BFGS.

With z = u g block by block, u is a ridge regression for given g, and with D = diag(g²) over features

    min over u = (lam/2) bᵀalpha,   (M D Mᵀ + n lam) alpha = b,   z = D Mᵀ alpha,

so that what remains is a function of D, f = (lam/2) (bᵀalpha + sum phi), with the derivative (lam/2) (dphi - dg²
|Mᵀalpha|²) block by block (Poon and Peyré, NeurIPS 2021). Products of depth K have g = v^(K-1) and phi = (K - 1) v²:
K - 1 factors are equal at the minimum, and f is smooth in v; shapes have a curve of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv
from scipy.optimize import minimize

from ..blocks import Factors, MatrixBlock, Shaped
from .analysis import analysed
from .factored import factored
from .problem import Problem

__all__ = ["Minimum", "minimum"]

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-6
"""The duality gap that is promised, as a share of the loss at zero."""

_ROUNDS = (12, 12, 12, 24, 24, 48, 96, 200, 400)  # steps of L-BFGS, between which a support is tried
_NEAREST = 1e-12  # of a shape's curve, which may be singular at 0; as a share of its unit
_SHARES = (1e-4, 1e-6, 1e-2)  # of the largest feature: what may be the support
_FIRST = 20  # blocks to begin with
_FLOORS = (1.0, 0.03)  # of the typical size of v, from which features that have vanished may come back


@dataclass(frozen=True)
class Minimum:
    """Features z, the sizes v of their blocks' factors, the objective, and the gap; nan if it is not convex."""

    z: FloatArray
    v: FloatArray
    objective: float
    gap: float


def minimum(problem: Problem, lam: float, start: Minimum | None) -> Minimum:
    """Return the minimum for one weight decay, begun from that of another."""
    block = problem.recipe.block
    if isinstance(block, MatrixBlock):
        z, gap = factored(problem, block, lam)
        sizes = problem.sizes(z)
        return Minimum(z, sizes, problem.loss(z) + lam * float(sizes.sum()), gap)
    if problem.relations.shape[1]:
        z, gap = analysed(problem, lam)
        return Minimum(z, np.sqrt(np.abs(z)), problem.loss(z) + lam * float(np.abs(z).sum()), gap)
    search = _Search(problem, lam)
    if search.is_convex:
        return _convex(problem, lam, start)
    convex = _convex(problem, lam, None)
    sizes = search.place(problem.sizes(convex.z))
    typical = float(sizes.max()) or search.unit
    starts = [np.maximum(sizes, floor * typical) for floor in _FLOORS]
    if start is not None:
        starts.append(np.maximum(start.v, _FLOORS[-1] * typical))
    found = [search.local(v) for v in starts]
    return min(found, key=lambda each: each.objective)


def _convex(problem: Problem, lam: float, start: Minimum | None) -> Minimum:
    """Return the certified minimum for depth 2, found among a growing set of blocks."""
    z = np.zeros(problem.M.shape[1]) if start is None else start.z
    kept = np.zeros(int(problem.group.max()) + 1, dtype=np.bool_)
    while True:
        pull = problem.sizes(problem.M.T @ (problem.b - problem.M @ z)) / (problem.count * lam)
        kept |= problem.sizes(z) > 0.0
        order = np.argsort(np.where(kept, -np.inf, pull))[::-1]
        # Whoever pulls harder than the penalty holds comes in, the hardest first; if nobody does, some for certainty.
        pulling = np.count_nonzero(pull[~kept] > 1.0) or _FIRST
        room = min(kept.size - np.count_nonzero(kept), max(_FIRST, np.count_nonzero(kept)), pulling)
        kept[order[:room]] = True
        part, columns = problem.restricted(kept)
        inside = _Search(part, lam, is_plain=True).certified(z[columns])
        z = np.zeros_like(z)
        z[columns] = inside
        gap = problem.gap(z, lam)
        if gap <= TOLERANCE or kept.all():
            objective = problem.loss(z) + lam * float(problem.sizes(z).sum())
            return Minimum(z, np.sqrt(problem.sizes(z)), objective, gap)


class _Search:
    """The function of v."""

    def __init__(self, problem: Problem, lam: float, *, is_plain: bool = False) -> None:
        self.problem, self.lam = problem, lam
        block = problem.recipe.block
        self.shape = block if isinstance(block, Shaped) and not is_plain else None
        self.depth = block.depth if isinstance(block, Factors) and not is_plain else 2
        self.noise = problem.count * lam
        # Whichever is smaller, a matrix of rows or one of features, is the one that is solved with.
        is_small = problem.M.shape[1] < len(problem.M)
        self.normal = (problem.M.T @ problem.M, problem.M.T @ problem.b) if is_small else None

    @property
    def is_convex(self) -> bool:
        """Whether the problem is one in z: of two factors, whose penalty is a norm."""
        return self.shape is None and self.depth == 2

    @property
    def unit(self) -> float:
        """A place on the curve that is neither far nor near: where the ridge regression is half of the way."""
        scale = float(np.sqrt((self.problem.M**2).sum(axis=0).max() / self.problem.count))
        return float(self.place(np.array([self.problem.lambda_max / max(scale, 1e-300) ** 2]))[0])

    def place(self, sizes: FloatArray) -> FloatArray:
        """Return where on the curve blocks of these sizes are at the least |x|²."""
        return sizes if self.shape is not None else np.asarray(sizes ** (1.0 / self.depth))

    def curve(self, v: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return g², phi and their derivatives."""
        if self.shape is not None:
            return self.shape.curve(v)
        K = self.depth
        return v ** (2 * K - 2), (K - 1) * v**2, (2 * K - 2) * v ** (2 * K - 3), (2 * K - 2) * v

    def solved(self, squares: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return alpha and z for given g²."""
        M, b, weight = self.problem.M, self.problem.b, squares[self.problem.group]
        if self.normal is None:
            gram = (M * weight) @ M.T
            gram.flat[:: len(gram) + 1] += self.noise
            alpha = _solved(gram, b)
            return alpha, weight * (M.T @ alpha)
        root = np.sqrt(weight)
        ridge = root[:, None] * self.normal[0] * root
        ridge.flat[:: len(ridge) + 1] += self.noise
        z = root * _solved(ridge, root * self.normal[1])
        return (b - M @ z) / self.noise, z

    def value(self, v: FloatArray) -> tuple[float, FloatArray]:
        """Return f and its gradient."""
        squares, phi, squares_slope, phi_slope = self.curve(v)
        alpha, _ = self.solved(squares)
        pull = self.problem.sizes(self.problem.M.T @ alpha) ** 2
        total = self.lam / 2.0 * (float(self.problem.b @ alpha) + float(phi.sum()))
        return total, self.lam / 2.0 * (phi_slope - squares_slope * pull)

    def descend(self, v: FloatArray, steps: int) -> FloatArray:
        """Return v after so many steps of L-BFGS."""
        options: dict[str, Any] = {"maxiter": steps, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-14 * self.lam}
        low, high = (0.0, None) if self.shape is None else (_NEAREST * self.unit, self.shape.end)
        found = minimize(self.value, v, jac=True, method="L-BFGS-B", bounds=[(low, high)] * v.size, options=options)
        return np.asarray(found.x)

    def certified(self, start: FloatArray) -> FloatArray:
        """Return the minimum of the convex problem, begun from features `start`: that with the smallest gap found."""
        problem = self.problem
        v = np.full(int(problem.group.max()) + 1, self.unit)
        if start.any():
            size = np.sqrt(problem.sizes(start))
            v = np.maximum(size, _FLOORS[-1] * max(size.max(), self.unit))
        best: tuple[float, FloatArray] = (np.inf, start)

        def is_found(like: FloatArray) -> bool:
            """Whether the solution with these signs is it, or that with those of what is still pulled, and so on."""
            nonlocal best
            while (z := self._polished(like)) is not None and (gap := problem.gap(z, self.lam)) < best[0]:
                best = gap, z
                if gap <= TOLERANCE / 10.0:
                    return True
                like = self._pulled(z)
            return False

        if start.any() and is_found(self._pulled(start)):
            return best[1]
        for steps in _ROUNDS:
            v = self.descend(v, steps)
            alpha, z = self.solved(v**2)
            largest = np.abs(z).max()
            if any(is_found(np.where(np.abs(z) > share * largest, z, 0.0)) for share in _SHARES):
                break
            best = min(best, (problem.gap(z, self.lam), z), key=lambda each: each[0])
            if best[0] <= TOLERANCE / 10.0:
                break
            # A step too far may have left a factor at zero, which is a saddle: what is pulled has to come back.
            is_pulled = problem.sizes(problem.M.T @ alpha) > 1.0
            v = np.where(is_pulled, np.maximum(v, _FLOORS[-1] * max(float(v.max()), self.unit)), v)
        return best[1]

    def _pulled(self, z: FloatArray) -> FloatArray:
        """Return features with the signs of z, and of what the residual pulls away from zero."""
        pull = self.problem.M.T @ (self.problem.b - self.problem.M @ z) / self.noise
        return np.where(z != 0.0, z, np.where(np.abs(pull) > 1.0, pull, 0.0))

    def _polished(self, like: FloatArray) -> FloatArray | None:
        """Return the solution, of numbers, with the signs and zeros of another; None if there is none, of groups."""
        problem = self.problem
        mine = np.flatnonzero(like)
        if problem.group.max() + 1 < problem.group.size or mine.size > len(problem.M):
            return None
        result = np.zeros_like(like)
        while mine.size:
            part, sign = problem.M[:, mine], np.sign(like[mine])
            _, solution, failed = dposv(part.T @ part, part.T @ problem.b - self.noise * sign)
            if failed:
                return None
            agrees = np.sign(solution) == sign
            if agrees.all():
                result[mine] = solution
                break
            mine = mine[agrees]
        return result

    def local(self, v: FloatArray) -> Minimum:
        """Return the local minimum that is reached from v; features below rounding are zero."""
        v = self.descend(v, 500)
        _, z = self.solved(self.curve(v)[0])
        sizes = self.problem.sizes(z)
        z = np.where((sizes > 1e-7 * sizes.max(initial=0.0))[self.problem.group], z, 0.0)
        return Minimum(z, v, self.value(v)[0] + self.problem.rest / (2.0 * self.problem.count), np.nan)


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve with a positive definite matrix, hundreds of times: by LAPACK itself, since more is spent around it."""
    return np.asarray(dposv(matrix, right)[1])
