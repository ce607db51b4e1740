"""What the core has to know of the slice that walkers are bound to, and the way there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import sympy
from numpy.typing import NDArray

from ... import _core
from ...checks import shown
from ...errors import InvalidArgumentError, UnsupportedModelError
from ...geometry import Piece, Scalings, Translations, frame_of
from ...process import Constrained, GaugeFixed, Process, Slice
from ...program import Program

__all__ = ["AT_ONCE", "bound_of", "brought"]

if TYPE_CHECKING:
    Bound: TypeAlias = _core._Bound

AT_ONCE = 65_536
"""So many walkers are brought, or looked at, before Ctrl-C is heard."""

MOST_CONSTRAINTS = 16
"""More than so many that hang together the core does not hold walkers to along normals."""


MOST_GRADIENTS = 50_000
"""So many derivatives of constraints are computed in a step at most, those that are zero among them."""


def bound_of(process: Process) -> Bound | None:
    """Return what the core has to know of the slice that walkers are bound to; None if to none.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        If there is no such slice, the orbits do not reach it, or it is not clear what becomes of walkers at its tip.
    """
    place, dynamics = process.slice, process.dynamics
    if place is None:
        return None
    if isinstance(dynamics, GaugeFixed):
        place.require_gauge(dynamics)
        absorbs = dynamics.at_zero == "absorb"
        turns = [(list(turn.places), turn.numbers.ravel().tolist()) for turn in frame_of(place.model).turns]
        return cast("Bound", ([_part(place, piece) for piece in place.pieces], absorbs, turns))
    return _along_normals(place, cast("Constrained", dynamics))


def brought(process: Process, bound: Bound, states: NDArray[Any], *, first: int) -> None:
    """Move states to the slice, where they stand: along the orbits for `GaugeFixed`, the normals for `Constrained`.

    Parameters
    ----------
    process : Process
        What is sampled.
    bound : Bound
        Its `bound_of`.
    states : array, shape (walkers, dim)
        Where its walkers are, and will be.
    first : int
        The number of the first of them.

    Raises
    ------
    InvalidArgumentError
        If a walker finds no way; the message names it.
    """
    # In pieces, as Ctrl-C is heard between them.
    for start in range(0, len(states), AT_ONCE):
        rows = states[start : start + AT_ONCE]
        found = np.asarray(_core.lead(bound, rows))
        lost = ~np.isfinite(found).all(axis=1)
        if not lost.any():
            rows[:] = found
            continue
        model, dynamics = process.model, process.dynamics
        row = start + int(np.argmax(lost))
        point = ", ".join(f"{x} = {value:g}" for x, value in zip(model.parameters[:8], states[row], strict=False))
        way = "its orbit does not meet" if isinstance(dynamics, GaugeFixed) else "no way along its normals leads to"
        raise InvalidArgumentError(
            f"initial: walker {first + row} starts at {point}{', ...' if model.dim > 8 else ''}; {way} the slice "
            f"{shown(model.constraints())} = {dynamics.level}. Start elsewhere, not on an axis or at zero, or take "  # type: ignore[attr-defined] # both have one
            "another level"
        )


def _part(place: Slice, piece: Piece) -> tuple[Any, ...]:
    if isinstance(piece, Translations):
        directions, levels = piece.orthonormal(place.levels_of(piece))
        return list(piece.moved), directions.tolist(), levels.tolist()
    if not isinstance(piece, Scalings):
        return piece.columns, [i for row in piece.u for i in row], [i for row in piece.v for i in row]
    own, mortal = place.levels_of(piece), place.is_mortal(piece)
    weights = [w for (w, *_) in piece.weights]
    if len(own) == 1 and len(weights) == 2 and weights[0] == -weights[1]:
        up, down = sorted(zip(weights, piece.factors, strict=True), reverse=True)
        return list(up[1]), list(down[1]), own[0] / up[0], mortal
    return [list(f) for f in piece.factors], [list(w) for w in piece.weights], own, mortal


def _along_normals(place: Slice, dynamics: Constrained) -> Bound:
    model, count = place.model, len(place.levels)
    blocks = _blocks(model.constraints())
    largest = max(map(len, blocks))
    if largest > MOST_CONSTRAINTS:
        raise UnsupportedModelError(
            f"Constrained holds walkers to at most {MOST_CONSTRAINTS} constraints that hang together by their "
            f"parameters, not {largest}; take GaugeFixed, which has no such limit, or fewer constraints"
        )
    if count * model.dim > MOST_GRADIENTS:
        raise UnsupportedModelError(
            f"Constrained computes all {count * model.dim} derivatives of {count} constraints in every step, and "
            f"{MOST_GRADIENTS} are the most; take GaugeFixed, which needs none"
        )
    if count >= model.dim:
        raise InvalidArgumentError(f"{count} constraints leave {model.dim} parameters no room to move; give fewer")
    place.require_finite_mass(dynamics)
    order = [a for block in blocks for a in block]
    chosen = [model.constraints()[a] for a in order]
    tape = Program(model.parameters, chosen[0]).with_gradients(chosen)
    return cast("Bound", (tape.request(), [place.levels[a] for a in order], [len(block) for block in blocks]))


def _blocks(constraints: Sequence[sympy.Expr]) -> list[list[int]]:
    """Return which constraints share parameters, directly or through others, by their numbers."""
    blocks: list[tuple[list[int], set[sympy.Basic]]] = []
    for number, chi in enumerate(constraints):
        together = [block for block in blocks if block[1] & chi.free_symbols]
        blocks = [block for block in blocks if block not in together]
        numbers = [a for block in together for a in block[0]]
        blocks.append(([*numbers, number], set(chi.free_symbols).union(*(block[1] for block in together))))
    return sorted(sorted(numbers) for numbers, _ in blocks)
