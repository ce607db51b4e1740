"""The training experiments of the paper's Figures 2 to 6, 16 seeds: langevin_ib, numba and JAX, turn by turn.

    python benches/figures.py [--rounds N] [--share X] [--only fig3]

Every seed has a problem of its own, as in `langevin-ib reproduce`; one core, double precision. numba has hand-written
gradients in scalar loops with fastmath, over seeds one after the other, and `Generator(SFC64)` for what is drawn. JAX
differentiates the loss of a batch, maps it over seeds (vmap) and scans over steps, compiled. Everybody's mean loss
at the end is compared with ours: of descents on all rows to 1e-6, where batches are drawn to a fifth. Ratios are taken
within a round; the medians are printed, in microseconds per seed and iteration.
"""

# ruff: noqa: PLC0415, PLR0912, PLR0915, PLR0917 # peers are imported where they are used, and compiled loops take plain arguments

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
from langevin_ib.studies.experiments import FIGURES
from langevin_ib.studies.experiments.arms import Order
from langevin_ib.studies.experiments.experiment import Plan
from numpy.typing import NDArray
from peers import on_cores

Array = NDArray[np.float64]
SEEDS = 16

STEPS = {"fig2": 20_000, "fig3": 300, "fig4": 6_000, "fig5": 20_000, "fig6": 3_000}
"""So many take ours about a tenth of a second to one."""

ARMS = {"fig2": "noisy", "fig3": "noisy", "fig4": "masked", "fig5": "hadamard", "fig6": "cumsum"}
DRAWN = ("fig2", "fig3", "fig4")


@dataclass(frozen=True)
class Job:
    """A figure's problems, where their seeds start, and for how long they train."""

    figure: str
    steps: int
    problems: list[dict[str, Array]]
    start: Array
    rate: float

    @classmethod
    def of(cls, figure: str, steps: int) -> Job:
        """Return the job of a figure."""
        experiment, plan = FIGURES[figure], Plan(steps, 1.0, "code")
        problems = [experiment.draw(np.random.default_rng(seed), plan) for seed in range(SEEDS)]
        arm = next(arm for arm in experiment.arms(problems[0], plan) if arm.name == ARMS[figure])
        return cls(figure, steps, problems, np.stack([experiment.start(arm, p) for p in problems]), arm.learning_rate)

    def ours(self) -> Array:
        """Train in the core, as `reproduce` does."""
        experiment = FIGURES[self.figure]
        plan, done = Plan(self.steps, 1.0, "code"), []
        arm = next(a for a in experiment.arms(self.problems[0], plan) if a.name == ARMS[self.figure])
        arm = replace(arm, looks=(self.steps,))
        size = SEEDS if arm.is_joint else 1
        for first in range(0, SEEDS, size):
            order = Order(
                walkers=range(first, first + size),
                root=0,
                problems=self.problems[first : first + size],
                initial=self.start[first : first + size],
                temperatures=np.zeros(size),
                progress=False,
            )
            done.append(arm.train(order)[:, -1])
        return np.concatenate(done)

    def stacked(self) -> tuple[Array, ...]:
        """Return what the loss of each seed is a function of, seeds first."""
        ps = self.problems
        if self.figure in ("fig2", "fig3"):
            return (np.stack([p["teacher"] for p in ps]),)
        if self.figure == "fig4":
            return np.stack([p["target"] for p in ps]), np.stack([p["seen"] for p in ps])
        if self.figure == "fig5":
            waves = [np.cos(2 * np.pi * np.outer(p["t"], np.arange(64))) for p in ps]
            return np.stack(waves), np.stack([p["y"] for p in ps])
        cumulated = [np.cumsum(p["A"][:, ::-1], axis=1)[:, ::-1] for p in ps]
        return np.ascontiguousarray(np.stack(cumulated)), np.stack([p["y"] for p in ps])

    def loss(self, states: Array) -> float:
        """Return the mean over seeds of the final loss on what is the same for all contenders."""
        found = []
        for seed, x in enumerate(states):
            rng = np.random.default_rng(seed)
            given = [each[seed] for each in self.stacked()]
            draws = {"fig2": (4096, 3), "fig3": (256, 8, 16)}.get(self.figure)
            drawn = rng.normal(size=draws) if draws else np.ones((20, 20))
            found.append(float(losses(np)[self.figure](x, drawn, 0.0, *given)))
        return float(np.mean(found))


