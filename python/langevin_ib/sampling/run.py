"""What comes back from sampling: final states, filled observers, and the settings that would give them again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_int
from ..display import card
from ..errors import DivergenceError, InvalidArgumentError
from ..observe import HistogramResult, Kept, MomentsResult, Observer, StatesResult, TraceResult
from ..process import GivenBatches
from ..progress import Progress
from .diagnostics import Diagnostics, diagnose
from .drawn import drawn_batches
from .files import Checkpoint, PathLike, Snapshot, read_snapshot, write_snapshot
from .loop import MAX_STEPS, Machine, stuck_walkers, with_stable_step
from .segments import proceed
from .shards import Shards

__all__ = ["Result", "Run", "load"]

Result: TypeAlias = HistogramResult | MomentsResult | TraceResult | StatesResult


@dataclass(frozen=True, eq=False, repr=False)
class Run(Snapshot):
    """A run of the dynamics.

    Attributes
    ----------
    process : Process
        What was sampled: ``run.model`` under ``run.dynamics`` at ``run.process.temperature``.
    settings : Settings
        Everything that decided the numbers.
    machine : Machine
        What computed them.
    progressed : Progressed
        The raw arrays.
    seconds : float
        Wall time spent in the core.
    interrupted : bool
        Whether the run was ended before its time: by Ctrl-C (which may have come after the last step), or, in a run
        that was loaded, because the file was written on the way.
    origin : str or None
        Where the walkers started; see `snapshot.Snapshot`.
    notes : tuple of str
        What was decided on the user's behalf, such as a step size.
    """

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
        """The share of proposals that were accepted, for ``mala``; else, and before the first proposal, None."""
        proposals = self.settings.count * max(self.steps - self.settings.approach, 0)
        if self.progressed.acceptance is None or proposals == 0:
            return None
        return self.progressed.accepted / proposals

    @property
    def walker_acceptance(self) -> NDArray[np.float64] | None:
        """The same for each walker, shape (walkers,).

        In a run that version 0.1 began they are counted from where this version went on.
        """
        counted = self.progressed.acceptance
        return None if counted is None else counted.rates(self.settings, self.steps)

    @property
    def stuck_walkers(self) -> NDArray[np.int64]:
        """The numbers of walkers whose proposals ``mala`` refused for a quarter of the observed steps or more in a row.

        They have not sampled the law. Walkers that stay as long as the acceptance of the others explains are not among
        them.
        """
        return stuck_walkers(self.progressed.acceptance, self.settings, self.steps)

    @property
    def absorption_times(self) -> NDArray[np.float64]:
        """When walkers were absorbed at zero, under ``GaugeFixed(at_zero="absorb")``: the number of the step times h.

        Shape (walkers,), infinite for those that were not; or (walkers, pieces) for a model whose predictor has several
        pieces that are absorbed one by one.

        Raises
        ------
        InvalidArgumentError
            If the dynamics absorbs nobody.
        """
        pieces = self.process.deaths
        if pieces == 0:
            raise InvalidArgumentError(f"{self.dynamics!r} absorbs no walkers; GaugeFixed(at_zero='absorb') does")
        steps = self.progressed.absorbed
        if steps is None:
            steps = np.full((self.settings.count, pieces), -1)
        times = np.where(steps < 0, np.inf, steps * self.settings.step_size)
        return times[:, 0] if pieces == 1 else times

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

    def _kept(self) -> Iterator[tuple[Kept, str, Observer]]:
        for kept, (name, spec) in zip(self.progressed.kept, self.settings.observe, strict=True):
            yield kept, name, spec

    def _filled(self, kept: Kept, name: str, spec: Observer) -> Result:
        provenance = replace(
            self.settings.provenance(self.process, name, spec, self.steps), stuck=len(self.stuck_walkers)
        )
        if provenance.observations == 0:
            raise InvalidArgumentError(
                f"{name!r} has not been looked at: the run was interrupted after {self.steps} steps and the "
                f"first look is after step {self.settings.burn_in + spec.first}"
            )
        filled: Result = spec.filled(provenance, kept)
        return filled

    def diagnostics(self) -> Diagnostics:
        """Return what the run says of its own convergence, without any law: R-hat, effective samples, drift.

        Traces tell most: the rank-normalised split R-hat, and effective samples of bulk and tails, of Vehtari, Gelman,
        Simpson, Carpenter and Bürkner, Bayesian Analysis 16 (2021) 667. Of moments and histograms, which keep no time,
        the spread between walkers, and whether the final states are distributed as all states were, is what can be
        told. What deserves attention is also in ``notes``, where long traces are judged by fewer walkers.

        Returns
        -------
        Diagnostics
            One row for each observer; it prints as a table.

        Examples
        --------
        >>> import langevin_ib as lib
        >>> run = lib.sample(
        ...     lib.models.harmonic(), temperature=0.5, step_size=0.1, steps=20_000, burn_in=1000, walkers=64, rng=0,
        ...     observe={"x": lib.Trace(every=10)}, progress=False,
        ... )
        >>> run.diagnostics()["x"][0].rhat < 1.01
        True
        """
        return diagnose(self)

    def batches(self, steps: int | None = None) -> GivenBatches:
        """Return the batches that the run saw, for `SGD(given=...)`: with the same steps it is the same run to the bit.

        Parameters
        ----------
        steps : int, optional
            In how many of the first steps; by default in all that were made.

        Returns
        -------
        GivenBatches
            For all walkers from 0 to the last of the run. Masks become weights, which need the `normalisation` that
            the run had.

        Raises
        ------
        InvalidArgumentError
            If the dynamics draws no batches, or they are more than 10**8 numbers.
        """
        made = self.steps if steps is None else checked_int("steps", steps, minimum=1, maximum=MAX_STEPS)
        return drawn_batches(self.process, self.settings, made)

    def save(self, path: PathLike) -> None:
        """Write the run to a file, from which `load` gives it back and `resume` goes on with it.

        The file is replaced in one instant; what was there before stays as ``path + ".previous"``.

        Parameters
        ----------
        path : str or Path
            Where. The file is in NumPy's .npz format: ``numpy.load(path)["states"]`` works, too.

        Raises
        ------
        ArchiveError
            If the system refuses, or the model has a function that no file can hold. What was there before is still
            there.
        InvalidArgumentError
            If `path` is no path of a file.
        """
        write_snapshot(path, self)

    def resume(
        self,
        steps: int | None = None,
        *,
        threads: int | None = None,
        level: str | None = None,
        block: int = 256,
        progress: Progress = None,
        checkpoint: PathLike | None = None,
        checkpoint_every: int | None = None,
        executor: Executor | None = None,
        shards: int | None = None,
    ) -> Run:
        """Go on with the run: the result is, to the bit, that of a run made at once.

        Parameters
        ----------
        steps : int, optional
            How many more steps to make; by default those that an interrupted run still lacks, which may be none.
        threads, level, block, progress, checkpoint, checkpoint_every, executor, shards
            As in `sample`; they need not be those of the run so far.

        Returns
        -------
        Run
            The longer run; this one stays as it is.

        Raises
        ------
        InvalidArgumentError
            If an argument is wrong.
        DivergenceError
            If a walker became NaN or ran away.
        ArchiveError
            If `checkpoint` holds another run, or cannot be written.
        """
        lacking = self.settings.steps - self.steps
        more = lacking if steps is None else checked_int("steps", steps, minimum=1, maximum=MAX_STEPS)
        settings = replace(self.settings, steps=self.steps + more)
        settings.require_motion(self.process)
        farm = Shards.checked(executor, shards)
        machine = Machine.checked(1 if farm and threads is None else threads, level, block)
        settings.require_memory(self.model.dim, machine.threads)
        saved = Checkpoint.opened(checkpoint, checkpoint_every)
        run = replace(self, settings=settings, machine=machine)
        run = run if saved is None else saved.joined(run)
        try:
            return proceed(run, progress=progress, checkpoint=saved, shards=farm)
        except DivergenceError as error:
            raise with_stable_step(error, self.process, settings, self.states) from None

    def to_datatree(self, *, warmup: int = 0) -> Any:
        """Return the traces in ArviZ's layout: an `xarray.DataTree` with a group "posterior" of (chain, draw) arrays.

        ``arviz.summary(run.to_datatree())`` and ArviZ's other functions take it as it is. Walkers are chains, and draws
        are numbered by their steps since the end of the burn-in. Where an observable has several traces,
        "_every_<stride>" is appended to its name; traces of different strides have draws of their own, for which ArviZ
        has no place. The group "sample_stats" has ``diverging``, which is false everywhere, as a walker that diverges
        ends the run with an error; and, of each chain, ``acceptance_rate`` and ``stuck`` under ``mala`` and
        ``absorption_time`` where walkers are absorbed. All settings are among the attributes. Needs xarray, which is no
        dependency of langevin_ib.

        Parameters
        ----------
        warmup : int
            Draws of the first so many observed steps go to the groups "warmup_posterior" and "warmup_sample_stats". Of
            the burn-in there are none: to look at it, sample with ``burn_in=0``.

        Raises
        ------
        InvalidArgumentError
            If the run kept no trace, or all that it kept is warm-up.
        ImportError
            If xarray is not installed.
        """
        traces = self._traces()
        if not traces:
            raise InvalidArgumentError("the run kept no trace; observe with Trace(every=...) for a chain x draw layout")
        last = min(int(trace.steps[-1]) for trace in traces.values())
        checked_int("warmup", warmup, minimum=0, maximum=last - 1)
        try:
            import xarray  # noqa: F401, PLC0415 - optional
        except ImportError as error:
            raise ImportError("to_datatree needs xarray >= 2024.10, which is not there: pip install xarray") from error
        from .trees import tree_of  # noqa: PLC0415 - it needs xarray

        return tree_of(self, traces, warmup)

    def _traces(self) -> dict[str, TraceResult]:
        """Return the traces by names of their own."""
        results = (self._filled(*each) for each in self._kept())
        filled = [result for result in results if isinstance(result, TraceResult)]
        names = [trace.provenance.observable for trace in filled]
        return {
            name if names.count(name) == 1 else f"{name}_{trace.spec.label}": trace
            for name, trace in zip(names, filled, strict=True)
        }

    def __repr__(self) -> str:
        steps, observed, speed = self._said().values()
        seen = observed and f"observed {observed}"
        return f"<Run of {self.settings.count:,} walkers, {', '.join(filter(None, (steps, seen, speed)))}>"

    def _said(self) -> dict[str, str]:
        settings, T = self.settings, self.process.temperature
        made = f"interrupted after {self.steps:,} of {settings.steps:,}" if self.interrupted else f"{self.steps:,}"
        manner = f"of h = {settings.step_size:g} at T = {T:g} by {settings.scheme}"
        return {
            "steps": f"{made} steps {manner}",
            "observed": ", ".join(self),
            "speed": f"{self.walker_steps / self.seconds:.3g} walker-steps/s" if self.seconds > 0 else "",
        }

    def _repr_html_(self) -> str:
        rate, stuck = self.acceptance, len(self.stuck_walkers)
        rows = [*self._said().items(), ("acceptance", "" if rate is None else f"{rate:.3f}")]
        rows += [("stuck", f"{stuck} walkers" if stuck else ""), ("dynamics", repr(self.dynamics))]
        rows += [("key", f"{self.settings.key:#034x}"), ("burn-in", f"{self.settings.burn_in:,} steps")]
        rows += [("note", note) for note in self.notes]
        title = f"Run of {self.settings.count:,} walkers{', interrupted' if self.interrupted else ''}"
        return card(title, [row for row in rows if row[1]], good=False if self.interrupted or stuck else None)


def load(path: PathLike) -> Run:
    """Return the run that a file holds.

    Parameters
    ----------
    path : str or Path
        A file that `Run.save` or ``sample(..., checkpoint=path)`` wrote. It is data: nothing in it is ever executed.

    Returns
    -------
    Run
        As it was saved; ``interrupted`` if steps are still to be made, which `Run.resume` does.

    Raises
    ------
    ArchiveError
        If there is no such file; if it is damaged and so is the one before it, which else is taken with a `DamagedFile`
        warning; or if it was written by a version of langevin_ib whose numbers or files are others.

    Examples
    --------
    >>> import langevin_ib as lib, pathlib, tempfile
    >>> model, folder = lib.models.scalar_product(), tempfile.TemporaryDirectory()
    >>> settings = {"temperature": 0.1, "step_size": 0.01, "walkers": 64, "rng": 1, "progress": False}
    >>> path = pathlib.Path(folder.name) / "run.npz"
    >>> lib.sample(model, steps=50, **settings).save(path)
    >>> longer = lib.load(path).resume(steps=50)
    >>> bool((longer.states == lib.sample(model, steps=100, **settings).states).all())
    True
    >>> folder.cleanup()
    """
    fields, _ = read_snapshot(path)
    return Run(**fields)
