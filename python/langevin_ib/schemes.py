"""The schemes by which time goes on, as a table: one line each; the core has one file each."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["SCHEMES", "Scheme"]


@dataclass(frozen=True)
class Scheme:
    """What is known of a scheme.

    Parameters
    ----------
    name : str
        What users and the core call it.
    order : float
        The stationary law is wrong by O(h**order); infinite if it is exact.
    is_metropolis : bool
        Whether proposals may be refused.
    proposed : float
        h times the largest curvature of V that "auto" proposes, in one dimension.
    """

    name: str
    order: float
    is_metropolis: bool
    proposed: float


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        # For a harmonic V the variance is then wrong by h k / 2 = 2.5 %.
        Scheme("euler-maruyama", order=1.0, is_metropolis=False, proposed=0.05),
        Scheme("leimkuhler-matthews", order=2.0, is_metropolis=False, proposed=0.2),
        # The first attempt, from which a pilot goes on.
        Scheme("mala", order=math.inf, is_metropolis=True, proposed=0.5),
    )
}
"""All schemes, by name."""
