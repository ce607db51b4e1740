"""One segment of a run: the request that crosses into the compiled core, and the arrays that come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ...errors import DivergenceError, InvalidArgumentError
from ...observe import GROUPS, Kept, Observer
from ...process import Process
from .acceptance import Acceptance
from .driver import Driver
from .settings import Machine, Settings

__all__ = ["Progressed", "advance"]

if TYPE_CHECKING:
    from .driver import Seen

    Look: TypeAlias = tuple[Seen, int | list[int], str, Sequence[float], tuple[Seen, float, float] | None]


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
    acceptance : Acceptance or None
        What became of the walkers' proposals so far; None under another scheme than ``mala``.
    absorbed : array of int64, shape (walkers, pieces), optional
        After which step each piece of a walker's predictor was absorbed at zero, -1 where it was not; None if none can
        be, or no step was made yet.
    """

    states: NDArray[Any]
    kept: tuple[Kept, ...]
    steps: int
    acceptance: Acceptance | None = None
    absorbed: NDArray[np.int64] | None = None

    @classmethod
    def start(cls, states: NDArray[Any], settings: Settings) -> Progressed:
        """Return the beginning of a run: states, and observers that have seen nothing."""
        acceptance = Acceptance.none(settings.count) if settings.is_metropolis else None
        return cls(
            states,
            tuple(spec.empty(settings.extent(states.shape[1], spec, steps=0)) for _, spec in settings.observe),
            0,
            acceptance,
        )

    @property
    def accepted(self) -> int:
        """Proposals accepted so far by all walkers together."""
        return 0 if self.acceptance is None else self.acceptance.total


def advance(
    process: Process,
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
    driver = Driver.of(process)
    request: _core.Request = {
        "potential": driver.potential,
        "bound": driver.bound,
        "metric": driver.metric,
        "scheme": settings.scheme,
        "noise": settings.noise,
        "temperature": process.temperature,
        "step_size": settings.step_size,
        "key": settings.key,
        "substeps": settings.substeps,
        "walkers": settings.walkers,
        "steps": (before.steps, steps),
        "burn_in": settings.burn_in,
        "approach": settings.approach,
        "observe": [_look(driver, name, spec) for name, spec in settings.observe],
        "groups": GROUPS,
        "threads": machine.threads,
        "level": machine.level,
        "block": machine.block,
    }
    sums: list[NDArray[np.float64]] = []
    known = None
    # What is known of ten million walkers that have done nothing takes as long to read as any other.
    if before.steps > 0:
        sums = [spec.carried(kept) for kept, (_, spec) in zip(before.kept, settings.observe, strict=True)]
        known = None if before.acceptance is None else before.acceptance.counts
    offset = before.steps
    callback = None if report is None else lambda made: report(offset + made)
    try:
        states, kept, made, counts, deaths, stopped = _core.sample(request, before.states, sums, callback, known)
    except _core.DivergedError as error:
        message, walker, step, cause, coordinate, value = error.args
        place = f"{process.model.parameters[coordinate]} = {value:.3g}"
        raise DivergenceError(f"{message} (it was at {place})", walker=walker, step=step, cause=cause) from None
    except ValueError as error:
        raise InvalidArgumentError(str(error)) from None
    if stopped is not None and made == 0:
        # While walkers were laid out: nothing came back.
        return before, stopped
    merged = (spec.merged(*both) for (_, spec), *both in zip(settings.observe, before.kept, kept, strict=True))
    absorbed = _with_deaths(before.absorbed, deaths, settings, process.deaths)
    acceptance = None if before.acceptance is None else replace(before.acceptance, counts=counts)
    return Progressed(states, tuple(merged), before.steps + made, acceptance, absorbed), stopped


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


def _look(driver: Driver, name: str, spec: Observer) -> Look:
    # Whole states are watched at any of the coordinates.
    seen = driver.seen(str(driver.process.model.parameters[0]) if spec.is_of_states else name)
    condition = spec.condition
    given = None if condition is None else (driver.seen(condition[0]), *condition[1:])
    return seen, spec.when, *spec.request(), given
