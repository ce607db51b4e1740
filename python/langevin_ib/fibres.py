r"""The Gibbs weight on the sets {f = t} of an observable f, in coordinates in which it can be integrated.

One coordinate, the pivot, is eliminated by solving f(x) = t, which leaves exp(-V/T) |dx_pivot/dt| on each branch. Where V
is quadratic in some of the other coordinates (the *block*), these are integrated in closed form: with c, g, H the value,
the gradient and the Hessian of V in the block at its origin,

    int exp(-(c + g.y + y.H y / 2) / T) dy  =  exp(-(c - g.H^-1 g / 2) / T) (2 pi T)^(k/2) det(H)^(-1/2).

What is left, the *rest*, is for quadrature. Without an observable the same is done to the whole of exp(-V/T) dx.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from .data import Data, uses_data
from .expressions import compiled, compiled_together, probes
from .roots import is_affine, solutions
from .walls import Walls, walls_in

__all__ = ["Fibre", "Gibbs", "fibres_of", "whole_of"]

FloatArray = NDArray[np.float64]

_SAME = 1e-9
"""A root is none if putting it back into f misses t by more than this share of the terms."""

T_SYMBOL = sympy.Dummy("t", real=True)
"""The value of the observable."""


@dataclass(frozen=True)
class Gibbs:
    """The weight exp(-V/T) dx.

    Parameters
    ----------
    potential : sympy.Expr
        V, of the parameters and of data.
    parameters : tuple of sympy.Symbol
        The coordinates x.
    data : mapping from str to array
        What V sums over.
    temperature : float
        T.
    """

    potential: sympy.Expr
    parameters: tuple[sympy.Symbol, ...]
    data: Data
    temperature: float


@dataclass(frozen=True, eq=False)
class Fibre:
    """A way to integrate over {f = t}, or over everything.

    Parameters
    ----------
    walls : Walls
        The coordinates of the rest, in the order of integration, and where their integrand is not smooth.
    block : int
        How many coordinates have been integrated in closed form.
    terms : callable
        Takes t and the rest, flat arrays of one length. Returns the log of the weight with respect to dt d(rest), and
        the least V there; -inf and +inf where f(x) = t has no solution.
    """

    walls: Walls
    block: int
    terms: Callable[..., tuple[FloatArray, FloatArray]]

    @property
    def left(self) -> int:
        """The number of coordinates of the rest."""
        return len(self.walls.order)

    def log_weight(self, *arrays: FloatArray) -> FloatArray:
        """Return the log of the weight with respect to dt d(rest)."""
        return self.terms(*arrays)[0]

    def energy(self, *arrays: FloatArray) -> FloatArray:
        """Return the least V for these t and rest."""
        return self.terms(*arrays)[1]


def fibres_of(gibbs: Gibbs, observable: sympy.Expr) -> list[Fibre]:
    """Return ways to integrate over {observable = t}, the most promising first; none if no pivot can be solved for."""
    found = []
    for pivot in gibbs.parameters:
        if not observable.has(pivot):
            continue
        roots = solutions(observable, pivot, T_SYMBOL)
        if roots:
            affine = len(roots) == 1 and is_affine(observable, pivot)
            found.append(_affine_fibre(gibbs, observable, pivot) if affine else _general_fibre(gibbs, observable, pivot, roots))
    return sorted(found, key=_cost)


def whole_of(gibbs: Gibbs) -> Fibre:
    """Return the way to integrate over everything; `terms` take t, too, and ignore it."""
    block = _largest_block(gibbs, gibbs.potential, gibbs.parameters, ())
    rest = tuple(x for x in gibbs.parameters if x not in block)
    parts = _GaussianPart.of(gibbs, gibbs.potential, sympy.S.One, block, rest)
    return Fibre(Walls.of(walls_in(gibbs.potential), rest, T_SYMBOL), len(block), _chosen([parts], gibbs))


def _cost(fibre: Fibre) -> tuple[int, int, int, float]:
    roots = fibre.walls.roots
    return len(roots), fibre.walls.unsolved, math.prod(max(1, len(r)) for r in roots), sum(len(r) for r in roots)


def _affine_fibre(gibbs: Gibbs, observable: sympy.Expr, pivot: sympy.Symbol) -> Fibre:
    """Solve a + b pivot = t, and integrate a block; any other member of it that could have been the pivot serves, too."""
    slope, potential = _on_fibre(gibbs, observable, pivot)
    others = tuple(x for x in gibbs.parameters if x != pivot)
    block = _largest_block(gibbs, potential, others, tuple(slope.free_symbols))
    rest = tuple(x for x in others if x not in block)
    group = (pivot, *block)
    parts, sources = [], []
    for member in group:
        slope, potential = _on_fibre(gibbs, observable, member)
        if member != pivot and (slope == 0 or slope.free_symbols & set(group) or not is_affine(observable, member)):
            continue
        inside = tuple(x for x in group if x != member)
        parts.append(_GaussianPart.of(gibbs, potential, 1 / sympy.Abs(slope), inside, rest))
        sources += [slope, *walls_in(potential)]
        if not inside and slope.free_symbols & set(rest):
            # Near a zero of b the weight is a ridge along a = t.
            sources.append(T_SYMBOL - observable.xreplace({member: sympy.S.Zero}))
    return Fibre(Walls.of(sources, rest, T_SYMBOL), len(block), _chosen(parts, gibbs))


def _on_fibre(gibbs: Gibbs, observable: sympy.Expr, pivot: sympy.Symbol) -> tuple[sympy.Expr, sympy.Expr]:
    """Return b of f = a + b pivot, and V with pivot = (t - a) / b."""
    slope = sympy.diff(observable, pivot)
    if slope == 0:
        return slope, gibbs.potential
    intercept = observable.xreplace({pivot: sympy.S.Zero})
    return slope, gibbs.potential.xreplace({pivot: (T_SYMBOL - intercept) / slope})


def _largest_block(
    gibbs: Gibbs, potential: sympy.Expr, candidates: Sequence[sympy.Symbol], fixed: Sequence[sympy.Symbol]
) -> tuple[sympy.Symbol, ...]:
    """Return most of the candidates in which the potential is quadratic, jointly, wherever everything else is."""
    rough = set(fixed).union(*(wall.free_symbols for wall in walls_in(potential)))
    rough = rough.union(*(total.free_symbols for total in potential.atoms(sympy.Sum)))
    smooth = [x for x in candidates if x not in rough]
    for size in range(len(smooth), 0, -1):
        for block in itertools.combinations(smooth, size):
            if _is_quadratic(gibbs, potential, block):
                return block
    return ()


def _is_quadratic(gibbs: Gibbs, potential: sympy.Expr, block: Sequence[sympy.Symbol]) -> bool:
    """Find out by its second derivatives, at points that differ in the block alone."""
    hessian = [sympy.diff(potential, x, y) for x, y in itertools.combinations_with_replacement(block, 2)]
    if not any(entry.free_symbols & set(block) for entry in hessian):
        return True
    symbols = (T_SYMBOL, *gibbs.parameters)
    points = probes(symbols, 24)
    there, moved = list(points.values()), [np.where(x in block, -1.7 * p + 0.3, p) for x, p in points.items()]
    evaluate = compiled_together(hessian, symbols)
    for at_there, at_moved in zip(evaluate(*there), evaluate(*moved), strict=True):
        known = np.isfinite(at_there) & np.isfinite(at_moved)
        scale = np.abs(at_there) + np.abs(at_moved)
        if not known.any() or np.any(np.abs(at_there - at_moved)[known] > _SAME * scale[known]):
            return False
    return True


@dataclass(frozen=True, eq=False)
class _GaussianPart:
    """exp(-V/T) times a Jacobian as a function of t and the rest, the block having been integrated."""

    jacobian: Callable[..., FloatArray]
    evaluate: Callable[..., list[FloatArray]]
    constant: Callable[..., FloatArray] | None
    size: int

    @classmethod
    def of(
        cls,
        gibbs: Gibbs,
        potential: sympy.Expr,
        jacobian: sympy.Expr,
        block: Sequence[sympy.Symbol],
        rest: Sequence[sympy.Symbol],
    ) -> _GaussianPart:
        origin = {y: sympy.S.Zero for y in block}
        gradient = [sympy.diff(potential, y).xreplace(origin) for y in block]
        hessian = [sympy.diff(potential, x, y).xreplace(origin) for i, x in enumerate(block) for y in block[: i + 1]]
        symbols, constant = (T_SYMBOL, *rest), potential.xreplace(origin)
        together = [jacobian, *gradient, *hessian]
        if uses_data(constant):
            alone = compiled(constant, symbols, gibbs.data)
            return cls(compiled(jacobian, symbols), compiled_together(together, symbols), alone, len(block))
        return cls(compiled(jacobian, symbols), compiled_together([constant, *together], symbols), None, len(block))

    def reduced(self, arrays: Sequence[FloatArray], temperature: float) -> tuple[FloatArray, FloatArray]:
        """Return the log of the weight and the least V."""
        energy, jacobian, *entries = (
            self.evaluate(*arrays) if self.constant is None else (self.constant(*arrays), *self.evaluate(*arrays))
        )
        gradient, hessian = entries[: self.size], iter(entries[self.size :])
        log_det = np.zeros(())
        lower: list[list[FloatArray]] = []
        solved: list[FloatArray] = []
        with np.errstate(all="ignore"):
            for i in range(self.size):  # Cholesky, with one array for each entry
                row: list[FloatArray] = []
                lower.append(row)
                for j in range(i + 1):
                    entry = next(hessian) - sum((row[k] * lower[j][k] for k in range(j)), np.zeros(()))
                    row.append(entry / lower[j][j] if j < i else np.sqrt(entry))
                solved.append((gradient[i] - sum((row[k] * solved[k] for k in range(i)), np.zeros(()))) / row[i])
                energy = energy - solved[i] ** 2 / 2.0
                log_det = log_det + np.log(row[i])
            constant = self.size / 2.0 * math.log(2.0 * math.pi * temperature)
            return np.log(jacobian) - energy / temperature + constant - log_det, energy


def _chosen(parts: Sequence[_GaussianPart], gibbs: Gibbs) -> Callable[..., tuple[FloatArray, FloatArray]]:
    """Return a function that uses, of formulas that are equal but for rounding, the one with the smallest Jacobian."""

    def terms(*arrays: FloatArray) -> tuple[FloatArray, FloatArray]:
        if len(parts) == 1:
            return _or_nothing(*parts[0].reduced(arrays, gibbs.temperature))
        best, smallest = np.zeros(arrays[0].shape, dtype=np.int8), parts[0].jacobian(*arrays)
        for k, part in enumerate(parts[1:], start=1):
            jacobian = part.jacobian(*arrays)
            smaller = ~(jacobian >= smallest)
            best[smaller], smallest = k, np.where(smaller, jacobian, smallest)
        log_weight, energy = np.empty(arrays[0].shape), np.empty(arrays[0].shape)
        for k, part in enumerate(parts):
            mine = best == k
            log_weight[mine], energy[mine] = part.reduced([array[mine] for array in arrays], gibbs.temperature)
        return _or_nothing(log_weight, energy)

    return terms


def _or_nothing(log_weight: FloatArray, energy: FloatArray) -> tuple[FloatArray, FloatArray]:
    undefined = np.isnan(log_weight) | np.isnan(energy)
    return np.where(undefined, -np.inf, log_weight), np.where(undefined, np.inf, energy)


def _general_fibre(
    gibbs: Gibbs, observable: sympy.Expr, pivot: sympy.Symbol, roots: Sequence[sympy.Expr]
) -> Fibre:
    """Sum over all branches that pass the test of being put back."""
    rest = tuple(x for x in gibbs.parameters if x != pivot)
    symbols = (T_SYMBOL, *rest)
    slopes = [sympy.diff(root, T_SYMBOL) for root in roots]
    branches = compiled_together([*roots, *slopes], symbols)
    f = compiled(observable, gibbs.parameters, gibbs.data)
    potential = compiled(gibbs.potential, gibbs.parameters, gibbs.data)
    place = gibbs.parameters.index(pivot)

    def terms(*arrays: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_weight, energy = np.full(arrays[0].shape, -np.inf), np.full(arrays[0].shape, np.inf)
        values = branches(*arrays)
        for x, slope in zip(values[: len(roots)], values[len(roots) :], strict=True):
            point = [*arrays[1 : 1 + place], x, *arrays[1 + place :]]
            with np.errstate(all="ignore"):
                size = np.abs(x / slope) + np.abs(arrays[0])
                right = np.abs(f(*point) - arrays[0]) <= _SAME * size
                v = potential(*point)
                term = np.log(np.abs(slope)) - v / gibbs.temperature
            right &= np.isfinite(term)
            log_weight = np.logaddexp(log_weight, np.where(right, term, -np.inf))
            energy = np.where(right, np.minimum(energy, v), energy)
        return log_weight, energy

    sources = [wall for root in roots for wall in _sources(gibbs, pivot, root)]
    fibre = Walls.of([*sources, *(w for slope in slopes for w in walls_in(slope))], rest, T_SYMBOL)
    order = [rest.index(x) for x in fibre.order]
    inverse = np.argsort(order) if order else []

    def ordered(*arrays: FloatArray) -> tuple[FloatArray, FloatArray]:
        return terms(arrays[0], *(arrays[1 + k] for k in inverse))

    return Fibre(fibre, 0, ordered)


def _sources(gibbs: Gibbs, pivot: sympy.Symbol, root: sympy.Expr) -> Iterator[sympy.Expr]:
    yield from walls_in(root)
    yield from walls_in(gibbs.potential.xreplace({pivot: root}))
