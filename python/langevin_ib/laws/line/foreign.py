"""Laws that come with methods of their own, such as frozen scipy.stats distributions, and the same laws as panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ...errors import LangevinError
from .charts import Interval
from .integrated import IntegratedLaw

__all__ = ["ConditionalLaw", "DrawnLaw", "Law", "as_panels"]

_CLOSE = 1e-9


class Law(Protocol):
    """What `Density` needs to know of a law; frozen scipy.stats distributions have it."""

    def logpdf(self, x: Any, /) -> Any:
        """Return the log of the density."""

    def cdf(self, x: Any, /) -> Any:
        """Return the probability of values <= x."""

    def sf(self, x: Any, /) -> Any:
        """Return the probability of values > x."""

    def ppf(self, q: Any, /) -> Any:
        """Return the quantile."""

    def isf(self, q: Any, /) -> Any:
        """Return the upper quantile."""

    def mean(self) -> Any:
        """Return the expectation."""

    def var(self) -> Any:
        """Return the variance."""

    def support(self) -> Any:
        """Return the ends of the support."""

    def expect(self, func: Any, /) -> Any:
        """Return the expectation of a function."""


@runtime_checkable
class ConditionalLaw(Law, Protocol):
    """A law that knows its conditional laws by itself."""

    def conditioned(self, intervals: Sequence[Interval], /) -> Law:
        """Return the law given that the value is in one of some disjoint intervals."""


@runtime_checkable
class DrawnLaw(Law, Protocol):
    """A law that has its own way of drawing values."""

    def draw(self, uniform: Any, /) -> Any:
        """Return independent values for numbers between 0 and 1."""


def as_panels(law: Law, error: float) -> IntegratedLaw | None:
    """Return a law as one that is stored as panels, by integrating its density.

    Parameters
    ----------
    law : Law
        The law.
    error : float
        What its distribution function is uncertain by.

    Returns
    -------
    IntegratedLaw or None
        None if its distribution function is not that of the law to many digits: the density may have poles that
        nobody told of.
    """
    lo, hi = law.support()
    try:
        integrated = IntegratedLaw(law.logpdf, ((float(lo), float(hi)),), (), np.zeros(0))
    except LangevinError:
        return None
    q = np.linspace(0.002, 0.998, 499)
    x = np.concatenate([integrated.ppf(q), np.asarray(law.ppf(q))])
    off = float(np.max(np.abs(integrated.cdf(x) - law.cdf(x))))
    return integrated if off <= _CLOSE + error and integrated.error <= _CLOSE else None
