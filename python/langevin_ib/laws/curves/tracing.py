r"""The curves that a slice of one dimension is made of, followed numerically, each point exact to rounding.

A curve is kept as panels. On a panel with the base point a and the unit vector e, the tangent at a, the coordinate of a
point x is e.(x - a), and the point with a given coordinate is the solution of {chi(x) = level, e.(x - a) = u}: Newton's
method finds it again whenever it is wanted, so that nothing is interpolated. A step along the curve is accepted if the
tangent turns by little and two halves of it lead to the same point, so that it can not leave the sheet that it is on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ...model.expressions import compiled_together

__all__ = ["Curves", "Slice", "trace"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ITERATIONS = 12
_TURN = 0.25  # the largest angle between the tangents at both ends of a step
_SCALES = 10.0 ** np.arange(-3.0, 3.1)
_DRAWN = 48  # points per scale
_TOGETHER = 16  # starting points that are followed at the same time
_MOST_CURVES, _MOST_STEPS = 128, 4000
_FARTHEST = 1e15
_INVISIBLE = 120.0


@dataclass(frozen=True)
class Slice:
    """The set {chi = level} of dimension 1.

    Parameters
    ----------
    parameters : tuple of sympy.Symbol
        The n coordinates.
    constraints : tuple of sympy.Expr
        The n - 1 functions chi.
    levels : (n - 1,) array
        Their values.
    function : callable
        Takes n arrays; returns the values of chi, then their derivatives row by row.
    """

    parameters: tuple[sympy.Symbol, ...]
    constraints: tuple[sympy.Expr, ...]
    levels: FloatArray
    function: Callable[..., list[FloatArray]]

    @classmethod
    def of(cls, parameters: Sequence[sympy.Symbol], constraints: Sequence[sympy.Expr], levels: FloatArray) -> Slice:
        """Return the slice of these constraints at these levels."""
        gradients = [sympy.diff(chi, x) for chi in constraints for x in parameters]
        function = compiled_together([*constraints, *gradients], parameters)
        return cls(tuple(parameters), tuple(constraints), levels, function)

    def rows(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return (chi - level) / length, grad chi / length and length = |grad chi| at points x, shape (n, dim)."""
        values = np.stack(self.function(*x.T), axis=-1)
        count = len(self.constraints)
        gradients = values[:, count:].reshape(len(x), count, x.shape[1])
        with np.errstate(all="ignore"):
            lengths = np.linalg.norm(gradients, axis=2)
            return (values[:, :count] - self.levels) / lengths, gradients / lengths[..., None], lengths

    def on_plane(
        self, x: FloatArray, e: FloatArray, target: FloatArray, size: FloatArray
    ) -> tuple[FloatArray, BoolArray]:
        """Return the points of the slice with e.x = target near to x, and which were found; `size`: of a step."""
        scale = np.abs(x).max(axis=1)
        moved = np.full(len(x), np.inf)
        for _ in range(_ITERATIONS):
            residual, normals, _ = self.rows(x)
            right = np.concatenate([residual, (np.einsum("ni,ni->n", e, x) - target)[:, None]], axis=1)
            step = _solved(np.concatenate([normals, e[:, None, :]], axis=1), right)
            x = x - step
            moved = np.abs(step).max(axis=1)
            if np.all(~(moved > 2e-16 * scale)):
                break
        return x, moved <= 1e-12 * scale + 1e-9 * size

    def tangents(self, x: FloatArray, e: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the derivative of x by the coordinate e.x along the curve, and log sqrt(det G)."""
        _, normals, lengths = self.rows(x)
        last = np.zeros(x.shape)
        last[:, -1] = 1.0
        slope = _solved(np.concatenate([normals, e[:, None, :]], axis=1), last)
        unit = slope / np.linalg.norm(slope, axis=1)[:, None]
        with np.errstate(all="ignore"):
            log_det = np.linalg.slogdet(np.concatenate([normals, unit[:, None, :]], axis=1))[1]
            return slope, log_det + np.log(lengths).sum(axis=1)

    def directions(self, x: FloatArray) -> FloatArray:
        """Return a unit tangent at each point."""
        normals = self.rows(x)[1]
        return np.linalg.svd(np.where(np.isfinite(normals), normals, 0.0))[2][:, -1]

    def starts(self) -> FloatArray:
        """Return points of the slice: nearest to random ones of all sizes, and to all mirror images of these."""
        rng, dim = np.random.default_rng(20260106), len(self.parameters)
        drawn = (rng.standard_normal((_DRAWN, dim)) * _SCALES[:, None, None]).reshape(-1, dim)
        found = self._nearest(drawn)
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=dim)))
        few = found[rng.permutation(len(found))[:_DRAWN]]
        return np.concatenate([found, self._nearest((signs[:, None] * few).reshape(-1, dim))])

    def _nearest(self, x: FloatArray) -> FloatArray:
        size = np.linalg.norm(x, axis=1)
        for _ in range(60):
            residual, normals, _ = self.rows(x)
            alive = np.asarray(np.isfinite(residual).all(axis=1) & np.isfinite(normals).all(axis=(1, 2)))
            x, size, residual, normals = x[alive], size[alive], residual[alive], normals[alive]
            if not len(x):
                break
            step = np.einsum("nia,na->ni", np.linalg.pinv(normals, rcond=1e-10), residual)
            length = np.linalg.norm(step, axis=1)
            x = x - step * np.minimum(1.0, 3.0 * size / np.maximum(length, 1e-300))[:, None]
            if np.all(length <= 1e-14 * np.linalg.norm(x, axis=1)):
                break
        else:
            x = x[length <= 1e-11 * np.linalg.norm(x, axis=1)]
        # Next to a tip there is no tangent to start with.
        return x[np.linalg.norm(x, axis=1) > 1e-6 * self._size()] if len(x) else x

    def _size(self) -> float:
        return float(np.sqrt(np.abs(self.levels).max(initial=0.0))) or 1.0


@dataclass(frozen=True)
class Curves:
    """Panels of curves: base points, unit vectors, lengths in the coordinate, far ends with the slopes there.

    `cut` marks panels at which a curve was left because it goes to infinity.
    """

    slice: Slice
    base: FloatArray
    unit: FloatArray
    length: FloatArray
    end: FloatArray
    slope: FloatArray
    cut: BoolArray

    @classmethod
    def none(cls, of: Slice) -> Curves:
        """Return no curve at all."""
        empty = np.zeros((0, len(of.parameters)))
        return cls(of, empty, empty, np.zeros(0), empty, empty, np.zeros(0, dtype=bool))

    def joined(self, other: Curves) -> Curves:
        """Return the panels of both."""
        names = ("base", "unit", "length", "end", "slope", "cut")
        return Curves(self.slice, *(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))

    def points(self, panel: NDArray[np.intp], u: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Return the points with coordinates u on panels, and which were found."""
        base, unit, length = self.base[panel], self.unit[panel], self.length[panel]
        s = (u / length)[:, None]
        chord, ahead = self.end[panel] - base, length[:, None]
        guess = (
            base
            + s * s * (3.0 - 2.0 * s) * chord
            + s * (1.0 - s) ** 2 * ahead * unit
            - s * s * (1.0 - s) * ahead * self.slope[panel]
        )
        return self.slice.on_plane(guess, unit, np.einsum("ni,ni->n", unit, base) + u, length)

    def hold(self, point: FloatArray) -> int | None:
        """Return the panel on which a point lies, or None."""
        away = point - self.base
        u = np.einsum("ni,ni->n", self.unit, away)
        near = (u >= -1e-9 * self.length) & (u <= (1.0 + 1e-9) * self.length)
        near &= np.linalg.norm(away, axis=1) <= 2.0 * self.length
        panels = np.flatnonzero(near)
        if not panels.size:
            return None
        x, found = self.points(panels, u[panels])
        same = found & (np.abs(x - point).max(axis=1) <= 1e-8 * (np.abs(point).max() + self.length[panels]))
        return int(panels[np.argmax(same)]) if same.any() else None


def trace(of: Slice, log_weight: Callable[[FloatArray], FloatArray]) -> Curves:
    """Return all curves of a slice that random starting points lead to.

    Parameters
    ----------
    of : Slice
        The slice.
    log_weight : callable
        Of points (n, dim); curves are followed to infinity until it says that there is nothing left.

    Raises
    ------
    UnsupportedModelError
        If the slice is empty, not smooth, or made of more curves than can be followed.
    """
    starts = of.starts()
    if not len(starts):
        raise UnsupportedModelError(
            f"no point was found on the slice {_words(of)}; give a level that the constraints take"
        )
    values = log_weight(starts)
    order = np.argsort(-np.where(np.isnan(values), -np.inf, values), kind="stable")
    starts, peak = starts[order], float(np.nanmax(np.where(np.isfinite(values), values, -1e300)))
    radius = 2.0 * float(np.linalg.norm(starts, axis=1).max())

    def is_over(x: FloatArray) -> BoolArray:
        size = np.linalg.norm(x, axis=1)
        return np.asarray(
            (size > _FARTHEST * radius) | ((size > radius) & ~(log_weight(x) + np.log(size) > peak - _INVISIBLE))
        )

    curves, count = Curves.none(of), 0
    while len(starts):
        chosen = _spread(starts)
        for start, curve in zip(starts[chosen], _followed(of, starts[chosen], is_over), strict=True):
            if curves.hold(start) is None:
                curves, count = curves.joined(curve), count + 1
        starts = np.delete(starts, chosen, axis=0)
        starts = starts[[curves.hold(start) is None for start in starts]]
        if count > _MOST_CURVES:
            raise UnsupportedModelError(
                f"the slice {_words(of)} is made of more than {_MOST_CURVES} curves; sample it by Constrained(...)"
            )
    return curves


def _spread(starts: FloatArray) -> NDArray[np.intp]:
    """Return the numbers of a few starting points, of different orthants."""
    return np.sort(np.unique(starts > 0.0, axis=0, return_index=True)[1])[:_TOGETHER]


def _words(of: Slice) -> str:
    return "{" + ", ".join(f"{chi} = {c:.12g}" for chi, c in zip(of.constraints, of.levels, strict=True)) + "}"


def _solved(matrices: FloatArray, right: FloatArray) -> FloatArray:
    """Solve many systems; nan where there is no solution."""
    known = np.isfinite(matrices).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
    result = np.full(right.shape, np.nan)
    try:
        result[known] = np.linalg.solve(matrices[known], right[known][..., None])[..., 0]
    except np.linalg.LinAlgError:
        regular = np.linalg.cond(matrices[known]) < 1e15
        rows = np.flatnonzero(known)[regular]
        result[rows] = np.linalg.solve(matrices[rows], right[rows][..., None])[..., 0]
    return result


def _followed(of: Slice, starts: FloatArray, is_over: Callable[[FloatArray], BoolArray]) -> list[Curves]:
    """Return the curve through each starting point, followed both ways until it closes or is over."""
    count = len(starts)
    ways = _Ways(of, np.concatenate([starts, starts]), count)
    ways.run(is_over)
    result = []
    for k in range(count):
        parts = [k] if ways.closed[k] else [k, k + count]
        curve = Curves.none(of)
        for part in parts:
            curve = curve.joined(ways.curve(part))
        result.append(curve)
    return result


class _Ways:
    """Walks along curves, one for each starting point and direction, all at the same time."""

    def __init__(self, of: Slice, starts: FloatArray, half: int) -> None:
        forward = of.directions(starts[:half])
        self.of, self.starts = of, starts
        self.x, self.e = starts.copy(), np.concatenate([forward, -forward])
        self.h = 0.05 * np.linalg.norm(starts, axis=1)
        self.half, count = half, len(starts)
        self.panels: list[list[tuple[FloatArray, ...]]] = [[] for _ in range(count)]
        self.closed, self.done = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)

    def run(self, is_over: Callable[[FloatArray], BoolArray]) -> None:
        for _ in range(_MOST_STEPS):
            active = np.flatnonzero(~self.done)
            if not active.size:
                return
            self._step(active, is_over)
        raise UnsupportedModelError(
            f"a curve of the slice {_words(self.of)} did not end within {_MOST_STEPS} steps, near x = "
            f"{self.x[np.flatnonzero(~self.done)[0]].tolist()}; sample it by Constrained(...)"
        )

    def _step(self, active: NDArray[np.intp], is_over: Callable[[FloatArray], BoolArray]) -> None:
        of, x, e, h = self.of, self.x[active], self.e[active], self.h[active]
        origin = np.einsum("ni,ni->n", e, x)
        ahead = h[:, None] * e
        middle, found_middle = of.on_plane(x + 0.5 * ahead, e, origin + 0.5 * h, h)
        direct, found = of.on_plane(x + ahead, e, origin + h, h)
        slope = of.tangents(middle, e)[0]
        by_halves, found_end = of.on_plane(middle + 0.5 * h[:, None] * slope, e, origin + h, h)
        end = of.tangents(direct, e)[0]
        with np.errstate(all="ignore"):
            turn = np.arctan(np.linalg.norm(np.stack([slope - e, end - e]), axis=2)).max(axis=0)
            same = np.abs(direct - by_halves).max(axis=1) <= 1e-12 * np.abs(x).max(axis=1) + 1e-9 * h
            good = found & found_middle & found_end & same & (turn < _TURN)
        for k, is_good in zip(range(active.size), good, strict=True):
            if is_good:
                self._accept(active[k], direct[k], end[k], h[k])
        self.h[active] = np.where(good, h * np.where(turn < 0.4 * _TURN, 2.0, 1.0), h / 2.0)
        stuck = active[self.h[active] < 1e-13 * np.abs(self.x[active]).max(axis=1)]
        if stuck.size:
            raise UnsupportedModelError(
                f"the slice {_words(self.of)} is not smooth near x = {self.x[stuck[0]].tolist()}; give another level, "
                "at which it is"
            )
        over = active[good][is_over(self.x[active[good]])] if good.any() else active[:0]
        for walk in over[~self.done[over]]:
            *panel, _ = self.panels[walk][-1]
            self.panels[walk][-1] = (*panel, np.array(True))
            self.done[walk] = True
        # The other way round a closed curve is the same curve.
        self.done[self.half :] |= self.closed[: self.half]

    def _accept(self, walk: int, end: FloatArray, slope: FloatArray, h: float) -> None:
        x, e, start = self.x[walk].copy(), self.e[walk].copy(), self.starts[walk]
        panel = (x, e, np.array(h), end, slope, np.array(False))
        u = float(e @ (start - x))
        if self.panels[walk] and 0.0 < u <= h and np.linalg.norm(start - x) < 2.0 * h:
            last = self._of_panels([panel])
            if last.hold(start) is not None:
                slope = self.of.tangents(start[None], e[None])[0][0]
                panel = (x, e, np.array(u), start, slope, np.array(False))
                self.closed[walk] = self.done[walk] = True
        self.panels[walk].append(panel)
        self.x[walk], self.e[walk] = end, slope / np.linalg.norm(slope)

    def curve(self, walk: int) -> Curves:
        return self._of_panels(self.panels[walk])

    def _of_panels(self, panels: list[tuple[FloatArray, ...]]) -> Curves:
        if not panels:
            return Curves.none(self.of)
        return Curves(self.of, *(np.stack(column) for column in zip(*panels, strict=True)))
