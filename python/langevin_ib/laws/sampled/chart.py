"""Slices of scalings in coordinates without constraints: each constraint gives the length of a vector by the others.

For chi = (sum_i w_i x_i²) / 2 = c let P be parameters with weights of one sign that no other constraint has, or none
that is left once others have been solved. With |x_P|² = sum_P |w_i| x_i² the constraint is |x_P| = rho, a function of
the other parameters. So delta(chi - c) dx = rho**(m - 2) d(direction) dx_rest, m = |P|, and the direction is that of y
in R**m, whose length has a law of its own, of r = |y| / rho: with a log-normal shape h(r), dy (rho**-2) h(r) has the
directions of that measure. All constants are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ...process import Slice

__all__ = ["SliceChart"]

FloatArray = NDArray[np.float64]

_WIDTH = 0.35
"""The width of log r: wide enough for a mixture to follow, and no wider than a slice is bent."""


@dataclass(frozen=True, eq=False)
class _Solved:
    """A constraint that is solved for the length of some parameters.

    Parameters
    ----------
    places : array of int, shape (m,)
        The parameters P.
    weights : array, shape (m,)
        The |w_i| of these.
    others : array, shape (dim,)
        The weights of the other parameters, zero for P, in rho² = constant + sum_i others_i x_i².
    constant : float
        2 c, with the sign of the weights of P.
    """

    places: NDArray[np.intp]
    weights: FloatArray
    others: FloatArray
    constant: float


@dataclass(frozen=True, eq=False)
class SliceChart:
    """A slice {chi = level} of scalings, and the weight in coordinates y in R**dim that its points have.

    Parameters
    ----------
    solved : tuple of _Solved
        In the order in which lengths are to be set.
    weights : array, shape (constraints, dim)
        The weights w_ai of all constraints.
    is_rigid : bool
        Whether the measure is that of surface, dS, and not delta(chi - c) dx = (det G)**(-1/2) dS.
    """

    solved: tuple[_Solved, ...]
    weights: FloatArray
    is_rigid: bool

    @classmethod
    def of(cls, place: Slice, *, is_rigid: bool) -> SliceChart:
        """Solve the constraints of a slice.

        Raises
        ------
        UnsupportedModelError
            If they are not those of scalings, or cannot be solved one by one.
        """
        weights = _weights_of(place)
        left, solved = list(range(len(weights))), []
        while left:
            found = next((each for a in left if (each := _solved(weights, a, left, place.levels[a])) is not None), None)
            if found is None:
                raise _unsupported("no constraint has parameters of its own that it could be solved for")
            number, constraint = found
            left.remove(number)
            solved.append(constraint)
        # What was solved first depends on lengths that are set by those after it.
        return cls(tuple(reversed(solved)), weights, is_rigid)

    def point(self, y: FloatArray) -> FloatArray:
        """Return the points of the slice, shape (n, dim), at coordinates y; NaN where there is none."""
        return self._placed(y)[0]

    def log_weight(self, y: FloatArray) -> FloatArray:
        """Return the log of the weight with respect to dy, without exp(-V/T); -inf where there is no point."""
        x, logs = self._placed(y)
        if self.is_rigid:
            gram = np.einsum("ai,bi,ni->nab", self.weights, self.weights, np.where(np.isfinite(x), x, 1.0) ** 2)
            logs = logs + np.linalg.slogdet(gram)[1] / 2.0
        return np.where(np.isfinite(logs), logs, -np.inf)

    def _placed(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        x, logs = np.array(y), np.zeros(len(y))
        with np.errstate(all="ignore"):
            for each in self.solved:
                rho = np.sqrt(each.constant + np.square(x) @ each.others)
                length = np.sqrt(np.square(y[:, each.places]) @ each.weights)
                x[:, each.places] = y[:, each.places] * (rho / length)[:, None]
                logs += -2.0 * np.log(rho) - np.square(np.log(length / rho) / _WIDTH) / 2.0
        return x, logs


def _weights_of(place: Slice) -> FloatArray:
    model = place.model
    if model.slice is not None:
        raise _unsupported("the slice is one of your own")
    rows = []
    for form in model.forms():
        dense: Any = np.array(form.matrix.tolist(), dtype=np.float64)
        if not dense.any():
            raise _unsupported("the group translates parameters")
        if np.count_nonzero(dense - np.diag(np.diag(dense))):
            raise _unsupported("the group mixes parameters, as GL(r) does")
        rows.append(np.diag(dense))
    return np.array(rows)


def _solved(weights: FloatArray, number: int, left: list[int], level: float) -> tuple[int, _Solved] | None:
    """Return a constraint solved for parameters that none of the others that are left has, if there are any."""
    own = weights[number]
    free = np.all(weights[[a for a in left if a != number]] == 0.0, axis=0)
    # With the sign of the level the length is never zero.
    for sign in (1.0, -1.0) if level >= 0.0 else (-1.0, 1.0):
        block = sign * own > 0.0
        if block.any() and free[block].all():
            others = np.where(block, 0.0, -sign * own)
            return number, _Solved(np.flatnonzero(block), np.abs(own[block]), others, 2.0 * level * sign)
    return None


def _unsupported(reason: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"method='sampling' knows slices of scalings alone: {reason}. Sample the process twice, by GaugeFixed and by "
        "Constrained(level, fixman=True) with 'mala', and compare the two runs"
    )
