"""The command line: what can be asked for, and how; `commands` has what is done."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import __version__
from .commands import INTERRUPTED, MISUSED
from .errors import LangevinError

__all__ = ["main"]

_STATUS = "ends with 0 if all is as it should be, 1 if a check failed, 2 if it cannot be done, 130 after Ctrl-C."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status.

    0 if all is as it should be, 1 if a check failed, 2 if the request cannot be carried out, 130 after Ctrl-C.
    """
    parsed = _parser().parse_args(arguments)
    try:
        # Each command imports what it needs: who asks for help or for the version does not wait for formulas.
        status: int = importlib.import_module(f".commands.{parsed.command}", __package__).run(parsed)
        if sys.stdout is not None:  # it is closed
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has had enough; Python must not try to write the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return MISUSED
    except (LangevinError, OSError) as error:
        print(f"langevin-ib: {error}", file=sys.stderr)
        return MISUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="langevin-ib",
        description="Which of many equivalent solutions does noisy learning prefer? Laws, runs, do they agree?",
        epilog=_examples(
            "validate --quick                     every system against its law, in about a minute",
            "validate --only product-ambient      one of them, at full length",
            "validate --quick --report out.html   the same, as a page to look at",
            "reproduce fig5 --seeds 32            a figure of the paper, with many seeds",
            "info --check                         is this installation all right?",
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"langevin-ib {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command", dest="command")

    job = _command(
        commands,
        "validate",
        "sample each system and compare it with its law and the law's rivals",
        "A row passes if its law survives (p >= 0.001) and the same run rejects every rival (p < 1e-6).",
        "validate --list                                 what can be validated",
        "validate --quick --report validation.html       all of it at a twentieth of the length",
        "validate --only neuron-3 --seed 7               one row, with other noise",
        "validate --quick --json | jq '.rows[].passed'   for programs",
    )
    job.add_argument("--quick", action="store_true", help="a twentieth of the length, in about a minute")
    job.add_argument("--only", metavar="ROW", help="one row only")
    job.add_argument("--list", action="store_true", help="name the rows, and do nothing else")
    _share(job, "validation", seed="seed of the noise (0)")
    job.add_argument("--threads", type=_natural, default=None, help="threads to use (all)")

    again = _command(
        commands,
        "reproduce",
        "run a figure of the paper again, with many seeds and controls",
        "Figures of arXiv 2601.06597, as the published code or as the text, with bands over seeds.",
        "reproduce fig2 --quick              a first look",
        "reproduce all --report paper.html   all six, as a page",
        "reproduce fig2 --variant text       as the text says, and not as the code did",
        "reproduce fig2 --explain            where text, caption and code differ",
    )
    again.add_argument("figure", help="fig1 to fig6, or all")
    again.add_argument("--seeds", type=_natural, default=16, help="how many (16)")
    again.add_argument("--steps", type=_natural, default=None, help="iterations (the published ones)")
    again.add_argument("--variant", choices=("code", "text"), default="code", help="which to follow (code)")
    again.add_argument("--explain", action="store_true", help="where text, caption and code differ; nothing is run")
    again.add_argument("--no-controls", action="store_true", help="the arms of the publication alone")
    again.add_argument("--quick", action="store_true", help="few seeds and iterations, for a first look")
    _share(again, "paper", seed="from which all random numbers come (0)")

    beside = _command(
        commands,
        "design",
        "set inverse design beside standard solvers, with many seeds",
        "What was expected before the run stands beside what came; if a standard solver wins, the figure shows it.",
        "design phase --quick                 a first look",
        "design all --report design.html      all five, as a page",
    )
    beside.add_argument("figure", help="phase, tv, groups, lowrank or noise, or all")
    beside.add_argument("--seeds", type=_natural, default=16, help="how many (16)")
    beside.add_argument("--quick", action="store_true", help="one seed, few sizes and steps, for a first look")
    _share(beside, "design", seed="from which all random numbers come (0)")

    info = _command(
        commands,
        "info",
        "versions, instruction sets and threads, for bug reports",
        "With --check, a run is compared with the bits that every machine gets, and with its law.",
        "info           for bug reports",
        "info --check   is this installation all right?",
    )
    info.add_argument("--check", action="store_true", help="see whether the core computes what it should (seconds)")
    info.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _command(commands: Any, name: str, short: str, long: str, *examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=short,
        description=f"{short[0].upper()}{short[1:]}. {long}",
        epilog=_examples(*examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _examples(*lines: str) -> str:
    return "\n".join(["examples:", *(f"  langevin-ib {line}" for line in lines), "", _STATUS])


def _share(parser: argparse.ArgumentParser, folder: str, *, seed: str) -> None:
    """Add what several commands have."""
    parser.add_argument(
        "--out", type=Path, default=Path(folder), help=f"folder for figures, numbers and JSON (./{folder})"
    )
    parser.add_argument("--report", type=Path, metavar="PAGE.html", help="one page with all of it, without a network")
    parser.add_argument("--json", action="store_true", help="print JSON in place of text")
    parser.add_argument("--seed", type=_natural, default=0, help=seed)
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a natural number")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
