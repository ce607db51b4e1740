"""`Trace`: the path of an observable, walker by walker; and the same, filled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..checks import checked_kind, real_array
from ..errors import InvalidArgumentError
from .observer import Kept
from .provenance import Provenance
from .recorded import Recorded

__all__ = ["Trace", "TraceResult"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Trace(Recorded):
    """Keep the observable itself, at every so many steps or at given ones: memory grows with the number of looks.

    Parameters
    ----------
    every : int, optional
        Keep one value per so many steps. There is no default, because 8 bytes per walker and value add up.
    at : sequence of int, optional
        Keep the values after these steps instead, counted from the end of the burn-in, such as
        ``np.geomspace(1, steps, 100).astype(int)``. They are kept in order, each once.

    Raises
    ------
    InvalidArgumentError
        If not just one of both is given, or it is no integer of at least 1, or no sequence of such.

    Examples
    --------
    >>> Trace(every=10)
    Trace(every=10)
    >>> Trace(at=[100, 1, 10, 10])
    Trace(at=[1, 10, 100])
    """

    def filled(self, provenance: Provenance, kept: Kept) -> TraceResult:
        """Return the trace."""
        return TraceResult(self, provenance, kept)


@dataclass(frozen=True, eq=False, repr=False)
class TraceResult:
    """The values of an observable after every so many steps, or after given ones.

    Parameters
    ----------
    spec : Trace
        The request.
    provenance : Provenance
        The settings of the run.
    values : array of float, shape (walkers, draws)
        Draw i was taken after step ``steps[i]``, counted from the end of the burn-in.

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
        return self.spec.steps_of(self.values.shape[1])

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
        return f"TraceResult({self.provenance.observable}: {walkers} walkers × {draws} draws, {self.spec.said})"
