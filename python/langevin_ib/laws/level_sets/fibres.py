r"""The Gibbs weight on the sets {f = t} of an observable f, in coordinates in which it can be integrated.

Where V is quadratic in some coordinates y, the *block*, these are integrated in closed form: with c, g, H the value,
the gradient and the Hessian of V in y = 0,

    Z  =  int exp(-(c + g.y + y.H y / 2) / T) dy  =  exp(-V(-H^-1 g) / T) (2 pi T)^(k/2) det(H)^(-1/2).

V is evaluated there, where it errs by the square of what y errs: c - g.H^-1 g / 2 would cancel all digits far out in
the valley of (1 - x)^2 + (y - x^2)^2, and the mass would seem to escape along it.

If f = a + b.y is affine in the block, its law given the other coordinates is normal with mean a - b.H^-1 g and variance
T b.H^-1 b. Otherwise f does not depend on the block, and f(x) = t is solved for one coordinate, the *pivot* p:

    rho(t)  =  int  sum over the solutions x_p of  Z / |df/dx_p|  d(rest).

The integrand has a pole wherever df/dx_p = 0. If that may happen there is one such integral for each pivot that f can
be solved for, with the shares (x_p df/dx_p)^4 / sum_q (x_q df/dx_q)^4, which add up to 1 and are zero at the poles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import NotNormalizableError
from ...model.expressions import compiled, compiled_together, probes, rough_parts, uses_data
from ..integrals import LogWeight
from .coordinate_block import largest_block
from .gibbs import Gibbs
from .roots import is_affine, solutions

__all__ = ["Fibre", "Piece", "fibres_of"]

FloatArray = NDArray[np.float64]

_SAME = 1e-9
"""A root is none if putting it back into f misses t by more than this share of the terms."""

_T = sympy.Dummy("t", real=True)


@dataclass(frozen=True, eq=False)
class Piece:
    """One integral: the coordinates that are left, and the log of the weight with respect to dt d(rest).

    `log_weight` takes t and the rest.
    """

    rest: tuple[sympy.Symbol, ...]
    log_weight: LogWeight


@dataclass(frozen=True, eq=False)
class Fibre:
    """A way to find the law of f: rho is the sum of the integrals of the pieces.

    Parameters
    ----------
    pieces : tuple of Piece
        As many coordinates are left in each.
    coordinates : tuple of sympy.Symbol
        All that are not in the block.
    log_mass : callable
        Takes something that is ignored and these coordinates; returns the log of the Gibbs weight with respect to them.
    places : callable
        Takes the same; returns values of f that are met there.
    gibbs : Gibbs
        The weight.
    is_normal : bool
        f is normal given the coordinates outside of the block.
    """

    pieces: tuple[Piece, ...]
    coordinates: tuple[sympy.Symbol, ...]
    log_mass: LogWeight
    places: Callable[..., FloatArray]
    gibbs: Gibbs
    is_normal: bool = False

    @property
    def left(self) -> int:
        """The number of coordinates that are left."""
        return len(self.pieces[0].rest)


def fibres_of(gibbs: Gibbs, most_left: int) -> list[Fibre] | None:
    """Return ways to find the law of f, that with the fewest coordinates left first.

    There are none if f cannot be solved, and neither is affine in coordinates in which V is quadratic. If more than
    `most_left` coordinates would be left in any way, None is returned.

    Raises
    ------
    NotNormalizableError
        If V is quadratic in coordinates along some of which it does not grow.
    """
    found: list[Fibre] = []
    f = gibbs.observable
    affine = _largest_block(gibbs, gibbs.parameters, most_left)
    if affine is not None and any(f.has(y) for y in affine):
        found.append(_normal_fibre(gibbs, _QuadraticBlock.of(gibbs, affine)))
    others = tuple(x for x in gibbs.parameters if not f.has(x))
    # One coordinate is solved for, all others of f are left.
    block = _largest_block(gibbs, others, most_left + 1 - (len(gibbs.parameters) - len(others)))
    if block is None and not found:
        return None
    pivots = {} if block is None else _pivots(f, gibbs.parameters)
    if block is not None and pivots:
        found.append(_solved_fibre(gibbs, _QuadraticBlock.of(gibbs, block), pivots))
    # Where f is more than b.y its level sets are steep somewhere, which several pivots can cope with.
    return sorted(found, key=lambda fibre: (fibre.left, fibre.is_normal and not _is_number(f, affine or ())))


def _largest_block(gibbs: Gibbs, candidates: Sequence[sympy.Symbol], most_left: int) -> tuple[sympy.Symbol, ...] | None:
    """Return most of the candidates in which, jointly, V is quadratic and f is affine."""
    f, potential = gibbs.observable, gibbs.potential
    # Of several pieces, affine ones for instance, derivatives say nothing.
    pieces = [part.free_symbols for each in (potential, f) for part in rough_parts(each)]

    def involved(x: sympy.Symbol, y: sympy.Symbol) -> set[sympy.Symbol]:
        if gibbs.rough & {x, y} or any(symbols.issuperset((x, y)) for symbols in pieces):
            return {x, y}
        rough = _roughness(f, (x, y)) if f.has(x, y) else set()
        return rough if rough & {x, y} else rough | _second(potential, (x, y)).free_symbols

    return largest_block(candidates, involved, most_left) if most_left >= 0 else None


def _second(expression: sympy.Expr, pair: tuple[sympy.Symbol, sympy.Symbol]) -> sympy.Expr:
    derivative = sympy.diff(expression, *pair)
    suspects = [x for x in dict.fromkeys(pair) if derivative.has(x)]
    # To expand it may take for ever, and is needed only if the suspects might cancel.
    return derivative if not suspects or _varies(derivative, suspects) else sympy.expand(derivative)


def _varies(expression: sympy.Expr, along: Sequence[sympy.Symbol]) -> bool:
    """Return whether an expression without data is seen to depend on any of some symbols."""
    if uses_data(expression):
        return False
    if expression.has(sympy.DiracDelta):  # a kink
        return True
    points = probes(sorted(expression.free_symbols, key=str), 12)
    function = compiled(expression, list(points))
    moved = {x: 1.5 * at if x in along else at for x, at in points.items()}
    here, there = (function(*where.values()) for where in (points, moved))
    with np.errstate(all="ignore"):
        return bool(np.any(np.abs(there - here) > 1e-6 * (np.abs(here) + np.abs(there)) + 1e-9))


def _roughness(f: sympy.Expr, pair: tuple[sympy.Symbol, sympy.Symbol]) -> set[sympy.Symbol]:
    """Return what must not be in the block because f is not affine in the pair, or only in places."""
    if _second(f, pair) != 0:
        return set(pair)
    return set().union(*(sympy.diff(f, x).free_symbols for x in pair)) & set(pair)


@dataclass(frozen=True, eq=False)
class _QuadraticBlock:
    """The coordinates that are integrated in closed form, and the functions of the others that this takes."""

    block: tuple[sympy.Symbol, ...]
    others: tuple[sympy.Symbol, ...]
    gibbs: Gibbs
    terms: Callable[..., list[FloatArray]]
    potential: Callable[..., FloatArray]

    @classmethod
    def of(cls, gibbs: Gibbs, block: tuple[sympy.Symbol, ...]) -> _QuadraticBlock:
        """Prepare the values, gradients and Hessian; V is quadratic in the block, and f is affine.

        Raises
        ------
        NotNormalizableError
            If V does not grow in all directions of the block.
        """
        others = tuple(x for x in gibbs.parameters if x not in block)
        v, f = gibbs.potential, gibbs.observable
        lower = [sympy.diff(v, x, y) for i, x in enumerate(block) for y in block[: i + 1]]
        formulas = [*lower, f, *(sympy.diff(g, y) for g in (v, f) for y in block)]
        origin = {y: sympy.S.Zero for y in block}
        terms = compiled_together([e.xreplace(origin) for e in formulas], others or (_T,), gibbs.data)
        made = cls(block, others, gibbs, terms, compiled(v, (*others, *block), gibbs.data))
        made._require_growth()
        return made

    def _require_growth(self) -> None:
        """Refuse what is falls at one of some points, and so around it, or is flat at all, and so nearly everywhere."""
        size = len(self.block)
        entries = self.terms(*(probes(self.others, 8).values() if self.others else [np.zeros(8)]))
        matrices = np.zeros((8, size, size))
        for entry, (i, j) in zip(entries, zip(*np.tril_indices(size), strict=True), strict=False):
            matrices[:, i, j] = matrices[:, j, i] = entry
        known = matrices[np.isfinite(matrices).all(axis=(1, 2))]
        if not size or not len(known):
            return
        curvatures = np.linalg.eigvalsh(known)
        largest = np.abs(curvatures).max(axis=1)
        if np.any(curvatures[:, 0] < -1e-9 * largest) or np.all(curvatures[:, 0] <= 1e-13 * largest):
            names = ", ".join(str(y).lstrip("_") for y in self.block)
            raise NotNormalizableError(
                f"the Gibbs law has infinite mass: the potential has the curvature {curvatures[:, 0].min():.3g} in "
                f"some direction of ({names}), along which the mass escapes; confine it, for instance by "
                "Ambient(weight_decay=0.1)"
            )

    def reduced(self, others: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return log Z, and mean and variance of f given the others."""
        size, temperature = len(self.block), self.gibbs.temperature
        factors = self.gibbs.log_factors(dict(zip(self.others, others, strict=True)))
        entries = iter(self.terms(*(others or [np.zeros(1)])))
        log_det = np.zeros(())
        rows: list[list[FloatArray]] = []
        with np.errstate(all="ignore"):
            for i in range(size):  # Cholesky, with one array for each entry
                row: list[FloatArray] = []
                for j in range(i):
                    row.append((next(entries) - _dot(row, rows[j])) / rows[j][j])
                diagonal = next(entries)
                # A positive definite matrix stays one in spite of rounding.
                row.append(np.sqrt(np.maximum(diagonal - _dot(row, row), 4e-16 * diagonal)))
                rows.append(row)
                log_det = log_det + np.log(row[i])
            mean = next(entries)
            forces = _solved([next(entries) for _ in range(size)], rows)
            directions = _solved([next(entries) for _ in range(size)], rows)
            mean = mean - _dot(forces, directions)
            least = self.potential(*others, *_solved_back(forces, rows))
            variance = temperature * _dot(directions, directions)
            constant = size / 2.0 * math.log(2.0 * math.pi * temperature)
            return constant - log_det - least / temperature + factors, mean, variance


