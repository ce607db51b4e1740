"""Density: the law of one real quantity, with the manners of a frozen scipy.stats distribution and a stated measure."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...checks import checked_int, checked_real, real_array, shown
from ...errors import InvalidArgumentError
from .charts import Interval, LogWeight
from .display import card_of_density, text_of_density
from .drawing import uniforms
from .elementwise import log_probability, mapped
from .foreign import ConditionalLaw, DrawnLaw, Law, as_panels
from .integrated import IntegratedLaw
from .intervals import checked_interval, intersection
from .tails import infinite_moment, require_finite_moment

__all__ = ["Density"]

FloatArray = NDArray[np.float64]

MOST_MOMENTS = 64
"""The highest order of moments."""

_MANY = 2000  # values that are worth a table


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
    error : float
        How exactly the law is known: a bound on the absolute error of `cdf` and `sf`, at any x.
    observable : str
        What it is the law of, by its name in a model; empty if it was not made from one.
    """

    name: str
    reference: str
    method: str
    given: tuple[Interval, ...] | None
    _law: Law
    error: float
    observable: str = ""

    @classmethod
    def from_log_weight(
        cls,
        log_weight: LogWeight,
        *,
        name: str,
        reference: str,
        support: Interval = (-math.inf, math.inf),
        singularities: Sequence[float] = (0.0,),
        breaks: ArrayLike = (),
        method: str = "quadrature",
        given: Sequence[Interval] | None = None,
        error: float = 0.0,
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
            Points where w may be infinite (|x - s|**-a with a < 1, log|x - s|) or not smooth.
        breaks : array_like of float
            Points where w may jump or bend, or near which it may have narrow features. Jumps, bends and peaks elsewhere
            are found without help if they are wide enough to be met: a peak, if it is not narrower than a hundredth of
            its distance from 0, from a break or from another peak.
        method : str
            See the attributes.
        given : sequence of (lo, hi), optional
            Restrict the law to these disjoint intervals.
        error : float
            How much of the distribution function may be wrong because `log_weight` is not known better: for a weight
            with the relative error e everywhere, e. What the integration here adds is measured, and added.

        Returns
        -------
        Density
            With probabilities right to its `error`, mostly about 1e-13 (see `quadrature.integrate` for singularities
            away from 0).

        Raises
        ------
        NotNormalizableError
            If the integral of w is infinite; names the place and the exponent.
        InvalidArgumentError
            If the intervals are unusable or the weight is nan, or zero everywhere.
        """
        intervals = intersection([checked_interval("support", support)], given)
        points = tuple(checked_real("singularities", s) for s in singularities)
        places = np.asarray(breaks, dtype=np.float64)
        law = IntegratedLaw(log_weight, intervals, points, places, checked_real("error", error, minimum=0.0))
        return cls(name, reference, method, None if given is None else intervals, law, law.error)

    @classmethod
    def from_scipy(cls, frozen: Any, *, name: str, reference: str, error: float = 1e-13) -> Density:
        """Wrap a frozen continuous scipy.stats distribution, such as a law known exactly at finite step size.

        Parameters
        ----------
        frozen : object
            The distribution, or any object with its methods.
        name, reference : str
            See the attributes.
        error : float
            A bound on the error of its distribution function; the default is what formulas in closed form are good for.

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
        return cls(name, reference, "closed form", None, frozen, checked_real("error", error, minimum=0.0))

    def conditioned(self, intervals: Sequence[Interval]) -> Density:
        """Return the law of the same quantity given that it lies in one of the disjoint `intervals` (lo, hi).

        Raises
        ------
        InvalidArgumentError
            If the intervals are unusable or have probability zero.
        """
        law = self._law
        restricted = intervals if self.given is None else intersection(self.given, intervals)
        kept = intersection([self.support()] if not isinstance(law, IntegratedLaw) else law.intervals, restricted)
        error = self._error_given(kept)
        if isinstance(law, IntegratedLaw):
            part = law.conditioned(kept, error)
            return replace(self, given=kept, _law=part, error=part.error)
        if isinstance(law, ConditionalLaw):
            return replace(self, given=tuple(restricted), _law=law.conditioned(kept), error=error)
        facts: dict[str, Any] = {"name": self.name, "reference": self.reference, "method": self.method, "error": error}
        support = self.support()
        found = Density.from_log_weight(law.logpdf, support=support, singularities=(), given=restricted, **facts)
        return replace(found, observable=self.observable)

    def _error_given(self, intervals: Sequence[Interval]) -> float:
        """Return the error of the law on these intervals: a probability of p that is uncertain by e leaves e / p."""
        error = self._law.weight_error if isinstance(self._law, IntegratedLaw) else self.error
        share = sum(min(float(self.cdf(hi) - self.cdf(lo)), float(self.sf(lo) - self.sf(hi))) for lo, hi in intervals)
        if error == 0.0:
            return 0.0
        return min(1.0, 2.0 * error / share) if share > 0.0 else 1.0

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Return the density with respect to `reference`; +inf at a singularity, 0 outside of the support."""
        with np.errstate(over="ignore"):
            return np.exp(self.logpdf(x))

    def logpdf(self, x: ArrayLike) -> FloatArray:
        """Return the log of `pdf`."""
        return mapped(lambda flat: np.where(np.isinf(flat), -np.inf, self._law.logpdf(flat)), x)

    def cdf(self, x: ArrayLike) -> FloatArray:
        """Return the probability of values <= x."""
        return mapped(self._law.cdf, x)

    def sf(self, x: ArrayLike) -> FloatArray:
        """Return the probability of values > x, precise in the upper tail."""
        return mapped(self._law.sf, x)

    def ppf(self, q: ArrayLike) -> FloatArray:
        """Return the quantile, the x with cdf(x) = q; nan for q outside of [0, 1]."""
        return mapped(self._law.ppf, q)

    def isf(self, q: ArrayLike) -> FloatArray:
        """Return the upper quantile, the x with sf(x) = q; nan for q outside of [0, 1]."""
        return mapped(self._law.isf, q)

    def logcdf(self, x: ArrayLike) -> FloatArray:
        """Return the log of `cdf`, precise where that is close to 1, too."""
        return mapped(lambda flat: log_probability(self._law.cdf(flat), self._law.sf(flat)), x)

    def logsf(self, x: ArrayLike) -> FloatArray:
        """Return the log of `sf`, precise where that is close to 1, too."""
        return mapped(lambda flat: log_probability(self._law.sf(flat), self._law.cdf(flat)), x)

    def mean(self) -> float:
        """Return the expectation.

        Raises
        ------
        InfiniteMomentError
            If it does not exist; names the exponent of the tail. So do all the other averages.
        """
        return self._moment("the mean", 1, self._law.mean)

    def var(self) -> float:
        """Return the variance."""
        return self._moment("the variance", 2, self._law.var)

    def std(self) -> float:
        """Return the standard deviation."""
        return math.sqrt(self.var())

    def moment(self, order: int) -> float:
        """Return E x**order for a whole number order >= 0."""
        order = checked_int("order", order, minimum=0, maximum=MOST_MOMENTS)
        if order == 0:
            return 1.0
        return self._moment(f"the moment of order {order}", order, lambda: self._centred(order, 0.0))

    def _centred(self, order: int, centre: float) -> float:
        law = None if isinstance(self._law, DrawnLaw) else self._panels
        if law is None:
            return float(self._law.expect(lambda x: (x - centre) ** order))
        return law.moment(order, centre)

    def _moment(self, what: str, order: int, value: Callable[[], Any]) -> float:
        if isinstance(self._law, IntegratedLaw):
            return float(value())
        require_finite_moment(self._law, order, what)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is infinite, which is said below
            found = float(value())
        if not math.isfinite(found):
            raise infinite_moment(self._law, order, what)
        return found

    def stats(self, moments: str = "mv") -> tuple[float, ...] | float:
        """Return some of mean, variance, skewness and excess kurtosis, in this order.

        Parameters
        ----------
        moments : str
            Which, by the letters "m", "v", "s" and "k"; a single one comes by itself.
        """
        if not isinstance(moments, str) or not moments or not set(moments) <= set("mvsk"):
            raise InvalidArgumentError(f"moments={moments!r} must be made of the letters m, v, s and k")
        ways: dict[str, Callable[[], float]] = {"m": self.mean, "v": self.var, "s": lambda: self._shape(3)}
        ways["k"] = lambda: self._shape(4) - 3.0
        values = tuple(way() for letter, way in ways.items() if letter in moments)
        return values if len(values) > 1 else values[0]

    def _shape(self, order: int) -> float:
        mean, deviation = self.mean(), self.std()
        central = self._moment(f"the moment of order {order}", order, lambda: self._centred(order, mean))
        return central / deviation**order

    def entropy(self) -> float:
        """Return the differential entropy -E log pdf, with respect to `reference`."""
        if isinstance(self._law, IntegratedLaw):
            return self._law.entropy()
        known = getattr(self._law, "entropy", None)
        if callable(known):
            return float(known())
        return self.expect(lambda x: -self.logpdf(x))

    def median(self) -> float:
        """Return the value with probability 1/2 on either side."""
        return float(self.ppf(0.5))

    def interval(self, confidence: ArrayLike) -> tuple[Any, Any]:
        """Return the ends of the central intervals that have the probabilities `confidence`, of its shape.

        Raises
        ------
        InvalidArgumentError
            If one of them is not between 0 and 1; nan gives nan.
        """
        asked = real_array("confidence", confidence).astype(np.float64)
        if np.any((asked < 0.0) | (asked > 1.0)):
            raise InvalidArgumentError(f"confidence must be between 0 and 1, got {shown(confidence)}")
        tail = (1.0 - asked) / 2.0
        return self.ppf(tail), self.isf(tail)

    def support(self) -> Interval:
        """Return the smallest interval that carries the law."""
        lo, hi = self._law.support()
        return float(lo), float(hi)

    def expect(
        self,
        func: Callable[[FloatArray], ArrayLike] | None = None,
        *,
        lb: float | None = None,
        ub: float | None = None,
        conditional: bool = False,
    ) -> float:
        """Return E func(x).

        Parameters
        ----------
        func : callable, optional
            Vectorised and piecewise smooth; it may jump, and grow as long as the law decays faster. What happens in a
            hundredth of the width of the law may be missed: condition the law on it. By default x.
        lb, ub : float, optional
            Ends beyond which func counts as 0.
        conditional : bool
            Whether to divide by the probability of lb < x < ub.

        Returns
        -------
        float
            Right to about 1e-12 of E |func(x)| for functions with finitely many jumps, and in any case to 1e-6 of it,
            besides what the law itself is uncertain by (`error`).

        Raises
        ------
        InfiniteMomentError
            If it does not exist, or func is too rough to be averaged.
        InvalidArgumentError
            If func is nan where the law has mass, or is not vectorised.
        """
        if func is not None and not callable(func):
            raise InvalidArgumentError(f"func={shown(func)} is no function; give one of arrays, such as numpy.abs")
        low, high = (-math.inf if lb is None else float(lb)), (math.inf if ub is None else float(ub))
        whole: Callable[[FloatArray], ArrayLike] = (lambda x: x) if func is None else func
        is_cut = lb is not None or ub is not None

        def inside(x: FloatArray) -> FloatArray:
            return np.where((x >= low) & (x <= high), whole(x), 0.0)

        asked = inside if is_cut else whole
        law = None if isinstance(self._law, DrawnLaw) else self._panels
        value = float(self._law.expect(asked)) if law is None else law.expect(asked)
        return value / float(self.cdf(high) - self.cdf(low)) if conditional and is_cut else value

    def rvs(self, size: int | tuple[int, ...] | None = (), rng: Any = None, *, random_state: Any = None) -> FloatArray:
        """Draw independent values by inversion, a million in a fraction of a second.

        Parameters
        ----------
        size : int, tuple of int or None
            Shape of the result; None stands for ().
        rng : None, int, sequence of int or numpy.random.Generator
            As for `numpy.random.default_rng` (SPEC 7).
        random_state : None, int, numpy.random.RandomState or numpy.random.Generator
            What scipy.stats calls it, in place of `rng`: a whole number is the seed of a RandomState.

        Returns
        -------
        array
            Values whose distribution function is `cdf` to 1e-11, and in the tails to 1e-8 of their probability.
        """
        uniform = uniforms(() if size is None else size, rng, random_state)
        return self.drawn(uniform.ravel()).reshape(uniform.shape)[()]

    def drawn(self, uniform: FloatArray) -> FloatArray:
        """Return independent values for independent numbers between 0 and 1, shape (n,): what `rvs` does with them."""
        law = self._law
        panels = self._panels if isinstance(law, IntegratedLaw) or uniform.size >= _MANY else None
        draw = law.draw if isinstance(law, DrawnLaw) else law.ppf if panels is None else panels.inversion
        return np.asarray(draw(uniform))

    @cached_property
    def _panels(self) -> IntegratedLaw | None:
        """The law as panels, if that is the same law to many digits."""
        return self._law if isinstance(self._law, IntegratedLaw) else as_panels(self._law, self.error)

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in self.__dataclass_fields__}

    def __copy__(self) -> Density:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Density:
        return self

    def __repr__(self) -> str:
        return text_of_density(self)

    def _repr_html_(self) -> str:
        return card_of_density(self)
