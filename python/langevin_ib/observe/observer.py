"""What all observers answer for: when they look, what the core is asked, how much they keep, and how parts merge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_int
from ..errors import InvalidArgumentError
from .provenance import Provenance

__all__ = ["MAX_EVERY", "Extent", "Kept", "Observer", "checked_every", "checked_steps"]

MAX_EVERY = 2**53
"""The largest stride: the largest integer up to which step · h is exact in double precision."""

MAX_LOOKS = 10_000_000
"""So many steps can be named one by one."""

Kept: TypeAlias = NDArray[Any]
"""What an observer keeps, a matrix: counts (groups, slots), sums (walkers, order + 1), values (walkers, draws), ..."""


@dataclass(frozen=True)
class Extent:
    """What decides how much an observer keeps.

    Parameters
    ----------
    walkers : int
        Walkers that it looks at.
    dim : int
        Coordinates of each.
    dtype : str
        Precision of their states.
    looks : int
        How often it has looked.
    """

    walkers: int
    dim: int
    dtype: str
    looks: int = 0


class Observer(ABC):
    """A request to keep something of a run: an immutable value that holds no data.

    Parts of a run are parts in time, made one after another, or parts of the walkers, the shards. Both merge exactly.
    """

    every: int | None

    goes_on = False
    """Whether the core needs what was kept before to go on, as it does for sums, whose rounding no cut may change."""

    is_of_states = False
    """Whether it keeps whole states, and its name is not that of an observable."""

    @property
    def when(self) -> int | list[int]:
        """When it looks, as the core is told: after every so many steps, or after these, from the burn-in's end."""
        assert self.every is not None
        return self.every

    @property
    def first(self) -> int:
        """After how many steps from the end of the burn-in it looks first."""
        return self.when if isinstance(self.when, int) else self.when[0]

    def looks(self, steps: int) -> int:
        """Return how often it has looked so many steps after the end of the burn-in."""
        return max(steps, 0) // self.first

    @property
    def condition(self) -> tuple[str, float, float] | None:
        """The condition (name, lo, hi) under which it counts, if there is one."""
        return None

    @abstractmethod
    def request(self) -> tuple[str, Sequence[float]]:
        """Return what the core calls it, and its constants."""

    @abstractmethod
    def form(self, extent: Extent) -> tuple[tuple[int, int], str]:
        """Return shape and dtype of what it has kept."""

    @abstractmethod
    def bytes(self, extent: Extent, threads: int) -> int:
        """Return about how much memory a run needs for it."""

    @abstractmethod
    def merged(self, before: Kept, after: Kept) -> Kept:
        """Return what two stretches of a run have kept together; `after` may be reused."""

    @abstractmethod
    def placed(self, whole: Kept, part: Kept, rows: slice) -> None:
        """Put what a shard kept in a stretch into what the whole run keeps; the shard's walkers are these rows."""

    @abstractmethod
    def filled(self, provenance: Provenance, kept: Kept) -> Any:
        """Return the result that users get."""

    def empty(self, extent: Extent) -> Kept:
        """Return what it has kept before its first look."""
        shape, dtype = self.form(extent)
        return np.zeros(shape, dtype=dtype)

    def carried(self, kept: Kept) -> NDArray[np.float64]:
        """Return what the core needs to go on."""
        return kept.ravel() if self.goes_on else np.empty(0)

    def room(self, before: Kept, extent: Extent) -> Kept:
        """Return where shards are merged into: what was kept before them, and room for what they add."""
        del extent
        return before.copy()


def checked_every(every: object) -> int:
    """Return a stride.

    Raises
    ------
    InvalidArgumentError
        If it is no integer of at least 1.
    """
    return checked_int("every", every, minimum=1, maximum=MAX_EVERY)


def checked_steps(at: Any) -> tuple[int, ...]:
    """Return the steps of ``at=`` in order, each once.

    Raises
    ------
    InvalidArgumentError
        If they are no integers of at least 1, or none or too many.
    """
    try:
        given = list(at)
    except TypeError:
        raise InvalidArgumentError(f"at = {at!r} is no list of steps; give integers, such as [1, 10, 100]") from None
    if not 1 <= len(given) <= MAX_LOOKS:
        raise InvalidArgumentError(f"at names {len(given)} steps; give 1 to {MAX_LOOKS:,}")
    return tuple(sorted({checked_int("a step of at", step, minimum=1, maximum=MAX_EVERY) for step in given}))
