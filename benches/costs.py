"""What costs what: variants of the uv job beside a plain step, and the plain step beside its Gaussians alone.

    python benches/costs.py [--rounds N] [--quick]

All variants take a short turn in every round, so that they share the machine's moods. Printed are the median and, in
brackets, the least time of the rounds in ns a walker-step, and the median and quartiles of the ratios to the first
variant, each taken within a round.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

import langevin_ib as lib
import numpy as np
from langevin_ib import _core
from peers import Job, on_cores

JOB = Job(steps=2000)
HISTOGRAM = {"bins": 256, "range": (-1.0, 3.0)}


def gaussians() -> Callable[[], object]:
    """Return two normals for each walker-step, as the loop draws them, added up and nothing else."""
    return lambda: _core.normal_sums(1, JOB.walkers, JOB.steps)


def step(model: lib.Model | None = None, **settings: Any) -> Callable[[], object]:
    """Return a run of the job."""
    model = model or lib.models.scalar_product()
    every_run: dict[str, Any] = {
        "dynamics": lib.Ambient(weight_decay=JOB.weight_decay),
        "temperature": JOB.temperature,
        "step_size": JOB.step_size,
        "steps": JOB.steps,
        "walkers": JOB.walkers,
        "initial": np.ones((JOB.walkers, 2), dtype=settings.get("dtype", "float64")),
        "rng": 1,
        "threads": 1,
        "progress": False,
    }
    return lambda: lib.sample(model, **(every_run | settings))


def observing(**observe: Any) -> Callable[[], object]:
    return step(observe={"theta": tuple(observe.values())})


def as_a_tape() -> lib.Model:
    """Return the same model but for the last digits of its confinement, which no closed form fits."""
    u, v = lib.parameters("u v")
    return lib.Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=(u * v - 1) ** 2 / 2,
        confinement=JOB.weight_decay / 2 * (u**2 + 1.000001 * v**2),
    )


VARIANTS = {
    "Euler-Maruyama, final states": step(),
    "the Gaussians alone": gaussians(),
    "Leimkuhler-Matthews": step(scheme="leimkuhler-matthews"),
    "MALA": step(scheme="mala"),
    "256-bin histogram every 10th step": observing(histogram=lib.Histogram(**HISTOGRAM, every=10)),
    "256-bin histogram every step": observing(histogram=lib.Histogram(**HISTOGRAM)),
    "the same under a condition": observing(histogram=lib.Histogram(**HISTOGRAM, given=("imbalance", -0.5, 0.5))),
    "two moments every step": observing(moments=lib.Moments()),
    "single-precision noise": step(noise="single"),
    "single precision": step(dtype="float32"),
    "as a tape": step(as_a_tape(), dynamics=lib.Ambient()),
    "blocks of 64 walkers": step(block=64),
    "blocks of 1024 walkers": step(block=1024),
    **{f"level {level}": step(level=level) for level in lib.levels() if level == "avx2"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--quick", action="store_true", help="three rounds, to see that it works")
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with on_cores(1):
        for _ in range(3 if arguments.quick else arguments.rounds):
            for name, run in VARIANTS.items():
                started = time.perf_counter()
                run()
                times[name].append(1e9 * (time.perf_counter() - started) / JOB.walker_steps)
    first = next(iter(times.values()))
    for name, found in times.items():
        ratios = [mine / plain for mine, plain in zip(found, first, strict=True)]
        low, middle, high = quantiles(ratios, n=4)
        print(f"{name:36} {median(found):6.2f} ({min(found):5.2f}) ns   {middle:5.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
