"""`scan`: laws, runs and their comparisons over a grid of temperatures, levels and whatever else, as one Dataset."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import suppress
from dataclasses import fields
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from ..checks import checked_rng, shown
from ..deadline import DEFAULT_TIMEOUT
from ..errors import InvalidArgumentError
from ..model import Model
from ..observe import Histogram
from ..process import Ambient, Dynamics
from ..progress import Progress, Reporter
from ..sampling import SamplingInterrupted, StuckWalkers
from .scanned import Found, Task

__all__ = ["scan"]

_OF_SAMPLE = ("temperature", "beta", "sigma", "step_size", "steps", "burn_in", "walkers", "scheme", "dtype")
"""The arguments of `sample` that an axis may go through; besides them, fields of the dynamics."""

_NUMBERS = {
    "mean": "sampled mean",
    "mean_error": "its standard error, from the spread between walkers",
    "std": "sampled standard deviation",
    "law_mean": "mean of the law",
    "law_std": "standard deviation of the law",
    "law_error": "bound on the error of the law's distribution function",
    "pvalue": "of the run against the law, extrapolated to step 0 for a scheme of first order",
    "ks": "largest distance of the cumulated proportions from the law",
}
_OF_RUNS = {"step_size": "h", "acceptance": "share of accepted proposals", "seconds": "time in the core"}

NOT_REACHED = "not reached"


def scan(
    model: Model | Callable[..., Model],
    over: Mapping[str, Sequence[Any]],
    *,
    observe: Mapping[str, Histogram],
    dynamics: Dynamics | None = None,
    rng: Any = None,
    law: bool = True,
    timeout: float | None = DEFAULT_TIMEOUT,
    progress: Progress = None,
    executor: Executor | None = None,
    **settings: Any,
) -> Any:
    """Sample a model at every point of a grid, and compare each run with the law of its process.

    Each point is ``sample(model, dynamics=..., **settings)`` with the values of the point put in; for a scheme of first
    order there is a second run at half the step, coupled to the first, and what is compared is extrapolated to step
    zero. A law that is refused and a run that diverges leave NaN and a reason at their point, and nowhere else.

    Parameters
    ----------
    model : Model, or function
        What to sample; or a function that returns it, for axes that are its arguments.
    over : mapping from str to sequence
        The axes of the grid: "temperature" (or "beta", "sigma"), "step_size", "steps", "burn_in", "walkers", "scheme",
        "dtype"; fields of the dynamics, such as "level" or "weight_decay"; or arguments of a function `model`.
    observe : mapping from str to Histogram
        The observables, and in which bins they are compared. Means and deviations are those of all values.
    dynamics : Dynamics, optional
        By default ``Ambient()``.
    rng : None, int, SeedSequence, BitGenerator or Generator
        As in `sample`. Points are independent, and each has the same bits whoever samples it and in whichever order.
    law : bool
        Whether to compare with laws; else there are runs alone.
    timeout : float or None
        The seconds after which a law is refused.
    progress : bool or callable, optional
        As in `sample`, over all walker-steps.
    executor : concurrent.futures.Executor, optional
        Who works on the points, one thread each, instead of this process with all its threads.
    **settings
        The other arguments of `sample`: ``step_size``, ``steps``, ``walkers``, ...

    Returns
    -------
    xarray.Dataset
        With the axes and "observable" for dimensions: ``mean``, ``mean_error``, ``std``, ``law_mean``, ``law_std``,
        ``law_error``, ``pvalue`` and ``ks``; of each point ``step_size``, ``acceptance``, ``seconds`` and ``status``:
        "done", or what is to be said of it. After Ctrl-C it holds the points that were done, and a
        `SamplingInterrupted` warning says so; workers of a pool finish the points that they are at.

    Raises
    ------
    InvalidArgumentError
        If an argument is wrong; also what is wrong at all points.
    ImportError
        If xarray is not installed.

    Examples
    --------
    >>> import langevin_ib as lib
    >>> found = lib.scan(
    ...     lib.models.scalar_product(), {"temperature": [0.1, 0.3], "level": [0.5, 1.0]}, dynamics=lib.GaugeFixed(0.5),
    ...     observe={"theta": lib.Histogram(bins=40, range=(-2.0, 4.0), every=10)}, progress=False,
    ...     step_size=0.02, steps=2000, burn_in=500, walkers=256, rng=1,
    ... )
    >>> dict(found["mean"].sizes), bool((found["pvalue"] > 1e-3).all())
    ({'temperature': 2, 'level': 2, 'observable': 1}, True)
    """
    try:
        import xarray  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ImportError("scan needs xarray, which is not there: pip install xarray") from error
    axes = _checked_axes(over)
    dynamics = Ambient() if dynamics is None else dynamics
    if not isinstance(dynamics, Dynamics):
        raise InvalidArgumentError(f"dynamics must be one of the package's, got {shown(dynamics)}")
    if not isinstance(observe, Mapping) or not all(isinstance(spec, Histogram) for spec in observe.values()):
        raise InvalidArgumentError(f"observe must map names to Histogram(...), got {shown(observe)}")
    taken = tuple(inspect.signature(model).parameters) if not isinstance(model, Model) and callable(model) else ()
    known = {*taken, *_OF_SAMPLE, *(field.name for field in fields(dynamics))}
    for name in axes:
        if name not in known:
            raise InvalidArgumentError(f"over[{name!r}] is no axis here; known are {', '.join(sorted(known))}")
    root = int(checked_rng(rng).integers(0, 2**63))
    points = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    tasks = [
        Task(model, dynamics, dict(observe), settings, point, taken, (root, number), law, timeout)
        for number, point in enumerate(points)
    ]
    found, interrupted = _all_of(tasks, progress, executor)
    if found and all(isinstance(each, InvalidArgumentError) for each in found.values()):
        raise next(iter(found.values()))
    if interrupted:
        said = f"Ctrl-C ended the scan after {len(found)} of {len(tasks)} points, which the dataset has"
        warnings.warn(said, SamplingInterrupted, stacklevel=2)
    return _dataset(xarray, axes, list(observe), [found.get(number) for number in range(len(tasks))], interrupted)


def _checked_axes(over: Any) -> dict[str, list[Any]]:
    if not isinstance(over, Mapping) or not over:
        raise InvalidArgumentError(
            f'over must map names to values, such as {{"temperature": [0.1]}}, got {shown(over)}'
        )
    axes = {}
    for name, values in over.items():
        listed = values.tolist() if isinstance(values, np.ndarray) else values
        if not isinstance(listed, (list, tuple, range)) or not listed:
            raise InvalidArgumentError(f"over[{name!r}] must be a sequence of values, got {shown(values)}")
        axes[name] = list(listed)
    return axes


def _all_of(tasks: Sequence[Task], progress: Progress, executor: Executor | None) -> tuple[dict[int, Any], bool]:
    """Return what points came to, by their numbers, and whether Ctrl-C ended it; what is wrong comes as its error."""
    found: dict[int, Any] = {}
    with Reporter(progress, sum(task.weight for task in tasks)) as reporter:
        told = reporter.callback() or (lambda made: None)
        made = 0

        def report(task: Task, share: float) -> None:
            told(made + int(share * task.weight))

        with suppress(KeyboardInterrupt):
            for number, result in _results(tasks, executor, report):
                if result is None:
                    return found, True
                found[number] = result
                made += tasks[number].weight
                told(made)
            return found, False
    return found, True


def _results(
    tasks: Sequence[Task], executor: Executor | None, report: Callable[[Task, float], object]
) -> Iterator[tuple[int, Any]]:
    if executor is None:
        for number, task in enumerate(tasks):
            try:
                with warnings.catch_warnings():
                    # The dataset says so itself.
                    warnings.simplefilter("ignore", SamplingInterrupted)
                    warnings.simplefilter("ignore", StuckWalkers)
                    result = task.work(partial(report, task), None)
                yield number, result
            except InvalidArgumentError as error:
                yield number, error
        return
    futures = {executor.submit(task.work): number for number, task in enumerate(tasks)}
    try:
        for future in as_completed(futures):
            wrong = future.exception()
            if wrong is not None and not isinstance(wrong, InvalidArgumentError):
                raise wrong
            yield futures[future], future.result() if wrong is None else wrong
    finally:
        for future in futures:
            future.cancel()


def _dataset(xarray: Any, axes: Mapping[str, list[Any]], names: list[str], found: list[Any], interrupted: bool) -> Any:
    shape = tuple(map(len, axes.values()))
    filled = [each if isinstance(each, Found) else Found({}, {}, str(each or NOT_REACHED)) for each in found]
    variables: dict[str, Any] = {}
    for what, said in _NUMBERS.items():
        values = [[each.numbers.get(name, {}).get(what, np.nan) for name in names] for each in filled]
        array = np.array(values, dtype=np.float64).reshape(*shape, len(names))
        variables[what] = ((*axes, "observable"), array, {"long_name": said})
    for what, said in _OF_RUNS.items():
        array = np.array([each.run.get(what, np.nan) for each in filled], dtype=np.float64).reshape(shape)
        # An axis may have this name.
        variables |= {} if what in axes else {what: (tuple(axes), array, {"long_name": said})}
    status = np.array([each.status for each in filled], dtype=object).reshape(shape).astype(str)
    variables["status"] = (tuple(axes), status)
    attributes = {"langevin_ib": version("langevin-ib"), "interrupted": int(interrupted)}
    coordinates = {name: _coordinate(values) for name, values in axes.items()} | {"observable": names}
    return xarray.Dataset(variables, coords=coordinates, attrs=attributes)


def _coordinate(values: list[Any]) -> Any:
    plain = all(isinstance(value, (int, float, str)) for value in values)
    return values if plain else [str(value) for value in values]
