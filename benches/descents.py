"""Training of one seed with many parameters: langevin_ib one by one and as a tape, against numba, turn by turn.

    python benches/descents.py [--rounds N] [--steps N]

The jobs are those of the paper's Figures 4, 5 and 6: a 20 x 20 matrix of rank 20 of which 80 entries are seen and half
of these drawn at every step; gradient descent on 32 rows of 64 products of two weights, on 60 rows of 200 products, and
on 60 rows of 200 weights as they are. One core, double precision. numba has the same step in plain loops with fastmath,
and `Generator(SFC64).random` for what is drawn. Everybody's final loss is compared with the first one's: of descents to
rounding, of drawn entries to 5 %. Ratios are taken within a round; the medians are printed.
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
from typing import Any, cast

import langevin_ib as lib
import numpy as np
import sympy
from numpy.typing import NDArray
from peers import on_cores

Array = NDArray[np.float64]
Run = Callable[[int], Array]

SIZE, SEEN = 20, 80
TINY = sympy.Float(1e-40)
"""The factor of a term that changes nothing, but is no part of a closed form."""


@dataclass(frozen=True)
class Job:
    """A model, what drives it, where it starts, and the same by somebody else."""

    name: str
    model: lib.Model
    sgd: lib.SGD
    start: Array
    step_size: float
    peer: Callable[[Job], Run]
    loss: Callable[[Array], float]
    tolerance: float

    def run(self, model: lib.Model) -> Run:
        """Return ourselves with a model that is this one."""

        def run(steps: int) -> Array:
            sampled = lib.sample(
                model,
                dynamics=self.sgd,
                step_size=self.step_size,
                steps=steps,
                walkers=1,
                rng=0,
                initial=self.start[np.newaxis],
                threads=1,
                progress=False,
            )
            return np.asarray(sampled.states[0])

        return run

    def taped(self) -> lib.Model:
        """Return the model with a term that hides its form."""
        data = self.model.fresh or dict(self.model.data)
        loss = self.model.loss + TINY * self.model.parameters[0] ** 4
        predictor = dict(self.model.predictor)
        return lib.Model(parameters=self.model.parameters, predictor=predictor, loss=loss, data=cast("Any", data))


def regression(name: str, rows: int, weights: int, step_size: float, *, depth: int) -> Job:
    """Return gradient descent on random rows; `depth` factors make a weight."""
    rng = np.random.default_rng(rows)
    x, y = rng.standard_normal((rows, weights)) / np.sqrt(rows), rng.standard_normal(rows)

    def peer(job: Job) -> Run:
        import numba

        @numba.njit(fastmath=True)
        def train(z, steps, x, y, h):
            depth, weights = z.shape
            w, g = np.empty(weights), np.empty(weights)
            for _ in range(steps):
                for j in range(weights):
                    w[j] = z[0, j] * z[1, j] if depth == 2 else z[0, j]
                    g[j] = 0.0
                for i in range(len(y)):
                    error = -y[i]
                    for j in range(weights):
                        error += x[i, j] * w[j]
                    error *= h / len(y)
                    for j in range(weights):
                        g[j] += error * x[i, j]
                for j in range(weights):
                    first = z[0, j]
                    z[0, j] -= g[j] * (z[1, j] if depth == 2 else 1.0)
                    if depth == 2:
                        z[1, j] -= g[j] * first

        def run(steps: int) -> Array:
            z = job.start.reshape(weights, depth).T.copy()
            train(z, steps, x, y, job.step_size)
            return z.T.ravel()

        return run

    def loss(state: Array) -> float:
        return float(np.mean((x @ np.prod(state.reshape(weights, depth), axis=1) - y) ** 2))

    model = lib.models.hadamard(weights, data=(x, y)) if depth == 2 else _linear(x, y)
    return Job(name, model, lib.SGD(), 0.1 * rng.standard_normal(model.dim), step_size, peer, loss, 1e-9)


def _linear(x: Array, y: Array) -> lib.Model:
    rows, weights = x.shape
    w, i = lib.parameters(f"w:{weights}"), sympy.Idx("i", rows)
    inputs, labels = sympy.IndexedBase("X"), sympy.IndexedBase("y")
    residual = sympy.Add(*(inputs[i, j] * each for j, each in enumerate(w))) - labels[i]
    loss = sympy.Sum(residual**2, (i, 0, rows - 1)) / (2 * rows)
    return lib.Model(parameters=w, predictor={str(x): x for x in w}, loss=loss, data={"X": x, "y": y})


def completion() -> Job:
    """Return SGD on entries of U Vᵀ, each of which counts with the chance 1/2."""
    rng = np.random.default_rng(4)
    places = np.sort(rng.choice(SIZE**2, size=SEEN, replace=False))
    rows, columns, target = places // SIZE, places % SIZE, rng.standard_normal(SEEN)
    u, v = ([lib.parameters(" ".join(f"{s}{i}_{a}" for a in range(SIZE))) for i in range(SIZE)] for s in "uv")
    squares = [
        (sympy.Add(*(a * b for a, b in zip(u[i], v[j], strict=True))) - sympy.Float(t)) ** 2
        for i, j, t in zip(rows, columns, target, strict=True)
    ]
    coin, mask, row = sympy.IndexedBase("coin"), sympy.IndexedBase("mask"), sympy.Idx("row", 1)
    masks = tuple(sympy.Piecewise((1, coin[k] < sympy.Rational(1, 2)), (0, True)) for k in range(SEEN))
    fresh = lib.Fresh(inputs={"coin": (SEEN,)}, labels={"mask": masks}, law="uniform", rows=1)
    loss = sympy.Sum(sympy.Add(*(mask[row, k] * each for k, each in enumerate(squares))), (row, 0, 0)) / (2 * SIZE**2)
    parameters = tuple(x for side in (*u, *v) for x in side)
    model = lib.Model(parameters=parameters, predictor={"u": u[0][0]}, loss=loss, data=cast("Any", fresh))

    def peer(job: Job) -> Run:
        import numba

        @numba.njit(fastmath=True)
        def train(x, generator, steps, h):
            g = np.empty_like(x)
            for _ in range(steps):
                g[:] = 0.0
                for k in range(SEEN):
                    if generator.random() < 0.5:
                        p, q, error = rows[k], SIZE + columns[k], -target[k]
                        for a in range(SIZE):
                            error += x[p, a] * x[q, a]
                        error *= h / SIZE**2
                        for a in range(SIZE):
                            g[p, a] += error * x[q, a]
                            g[q, a] += error * x[p, a]
                x -= g

        def run(steps: int) -> Array:
            x = job.start.reshape(2 * SIZE, SIZE).copy()
            train(x, np.random.Generator(np.random.SFC64(0)), steps, job.step_size)
            return x.ravel()

        return run

    def loss_of(state: Array) -> float:
        left, right = state.reshape(2, SIZE, SIZE)
        return float(np.mean(((left @ right.T)[rows, columns] - target) ** 2))

    return Job("drawn entries", model, lib.SGD(1), 0.3 * rng.standard_normal(800), 0.02, peer, loss_of, 0.05)


def main() -> int:
    """Time everybody, turn by turn; return 1 if the answers differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50_000)
    options = parser.parse_args()
    has_numba = importlib.util.find_spec("numba") is not None
    jobs = [
        completion(),
        regression("32 x 64, products", 32, 64, 1e-4, depth=2),
        regression("60 x 200, products", 60, 200, 1e-4, depth=2),
        regression("60 x 200, weights", 60, 200, 1e-4, depth=1),
    ]
    right = True
    print(f"one seed, {options.steps} steps, {options.rounds} rounds, processor time of one core; µs a step")
    with on_cores(1):
        for job in jobs:
            right &= _measured(job, options.rounds, options.steps, has_numba=has_numba)
    if not has_numba:
        print("NOT MEASURED  numba: it is not installed")
    return 0 if right else 1


def _measured(job: Job, rounds: int, steps: int, *, has_numba: bool) -> bool:
    runs = {"langevin_ib": job.run(job.model), "tape": job.run(job.taped())}
    if has_numba:
        runs["numba"] = job.peer(job)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    losses = {}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            started = time.process_time()
            losses[name] = job.loss(run(steps))
            if turn > 0:  # The first compiles.
                seconds[name].append(time.process_time() - started)
    is_right = all(abs(loss / losses["langevin_ib"] - 1.0) < job.tolerance for loss in losses.values())
    told = []
    for name, times in seconds.items():
        ratio = median(mine / ours for mine, ours in zip(times, seconds["langevin_ib"], strict=True))
        told.append(f"{name} {1e6 * median(times) / steps:.2f} ({ratio:.1f})")
    print(f"{job.name:<20} {'   '.join(told)}{'' if is_right else f'   WRONG ANSWER {losses}'}")
    return is_right


if __name__ == "__main__":
    sys.exit(main())
