"""Draws docs/images/machines.png: how long 10^12 walker-steps take on many cores, and what workers' deaths cost.

    python docs/scripts/machines.py [--quick | --whole [WALKER_STEPS]]

What a step, a shard and a part cost is measured here, with two workers; that the simulation makes something of it is
seen by killing real workers. Needs dask.distributed, and takes eight minutes, most of them for the simulation.
`--whole` makes such a run instead, of 10^12 walker-steps or as many as it is told, on two workers of dask of which two
are killed, and holds it against the simulation and the law: 20 minutes of two cores.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import langevin_ib as lib
import numpy as np
from farm.measurement import (
    SETTINGS,
    Crew,
    cluster,
    costs_of_parts,
    costs_of_shards,
    pool,
    sampled,
    seconds_a_step,
    timed_with_deaths,
)
from farm.simulation import Costs, Deaths, by_parts, by_shards
from langevin_ib.display import colour
from matplotlib.figure import Figure

PICTURE = Path(__file__).parents[1] / "images" / "machines.png"
WALKER_STEPS, WALKERS = 1e12, 1_000_000
CORES = 2 ** np.arange(1, 13)
HOURS = np.logspace(-2, 2, 13)
LONG, CREW = 1e15, 256
"""For deaths: a job of hours, on so many cores."""

SEEDS = 8
POOL, CLUSTER, JOBS = "a process pool", "a dask cluster", "jobs of a queue"
RESTART = {POOL: 0.5, CLUSTER: 2.0, JOBS: 30.0}
"""From a death to a worker in its place, seconds: a pool, a nanny of dask, and what a queue may take."""


def main() -> None:
    """Measure, check, simulate and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter, and no picture")
    parser.add_argument("--whole", type=float, nargs="?", const=WALKER_STEPS, help="make a run, of 10^12 walker-steps")
    told = parser.parse_args()
    quick = told.quick
    step = seconds_a_step(steps=2_000 if quick else 20_000)
    print(f"a walker-step: {1e9 * step:.2f} ns")
    plain = costs_of_parts(Costs(step, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    if told.whole:
        make(told.whole, replace(plain, restart=RESTART[CLUSTER]))
        return
    print(f"a job: begins in {plain.begin:.2f} s, writes in {plain.write:.4f} s, is merged in {plain.merge:.4f} s")
    costs = {JOBS: replace(plain, restart=RESTART[JOBS])}
    for name, opened in ((POOL, pool), (CLUSTER, cluster)):
        with opened() as crew:
            costs[name] = replace(costs_of_shards(crew.executor, plain), restart=RESTART[name])
            one = costs[name]
            print(f"{name}: a shard is sent in {1e3 * one.send:.2f} ms, received in {1e3 * one.receive:.2f} ms")
            check(name, one, crew, seconds=5.0 if quick else 30.0)
    if not quick:
        draw(costs)


def check(name: str, costs: Costs, crew: Crew, *, seconds: float) -> None:
    """Kill workers of a real run, and print how long it took beside what the simulation says."""
    walkers = 20_000
    steps = round(2 * seconds / (walkers * costs.step))
    whole = sampled(walkers=walkers, steps=steps)
    # Of two cores that others use, too, a worker may have less than one.
    costs = replace(costs, step=2 * whole.seconds / (walkers * steps))
    for at in ((), (0.3 * seconds, 0.7 * seconds)):
        taken, run = timed_with_deaths(crew, walkers=walkers, steps=steps, at=at)
        assert (run.states == whole.states).all()
        deaths = Deaths(np.inf, np.random.default_rng(0), at)
        simulated, died = by_shards(walkers * steps, 2, costs, deaths, walkers=walkers, is_pool=name == POOL)
        print(f"  {len(at)} workers killed ({died}): {taken:.1f} s, simulated {simulated:.1f} s; the same bits")


def make(walker_steps: float, costs: Costs) -> None:
    """Make a whole run whose workers are killed: how long it takes, whose bits it has, and how near the law it is."""
    few, steps = 1000, round(walker_steps / WALKERS)
    expected = walker_steps * costs.step / 2
    at = (0.3 * expected, 0.7 * expected)
    with cluster() as crew:
        costs = costs_of_shards(crew.executor, costs)
        taken, run = timed_with_deaths(crew, at=at, walkers=WALKERS, steps=steps, burn_in=steps // 10)
    simulated, died = by_shards(
        walker_steps, 2, costs, Deaths(np.inf, np.random.default_rng(0), at), walkers=WALKERS, is_pool=False
    )
    print(f"{walker_steps:.3g} walker-steps, {died} workers killed: {taken:.1f} s, simulated {simulated:.1f} s")
    alone = sampled(walkers=slice(0, few), steps=steps)
    assert (run.states[:few] == alone.states).all()
    print(f"the first {few} walkers have the bits of those that run alone")
    law = lib.density(
        lib.models.scalar_product(), "theta", dynamics=SETTINGS["dynamics"], temperature=SETTINGS["temperature"]
    )
    seen = run["theta"]
    below = (seen.underflow + np.cumsum(seen.counts())) / seen.total
    print(
        f"largest difference from the law's distribution function {np.abs(below - law.cdf(seen.edges[1:])).max():.1e}"
    )


def draw(costs: dict[str, Costs]) -> None:
    """Draw both panels."""
    drawing = Figure(figsize=(9.0, 4.0), layout="constrained")
    left, right = drawing.subplots(1, 2)
    ideal = WALKER_STEPS * costs[POOL].step / CORES
    left.loglog(CORES, ideal, color="0.6", linestyle=":", label="nothing but steps")
    for color, name in enumerate(costs):
        # A pool is one machine.
        cores = CORES[CORES <= 128] if name == POOL else CORES
        seconds = [simulated(name, costs[name], WALKER_STEPS, int(n)) for n in cores]
        left.loglog(cores, seconds, "o-", markersize=3, color=colour(color), label=name)
        print(name, [f"{n}: {s:.1f} s" for n, s in zip(cores, seconds, strict=True)])
        crew = 64 if name == POOL else CREW
        alone = LONG * costs[name].step / crew
        lost = [
            np.median([simulated(name, costs[name], LONG, crew, mean=3600 * h, seed=s) for s in range(SEEDS)]) / alone
            - 1
            for h in HOURS
        ]
        right.loglog(
            HOURS, 100 * np.array(lost), "o-", markersize=3, color=colour(color), label=f"{name}, {crew} cores"
        )
        print(name, [f"{h:.3g} h: {100 * part:.1f} %" for h, part in zip(HOURS, lost, strict=True)])
    left.set_xlabel("cores")
    left.set_ylabel("wall time (s)")
    left.set_title("10¹² walker-steps, nobody dies", fontsize="medium")
    right.set_xlabel("mean time between two deaths of a worker (h)")
    right.set_ylabel("time beyond that of the steps alone (%)")
    right.set_title("10¹⁵ walker-steps", fontsize="medium")
    for ax in (left, right):
        ax.legend(fontsize="small")
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.2)
    drawing.savefig(PICTURE, dpi=150)


def simulated(
    name: str, costs: Costs, walker_steps: float, cores: int, *, mean: float = np.inf, seed: int = 0
) -> float:
    """Return how long a run takes in one of the three ways."""
    deaths = Deaths(mean, np.random.default_rng(seed))
    if name == JOBS:
        return by_parts(walker_steps, cores, costs, deaths)[0]
    return by_shards(walker_steps, cores, costs, deaths, walkers=WALKERS, is_pool=name == POOL)[0]


if __name__ == "__main__":
    main()
