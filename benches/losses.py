"""Losses heavy in exp, log and tanh: a user's SymPy model against numba and JAX, turn by turn, one core.

    python benches/losses.py [--rounds N] [--steps N]

Every contender's gradient is checked against the others' before it is timed. numba has a hand-written gradient in a
scalar loop over walkers, with `Generator(SFC64).standard_normal`; JAX differentiates the loss of one walker, maps it
over all of them and scans over the steps in double precision. Ratios are taken within a round; the medians are printed.
"""

# ruff: noqa: PLC0415, PLR0917 # peers are imported where they are used, and compiled loops take plain arguments

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import langevin_ib as lib
import numpy as np
import sympy
from langevin_ib import _core
from langevin_ib.program import Program
from numpy.typing import NDArray
from peers import on_cores

WALKERS, STEPS, ROUNDS = 1024, 1000, 5
STEP_SIZE, TEMPERATURE, WEIGHT_DECAY = 1e-3, 0.1, 0.1

X = np.random.default_rng(0).standard_normal((32, 2))
Y = np.sin(X[:, 0]) + 0.1 * X[:, 1]
ONE_HOT = np.eye(3)[np.random.default_rng(1).integers(0, 3, 32)]


@dataclass(frozen=True)
class Loss:
    """One loss, as each contender writes it."""

    name: str
    dim: int
    model: Callable[[], lib.Model]
    numba_gradient: Callable[[Any], Any]
    jax_loss: Callable[[Any, Any], Any]


def softmax() -> lib.Model:
    """Multinomial regression, three classes, two features."""
    w = sympy.symbols("w:6", real=True)
    i = sympy.Idx("i", len(X))
    x, y = sympy.IndexedBase("X"), sympy.IndexedBase("Y")
    scores = [w[2 * k] * x[i, 0] + w[2 * k + 1] * x[i, 1] for k in range(3)]
    fit = sum(y[i, k] * scores[k] for k in range(3))
    loss = sympy.Sum(sympy.log(sum(sympy.exp(s) for s in scores)) - fit, (i, 0, len(X) - 1))
    return lib.Model(parameters=w, predictor={"w0": w[0]}, loss=loss, data={"X": X, "Y": ONE_HOT})


def tanh_neuron() -> lib.Model:
    """One hidden neuron a tanh(w x + b) with two inputs."""
    a, b, w0, w1 = parameters = sympy.symbols("a b w0 w1", real=True)
    i = sympy.Idx("i", len(X))
    x, y = sympy.IndexedBase("X"), sympy.IndexedBase("y")
    error = a * sympy.tanh(w0 * x[i, 0] + w1 * x[i, 1] + b) - y[i]
    loss = sympy.Sum(error**2, (i, 0, len(X) - 1)) / 2
    return lib.Model(parameters=parameters, predictor={"a": a}, loss=loss, data={"X": X, "y": Y})


def student() -> lib.Model:
    """Linear regression under the Student-t loss with three degrees of freedom."""
    b, w0, w1 = parameters = sympy.symbols("b w0 w1", real=True)
    i = sympy.Idx("i", len(X))
    x, y = sympy.IndexedBase("X"), sympy.IndexedBase("y")
    error = w0 * x[i, 0] + w1 * x[i, 1] + b - y[i]
    loss = 2 * sympy.Sum(sympy.log(1 + error**2 / 3), (i, 0, len(X) - 1))
    return lib.Model(parameters=parameters, predictor={"b": b}, loss=loss, data={"X": X, "y": Y})


def numba_softmax(numba: Any) -> Any:
    x, y = X, ONE_HOT

    @numba.njit
    def gradient(w, g):
        g[:] = 0.0
        for i in range(x.shape[0]):
            s0 = w[0] * x[i, 0] + w[1] * x[i, 1]
            s1 = w[2] * x[i, 0] + w[3] * x[i, 1]
            s2 = w[4] * x[i, 0] + w[5] * x[i, 1]
            top = max(s0, s1, s2)
            e0, e1, e2 = np.exp(s0 - top), np.exp(s1 - top), np.exp(s2 - top)
            scale = 1.0 / (e0 + e1 + e2)
            p0, p1, p2 = e0 * scale - y[i, 0], e1 * scale - y[i, 1], e2 * scale - y[i, 2]
            g[0] += p0 * x[i, 0]
            g[1] += p0 * x[i, 1]
            g[2] += p1 * x[i, 0]
            g[3] += p1 * x[i, 1]
            g[4] += p2 * x[i, 0]
            g[5] += p2 * x[i, 1]

    return gradient


def numba_tanh(numba: Any) -> Any:
    x, y = X, Y

    @numba.njit
    def gradient(w, g):
        g[:] = 0.0
        for i in range(x.shape[0]):
            t = np.tanh(w[2] * x[i, 0] + w[3] * x[i, 1] + w[1])
            error = w[0] * t - y[i]
            inner = error * w[0] * (1.0 - t * t)
            g[0] += error * t
            g[1] += inner
            g[2] += inner * x[i, 0]
            g[3] += inner * x[i, 1]

    return gradient


def numba_student(numba: Any) -> Any:
    x, y = X, Y

    @numba.njit
    def gradient(w, g):
        g[:] = 0.0
        for i in range(x.shape[0]):
            error = w[1] * x[i, 0] + w[2] * x[i, 1] + w[0] - y[i]
            slope = 4.0 * error / (3.0 + error * error)
            g[0] += slope
            g[1] += slope * x[i, 0]
            g[2] += slope * x[i, 1]

    return gradient


