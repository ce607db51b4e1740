"""How features fall into blocks: each by itself, in groups, or all in one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import real_array, shown
from ..errors import InvalidArgumentError
from .blocks import Block, Factors

__all__ = ["Alike", "Batch", "Grouped", "Layout", "Whole", "checked_groups"]

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Batch:
    """Blocks of one kind.

    Parameters
    ----------
    block : Block
        The kind.
    places : (count, k) array
        The features of each.
    first : int
        The number of the first of them.
    """

    block: Block
    places: NDArray[np.intp]
    first: int

    @property
    def width(self) -> int:
        """The number of parameters of all of them."""
        return len(self.places) * self.block.shape[1]


class Layout(ABC):
    """What blocks there are; `features` is their number if it is fixed."""

    @property
    def features(self) -> int | None:
        """The number of features, None if any will do."""
        return None

    @property
    @abstractmethod
    def block(self) -> Block:
        """A block; the largest, if they differ."""

    @abstractmethod
    def batches(self, features: int) -> list[Batch]:
        """Return the blocks of so many features, parameters in this order."""


@dataclass(frozen=True)
class Alike(Layout):
    """Every feature is a block of its own, all of one kind."""

    kind: Block

    @property
    def block(self) -> Block:
        """The kind."""
        return self.kind

    def batches(self, features: int) -> list[Batch]:
        """Return one batch."""
        return [Batch(self.kind, np.arange(features)[:, None], 0)]


@dataclass(frozen=True)
class Whole(Layout):
    """All features are one block."""

    kind: Block

    @property
    def features(self) -> int:
        """Those of the block."""
        return self.kind.shape[0]

    @property
    def block(self) -> Block:
        """The block."""
        return self.kind

    def batches(self, features: int) -> list[Batch]:
        """Return one batch of one block."""
        return [Batch(self.kind, np.arange(features)[None, :], 0)]


@dataclass(frozen=True)
class Grouped(Layout):
    """Groups of features, each a vector times scalars; batches are those of one size, in the order of their sizes."""

    groups: Groups
    depth: int
    copies: int

    @property
    def features(self) -> int:
        """Those in groups."""
        return sum(map(len, self.groups))

    @property
    def block(self) -> Block:
        """A block of the largest size."""
        return Factors(self.depth, max(map(len, self.groups)), self.copies)

    def batches(self, features: int) -> list[Batch]:
        """Return a batch for each size."""
        del features
        found, first = [], 0
        for size in sorted(set(map(len, self.groups))):
            places = np.array([group for group in self.groups if len(group) == size])
            found.append(Batch(Factors(self.depth, size, self.copies), places, first))
            first += len(places)
        return found


def checked_groups(groups: Any) -> Groups:
    """Return groups of features, given as lists of their numbers or as the number of each feature's group.

    Raises
    ------
    InvalidArgumentError
        If a feature is missing, or in two groups, or they are no such lists.
    """
    is_list = isinstance(groups, Sequence) or (isinstance(groups, np.ndarray) and groups.ndim > 0)
    if not is_list or isinstance(groups, str) or not len(groups):
        raise InvalidArgumentError(f"groups={shown(groups)} must be lists of features such as [[0, 1], [2, 3, 4]]")
    lists: list[list[int]]
    if np.ndim(groups[0]) == 0:
        labels = _integers("groups", groups)
        lists = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    else:
        lists = [_integers(f"groups[{number}]", group).tolist() for number, group in enumerate(groups)]
    members = [each for group in lists for each in group]
    twice = sorted({each for each in members if members.count(each) > 1}) if len(set(members)) < len(members) else []
    if twice:
        raise InvalidArgumentError(
            f"features {twice[:5]} are in two groups; groups must not overlap: repeat the column"
        )
    if not all(lists):
        raise InvalidArgumentError(f"groups[{[bool(group) for group in lists].index(False)}] is empty; leave it out")
    missing = sorted(set(range(max(members) + 1)) - set(members))
    if missing or min(members) < 0:
        what = f"features {missing[:5]} are in no group" if missing else f"{min(members)} is no feature"
        raise InvalidArgumentError(f"{what}; give every feature from 0 on a group, if need be one of its own")
    return tuple(map(tuple, lists))


def _integers(name: str, value: Any) -> NDArray[np.int64]:
    array = real_array(name, value if np.size(value) else np.zeros(0, dtype=np.int64))
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InvalidArgumentError(f"{name} = {shown(value)} must be a list of whole numbers, those of features")
    return array.astype(np.int64)
