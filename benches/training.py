"""SGD on a layer of rectified units, turn by turn: langevin_ib in closed form and as a tape, against numba and JAX.

    python benches/training.py [--rounds N] [--steps N] [--seeds N]

The job: a student of 16 units and 3 inputs learns from a teacher of that size, (f - y)² averaged over batches of 8 with
fresh N(0, 1) inputs and label noise 0.1 at every step; one core, double precision unless said. numba has a hand-written
gradient in a scalar loop over seeds, with `Generator(SFC64).standard_normal`; JAX differentiates the loss of a batch,
maps it over seeds and scans over steps. Everybody's mean loss at the end is compared with the first one's. Ratios are
taken within a round; the medians are printed.
"""

# ruff: noqa: PLC0415 # peers are imported where they are used

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import langevin_ib as lib
import numpy as np
import sympy
from numpy.typing import NDArray
from peers import on_cores

INPUTS, UNITS, BATCH, LABEL_NOISE, STEP_SIZE = 3, 16, 8, 0.1, 1e-3
SIGMAS = 5.0
"""Means of two contenders that differ by more standard errors are not of the same job; by chance once in a million."""

RNG = np.random.default_rng(0)
TEACHER_W, TEACHER_V = RNG.standard_normal((UNITS, INPUTS)), RNG.standard_normal(UNITS)
TEST = np.random.default_rng(1).standard_normal((4096, INPUTS))

Run = Callable[[int], NDArray[Any]]
"""Does the job with a seed; returns the final (w, v) of each unit, shape (seeds, units, inputs + 1)."""


@dataclass(frozen=True)
class Job:
    """How many seeds, and how many steps."""

    seeds: int
    steps: int

    def start(self) -> NDArray[np.float64]:
        """Return where the seeds start, shape (seeds, units, inputs + 1)."""
        return 0.5 * np.random.default_rng(2).standard_normal((self.seeds, UNITS, INPUTS + 1))


def teacher(x: Any) -> sympy.Expr:
    """Return the labels of inputs that are symbols."""
    rows = zip(TEACHER_W.tolist(), TEACHER_V.tolist(), strict=True)
    units = (v * sympy.Max(0, sympy.Add(*map(sympy.Mul, w, x))) for w, v in rows)
    return sympy.Add(*units)


def ours(*, closed: bool, dtype: str) -> Callable[[Job], Run]:
    """Return ourselves; a network whose parameters stand in reverse order has no closed form."""

    def build(job: Job) -> Run:
        fresh = lib.Fresh(inputs={"X": (INPUTS,)}, labels={"y": teacher}, rows=16)
        net = lib.models.relu_network(INPUTS, UNITS, data=fresh)
        order = slice(None) if closed else slice(None, None, -1)
        model = lib.Model(
            parameters=net.parameters[order], predictor=dict(net.predictor), loss=2 * net.loss, data=fresh
        )
        start = job.start().reshape(job.seeds, -1)[:, order]
        sgd = lib.SGD(BATCH, label_noise={"y": LABEL_NOISE})

        def run(seed: int) -> NDArray[Any]:
            done = lib.sample(
                model,
                dynamics=sgd,
                step_size=STEP_SIZE,
                steps=job.steps,
                walkers=job.seeds,
                rng=seed,
                initial=start,
                threads=1,
                progress=False,
                dtype=dtype,
            )
            return done.states[:, order].reshape(job.start().shape)

        return run

    return build


def numba_peer(job: Job) -> Run:
    """A scalar loop."""
    import numba

    @numba.njit(fastmath=True)
    def train(x, generator, steps, teacher_w, teacher_v):
        seeds, units, width = x.shape
        inputs = width - 1
        z, g, hidden = np.empty(inputs), np.empty((units, width)), np.empty(units)
        for s in range(seeds):
            for _ in range(steps):
                g[:] = 0.0
                for _ in range(BATCH):
                    error = -LABEL_NOISE * generator.standard_normal()
                    for i in range(inputs):
                        z[i] = generator.standard_normal()
                    for j in range(units):
                        h, t = 0.0, 0.0
                        for i in range(inputs):
                            h += x[s, j, i] * z[i]
                            t += teacher_w[j, i] * z[i]
                        hidden[j] = max(h, 0.0)
                        error += x[s, j, inputs] * hidden[j] - teacher_v[j] * max(t, 0.0)
                    error *= 2.0 / BATCH
                    for j in range(units):
                        g[j, inputs] += error * hidden[j]
                        if hidden[j] > 0.0:
                            slope = error * x[s, j, inputs]
                            for i in range(inputs):
                                g[j, i] += slope * z[i]
                for j in range(units):
                    for i in range(width):
                        x[s, j, i] -= STEP_SIZE * g[j, i]

    def run(seed: int) -> NDArray[Any]:
        x = job.start()
        train(x, np.random.Generator(np.random.SFC64(seed)), job.steps, TEACHER_W, TEACHER_V)
        return x

    return run


