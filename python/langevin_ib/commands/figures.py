"""What commands that make figures share: one after the other, each written when done, kept if Ctrl-C ends the rest."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from ..checks import shown
from ..errors import InvalidArgumentError
from ..studies import Part, require_place, this_command, write_report
from ..studies.experiments import Made
from .pace import paced
from .status import INTERRUPTED, PASSED

__all__ = ["chosen", "make_figures"]

M = TypeVar("M", bound=Made)
ALL = "all"


def chosen(figure: str, known: Collection[str]) -> list[str]:
    """Return the names of the figures that were asked for.

    Raises
    ------
    InvalidArgumentError
        If there is none of that name: before a folder is made for it.
    """
    if figure != ALL and figure not in known:
        raise InvalidArgumentError(f"figure={shown(figure)} cannot be made; those that can are {', '.join(known)}")
    return list(known) if figure == ALL else [figure]


def make_figures(
    parsed: argparse.Namespace,
    names: Sequence[str],
    make: Callable[[str], M],
    part: Callable[[M], Part],
    *,
    title: str,
    head: tuple[str, ...],
) -> int:
    """Make figures, print, write and report them, and return the exit status."""
    # What cannot be written should be known before the work, not after.
    parsed.out.mkdir(parents=True, exist_ok=True)
    if parsed.report is not None:
        require_place(parsed.report)
    found: list[M] = []
    interrupted = False
    for name in paced(names, names, silent=parsed.no_progress):
        try:
            made = make(name)
        except KeyboardInterrupt:
            # The figures before are done, and stay.
            if not found:
                raise
            interrupted = True
            break
        found.append(made)
        files = made.write(parsed.out)
        if not parsed.json:
            print(f"{made}\n  written to {', '.join(str(path) for path in files)}", flush=True)
        if made.interrupted:
            interrupted = True
            break
    if parsed.report is not None:
        write_report(
            parsed.report,
            title=title,
            verdict=f"{len(found)} of {len(names)} figures{', interrupted' if interrupted else ''}",
            good=None,
            head=head,
            parts=[part(made) for made in found],
            command=this_command(),
        )
    if parsed.json:
        print(json.dumps([made.summary() for made in found], indent=2, allow_nan=False))
    elif parsed.report is not None:
        print(f"report: {parsed.report}")
    return INTERRUPTED if interrupted else PASSED
