"""Fits by running the process itself with many seeds: the posterior of a weight decay, and label noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ...checks import checked_int, checked_real, checked_rng
from ...errors import InvalidArgumentError, UnsupportedModelError
from ...observe import Moments, Trace
from ...process import SGD, Ambient
from ...sampling import Run, sample
from .problem import Problem
from .weight_decay import minimum

__all__ = ["Sampled", "after_label_noise", "posterior"]

FloatArray = NDArray[np.float64]

_CONVERGED = 1.05  # the largest R-hat
_CALM = 0.05  # of 1/curvature: a step of SGD


@dataclass(frozen=True)
class Sampled:
    """Means of weights over seeds, their spread, and the standard errors of the means; shapes (weights,)."""

    weights: FloatArray
    uncertainty: FloatArray
    error: FloatArray


@dataclass(frozen=True)
class Runs:
    """How to run: how many seeds for how many steps, from which random numbers."""

    seeds: int
    steps: int
    rng: np.random.Generator

    @classmethod
    def of(cls, seeds: Any, steps: Any, rng: Any) -> Runs:
        """Check what was asked for."""
        return cls(
            checked_int("seeds", seeds, minimum=2, maximum=10**6),
            checked_int("steps", steps, minimum=100, maximum=10**9),
            checked_rng(rng),
        )


def posterior(problem: Problem, lam: float, temperature: Any, runs: Runs) -> Sampled:
    """Return mean and standard deviation of weights under exp(-(L + lam |x|²/2)/T), by MALA.

    Raises
    ------
    UnsupportedModelError
        If the seeds do not agree yet.
    """
    if temperature is None:
        raise InvalidArgumentError("method='langevin' needs temperature=; noise of the variance s² in y is T = s²/n")
    T = checked_real("temperature", temperature, minimum=0.0, open_end=True)
    free, operator = problem.recipe.model(problem.data), problem.recipe.operator
    decayed = free.dim - (0 if operator is None else operator.kernel.shape[1])
    # The free part is not decayed, so that the decay belongs to the model and not to the dynamics.
    square = sympy.Add(*(x**2 for x in free.parameters[:decayed]))
    model = replace(free, confinement=sympy.Float(lam) / 2 * square)
    size = float(np.abs(minimum(problem, lam, None).z).max()) + T / lam
    run = sample(
        model,
        dynamics=Ambient(),
        temperature=T,
        step_size="auto",
        scheme="mala",
        steps=runs.steps,
        burn_in=runs.steps // 4,
        walkers=runs.seeds,
        rng=runs.rng,
        initial=np.sqrt(size) * runs.rng.standard_normal((runs.seeds, model.dim)),
        observe={name: Moments() for name in _names(problem)},
        progress=False,
    )
    kept = [run[name] for name in _names(problem)]
    means, variances = np.array([each.walker_means for each in kept]), np.array([each.var() for each in kept])
    between = means.var(axis=1, ddof=1)
    # Of the variance within a seed and that between the means of seeds.
    within = np.maximum(variances - between, 1e-300)
    with np.errstate(over="ignore"):
        worst = int(np.argmax(between / within))
        spread = float(np.sqrt(1.0 + between[worst] / within[worst]))
    if not spread <= _CONVERGED:
        raise UnsupportedModelError(
            f"the seeds do not agree about weight {worst} after {runs.steps} steps: R-hat is {spread:.3g}, and "
            f"{_CONVERGED:g} is wanted; give more steps="
        )
    return Sampled(means.mean(axis=1), np.sqrt(variances), np.sqrt(between / runs.seeds))


def after_label_noise(problem: Problem, lam: float, scale: float, runs: Runs) -> Sampled:
    """Return weights after SGD with fresh noise on y in every step, from `init(scale)`.

    With full batches and columns of mean square 1 noise of the variance s² acts on products of two as a weight decay
    eta s²/(2 n), where the data are fitted: s is chosen for `lam`.
    """
    model, names = problem.recipe.model(problem.data), _names(problem)
    curvature = float(np.linalg.norm(problem.M, 2) ** 2) / problem.count
    size = float(np.abs(minimum(problem, lam, None).z).max())
    eta = _CALM / (curvature * max(2.0 * size, scale**2) + lam)
    noise = float(np.sqrt(2.0 * problem.count * lam / eta))
    run = sample(
        model,
        dynamics=SGD(label_noise={"y": noise}),
        step_size=eta,
        steps=runs.steps,
        walkers=runs.seeds,
        rng=runs.rng,
        initial=problem.recipe.init(scale, problem.data[0].shape[1]),
        observe={name: Trace(at=[runs.steps]) for name in names},
        progress=False,
    )
    return _over_seeds(run, names)


def _over_seeds(run: Run, names: list[str]) -> Sampled:
    values = np.array([run[name].values.ravel() for name in names])
    spread = values.std(axis=1, ddof=1)
    return Sampled(values.mean(axis=1), spread, spread / np.sqrt(values.shape[1]))


def _names(problem: Problem) -> list[str]:
    letter = "z" if problem.recipe.operator is None else "w"
    return [f"{letter}{i}" for i in range(problem.data[0].shape[1])]
