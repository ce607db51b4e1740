"""One run of all walkers out of runs of some of them, which were made wherever there was room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ..checks import shown
from ..errors import InvalidArgumentError
from .diagnostics import remarked
from .files import DRAWN, differences
from .loop import Acceptance, Progressed
from .run import Run
from .shards import gather

__all__ = ["merge"]


def merge(runs: Iterable[Run]) -> Run:
    """Put runs of parts of the walkers together: to the bit the run that one machine would have made of all of them.

    Parameters
    ----------
    runs : iterable of Run
        Made by `sample` with ``walkers=slice(a, b)``, everything else being equal: also ``rng``, and after as many
        steps. They may come in any order, as in ``merge(map(load, paths))``.

    Returns
    -------
    Run
        Of the walkers from the first to the last part, with states, counts, sums and traces of all; ``seconds`` is the
        parts' total. It can be compared, saved and gone on with as any other.

    Raises
    ------
    InvalidArgumentError
        If there are none, or they are not parts of one run, overlap, or leave walkers out; the message says which.

    Notes
    -----
    Memory is that of the parts and of the result.

    Examples
    --------
    >>> import langevin_ib as lib
    >>> model, job = lib.models.scalar_product(), {"temperature": 0.1, "step_size": 0.01, "steps": 50, "rng": 1}
    >>> parts = [lib.sample(model, **job, walkers=slice(a, a + 50), progress=False) for a in (0, 50)]
    >>> whole = lib.sample(model, **job, walkers=100, progress=False)
    >>> bool((lib.merge(parts).states == whole.states).all())
    True
    """
    if not isinstance(runs, Iterable):
        raise InvalidArgumentError(f"runs={shown(runs)} is no list of runs; give the parts, such as map(load, paths)")
    parts = list(runs)
    for part in parts:
        if not isinstance(part, Run):
            raise InvalidArgumentError(f"runs has {shown(part)} in it, which is no Run; load files by load(path)")
    if not parts:
        raise InvalidArgumentError("runs is empty; give the parts, such as map(load, paths)")
    parts.sort(key=lambda part: part.settings.walkers)
    _require_parts_of_one_run(parts)
    _require_each_walker_once(parts)
    first, steps = parts[0], parts[0].steps
    walkers = (first.settings.walkers[0], parts[-1].settings.walkers[1])
    settings = replace(first.settings, walkers=walkers, steps=max(part.settings.steps for part in parts))
    nobody = np.empty((settings.count, first.model.dim), dtype=settings.dtype)
    nothing = replace(Progressed.start(nobody, settings), acceptance=_no_acceptance(parts, settings.count))
    progressed = gather(nothing, settings, steps, ((part.settings.walkers, part.progressed) for part in parts))
    whole = replace(
        first,
        settings=settings,
        progressed=progressed,
        seconds=sum(part.seconds for part in parts),
        interrupted=any(part.interrupted for part in parts),
        origin=DRAWN if all(part.origin == DRAWN for part in parts) else None,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )
    return replace(whole, notes=remarked(whole))


def _require_parts_of_one_run(parts: Sequence[Run]) -> None:
    first = parts[0]
    for part in parts[1:]:
        settings = replace(part.settings, walkers=first.settings.walkers)
        found = list(differences(first, replace(part, settings=settings, origin=first.origin)))
        if part.steps != first.steps:
            found.append(f"{first.steps} steps were made and not {part.steps} (see Run.resume)")
        if found:
            raise InvalidArgumentError(
                f"runs of {_named(first)} and of {_named(part)} are no parts of one run: in the first, "
                f"{'; '.join(found)}"
            )


def _require_each_walker_once(parts: Sequence[Run]) -> None:
    for one, other in pairwise(parts):
        stop, start = one.settings.walkers[1], other.settings.walkers[0]
        if start < stop:
            raise InvalidArgumentError(
                f"runs of {_named(one)} and of {_named(other)} share walkers; give each of them once"
            )
        if start > stop:
            raise InvalidArgumentError(
                f"walkers {stop} to {start - 1} are in none of the runs; sample them, with "
                f"walkers=slice({stop}, {start})"
            )


def _no_acceptance(parts: Sequence[Run], walkers: int) -> Acceptance | None:
    """Return what the acceptance of all walkers begins with: what earlier versions did not tell walker by walker."""
    counted = [part.progressed.acceptance for part in parts]
    known = [acceptance for acceptance in counted if acceptance is not None]
    if not known:
        return None
    since = max(acceptance.since for acceptance in known)
    return Acceptance.none(walkers, since=since, unassigned=sum(acceptance.unassigned for acceptance in known))


def _named(part: Run) -> str:
    first, last = part.settings.walkers
    return f"walkers {first} to {last - 1}"
