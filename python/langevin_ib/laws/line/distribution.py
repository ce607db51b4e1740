"""Density: the law of one real quantity, with the manners of a frozen scipy.stats distribution and a stated measure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...checks import checked_real
from ...errors import InvalidArgumentError
from .panels import Cells
from .quadrature import Interval, LogWeight, integrate

__all__ = ["Density"]

FloatArray = NDArray[np.float64]


class _Law(Protocol):
    """What Density needs to know; frozen scipy.stats distributions have it."""

    def logpdf(self, x: Any, /) -> Any: ...
    def cdf(self, x: Any, /) -> Any: ...
    def sf(self, x: Any, /) -> Any: ...
    def ppf(self, q: Any, /) -> Any: ...
    def isf(self, q: Any, /) -> Any: ...
    def mean(self) -> Any: ...
    def var(self) -> Any: ...
    def support(self) -> Any: ...
    def expect(self, func: Any, /) -> Any: ...


@runtime_checkable
class _Conditional(_Law, Protocol):
    """A law that knows its conditional laws by itself."""

    def conditioned(self, intervals: Sequence[Interval], /) -> _Law: ...


@dataclass(frozen=True, eq=False)
class _Integrated:
    """The law with weight exp(log_weight) on `intervals`, normalised by quadrature."""

    log_weight: LogWeight
    intervals: tuple[Interval, ...]
    singularities: tuple[float, ...]
    cells: Cells

    def logpdf(self, x: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):  # outside of the support the formula may mean nothing
            values = np.asarray(self.log_weight(x)) - self.cells.log_total
        values = np.where(np.isnan(values) & np.isin(x, self.singularities), np.inf, values)
        inside = np.zeros(x.shape, dtype=bool)
        for lo, hi in self.intervals:
            inside |= (x >= lo) & (x <= hi) & np.isfinite(x)
        return np.where(inside, values, -np.inf)

    def cdf(self, x: FloatArray) -> FloatArray:
        return self.cells.cdf(x)

    def sf(self, x: FloatArray) -> FloatArray:
        return self.cells.cdf(x, upper=True)

    def ppf(self, q: FloatArray) -> FloatArray:
        return self._quantile(q, self.support(), upper=False)

    def isf(self, q: FloatArray) -> FloatArray:
        return self._quantile(q, self.support()[::-1], upper=True)

    def _quantile(self, q: FloatArray, ends: Interval, *, upper: bool) -> FloatArray:
        result = np.where(q == 0.0, ends[0], np.where(q == 1.0, ends[1], np.nan))
        proper = (q > 0.0) & (q < 1.0)
        result[proper] = self.cells.quantile(q[proper], upper=upper)
        return result

    def support(self) -> Interval:
        return self.intervals[0][0], self.intervals[-1][1]

    def mean(self) -> float:
        return self.cells.moment(1, 0.0)

    def var(self) -> float:
        mean = self.mean()
        return self.cells.moment(2, mean) if math.isfinite(mean) else math.nan

    def expect(self, func: Callable[[FloatArray], ArrayLike]) -> float:
        x, probability = self.cells.nodes, self.cells.node_probability
        seen = probability > 0.0
        values = np.broadcast_to(np.asarray(func(x[seen]), dtype=np.float64), int(seen.sum()))
        return float(np.sum(values * probability[seen]))


@dataclass(frozen=True, eq=False, repr=False)
class Density:
    """A probability law on the real line; made by `density`, `rivals`, `from_log_weight` or `from_scipy`.

    Methods take arrays of any shape and return the same shape (a NumPy scalar for a number); nan gives nan.

    Attributes
    ----------
    name : str
        The law in words.
    reference : str
        The measure with respect to which `pdf` is a density, such as "d theta".
    method : str
        "closed form" or "quadrature": where the weight comes from. (It is normalised by quadrature in both cases, if
        no closed form of the constant exists.)
    given : None or tuple of (lo, hi)
        The intervals on which the law is conditioned.
    """

    name: str
    reference: str
    method: str
    given: tuple[Interval, ...] | None
    _law: _Law

    @classmethod
    def from_log_weight(
        cls,
        log_weight: LogWeight,
        *,
        name: str,
        reference: str,
        support: Interval = (-math.inf, math.inf),
        singularities: Sequence[float] = (0.0,),
        method: str = "quadrature",
        given: Sequence[Interval] | None = None,
    ) -> Density:
        """Normalise a weight w on the line, given as log w.

        Parameters
        ----------
        log_weight : callable
            Takes a float64 array, returns log w of the same shape; any additive constant, -inf where w = 0.
        name, reference : str
            See the attributes.
        support : (float, float)
            Where the law lives; ends may be infinite.
        singularities : sequence of float
            Points where w may be infinite (|x - s|**-a with a < 1, log|x - s|) or not smooth. Kinks and peaks elsewhere
            are found without help.
        method : str
            See the attributes.
        given : sequence of (lo, hi), optional
            Restrict the law to these disjoint intervals.

        Returns
        -------
        Density
            With probabilities right to about 1e-12 (see `quadrature.integrate` for singularities away from 0).

        Raises
        ------
        NotNormalizableError
            If the integral of w is infinite; names the place and the exponent.
        InvalidArgumentError
            If the intervals are unusable or the weight is nan, or zero everywhere.
        """
        intervals = _intersection([_checked_interval("support", support)], given)
        points = tuple(checked_real("singularities", s) for s in singularities)
        law = _Integrated(log_weight, intervals, points, integrate(log_weight, intervals, points))
        return cls(name, reference, method, None if given is None else intervals, law)

    @classmethod
    def from_scipy(cls, frozen: Any, *, name: str, reference: str) -> Density:
        """Wrap a frozen continuous scipy.stats distribution, such as a law known exactly at finite step size.

        Raises
        ------
        InvalidArgumentError
            If `frozen` lacks the methods of a frozen continuous distribution.
        """
        missing = [m for m in ("logpdf", "cdf", "ppf", "support") if not callable(getattr(frozen, m, None))]
        if missing:
            raise InvalidArgumentError(
                f"frozen={frozen!r} has no {', '.join(missing)}; pass a frozen distribution such as scipy.stats.norm()"
            )
        return cls(name, reference, "closed form", None, frozen)

    def conditioned(self, intervals: Sequence[Interval]) -> Density:
        """Return the law of the same quantity given that it lies in one of the disjoint `intervals` (lo, hi).

        Raises
        ------
        InvalidArgumentError
            If the intervals are unusable or have probability zero.
        """
        law = self._law
        base, points = (law.log_weight, law.singularities) if isinstance(law, _Integrated) else (law.logpdf, ())
        lo, hi = self.support()
        restricted = intervals if self.given is None else _intersection(self.given, intervals)
        if isinstance(law, _Conditional):
            kept = _intersection([(lo, hi)], restricted)
            return Density(self.name, self.reference, self.method, tuple(restricted), law.conditioned(kept))
        return Density.from_log_weight(
            base,
            name=self.name,
            reference=self.reference,
            support=(float(lo), float(hi)),
            singularities=points,
            method=self.method,
            given=restricted,
        )

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Return the density with respect to `reference`; +inf at a singularity, 0 outside of the support."""
        with np.errstate(over="ignore"):
            return np.exp(self.logpdf(x))

    def logpdf(self, x: ArrayLike) -> FloatArray:
        """Return the log of `pdf`."""
        return _mapped(self._law.logpdf, x)

    def cdf(self, x: ArrayLike) -> FloatArray:
        """Return the probability of values <= x."""
        return _mapped(self._law.cdf, x)

    def sf(self, x: ArrayLike) -> FloatArray:
        """Return the probability of values > x, precise in the upper tail."""
        return _mapped(self._law.sf, x)

    def ppf(self, q: ArrayLike) -> FloatArray:
        """Return the quantile, the x with cdf(x) = q; nan for q outside of [0, 1]."""
        return _mapped(self._law.ppf, q)

    def isf(self, q: ArrayLike) -> FloatArray:
        """Return the upper quantile, the x with sf(x) = q; nan for q outside of [0, 1]."""
        return _mapped(self._law.isf, q)

    def mean(self) -> float:
        """Return the expectation; inf or nan where it does not exist."""
        return float(self._law.mean())

    def var(self) -> float:
        """Return the variance; inf or nan where it does not exist."""
        return float(self._law.var())

    def std(self) -> float:
        """Return the standard deviation."""
        return math.sqrt(self.var())

    def median(self) -> float:
        """Return the value with probability 1/2 on either side."""
        return float(self.ppf(0.5))

    def interval(self, confidence: float) -> Interval:
        """Return the ends of the central interval that has probability `confidence`, strictly between 0 and 1."""
        confidence = checked_real("confidence", confidence, minimum=0.0, open_end=True)
        if confidence >= 1.0:
            raise InvalidArgumentError(f"confidence must be < 1, got {confidence!r}; for the whole law use support()")
        tail = (1.0 - confidence) / 2.0
        return float(self.ppf(tail)), float(self.isf(tail))

    def support(self) -> Interval:
        """Return the smallest interval that carries the law."""
        lo, hi = self._law.support()
        return float(lo), float(hi)

    def expect(self, func: Callable[[FloatArray], ArrayLike]) -> float:
        """Return E func(x) for a vectorised, piecewise smooth `func` that does not grow faster than the law decays."""
        return float(self._law.expect(func))

    def rvs(self, size: int | tuple[int, ...] = (), rng: Any = None) -> FloatArray:
        """Draw independent values by inversion.

        Parameters
        ----------
        size : int or tuple of int
            Shape of the result.
        rng : None, int, sequence of int or numpy.random.Generator
            As for `numpy.random.default_rng` (SPEC 7).
        """
        # Odd multiples of 2**-53: never 0 or 1, so an infinite end of the support is never drawn.
        uniforms = (np.random.default_rng(rng).integers(0, 2**52, size=size) + 0.5) / 2.0**52
        return self.ppf(uniforms)

    def __repr__(self) -> str:
        given = "" if self.given is None else f" given {' or '.join(f'({lo:g}, {hi:g})' for lo, hi in self.given)}"
        return f"<Density {self.name}{given}, with respect to {self.reference}, {self.method}>"


