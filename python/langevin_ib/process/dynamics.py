"""What all dynamics have in common: a potential, schemes that can follow them, a metric; one dynamics a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import sympy
from numpy.typing import NDArray

from ..model import Metric, Model, Rows, metric_for
from ..schemes import SCHEMES

__all__ = ["Dynamics", "decay"]


@dataclass(frozen=True, repr=False)
class Dynamics(ABC):
    """What all dynamics have in common: a potential, and schemes that can follow them."""

    schemes: ClassVar[tuple[str, ...]] = tuple(SCHEMES)
    """The schemes of `sample` that can move walkers so."""

    why: ClassVar[str] = ""
    """Why others cannot, and what to take instead."""

    default_temperature: ClassVar[float | None] = None
    """The temperature where none is given; None if one has to be."""

    lawless: ClassVar[str] = ""
    """Why there is no law of the form exp(-V / T), and what to take instead; empty if there is one."""

    @property
    def needs_temperature(self) -> bool:
        """Whether V depends on the temperature."""
        return False

    @abstractmethod
    def potential(self, model: Model, temperature: float | None = None) -> sympy.Expr:
        """Return V of `model` as a SymPy expression; `temperature` is only needed where V depends on it."""

    def require(self, model: Model) -> None:
        """Check that the model has what the dynamics needs of it, as far as that is cheap.

        Raises
        ------
        InvalidArgumentError, UnsupportedModelError
            If it lacks something.
        """
        self.metric_of(model)

    def require_steps(self, steps: int, walkers: int) -> None:  # noqa: B027 - most dynamics go on for ever
        """Check that the dynamics can make so many steps, for walkers up to such a number.

        Raises
        ------
        InvalidArgumentError
            If it cannot.
        """

    def metric_of(self, model: Model) -> NDArray[np.float64] | None:
        """Return the metric as an array of shape (model.dim, model.dim), or None if it is the identity.

        Raises
        ------
        InvalidArgumentError
            If it is of another size.
        """
        rows: Rows | None = getattr(self, "metric", None)
        metric = None if rows is None else metric_for(Metric(rows), model.parameters)
        return None if metric is None else metric.matrix

    def __repr__(self) -> str:
        said = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) not in (None, ()))
        return f"{type(self).__name__}({', '.join(said)})"


def decay(weight_decay: float, model: Model) -> sympy.Expr:
    """Return (weight_decay / 2) |x|**2."""
    if weight_decay == 0.0:
        return sympy.S.Zero
    return sympy.Float(weight_decay) / 2 * sympy.Add(*(x**2 for x in model.parameters))
