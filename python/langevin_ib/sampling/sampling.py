"""`sample`: overdamped Langevin dynamics of a model, from settings to a `Run`."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..checks import checked_int
from ..errors import DivergenceError, InvalidArgumentError
from ..model import Model
from ..observe import Histogram, Moments, Spec, Trace
from ..process import Ambient, CompiledPotential, Dynamics, compiled_of
from ..progress import Progress
from ..temperature import resolve_temperature
from .files import DRAWN, Checkpoint, PathLike
from .loop import (
    MAX_WALKERS,
    REACH,
    Machine,
    Progressed,
    Settings,
    bound_of,
    brought,
    driver_of,
    require_finite_start,
    require_scheme,
    seen,
    warn_of_slow_convergence,
    with_automatic_step,
    with_stable_step,
)
from .run import Run
from .segments import SamplingInterrupted, proceed
from .shards import Shards

__all__ = ["SamplingInterrupted", "sample"]

SCOUTS = 256
"""So many first walkers of a key choose an automatic step, whichever and however many walkers are sampled."""


def sample(
    model: Model,
    *,
    dynamics: Dynamics | None = None,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    step_size: float | Literal["auto"],
    steps: int,
    burn_in: int = 0,
    walkers: int | slice,
    rng: Any = None,
    scheme: str = "euler-maruyama",
    dtype: str = "float64",
    noise: str = "native",
    substeps: int = 1,
    observe: Mapping[str, Spec | tuple[Spec, ...]] | None = None,
    initial: ArrayLike | None = None,
    threads: int | None = None,
    level: str | None = None,
    block: int = 256,
    progress: Progress = None,
    checkpoint: PathLike | None = None,
    checkpoint_every: int | None = None,
    executor: Executor | None = None,
    shards: int | None = None,
    potential: Any = None,
) -> Run:
    """Sample dx = -grad V(x) dt + sqrt(2 T) dW, T = sigma²/beta, for independent walkers (arXiv 2601.06597, eq. (2)).

    Parameters
    ----------
    model : Model
        What to sample.
    dynamics : Ambient, SoftSlice, GaugeFixed or Constrained, optional
        Where the walkers may go, and the V that drives them; by default ``Ambient()``, V = L.
    beta, sigma, temperature : float, optional
        Either ``beta`` (and ``sigma``, 1 by default) or ``temperature`` = sigma²/beta. T = 0 is gradient descent.
    step_size : float or "auto"
        h > 0, in units of time. "auto" takes it from the largest curvature of V where the walkers start and where a
        short pilot leads some of them; the choice is in ``run.settings.step_size`` and explained in ``run.notes``.
    steps : int
        Steps of each walker, the burn-in among them.
    burn_in : int
        Observers look after steps burn_in + every, burn_in + 2 every, ...
    walkers : int or slice
        How many walkers; or ``slice(a, b)`` for walkers a to b - 1 of a larger run, with the same numbers as there.
    rng : None, int, SeedSequence, BitGenerator or Generator
        Whatever `numpy.random.default_rng` takes (SPEC 7); it supplies the 128-bit key of the noise and nothing else.
        The same seed gives the same bits on every machine, whatever the threads, blocks and instruction set.
    scheme : {"euler-maruyama", "leimkuhler-matthews", "mala"}
        How a step is made; stationary laws wrong by O(h), by O(h²), and exact.
    dtype : {"float64", "float32"}
        Precision of states and noise.
    noise : {"native", "single"}
        "single" draws single-precision normals under double-precision states: faster, same law to 2^-24.
    substeps : int
        Make each step's noise from that many finer steps, as their normalised sum. A run at step h with ``substeps=2``
        and one at h/2 with the same seed share one Brownian path, so their difference, the discretisation bias that
        ``compare(..., finer=...)`` extrapolates, has little variance.
    observe : mapping from str to Histogram, Moments, Trace, or a tuple of them
        What to keep of which observable of the model, besides the final states.
    initial : array_like, shape (), (dim,) or (walkers, dim), optional
        Where the walkers start; it is copied; by default at independent standard normals drawn from the same key. Under
        `GaugeFixed` they are moved along their orbits to the slice first, under `Constrained` along its normals.
    threads : int, optional
        By default all that the machine has.
    level : str, optional
        Force an instruction set ("portable", "avx2", "avx512"); by default the best that is there.
    block : int
        Walkers that a thread moves together.
    progress : bool or callable, optional
        A bar on terminals and in notebooks by default; a callable is told (steps made, steps) about 20 times a second.
    checkpoint : str or Path, optional
        A file to which the run is written on its way and at its end, each time in one instant. If it holds a part of
        this very run, sampling goes on from there (with ``rng=None``, with the key that it finds there): a process that
        was killed loses what came after the last checkpoint, and repeating the call ends with the bits of a run that
        was never killed. The checkpoint before the last one stays as ``checkpoint + ".previous"``.
    checkpoint_every : int, optional
        It is written whenever the number of steps made is a multiple of this; by default about once a minute.
    executor : concurrent.futures.Executor, optional
        Who makes the steps, if not this process: a process pool, ``Client.get_executor()`` of dask.distributed, ... The
        walkers are cut into shards, each of which uses one thread unless `threads` says more; the result has the same
        bits. Progress is told, and Ctrl-C goes back to, where all shards had last been gathered: every few seconds.
    shards : int, optional
        How many shards; by default four per worker, and never more than one per 32 walkers.
    potential : scipy.LowLevelCallable, numba cfunc or ctypes function, optional
        A compiled gradient in place of the model's loss and confinement, for code that is not an expression; see
        `CompiledPotential` for its signature. Weight decay and metric of the dynamics still apply.

    Returns
    -------
    Run
        ``run.states`` of shape (walkers, dim) and ``run[name]`` for each observed name. After Ctrl-C it holds what was
        sampled until then, ``run.interrupted`` is true and a `SamplingInterrupted` warning says so.

    Raises
    ------
    InvalidArgumentError
        If an argument is wrong; the message names it, its value and the remedy.
    UnsupportedModelError
        If the potential or an observable has a function that the core lacks, or is too large; the message names it.
    DivergenceError
        If a walker became NaN or ran away; it carries the walker and the step, and says what step size is stable.
        What was written to `checkpoint` before it did stays there.
    ArchiveError
        If `checkpoint` holds another run, which is then left alone, or cannot be written; in that case the error's
        ``run`` is what was sampled until then.
    """
    dynamics = Ambient() if dynamics is None else dynamics
    if not isinstance(model, Model):
        raise InvalidArgumentError(f"model must be a Model, got {model!r}")
    if not isinstance(dynamics, Dynamics):
        raise InvalidArgumentError(
            f"dynamics must be an Ambient, SoftSlice, GaugeFixed or Constrained, got {dynamics!r}"
        )
    if potential is not None:
        if not isinstance(dynamics, Ambient):
            raise InvalidArgumentError(f"potential= is driven by Ambient dynamics only, not by {dynamics!r}")
        dynamics = replace(dynamics, compiled=CompiledPotential.of(potential))
    if compiled_of(dynamics) is not None and checkpoint is not None:
        raise InvalidArgumentError("checkpoint= cannot hold a compiled potential, which is an address in this process")
    if isinstance(step_size, str) and step_size != "auto":
        raise InvalidArgumentError(f"step_size={step_size!r} must be a real number or 'auto'")
    saved, farm = Checkpoint.opened(checkpoint, checkpoint_every), Shards.checked(executor, shards)
    settings = Settings(
        temperature=resolve_temperature(beta, sigma, temperature, allow_zero=True),
        # Any valid number serves until the states are known, from which "auto" takes its own.
        step_size=1.0 if isinstance(step_size, str) else step_size,
        steps=steps,
        burn_in=burn_in,
        walkers=_walkers(walkers),
        key=saved.key if rng is None and saved and saved.key is not None else _key(rng),
        scheme=scheme,
        dtype=dtype,
        noise=noise,
        observe=_observe(model, observe),
        substeps=substeps,
    )
    machine = Machine.checked(1 if farm and threads is None else threads, level, block)
    require_scheme(dynamics, settings.scheme)
    bound_of(model, dynamics)
    driver_of(model, dynamics, settings.temperature)
    for name, _ in settings.observe:
        seen(model, dynamics, name)
    dynamics.metric_of(model)
    settings.require_memory(model.dim, machine.threads)
    warn_of_slow_convergence(model, dynamics, stacklevel=3)
    states = _initial(initial, model, dynamics, settings)
    require_finite_start(model, dynamics, states, first=settings.walkers[0], temperature=settings.temperature)
    notes: tuple[str, ...] = ()
    if isinstance(step_size, str):
        settings, note = _with_automatic_step(model, dynamics, settings, states, initial=initial, walkers=walkers)
        notes = (note,)
    start = Progressed.start(states, settings)
    origin = DRAWN if initial is None else None
    run = Run(model, dynamics, settings, machine, start, seconds=0.0, interrupted=False, origin=origin, notes=notes)
    run = run if saved is None else saved.joined(run)
    try:
        return proceed(run, progress=progress, checkpoint=saved, shards=farm)
    except DivergenceError as error:
        raise with_stable_step(error, model, dynamics, settings, states) from None


def _with_automatic_step(
    model: Model,
    dynamics: Dynamics,
    settings: Settings,
    states: NDArray[Any],
    *,
    initial: ArrayLike | None,
    walkers: int | slice,
) -> tuple[Settings, str]:
    """Choose the step from states that are the same for every shard of a run."""
    if initial is None:
        scouts = replace(settings, walkers=(0, SCOUTS))
        chosen, note = with_automatic_step(model, dynamics, scouts, _initial(None, model, dynamics, scouts))
        return replace(settings, step_size=chosen.step_size), note
    if isinstance(walkers, slice) and np.ndim(initial) == 2:
        raise InvalidArgumentError(
            "step_size='auto' with walkers=slice(a, b) and initial states of their own would give "
            "each shard another step; give a number"
        )
    return with_automatic_step(model, dynamics, settings, states)


def _walkers(walkers: Any) -> tuple[int, int]:
    if not isinstance(walkers, slice):
        return 0, checked_int("walkers", walkers, minimum=1, maximum=MAX_WALKERS)
    if walkers.stop is None or not (walkers.step is None or (isinstance(walkers.step, int) and walkers.step == 1)):
        raise InvalidArgumentError(f"walkers={walkers!r}: give an int, or slice(a, b) without a step")
    first = 0 if walkers.start is None else walkers.start
    start = checked_int("walkers.start", first, minimum=0, maximum=MAX_WALKERS)
    stop = checked_int("walkers.stop", walkers.stop, minimum=0, maximum=MAX_WALKERS)
    if start >= stop:
        raise InvalidArgumentError(f"walkers={walkers!r} is empty; give slice(a, b) with a < b")
    return start, stop


def _key(rng: Any) -> int:
    try:
        generator = np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"rng={rng!r}: numpy.random.default_rng refuses it ({error})") from None
    low, high = generator.integers(0, 2**64, size=2, dtype=np.uint64)
    return int(low) | int(high) << 64


def _observe(model: Model, observe: Any) -> tuple[tuple[str, Spec], ...]:
    if observe is None:
        return ()
    if not isinstance(observe, Mapping):
        raise InvalidArgumentError(f"observe must map names to Histogram, Moments or Trace, got {observe!r}")
    pairs = []
    for name, specs in observe.items():
        model.observable(name)
        if specs == ():
            raise InvalidArgumentError(f"observe[{name!r}] = () keeps nothing; name what to keep, or leave it out")
        for spec in specs if isinstance(specs, tuple) else (specs,):
            if not isinstance(spec, (Histogram, Moments, Trace)):
                raise InvalidArgumentError(f"observe[{name!r}] must be a Histogram, Moments or Trace, got {spec!r}")
            if isinstance(spec, Histogram) and spec.given is not None:
                model.observable(spec.given[0])
            pairs.append((name, spec))
    return tuple(pairs)


def _initial(initial: ArrayLike | None, model: Model, dynamics: Dynamics, settings: Settings) -> NDArray[Any]:
    """Return the initial states, (walkers, dim) in the run's dtype, where the dynamics wants them."""
    return brought(model, dynamics, _given(initial, model, settings), first=settings.walkers[0])


