"""`Driver`: what the core runs for a process, made once; and what it says of states without taking a step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ...errors import InvalidArgumentError
from ...observe import Observer
from ...process import SGD, Ambient, Process
from ...program import Program, Tape, first_failure
from .batches import descent_of, examples_of
from .bound import AT_ONCE, bound_of, brought
from .kernels import Kernel, kernel_of, watchable

__all__ = ["Driver"]

if TYPE_CHECKING:
    Potential: TypeAlias = (
        tuple[str, tuple[float, ...], float] | tuple[int, int, float] | tuple[_core.Tape, _core.Tape] | _core.Examples
    )
    Seen: TypeAlias = str | _core.Tape

MOST_DRIVERS = 64
"""So many are kept, so that scans and repeated calls do not compile again."""


@dataclass(frozen=True, eq=False)
class Driver:
    """What the core runs for a process. It holds addresses and compiled tapes, and never leaves the machine.

    Parameters
    ----------
    process : Process
        What is driven; if its potential is the same at all temperatures, at T = 0, as T is no part of a driver.
    potential : tuple
        A closed form's name, constants and weight decay; the addresses of a compiled function and its data, and weight
        decay; the tapes of the gradient, and of value and gradient; or what batches are drawn from.
    bound : Bound or None
        The slice that walkers are bound to.
    metric : list of float or None
        The metric, row by row; None for the Euclidean one.
    program : Program or None
        That of V, where the core runs tapes.
    kernel : Kernel or None
        The closed form, where there is one.
    """

    process: Process
    potential: Potential
    bound: _core._Bound | None
    metric: list[float] | None
    program: Program | None
    kernel: Kernel | None
    _seen: dict[str, Seen] = field(default_factory=dict)

    @classmethod
    def of(cls, process: Process) -> Driver:
        """Return the driver of a process, made when it is first asked for on this machine.

        Raises
        ------
        InvalidArgumentError, UnsupportedModelError
            If the potential cannot be compiled (the message names the part of the expression that is to blame), or
            there is no slice such as the process is on.
        """
        return _made(process.timeless())

    @property
    def is_taped(self) -> bool:
        """Whether the potential runs as a tape."""
        return self.program is not None

    def seen(self, name: str) -> Seen:
        """Return what an observer of one of the model's observables looks at: the core's name for it, or a tape.

        Raises
        ------
        InvalidArgumentError, UnsupportedModelError
            If the model has no such observable, or it cannot be compiled.
        """
        if name not in self._seen:
            known = None if self.process.compiled is not None else watchable(self.process.model, name, self.kernel)
            self._seen[name] = _crossing(self._observable(name)) if known is None else known
        return self._seen[name]

    def look_at(self, observe: Iterable[tuple[str, Observer]]) -> None:
        """Compile what observers look at, so that what cannot be compiled is refused before anything starts."""
        for name, spec in observe:
            if not spec.is_of_states:
                self.seen(name)
            if spec.condition is not None:
                self.seen(spec.condition[0])

    def observed(self, name: str, states: NDArray[Any]) -> NDArray[np.float64]:
        """Return an observable of the model at states of shape (walkers, dim), as the core computes it: (walkers,)."""
        values = _core.evaluate(_crossing(self._observable(name)), np.ascontiguousarray(states))
        return np.asarray(values[:, 0], dtype=np.float64)

    def gradients(self, states: NDArray[Any]) -> NDArray[Any]:
        """Return grad V at states of shape (walkers, dim), as the core computes it for a potential that is taped."""
        assert self.program is not None
        return _core.evaluate(_crossing(self.program.gradient), np.ascontiguousarray(states))

    def brought(self, states: NDArray[Any], *, first: int) -> NDArray[Any]:
        """Return the states, the first of which is that of walker `first`, moved to the slice if there is one.

        Raises
        ------
        InvalidArgumentError
            If a walker finds no way; the message names it.
        """
        if self.bound is not None:
            brought(self.process, self.bound, states, first=first)
        return states

    def require_finite_start(self, states: NDArray[Any], *, first: int) -> None:
        """Check that V and its gradient are finite where the walkers start; closed forms always are.

        Parameters
        ----------
        states : array, shape (walkers, dim)
            Where the walkers start.
        first : int
            The number of the first of them.

        Raises
        ------
        InvalidArgumentError
            If it is not: the message names the walker, the operation and the part of the expression.
        """
        if self.program is None:
            return
        tape, model = self.program.value_and_gradient, self.process.model
        for start in range(0, len(states), AT_ONCE):
            rows = states[start : start + AT_ONCE]
            bad = ~np.isfinite(_core.evaluate(_crossing(tape), rows)).all(axis=1)
            if not bad.any():
                continue
            row = int(np.argmax(bad))
            failure = first_failure(tape, [float(x) for x in rows[row]])
            reason = f": {failure}" if failure is not None else f" (in {states.dtype}; it is finite in float64)"
            point = ", ".join(f"{x} = {value:g}" for x, value in zip(model.parameters[:8], rows[row], strict=False))
            raise InvalidArgumentError(
                f"the potential or its gradient is not finite where walker {first + start + row} starts ({point}"
                f"{', ...' if model.dim > 8 else ''}){reason}; start elsewhere, or write the expression so that it is "
                "finite there"
            )

    def _observable(self, name: str) -> Tape:
        model = self.process.model
        # Observables are those of the model, whatever the dynamics add to its potential.
        program = self.program or Program(model.parameters, model.potential(), model.data)
        return program.observable(model.observable(name))


@lru_cache(maxsize=MOST_DRIVERS)
def _made(process: Process) -> Driver:
    dynamics, model, bound = process.dynamics, process.model, bound_of(process)
    metric = None if process.metric is None else process.metric.ravel().tolist()
    made = partial(Driver, process, bound=bound, metric=metric)
    if isinstance(dynamics, Ambient) and dynamics.compiled is not None:
        address = (dynamics.compiled.address, dynamics.compiled.user_data, dynamics.weight_decay)
        return made(address, program=None, kernel=None)
    kernel = kernel_of(model) if isinstance(dynamics, Ambient) else None
    if isinstance(dynamics, Ambient) and kernel is not None:
        closed = (kernel.potential, kernel.constants, dynamics.weight_decay + kernel.weight_decay)
        return made(closed, program=None, kernel=kernel)
    program = Program(model.parameters, process.potential, model.data)
    examples = None
    if isinstance(dynamics, SGD):
        examples = examples_of(model, dynamics) if dynamics.is_noisy else descent_of(model, dynamics)
    if examples is not None:
        return made(examples, program=program, kernel=None)
    tapes = (_crossing(program.gradient), _crossing(program.value_and_gradient))
    return made(tapes, program=program, kernel=None)


def _crossing(tape: Tape) -> _core.Tape:
    return cast("_core.Tape", tape.request())