def losses(xp: Any) -> dict[str, Callable[..., Any]]:
    """Return the losses of a batch that is drawn, in NumPy or in JAX."""

    def layer(x, inputs, noise, teacher):
        units = x.reshape(-1, 4)
        made, labels = (xp.maximum(inputs @ each[:, :3].T, 0.0) @ each[:, 3] for each in (units, teacher))
        return xp.mean((made - labels - noise) ** 2)

    def output(tokens, weights):
        q, k, v = (tokens @ side for side in weights)
        scores = q @ xp.swapaxes(k, -1, -2) / 8**0.5
        shares = xp.exp(scores - scores.max(axis=-1, keepdims=True))
        return shares / shares.sum(axis=-1, keepdims=True) @ v

    def attention(x, tokens, noise, teacher):
        return xp.mean((output(tokens, x.reshape(3, 16, 8)) - output(tokens, teacher) - noise) ** 2)

    def completion(x, masks, _, target, seen):
        u, v = x.reshape(2, 20, 20)
        return xp.sum(masks * seen * (u @ v.T - target) ** 2) / 400

    def products(x, _, __, inputs, labels):
        return xp.mean((inputs @ (x[0::2] * x[1::2]) - labels) ** 2)

    return {"fig2": layer, "fig3": attention, "fig4": completion, "fig5": products, "fig6": products}


def jax_peer(job: Job) -> Callable[[], Array]:
    """Gradients by differentiation, mapped over seeds."""
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    slope = jax.grad(losses(jnp)[job.figure])
    shapes = {"fig2": ((8, 3), (8,), 0.1), "fig3": ((16, 8, 16), (16, 8, 8), 0.02)}

    def step(x, key, *given):
        drawn, noise = 0.0, 0.0
        if job.figure in shapes:
            inputs, labels, size = shapes[job.figure]
            key, label_key = jax.random.split(key)
            drawn, noise = jax.random.normal(key, inputs), size * jax.random.normal(label_key, labels)
        elif job.figure == "fig4":
            drawn = (jax.random.uniform(key, (20, 20)) < 0.5).astype(float)
        return x - job.rate * slope(x, drawn, noise, *given)

    steps = jax.vmap(step)

    @jax.jit
    def train(x, keys, *given):
        def one(carry, _):
            x, keys = carry
            split = jax.vmap(jax.random.split)(keys) if job.figure in DRAWN else jnp.stack([keys, keys], axis=1)
            return (steps(x, split[:, 0], *given), split[:, 1]), None

        return jax.lax.scan(one, (x, keys), None, length=job.steps)[0][0]

    given, keys = [jnp.asarray(each) for each in job.stacked()], jax.random.split(jax.random.key(0), SEEDS)
    return lambda: np.asarray(train(jnp.asarray(job.start), keys, *given))


