r"""The length of a sum of vectors times numbers, in all parameters under weight decay.

z = sum_(j <= q) s_j v_j in R^d has without a loss the density |z|^nu K_nu(lam |z|/T), nu = (q - d)/2, w.r.t. dz. With a
loss f(|z|) + b.z, such as the square of a distance, directions are integrated over by

    int over the sphere of exp(-b.z/T) ~ x^(1 - d/2) I_(d/2-1)(x),   x = |b| |z|/T.

For q = d + 1 copies that is the posterior of the group lasso.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import gammaln, ive

from ...errors import UnsupportedModelError
from ...model import Model
from ...model.expressions import compiled, landmarks
from ...model.meaning import vanishes
from ...process import Ambient
from ..line import Density
from ..recomputed import Recomputed
from ..request import LawRequest
from .decayed_weights import log_copies
from .wrong_laws import existing, labelled

__all__ = ["VectorLaw"]

FloatArray = NDArray[np.float64]

_R = sympy.Symbol("r", positive=True)


@dataclass(frozen=True)
class VectorLaw(Recomputed):
    """The law of |z| under the ambient process.

    Parameters
    ----------
    request : LawRequest
        What was asked.
    copies, size : int
        q and d.
    radial : sympy.Expr
        f, of the symbol r.
    pull : float
        |b|.
    """

    request: LawRequest
    copies: int
    size: int
    radial: sympy.Expr
    pull: float

    @classmethod
    def recognise(cls, request: LawRequest) -> VectorLaw | None:
        """Return the law of a request about |z| with such a loss and a weight decay, else None."""
        if not isinstance(request.dynamics, Ambient) or request.given is not None or request.method == "quadrature":
            return None
        model = request.model
        copies, decay = _copies(model), request.process.weight_decay
        square = sympy.Add(*(z**2 for z in model.predictor.values()))
        is_length = request.expression.is_Pow and request.expression.exp == sympy.Rational(1, 2)
        if not copies or not decay or decay <= 0.0 or not is_length:
            return None
        if sympy.expand(request.expression.base - square) != 0:
            return None
        try:
            parts = _parted(model)
        except UnsupportedModelError:
            return None
        return None if parts is None else cls(request, copies, len(model.predictor), *parts)

    def density(self) -> Density:
        """Return the law.

        Raises
        ------
        NotNormalizableError
            If the loss falls faster than the weight.
        """
        return self._law(self.copies, self.request)

    def _law(self, copies: int, request: LawRequest) -> Density:
        """Return the law for some number of copies; for none without a weight."""
        data, decay = request.model.data, request.process.weight_decay
        assert decay is not None  # or it would not have been recognised
        loss, places = compiled(self.radial, [_R], data), landmarks(self.radial, _R, data)
        weight = partial(_log_weight, (self.size, copies), (decay / request.T, self.pull / request.T), loss, request.T)
        return request.weighted(weight, support=(0.0, math.inf), breaks=places, method="closed form", error=1e-12)

    def rivals(self, cutoff: float | None = None) -> dict[str, Density]:
        """Return the laws without any weight, and of one copy less or more."""
        counts = {"no correction": 0, "one copy less": self.copies - 1, "one copy more": self.copies + 1}
        laws = {
            key: partial(self._law, count, labelled(self.request, key, f"{count} copies" if count else "exp(-L/T)"))
            for key, count in counts.items()
            if count or key == "no correction"
        }
        return existing(laws)


def _log_weight(
    counts: tuple[int, int],
    rates: tuple[float, float],
    loss: Callable[[FloatArray], FloatArray],
    T: float,
    r: FloatArray,
) -> FloatArray:
    size, copies = counts
    with np.errstate(divide="ignore"):
        value = (size - 1) * np.log(r) - loss(r) / T + _log_sphere(size, rates[1] * r)
    return np.asarray(value + log_copies(copies, size, rates[0] * r) if copies else value)


def _copies(model: Model) -> int:
    """Return q if the predictor is a sum of q vectors times numbers, of all parameters; 0 if it is something else."""
    rows = [sympy.Add.make_args(sympy.expand(z)) for z in model.predictor.values()]
    if len(rows) < 2 or not all(term.is_Mul and len(term.args) == 2 for row in rows for term in row):
        return 0
    numbers = set.intersection(*(set().union(*(term.args for term in row)) for row in rows))
    entries = [set(term.args) - numbers for row in rows for term in row]
    used = set().union(*entries, numbers)
    is_it = all(len(entry) == 1 for entry in entries) and all(len(row) == len(numbers) for row in rows)
    is_all = used == set(model.parameters) and len(used) == len(numbers) * (1 + len(rows))
    return len(numbers) if is_it and is_all else 0


def _parted(model: Model) -> tuple[sympy.Expr, float] | None:
    """Return f(r) and |b| of a loss f(|z|) + b.z of the predictor; None if it is another."""
    z = [sympy.Symbol(name, real=True) for name in model.predictor]
    loss = model.loss_of_predictor()
    slopes = []
    for each in z:
        origin = {other: sympy.Integer(0) for other in z if other != each}
        along, back = (loss.xreplace({**origin, each: end}) for end in (_R, -_R))
        slope = sympy.expand((along - back) / (2 * _R))
        slopes.append(slope if slope.is_number else sympy.simplify(slope))  # which takes ten times as long
    if not all(slope.is_number for slope in slopes):
        return None
    radial = loss.xreplace({**{other: sympy.Integer(0) for other in z[1:]}, z[0]: _R}) - slopes[0] * _R
    length = sympy.sqrt(sympy.Add(*(each**2 for each in z)))
    linear = sympy.Add(*(slope * each for slope, each in zip(slopes, z, strict=True)))
    if not vanishes(loss - linear - radial.subs(_R, length), z, model.data):
        return None
    return radial, math.hypot(*(float(slope) for slope in slopes))


def _log_sphere(size: int, x: FloatArray) -> FloatArray:
    """Return the log of the mean of exp(x e.w) over unit vectors w in R^d, for a unit vector e."""
    order = size / 2.0 - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        value = gammaln(order + 1.0) + order * np.log(2.0 / x) + np.log(ive(order, x)) + x
    return np.asarray(np.where(x > 1e-8, value, 0.0))
