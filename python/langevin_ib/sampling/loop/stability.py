"""How large a step may be: the curvature of the potential where walkers are, and the step size that it allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import DivergenceError, InvalidArgumentError
from ...model import Model
from ...model.expressions import compiled
from ...process import Dynamics, GaugeFixed, compiled_of
from .drive import gradients, is_taped
from .engine import Progressed, advance
from .settings import Machine, Settings

__all__ = ["curvature", "with_automatic_step", "with_stable_step"]

STABLE = 1.0
"""h times the largest curvature that is called stable: half of the 2 below which an explicit step contracts."""

PROPOSED = {"euler-maruyama": 0.05, "leimkuhler-matthews": 0.2, "mala": 0.5}
"""h times the largest curvature that "auto" proposes, by scheme.

For Euler-Maruyama the stiffest variance is then wrong by h k / 2 = 2.5 %, for Leimkuhler-Matthews by O(h² k²). MALA has
no such error and its step only sets the acceptance, which in d dimensions stays at about 0.9 if h goes like d^(-1/3)
(Roberts and Rosenthal, J. R. Statist. Soc. B 60 (1998) 255)."""

ACCEPTED = 0.6
"""The step of MALA is halved until so many of the first steps are accepted: where walkers start far from where they
belong, the drift is much larger than the noise, and MALA may refuse it for ever."""

CAREFUL = 0.02
"""The pilot's step times the largest curvature where walkers start."""

PILOT_STEPS = 1000
PILOT_NUMBERS = 512
"""How many steps a pilot makes, and how many coordinates its walkers have together."""

PILOT_TRUSTED = 0.5
PILOTS = 40
"""A pilot whose step times the largest curvature that it met exceeds this is repeated with a smaller step, so often."""

LOOKED_AT = 65_536
"""Curvature is the largest over at most this many walkers."""

MEASURED_AT = 1024
"""The same where curvature is measured by differences of the gradient."""

DENSE = 32
"""Up to so many dimensions the whole Hessian is measured."""

DIFFERENCE = 1e-5
"""Half the distance of two gradients, relative to where the walker is: the cube root of a double's resolution."""

POWER_STEPS = 30
"""Steps of the power iteration."""


def curvature(model: Model, dynamics: Dynamics, states: NDArray[Any], temperature: float | None = None) -> float:
    """Return the largest absolute eigenvalue of the Hessian of V over some of the given states.

    Parameters
    ----------
    model : Model
        The model.
    dynamics : Ambient
        Its dynamics, for V = L + confinement.
    states : array, shape (walkers, dim)
        Where to look; evenly spread rows are taken if there are many.
    temperature : float, optional
        T, where V depends on it.

    Returns
    -------
    float
        In units of inverse time; 0 where V is affine, and infinite where the Hessian is not finite.
    """
    if is_taped(model, dynamics) or dynamics.metric_of(model) is not None:
        return _measured_curvature(
            model, dynamics, np.asarray(_spread(states, MEASURED_AT), dtype=np.float64), temperature
        )
    rows = np.asarray(_spread(states, LOOKED_AT), dtype=np.float64)
    return max((block.largest_eigenvalue(rows) for block in _hessian(model, dynamics)), default=0.0)


