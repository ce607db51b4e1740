"""One job, done by langevin_ib and by its peers, each written as well as a good user could.

The job: theta = (u, v), V = (u v - 1)²/2 + (lam/2)(u² + v²), Euler-Maruyama from (1, 1) for every walker,
one thread, final states only.
"""

# ruff: noqa: PLC0415, PLR0917 # peers are imported where they are used, and compiled loops take plain arguments

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import langevin_ib as lib
import numpy as np
from numpy.typing import NDArray

__all__ = ["OURS", "PEERS", "REFERENCE", "Contender", "Job", "missing", "on_cores"]

Run = Callable[[int], NDArray[Any]]
"""Does the job with a seed; returns the final states, shape (walkers, 2)."""


@dataclass(frozen=True)
class Job:
    """The settings of the job; the defaults are those of every published figure."""

    walkers: int = 4096
    steps: int = 10_000
    step_size: float = 1e-3
    temperature: float = 0.1
    weight_decay: float = 0.1

    @property
    def walker_steps(self) -> int:
        return self.walkers * self.steps

    @property
    def diffusion(self) -> float:
        return float(np.sqrt(2.0 * self.temperature * self.step_size))


REFERENCE = {
    1_000: {"u v": (0.8547, 0.0006), "u² + v²": (2.0251, 0.0014)},
    10_000: {"u v": (0.8400, 0.0006), "u² + v²": (2.4839, 0.0027)},
}
"""By the number of steps: means over the walkers, with standard errors, of 2^18 walkers moved by NumPy."""


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Hold this thread, and the threads that it starts, on `count` cores, where the system can.

    XLA starts as many threads as it finds cores, whatever its flags say; this is what keeps it to one.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-count:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Contender:
    """Somebody who does the job.

    `build` prepares the job and returns what is timed; whatever compiles does so at the first call.
    """

    name: str
    build: Callable[[Job], Run]
    requires: str | None = None
    single: bool = False
    threads: int = 1

    @property
    def installed(self) -> bool:
        return self.requires is None or importlib.util.find_spec(self.requires) is not None


# --- langevin_ib ---


def ours(*, threads: int = 1, level: str | None = None, **settings: Any) -> Callable[[Job], Run]:
    """Return a builder of our own runs; `settings` go to `langevin_ib.sample`."""
    model = lib.models.scalar_product(target=1.0)

    def build(job: Job) -> Run:
        def run(seed: int) -> NDArray[Any]:
            return lib.sample(
                model,
                dynamics=lib.Ambient(weight_decay=job.weight_decay),
                temperature=job.temperature,
                step_size=job.step_size,
                steps=job.steps,
                walkers=job.walkers,
                rng=seed,
                initial=(1.0, 1.0),
                threads=threads,
                level=level,
                progress=False,
                **settings,
            ).states

        return run

    return build


def _our_contenders() -> list[Contender]:
    *lower, _best = lib.levels()
    return [
        Contender("langevin_ib f64", ours()),
        Contender("langevin_ib f64, 2 threads", ours(threads=2), threads=2),
        Contender("langevin_ib f64, single noise", ours(noise="single")),
        Contender("langevin_ib f32", ours(dtype="float32"), single=True),
        *(Contender(f"langevin_ib f64, {level}", ours(level=level)) for level in lower),
    ]


# --- NumPy ---


def numpy_in_place(job: Job, dtype: Any = np.float64) -> Run:
    """Whole-array arithmetic without temporaries, and the fastest of NumPy's generators."""
    h, decay = job.step_size, 1.0 - job.step_size * job.weight_decay

    def run(seed: int) -> NDArray[Any]:
        rng = np.random.Generator(np.random.SFC64(seed))
        x = np.ones((2, job.walkers), dtype)
        swapped = x[::-1]
        residual, noise, force = np.empty_like(x[0]), np.empty_like(x), np.empty_like(x)
        for _ in range(job.steps):
            np.multiply(x[0], x[1], out=residual)
            residual -= 1.0
            residual *= -h
            np.multiply(residual, swapped, out=force)
            rng.standard_normal(dtype=dtype, out=noise)
            noise *= job.diffusion
            x *= decay
            x += force
            x += noise
        return x.T

    return run


# --- numba ---


