"""The law of the parameter of a model that has only one: exp(-V/T) as it stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...model.expressions import compiled, landmarks
from ...process import Ambient
from ..line import Density, Interval
from ..request import LawRequest

__all__ = ["OneParameterLaw"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class OneParameterLaw:
    """The law of the only parameter under the ambient process.

    Parameters
    ----------
    request : LawRequest
        What was asked.
    """

    request: LawRequest

    @classmethod
    def recognise(cls, request: LawRequest) -> OneParameterLaw | None:
        """Return the law if there is one parameter, which is observed, and no closed form is insisted on, else None."""
        if not isinstance(request.dynamics, Ambient) or request.given is not None or request.method == "closed form":
            return None
        is_it = request.model.dim == 1 and request.expression == request.model.parameters[0]
        return cls(request) if is_it else None

    def density(self) -> Density:
        """Return the law.

        Raises
        ------
        NotNormalizableError
            If its mass is infinite.
        """
        request, model = self.request, self.request.model
        potential = compiled(request.process.potential, model.parameters, model.data)
        places = landmarks(request.process.potential, model.parameters[0], model.data)
        support = _real_interval(potential, places)
        ends = (0.0, *filter(math.isfinite, support))
        return request.weighted(
            partial(_log_gibbs, potential, request.T), support=support, singularities=ends, breaks=places
        )

    def rivals(self, cutoff: float | None = None) -> None:
        """Return None: a single parameter has no orbit."""


def _real_interval(potential: Callable[..., FloatArray], places: FloatArray) -> Interval:
    """Return the interval between two places on which alone V is real; the line if there is no such interval."""
    edges = np.concatenate([[-np.inf], places, [np.inf]])
    between = np.concatenate([places[:1] - 1.0, (places[1:] + places[:-1]) / 2.0, places[-1:] + 1.0])
    (real,) = np.nonzero(~np.isnan(potential(between)))
    if not real.size or np.ptp(real) >= real.size:
        return -math.inf, math.inf
    return float(edges[real[0]]), float(edges[real[-1] + 1])


def _log_gibbs(potential: Callable[..., FloatArray], T: float, x: FloatArray) -> FloatArray:
    return -potential(x) / T
