"""Measures the noise: normals, the transform that makes them, and the random bits under them, each against exact laws.

Run `python docs/scripts/noise_battery.py [--quick] [--out results.json] [--figure tails.png] [--only GROUP ...]`.
It needs numba and mpmath (the extras `dev` and `test`), uses one core, and takes about ten minutes, --quick one. The
groups `dieharder`, which needs that program, and `weights`, which takes as long, run only where they are named.
docs/noise.md reports the results.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from battery import ars, bits, counters, figure, normals, outside, streams, transform, weights
from battery.results import Result
from langevin_ib import _core

QUICK = 64  # how much smaller the quick sizes are
SUSPICIOUS = 1e-6
# Controls are ciphers with too few rounds, and a scale that is wrong: they must fail, and count for nothing else.
CONTROL = "control"


class Battery:
    """Runs groups and keeps what they say."""

    def __init__(self, quick: bool, figure_path: Path | None) -> None:
        self.quick = quick
        self.figure_path = figure_path
        self.results: list[Result] = []
        self.extra: dict[str, Any] = {}

    def size(self, draws: int) -> int:
        """Return a number of draws, or its quick version."""
        return draws // QUICK if self.quick else draws

    def add(self, results: Iterable[Result]) -> None:
        """Print and keep results."""
        for result in results:
            print(result, flush=True)
            self.results.append(result)

    def transform(self) -> None:
        """Measure Box-Muller alone."""
        self.add(transform.run(self.size(100_000), self.size(1 << 24)))

    def distribution(self) -> None:
        """Compare moments and the distribution function; draw the figure."""
        for precision in normals.PRECISIONS:
            results, scan = normals.distribution(precision, self.size(10**9))
            self.add(results)
            edges, counts = scan.coarse(8)
            self.extra[f"histogram {precision.name}"] = {"edges": edges.tolist(), "counts": counts.tolist()}
            if precision.name == "f64" and self.figure_path:
                figure.draw(self.figure_path, edges, counts, scan.draws)

    def tails(self) -> None:
        """Count far out."""
        for precision in normals.PRECISIONS:
            self.add(normals.tails(precision, self.size(10**10)))

    def correlations(self) -> None:
        """Correlate steps, walkers, coordinates, keys and streams."""
        for precision in normals.PRECISIONS:
            results, scores = normals.correlations(precision, self.size(10**9))
            self.add(results)
            self.extra[f"correlations {precision.name}"] = scores
            self.add(normals.joint_laws(precision, self.size(10**9)))
            self.add(normals.seeds(precision, self.size(1 << 24)))

    def bits(self) -> None:
        """Test the words in five orders, and those of weaker ciphers in one."""
        for name, order in streams.ORDERS.items():
            self.add(bits.run(f"bits {name}", streams.read(order, self.size(1 << 26)), 1 if self.quick else 4))
        for rounds in (2, 3, 4):
            chunks = streams.read(streams.weaker(rounds), self.size(1 << 26) // 8)
            self.add(bits.run(f"{CONTROL} ARS-{rounds}", chunks, 1))

    def counters(self) -> None:
        """Test the cipher as a function of its counter, with five rounds and with fewer."""
        print(f"ARS by tables gives {ars.check()} known answers and the core's words")
        if (streams.weaker(5)(streams.KEY, 1) != streams.walkers(streams.KEY, 1)).any():
            raise AssertionError("the reference cipher is not the core's")
        self.add(counters.run("counters", 5, 18 if self.quick else 22))
        for rounds in (2, 3, 4):
            self.add(counters.run(f"{CONTROL} ARS-{rounds}", rounds, 16))

    def dieharder(self) -> None:
        """Run an outside battery, in three orders."""
        for order in ("walkers", "steps", "alternating"):
            self.add(outside.dieharder(order, 0.1 if self.quick else 1.0))

    def weights(self) -> None:
        """Test tuples of Hamming weights in the walkers' order, under four keys and with seven rounds."""
        chunks = self.size(32 << 26) // streams.BLOCKS
        looks = [chunks >> halvings for halvings in range(6)]
        self.add(weights.run("weights", streams.read(streams.walkers, chunks * streams.BLOCKS), looks))
        quarter = chunks // 4 * streams.BLOCKS
        for key in np.random.default_rng(1).integers(0, 2**32, (3, 4)).tolist():
            stream = streams.read(streams.walkers, quarter, sum(part << 32 * i for i, part in enumerate(key)))
            self.add(weights.run(f"weights, key ...{key[0]:08x}", stream, looks[2:]))
        self.add(weights.run("weights, ARS-7", streams.read(streams.weaker(7), quarter), looks[2:]))
        self.add(weights.run(f"{CONTROL} ARS-2", streams.read(streams.weaker(2), 8 * streams.BLOCKS), [8]))

    def controls(self) -> dict[str, bool]:
        """Return the controls that ran, and whether they were rejected."""
        found: dict[str, bool] = {}
        for r in self.results:
            before, control, after = f"{r.group} {r.test}".partition(CONTROL)
            if control and r.p is not None:
                name = r.group if CONTROL in r.group else before.split()[0] + after.split(",")[0]
                found[name] = found.get(name, False) or r.p < SUSPICIOUS
        return found

    def summary(self) -> tuple[str, int]:
        """Say how small the smallest p-values are for their number and which controls failed; count the suspicious."""
        tested = [r for r in self.results if r.p is not None and CONTROL not in r.group and CONTROL not in r.test]
        tested.sort(key=lambda r: r.p)
        lines = [f"\n{len(tested)} p-values; below 0.01: {sum(r.p < 0.01 for r in tested)}"]
        lines += [f"    smallest: {r.p:.3g}  {r.group}: {r.test}" for r in tested[:5]]
        lines += [f"    {name}: {'' if rejected else 'NOT '}rejected" for name, rejected in self.controls().items()]
        suspicious = sum(r.p < SUSPICIOUS for r in tested)
        lines.append(f"{suspicious} below {SUSPICIOUS}")
        return "\n".join(lines), suspicious

    def save(self, path: Path) -> None:
        """Write results and versions."""
        versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
        about = {"quick": self.quick, "levels": _core.levels(), "machine": platform.machine(), **versions}
        results = [
            {k: v.item() if isinstance(v, np.generic) else v for k, v in asdict(r).items()} for r in self.results
        ]
        path.write_text(
            json.dumps({"about": about, "results": results, **self.extra}, indent=1) + "\n", encoding="utf-8"
        )