def numba_generator(job: Job) -> Run:
    """A scalar loop that keeps one walker in registers, with NumPy's ziggurat inlined by numba."""
    from numba import njit

    @njit(fastmath=True)
    def loop(rng, walkers, steps, h, lam, diffusion):
        states = np.empty((walkers, 2))
        for walker in range(walkers):
            u, v = 1.0, 1.0
            for _ in range(steps):
                r = u * v - 1.0
                force_u, force_v = r * v + lam * u, r * u + lam * v
                u += diffusion * rng.standard_normal() - h * force_u
                v += diffusion * rng.standard_normal() - h * force_v
            states[walker, 0], states[walker, 1] = u, v
        return states

    def run(seed: int) -> NDArray[Any]:
        rng = np.random.Generator(np.random.SFC64(seed))
        return loop(rng, job.walkers, job.steps, job.step_size, job.weight_decay, job.diffusion)

    return run


def numba_legacy(job: Job) -> Run:
    """The same loop with `np.random.normal`, as most people write it."""
    from numba import njit

    @njit(fastmath=True)
    def loop(seed, walkers, steps, h, lam, diffusion):
        np.random.seed(seed)  # noqa: NPY002 - numba's own state, which is the point here
        states = np.empty((walkers, 2))
        for walker in range(walkers):
            u, v = 1.0, 1.0
            for _ in range(steps):
                r = u * v - 1.0
                force_u, force_v = r * v + lam * u, r * u + lam * v
                u += diffusion * np.random.normal(0.0, 1.0) - h * force_u  # noqa: NPY002
                v += diffusion * np.random.normal(0.0, 1.0) - h * force_v  # noqa: NPY002
            states[walker, 0], states[walker, 1] = u, v
        return states

    return lambda seed: loop(seed, job.walkers, job.steps, job.step_size, job.weight_decay, job.diffusion)


# --- JAX ---


def jax_scan(job: Job, dtype: str = "float64") -> Run:
    """`lax.scan` over the steps, compiled as a whole."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)

    @jax.jit
    def loop(key: Any) -> Any:
        def step(x: Any, key: Any) -> tuple[Any, None]:
            residual = x[0] * x[1] - 1.0
            gradient = residual * x[::-1] + job.weight_decay * x
            noise = jax.random.normal(key, x.shape, x.dtype)
            return x - job.step_size * gradient + job.diffusion * noise, None

        start = jnp.ones((2, job.walkers), dtype)
        return lax.scan(step, start, jax.random.split(key, job.steps))[0]

    return lambda seed: np.asarray(loop(jax.random.key(seed))).T


# --- PyTorch ---


def torch_in_place(job: Job, dtype: str = "float64") -> Run:
    """Eager in-place tensor arithmetic without autograd."""
    import torch

    def run(seed: int) -> NDArray[Any]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        generator = torch.Generator().manual_seed(seed)
        h, decay = job.step_size, 1.0 - job.step_size * job.weight_decay
        with torch.inference_mode():
            x = torch.ones((2, job.walkers), dtype=getattr(torch, dtype))
            u, v = x
            residual, noise, force = torch.empty_like(u), torch.empty_like(x), torch.empty_like(x)
            for _ in range(job.steps):
                torch.mul(u, v, out=residual).sub_(1.0)
                torch.mul(residual, v, out=force[0])
                torch.mul(residual, u, out=force[1])
                noise.normal_(generator=generator)
                x.mul_(decay).add_(force, alpha=-h).add_(noise, alpha=job.diffusion)
        torch.set_num_threads(threads)
        return x.numpy().T

    return run


OURS = _our_contenders()
"""Ourselves; the first is what everybody is compared with."""

PEERS = [
    Contender("numba loop, Generator(SFC64)", numba_generator, "numba"),
    Contender("numba loop, np.random.normal", numba_legacy, "numba"),
    Contender("NumPy in place, SFC64", numpy_in_place),
    Contender("NumPy in place, SFC64, f32", lambda job: numpy_in_place(job, np.float32), single=True),
    Contender("JAX scan, x64", jax_scan, "jax"),
    Contender("JAX scan, f32", lambda job: jax_scan(job, "float32"), "jax", single=True),
    Contender("PyTorch eager in place, f64", torch_in_place, "torch"),
    Contender("PyTorch eager in place, f32", lambda job: torch_in_place(job, "float32"), "torch", single=True),
]
"""Everybody else."""


def missing() -> list[str]:
    """Say for each contender who cannot take part why not."""
    return [
        f"{contender.name}: {contender.requires} is not installed (pip install '.[bench]')"
        for contender in PEERS
        if not contender.installed
    ]
