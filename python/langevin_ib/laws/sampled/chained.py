"""A law by chains: how long they go before they are looked at, and after, and whether they are to be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..request import LawRequest
from .batches import Batches, doubted
from .chains import FAMILIES, GROUPS, Chains, disagreement
from .target import SliceTarget

__all__ = ["by_chains"]

FloatArray = NDArray[np.float64]

_ROUND, _FORGOTTEN, _FEWEST = 5, 3, 12
"""Steps of a round for each coordinate; rounds before anything is kept; rounds that are kept at least."""

_MOST_MOVES = 12.0
"""In units of what a confirmation draws at most."""

_WANTED, _MOST = 1.5e-3, 4e-3
"""The standard errors that they go on for, and that are put up with."""

_AGREE = 4.5
"""Families, and halves of the time, that differ by more standard errors have not come to rest.

With 28 and 31 degrees of freedom that happens by chance in one of 10**4 comparisons, and in one of 10**3 laws, as
neighbouring places say much the same; then the law is refused.
"""


def by_chains(asked: LawRequest, target: SliceTarget, rng: np.random.Generator) -> Batches:
    """Return draws of chains that have forgotten where they started; a group of chains is a batch.

    Raises
    ------
    UnsupportedModelError
        If there is no mass, or parts of what the chains say do not agree.
    """
    log_weight, guide = target.conditioned()
    observable, sizes = target.function(target.observable), target.function(target.squares)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        chains = Chains.started(log_weight, guide, target.dim, rng)
        if chains is None:
            raise doubted(asked, "no mass was found")
        round_, every = _ROUND * target.dim, max(1, target.dim // 2)
        for _ in range(_FORGOTTEN):
            chains.go(round_)
            chains.refresh()
        looks: list[FloatArray] = []
        most = int(_MOST_MOVES * target.most_draws / (round_ * chains.x.shape[1]))
        for number in range(max(_FEWEST, most)):
            looks += [np.stack([observable(y), sizes(y)]) for y in chains.looked_at(round_, every)]
            if number + 1 < _FEWEST:
                continue
            batches, differ = _gathered(asked, np.array(looks))
            if differ > _AGREE:
                looks = looks[len(looks) // 4 :]
            elif batches.standard_error() < _WANTED:
                break
    if differ > _AGREE:
        raise doubted(
            asked,
            f"chains that started apart, or earlier and later parts of them, differ by {differ:.3g} standard errors: "
            "the weight has parts that they seldom go between, or no finite mass",
        )
    return batches


def _gathered(asked: LawRequest, looks: FloatArray) -> tuple[Batches, float]:
    """Return looks, shape (number, 2, chains), as batches, and by how many standard errors parts of them differ."""
    batches = Batches(asked, _MOST)
    groups = looks.reshape(len(looks), 2, FAMILIES * GROUPS, -1)
    for group in range(FAMILIES * GROUPS):
        values, squares = (groups[:, which, group].ravel() for which in (0, 1))
        batches.add(values, squares, np.zeros(len(values)))
    return batches, max(_differ(groups[:, which], batches.places if which == 0 else None) for which in (0, 1))


def _differ(groups: FloatArray, places: FloatArray | None) -> float:
    """Return how far parts of looks, shape (number, groups, chains), differ in probabilities below some places."""
    if places is None:
        places = np.quantile(groups, np.linspace(0.02, 0.98, 49))
    cells, middle = np.searchsorted(places, groups), len(groups) // 2
    shares = [
        [
            np.bincount(half[:, group].ravel(), minlength=len(places) + 1) / half[:, group].size
            for group in range(GROUPS * FAMILIES)
        ]
        for half in (cells[:middle], cells[middle:])
    ]
    return max(disagreement(np.cumsum(shares, axis=2)[:, :, :-1]))
