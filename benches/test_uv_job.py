"""The uv job, ns per walker-step: langevin_ib by precision, threads and instruction set, and every peer beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from check import SIGMAS, deviations
from peers import OURS, PEERS, Contender, Job, on_cores

EVERYBODY = [*OURS, *PEERS]


@pytest.mark.parametrize("contender", EVERYBODY, ids=lambda contender: contender.name)
def test_uv_job(contender: Contender, job: Job, present: Any, benchmark: Any) -> None:
    present(contender)
    benchmark.group = f"uv job, {'float32' if contender.single else 'float64'}"
    with on_cores(contender.threads):
        run = contender.build(job)
        run(0)
        states = benchmark(run, 1)
    assert states.shape == (job.walkers, 2)
    if benchmark.enabled:
        benchmark.extra_info["ns_per_walker_step"] = 1e9 * benchmark.stats.stats.median / job.walker_steps
        for name, (mean, sigmas) in deviations(states, job).items():
            assert abs(sigmas) < SIGMAS, f"E[{name}] = {mean}"


@pytest.mark.parametrize("contender", EVERYBODY, ids=lambda contender: contender.name)
def test_everybody_has_the_same_drift(contender: Contender, present: Any) -> None:
    present(contender)
    job = Job(walkers=64, steps=50, step_size=0.01, temperature=0.0)
    states = contender.build(job)(0)
    x = np.ones(2)
    for _ in range(job.steps):
        x = x - job.step_size * ((x[0] * x[1] - 1.0) * x[::-1] + job.weight_decay * x)
    np.testing.assert_allclose(states, np.broadcast_to(x, states.shape), rtol=1e-5 if contender.single else 1e-13)


@pytest.mark.parametrize("contender", EVERYBODY, ids=lambda contender: contender.name)
def test_everybody_has_the_same_noise(contender: Contender, present: Any) -> None:
    present(contender)
    job = Job(walkers=65_536, steps=1)
    states = contender.build(job)(0).astype(np.float64)
    expected = 1.0 - job.step_size * job.weight_decay
    draws = (states - expected) / job.diffusion
    # 2^17 normals: means, variances and the correlation are wrong by chance beyond 5 sigma once in 1.7 million times.
    n = job.walkers
    assert np.abs(draws.mean(axis=0)).max() < SIGMAS / np.sqrt(n)
    assert np.abs(draws.var(axis=0) - 1.0).max() < SIGMAS * np.sqrt(2.0 / n)
    assert abs(np.corrcoef(draws.T)[0, 1]) < SIGMAS / np.sqrt(n)
