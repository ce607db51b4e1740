"""The law of any function of few parameters under exp(-V/T) dx, by quadrature over the sets on which it is constant.

`fibres` says what is to be integrated, `nested` integrates, `tabulated` keeps the result. In the end the integral of
the law has to be that of exp(-V/T) over all x, which is computed on its own: a branch that is missing, or a value that
is taken with positive probability, would show there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import numpy as np
import sympy
from numpy.typing import NDArray

from ...checks import shown
from ...errors import NotNormalizableError, UnsupportedModelError
from ...model.expressions import condensed, probes, uses_data, values_of
from ..integrals import CUT, STRIDE, Axis, LogWeight, Nested, Table, tabulate
from ..line import Density, integrate
from ..remedies import DRAWS
from .fibres import Fibre, fibres_of
from .gibbs import Gibbs
from .reduction import over_spheres, without_orbits
from .shears import sheared

__all__ = ["pushed_forward"]

FloatArray = NDArray[np.float64]

_MOST_LEFT = 2
"""More coordinates than these would take hours."""

_TOLERANCE = {0: 1e-11, 1: 1e-9, 2: 1e-6}
"""By the number of coordinates that are left."""

_COARSE = {0: 1e-11, 1: 1e-7, 2: 1e-5}
"""The same for sums over rows of data, whose kinks may be many, and whose values cost more."""

_MISMATCH = 1e-6
"""The total mass may differ by this share from the integral over all x."""

_STRIDES = {0: STRIDE, 1: STRIDE / 4.0, 2: STRIDE}
_FINER = 8.0  # by which strides are divided if mass is missing,
_DEPTHS = 12.0, math.inf  # first near the largest values that matter, as most ridges are long

_WIDE = Axis(-60.0, 60.0)
_NEAREST = {0: 36.0, 1: 36.0, 2: 21.0}
"""The law is looked at down to exp(-36) of its scale, and exp(-21) = 1e-9 in the costly case; below it is a power."""

_DEEPER = 27.0  # so much further coordinates are followed down, in logs
_QUANTILES = np.linspace(0.0, 1.0, 11)
_FLIPS = 16
_PLACE = 0.3  # a probability at whose quantile there is hardly a pole
_NOTHING_LEFT = 1e3
"""A weight that is smaller by exp(-1000) than another one does not count."""


def pushed_forward(
    gibbs: Gibbs, scalings: Sequence[Mapping[sympy.Symbol, sympy.Expr]] = (), *, name: str, reference: str
) -> Density:
    """Return the law of an observable under the Gibbs law exp(-V/T) dx.

    Parameters
    ----------
    gibbs : Gibbs
        The weight and the observable.
    scalings : sequence of mappings from symbol to number
        The weights of scalings under which the loss is invariant.
    name, reference : str
        Of the `Density`.

    Returns
    -------
    Density
        Right to about 1e-9 of its typical value, to 1e-6 if two coordinates are left to integrate over (1e-7 and 1e-5
        with sums over data that are no polynomials); in any case its total mass is that of the Gibbs law up to 1e-6, or
        1e-4 in the worst case.

    Raises
    ------
    NotNormalizableError
        If exp(-V/T) has infinite mass; says along which coordinate it escapes.
    UnsupportedModelError
        If the observable cannot be solved for any parameter or has no density, or the integrals are too
        many-dimensional or did not converge; says what was found.
    """
    what = f"the law of {shown(gibbs.observable)}"
    plain = _plain(gibbs.parameters)
    loss, rest, f = (
        condensed(e, gibbs.parameters, gibbs.data, rows=0).xreplace(plain)
        for e in (gibbs.loss, gibbs.rest, gibbs.observable)
    )
    shift, f = f.as_independent(*plain.values(), as_Add=True)
    if f == 0:
        raise UnsupportedModelError(f"{what}: it does not depend on the parameters, and has no density")
    whole = replace(gibbs, loss=loss, rest=rest, observable=f, parameters=tuple(plain.values()))
    _refuse_steps(whole, what)
    fibres = _fibres(whole, [{plain[x]: w for x, w in weights.items()} for weights in scalings], what)
    return _Quadrature(fibres, float(shift), what, uses_data(loss + rest)).law(name, reference)


@lru_cache(maxsize=64)
def _plain(parameters: tuple[sympy.Symbol, ...]) -> dict[sympy.Symbol, sympy.Dummy]:
    """Return symbols of which nothing is assumed, as walkers know of nothing; the same ones for SymPy to remember."""
    return {x: sympy.Dummy(str(x), real=True) for x in parameters}


def _fibres(whole: Gibbs, scalings: Sequence[Mapping[sympy.Symbol, sympy.Expr]], what: str) -> list[Fibre]:
    """Return the way that leaves the fewest coordinates: fibres whose laws add up to the law."""
    best: list[Fibre] | None = None
    is_solved = True
    for worst, parts in _reductions(whole, scalings):
        if best is not None and best[0].left <= worst:
            break
        found = [fibres_of(part, _MOST_LEFT) for part in parts]
        is_solved = is_solved and all(ways is None or ways for ways in found)
        fibres = [ways[0] for ways in found if ways]
        if fibres and len(fibres) == len(found) and (best is None or fibres[0].left < best[0].left):
            best = fibres
    if best is None and not is_solved:
        raise UnsupportedModelError(f"{what}: it could not be solved for any parameter; {DRAWS}")
    if best is None:
        raise UnsupportedModelError(
            f"{what}: at least {_MOST_LEFT + 1} coordinates are left to integrate over, and {_MOST_LEFT} are the most "
            "(those in which the potential is quadratic do not count, nor do the orbits of a scaling under weight "
            f"decay); {DRAWS}"
        )
    return best


def _reductions(
    whole: Gibbs, scalings: Sequence[Mapping[sympy.Symbol, sympy.Expr]]
) -> Iterator[tuple[int, Iterable[Gibbs]]]:
    """Yield ways to take weights, in several parts, with what is looked no further for: coordinates that are left."""
    yield 0, [whole]
    parts = without_orbits(whole, scalings)
    if len(parts) > 1:
        yield 0, parts
    rounder = [over_spheres(part) for part in parts]
    if len({each.parameters for each in rounder}) == 1 and len(rounder[0].parameters) < len(parts[0].parameters):
        yield 0, rounder
    yield 1, filter(None, map(sheared, [whole]))  # which is looked for only where somebody asks


def _refuse_steps(gibbs: Gibbs, what: str) -> None:
    f = gibbs.observable
    points = probes(gibbs.parameters, 64)
    values, counts = np.unique(values_of(f, points, gibbs.data), return_counts=True)
    if counts.max() > 1:
        raise UnsupportedModelError(
            f"{what}: it takes the value {values[np.argmax(counts)]:g} with positive probability, so it has no "
            "density; observe another function"
        )


@dataclass
class _Quadrature:
    """One way to find the law, that of the observable being shifted by a constant: as a sum over fibres."""

    fibres: Sequence[Fibre]
    shift: float
    what: str
    has_rows: bool
    strides: Mapping[int, float] = field(default_factory=lambda: _STRIDES)
    depth: float = math.inf

    def law(self, name: str, reference: str) -> Density:
        """Return the law.

        Raises
        ------
        NotNormalizableError, UnsupportedModelError
            See `pushed_forward`.
        """
        found, missing = self._attempt(name, reference)
        finer = {left: stride / _FINER for left, stride in self.strides.items()}
        for depth in _DEPTHS if self.left == 1 else ():
            if found is None:  # a narrow ridge may have been missed
                found, missing = replace(self, strides=finer, depth=depth)._attempt(name, reference)
        if found is None:
            raise UnsupportedModelError(
                f"{self.what}: what was found has {'lost' if missing > 0 else 'gained'} {abs(missing):.2g} of the "
                "mass, so the observable takes a value with positive probability, has branches that were not found, or "
                f"the temperature is too low for this quadrature; raise the temperature, {DRAWS}"
            )
        return found

    def _attempt(self, name: str, reference: str) -> tuple[Density | None, float]:
        """Return the law, or None if it does not have the mass of the weight; and what share of that is missing."""
        tolerance = (_COARSE if self.has_rows else _TOLERANCE)[self.left]
        axes = [self._axes(fibre) for fibre in self.fibres]
        masses, places = zip(
            *(self._mass(fibre, own, tolerance) for fibre, own in zip(self.fibres, axes, strict=True)), strict=True
        )
        log_mass = float(np.logaddexp.reduce(masses))
        table = self._table(axes, np.unique(np.concatenate(places)), tolerance)
        moved = table.shifted(self.shift)
        if table.negative is table.positive is None:
            integrate(table.log_weight, [table.support()], [0.0])  # refuses what was nothing wherever it was looked
        law = partial(
            Density.from_log_weight,
            moved.log_weight,
            name=name,
            reference=reference,
            support=moved.support(),
            singularities=(self.shift, *filter(math.isfinite, moved.support())),
            breaks=moved.breaks,
        )
        found = law(error=tolerance)
        missing = 1.0 - math.exp(min(self._log_total(table, found) - log_mass, 50.0))
        if abs(missing) > max(_MISMATCH, 10.0 * tolerance, self._of_mass(tolerance)):
            return None, missing
        return found if abs(missing) <= tolerance else law(error=abs(missing)), missing

    def _log_total(self, table: Table, law: Density) -> float:
        """Return the log of the integral of a table, which its law was divided by; far from 0 digits are missing."""
        if self.shift != 0.0:
            return integrate(table.log_weight, [table.support()], [0.0]).log_total
        at = law.ppf(np.array([_PLACE]))
        return float((table.log_weight(at) - law.logpdf(at))[0])

    @property
    def left(self) -> int:
        """The number of coordinates that are integrated over."""
        return max(fibre.left for fibre in self.fibres)

    def _axes(self, fibre: Fibre) -> dict[sympy.Symbol, Axis]:
        """Find how far each coordinate goes, from rough integrals over all others."""
        symbols, axes = fibre.coordinates, {}
        for k, x in enumerate(symbols):
            order = [k, *(j for j in range(len(symbols)) if j != k)]
            weight = _reordered(fibre.log_mass, order)
            sides = self._sides(fibre, weight, [symbols[j] for j in order], dict.fromkeys(symbols, _WIDE))
            profile = Nested(weight, sides).profile().max(axis=0)
            self._require_end(x, profile)
            (matters,) = np.nonzero(profile >= profile.max() - CUT)
            high = float(_WIDE.edges()[matters[-1]]) + STRIDE
            axes[x] = Axis(high - _NEAREST[self.left] - _DEEPER, high, stride=self.strides[self.left], depth=self.depth)
        return axes

    def _require_end(self, x: sympy.Symbol, profile: FloatArray) -> None:
        name, top = str(x).lstrip("_"), float(profile.max())
        if top == -math.inf:
            raise UnsupportedModelError(f"{self.what}: the Gibbs weight exp(-V/T) vanishes wherever it was looked at")
        ends = {"infinity": (profile[-1], _WIDE.high), "0": (profile[0], _WIDE.low)}
        for end, (value, last) in ends.items():
            if value >= top - CUT / 2.0:
                raise NotNormalizableError(
                    f"the Gibbs law has infinite mass: it escapes to |{name}| = {end}, where the potential does not "
                    f"grow fast enough; confine the process: give the model a confinement, such as {name}**2, or use "
                    f"Ambient(weight_decay=0.1). (It was looked at up to |{name}| = {math.exp(last):.0e}; of what ends "
                    "beyond that, choose other units)"
                )

    def _mass(self, fibre: Fibre, axes: dict[sympy.Symbol, Axis], tolerance: float) -> tuple[float, FloatArray]:
        """Return the log of the integral over everything, and values that the observable takes in the bulk of it."""
        seen: list[FloatArray] = []
        highest = -math.inf

        def recording(*columns: FloatArray) -> FloatArray:
            nonlocal highest
            logs = fibre.log_mass(*columns)
            if logs.size and np.isfinite(top := float(np.nanmax(logs))):
                highest = max(highest, top)
                bulk = logs > highest - 8.0
                if bulk.any():
                    values = fibre.places(*(column[bulk] for column in columns))
                    seen.append(np.quantile(values[np.isfinite(values)], _QUANTILES))
            return logs

        integral = Nested(recording, self._sides(fibre, fibre.log_mass, fibre.coordinates, axes))
        result = float(integral(_NOTHING, self._of_mass(tolerance))[0])
        if integral.doubt > 1e3:
            raise self._diverged("over all parameters", integral.doubt)
        return result, np.quantile(np.concatenate([[0.0], *seen[-200:]]), _QUANTILES)

    def _of_mass(self, tolerance: float) -> float:
        """Return how exactly the integral over everything is known."""
        return max(min(tolerance, 3e-7), 30.0 * tolerance if self.has_rows else 0.0)

    def _table(self, axes: Sequence[dict[sympy.Symbol, Axis]], places: FloatArray, tolerance: float) -> Table:
        integrals = [
            Nested(piece.log_weight, self._sides(fibre, piece.log_weight, piece.rest, own))
            for fibre, own in zip(self.fibres, axes, strict=True)
            for piece in fibre.pieces
        ]

        def costly(t: FloatArray, tolerance: float, floor: FloatArray) -> FloatArray:
            logs = [integral([t], tolerance, floor) for integral in integrals]
            return np.asarray(np.logaddexp.reduce(logs, axis=0))

        table = tabulate(costly, places, tolerance, _NEAREST[self.left], has_ends=self.left == 0)
        doubt = max(integral.doubt for integral in integrals)
        if doubt > 1e3:
            raise self._diverged("over a set on which the observable is constant", doubt)
        return table

    def _diverged(self, where: str, doubt: float) -> UnsupportedModelError:
        return UnsupportedModelError(
            f"{self.what}: an integral {where} did not converge (its error is {doubt:.1g} times what is allowed); "
            f"raise the temperature, {DRAWS}"
        )

    def _sides(
        self, fibre: Fibre, log_weight: LogWeight, symbols: Sequence[sympy.Symbol], axes: dict[sympy.Symbol, Axis]
    ) -> list[Axis]:
        """Return the axes of some coordinates; half of one suffices where changing signs leaves the weight as it is.

        That of a coordinate may be changed together with those of coordinates inside of it. Beside random points there
        are some on all pieces of V and f; where there is next to no weight it does not matter.
        """
        looks, values = fibre.gibbs.looks
        drawn = probes([sympy.Dummy("t"), *symbols], _FLIPS).values()
        on_pieces = [values, *(looks[x] for x in symbols)]
        points = [np.concatenate(pair) for pair in zip(drawn, on_pieces, strict=True)]
        here, result = log_weight(*points), []
        for k, x in enumerate(symbols):
            inside = len(symbols) - k - 1
            found = False
            for flips in range(2**inside):
                signs = [1.0] * (k + 1) + [-1.0] + [-1.0 if flips >> j & 1 else 1.0 for j in range(inside)]
                there = log_weight(*(sign * p for sign, p in zip(signs, points, strict=True)))
                found |= _same_weights(here, there)
            result.append(replace(axes[x], even=found))
        return result


def _same_weights(one: FloatArray, other: FloatArray) -> bool:
    """Return whether log-weights are equal wherever one of them counts."""
    with np.errstate(invalid="ignore"):
        top = np.max(one, where=np.isfinite(one), initial=-np.inf)
        nothing = (one < top - _NOTHING_LEFT) & (other < top - _NOTHING_LEFT)
        return bool(np.all(nothing | np.isclose(one, other, rtol=1e-11, atol=1e-11, equal_nan=True)))


_NOTHING = [np.zeros(1)]


def _reordered(log_weight: LogWeight, order: Sequence[int]) -> LogWeight:
    """Return the weight with its coordinates in another order; the first argument stays first."""

    def function(first: FloatArray, *coordinates: FloatArray) -> FloatArray:
        back = dict(zip(order, coordinates, strict=True))
        return log_weight(first, *(back[k] for k in range(len(order))))

    return function
