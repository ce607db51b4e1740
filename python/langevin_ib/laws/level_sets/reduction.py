r"""Coordinates that a symmetry integrates out before anything else: along orbits of scalings, and over spheres.

*Scalings.* Let (U, V) -> (s U, V / s) change neither the loss nor the observable f, and let the rest of V be
(lam/2)(|U|^2 + |V|^2) as far as U and V are concerned. With the pivot v, the smaller of the two groups containing it,
v = sign e^y, U = u e^-y, the others of V = w e^y, all that depends on y is integrated in closed form: with
A = 1 + |w|^2, B = |u|^2, n = dim V - dim U,

    int e^(n y) exp(-(lam / 2T) (A e^(2y) + B e^(-2y))) dy  =  (B/A)^(n/4) K_(n/2)(lam (A B)^(1/2) / T),

and the loss and f are taken at v = sign, U = u; both signs are added up.

*Spheres.* If the weight and f depend on k coordinates by the sum of their squares alone, these are one coordinate r, of
both signs, with the weight |r|^(k-1), up to a constant.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import gammaln, kve

from ...model.meaning import is_invariant
from .gibbs import Gibbs, Points

__all__ = ["over_spheres", "without_orbits"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class _Orbit:
    """What is left of the integral over the orbits of a scaling; coordinates that are no more count as 0."""

    along: tuple[sympy.Symbol, ...]
    against: tuple[sympy.Symbol, ...]
    order: float
    rate: float

    @property
    def symbols(self) -> frozenset[sympy.Symbol]:
        return frozenset(self.along + self.against)

    def rotates(self, one: sympy.Symbol, other: sympy.Symbol) -> bool:
        return all(len({one, other} & set(group)) != 1 for group in (self.along, self.against))

    def log_weight(self, points: Points) -> FloatArray:
        a, b = (
            sum((points[x] ** 2 for x in group if x in points), np.zeros(())) for group in (self.along, self.against)
        )
        with np.errstate(all="ignore"):
            a = 1.0 + a
            z, nu = self.rate * np.sqrt(a * b), abs(self.order)
            bessel = np.log(kve(nu, z)) - z
            if nu > 0.0:  # it overflows
                near_zero = gammaln(nu) - np.log(2.0) + nu * np.log(2.0 / z)
                bessel = np.where(np.isposinf(bessel), near_zero, bessel)
            return np.asarray(bessel if self.order == 0.0 else bessel + self.order / 2.0 * np.log(b / a))


@dataclass(frozen=True)
class _Sphere:
    """The measure |r|**(k - 1) dr."""

    radius: sympy.Symbol
    dim: int

    @property
    def symbols(self) -> frozenset[sympy.Symbol]:
        return frozenset([self.radius])

    def rotates(self, one: sympy.Symbol, other: sympy.Symbol) -> bool:
        return self.radius not in {one, other}

    def log_weight(self, points: Points) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray((self.dim - 1) * np.log(np.abs(points[self.radius])))


def without_orbits(gibbs: Gibbs, scalings: Sequence[Mapping[sympy.Symbol, sympy.Expr]]) -> list[Gibbs]:
    """Return weights whose laws add up to that of a weight, without the orbits of those scalings that allow it.

    Parameters
    ----------
    gibbs : Gibbs
        Its loss is invariant under the scalings.
    scalings : sequence of mappings from symbol to number
        The weights of x_i -> s**w_i x_i.
    """
    todo = [gibbs]
    for weights in scalings:
        moved = {x: w for x, w in weights.items() if w != 0}
        found = [_without_orbit(each, moved) for each in todo]
        if all(found):
            todo = list(itertools.chain(*found))
    return todo


def _without_orbit(gibbs: Gibbs, weights: Mapping[sympy.Symbol, sympy.Expr]) -> list[Gibbs]:
    """Return one weight for each sign of the pivot; none if it is not possible."""
    groups: dict[sympy.Expr, list[sympy.Symbol]] = {}
    for x, w in weights.items():
        groups.setdefault(w, []).append(x)
    members = set(weights)
    if len(groups) != 2 or sum(groups) != 0 or not members <= set(gibbs.parameters) - gibbs.rough:
        return []
    stiffness = 2 * sympy.expand(gibbs.rest).coeff(next(iter(weights)), 2)
    squares = stiffness / 2 * sympy.Add(*(x**2 for x in weights))
    others = sympy.expand(gibbs.rest - squares)
    if not stiffness.is_number or not stiffness > 0 or others.free_symbols & members:
        return []
    if not _is_invariant(gibbs.observable, gibbs, {(x, x): w for x, w in weights.items()}):
        return []
    along, against = sorted(groups.values(), key=len)
    pivot = along[0]
    order = (len(along) - len(against)) / 2.0
    factor = _Orbit(tuple(along[1:]), tuple(against), order, float(stiffness) / gibbs.temperature)
    return [gibbs.restricted({pivot: sympy.Integer(sign)}, others, factor) for sign in (1, -1)]


def over_spheres(gibbs: Gibbs) -> Gibbs:
    """Return the weight with one coordinate in place of all on whose sum of squares alone everything depends."""
    classes: list[list[sympy.Symbol]] = []
    for x in gibbs.parameters:
        for members in classes:
            if _rotates(gibbs, members[0], x):
                members.append(x)
                break
        else:
            classes.append([x])
    for members in (each for each in classes if len(each) > 1):
        gone = dict.fromkeys(members[1:], sympy.S.Zero)
        gibbs = gibbs.restricted(gone, gibbs.rest, _Sphere(members[0], len(members)))
    return gibbs


def _rotates(gibbs: Gibbs, one: sympy.Symbol, other: sympy.Symbol) -> bool:
    generator = {(one, other): sympy.S.NegativeOne, (other, one): sympy.S.One}
    return all(factor.rotates(one, other) for factor in gibbs.factors) and all(
        _is_invariant(each, gibbs, generator) for each in (gibbs.observable, gibbs.loss, gibbs.rest)
    )


def _is_invariant(
    expression: sympy.Expr, gibbs: Gibbs, generator: Mapping[tuple[sympy.Symbol, sympy.Symbol], sympy.Expr]
) -> bool:
    """Return whether an expression is invariant under the group of a matrix, given by its entries."""
    place = {x: i for i, x in enumerate(gibbs.parameters)}
    entries = {(place[x], place[y]): value for (x, y), value in generator.items()}
    matrix = sympy.ImmutableSparseMatrix(len(place), len(place), entries)
    return is_invariant(expression, [matrix], gibbs.parameters, gibbs.data)
