"""Which coordinates may be integrated in closed form together: the most of them, or none if too many would be left."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from functools import cache
from typing import TypeVar

__all__ = ["largest_block"]

Item = TypeVar("Item")


def largest_block(
    items: Sequence[Item], involved: Callable[[Item, Item], Set[Item]], most_left: int
) -> tuple[Item, ...] | None:
    """Return the largest block of which no pair involves a member: involved(a, b) of a, b in the block is outside.

    Every pair with an item that it involves is a set of three at most, one of which has to be left out. So a block that
    leaves out k items is found, or shown not to exist, after 3**k steps: each takes such a set and tries all of its
    members. Whether there is one is NP-hard in general, but k is small here, and pairs are looked at only when needed.

    Parameters
    ----------
    items : sequence
        All that may be in the block.
    involved : callable
        Takes two items, the same one twice included; returns items. It is symmetric, and called once for a pair.
    most_left : int
        So many items may be left out.

    Returns
    -------
    tuple or None
        The block, in order; None if more would have to be left out.

    Examples
    --------
    >>> product = {("u", "v"): {"u", "v"}, ("u", "u"): {"v"}, ("v", "v"): {"u"}}  # the second derivatives of (u v)**2
    >>> largest_block(["u", "v", "w"], lambda a, b: product.get((a, b), set()), 1)
    ('u', 'w')
    """
    known = cache(involved)

    def forbidden(inside: tuple[Item, ...]) -> set[Item] | None:
        """Return members that cannot be in it together; first those that cannot be at all."""
        members = set(inside)
        pairs = [(a, a) for a in inside] + [(b, a) for k, a in enumerate(inside) for b in inside[:k]]
        for a, b in pairs:
            met = known(a, b) & members
            if met:
                return {a, b, next((each for each in (a, b) if each in met), next(iter(sorted(met, key=str))))}
        return None

    def reduced(inside: tuple[Item, ...], spare: int) -> tuple[Item, ...] | None:
        conflict = forbidden(inside)
        if conflict is None or spare == 0:
            return inside if conflict is None else None
        for out in (each for each in reversed(inside) if each in conflict):
            found = reduced(tuple(each for each in inside if each != out), spare - 1)
            if found is not None:
                return found
        return None

    for spare in range(min(most_left, len(items)) + 1):
        found = reduced(tuple(items), spare)
        if found is not None:
            return found
    return None
