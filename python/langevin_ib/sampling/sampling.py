"""`sample`: overdamped Langevin dynamics of a model, from settings to a `Run`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import key_of
from ..errors import DivergenceError, InvalidArgumentError
from ..model import Model
from ..observe import Observer
from ..process import Dynamics, GaugeFixed, Process
from ..progress import Progress
from .approach import with_approach
from .arguments import checked_observers, checked_walkers
from .files import DRAWN, Checkpoint, PathLike
from .loop import (
    Driver,
    Machine,
    Progressed,
    Settings,
    starting_states,
    with_accepted_step,
    with_automatic_step,
    with_stable_step,
)
from .run import Run
from .segments import SamplingInterrupted, proceed
from .shards import Shards

__all__ = ["SamplingInterrupted", "sample"]

SCOUTS, METROPOLIS_SCOUTS = 256, 1024
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
    observe: Mapping[str, Observer | tuple[Observer, ...]] | None = None,
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
    dynamics : Ambient, SoftSlice, GaugeFixed, Constrained or SGD, optional
        Where the walkers may go, and the V that drives them; by default ``Ambient()``, V = L.
    beta, sigma, temperature : float, optional
        Either ``beta`` (and ``sigma``, 1 by default) or ``temperature`` = sigma²/beta. T = 0 is gradient descent; `SGD`
        needs none, and has none unless it is given.
    step_size : float or "auto"
        h > 0, in units of time; the learning rate of `SGD`, which needs a number. "auto" takes it from the largest
        curvature of V where the walkers start and where a short pilot leads some of them; the choice is in
        ``run.settings.step_size`` and explained in ``run.notes``.
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
    observe : mapping from str to Histogram, Moments, Trace, States, or a tuple of them
        What to keep of which observable of the model, besides the final states; `States` under a name of its own.
    initial : array_like, shape (), (dim,) or (walkers, dim), optional
        Where the walkers start; it is copied; by default at independent standard normals drawn from the same key. Under
        `GaugeFixed` they are moved along their orbits to the slice first, under `Constrained` along its normals.
    threads : int, optional
        By default all that the machine has.
    level : str, optional
        Force an instruction set ("portable", "avx2", "avx512"); by default the best that is there.
    block : int
        Walkers that a thread moves together; a power of two from 32 to 65536 is made of it.
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
        If this process is killed, the processes that it had started for a pool, and that have worked for it, end, too.
    shards : int, optional
        How many shards; by default four per worker, and never more than one per 32 walkers.
    potential : scipy.LowLevelCallable, numba cfunc or ctypes function, optional
        A compiled gradient in place of the model's loss and confinement, for code that is not an expression. Weight
        decay and metric of the dynamics still apply. What it must be, see Notes.

    Returns
    -------
    Run
        ``run.states`` of shape (walkers, dim) and ``run[name]`` for each observed name. After Ctrl-C it holds what was
        sampled until then, ``run.interrupted`` is true and a `SamplingInterrupted` warning says so. In a loop of runs
        the loop ends with it: where the same call comes next, it raises KeyboardInterrupt and samples nothing. Where
        Ctrl-C is ignored (a background job, nohup), or has a handler of its own, that stays.

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
    KeyboardInterrupt
        If Ctrl-C comes a second time before the run has stopped, or in a loop ended the run before.

    Notes
    -----
    A compiled potential is a function::

        int32_t (int64_t walkers, int64_t dim, const double *x, double *gradient, double *value, void *user_data)

    It reads ``x[coordinate * walkers + walker]``, writes grad V to ``gradient`` in the same layout and, unless
    ``value`` is NULL, V to ``value[walker]``; only MALA asks for values, and to write to NULL ends the process (numba
    tells by ``numba.carray(value, (walkers,)).ctypes.data != 0``). It returns 0. Any other number ends the run with an
    error that names it. It is called from several threads at once without the GIL, with any number of walkers, some of
    which (where their number is no multiple of 32) are nobody's and move on from 0: a NaN there harms nothing. It must
    not raise, unwind or call Python.
    """
    process = Process.of(
        model, dynamics, beta=beta, sigma=sigma, temperature=temperature, potential=potential, allow_zero=True
    )
    if process.compiled is not None and checkpoint is not None:
        raise InvalidArgumentError("checkpoint= cannot hold a compiled potential, which is an address in this process")
    if isinstance(step_size, str) and step_size != "auto":
        raise InvalidArgumentError(f"step_size={step_size!r} must be a real number or 'auto'")
    saved, farm = Checkpoint.opened(checkpoint, checkpoint_every), Shards.checked(executor, shards)
    settings = Settings(
        # Any valid number serves until the states are known, from which "auto" takes its own.
        step_size=1.0 if isinstance(step_size, str) else step_size,
        steps=steps,
        burn_in=burn_in,
        walkers=checked_walkers(walkers),
        key=saved.key if rng is None and saved and saved.key is not None else key_of(rng),
        scheme=scheme,
        dtype=dtype,
        noise=noise,
        observe=checked_observers(model, observe),
        substeps=substeps,
    )
    settings = with_approach(settings, saved)
    machine = Machine.checked(1 if farm and threads is None else threads, level, block)
    settings.require_motion(process)
    settings.require_memory(model.dim, machine.threads)
    driver = Driver.of(process)
    driver.look_at(settings.observe)
    _warn_of_slow_convergence(process, stacklevel=2)
    states = starting_states(initial, driver, settings)
    driver.require_finite_start(states, first=settings.walkers[0])
    notes: tuple[str, ...] = ()
    if isinstance(step_size, str):
        settings, note = _with_automatic_step(process, settings, states, initial=initial, walkers=walkers)
        settings.require_motion(process)
        notes = (note,)
    start = Progressed.start(states, settings)
    origin = DRAWN if initial is None else None
    run = Run(process, settings, machine, start, seconds=0.0, interrupted=False, origin=origin, notes=notes)
    run = run if saved is None else saved.joined(run)
    try:
        return proceed(run, progress=progress, checkpoint=saved, shards=farm)
    except DivergenceError as error:
        raise with_stable_step(error, process, settings, states) from None


def _warn_of_slow_convergence(process: Process, *, stacklevel: int) -> None:
    """Warn where walkers reach zero and leave it again, so that the error of a step is O(sqrt(h)) and not O(h)."""
    place = process.slice
    if place is not None and isinstance(process.dynamics, GaugeFixed) and place.slow:
        warnings.warn(
            f"at level 0 walkers reach zero of {place.named(*place.slow)} and leave it again, where a step makes an "
            "error of O(sqrt(h)) and not O(h); take another level, such as 0.5, or a much smaller step_size",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def _with_automatic_step(
    process: Process,
    settings: Settings,
    states: NDArray[Any],
    *,
    initial: ArrayLike | None,
    walkers: int | slice,
) -> tuple[Settings, str]:
    """Choose the step from states that are the same for every shard of a run."""
    choose = with_accepted_step if settings.is_metropolis else with_automatic_step
    if initial is None:
        scouts = replace(settings, walkers=(0, METROPOLIS_SCOUTS if settings.is_metropolis else SCOUTS))
        chosen, note = choose(process, scouts, starting_states(None, Driver.of(process), scouts))
        return replace(settings, step_size=chosen.step_size), note
    if isinstance(walkers, slice) and np.ndim(initial) == 2:
        raise InvalidArgumentError(
            "step_size='auto' with walkers=slice(a, b) and initial states of their own would give "
            "each shard another step; give a number"
        )
    return choose(process, settings, states)