def _mapped(function: Callable[[FloatArray], Any], x: ArrayLike) -> FloatArray:
    """Apply a function of flat arrays to any shape; nan stays nan and is not shown to it."""
    array = np.asarray(x, dtype=np.float64)
    result = np.full(array.shape, np.nan)
    known = ~np.isnan(array)
    result[known] = function(array[known])
    return result[()]


def _checked_interval(name: str, interval: Any) -> Interval:
    try:
        lo, hi = (float(end) for end in interval)
    except (TypeError, ValueError):
        raise InvalidArgumentError(f"{name} must be a pair (lo, hi) of numbers, got {interval!r}") from None
    if math.isnan(lo) or math.isnan(hi) or lo == math.inf or hi == -math.inf or not lo < hi:
        raise InvalidArgumentError(f"{name}=({lo}, {hi}) must satisfy lo < hi")
    if (
        hi - lo < 1e7 * max(np.spacing(abs(end)) for end in (lo, hi) if math.isfinite(end))
        if math.isfinite(hi - lo)
        else False
    ):
        raise InvalidArgumentError(f"{name}=({lo!r}, {hi!r}) is too narrow to be resolved by doubles; widen it")
    return lo, hi


def _intersection(base: Sequence[Interval], given: Sequence[Interval] | None) -> tuple[Interval, ...]:
    if given is None:
        return tuple(base)
    wanted = sorted(_checked_interval("given", interval) for interval in given)
    if any(left[1] > right[0] for left, right in itertools.pairwise(wanted)):
        raise InvalidArgumentError(f"given={wanted} overlap; pass disjoint intervals")
    pairs = [(max(a, lo), min(b, hi)) for a, b in base for lo, hi in wanted if max(a, lo) < min(b, hi)]
    if not pairs:
        raise InvalidArgumentError(f"given={wanted} does not meet the support {list(base)}; the law has no mass there")
    return tuple(pairs)
