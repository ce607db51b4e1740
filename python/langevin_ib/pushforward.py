r"""The law of any function f of few parameters under exp(-V/T) dx, by quadrature over the sets {f = t}.

The density of f with respect to dt is, up to normalisation,

    rho(t)  =  sum over the real solutions x_p of f(x) = t  of  int exp(-V/T) |dx_p / dt| dx_rest.

`fibres` finds the solutions and integrates what is Gaussian in closed form, `walls` finds where the rest is not smooth,
`cubature` integrates it twice, more finely and in a larger box the second time, and `tabulated` keeps rho. In the end the
integral of rho over t has to be that of exp(-V/T) over all x, which is computed on its own: a branch that is missing, a
value that is taken with positive probability, or mass outside of the box would show there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from .cubature import Box, Rule, log_integrals
from .data import Data
from .distribution import Density
from .errors import NotNormalizableError, UnsupportedModelError
from .expressions import compiled, compiled_together, condensed
from .extent import Escape, Extent, extent_of, lowest_points
from .fibres import T_SYMBOL, Fibre, Gibbs, fibres_of, whole_of
from .quadrature import integrate
from .tabulated import Table, tabulate

__all__ = ["pushed_forward"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class _Effort:
    """What is spent on an integral over so many coordinates.

    Parameters
    ----------
    orders : tuple of int
        Nodes per panel, from the first attempt to the last.
    depth : int
        How often panels shrink at least.
    tolerance : float
        The difference of two attempts, as a share, that is good enough.
    nearest : float
        How near to a special value rho is evaluated, as a share of the length of the chart.
    mismatch : float
        How much the total mass may differ from the integral over all x.
    """

    orders: tuple[int, ...]
    depth: int
    tolerance: float
    nearest: float
    mismatch: float


_EFFORTS = {
    0: _Effort((2, 2), 0, 1e-13, 1e-14, 1e-8),
    1: _Effort((12, 16, 24, 32, 48, 64), 2, 1e-10, 1e-14, 1e-8),
    2: _Effort((8, 12, 16, 22, 30), 2, 5e-9, 1e-9, 1e-7),
    3: _Effort((6, 8, 11, 14, 18), 1, 1e-5, 1e-5, 3e-5),
}
"""By the number of coordinates that are left for quadrature."""

_PROBES = 64

_SMOOTH = 1e-5



def pushed_forward(
    potential: sympy.Expr,
    observable: sympy.Expr,
    parameters: Sequence[sympy.Symbol],
    data: Data,
    temperature: float,
    *,
    name: str,
    reference: str,
    symmetry: str = "",
) -> Density:
    """Return the law of an observable under the Gibbs law exp(-V/T) dx.

    Parameters
    ----------
    potential, observable : sympy.Expr
        V and f, of the parameters and of data.
    parameters : sequence of sympy.Symbol
        The coordinates x.
    data : mapping from str to array
        What the expressions sum over.
    temperature : float
        T.
    name, reference : str
        Of the `Density`.
    symmetry : str
        What is known of the symmetry of the loss, for the message where the mass is infinite.

    Raises
    ------
    NotNormalizableError
        If exp(-V/T) has infinite mass; says along which way it escapes.
    UnsupportedModelError
        If the observable cannot be solved for any parameter, or the integrals are too many-dimensional or did not
        converge; says what was found.
    """
    gibbs, f = _prepared(potential, observable, parameters, data, temperature)
    if not f.free_symbols & set(gibbs.parameters):
        raise UnsupportedModelError(f"the observable {observable} does not depend on the parameters; it has no density")
    extent = _extent(gibbs, symmetry)
    reasons: list[str] = []
    critical = _critical_values(gibbs, f, extent)
    fibres = fibres_of(gibbs, f)
    for fibre in (other for other in fibres if other.left == fibres[0].left):
        try:
            return _Attempt(fibre, gibbs, extent, critical).law(name, reference)
        except _DoubtError as doubt:
            reasons.append(str(doubt))
    found = "; ".join(dict.fromkeys(reasons)) or "it could not be solved for any parameter"
    raise UnsupportedModelError(
        f"no quadrature for the law of {observable}: {found}. Observe another function, or raise the temperature"
    )


class _DoubtError(Exception):
    """A result that is not to be relied on."""


def _prepared(
    potential: sympy.Expr, observable: sympy.Expr, parameters: Sequence[sympy.Symbol], data: Data, temperature: float
) -> tuple[Gibbs, sympy.Expr]:
    """Forget what is assumed of the parameters (walkers do not know), and that numbers were sums over data."""
    plain = {x: sympy.Dummy(str(x), real=True) for x in parameters}
    v, f = (condensed(e, parameters, data, rows=0).xreplace(plain) for e in (potential, observable))
    return Gibbs(v, tuple(plain.values()), data, temperature), f


def _extent(gibbs: Gibbs, symmetry: str) -> Extent:
    energy = compiled(gibbs.potential, gibbs.parameters, gibbs.data)
    extent = extent_of(energy, len(gibbs.parameters), gibbs.temperature)
    if not math.isfinite(extent.lowest):
        raise NotNormalizableError("the potential is not finite anywhere, or falls without bound")
    if extent.escapes:
        raise _escaped(min(extent.escapes, key=lambda escape: escape.exponent), gibbs, symmetry)
    return extent


def _escaped(escape: Escape, gibbs: Gibbs, symmetry: str) -> Exception:
    names = [str(x).lstrip("_") for x in gibbs.parameters]
    place = ", ".join(f"{name} = {value:.3g}" for name, value in zip(names, escape.point, strict=True))
    height = escape.height / gibbs.temperature
    way = f"at {place} the potential is only {height:.3g} T above its minimum"
    if escape.exponent > 1.1:
        return UnsupportedModelError(
            f"the Gibbs law falls off only like |{names[escape.coordinate]}|**-{escape.exponent:.2g} ({way}), too slowly "
            "for this quadrature; add a confinement to the model, or Ambient(weight_decay=...)"
        )
    return NotNormalizableError(
        f"the Gibbs law has infinite mass: it escapes to |{names[escape.coordinate]}| = infinity, where the potential "
        f"does not grow ({way}).{symmetry} Confine the process: give the model a confinement, such as "
        f"{names[escape.coordinate]}**2, or use Ambient(weight_decay=0.1)"
    )


def _rule(effort: _Effort, attempt: int, depth: int) -> Rule:
    return Rule(effort.orders[attempt], depth + attempt, 1.15 if attempt % 2 else 1.0)


def _boxes(fibre: Fibre, gibbs: Gibbs, extent: Extent) -> list[Box]:
    boxes = []
    halved = _halved(fibre, gibbs, extent)
    for level, (x, roots) in enumerate(zip(fibre.walls.order, fibre.walls.roots, strict=True)):
        k = gibbs.parameters.index(x)
        known = (T_SYMBOL, *fibre.walls.order[:level])
        walls = tuple(compiled(root, known) for root in roots)
        if halved[level]:
            boxes.append(Box(0.0, float(max(-extent.low[k], extent.high[k])), 0.0, walls, count=2))
        else:
            boxes.append(Box(float(extent.low[k]), float(extent.high[k]), float(extent.centre[k]), walls))
    return boxes


def _halved(fibre: Fibre, gibbs: Gibbs, extent: Extent) -> list[bool]:
    """Return which coordinates can be kept positive because changes of sign leave the weight as it is.

    Such changes, of one or of several coordinates at once, are found at random points. They form a group; each of its
    generators that changes a coordinate which no other one has been used for halves the domain.
    """
    generator = np.random.default_rng(20260106)
    places = [gibbs.parameters.index(x) for x in fibre.walls.order]
    size = np.abs(np.stack([extent.low, extent.high])).max(axis=0)
    t, *rest = generator.normal(size=_PROBES), *(generator.uniform(-size[k], size[k], _PROBES) for k in places)
    here = fibre.log_weight(t, *rest)
    halved = [False] * len(places)
    found: list[tuple[int, ...]] = []
    for flips in itertools.product((0, 1), repeat=len(places)):
        for lead, known in ((known.index(1), known) for known in found):
            flips = tuple(a ^ b for a, b in zip(flips, known, strict=True)) if flips[lead] else flips
        if any(flips):
            there = fibre.log_weight(t, *(-x if flip else x for x, flip in zip(rest, flips, strict=True)))
            if np.allclose(here, there, rtol=1e-9, atol=1e-9):
                found.append(flips)
                halved[flips.index(1)] = True
    return halved


@dataclass
class _Integral:
    """rho(t), integrated twice and more finely until two attempts agree.

    Parameters
    ----------
    is_special : bool
        Whether the weight has finer structure the nearer t is to the points that it is tabulated around.
    doubt : float
        The largest error of a value that did not converge, as a share of what is negligible.
    """

    fibre: Fibre
    boxes: list[Box]
    effort: _Effort
    is_special: bool
    doubt: float = 0.0

    def __call__(self, t: FloatArray, log_share: FloatArray, negligible: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log rho and its errors; see `tabulated.Costly`."""
        # Panels shrink to the scale of t by a quarter at a time.
        depth = self.effort.depth + (math.ceil(-float(log_share.min()) / 1.386) if self.is_special else 0)
        result, errors = self._attempt(t, 0, depth), np.zeros(t.shape)
        (left,) = np.nonzero(negligible < np.inf)
        for attempt in range(1, len(self.effort.orders)):
            if not left.size:
                break
            again = self._attempt(t[left], attempt, depth)
            with np.errstate(invalid="ignore", over="ignore"):
                error = np.where(again == result[left], 0.0, np.abs(again - result[left]))
                allowed = np.clip(np.exp(negligible[left] - again), self.effort.tolerance, 1e-3)
            result[left], errors[left] = again, error
            doubtful = ~(error <= allowed)
            left, doubts = left[doubtful], (error / allowed)[doubtful]
        if left.size:
            self.doubt = max(self.doubt, float(np.max(np.where(np.isnan(doubts), np.inf, doubts))))
        return result, errors

    def _attempt(self, t: FloatArray, attempt: int, depth: int) -> FloatArray:
        return log_integrals(self.fibre.log_weight, t, self.boxes, _rule(self.effort, attempt, depth))