def _solved(vector: Sequence[FloatArray], rows: Sequence[Sequence[FloatArray]]) -> list[FloatArray]:
    """Solve a lower triangular system."""
    found: list[FloatArray] = []
    for entry, row in zip(vector, rows, strict=True):
        found.append((entry - _dot(row, found)) / row[-1])
    return found


def _solved_back(vector: Sequence[FloatArray], rows: Sequence[Sequence[FloatArray]]) -> list[FloatArray]:
    """Solve an upper triangular system, the transpose of a lower one, for the negative of a vector."""
    found: list[FloatArray] = []  # the last coordinate first
    for i in reversed(range(len(rows))):
        column = [row[i] for row in reversed(rows[i + 1 :])]
        found.append((-vector[i] - _dot(column, found)) / rows[i][i])
    return found[::-1]


def _dot(one: Sequence[FloatArray], other: Sequence[FloatArray]) -> FloatArray:
    """Return the sum of products, as far as both go."""
    return sum((a * b for a, b in zip(one, other, strict=False)), np.zeros(()))


def _normal_fibre(gibbs: Gibbs, block: _QuadraticBlock) -> Fibre:
    """Mix the normal laws that f has given the coordinates outside of the block."""

    def log_weight(t: FloatArray, *others: FloatArray) -> FloatArray:
        log_z, mean, variance = block.reduced(others)
        with np.errstate(all="ignore"):  # far out f may have no slope that a number can hold
            return log_z - (t - mean) ** 2 / (2.0 * variance) - np.log(2.0 * math.pi * variance) / 2.0

    def log_mass(_: FloatArray, *others: FloatArray) -> FloatArray:
        return np.broadcast_to(block.reduced(others)[0], _.shape)  # also where there are no others

    def places(_: FloatArray, *others: FloatArray) -> FloatArray:
        _, mean, variance = block.reduced(others)
        return np.concatenate([np.atleast_1d(mean + k * np.sqrt(variance)) for k in (-6.0, -2.0, 0.0, 2.0, 6.0)])

    return Fibre((Piece(block.others, log_weight),), block.others, log_mass, places, gibbs, is_normal=True)