def jax_peer(job: Job) -> Run:
    """A loss of a batch, differentiated, mapped over seeds, scanned over steps."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def output(x, z):
        return jnp.maximum(z @ x[:, :INPUTS].T, 0.0) @ x[:, INPUTS]

    goal = jnp.concatenate([jnp.asarray(TEACHER_W), jnp.asarray(TEACHER_V)[:, None]], axis=1)

    def loss(x, z, noise):
        return jnp.mean((output(x, z) - output(goal, z) - noise) ** 2)

    def step(carry, _):
        x, key = carry
        key, one, two = jax.random.split(key, 3)
        z = jax.random.normal(one, (job.seeds, BATCH, INPUTS))
        noise = LABEL_NOISE * jax.random.normal(two, (job.seeds, BATCH))
        return (x - STEP_SIZE * jax.vmap(jax.grad(loss))(x, z, noise), key), None

    @jax.jit
    def train(x, key):
        return jax.lax.scan(step, (x, key), length=job.steps)[0][0]

    def run(seed: int) -> NDArray[Any]:
        return np.asarray(train(jnp.asarray(job.start()), jax.random.key(seed)))

    return run


CONTENDERS: dict[str, tuple[Callable[[Job], Run], str | None]] = {
    "langevin_ib, closed form": (ours(closed=True, dtype="float64"), None),
    "langevin_ib, closed form, float32": (ours(closed=True, dtype="float32"), None),
    "langevin_ib, tape": (ours(closed=False, dtype="float64"), None),
    "numba": (numba_peer, "numba"),
    "JAX vmap": (jax_peer, "jax"),
}


def losses(x: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean loss of each seed on inputs that nobody has seen, without label noise."""
    hidden = np.maximum(np.einsum("ti,sji->stj", TEST, x[..., :INPUTS]), 0.0)
    goal = np.maximum(TEST @ TEACHER_W.T, 0.0) @ TEACHER_V
    return np.asarray(np.mean((np.einsum("stj,sj->st", hidden, x[..., INPUTS]) - goal) ** 2, axis=1))


def main() -> int:
    """Time everybody, turn by turn; return 1 if the answers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=16)
    options = parser.parse_args()
    job = Job(options.seeds, options.steps)
    runs, short = {}, Job(options.seeds, 10)
    for name, (build, requires) in CONTENDERS.items():
        if requires is not None and importlib.util.find_spec(requires) is None:
            print(f"NOT MEASURED  {name}: {requires} is not installed")
            continue
        build(short)(0)
        runs[name] = build(job)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in runs}
    with on_cores(1):
        for turn in range(options.rounds + 1):
            for name, run in runs.items():
                started = time.process_time()
                states = run(turn)
                if turn > 0:  # The first compiles.
                    seconds[name].append(time.process_time() - started)
                    found[name].append(losses(states))
    first = next(iter(runs))
    unit, right = job.seeds * job.steps, True
    print(f"{job.seeds} seeds x {job.steps} steps, {options.rounds} rounds, processor time of one core")
    for name, times in seconds.items():
        # Seeds start where those of the others do, so the differences of means over rounds have their own errors.
        apart = np.array(found[name]) - np.array(found[first])
        z = 0.0 if name == first else apart.mean() / (apart.std() / np.sqrt(apart.size))
        right &= abs(z) < SIGMAS
        ratio = median(mine / ours for mine, ours in zip(times, seconds[first], strict=True))
        print(
            f"{name:<36} {1e6 * median(times) / unit:7.3f} µs per seed and step   ratio {ratio:5.2f}   loss "
            f"{np.mean(found[name]):.4f} ({z:+.1f} sigma){'' if abs(z) < SIGMAS else '  WRONG ANSWER'}"
        )
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
