"""What is asked of `density`, checked, and the words in which its answers and refusals are given."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn, TypeAlias

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from ..checks import checked_real, shown
from ..errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError
from ..model import Model
from ..model.expressions import compiled, landmarks, rough_parts
from ..process import Constrained, Dynamics, GaugeFixed, Process, SoftSlice
from .line import Density, Interval, LogWeight
from .recomputed import Recomputed
from .remedies import DRAWS

__all__ = ["METHODS", "Given", "LawRequest"]

FloatArray = NDArray[np.float64]
Given: TypeAlias = tuple[str, float, float]

METHODS = ("auto", "closed form", "quadrature", "sampling")


@dataclass(frozen=True, kw_only=True)
class LawRequest(Recomputed):
    """The arguments of `density`.

    Parameters
    ----------
    process : Process
        The process: a model under a dynamics at a temperature.
    observable : str
        The name of an observable of its model.
    given : (name, lo, hi), optional
        The condition lo <= name < hi.
    method : {"auto", "closed form", "quadrature", "sampling"}
        What the user wants.
    label : str
        The name of the law, if it is not that of the process.
    """

    process: Process
    observable: str
    given: Given | None = None
    method: str = "auto"
    label: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.method, str) or self.method not in METHODS:
            known = ", ".join(map(repr, METHODS))
            raise InvalidArgumentError(f"method must be one of {known}, got {shown(self.method)}")
        if self.dynamics.lawless:
            raise UnsupportedModelError(self.dynamics.lawless)
        if self.process.compiled is not None:
            raise InvalidArgumentError(
                "a compiled potential has no formula, and so no law; describe it by a Model's loss"
            )
        if self.given is not None:
            object.__setattr__(self, "given", _checked_given(self.given, self.model))

    @property
    def model(self) -> Model:
        """The model of the process."""
        return self.process.model

    @property
    def dynamics(self) -> Dynamics:
        """The dynamics of the process."""
        return self.process.dynamics

    @property
    def T(self) -> float:  # noqa: N802 - the field's symbol
        """The temperature of the process."""
        return self.process.temperature

    @property
    def expression(self) -> sympy.Expr:
        """The observable as a function of the parameters."""
        return self.model.observable(self.observable)

    @property
    def is_on_slice(self) -> bool:
        """Whether the process lives on a slice."""
        return self.process.slice is not None

    @property
    def is_rigid(self) -> bool:
        """Whether the law on the slice is that of its surface measure, without (det G)**(-1/2)."""
        return isinstance(self.dynamics, Constrained) and not self.dynamics.fixman

    @property
    def stiffness(self) -> float:
        """The stiffness of a soft slice; 0 for the others."""
        return self.dynamics.stiffness if isinstance(self.dynamics, SoftSlice) else 0.0

    @property
    def name(self) -> str:
        """The law in words: the process, the measure and the temperature."""
        if self.label:
            return self.label
        words = f"{self._process()}, T = {self.T:.12g}"
        if self.shell is not None:
            words += f", given {self.shell[1]:.12g} <= {self.shell[0]} < {self.shell[2]:.12g}"
        return words

    def _process(self) -> str:
        dynamics = self.dynamics
        if isinstance(dynamics, GaugeFixed):
            return f"gauge-fixed law exp(-V/T) delta(chi - c), c = {_text(dynamics.level)}"
        if isinstance(dynamics, Constrained):
            manner = "delta(chi - c) of the constrained process with Fixman's term" if dynamics.fixman else "dS"
            return f"rigid-slice law exp(-V/T) {manner}, c = {_text(dynamics.level)}"
        stiff = [f"stiffness {dynamics.stiffness:.12g}"] if isinstance(dynamics, SoftSlice) else []
        added = getattr(dynamics, "weight_decay", 0.0)
        decay = [f"weight decay {added:.12g}"] if added else []
        confined = [f"confinement {shown(self.model.confinement)}"] if self.model.confinement != 0 else []
        by = f" with {' and '.join(stiff + confined + decay)}" if stiff or decay or confined else ""
        return f"{'soft-slice' if stiff else 'ambient'} Gibbs law{by}"

    @property
    def reference(self) -> str:
        """The measure with respect to which the density is one."""
        return f"d {self.observable}"

    @property
    def shell(self) -> Given | None:
        """The condition, if it is on another quantity than the observable."""
        return None if self.given is None or self.given[0] == self.observable else self.given

    @property
    def intervals(self) -> tuple[Interval, ...] | None:
        """The condition, if it is on the observable itself."""
        return None if self.given is None or self.given[0] != self.observable else (self.given[1:],)

    @property
    def condition(self) -> tuple[Interval, ...]:
        """The condition, for a law that knows no others than those on the observable itself.

        Raises
        ------
        UnsupportedModelError
            If it is on another quantity.
        """
        if self.intervals is None:
            raise self.unsupported(f"given={self.given!r} is not on {self.observable!r}", "leave out given=")
        return self.intervals

    def levels(self, count: int) -> FloatArray:
        """Return the value of each of `count` constraints on the slice; zeros where there is none.

        Raises
        ------
        InvalidArgumentError
            If the model has another number of constraints.
        """
        if self.process.slice is None:
            return np.zeros(count)
        values = np.array(self.process.slice.levels)
        if values.shape != (count,):
            raise InvalidArgumentError(f"the slice has {values.size} levels, and {count} constraints are meant")
        return values

    @cached_property
    def loss(self) -> Callable[..., FloatArray]:
        """The loss as a NumPy function of the parameters."""
        return compiled(self.model.loss, self.model.parameters, self.model.data)

    @cached_property
    def potential(self) -> Callable[..., FloatArray]:
        """The loss and the confinement of the model, as a NumPy function of the parameters."""
        return compiled(self.model.potential(), self.model.parameters, self.model.data)

    @cached_property
    def breaks(self) -> FloatArray:
        """Where the loss jumps or bends as a function of the predictor, if it does and is one of a single component."""
        if len(self.model.predictor) != 1 or not rough_parts(self.model.loss):
            return np.zeros(0)
        try:
            loss = self.model.loss_of_predictor()
        except UnsupportedModelError:
            return np.zeros(0)
        (name,) = self.model.predictor
        return landmarks(loss, sympy.Symbol(name, real=True), self.model.data)

    def weighted(
        self,
        log_weight: LogWeight,
        *,
        support: Interval = (-math.inf, math.inf),
        singularities: Sequence[float] = (0.0,),
        breaks: ArrayLike = (),
        method: str = "quadrature",
        remedy: str = "",
        error: float = 0.0,
    ) -> Density:
        """Normalise a weight; `remedy` is added to the refusal of one whose mass is infinite, `error` is the weight's.

        Raises
        ------
        NotNormalizableError
            If it is.
        """
        try:
            return Density.from_log_weight(
                log_weight,
                name=self.name,
                reference=self.reference,
                support=support,
                singularities=singularities,
                breaks=breaks,
                method=method,
                given=self.intervals,
                error=error,
            )
        except NotNormalizableError as refusal:
            more = f". {remedy}" if remedy else ""
            raise NotNormalizableError(
                f"the {self.name} has infinite mass with respect to {self.reference}: {refusal}{more}"
            ) from None

    def refused(self) -> NoReturn:
        """Refuse a law of a slice, because the model is none of those whose laws are known.

        Raises
        ------
        InvalidArgumentError
            If the model has no symmetry, and so no slice.
        UnsupportedModelError
            Otherwise.
        """
        if self.model.symmetry is None:
            raise InvalidArgumentError(
                f"{self.dynamics!r} needs a model with a symmetry, whose slice it uses; give symmetry= to the Model"
            )
        raise self.unsupported(
            "it is none of the models and observables whose slice laws are implemented",
            "see docs/theory.md for those that are",
        )

    def unsupported(self, reason: str, remedy: str) -> UnsupportedModelError:
        """Return the refusal of a law that is not known."""
        return UnsupportedModelError(
            f"no formula is known for the law of {self.observable!r} = {shown(self.expression)} under "
            f"{self.dynamics!r}: {reason}; {remedy}, {DRAWS}"
        )


def _text(level: Any) -> str:
    values = np.atleast_1d(np.asarray(level, dtype=np.float64))
    words = ", ".join(f"{value:.12g}" for value in values)
    return words if values.size == 1 else f"({words})"


def _checked_given(given: Any, model: Model) -> Given:
    try:
        name, low, high = given
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f'given must be (name, lo, hi) such as ("imbalance", -0.1, 0.1), got {shown(given)}'
        ) from None
    model.observable(name)
    ends = [
        float(end) if isinstance(end, float) and math.isinf(end) else checked_real(f"end of given={shown(given)}", end)
        for end in (low, high)
    ]
    if not ends[0] < ends[1]:
        raise InvalidArgumentError(f"given={shown(given)} must satisfy lo < hi")
    return name, ends[0], ends[1]