def _is_number(f: sympy.Expr, zeros: Sequence[sympy.Symbol]) -> bool:
    """Return whether f is a number where some coordinates are zero."""
    return bool(f.xreplace({x: sympy.S.Zero for x in zeros}).is_number)


def _pivots(f: sympy.Expr, parameters: Sequence[sympy.Symbol]) -> dict[sympy.Symbol, list[sympy.Expr]]:
    """Return the solutions of f = t for each coordinate that has formulas for them, or for one that suffices."""
    solved = {x: roots for x in parameters if f.has(x) and (roots := solutions(f, x, _T))}
    for x, roots in sorted(solved.items(), key=lambda item: sum(root.count_ops() for root in item[1])):
        if len(roots) == 1 and is_affine(f, x) and (_is_number(f, [x]) or _is_steep(f, x)):
            return {x: roots}
    return solved


def _is_steep(f: sympy.Expr, x: sympy.Symbol) -> bool:
    """Return whether f is seen to take one value only where its derivative along x is zero, if it is so anywhere."""
    bases = [factor.as_base_exp()[0] for factor in sympy.Mul.make_args(sympy.diff(f, x))]
    return all(base.is_nonzero or (base.is_Symbol and _is_number(f, [base])) for base in bases)


def _solved_fibre(gibbs: Gibbs, block: _QuadraticBlock, pivots: dict[sympy.Symbol, list[sympy.Expr]]) -> Fibre:
    """Add up the integrals with each of the pivots."""
    symbols, f = block.others, gibbs.observable
    observable = compiled(f, symbols, gibbs.data)
    # Where f jumps there is no weight.
    slopes = compiled_together(
        [sympy.diff(f, x).replace(sympy.DiracDelta, _nothing) for x in pivots], symbols, gibbs.data
    )
    numbers = [symbols.index(x) for x in pivots]
    pieces = []
    for k, (x, roots) in enumerate(pivots.items()):
        rest = tuple(y for y in symbols if y != x)
        branches = compiled_together(roots, (_T, *rest), gibbs.data)
        pieces.append(Piece(rest, _Solved(block, observable, slopes, branches, numbers, k)))

    def log_mass(_: FloatArray, *coordinates: FloatArray) -> FloatArray:
        return block.reduced(coordinates)[0]

    return Fibre(tuple(pieces), symbols, log_mass, lambda _, *coordinates: observable(*coordinates), gibbs)


