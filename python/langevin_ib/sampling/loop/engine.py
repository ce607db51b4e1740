"""One segment of a run: the request that crosses into the compiled core, and the arrays that come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ...errors import DivergenceError, InvalidArgumentError
from ...model import Model
from ...observe import Histogram, Moments, Spec, Trace
from ...process import Dynamics
from .bound import bound_of, mortal_pieces
from .drive import driver_of, seen
from .settings import GROUPS, Machine, Settings

__all__ = ["Kept", "Progressed", "advance"]

if TYPE_CHECKING:
    from .drive import Seen

    Look: TypeAlias = tuple[Seen, int, str, Sequence[float], tuple[Seen, float, float] | None]

Kept: TypeAlias = NDArray[Any]
"""What one observer keeps: counts (groups, slots), sums (walkers, order) or a trace (walkers, draws)."""


@dataclass(frozen=True)
class Progressed:
    """Where a run stands.

    Parameters
    ----------
    states : array, shape (walkers, dim)
        The states after the steps made.
    kept : tuple of arrays
        What each observer has kept so far.
    steps : int
        Steps made so far.
    accepted : int
        Proposals accepted so far by all walkers together; only ``mala`` counts them.
    absorbed : array of int64, shape (walkers, pieces), optional
        After which step each piece of a walker's predictor was absorbed at zero, -1 where it was not; None if none can
        be, or no step was made yet.
    """

    states: NDArray[Any]
    kept: tuple[Kept, ...]
    steps: int
    accepted: int
    absorbed: NDArray[np.int64] | None = None

    @classmethod
    def start(cls, states: NDArray[Any], settings: Settings) -> Progressed:
        """Return the beginning of a run: states, and observers that have seen nothing."""
        return cls(states, tuple(_nothing(spec, settings) for _, spec in settings.observe), 0, 0)


def advance(
    model: Model,
    dynamics: Dynamics,
    settings: Settings,
    machine: Machine,
    *,
    before: Progressed,
    steps: int,
    report: Callable[[int], None] | None,
) -> tuple[Progressed, BaseException | None]:
    """Make the steps from ``before.steps`` up to `steps`.

    Returns
    -------
    Progressed
        Where the run stands then, or where it was stopped.
    BaseException or None
        What stopped it: KeyboardInterrupt, or whatever `report` or a signal handler raised.

    Raises
    ------
    DivergenceError
        If a walker became NaN or ran away.
    InvalidArgumentError
        If the machine cannot do as asked: start so many threads, say.
    """
    metric = dynamics.metric_of(model)
    request: _core.Request = {
        "potential": driver_of(model, dynamics, settings.temperature),
        "bound": bound_of(model, dynamics),
        "metric": None if metric is None else metric.ravel().tolist(),
        "scheme": settings.scheme,
        "noise": settings.noise,
        "temperature": settings.temperature,
        "step_size": settings.step_size,
        "key": settings.key,
        "substeps": settings.substeps,
        "walkers": settings.walkers,
        "steps": (before.steps, steps),
        "burn_in": settings.burn_in,
        "observe": [_look(model, dynamics, name, spec) for name, spec in settings.observe],
        "groups": GROUPS,
        "threads": machine.threads,
        "level": machine.level,
        "block": machine.block,
    }
    sums = [_sums(kept, spec) for kept, (_, spec) in zip(before.kept, settings.observe, strict=True)]
    offset = before.steps
    callback = None if report is None else lambda made: report(offset + made)
    try:
        states, kept, made, accepted, deaths, stopped = _core.sample(request, before.states, sums, callback)
    except _core.DivergedError as error:
        message, walker, step, cause = error.args
        raise DivergenceError(message, walker=walker, step=step, cause=cause) from None
    except ValueError as error:
        raise InvalidArgumentError(str(error)) from None
    merged = (_merge(*parts) for parts in zip(before.kept, kept, settings.observe, strict=True))
    absorbed = _with_deaths(before.absorbed, deaths, settings, mortal_pieces(model, dynamics))
    accepted += before.accepted
    return Progressed(states, tuple(merged), before.steps + made, accepted, absorbed), stopped


def _with_deaths(
    before: NDArray[np.int64] | None, deaths: NDArray[np.int64], settings: Settings, pieces: int
) -> NDArray[np.int64] | None:
    """Return the steps after which walkers were absorbed, with those of the latest stretch of the run."""
    if pieces == 0:
        return None
    absorbed = np.full((settings.count, pieces), -1, dtype=np.int64) if before is None else before.copy()
    walker, piece, step = deaths.T
    absorbed[walker - settings.walkers[0], piece] = step
    return absorbed


def _look(model: Model, dynamics: Dynamics, name: str, spec: Spec) -> Look:
    given = None
    if isinstance(spec, Histogram) and spec.given is not None:
        condition, lo, hi = spec.given
        given = seen(model, dynamics, condition), lo, hi
    return seen(model, dynamics, name), spec.every, *_request(spec), given


def _request(spec: Spec) -> tuple[str, Sequence[float]]:
    match spec:
        case Histogram():
            return "histogram", (float(spec.bins), *spec.range)
        case Moments():
            return "moments", (float(spec.order),)
        case Trace():
            return "trace", ()


def _nothing(spec: Spec, settings: Settings) -> Kept:
    match spec:
        case Histogram():
            return np.zeros((GROUPS, spec.slots), dtype=np.int64)
        case Moments():
            return np.zeros((settings.count, spec.order))
        case Trace():
            return np.zeros((settings.count, 0), dtype=settings.dtype)


def _sums(kept: Kept, spec: Spec) -> NDArray[np.float64]:
    """Return what the core needs to continue: sums go on walker by walker, so that no cut changes their rounding."""
    return kept.ravel() if isinstance(spec, Moments) else np.empty(0)


def _merge(before: Kept, after: Kept, observed: tuple[str, Spec]) -> Kept:
    match observed[1]:
        case Histogram():
            counts: Kept = after.view(np.int64)
            counts += before
            return counts
        case Moments():
            return after
        case Trace():
            return np.concatenate([before, after], axis=1) if before.size else after
