"""What the core runs for a model: a closed form where there is one, tapes for everything else, and where they fail."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import sympy
from numpy.typing import NDArray

from ... import _core
from ...errors import InvalidArgumentError
from ...model import Model
from ...process import Ambient, Constrained, Dynamics
from ...program import Program, Tape, first_failure
from .kernels import kernel_of, watchable

__all__ = ["driver_of", "gradients", "is_taped", "require_finite_start", "seen"]

if TYPE_CHECKING:
    Driver: TypeAlias = tuple[str, tuple[float, ...], float] | tuple[int, int, float] | tuple[_core.Tape, _core.Tape]
    Seen: TypeAlias = str | _core.Tape

AT_ONCE = 65_536
"""Walkers whose gradients are looked at together before a run starts."""


def driver_of(model: Model, dynamics: Dynamics, temperature: float | None = None) -> Driver:
    """Return what drives the walkers of a model; the temperature is only needed where V depends on it.

    Returns
    -------
    tuple
        A closed form's name, constants and weight decay; the addresses of a compiled function and its data, and weight
        decay; or the tapes of the gradient, and of value and gradient.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        If the potential cannot be compiled; the message names the part of the expression that is to blame.
    """
    if isinstance(dynamics, Ambient):
        if dynamics.compiled is not None:
            return dynamics.compiled.address, dynamics.compiled.user_data, dynamics.weight_decay
        kernel = kernel_of(model)
        if kernel is not None:
            return kernel.potential, kernel.constants, dynamics.weight_decay + kernel.weight_decay
    program = _program_of(model, dynamics, temperature)
    return _crossing(program.gradient), _crossing(program.value_and_gradient)


def is_taped(model: Model, dynamics: Dynamics) -> bool:
    """Return whether a model runs as a tape."""
    return not isinstance(dynamics, Ambient) or (dynamics.compiled is None and kernel_of(model) is None)


def seen(model: Model, dynamics: Dynamics, name: str) -> Seen:
    """Return what an observer of one of the model's observables looks at: the core's name for it, or a tape.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        If the model has no such observable, or it cannot be compiled.
    """
    known = watchable(model, name) if isinstance(dynamics, Ambient) and dynamics.compiled is None else None
    if known is not None:
        return known
    # Observables are those of the model, whatever the dynamics add to its potential.
    return _crossing(_program(model, Ambient(), None).observable(model.observable(name)))


def gradients(model: Model, dynamics: Dynamics, states: NDArray[Any], temperature: float | None = None) -> NDArray[Any]:
    """Return grad V at states of shape (walkers, dim), as the core computes it for a model that runs as a tape."""
    tape = _program_of(model, dynamics, temperature).gradient
    return _core.evaluate(_crossing(tape), np.ascontiguousarray(states))


def require_finite_start(
    model: Model, dynamics: Dynamics, states: NDArray[Any], *, first: int, temperature: float | None = None
) -> None:
    """Check that V and its gradient are finite where the walkers start; closed forms always are.

    Parameters
    ----------
    model, dynamics
        The run.
    states : array, shape (walkers, dim)
        Where its walkers start.
    first : int
        The number of the first of them.
    temperature : float, optional
        As for `driver_of`.

    Raises
    ------
    InvalidArgumentError
        If it is not: the message names the walker, the operation and the part of the expression.
    """
    if not is_taped(model, dynamics):
        return
    tape = _program_of(model, dynamics, temperature).value_and_gradient
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


def _program_of(model: Model, dynamics: Dynamics, temperature: float | None) -> Program:
    """Return the program of V, once for all temperatures if it does not depend on them."""
    needed = isinstance(dynamics, Constrained) and dynamics.fixman
    return _program(model, dynamics, temperature if needed else None)


@lru_cache(maxsize=64)
def _program(model: Model, dynamics: Dynamics, temperature: float | None) -> Program:
    return Program(model.parameters, sympy.sympify(dynamics.potential(model, temperature)), model.data)


def _crossing(tape: Tape) -> _core.Tape:
    return cast("_core.Tape", tape.request())
