"""`States`: whole states of all walkers at every so many steps or at given ones; and the same, filled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..checks import checked_kind, real_array
from ..errors import InvalidArgumentError
from .observer import Extent, Kept
from .provenance import Provenance
from .recorded import Recorded

__all__ = ["States", "StatesResult"]


@dataclass(frozen=True, kw_only=True, repr=False)
class States(Recorded):
    """Keep all coordinates of all walkers, at every so many steps or at given ones.

    It stands in ``observe=`` under any name that is not an observable's, such as "states".

    Parameters
    ----------
    every : int, optional
        Keep the states after every so many steps.
    at : sequence of int, optional
        Keep them after these steps instead, counted from the end of the burn-in; see `Trace`.

    Raises
    ------
    InvalidArgumentError
        If not just one of both is given, or it is no integer of at least 1, or no sequence of such.

    Examples
    --------
    >>> States(at=(1, 10, 100))
    States(at=[1, 10, 100])
    """

    is_of_states = True

    def numbers(self, extent: Extent) -> int:
        """Return how many numbers of each walker a look keeps: its coordinates."""
        return extent.dim

    def filled(self, provenance: Provenance, kept: Kept) -> StatesResult:
        """Return the states."""
        return StatesResult(self, provenance, kept.reshape(len(kept), provenance.observations, -1))


@dataclass(frozen=True, eq=False, repr=False)
class StatesResult:
    """The states of all walkers after some steps.

    Parameters
    ----------
    spec : States
        The request.
    provenance : Provenance
        The settings of the run.
    values : array of float, shape (walkers, draws, dim)
        Draw i was taken after step ``steps[i]``, counted from the end of the burn-in; coordinates in the order of the
        model's parameters.

    Raises
    ------
    InvalidArgumentError
        If ``values`` has another shape or is not an array of floats.
    """

    spec: States
    provenance: Provenance
    values: NDArray[np.floating]

    def __post_init__(self) -> None:
        """Check the values and make them read-only."""
        checked_kind("spec", self.spec, States)
        checked_kind("provenance", self.provenance, Provenance)
        values = real_array("values", self.values)
        expected = (self.provenance.walkers, self.provenance.observations)
        if values.ndim != 3 or values.shape[:2] != expected or not np.issubdtype(values.dtype, np.floating):
            raise InvalidArgumentError(
                f"values has shape {values.shape} and dtype {values.dtype}; "
                f"give floats of shape (walkers, observations, dim) with {expected}"
            )
        frozen = values.view()
        frozen.flags.writeable = False
        object.__setattr__(self, "values", frozen)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The step after which each draw was taken, counted from the end of the burn-in, shape (draws,)."""
        return self.spec.steps_of(self.values.shape[1])

    @property
    def times(self) -> NDArray[np.float64]:
        """The time of each draw since the end of the burn-in, steps · step_size, shape (draws,)."""
        times: NDArray[np.float64] = self.steps * np.float64(self.provenance.step_size)
        return times

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        """Return the values as an array, so that NumPy functions take the result itself."""
        return np.array(self.values, dtype=dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StatesResult):
            return NotImplemented
        same = self.spec == other.spec and self.provenance == other.provenance
        return same and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment] # arrays are compared by value, so there is no cheap hash

    def __repr__(self) -> str:
        walkers, draws, dim = self.values.shape
        return f"StatesResult({walkers} walkers × {draws} draws of {dim} coordinates, {self.spec.said})"