GROUPS: dict[str, Callable[[Battery], None]] = {
    f.__name__: f
    for f in (
        Battery.transform,
        Battery.distribution,
        Battery.tails,
        Battery.correlations,
        Battery.bits,
        Battery.counters,
        Battery.dieharder,
        Battery.weights,
    )
}


ASKED_FOR = ("dieharder", "weights")


def main() -> int:
    """Run the groups that were asked for; return 1 if a p-value is suspicious."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} times fewer draws")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    parser.add_argument("--figure", type=Path, help="draw the histogram of the group `distribution`")
    parser.add_argument("--only", nargs="+", choices=GROUPS, help=f"all but {' and '.join(ASKED_FOR)}, if not given")
    parser.add_argument("--emit", choices=streams.ORDERS, help="write raw bits to standard output, for other batteries")
    parser.add_argument("--key", type=lambda text: int(text, 16), default=streams.KEY, help="of --emit, hexadecimal")
    parser.add_argument("--rounds", type=int, help="of --emit walkers: another ARS than that of the core")
    options = parser.parse_args()
    if options.rounds is not None and options.emit != "walkers":
        parser.error("--rounds goes with --emit walkers")
    if options.emit:
        outside.emit(options.emit, options.key, options.rounds)
        return 0
    battery = Battery(options.quick, options.figure)
    for name in options.only or [name for name in GROUPS if name not in ASKED_FOR]:
        start = time.perf_counter()
        GROUPS[name](battery)
        print(f"-- {name}: {time.perf_counter() - start:.0f} s\n", flush=True)
    summary, suspicious = battery.summary()
    print(summary)
    if options.out:
        battery.save(options.out)
    return int(suspicious > 0)


if __name__ == "__main__":
    sys.exit(main())