@dataclass
class _Attempt:
    """One way to find the law: a fibre, and the values at which the law may be singular."""

    fibre: Fibre
    gibbs: Gibbs
    extent: Extent
    critical: tuple[float, ...]

    def law(self, name: str, reference: str) -> Density:
        """Return the law.

        Raises
        ------
        _DoubtError
            If it did not converge, or has another mass than the Gibbs law.
        """
        if self.fibre.left not in _EFFORTS:
            most = max(_EFFORTS)
            raise _DoubtError(f"{self.fibre.left} coordinates are left to integrate over, and {most} are the most")
        table, specials = self._table(_EFFORTS[self.fibre.left])
        support = table.support()
        cells = integrate(table.log_weight, [support], specials)
        missing = 1.0 - math.exp(min(cells.log_total - _log_mass(self.gibbs, self.extent), 50.0))
        if abs(missing) > _EFFORTS[self.fibre.left].mismatch:
            raise _DoubtError(
                f"what was found has {'lost' if missing > 0 else 'gained'} {abs(missing):.2g} of the mass, so the "
                "observable takes a value with positive probability, or has branches that were not found"
            )
        return Density.from_log_weight(
            table.log_weight, name=name, reference=reference, support=support, singularities=specials
        )

    def _table(self, effort: _Effort) -> tuple[Table, tuple[float, ...]]:
        span = extent_of(self.fibre.energy, 1 + self.fibre.left, self.gibbs.temperature)
        low, high = float(span.low[0]), float(span.high[0])
        special = tuple(sorted({s for s in (*self.critical, *self.fibre.walls.special) if low <= s <= high}))
        specials = special or (float(span.centre[0]),)
        nearest = [effort.nearest if special else _SMOOTH] * len(specials)
        unbounded = {math.copysign(1.0, escape.point[0]) for escape in span.escapes if escape.coordinate == 0}
        tails = ("power" if -1.0 in unbounded else "exponential", "power" if 1.0 in unbounded else "exponential")
        integral = _Integral(self.fibre, _boxes(self.fibre, self.gibbs, self.extent), effort, bool(special))
        table = tabulate(integral, (low, high), specials, tails=tails, nearest=nearest, tolerance=effort.tolerance / 10.0)
        if integral.doubt > 1e3:
            raise _DoubtError(
                f"an integral over {self.fibre.left} coordinates did not converge (by a factor of {integral.doubt:.1g})"
            )
        return table, specials


