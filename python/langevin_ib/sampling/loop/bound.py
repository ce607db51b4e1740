"""What walkers are bound to: the request for the core, where they start, and what cannot be asked for."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ...checks import shown
from ...errors import InvalidArgumentError, UnsupportedModelError
from ...geometry import Piece, Scalings, pieces_of
from ...model import Model
from ...process import Constrained, Dynamics, GaugeFixed
from ...program import Program

__all__ = ["bound_of", "brought", "mortal_pieces", "require_scheme", "warn_of_slow_convergence"]

if TYPE_CHECKING:
    Bound: TypeAlias = _core._Bound

MOST_CONSTRAINTS = 16
"""More than so many the core does not hold walkers to along normals."""

_WHY = {
    GaugeFixed: (
        "whatever the step, going back along the orbits is right to first order in h only, as scalings are no "
        "isometries. Take 'euler-maruyama' and extrapolate from two steps (compare(..., finer=...)), or sample the "
        "same law exactly: scheme='mala' with Constrained(level, fixman=True)"
    ),
    Constrained: (
        "the noise that it keeps for the next step belongs to another tangent space; take 'mala', which is exact, or "
        "'euler-maruyama'"
    ),
}


def require_scheme(dynamics: Dynamics, scheme: str) -> None:
    """Refuse a scheme that cannot follow the dynamics.

    Raises
    ------
    InvalidArgumentError
        If it cannot; the message says why, and what to take.
    """
    if scheme not in dynamics.schemes:
        raise InvalidArgumentError(
            f"scheme={scheme!r} does not go with {type(dynamics).__name__}: {_WHY[type(dynamics)]}"
        )


def bound_of(model: Model, dynamics: Dynamics) -> Bound | None:
    """Return what the core has to know of the slice that walkers are bound to; None if to none.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        If there is no such slice, the orbits do not reach it, or it is not clear what becomes of walkers at its tip.
    """
    if isinstance(dynamics, GaugeFixed):
        return _gauge(model, dynamics)
    return _slice(model, dynamics) if isinstance(dynamics, Constrained) else None


def warn_of_slow_convergence(model: Model, dynamics: Dynamics, *, stacklevel: int) -> None:
    """Warn where walkers reach zero and leave it again, so that the error of a step is O(sqrt(h)) and not O(h)."""
    if not isinstance(dynamics, GaugeFixed):
        return
    levels = dynamics.levels(model)
    for piece in pieces_of(model):
        tip = piece.dimension_at_tip() if isinstance(piece, Scalings) else piece.dimension_at_edge()
        if tip == 1 and not any(levels[a] for a in piece.constraints):
            warnings.warn(
                f"at level 0 walkers reach zero of {_named(piece, model)} and leave it again, where a step makes an "
                "error of O(sqrt(h)) and not O(h); take another level, such as 0.5, or a much smaller step_size",
                UserWarning,
                stacklevel=stacklevel,
            )


def mortal_pieces(model: Model, dynamics: Dynamics) -> int:
    """Return how many pieces of the predictor can be absorbed at zero, each for itself."""
    if not isinstance(dynamics, GaugeFixed) or dynamics.at_zero != "absorb":
        return 0
    levels = dynamics.levels(model)
    return sum(_is_mortal(piece, levels) for piece in pieces_of(model))


def brought(model: Model, dynamics: Dynamics, states: NDArray[Any], *, first: int) -> NDArray[Any]:
    """Return states moved to the slice: along the orbits for `GaugeFixed`, along the normals for `Constrained`.

    Parameters
    ----------
    model, dynamics
        The run.
    states : array, shape (walkers, dim)
        Where its walkers are.
    first : int
        The number of the first of them.

    Raises
    ------
    InvalidArgumentError
        If a walker finds no way; the message names it.
    """
    bound = bound_of(model, dynamics)
    if bound is None:
        return states
    found = np.asarray(_core.lead(bound, np.ascontiguousarray(states)))
    lost = ~np.isfinite(found).all(axis=1)
    if lost.any():
        row = int(np.argmax(lost))
        point = ", ".join(f"{x} = {value:g}" for x, value in zip(model.parameters[:8], states[row], strict=False))
        way = "its orbit does not meet" if isinstance(dynamics, GaugeFixed) else "no way along its normals leads to"
        raise InvalidArgumentError(
            f"initial: walker {first + row} starts at {point}{', ...' if model.dim > 8 else ''}; {way} the slice "
            f"{shown(model.constraints())} = {dynamics.level}. Start elsewhere, not on an axis or at zero, or take "  # type: ignore[attr-defined] # both have one
            "another level"
        )
    return found


@lru_cache(maxsize=64)
def _gauge(model: Model, dynamics: GaugeFixed) -> Bound:
    levels = dynamics.levels(model)
    pieces = pieces_of(model)
    for piece in pieces:
        _require_reached(piece, levels, model)
    mortal = [piece for piece in pieces if _is_mortal(piece, levels)]
    if mortal and dynamics.at_zero is None:
        raise InvalidArgumentError(
            f"at level 0 walkers reach zero of {_named(mortal[0], model)} with probability 1 and are caught there (a "
            f"Bessel process of dimension {cast('Scalings', mortal[0]).dimension_at_tip()}): there is no stationary "
            "law. Take another level, such as 0.5, or say what becomes of them: at_zero='absorb' or at_zero='error'"
        )
    if dynamics.at_zero is not None and not mortal:
        raise InvalidArgumentError(
            f"at_zero={dynamics.at_zero!r} has no effect: on this slice no walker reaches zero for good; leave it out"
        )
    parts = [_part(piece, levels, piece in mortal) for piece in pieces]
    return cast("Bound", (parts, dynamics.at_zero == "absorb"))


def _part(piece: Piece, levels: tuple[float, ...], mortal: bool) -> tuple[Any, ...]:
    if not isinstance(piece, Scalings):
        return piece.columns, [i for row in piece.u for i in row], [i for row in piece.v for i in row]
    own = [levels[a] for a in piece.constraints]
    weights = [w for (w, *_) in piece.weights]
    if len(own) == 1 and len(weights) == 2 and weights[0] == -weights[1]:
        up, down = sorted(zip(weights, piece.factors, strict=True), reverse=True)
        return list(up[1]), list(down[1]), own[0] / up[0], mortal
    return [list(f) for f in piece.factors], [list(w) for w in piece.weights], own, mortal


def _is_mortal(piece: Piece, levels: tuple[float, ...]) -> bool:
    if not isinstance(piece, Scalings):
        return False
    return all(levels[a] == 0.0 for a in piece.constraints) and piece.dimension_at_tip() <= 0


def _require_reached(piece: Piece, levels: tuple[float, ...], model: Model) -> None:
    """Refuse slices that orbits do not reach, or on which the law has no finite mass."""
    own = [levels[a] for a in piece.constraints]
    if not isinstance(piece, Scalings):
        _require_balance(piece.dimension_at_edge(), own, _named(piece, model))
        return
    if not piece.reaches(own):
        raise InvalidArgumentError(
            f"level={own if len(own) > 1 else own[0]}: the orbits of {_named(piece, model)} do not reach that slice; "
            "take another level"
        )
    edge = piece.singular_edge(own)
    if edge is not None:
        names = ", ".join(str(model.parameters[i]) for i in edge[0])
        raise UnsupportedModelError(
            f"at the levels {own}, {names} can vanish together and are then caught (a Bessel process of dimension "
            f"{edge[1]}): there is no stationary law, and absorption is only known at zero of all; take other levels"
        )


def _require_balance(dimension: int, levels: list[float], name: str) -> None:
    if any(levels):
        raise UnsupportedModelError(
            f"GaugeFixed knows GL(r) at level 0 only, UᵀU = VᵀV; level = {levels} of {name} is not"
        )
    if dimension <= 0:
        raise UnsupportedModelError(
            f"at level 0 a singular value of square matrices, {name}, reaches zero and is caught: there is no "
            "stationary law; take matrices with more rows than columns, or Constrained at another level"
        )


def _named(piece: Piece, model: Model) -> str:
    numbers = [i for part in (piece.factors if isinstance(piece, Scalings) else (*piece.u, *piece.v)) for i in part]
    more = ", ..." if len(numbers) > 8 else ""
    return f"({', '.join(str(model.parameters[i]) for i in numbers[:8])}{more})"


@lru_cache(maxsize=64)
def _slice(model: Model, dynamics: Constrained) -> Bound:
    levels = dynamics.levels(model)
    if len(levels) > MOST_CONSTRAINTS:
        raise UnsupportedModelError(
            f"Constrained holds walkers to at most {MOST_CONSTRAINTS} constraints, not {len(levels)}"
        )
    if len(levels) >= model.dim:
        raise InvalidArgumentError(
            f"{len(levels)} constraints leave {model.dim} parameters no room to move; give fewer"
        )
    if dynamics.fixman:
        _require_finite_mass(model, levels)
    tape = Program(model.parameters, model.constraints()[0]).with_gradients(model.constraints())
    return cast("Bound", (tape.request(), list(levels)))


def _require_finite_mass(model: Model, levels: tuple[float, ...]) -> None:
    """Refuse exp(-L/T) (det G)**(-1/2) dS where it has infinite mass at the tip, as far as that is known."""
    try:
        pieces = pieces_of(model)
    except UnsupportedModelError:
        return
    for piece in pieces:
        if _is_mortal(piece, levels):
            raise InvalidArgumentError(
                f"at level 0 the law exp(-L/T) (det G)**(-1/2) dS has infinite mass at zero of {_named(piece, model)}; "
                "take another level, such as 0.5, or leave fixman out"
            )
