"""`evidence`: inverse design beside standard solvers, with many seeds, and what was expected beside what came."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...checks import checked_int, key_of, shown
from ...errors import InvalidArgumentError
from ...progress import Progress, Reporter
from ..experiments import Array, Made, Measured, checked_folder
from .completion import LowRank
from .exhibit import Exhibit, Views
from .groups import Groups
from .noise import Noise
from .phase import Phase
from .variation import Variation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXHIBITS", "Evidence", "evidence"]

EXHIBITS: Mapping[str, Exhibit] = {each.name: each for each in (Phase(), Variation(), Groups(), LowRank(), Noise())}
"""The figures that can be made, by name."""

QUICK_SEEDS = 1
_WIDTH = 125


@dataclass(frozen=True, eq=False)
class Evidence(Made):
    """A figure of inverse design beside standard solvers.

    Attributes
    ----------
    exhibit : Exhibit
        Which one.
    root : int
        From which all random numbers came.
    quick : bool
        Whether it is a first look.
    missing : tuple of str
        Libraries that are not installed, so that their arms are left out.
    seeds, arrays, interrupted, seconds
        See `Made`.
    """

    exhibit: Exhibit
    root: int
    quick: bool
    missing: tuple[str, ...]
    seeds: tuple[int, ...]
    arrays: Mapping[str, Array]
    interrupted: bool
    seconds: float

    @property
    def stem(self) -> str:
        """How its files are called."""
        return f"design-{self.exhibit.name}"

    @property
    def title(self) -> str:
        """What it is."""
        return self.exhibit.title

    @property
    def measured(self) -> list[Measured]:
        """Measured figures."""
        return self.exhibit.measured(self.arrays)

    @property
    def sentence(self) -> str:
        """What came of it, computed from the run."""
        return self.exhibit.sentence(self.arrays)

    @property
    def settings(self) -> str:
        """What was set, in words."""
        without = f"; not installed and left out: {', '.join(self.missing)}" if self.missing else ""
        return f"{self.exhibit.settings(quick=self.quick)}{without}"

    def figure(self) -> Figure:
        """Return the picture: settings and what was expected stand over it."""
        paper = self.exhibit.figure(self.arrays)
        said = f"{self.settings}; {len(self.seeds)} seeds; lines and bars: medians, areas: quartiles"
        parts = [self.title, *(textwrap.fill(each, _WIDTH) for each in (said, f"Expected: {self.exhibit.expectation}"))]
        paper.suptitle("\n".join(parts), fontsize="x-small")
        return paper

    def __str__(self) -> str:
        """Return it as a text for terminals."""
        stopped = ", interrupted" if self.interrupted else ""
        lines = [
            f"{self.exhibit.name}: {self.title}",
            f"  {len(self.seeds)} seeds{stopped}; {self.settings}",
            f"  expected: {self.exhibit.expectation}",
            *self.rows(),
            f"  {self.sentence}",
            f"  {self.seconds:.1f} s",
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return which figure it is, and of how many seeds."""
        return f"<Evidence {self.exhibit.name}: {len(self.seeds)} seeds>"

    def facts(self) -> dict[str, Any]:
        """Return what was run, as JSON-ready values."""
        return {
            "figure": self.exhibit.name,
            "settings": self.exhibit.settings(quick=self.quick),
            "expectation": self.exhibit.expectation,
            "quick": self.quick,
            "root": self.root,
            "missing": list(self.missing),
        }


def evidence(
    figure: str,
    *,
    seeds: int = 16,
    rng: Any = 0,
    out: str | Path | None = None,
    quick: bool = False,
    progress: Progress = None,
) -> Evidence:
    """Set inverse design beside standard solvers: the same data, many seeds, whoever wins.

    Parameters
    ----------
    figure : {"phase", "tv", "groups", "lowrank", "noise"}
        Recovery of supports, a piecewise constant signal, groups, a matrix of low rank, or whether noise does the work.
    seeds : int
        How many. Seed k gives the same problem whoever else is there.
    rng : None, int, SeedSequence, BitGenerator or Generator
        What `numpy.random.default_rng` takes.
    out : str or Path, optional
        A folder for the figure (PNG), arrays (npz), and settings, versions and measured figures (JSON).
    quick : bool
        Take few seeds, sizes and steps, for a first look.
    progress : bool or callable, optional
        As for `sample`, over all arms of all seeds.

    Returns
    -------
    Evidence
        It prints as a table. After Ctrl-C it holds the seeds that were done. Solvers that are not installed (celer,
        skglm) are left out, which it says.

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
    >>> made = evidence("groups", seeds=1, quick=True, progress=False)
    >>> bool(made.arrays["decay.gap"].max() <= 1e-6)
    True
    """
    if not isinstance(figure, str) or figure not in EXHIBITS:
        raise InvalidArgumentError(f"figure={shown(figure)} cannot be made; those that can are {', '.join(EXHIBITS)}")
    exhibit, count = EXHIBITS[figure], checked_int("seeds", seeds, minimum=1, maximum=100_000)
    root = key_of(rng)
    folder = checked_folder(out)
    away = {arm: module for arm, module in exhibit.peers.items() if find_spec(module) is None}
    arms = [arm for arm in exhibit.arms if arm not in away]
    before = time.perf_counter()
    count, is_quick = min(count, QUICK_SEEDS) if quick else count, bool(quick)
    done: list[dict[str, Views]] = []
    interrupted = False
    with Reporter(progress, count * len(arms)) as reporter:
        report = reporter.callback() or (lambda _: None)
        try:
            for seed in range(count):
                draws, *keys = np.random.SeedSequence(root, spawn_key=(seed,)).spawn(1 + len(exhibit.arms))
                problem = exhibit.draw(np.random.default_rng(draws), quick=is_quick)
                mine: dict[str, Views] = {}
                for arm, key in zip(exhibit.arms, keys, strict=True):
                    if arm in arms:
                        whole = int.from_bytes(key.generate_state(4).tobytes(), "little")
                        mine[arm] = exhibit.solve(arm, problem, mine, key=whole, quick=is_quick)
                        report(seed * len(arms) + len(mine))
                done.append(mine)
        except KeyboardInterrupt:
            if not done:
                raise
            interrupted = True
    made = Evidence(
        exhibit=exhibit,
        root=root,
        quick=is_quick,
        missing=tuple(sorted(set(away.values()))),
        seeds=tuple(range(len(done))),
        arrays={f"{arm}.{view}": np.stack([each[arm][view] for each in done]) for arm in arms for view in done[0][arm]},
        interrupted=interrupted,
        seconds=time.perf_counter() - before,
    )
    if folder is not None:
        made.write(folder)
    return made
