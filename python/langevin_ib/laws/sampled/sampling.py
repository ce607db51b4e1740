"""`density(..., method="sampling")`: a law by draws, from a mixture or by chains, with a bound on its error."""

from __future__ import annotations

import numpy as np

from ..confirmation import fitted_proposal
from ..line import Density
from ..request import LawRequest
from .batches import Batches, doubted
from .chained import by_chains
from .target import SliceTarget, target_of

__all__ = ["sampled_law"]

_SEED = 20260117
_BATCH, _FEWEST_BATCHES = 2**14, 32
_WANTED, _MOST = 8e-4, 2.5e-3
"""The standard errors that it goes on for, and that it puts up with."""

_MOST_DRAWS = 4.0
"""In units of what a confirmation draws at most."""


def sampled_law(asked: LawRequest) -> Density:
    """Return a law that is known by draws.

    Points are drawn independently from a mixture that was fitted to the weight, and count by weight over mixture. Of
    more parameters than a mixture can follow, by chains that start from everywhere (`chains`). Neither shares anything
    with a run but the model: no compiled loop, no gradients, no step size, no way back to the slice.

    Parameters
    ----------
    asked : LawRequest
        What was asked.

    Returns
    -------
    Density
        With `error` from the spread of independent batches.

    Raises
    ------
    NotNormalizableError
        If the potential is constant along orbits.
    UnsupportedModelError
        If the draws are worth too little, the mass seems to be infinite, or the slice is of a kind that is not known.
    """
    target = target_of(asked)
    rng = np.random.default_rng(_SEED)
    way = by_chains if target.is_quick else _by_mixture
    law, error = way(asked, target, rng).law()
    found = Density(asked.name, asked.reference, "sampling", None, law, error)
    return found if asked.intervals is None else found.conditioned(asked.intervals)


def _by_mixture(asked: LawRequest, target: SliceTarget, rng: np.random.Generator) -> Batches:
    log_weight, guide = target.conditioned()
    with np.errstate(over="ignore"):  # of points that run away to infinity, where the mass is infinite
        proposal = fitted_proposal(log_weight, target.dim, rng, guide)
    if proposal is None:
        raise doubted(asked, "no mass was found")
    observable, sizes = target.function(target.observable), target.function(target.squares)
    batches = Batches(asked, _MOST)
    most = int(_MOST_DRAWS * target.most_draws / _BATCH)
    while len(batches) < _FEWEST_BATCHES or batches.may_reach(_WANTED, _MOST, most):
        y, logs = proposal.draw(_BATCH, rng)
        seen = np.isfinite(logs)
        if seen.any():
            batches.add(observable(y[seen]), sizes(y[seen]), logs[seen])
    return batches
