"""Everything that a law says, as bytes: for tests that send laws to other processes, which import it by name."""

from typing import Any

import numpy as np
from langevin_ib import Density


def normal_weight(x: np.ndarray) -> np.ndarray:
    return np.asarray(-(x**2) / 2.0)


def numbers_of(law: Density) -> list[Any]:
    """Return numbers as bytes, and texts."""
    q = np.linspace(0.0, 1.0, 41)
    x = law.ppf(q)
    functions = [getattr(law, name)(x) for name in ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf")]
    draws = law.rvs(50, rng=1), law.isf(q), law.conditioned([(float(x[10]), float(x[30]))]).ppf(q)
    numbers = law.expect(lambda x: np.arctan(3.0 * x)), law.median(), law.error
    return [*(np.asarray(f).tobytes() for f in (x, *functions, *draws)), numbers, law.support(), law.given, repr(law)]


def numbers_of_all(laws: list[Density]) -> list[list[Any]]:
    return [numbers_of(law) for law in laws]
