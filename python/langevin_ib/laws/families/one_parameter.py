"""The law of the parameter of a model that has only one: exp(-V/T) as it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...model.expressions import compiled, landmarks
from ...process import Ambient
from ..line import Density
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
        return request.weighted(partial(_log_gibbs, potential, request.T), breaks=places)

    def rivals(self, cutoff: float | None = None) -> None:
        """Return None: a single parameter has no orbit."""


def _log_gibbs(potential: Callable[..., FloatArray], T: float, x: FloatArray) -> FloatArray:
    return -potential(x) / T
