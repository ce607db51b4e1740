"""What `Trace` and `States` have in common: they keep numbers as they are, at every so many steps or at given ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidArgumentError
from .observer import Extent, Kept, Observer, checked_every, checked_steps

__all__ = ["Recorded"]


@dataclass(frozen=True, kw_only=True)
class Recorded(Observer):
    """A request whose memory grows with the number of its looks.

    Parameters
    ----------
    every : int, optional
        Look after every so many steps.
    at : sequence of int, optional
        Look after these steps instead, counted from the end of the burn-in: ``np.geomspace(1, steps, 100).astype(int)``
        for even distances in the logarithm of time. They are kept in order, each once.

    Raises
    ------
    InvalidArgumentError
        If not just one of both is given, or it is no integer of at least 1, or no sequence of such.
    """

    every: int | None = None
    at: Any = None

    def __post_init__(self) -> None:
        """Check the arguments and bring them to plain Python numbers."""
        if (self.every is None) == (self.at is None):
            raise InvalidArgumentError(
                f"{type(self).__name__}(every={self.every!r}, at={self.at!r}): give one of both, every= a stride or "
                "at= a list of steps; there is no default, because 8 bytes per walker and value add up"
            )
        if self.every is not None:
            object.__setattr__(self, "every", checked_every(self.every))
        else:
            object.__setattr__(self, "at", checked_steps(self.at))

    @property
    def when(self) -> int | list[int]:
        """When it looks, as the core is told."""
        return list(self.at) if self.every is None else self.every

    def looks(self, steps: int) -> int:
        """Return how often it has looked so many steps after the end of the burn-in."""
        if self.every is not None:
            return max(steps, 0) // self.every
        return int(np.searchsorted(np.asarray(self.at), steps, side="right"))

    def steps_of(self, draws: int) -> NDArray[np.int64]:
        """Return the steps of the first looks, shape (draws,)."""
        if self.every is not None:
            return self.every * np.arange(1, draws + 1, dtype=np.int64)
        return np.array(self.at[:draws], dtype=np.int64)

    @property
    def label(self) -> str:
        """When it looks, as a part of a name."""
        return f"at_{len(self.at)}_steps" if self.every is None else f"every_{self.every}"

    @property
    def said(self) -> str:
        """When it looks, in words."""
        if self.every is not None:
            return f"every {self.every} steps"
        return f"at {len(self.at)} steps from {self.at[0]} to {self.at[-1]}"

    def numbers(self, extent: Extent) -> int:
        """Return how many numbers of each walker a look keeps."""
        del extent
        return 1

    def request(self) -> tuple[str, Sequence[float]]:
        """Return what the core calls it; there are no constants."""
        return type(self).__name__.lower(), ()

    def form(self, extent: Extent) -> tuple[tuple[int, int], str]:
        """Return shape and dtype of the values."""
        return (extent.walkers, extent.looks * self.numbers(extent)), extent.dtype

    def bytes(self, extent: Extent, threads: int) -> int:
        """Return the size of the values, as blocks and as the result."""
        del threads
        walkers, columns = self.form(extent)[0]
        return 2 * walkers * columns * np.dtype(extent.dtype).itemsize

    def merged(self, before: Kept, after: Kept) -> Kept:
        """Return the values of both stretches, in order."""
        return np.concatenate([before, after], axis=1) if before.size else after

    def room(self, before: Kept, extent: Extent) -> Kept:
        """Return the values before, and room for those that shards add."""
        room: Kept = np.empty(*self.form(extent))
        room[:, : before.shape[1]] = before
        return room

    def placed(self, whole: Kept, part: Kept, rows: slice) -> None:
        """Put a shard's new values behind those of before, into the rows of its walkers."""
        whole[rows, whole.shape[1] - part.shape[1] :] = part

    def __repr__(self) -> str:
        said = f"every={self.every}" if self.every is not None else f"at={_short(self.at)}"
        return f"{type(self).__name__}({said})"


def _short(steps: Sequence[int]) -> str:
    if len(steps) <= 8:
        return repr(list(steps))
    return f"[{steps[0]}, {steps[1]}, ..., {steps[-1]}], {len(steps)} steps"