def numba_peer(job: Job) -> Callable[[], Array]:
    """Scalar loops, seed by seed."""
    import numba

    compiled = numba.njit(fastmath=True)

    @compiled
    def layer(x, generator, steps, h, teacher):
        units = x.reshape(-1, 4)
        g, hidden, z = np.empty_like(units), np.empty(len(units)), np.empty(3)
        for _ in range(steps):
            g[:] = 0.0
            for _ in range(8):
                error = -0.1 * generator.standard_normal()
                for i in range(3):
                    z[i] = generator.standard_normal()
                for j in range(len(units)):
                    made, label = 0.0, 0.0
                    for i in range(3):
                        made += units[j, i] * z[i]
                        label += teacher[j, i] * z[i]
                    hidden[j] = max(made, 0.0)
                    error += units[j, 3] * hidden[j] - teacher[j, 3] * max(label, 0.0)
                error *= 2.0 * h / 8
                for j in range(len(units)):
                    g[j, 3] += error * hidden[j]
                    if hidden[j] > 0.0:
                        for i in range(3):
                            g[j, i] += error * units[j, 3] * z[i]
            units -= g

    @compiled
    def times(left, right, out):
        for i in range(left.shape[0]):
            out[i] = 0.0
            for k in range(left.shape[1]):
                for j in range(right.shape[1]):
                    out[i, j] += left[i, k] * right[k, j]

    @compiled
    def softmax(q, k, p):
        for t in range(8):
            largest, total = -np.inf, 0.0
            for s in range(8):
                p[t, s] = 0.0
                for a in range(8):
                    p[t, s] += q[t, a] * k[s, a]
                p[t, s] /= np.sqrt(8.0)
                largest = max(largest, p[t, s])
            for s in range(8):
                p[t, s] = np.exp(p[t, s] - largest)
                total += p[t, s]
            for s in range(8):
                p[t, s] /= total

    @compiled
    def attention(x, generator, steps, h, teacher):
        w, g, z = x.reshape(3, 16, 8), np.empty((3, 16, 8)), np.empty((8, 16))
        sides, taught, by = np.empty((3, 8, 8)), np.empty((3, 8, 8)), np.empty((3, 8, 8))
        p, label, made, off = np.empty((8, 8)), np.empty((8, 8)), np.empty((8, 8)), np.empty((8, 8))
        for _ in range(steps):
            g[:] = 0.0
            for _ in range(16):
                for t in range(8):
                    for i in range(16):
                        z[t, i] = generator.standard_normal()
                for side in range(3):
                    times(z, teacher[side], taught[side])
                    times(z, w[side], sides[side])
                softmax(taught[0], taught[1], p)
                times(p, taught[2], label)
                softmax(sides[0], sides[1], p)
                times(p, sides[2], made)
                for t in range(8):
                    for a in range(8):
                        off[t, a] = (made[t, a] - label[t, a] - 0.02 * generator.standard_normal()) * h / 512
                by[:] = 0.0
                for t in range(8):
                    total = 0.0
                    for s in range(8):
                        made[t, s] = 0.0
                        for a in range(8):
                            made[t, s] += off[t, a] * sides[2, s, a]
                            by[2, s, a] += p[t, s] * off[t, a]
                        total += made[t, s] * p[t, s]
                    for s in range(8):
                        slope = p[t, s] * (made[t, s] - total) / np.sqrt(8.0)
                        for a in range(8):
                            by[0, t, a] += slope * sides[1, s, a]
                            by[1, s, a] += slope * sides[0, t, a]
                for side in range(3):
                    for t in range(8):
                        for i in range(16):
                            for a in range(8):
                                g[side, i, a] += z[t, i] * by[side, t, a]
            w -= g

    @compiled
    def completion(x, generator, steps, h, target, seen):
        rows, columns = np.nonzero(seen)
        u, g = x.reshape(40, 20), np.empty((40, 20))
        for _ in range(steps):
            g[:] = 0.0
            for k in range(len(rows)):
                if generator.random() < 0.5:
                    p, q, error = rows[k], 20 + columns[k], -target[rows[k], columns[k]]
                    for a in range(20):
                        error += u[p, a] * u[q, a]
                    error *= h / 200
                    for a in range(20):
                        g[p, a] += error * u[q, a]
                        g[q, a] += error * u[p, a]
            u -= g

    @compiled
    def products(x, generator, steps, h, inputs, labels):
        u, v = x[0::2].copy(), x[1::2].copy()
        g, z = np.empty_like(u), np.empty_like(u)
        for _ in range(steps):
            for j in range(len(u)):
                z[j] = u[j] * v[j]
                g[j] = 0.0
            for i in range(len(labels)):
                error = -labels[i]
                for j in range(len(u)):
                    error += inputs[i, j] * z[j]
                error *= 2.0 * h / len(labels)
                for j in range(len(u)):
                    g[j] += error * inputs[i, j]
            for j in range(len(u)):
                first = u[j]
                u[j] -= g[j] * v[j]
                v[j] -= g[j] * first
        x[0::2], x[1::2] = u, v

    loops = {"fig2": layer, "fig3": attention, "fig4": completion, "fig5": products, "fig6": products}

    def run() -> Array:
        generator, states = np.random.Generator(np.random.SFC64(0)), job.start.copy()
        for seed, x in enumerate(states):
            loops[job.figure](x, generator, job.steps, job.rate, *(each[seed] for each in job.stacked()))
        return states

    return run


def main() -> int:
    """Time everybody, turn by turn; return 1 if the answers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of steps")
    parser.add_argument("--only", choices=list(STEPS), default=None)
    options = parser.parse_args()
    makers = {"numba": numba_peer, "jax": jax_peer}
    known = {name: maker for name, maker in makers.items() if importlib.util.find_spec(name) is not None}
    right = True
    print(
        f"{SEEDS} seeds, {options.rounds} rounds, processor time of one core; µs per seed and iteration (ratio to ours)"
    )
    with on_cores(1):
        for figure, steps in STEPS.items():
            if options.only in (None, figure):
                job = Job.of(figure, max(1, round(options.share * steps)))
                runs = {"langevin_ib": job.ours} | {name: maker(job) for name, maker in known.items()}
                right &= measured(job, runs, options.rounds)
    for name in makers.keys() - known.keys():
        print(f"NOT MEASURED  {name}: it is not installed")
    return 0 if right else 1


def measured(job: Job, runs: dict[str, Callable[[], Array]], rounds: int) -> bool:
    """Time a job, print a line, and return whether all answers agree."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    ends: dict[str, float] = {}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            started = time.process_time()
            states = run()
            if turn > 0:  # The first compiles.
                seconds[name].append(time.process_time() - started)
            else:
                ends[name] = job.loss(states)
    tolerance = 0.2 if job.figure in DRAWN else 1e-6
    is_right = all(abs(loss / ends["langevin_ib"] - 1.0) < tolerance for loss in ends.values())
    told = []
    for name, times in seconds.items():
        ratio = median(theirs / own for theirs, own in zip(times, seconds["langevin_ib"], strict=True))
        told.append(f"{name} {1e6 * median(times) / job.steps / SEEDS:.3f} ({ratio:.1f})")
    print(f"{job.figure}  {'   '.join(told)}{'' if is_right else f'   WRONG ANSWER {ends}'}", flush=True)
    return is_right


if __name__ == "__main__":
    sys.exit(main())
