"""Where V is no real number, its law must have ended: V is infinite there, as a barrier is, and not cut off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import shown
from ..errors import UnsupportedModelError
from .confirmation import Target
from .request import LawRequest

__all__ = ["require_real"]

FloatArray = NDArray[np.float64]

_SCALES, _EACH, _SEED = (0.03, 0.3, 1.0, 3.0), 32, 20260601
_NOTHING = 60.0
"""By so much V/T is greater where nothing is left."""

_NEAR = 10.0 ** np.array([[-5.0], [-8.0], [-11.0]])
_HALVINGS = 80
_EVERYWHERE = (sympy.exp, sympy.sin, sympy.cos, sympy.tanh, sympy.cosh, sympy.sinh, sympy.Abs, sympy.Max, sympy.Min)


def require_real(request: LawRequest) -> None:
    """Refuse a potential that stops to be real where there is mass, as that of u**(2/3) does at 0.

    Points of several scales are looked at. From one where V is nan, a line goes to one where it is not, and V is
    followed to where it ends: a barrier, such as -log(1 - u**2), grows there without bound.

    Raises
    ------
    UnsupportedModelError
        If there is such a place.
    """
    if request.is_on_slice or request.given is not None:
        return
    potential, parameters = request.process.potential, request.model.parameters
    if not _may_end(potential):
        return

    function = Target(potential, request.expression, parameters, request.model.data, request.T).function(potential)

    def of(x: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return function(x) / request.T

    rng = np.random.default_rng(_SEED)
    x = np.concatenate([scale * rng.standard_normal((_EACH, len(parameters))) for scale in _SCALES])
    values = of(x)
    outside, inside = np.isnan(values), np.isfinite(values)
    if not outside.any() or not inside.any():
        return
    least = x[inside][np.argmin(values[inside])]
    ends = _ends(of, np.broadcast_to(least, x[outside].shape), x[outside])
    along = least - ends
    near = np.array([of(ends + distance * along) for distance in _NEAR])
    growth = np.diff(near, axis=0)
    stops = (near[-1] - values[inside].min() < _NOTHING) & (growth[1] < 0.5 * np.maximum(growth[0], 1e-9))
    if stops.any():
        place = ", ".join(
            f"{name} = {value:.3g}" for name, value in zip(parameters, ends[np.argmax(stops)], strict=True)
        )
        raise UnsupportedModelError(
            f"V = {shown(potential)} ends at {place}, beyond which it has no real value, with a weight that is not 0 "
            "there; continue it (by Abs, Max or a default of Piecewise), or ask for the law under a condition, given="
        )


def _may_end(potential: sympy.Expr) -> bool:
    """Return whether there is a function of which some real numbers have no real value."""
    return any(
        not part.exp.is_integer if isinstance(part, sympy.Pow) else not isinstance(part, _EVERYWHERE)
        for part in potential.atoms(sympy.Pow, sympy.Function)
    )


def _ends(of: Callable[[FloatArray], FloatArray], inside: FloatArray, outside: FloatArray) -> FloatArray:
    """Return where V ceases to be real between points, by bisection: the last place where it is."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2.0
        is_nan = np.isnan(of(middle))[:, None]
        inside, outside = np.where(is_nan, inside, middle), np.where(is_nan, middle, outside)
    return inside
