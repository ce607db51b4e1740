"""The command line: `langevin-ib validate`, `langevin-ib reproduce` and `langevin-ib info`."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy
import sympy

from . import __version__, _core
from .errors import LangevinError
from .studies.experiments import CODE, FIGURES, TEXT, explain, reproduce
from .studies.validation import CASES, Verdict, markdown, orbits, overview, table, write

__all__ = ["main"]

ALL = "all"

PASSED, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status.

    0 if all is as it should be, 1 if a validation failed, 2 if the request cannot be carried out, 130 after Ctrl-C.
    """
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.command(parsed)
    except (LangevinError, OSError) as error:
        print(f"langevin-ib: {error}", file=sys.stderr)
        return MISUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="langevin-ib", description="Langevin sampling and the geometry of symmetric models."
    )
    parser.add_argument("--version", action="version", version=f"langevin-ib {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    job = commands.add_parser("validate", help="sample each system and compare it with its law and the law's rivals")
    job.add_argument("--quick", action="store_true", help="a twentieth of the length, in less than a minute")
    job.add_argument("--only", choices=CASES, metavar="CASE", help=f"one row only: {', '.join(CASES)}")
    job.add_argument(
        "--out", type=Path, default=Path("validation"), help="folder for figures and JSON files (./validation)"
    )
    job.add_argument("--seed", type=_natural, default=0, help="seed of the noise (0)")
    job.add_argument("--threads", type=_natural, default=None, help="threads to use (all)")
    job.add_argument("--no-progress", action="store_true", help="no progress bar")
    job.set_defaults(command=_validate)

    again = commands.add_parser("reproduce", help="run a figure of the paper again, with many seeds and controls")
    again.add_argument("figure", help=f"which one: {', '.join(FIGURES)}, or {ALL}")
    again.add_argument("--seeds", type=_natural, default=16, help="how many (16)")
    again.add_argument("--steps", type=_natural, default=None, help="iterations (the published ones)")
    again.add_argument("--variant", choices=(CODE, TEXT), default=CODE, help=f"which to follow ({CODE})")
    again.add_argument("--explain", action="store_true", help="where text, caption and code differ")
    again.add_argument("--no-controls", action="store_true", help="the arms of the publication alone")
    again.add_argument("--quick", action="store_true", help="few seeds and iterations, for a first look")
    again.add_argument("--out", type=Path, default=Path("paper"), help="folder for figures, arrays and JSON (./paper)")
    again.add_argument("--seed", type=_natural, default=0, help="from which all random numbers come (0)")
    again.add_argument("--no-progress", action="store_true", help="no progress bar")
    again.set_defaults(command=_reproduce)

    info = commands.add_parser("info", help="versions, instruction sets and threads, for bug reports")
    info.set_defaults(command=_info)
    return parser


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a natural number")
    return int(text)


def _validate(parsed: argparse.Namespace) -> int:
    # A folder that cannot be written to should be known before the sampling, not after.
    parsed.out.mkdir(parents=True, exist_ok=True)
    verdicts: list[Verdict] = []
    for row in CASES.values() if parsed.only is None else [CASES[parsed.only]]:
        chosen = row.quick() if parsed.quick else row
        verdict = chosen.validate(
            seed=parsed.seed, threads=parsed.threads, progress=False if parsed.no_progress else None
        )
        if verdict is None:
            print(f"{row.name}: interrupted", file=sys.stderr)
            return INTERRUPTED
        print(table(verdict))
        print(f"  written to {', '.join(str(path) for path in write(verdict, parsed.out))}", flush=True)
        verdicts.append(verdict)
    if parsed.only is None:
        overview(verdicts).savefig(parsed.out / "overview.png", dpi=150)
        orbits().savefig(parsed.out / "orbits.png", dpi=150)
        (parsed.out / "table.md").write_text(markdown(verdicts), encoding="utf-8")
        print(f"all rows: {', '.join(str(parsed.out / name) for name in ('table.md', 'overview.png', 'orbits.png'))}")
    failed = [verdict.name for verdict in verdicts if not verdict.passed]
    print(f"VALIDATION FAILED: {', '.join(failed)}" if failed else "all as it should be")
    return FAILED if failed else PASSED


def _reproduce(parsed: argparse.Namespace) -> int:
    names = list(FIGURES) if parsed.figure == ALL else [parsed.figure]
    for name in names:
        if parsed.explain:
            print(explain(name))
            continue
        # A folder that cannot be written to should be known before the training, not after.
        parsed.out.mkdir(parents=True, exist_ok=True)
        made = reproduce(
            name,
            seeds=parsed.seeds,
            steps=parsed.steps,
            variant=parsed.variant,
            rng=parsed.seed,
            quick=parsed.quick,
            controls=not parsed.no_controls,
            progress=False if parsed.no_progress else None,
        )
        print(made)
        print(f"  written to {', '.join(str(path) for path in made.write(parsed.out))}", flush=True)
        if made.interrupted:
            return INTERRUPTED
    return PASSED


def _info(_: argparse.Namespace) -> int:
    rows = {
        "langevin-ib": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "numpy, scipy, sympy": f"{np.__version__}, {scipy.__version__}, {sympy.__version__}",
        "instruction sets": ", ".join(_core.levels()),
        "threads": str(_core.cpu_count()),
    }
    for name, value in rows.items():
        print(f"{name:<20} {value}")
    return PASSED


if __name__ == "__main__":
    sys.exit(main())