LOSSES = (
    Loss(
        "softmax regression, 3 classes",
        6,
        softmax,
        numba_softmax,
        lambda jnp, w: (
            jnp.log(jnp.exp(X @ w.reshape(3, 2).T).sum(axis=1)) - (ONE_HOT * (X @ w.reshape(3, 2).T)).sum(axis=1)
        ).sum(),
    ),
    Loss(
        "tanh neuron",
        4,
        tanh_neuron,
        numba_tanh,
        lambda jnp, w: ((w[0] * jnp.tanh(X @ w[2:] + w[1]) - Y) ** 2).sum() / 2,
    ),
    Loss(
        "Student-t regression",
        3,
        student,
        numba_student,
        lambda jnp, w: 2 * jnp.log1p((X @ w[1:] + w[0] - Y) ** 2 / 3).sum(),
    ),
)

Contender = tuple[Callable[[NDArray[Any]], NDArray[Any]], Callable[[int, int], NDArray[Any]]]
"""The gradient without weight decay at states (walkers, dim), and a run of some steps with a seed."""


def ours(loss: Loss) -> Contender:
    model = loss.model()
    tape = Program(model.parameters, model.loss, model.data).gradient.request()

    def run(steps: int, seed: int) -> NDArray[Any]:
        result = lib.sample(
            model, dynamics=lib.Ambient(weight_decay=WEIGHT_DECAY), temperature=TEMPERATURE, step_size=STEP_SIZE,
            steps=steps, walkers=WALKERS, initial=np.ones(loss.dim), rng=seed, threads=1,
        )  # fmt: skip
        return np.asarray(result.states)

    return lambda states: _core.evaluate(tape, states), run


def with_numba(loss: Loss) -> Contender:
    import numba

    gradient = loss.numba_gradient(numba)

    @numba.njit
    def loop(x, steps, step_size, diffusion, weight_decay, generator):
        g = np.empty(x.shape[1])
        for walker in range(x.shape[0]):
            w = x[walker]
            for _ in range(steps):
                gradient(w, g)
                for j in range(w.shape[0]):
                    w[j] += diffusion * generator.standard_normal() - step_size * (g[j] + weight_decay * w[j])
        return x

    def run(steps: int, seed: int) -> NDArray[Any]:
        generator = np.random.Generator(np.random.SFC64(seed))
        diffusion = np.sqrt(2 * TEMPERATURE * STEP_SIZE)
        return loop(np.ones((WALKERS, loss.dim)), steps, STEP_SIZE, diffusion, WEIGHT_DECAY, generator)

    def gradients(states: NDArray[Any]) -> NDArray[Any]:
        found = np.empty_like(states)
        for state, row in zip(states, found, strict=True):
            gradient(state, row)
        return found

    return gradients, run


def with_jax(loss: Loss) -> Contender:
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    gradients = jax.vmap(jax.grad(lambda w: loss.jax_loss(jnp, w)))

    def loop(steps: int, key: Any) -> Any:
        def step(x: Any, key: Any) -> tuple[Any, None]:
            noise = jax.random.normal(key, x.shape)
            drift = gradients(x) + WEIGHT_DECAY * x
            return x - STEP_SIZE * drift + jnp.sqrt(2 * TEMPERATURE * STEP_SIZE) * noise, None

        return jax.lax.scan(step, jnp.ones((WALKERS, loss.dim)), jax.random.split(key, steps))[0]

    compiled = jax.jit(loop, static_argnums=0)
    return (
        lambda states: np.asarray(gradients(states)),
        lambda steps, seed: np.asarray(compiled(steps, jax.random.PRNGKey(seed)).block_until_ready()),
    )


CONTENDERS = {"langevin_ib": ours, "numba": with_numba, "JAX": with_jax}


def measure(loss: Loss, steps: int, rounds: int) -> dict[str, list[float]]:
    """Return ns per walker-step by contender and round, after all have agreed on the gradient."""
    built = {name: build(loss) for name, build in CONTENDERS.items()}
    states = np.random.default_rng(2).standard_normal((64, loss.dim))
    expected = built["langevin_ib"][0](states)
    for gradient, run in built.values():
        np.testing.assert_allclose(gradient(states), expected, rtol=1e-9, atol=1e-11)
        run(steps, 0)
    times: dict[str, list[float]] = {name: [] for name in built}
    for turn in range(1, rounds + 1):
        for name, (_, run) in built.items():
            started = time.perf_counter()
            final = run(steps, turn)
            times[name].append(1e9 * (time.perf_counter() - started) / (WALKERS * steps))
            if not np.isfinite(final).all():
                raise FloatingPointError(f"{name}: a final state is not finite")
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    for loss in LOSSES:
        times = measure(loss, options.steps, options.rounds)
        print(f"{loss.name} ({len(X)} rows, {loss.dim} parameters)")
        for name, ns in times.items():
            ratio = median(theirs / our for theirs, our in zip(ns, times["langevin_ib"], strict=True))
            print(f"  {name:12s} {median(ns):9.1f} ns per walker-step ({min(ns):.1f})   {ratio:6.2f}")
    return 0


if __name__ == "__main__":
    with on_cores(1):
        sys.exit(main())
