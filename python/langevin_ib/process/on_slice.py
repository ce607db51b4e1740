"""What `GaugeFixed` and `Constrained` have in common: the slice {chi = level} that walkers do not leave."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from ..checks import checked_real, shown
from ..errors import InvalidArgumentError
from ..model import Model
from .dynamics import Dynamics

__all__ = ["OnSlice", "constraints_of"]


@dataclass(frozen=True, repr=False)
class OnSlice(Dynamics, ABC):
    """A dynamics on the slice {chi = level}, in the Euclidean metric.

    Parameters
    ----------
    level : float or sequence of float
        The value of each chi, in the order of `model.constraints()`; one number stands for all.
    """

    level: float | tuple[float, ...] = 0.0

    def levels(self, model: Model) -> tuple[float, ...]:
        """Return the level of each of the model's constraints.

        Raises
        ------
        InvalidArgumentError
            If the model has no constraints, or there are more or fewer levels.
        """
        count = len(constraints_of(model, type(self).__name__))
        if not isinstance(self.level, tuple):
            return (self.level,) * count
        if len(self.level) != count:
            raise InvalidArgumentError(
                f"level has {len(self.level)} numbers, but the model has {count} constraints "
                f"({shown(model.constraints())}); give one number for all of them, or one for each"
            )
        return self.level

    def _check_slice(self, metric: Any) -> None:
        if metric is not None:
            who = type(self).__name__
            raise InvalidArgumentError(
                f"{who} knows the Euclidean metric only, not metric={shown(metric)}; write the model in coordinates in "
                f"which the metric is Euclidean, geometry.whitened(model, metric), and take {who} without one"
            )
        object.__setattr__(self, "level", _checked_level(self.level))


def constraints_of(model: Model, who: str) -> tuple[sympy.Expr, ...]:
    """Return the functions chi of a model's slice.

    Raises
    ------
    InvalidArgumentError
        If it has none; `who` needs them.
    """
    constraints = model.constraints()
    if not constraints:
        raise InvalidArgumentError(
            f"{who} needs constraints chi, and the model has none: it has no non-compact symmetry and no slice; give "
            "Model(symmetry=...) or Model(slice=...)"
        )
    return constraints


def _checked_level(value: Any) -> float | tuple[float, ...]:
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str) and getattr(value, "ndim", 1) == 1:
        if len(value) == 0:
            raise InvalidArgumentError("level is empty; give a number, or one for each constraint")
        return tuple(checked_real(f"level[{i}]", number) for i, number in enumerate(value))
    return checked_real("level", value)
