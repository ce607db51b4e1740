"""`reproduce`: a figure of the paper, run again in the core with many seeds; `explain`: which choices it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...checks import checked_int, checked_kind, key_of, one_of, real_array, shown
from ...errors import InvalidArgumentError
from ...progress import Progress, Reporter
from .arms import Array
from .attention import Attention
from .completion import Completion
from .experiment import CODE, TEXT, Experiment, Plan
from .made import checked_folder
from .piecewise import Piecewise
from .relu_layer import ReluLayer
from .reproduction import Reproduction
from .slices import Slices
from .spectral import Spectral
from .trained import Task, Trained

__all__ = ["FIGURES", "QUICK_SEEDS", "explain", "reproduce"]

FIGURES: Mapping[str, Experiment] = {
    each.name: each for each in (Slices(), ReluLayer(), Attention(), Completion(), Spectral(), Piecewise())
}
"""The figures that can be made, by name."""

QUICK_SEEDS = 3
"""So many seeds at most are taken for a quick look."""


def reproduce(
    figure: str,
    *,
    seeds: int = 16,
    steps: int | None = None,
    variant: str = CODE,
    data: Mapping[str, Any] | None = None,
    rng: Any = 0,
    out: str | Path | None = None,
    quick: bool = False,
    controls: bool = True,
    progress: Progress = None,
) -> Reproduction:
    """Run a figure of arXiv 2601.06597 again, with many seeds, error bands and controls.

    Parameters
    ----------
    figure : str
        Which one, such as "fig5".
    seeds : int
        How many. Seed k gives the same bits whoever else is there.
    steps : int, optional
        Iterations; by default the published ones. Arms of another length are scaled alike.
    variant : {"code", "text"}
        Whether to do what the published code did, which gives the published figure, or what the text says. `explain`
        lists the differences.
    data : mapping from str to array, optional
        Arrays in place of those that are drawn: the problem, or initial values. A wrong name is answered by the list.
        If the whole problem is given, seeds share it, and differ in initial values and in noise.
    rng : None, int, SeedSequence, BitGenerator or Generator
        What `numpy.random.default_rng` takes.
    out : str or Path, optional
        A folder for the figure (PNG), arrays (npz), and settings, versions and measured figures (JSON).
    quick : bool
        Take few seeds and iterations, for a first look.
    controls : bool
        Whether controls are run beside the arms of the publication.
    progress : bool or callable, optional
        As for `sample`, over all iterations of all arms and seeds.

    Returns
    -------
    Reproduction
        It prints as a table. After Ctrl-C it holds the seeds that were done.

    Raises
    ------
    InvalidArgumentError
        If an argument is wrong.
    OSError
        If `out` cannot be written to.
    KeyboardInterrupt
        After Ctrl-C, if not one seed was done.

    Examples
    --------
    >>> made = reproduce("fig5", seeds=2, steps=200, progress=False)
    >>> made.arrays["hadamard.test"].shape[0]
    2
    """
    experiment = _checked_figure(figure)
    length = experiment.quick_steps if quick else experiment.steps
    length = length if steps is None else checked_int("steps", steps, minimum=1, maximum=10**9)
    plan = Plan(length, length / experiment.steps, one_of("variant", variant, (CODE, TEXT)))
    count = checked_int("seeds", seeds, minimum=1, maximum=100_000)
    root = key_of(rng)
    task = Task(
        experiment=experiment,
        plan=plan,
        root=root,
        seeds=min(count, QUICK_SEEDS) if quick else count,
        data=_checked_data(experiment, plan, data),
        only=None if checked_kind("controls", controls, bool) else frozenset(experiment.published),
    )
    folder = checked_folder(out)
    trained, interrupted, before = Trained(), False, time.perf_counter()
    with Reporter(progress, task.iterations) as reporter:
        try:
            task.train(trained, reporter.callback())
        except KeyboardInterrupt:
            if not trained.seeds:
                raise
            interrupted = True
    made = Reproduction(
        experiment=experiment,
        plan=plan,
        root=task.root,
        seeds=tuple(trained.seeds),
        arrays=trained.arrays(),
        given=tuple(sorted(task.data)),
        divergences=tuple(trained.divergences),
        interrupted=interrupted,
        seconds=time.perf_counter() - before,
        iterations=len(trained.seeds) * sum(steps[-1] for steps in trained.steps.values()),
    )
    if folder is not None:
        made.write(folder)
    return made


def explain(figure: str) -> str:
    """Return where text, caption and code of a figure disagree, and which choice is taken, as a table for terminals.

    Parameters
    ----------
    figure : str
        Which one.

    Raises
    ------
    InvalidArgumentError
        If there is no such figure.
    """
    experiment = _checked_figure(figure)
    rows = [("point", "text and caption", "code", "taken")]
    rows += [(each.point, each.text, each.code, each.chosen) for each in experiment.differences]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{experiment.name}: {experiment.title}", f"  claim: {experiment.claim}"]
    for row in rows:
        lines.append("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, (*widths, 0), strict=True)))
    return "\n".join(lines)


def _checked_figure(figure: Any) -> Experiment:
    if not isinstance(figure, str) or figure not in FIGURES:
        raise InvalidArgumentError(f"figure={shown(figure)} cannot be made; those that can are {', '.join(FIGURES)}")
    return FIGURES[figure]


def _checked_data(experiment: Experiment, plan: Plan, data: Any) -> dict[str, Array]:
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise InvalidArgumentError(f"data must map names to arrays, got {shown(data)}")
    drawn = experiment.draw(np.random.default_rng(0), plan)
    found = {}
    for name, value in data.items():
        if name not in drawn:
            raise InvalidArgumentError(
                f"data[{shown(name)}] is none of the arrays of {experiment.name}, which are {', '.join(drawn)}"
            )
        array = np.array(real_array(f"data[{name!r}]", value), dtype=np.float64)
        if array.shape != drawn[name].shape or not np.isfinite(array).all():
            raise InvalidArgumentError(
                f"data[{name!r}] must be finite numbers of shape {drawn[name].shape}, got an array of {array.shape}"
            )
        found[name] = array
    return found
