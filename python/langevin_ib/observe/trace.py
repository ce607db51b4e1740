"""A filled trace: the thinned path of an observable, walker by walker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..checks import checked_kind, real_array
from ..errors import InvalidArgumentError
from .provenance import Provenance
from .specs import Trace

__all__ = ["TraceResult"]


@dataclass(frozen=True, eq=False, repr=False)
class TraceResult:
    """The values of an observable after every so many steps.

    Parameters
    ----------
    spec : Trace
        The request.
    provenance : Provenance
        The settings of the run.
    values : array of float, shape (walkers, draws)
        Draw i was taken after step (i + 1)·every, counted from the end of the burn-in.

    Raises
    ------
    InvalidArgumentError
        If ``values`` has another shape or is not an array of floats.
    """

    spec: Trace
    provenance: Provenance
    values: NDArray[np.floating]

    def __post_init__(self) -> None:
        """Check the values and make them read-only."""
        checked_kind("spec", self.spec, Trace)
        checked_kind("provenance", self.provenance, Provenance)
        values = real_array("values", self.values)
        expected = (self.provenance.walkers, self.provenance.observations)
        if values.shape != expected or not np.issubdtype(values.dtype, np.floating):
            raise InvalidArgumentError(
                f"values has shape {values.shape} and dtype {values.dtype}; "
                f"give floats of shape (walkers, observations) = {expected}"
            )
        frozen = values.view()
        frozen.flags.writeable = False
        object.__setattr__(self, "values", frozen)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The step after which each draw was taken, counted from the end of the burn-in, shape (draws,)."""
        return self.spec.every * np.arange(1, self.values.shape[1] + 1, dtype=np.int64)

    @property
    def times(self) -> NDArray[np.float64]:
        """The time of each draw since the end of the burn-in, steps · step_size, shape (draws,)."""
        times: NDArray[np.float64] = self.steps * np.float64(self.provenance.step_size)
        return times

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        """Return the values as an array, so that NumPy functions take the trace itself."""
        return np.array(self.values, dtype=dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TraceResult):
            return NotImplemented
        same = self.spec == other.spec and self.provenance == other.provenance
        return same and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment] # arrays are compared by value, so there is no cheap hash

    def __repr__(self) -> str:
        walkers, draws = self.values.shape
        name, every = self.provenance.observable, self.spec.every
        return f"TraceResult({name}: {walkers} walkers × {draws} draws, every {every} steps)"