def _given(initial: ArrayLike | None, model: Model, settings: Settings) -> NDArray[Any]:
    """Return the states asked for; never the caller's own array."""
    shape = (settings.count, model.dim)
    if initial is None:
        drawn = _core.normals(settings.key, settings.walkers, (0, 1), model.dim, stream="initial", dtype=settings.dtype)
        return drawn.reshape(shape)
    try:
        states = np.asarray(initial)
        if states.dtype.kind not in "iuf":
            raise TypeError(f"dtype {states.dtype}")
        if np.ma.is_masked(initial):
            raise TypeError("some are masked")
        # A column (walkers, 1) would broadcast, too, but hardly mean that all coordinates are equal.
        if states.ndim > 0 and states.shape[-1] != model.dim:
            raise ValueError(f"shape {states.shape}")
        with np.errstate(over="ignore"):
            states = np.array(np.broadcast_to(states, shape), dtype=settings.dtype, order="C")
    except (TypeError, ValueError) as error:
        given = getattr(initial, "shape", type(initial).__name__)
        raise InvalidArgumentError(
            f"initial ({given}) must be real numbers of shape (), (dim,) = ({model.dim},) or (walkers, dim) = {shape}: "
            f"{error}"
        ) from None
    # Not walker by walker, which takes ten times as long: NaN is neither below nor above.
    if states.size and not (-REACH[settings.dtype] < states.min() and states.max() < REACH[settings.dtype]):
        walker = int(np.argmin((np.abs(states) < REACH[settings.dtype]).all(axis=1)))
        raise InvalidArgumentError(
            f"initial: walker {walker} starts at {states[walker].tolist()}; in {settings.dtype} every coordinate must "
            f"be finite and below {REACH[settings.dtype]:g}"
        )
    return states