def _nothing(*_: sympy.Expr) -> sympy.Expr:
    return sympy.S.Zero


@dataclass(frozen=True, eq=False)
class _Solved:
    """Z / |df/dx_p| times the share of the pivot p, summed over all branches that pass the test of being put back."""

    block: _QuadraticBlock
    observable: Callable[..., FloatArray]
    slopes: Callable[..., list[FloatArray]]
    branches: Callable[..., list[FloatArray]]
    numbers: Sequence[int]
    mine: int

    def __call__(self, t: FloatArray, *rest: FloatArray) -> FloatArray:
        place, total = self.numbers[self.mine], np.full(t.shape, -np.inf)
        for x in self.branches(t, *rest):
            point = [*rest[:place], x, *rest[place:]]
            with np.errstate(all="ignore"):
                slopes = self.slopes(*point)
                steepness = np.abs(slopes[self.mine])
                right = np.abs(self.observable(*point) - t) <= _SAME * (np.abs(x) * steepness + np.abs(t))
                squares = [(point[n] * slope) ** 4 for n, slope in zip(self.numbers, slopes, strict=True)]
                share = squares[self.mine] / sum(squares) if len(squares) > 1 else np.ones(())
                term = self.block.reduced(point)[0] + np.log(share / steepness)
            total = np.logaddexp(total, np.where(right & ~np.isnan(term), term, -np.inf))
        return total