def _measured_curvature(
    model: Model, dynamics: Dynamics, states: NDArray[np.float64], temperature: float | None
) -> float:
    """Return the largest absolute eigenvalue of the Hessian by differences of the gradient, in the metric if any.

    Up to `DENSE` dimensions the Hessian is built column by column; beyond, power iteration finds the eigenvalue from
    below, to a few per cent.
    """
    metric = dynamics.metric_of(model)
    # In the coordinates y = L.T x, with G = L L.T, the metric is Euclidean and grad_y V = inv(L) grad V.
    whitening = np.eye(model.dim) if metric is None else np.linalg.inv(np.linalg.cholesky(metric))

    def along(directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the Hessian in y times one direction for each state."""
        moves = directions @ whitening
        sizes = DIFFERENCE * (1.0 + np.abs(states).max(axis=1, keepdims=True))
        sizes /= np.maximum(np.abs(moves).max(axis=1, keepdims=True), np.finfo(float).tiny)
        ahead, behind = (_slopes(model, dynamics, states + sign * sizes * moves, temperature) for sign in (1.0, -1.0))
        return np.asarray((ahead - behind) / (2.0 * sizes) @ whitening.T)

    if model.dim <= DENSE:
        columns = [along(np.broadcast_to(unit, states.shape)) for unit in np.eye(model.dim)]
        hessians = np.stack(columns, axis=-1)
        if not np.isfinite(hessians).all():
            return math.inf
        return float(np.abs(np.linalg.eigvalsh((hessians + hessians.swapaxes(-1, -2)) / 2.0)).max())
    direction = np.random.default_rng(0).standard_normal(states.shape)
    lengths = np.zeros((len(states), 1))
    for _ in range(POWER_STEPS):
        direction = along(direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-300))
        lengths = np.linalg.norm(direction, axis=1)
        if not np.isfinite(lengths).all():
            return math.inf
    return float(lengths.max())


def _slopes(
    model: Model, dynamics: Dynamics, states: NDArray[np.float64], temperature: float | None
) -> NDArray[np.float64]:
    if is_taped(model, dynamics):
        return np.asarray(gradients(model, dynamics, states, temperature))
    return np.stack([np.broadcast_to(f(*states.T), len(states)) for f in _gradient(model, dynamics)], axis=1)


@lru_cache(maxsize=32)
def _gradient(model: Model, dynamics: Dynamics) -> tuple[Callable[..., NDArray[np.float64]], ...]:
    potential = dynamics.potential(model)
    return tuple(compiled(sympy.diff(potential, x), model.parameters) for x in model.parameters)


def with_automatic_step(
    model: Model, dynamics: Dynamics, settings: Settings, states: NDArray[Any]
) -> tuple[Settings, str]:
    """Return the settings with the step size that the curvature proposes, and a note that says how it was found.

    The curvature is looked at where the walkers start, and again where a pilot of some of them ends, whose step is
    careful enough for the way.

    Parameters
    ----------
    model, dynamics, settings
        The run.
    states : array, shape (walkers, dim)
        Where the walkers start.

    Raises
    ------
    InvalidArgumentError
        If the curvature is zero or not finite there.
    KeyboardInterrupt
        If Ctrl-C came during the pilot.
    """
    if compiled_of(dynamics) is not None:
        raise InvalidArgumentError("step_size='auto' needs a formula to find the curvature; give a number")
    if isinstance(dynamics, GaugeFixed) and dynamics.at_zero == "error":
        # A pilot may go where the run must not.
        dynamics = replace(dynamics, at_zero="absorb")
    largest = _steepest(model, dynamics, settings, states)
    proposed = PROPOSED[settings.scheme]
    rule = f"{proposed:g} (for {settings.scheme})"
    if settings.scheme == "mala" and model.dim > 1:
        rule = f"{proposed:g} / {model.dim}^(1/3) (for mala in {model.dim} dimensions)"
        proposed /= model.dim ** (1 / 3)
    settings = replace(settings, step_size=proposed / largest)
    halved = 0
    while settings.scheme == "mala" and _acceptance(model, dynamics, settings, states) < ACCEPTED and halved < PILOTS:
        settings = replace(settings, step_size=settings.step_size / 2.0)
        halved += 1
    note = (
        f"step_size='auto' took h = {settings.step_size:.3g}: {rule} divided by {largest:.3g}, the largest curvature "
        f"of V where the walkers start and after {PILOT_STEPS} pilot steps"
    )
    if halved:
        note += f"; and then by 2^{halved}, so that {ACCEPTED:.0%} of the first {PILOT_STEPS} steps are accepted"
    return settings, note


def _steepest(model: Model, dynamics: Dynamics, settings: Settings, states: NDArray[Any]) -> float:
    """Return the largest curvature where walkers start and where a few of them come to."""
    at_start = _useful(curvature(model, dynamics, states, settings.temperature))
    # Whatever the scheme of the run: MALA would refuse steps that are too large, and look as if all were well.
    careful = replace(settings, scheme="euler-maruyama", step_size=CAREFUL / at_start)
    for _ in range(PILOTS):
        try:
            pilot = _pilot(model, dynamics, careful, states)
        except DivergenceError:
            # Where walkers start V is flatter than where they go.
            careful = replace(careful, step_size=careful.step_size / 10.0)
            continue
        largest = max(at_start, _useful(curvature(model, dynamics, pilot.states, settings.temperature)))
        if careful.step_size * largest < PILOT_TRUSTED:
            return largest
        careful = replace(careful, step_size=CAREFUL / largest)
    raise InvalidArgumentError(
        f"step_size='auto': a pilot from where the walkers start (curvature {at_start:.3g}) runs away even at a step "
        f"of {careful.step_size:.2g}; give a number, or start elsewhere"
    )


def _acceptance(model: Model, dynamics: Dynamics, settings: Settings, states: NDArray[Any]) -> float:
    pilot = _pilot(model, dynamics, settings, states)
    return pilot.accepted / (pilot.steps * len(pilot.states))


def _pilot(model: Model, dynamics: Dynamics, settings: Settings, states: NDArray[Any]) -> Progressed:
    """Make the first steps of a few of a run's walkers."""
    rows = np.ascontiguousarray(states[: max(PILOT_NUMBERS // model.dim, 1)])
    walkers = (settings.walkers[0], settings.walkers[0] + len(rows))
    settings = replace(settings, steps=PILOT_STEPS, burn_in=0, observe=(), walkers=walkers)
    start = Progressed.start(rows, settings)
    pilot, stopped = advance(
        model, dynamics, settings, Machine(threads=1), before=start, steps=PILOT_STEPS, report=None
    )
    if stopped is not None:
        raise stopped
    return pilot


def with_stable_step(
    error: DivergenceError, model: Model, dynamics: Dynamics, settings: Settings, states: NDArray[Any]
) -> DivergenceError:
    """Return the error with the step size that would have been stable where the walkers started.

    Parameters
    ----------
    error : DivergenceError
        What the core reported.
    model, dynamics, settings
        The run.
    states : array, shape (walkers, dim)
        Where the walkers started.
    """
    if compiled_of(dynamics) is not None or error.cause != "out of range":
        return error
    # The steepest place is where the walker started that diverged, more likely than not.
    own = states[[error.walker - settings.walkers[0]]]
    largest = max(curvature(model, dynamics, rows, settings.temperature) for rows in (states, own))
    if not 0.0 < largest < float("inf"):
        advice = "the curvature of V where the walkers started gives no stable step"
    elif settings.step_size > STABLE / largest:
        advice = (
            f"step_size={STABLE / largest:.2g} is stable where the walkers started (largest curvature {largest:.3g})"
        )
    else:
        advice = (
            f"the step was stable where the walkers started (largest curvature {largest:.3g}), so the noise carried "
            f"the walker to a steeper place, or out of range: try step_size={settings.step_size / 4:.2g}, or "
            "scheme='mala', which refuses such steps"
        )
    return DivergenceError(f"{error}; {advice}", walker=error.walker, step=error.step)


def _useful(largest: float) -> float:
    if not 0.0 < largest < float("inf"):
        raise InvalidArgumentError(
            f"step_size='auto': the curvature of V where the walkers are is {largest:g}, which proposes nothing; "
            "give a number"
        )
    return largest


def _spread(states: NDArray[Any], most: int) -> NDArray[Any]:
    return states[:: -(-len(states) // most)]


@dataclass(frozen=True, eq=False)
class _Block:
    """A diagonal block of the Hessian of V: its parameters, by their numbers, and its entries, row by row."""

    parameters: tuple[int, ...]
    entries: tuple[float | Callable[..., NDArray[np.float64]], ...]

    def largest_eigenvalue(self, states: NDArray[np.float64]) -> float:
        """Return the largest absolute eigenvalue over states of shape (walkers, dim); infinite if one is NaN."""
        columns = states[:, self.parameters].T
        values = [entry if isinstance(entry, float) else entry(*columns) for entry in self.entries]
        size = len(self.parameters)
        matrices = np.stack(np.broadcast_arrays(*values), axis=-1).reshape(-1, size, size)
        return float(np.abs(np.linalg.eigvalsh(matrices)).max()) if np.isfinite(matrices).all() else math.inf


@lru_cache(maxsize=32)
def _hessian(model: Model, dynamics: Dynamics) -> tuple[_Block, ...]:
    """Return the Hessian of V as the blocks that it falls into: parameters that share no term of V do not mix."""
    groups: list[tuple[set[sympy.Symbol], list[sympy.Expr]]] = []
    for term in sympy.Add.make_args(sympy.expand(dynamics.potential(model))):
        symbols, terms = set(term.free_symbols), [term]
        for group in [group for group in groups if group[0] & symbols]:
            groups.remove(group)
            symbols |= group[0]
            terms += group[1]
        if symbols:
            groups.append((symbols, terms))
    number = {parameter: i for i, parameter in enumerate(model.parameters)}
    return tuple(_block(sympy.Add(*terms), sorted(found, key=number.__getitem__), number) for found, terms in groups)


def _block(potential: sympy.Expr, parameters: list[sympy.Symbol], number: dict[sympy.Symbol, int]) -> _Block:
    entries = sympy.hessian(potential, parameters)
    functions = (compiled(entry, parameters) if entry.free_symbols else float(entry) for entry in entries)
    return _Block(tuple(number[parameter] for parameter in parameters), tuple(functions))
