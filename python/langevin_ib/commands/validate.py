"""`langevin-ib validate`: each system against its law and the law's rivals."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import InvalidArgumentError
from ..studies import Part, require_place, this_command, validation, write_report
from ..studies.validation import Row, Verdict, markdown, orbits, overview, summary, table, write
from .pace import paced
from .status import FAILED, INTERRUPTED, PASSED

__all__ = ["run"]

_HEAD = ("what, under which dynamics", "with respect to", "p-value", "largest p of a rival")


def run(parsed: argparse.Namespace) -> int:
    """Validate what was asked for, and return the exit status."""
    cases = validation.CASES
    if parsed.list:
        print("\n".join(cases))
        return PASSED
    if parsed.only is not None and parsed.only not in cases:
        raise InvalidArgumentError(f"--only {parsed.only!r} is no row; the rows are {', '.join(cases)}")
    # What cannot be written should be known before the sampling, not after.
    parsed.out.mkdir(parents=True, exist_ok=True)
    if parsed.report is not None:
        require_place(parsed.report)
    rows = list(cases.values()) if parsed.only is None else [cases[parsed.only]]
    verdicts: list[Verdict] = []
    for row in paced(rows, [row.name for row in rows], silent=parsed.no_progress):
        verdict = _validated(row.quick() if parsed.quick else row, parsed)
        if verdict is None:
            print(f"{row.name}: interrupted", file=sys.stderr)
            break
        files = write(verdict, parsed.out)
        verdicts.append(verdict)
        if not parsed.json:
            print(table(verdict))
            print(f"  written to {', '.join(str(path) for path in files)}", flush=True)
    done = len(verdicts) == len(rows)
    if done and parsed.only is None:
        overview(verdicts).savefig(parsed.out / "overview.png", dpi=150)
        orbits().savefig(parsed.out / "orbits.png", dpi=150)
        (parsed.out / "table.md").write_text(markdown(verdicts), encoding="utf-8")
        files = [parsed.out / name for name in ("table.md", "overview.png", "orbits.png")]
        if not parsed.json:
            print(f"all rows: {', '.join(map(str, files))}")
    failed = [verdict.name for verdict in verdicts if not verdict.passed]
    said = f"VALIDATION FAILED: {', '.join(failed)}" if failed else "all as it should be" if done else "INTERRUPTED"
    if parsed.report is not None and verdicts:
        _write_page(verdicts, said, len(rows) - len(verdicts), parsed)
    if parsed.json:
        found = {"passed": done and not failed, "version": __version__, "seed": parsed.seed, "quick": parsed.quick}
        print(json.dumps(found | {"rows": [summary(verdict) for verdict in verdicts]}, indent=2, allow_nan=False))
    elif done:
        print(said)
    return INTERRUPTED if not done else FAILED if failed else PASSED


def _write_page(verdicts: Sequence[Verdict], said: str, missing: int, parsed: argparse.Namespace) -> None:
    passed = sum(verdict.passed for verdict in verdicts)
    more = f", and {missing} not reached" if missing else ""
    write_report(
        parsed.report,
        title="langevin_ib: sampled laws against derived laws",
        verdict=f"{said}: {passed} of {len(verdicts)} rows{more}",
        good=passed == len(verdicts) and not missing,
        head=_HEAD,
        parts=[_part(verdict, parsed) for verdict in verdicts],
        command=this_command(),
    )
    if not parsed.json:
        print(f"report: {parsed.report}")


def _validated(row: Row, parsed: argparse.Namespace) -> Verdict | None:
    """Return what a row comes to; None after Ctrl-C, which leaves the rows before as they are."""
    try:
        progress = False if parsed.no_progress else None
        return row.validate(seed=parsed.seed, threads=parsed.threads, progress=progress)
    except KeyboardInterrupt:
        return None


def _part(verdict: Verdict, parsed: argparse.Namespace) -> Part:
    rival, largest = max(verdict.rival_pvalues.items(), key=lambda pair: pair[1])
    rejected = all(p < validation.REJECTION for p in verdict.rival_pvalues.values())
    kept = "survives" if verdict.is_consistent else "IS REJECTED"
    others = "every rival is rejected" if rejected else "NOT EVERY RIVAL IS REJECTED"
    again = ["validate", "--only", verdict.name, "--seed", str(parsed.seed), *(["--quick"] if parsed.quick else [])]
    rivals = [(f"rival: {name}", f"p = {p:.2g}") for name, p in verdict.rival_pvalues.items()]
    return Part(
        name=verdict.name,
        title=verdict.title,
        verdict=f"What should hold {kept} (p = {verdict.pvalue:.3g}); {others}.",
        good=verdict.passed,
        cells=(verdict.title, verdict.reference, f"{verdict.pvalue:.2g}", f"{largest:.1e} ({rival})"),
        facts=[*verdict.lines(), *rivals, *_settings(verdict), ("seed", str(parsed.seed))],
        figure=verdict.figure,
        command=this_command(*again),
    )


def _settings(verdict: Verdict) -> Sequence[tuple[str, str]]:
    first = verdict.runs[0].settings
    return [
        ("walkers", f"{first.count:,}"),
        ("steps", f"{first.steps:,} of h = {first.step_size:g} by {first.scheme}, {first.burn_in:,} of them burn-in"),
        ("key", f"{first.key:#034x}"),
        ("time", f"{verdict.walker_steps:.3g} walker-steps in {verdict.seconds:.1f} s"),
    ]
