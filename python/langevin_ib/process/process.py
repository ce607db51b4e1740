"""`Process`: a model under a dynamics at a temperature, checked once; what laws and runs both ask of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import shown
from ..display import card
from ..errors import InvalidArgumentError
from ..model import Model, rows_of_model
from ..temperature import resolve_temperature
from .ambient import Ambient
from .compiled_potential import CompiledPotential
from .dynamics import Dynamics
from .gauge_fixed import GaugeFixed
from .on_slice import OnSlice
from .slices import Slice

__all__ = ["Process"]


@dataclass(frozen=True, repr=False)
class Process:
    """A model under a dynamics at a temperature. Immutable, compared by content, pickled as these three.

    Parameters
    ----------
    model : Model
        What moves.
    dynamics : Dynamics
        How.
    temperature : float
        T = sigma²/beta, in units of the loss; 0 for gradient descent.
    """

    model: Model
    dynamics: Dynamics
    temperature: float

    @classmethod
    def of(
        cls,
        model: Model,
        dynamics: Dynamics | None = None,
        *,
        beta: float | None = None,
        sigma: float | None = None,
        temperature: float | None = None,
        potential: Any = None,
        allow_zero: bool = False,
    ) -> Process:
        """Return the process that a user asked for: this is the one place where its parts are checked.

        Parameters
        ----------
        model : Model
            The model.
        dynamics : Dynamics, optional
            By default ``Ambient()``.
        beta, sigma, temperature : float, optional
            The temperature, see `resolve_temperature`; `SGD` needs none.
        potential : object, optional
            A compiled function in place of the model's loss and confinement, see `CompiledPotential`.
        allow_zero : bool
            Whether T = 0 will do, as it does for a run but not for a law.

        Raises
        ------
        InvalidArgumentError
            If one of them is none, or the metric of the dynamics is of another size.
        UnsupportedModelError
            If the model lacks what the dynamics needs of it: `SGD` needs a mean over rows.
        """
        if not isinstance(model, Model):
            raise InvalidArgumentError(f"model must be a Model, got {shown(model)}; take one from models or build one")
        dynamics = Ambient() if dynamics is None else dynamics
        if not isinstance(dynamics, Dynamics):
            known = ", ".join(sorted(kind.__name__ for kind in _final(Dynamics)))
            raise InvalidArgumentError(f"dynamics must be one of {known}, got {shown(dynamics)}")
        if potential is not None:
            if not isinstance(dynamics, Ambient):
                raise InvalidArgumentError(f"potential= is driven by Ambient dynamics only, not by {dynamics!r}")
            dynamics = replace(dynamics, compiled=CompiledPotential.of(potential))
        if beta is None and sigma is None and temperature is None:
            temperature = dynamics.default_temperature
        allow_zero = allow_zero or dynamics.default_temperature == 0.0
        process = cls(model, dynamics, resolve_temperature(beta, sigma, temperature, allow_zero=allow_zero))
        dynamics.require(model)
        return process

    def __repr__(self) -> str:
        names = ", ".join(map(str, self.model.parameters[:6])) + (", ..." if self.model.dim > 6 else "")
        return f"<Process of ({names}) under {self.dynamics!r} at T = {self.temperature:g}>"

    def _repr_html_(self) -> str:
        rows = [("dynamics", repr(self.dynamics)), ("temperature", f"{self.temperature:g}")]
        return card(type(self.dynamics).__name__, [*rows, *rows_of_model(self.model)])

    def __reduce__(self) -> tuple[Any, ...]:
        # What was derived from the three is derived again: formulas are large, and deep ones do not pickle as such.
        return Process, (self.model, self.dynamics, self.temperature)

    @cached_property
    def potential(self) -> sympy.Expr:
        """V, as a SymPy expression of the model's parameters and data.

        Raises
        ------
        InvalidArgumentError, UnsupportedModelError
            If the model lacks what the dynamics needs of it.
        """
        return sympy.sympify(self.dynamics.potential(self.model, self.temperature))

    @property
    def compiled(self) -> CompiledPotential | None:
        """The compiled function that drives the walkers in place of a formula, if there is one."""
        return self.dynamics.compiled if isinstance(self.dynamics, Ambient) else None

    @cached_property
    def metric(self) -> NDArray[np.float64] | None:
        """The metric, shape (dim, dim); None for the Euclidean one."""
        return self.dynamics.metric_of(self.model)

    @cached_property
    def slice(self) -> Slice | None:
        """The slice that the process does not leave; None for one in all parameters.

        Raises
        ------
        InvalidArgumentError
            If the model has no constraints, or another number of them than there are levels.
        """
        if not isinstance(self.dynamics, OnSlice):
            return None
        return Slice(self.model, self.dynamics.levels(self.model))

    @cached_property
    def deaths(self) -> int:
        """How many pieces of the predictor can be absorbed at zero, each for itself."""
        absorbs = isinstance(self.dynamics, GaugeFixed) and self.dynamics.at_zero == "absorb"
        return len(self.slice.mortal) if absorbs and self.slice is not None else 0

    @cached_property
    def weight_decay(self) -> float | None:
        """The lam for which confinement and weight decay together are (lam / 2) |x|**2; None where they are not."""
        confinement, decay = self.model.confinement, float(getattr(self.dynamics, "weight_decay", 0.0))
        if confinement == 0:
            return decay
        share = sympy.expand(confinement).coeff(self.model.parameters[0], 2)
        square = sympy.Add(*(x**2 for x in self.model.parameters))
        if not share.is_number or sympy.expand(confinement - share * square) != 0:
            return None
        return decay + 2.0 * float(share)

    def timeless(self) -> Process:
        """Return the process at T = 0 if its potential is the same at all temperatures; else itself.

        What depends on V alone, such as compiled code, can be made once for all of these.
        """
        return self if self.dynamics.needs_temperature else replace(self, temperature=0.0)


def _final(kind: type) -> list[type]:
    """Return the classes below one that have none below themselves."""
    below: list[type] = kind.__subclasses__()
    return [kind] if not below else [each for child in below for each in _final(child)]
