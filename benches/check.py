"""Whether a contender did the job: its means against the reference, with a stated false-alarm rate.

These means see gross errors alone: a temperature 5 % wrong moves them by some three standard errors. That drift and
noise are right is what `test_uv_job.py` finds out, step by step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import REFERENCE, Job

__all__ = ["SIGMAS", "deviations"]

SIGMAS = 5.0
"""A mean this many standard errors away is wrong; a right one is so once in 1.7 million times."""


def deviations(states: NDArray[Any], job: Job) -> dict[str, tuple[float, float]]:
    """Return mean and deviation from the reference, in standard errors of both, of u v and u² + v².

    Parameters
    ----------
    states : array, shape (n, 2)
        Final states of any number of runs.
    job : Job
        What they ran; without a reference for its number of steps deviations are nan.
    """
    if not np.isfinite(states).all():
        raise ValueError("a final state is not finite")
    u, v = states.T.astype(np.float64)
    found = {}
    for name, values in (("u v", u * v), ("u² + v²", u**2 + v**2)):
        mean, error = float(values.mean()), float(values.std() / np.sqrt(len(values)))
        known = job == Job(walkers=job.walkers, steps=job.steps) and job.steps in REFERENCE
        wanted, uncertainty = REFERENCE[job.steps][name] if known else (np.nan, np.nan)
        found[name] = (mean, (mean - wanted) / float(np.hypot(error, uncertainty)))
    return found
