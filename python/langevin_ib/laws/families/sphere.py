r"""The law of a component of the direction of w, for losses that do not change with the length of w.

The scaling w -> s w has the slice |w|² = 2 c, a sphere, on which det G = |w|² is constant: whatever corrects for it,
the law is exp(-V/T) dn, n = w/|w|. With x = n_i, dn is (1 - x²)**((d - 3)/2) dx times the element of the sphere of
R**(d-1) about it, over which exp(-V/T) is integrated by a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import InvalidArgumentError
from ...geometry import scaling_weights
from ...model.expressions import compiled, exact, rough_parts
from ...model.meaning import same_function
from ..integrals import ANGLES, Sphere, angular_integral
from ..line import Density
from ..recomputed import Recomputed
from ..request import LawRequest
from .known_directions import known_directions

__all__ = ["SphereLaw"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_PROBES, _SAME = 16, 1e-10


@dataclass(frozen=True)
class SphereLaw(Recomputed):
    """The law of c w_i/|w|.

    Parameters
    ----------
    request : LawRequest
        What was asked; on a slice.
    radius : float
        That of the sphere.
    place : int
        i.
    factor : float
        c.
    """

    request: LawRequest
    radius: float
    place: int
    factor: float

    @classmethod
    def recognise(cls, request: LawRequest) -> SphereLaw | None:
        """Return the law if all parameters are scaled alike, and the observable is a component of the direction."""
        weights = scaling_weights(request.model) if request.is_on_slice else None
        # On a circle the law of any observable is known, by its curve.
        if weights is None or weights.shape[0] != 1 or weights.shape[1] < 3 or np.ptp(weights) != 0.0:
            return None
        radius = float(np.sqrt(2.0 * request.levels(1)[0] / weights[0, 0]))
        found = _component(request.expression, request.model.parameters, radius)
        return None if found is None else cls(request, radius, *found)

    @cached_property
    def others(self) -> Sphere:
        """The directions of the other components.

        Raises
        ------
        UnsupportedModelError
            If there are too many, or the potential has kinks.
        """
        model, dim = self.request.model, self.request.model.dim
        if rough_parts(model.potential()):
            raise self.request.unsupported("the loss may have kinks on the sphere", "use a loss that is smooth")
        whole = Sphere(dim) if dim <= ANGLES + 2 else Sphere(dim, known_directions(model, model.parameters))
        found = whole.without(self.place)
        if found.angles > ANGLES:
            raise self.request.unsupported(
                f"the loss depends on {found.angles} further angles of the direction",
                f"integrals over more than {ANGLES} are not done; use a loss of few components",
            )
        return found

    def density(self) -> Density:
        """Return the law.

        Raises
        ------
        UnsupportedModelError
            As `others`.
        InvalidArgumentError
            If a closed form is asked for.
        """
        if self.request.method == "closed form":
            raise InvalidArgumentError(
                f"no closed form is known for the law of {self.request.observable!r} on a sphere; leave out method="
            )
        _ = self.others
        size = abs(self.factor)
        return self.request.weighted(self._log_weight, support=(-size, size), singularities=(-size, size))

    def rivals(self, cutoff: float | None = None) -> dict[str, Density] | None:
        """Return None: there is no correction that could be wrong."""
        del cutoff
        return None

    def _log_weight(self, values: FloatArray) -> FloatArray:
        x = np.clip(values / self.factor, -1.0, 1.0)
        across = np.sqrt((1.0 - x) * (1.0 + x))
        dim, T = self.request.model.dim, self.request.T
        order = [i for i in range(dim) if i != self.place]

        def log_f(row: IndexArray, e: FloatArray, _: FloatArray) -> FloatArray:
            columns: list[FloatArray] = [np.empty(0)] * dim
            columns[self.place] = self.radius * x[row, None] + 0.0 * e[:, 0]
            for k, i in enumerate(order):
                columns[i] = self.radius * across[row, None] * e[:, k]
            return np.asarray(-self.request.potential(*columns) / T)

        around = angular_integral(log_f, x.size, self.others, Sphere(0))
        with np.errstate(divide="ignore"):
            return around + ((dim - 3) * np.log(across) if dim > 3 else 0.0)


def _component(f: sympy.Expr, symbols: Sequence[sympy.Symbol], radius: float) -> tuple[int, float] | None:
    """Return i and c if f is c w_i/|w| on the sphere, else None: values at points tell what it can be."""
    if not f.free_symbols <= set(symbols):
        return None
    w = np.random.default_rng(20260114).normal(size=(len(symbols), _PROBES))
    n = w / np.linalg.norm(w, axis=0)
    values = np.broadcast_to(compiled(f, symbols)(*(radius * n)), (_PROBES,))
    length = sympy.sqrt(sympy.Add(*(x**2 for x in symbols)))
    held = {x: sympy.Float(radius) * x / length for x in symbols}
    for i, x in enumerate(symbols):
        ratio = values / n[i]
        factor = float(np.median(ratio))
        if factor == 0.0 or not np.isfinite(ratio).all() or np.ptp(ratio) > _SAME * abs(factor):
            continue
        near = round(factor, 12)
        if same_function(
            f.xreplace(held), exact(near if abs(near - factor) <= _SAME else factor) * x / length, symbols
        ):
            return i, factor
    return None
