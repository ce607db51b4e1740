"""What comes back from sampling: final states, filled observers, and the settings that would give them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .dynamics import Ambient
from .engine import Kept, Progressed
from .errors import InvalidArgumentError
from .model import Model
from .observe import Histogram, HistogramResult, Moments, MomentsResult, Spec, Trace, TraceResult
from .settings import Machine, Settings

__all__ = ["Result", "Run"]

Result: TypeAlias = HistogramResult | MomentsResult | TraceResult


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A run of the dynamics.

    Attributes
    ----------
    model : Model
        What was sampled.
    dynamics : Ambient
        Where the walkers went.
    settings : Settings
        Everything that decided the numbers.
    machine : Machine
        What computed them.
    progressed : Progressed
        The raw arrays.
    seconds : float
        Wall time spent in the core.
    interrupted : bool
        Whether Ctrl-C ended the run; it may have come after the last step.
    """

    model: Model
    dynamics: Ambient
    settings: Settings
    machine: Machine
    progressed: Progressed
    seconds: float
    interrupted: bool

    @property
    def states(self) -> NDArray[Any]:
        """The final states, shape (walkers, dim), in the order of the model's parameters."""
        return self.progressed.states

    @property
    def steps(self) -> int:
        """The steps made: all of them, unless the run was interrupted."""
        return self.progressed.steps

    @property
    def walker_steps(self) -> int:
        """Walkers times steps made."""
        return self.steps * self.settings.count

    @property
    def acceptance(self) -> float | None:
        """The share of proposals that were accepted, for ``mala``; else None."""
        if self.settings.scheme != "mala" or self.steps == 0:
            return None
        return self.progressed.accepted / self.walker_steps

    def __getitem__(self, name: str) -> Any:
        """Return what was kept of an observable: one result, or a tuple where several were asked for.

        Raises
        ------
        InvalidArgumentError
            If it was not observed, or the run ended before its first observation.
        """
        filled = [self._filled(*each) for each in self._kept() if each[1] == name]
        if not filled:
            observed = ", ".join(map(repr, self)) or "nothing"
            raise InvalidArgumentError(f"{name!r} was not observed in this run, only {observed}; name it in observe=")
        return filled[0] if len(filled) == 1 else tuple(filled)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of what was observed."""
        return iter(dict(self.settings.observe))

    def __bool__(self) -> bool:
        """Return true: a run that observed nothing is still a run."""
        return True

    def __len__(self) -> int:
        return len(dict(self.settings.observe))

    def __contains__(self, name: object) -> bool:
        return name in dict(self.settings.observe)

    def _kept(self) -> Iterator[tuple[Kept, str, Spec]]:
        for kept, (name, spec) in zip(self.progressed.kept, self.settings.observe, strict=True):
            yield kept, name, spec

    def _filled(self, kept: Kept, name: str, spec: Spec) -> Result:
        provenance = self.settings.provenance(name, spec, self.steps)
        if provenance.observations == 0:
            raise InvalidArgumentError(
                f"{name!r} has not been looked at: the run was interrupted after {self.steps} steps and the "
                f"first look is after step {self.settings.burn_in + spec.every}"
            )
        match spec:
            case Histogram():
                return HistogramResult(spec, provenance, kept)
            case Moments():
                return MomentsResult(spec, provenance, kept)
            case Trace():
                return TraceResult(spec, provenance, kept)

    def to_datatree(self) -> Any:
        """Return the traces in ArviZ's layout: an `xarray.DataTree` with a group "posterior" of (chain, draw) arrays.

        Walkers are chains. Where an observable has several traces, "_every_<stride>" is appended to its name. Needs
        xarray, which is no dependency of langevin_ib.

        Raises
        ------
        InvalidArgumentError
            If the run kept no trace.
        ImportError
            If xarray is not installed.
        """
        traces = self._traces()
        if not traces:
            raise InvalidArgumentError("the run kept no trace; observe with Trace(every=...) for a chain x draw layout")
        try:
            import xarray  # noqa: PLC0415 - optional
        except ImportError as error:
            raise ImportError("to_datatree needs xarray >= 2024.10, which is not there: pip install xarray") from error

        first, count = self.settings.walkers[0], self.settings.count
        variables = {}
        for name, trace in traces.items():
            # Traces of different strides have draws of their own.
            draw = "draw" if len({t.spec.every for t in traces.values()}) == 1 else f"draw_{name}"
            coords = {"chain": np.arange(first, first + count), draw: trace.steps}
            variables[name] = xarray.DataArray(np.asarray(trace), dims=("chain", draw), coords=coords)
        attributes = {
            "inference_library": "langevin_ib",
            "scheme": self.settings.scheme,
            "step_size": self.settings.step_size,
            "temperature": self.settings.temperature,
            "sampling_time": self.seconds,
        }
        return xarray.DataTree.from_dict({"/posterior": xarray.Dataset(variables, attrs=attributes)})

    def _traces(self) -> dict[str, TraceResult]:
        """Return the traces by names of their own."""
        results = (self._filled(*each) for each in self._kept() if isinstance(each[2], Trace))
        filled = [result for result in results if isinstance(result, TraceResult)]
        names = [trace.provenance.observable for trace in filled]
        return {
            name if names.count(name) == 1 else f"{name}_every_{trace.spec.every}": trace
            for name, trace in zip(names, filled, strict=True)
        }

    def __repr__(self) -> str:
        settings = self.settings
        state = (
            f"interrupted after {self.steps:,} of {settings.steps:,} steps"
            if self.interrupted
            else f"{self.steps:,} steps"
        )
        rate = f", {self.walker_steps / self.seconds:.3g} walker-steps/s" if self.seconds > 0 else ""
        observed = f", observed {', '.join(self)}" if len(self) else ""
        return (
            f"<Run of {settings.count:,} walkers, {state} of h = {settings.step_size:g} at T = "
            f"{settings.temperature:g} by {settings.scheme}{observed}{rate}>"
        )