def _critical_values(gibbs: Gibbs, observable: sympy.Expr, extent: Extent) -> tuple[float, ...]:
    """Return values of the observable where its gradient vanishes.

    Raises
    ------
    UnsupportedModelError
        If that is a set of positive probability.
    """
    f = compiled(observable, gibbs.parameters, gibbs.data)
    points = np.random.default_rng(20260106).uniform(extent.low, extent.high, (_PROBES, len(extent.low)))
    values, counts = np.unique(f(*points.T), return_counts=True)
    if counts.max() > 1:
        raise UnsupportedModelError(
            f"the observable {observable} takes the value {values[np.argmax(counts)]:g} with positive probability, so it "
            "has no density; observe another function"
        )
    gradient = compiled_together([sympy.diff(observable, x) for x in gibbs.parameters], gibbs.parameters)
    where, squares = lowest_points(lambda *x: np.sum(np.square(gradient(*x)), axis=0), len(gibbs.parameters))
    found = f(*where[squares < 1e-6].T)
    found = found[np.isfinite(found)]
    return tuple(sorted({float(np.round(value, 6)) for value in found if abs(value - np.round(value, 6)) < 1e-7}))


def _log_mass(gibbs: Gibbs, extent: Extent) -> float:
    """Return the log of the integral of exp(-V/T) dx."""
    whole = whole_of(gibbs)
    boxes = _boxes(whole, gibbs, extent)
    orders = {0: (2, 2), 1: (32, 48, 64), 2: (20, 28, 40), 3: (14, 18, 24)}.get(len(boxes), (8, 11, 15))
    effort = _Effort(orders, 2, 1e-9 if len(boxes) < 4 else 1e-7, 0.0, 0.0)
    zero = np.zeros(1)
    previous = math.nan
    for attempt in range(len(orders)):
        found = float(log_integrals(whole.log_weight, zero, boxes, _rule(effort, attempt, 2))[0])
        if abs(found - previous) < effort.tolerance:
            break
        previous = found
    return found
