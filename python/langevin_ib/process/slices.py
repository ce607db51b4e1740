"""The slice that a process lives on: its levels, the pieces that it falls into, and where walkers are caught.

Near the tip of a slice of level 0 the distance from zero is a Bessel process, whose dimension delta says what becomes
of the walkers: for delta <= 0 zero is reached and never left, for 1 reached and left again, from 2 on not reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import InvalidArgumentError, UnsupportedModelError
from ..geometry import GeneralLinear, Piece, Scalings, pieces_of
from ..model import Model
from .constrained import Constrained
from .gauge_fixed import GaugeFixed

__all__ = ["Slice"]

NAMED = 8
"""So many parameters of a piece are named in a message."""

_TURNED = 1e-9
"""Levels of GL(r) that differ from a multiple of 1 by more, relative to their size, are changed by rotations."""

PIECES_NAMED = 4
"""And so many pieces."""


@dataclass(frozen=True)
class Slice:
    """The slice {chi = level} of a model.

    Parameters
    ----------
    model : Model
        The model.
    levels : tuple of float
        The value of each of its constraints.
    """

    model: Model
    levels: tuple[float, ...]

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of the symmetry, which share no parameters.

        Raises
        ------
        UnsupportedModelError, InvalidArgumentError
            If the symmetry is none of those that can be taken apart.
        """
        return pieces_of(self.model)

    @property
    def mortal(self) -> tuple[Piece, ...]:
        """The pieces at whose zero walkers are caught with probability 1."""
        return tuple(piece for piece in self.pieces if self.is_mortal(piece))

    @property
    def slow(self) -> tuple[Piece, ...]:
        """The pieces whose zero is reached and left again, where a step makes an error of O(sqrt(h)) and not O(h)."""
        return tuple(piece for piece in self.pieces if piece.dimension() == 1 and not any(self.levels_of(piece)))

    def levels_of(self, piece: Piece) -> list[float]:
        """Return the levels of one piece's constraints."""
        return [self.levels[a] for a in piece.constraints]

    def is_mortal(self, piece: Piece) -> bool:
        """Return whether walkers are caught at zero of a piece."""
        return isinstance(piece, Scalings) and not any(self.levels_of(piece)) and piece.dimension() <= 0

    def require_gauge(self, dynamics: GaugeFixed) -> None:
        """Refuse what orbits do not reach, what has no finite mass, and what is not said of walkers that are caught.

        Raises
        ------
        InvalidArgumentError, UnsupportedModelError
            The message says which piece it is, and what to do.
        """
        for piece in self.pieces:
            match piece:
                case Scalings():
                    self._require_reached(piece)
                case GeneralLinear():
                    self._require_balance(piece)
        if self.mortal and dynamics.at_zero is None:
            piece = self.mortal[0]
            raise InvalidArgumentError(
                f"at level 0 walkers reach zero of {self.named(piece)} with probability 1 and are caught there (a "
                f"Bessel process of dimension {piece.dimension()}): there is no stationary law. Take another level, "
                "such as 0.5, or say what becomes of them: at_zero='absorb' or at_zero='error'"
            )
        if dynamics.at_zero is not None and not self.mortal:
            raise InvalidArgumentError(
                f"at_zero={dynamics.at_zero!r} has no effect: on this slice no walker reaches zero for good; leave it "
                "out"
            )

    def require_finite_mass(self, dynamics: Constrained) -> None:
        """Refuse exp(-L/T) (det G)**(-1/2) dS where it has infinite mass at a tip, as far as that is known.

        Raises
        ------
        InvalidArgumentError
            If it has; the message says where.
        """
        infinite = self.infinite if dynamics.fixman else None
        if infinite is not None:
            raise InvalidArgumentError(
                "at level 0 the law exp(-L/T) (det G)**(-1/2) dS has infinite mass at zero of "
                f"{self.named(infinite)}; take another level, such as 0.5, or leave fixman out"
            )

    @property
    def infinite(self) -> Piece | None:
        """A piece at whose zero exp(-L/T) (det G)**(-1/2) dS has infinite mass, as far as that is known."""
        try:
            pieces = self.pieces
        except UnsupportedModelError:
            return None
        return next((piece for piece in pieces if self.is_mortal(piece) or self._is_square(piece)), None)

    def _is_square(self, piece: Piece) -> bool:
        """Return whether a singular value of square matrices vanishes with infinite mass."""
        return isinstance(piece, GeneralLinear) and not any(self.levels_of(piece)) and piece.dimension() <= 0

    def named(self, *pieces: Piece) -> str:
        """Name the parameters of some pieces, for a message."""
        more = f", ... ({len(pieces)} pieces)" if len(pieces) > PIECES_NAMED else ""
        return ", ".join(self._named(piece) for piece in pieces[:PIECES_NAMED]) + more

    def _named(self, piece: Piece) -> str:
        more = ", ..." if len(piece.moved) > NAMED else ""
        return f"({self._parameters(piece.moved[:NAMED])}{more})"

    def _require_reached(self, piece: Scalings) -> None:
        levels = self.levels_of(piece)
        if not piece.reaches(levels):
            raise InvalidArgumentError(
                f"level={levels if len(levels) > 1 else levels[0]}: the orbits of {self.named(piece)} do not reach "
                "that slice; take another level"
            )
        edge = piece.singular_edge(levels)
        if edge is not None:
            raise UnsupportedModelError(
                f"at the levels {levels}, {self._parameters(edge[0])} can vanish together and are then caught (a "
                f"Bessel process of dimension {edge[1]}): there is no stationary law, and absorption is only known at "
                "zero of all; take other levels"
            )

    def _require_balance(self, piece: GeneralLinear) -> None:
        self.require_frameless(piece)
        levels, name = self.levels_of(piece), self.named(piece)
        if any(levels):
            raise UnsupportedModelError(
                f"GaugeFixed goes back to UᵀU = VᵀV, GL(r) at level 0, only; level = {levels} of {name} is another. "
                "Take level=0, or Constrained(level, fixman=True) with 'mala', which has the law of this level"
            )
        if piece.dimension() <= 0:
            raise UnsupportedModelError(
                f"at level 0 a singular value of square matrices, {name}, reaches zero and is caught: there is no "
                "stationary law; take matrices with more rows than columns, or Constrained at another level"
            )

    def require_frameless(self, piece: GeneralLinear) -> None:
        """Refuse levels UᵀU - VᵀV = 2 C with a C that is no multiple of 1: rotations turn them into others.

        There the orbit meets the slice in points that no isometry relates, so what U Vᵀ does next depends on which of
        them is taken: a process gauge-fixed along orbits is none of U Vᵀ alone, and has no law that is known.

        Raises
        ------
        UnsupportedModelError
            If they are such.
        """
        levels, forms = np.array(self.levels_of(piece)), self.model.forms()
        traces = np.array([float(sum(forms[a].matrix[i, i] for i in piece.u[0])) for a in piece.constraints])
        if np.abs(levels - traces * (traces @ levels) / (traces @ traces)).max() > _TURNED * np.abs(levels).max():
            raise UnsupportedModelError(
                f"level = {levels.tolist()} of {self.named(piece)} is UᵀU - VᵀV = 2 C with a C that is no multiple of "
                "1 (c on the diagonal of C, 0 elsewhere). Rotations turn it into another one, so orbits meet this "
                "slice in points that differ, and "
                "GaugeFixed has no law there that is known; take level=0, or Constrained(level, fixman=True), which has"
            )

    def _parameters(self, numbers: Sequence[int]) -> str:
        return ", ".join(str(self.model.parameters[i]) for i in numbers)
