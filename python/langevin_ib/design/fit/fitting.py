"""`Recipe.fit`: which mechanism, at which strength, along which path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...checks import checked_int, checked_real, one_of, real_array, shown
from ...errors import InvalidArgumentError, UnsupportedModelError
from ..modelled import checked_data
from .fitted import Fit, Path
from .flow import stopped_flow
from .problem import Problem
from .sampled import Runs, after_label_noise, posterior
from .weight_decay import TOLERANCE, Minimum, minimum

if TYPE_CHECKING:
    from ..recipe import Recipe

__all__ = ["Asked", "fitted"]

FloatArray = NDArray[np.float64]

SAMPLED = ("label-noise", "langevin")
METHODS = ("weight-decay", "gradient-flow", *SAMPLED)

_WEAKEST = 1e-10
_LEAST = 1e-3  # the end of the path that cross-validation looks at
_STEPS = 30
_SCALES = (1e-30, 1e3)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of `Recipe.fit`."""

    method: str
    strength: Any
    intercept: bool
    scale: float
    folds: Any
    temperature: Any
    seeds: Any
    steps: Any
    rng: Any

    def __post_init__(self) -> None:
        one_of("method", self.method, METHODS)
        scale = checked_real("scale", self.scale, minimum=0.0, open_end=True)
        if not _SCALES[0] <= scale <= _SCALES[1]:
            raise InvalidArgumentError(
                f"scale={scale!r} must lie between {_SCALES[0]:g} and {_SCALES[1]:g}; take 0.001"
            )
        object.__setattr__(self, "scale", scale)
        if isinstance(self.strength, str):
            one_of("strength", self.strength, ("cv",))
        if not isinstance(self.intercept, bool | np.bool_):
            raise InvalidArgumentError(f"intercept must be True or False, got {shown(self.intercept)}")


def fitted(recipe: Recipe, X: Any, y: Any, asked: Asked) -> Fit:
    """Return the fit; `Recipe.fit` says what is what."""
    X, y = checked_data((X, y))
    problem = Problem.of(recipe, X, y, intercept=asked.intercept)
    if asked.method in SAMPLED:
        return _by_sampling(problem, asked)
    scores = None
    if isinstance(asked.strength, str):
        strengths = np.geomspace(1.0, _LEAST, _STEPS)
        scores = _validated(recipe, X, y, strengths, asked)
        strengths = strengths[: int(np.argmin(scores)) + 1]
        scores = scores[: strengths.size]
    else:
        strengths = _checked_strengths(asked.strength)
    path, features, times = _along(problem, strengths, asked)
    weights, offset = problem.weights(features[-1])
    estimator = "minimiser" if np.isfinite(path.gaps[-1]) else "local minimiser"
    if path.gaps[-1] > TOLERANCE:
        raise UnsupportedModelError(
            f"the minimiser is known up to a duality gap of {path.gaps[-1]:.1e} only, and {TOLERANCE:g} is promised; "
            "take a larger strength=, a larger rank= of a matrix, or columns that are less alike"
        )
    return Fit(
        recipe=recipe,
        method=asked.method,
        estimator=estimator if times is None else "early stop",
        weights=weights,
        features=features[-1],
        offset=offset,
        strength=float(strengths[-1]),
        lambda_max=problem.lambda_max,
        lam=float(strengths[-1]) * problem.lambda_max,
        gap=float(path.gaps[-1]),
        path=Path(path.strengths, path.weights, path.gaps, scores),
        time=np.nan if times is None else float(times[-1]),
    )


def _by_sampling(problem: Problem, asked: Asked) -> Fit:
    if not isinstance(asked.strength, float | int) or asked.intercept:
        raise InvalidArgumentError(
            f"method={asked.method!r} takes one strength, a number, and no intercept; choose it by weight decay, and "
            "subtract means"
        )
    strength = float(_checked_strengths(asked.strength)[-1])
    lam, runs = strength * problem.lambda_max, Runs.of(asked.seeds, asked.steps, asked.rng)
    if asked.method == "langevin":
        found, estimator = posterior(problem, lam, asked.temperature, runs), "posterior mean"
    else:
        found = after_label_noise(problem, lam, asked.scale, runs)
        estimator = f"mean after {runs.steps} steps"
    return Fit(
        recipe=problem.recipe,
        method=asked.method,
        estimator=estimator,
        weights=found.weights,
        features=problem.recipe.features(found.weights),
        offset=0.0,
        strength=strength,
        lambda_max=problem.lambda_max,
        lam=lam,
        gap=np.nan,
        path=Path(np.array([strength]), found.weights[None], np.array([np.nan])),
        time=np.nan,
        uncertainty=found.uncertainty,
        error=found.error,
    )


def _along(problem: Problem, strengths: FloatArray, asked: Asked) -> tuple[Path, FloatArray, FloatArray | None]:
    """Return the path, its features, and the times of a flow."""
    if asked.method == "gradient-flow":
        stopped = stopped_flow(problem, asked.scale, strengths * problem.lambda_max)
        features, gaps, times = stopped.z, np.full(strengths.size, np.nan), stopped.times
    else:
        steps: list[Minimum] = []
        for strength in strengths:
            steps.append(minimum(problem, float(strength) * problem.lambda_max, steps[-1] if steps else None))
        features, gaps, times = np.array([each.z for each in steps]), np.array([each.gap for each in steps]), None
    weights = np.array([problem.weights(z)[0] for z in features])
    return Path(strengths, weights, gaps), features, times


def _validated(recipe: Recipe, X: FloatArray, y: FloatArray, strengths: FloatArray, asked: Asked) -> FloatArray:
    """Return the mean squared error of rows left out, for each strength; rows i with i mod folds alike are left out."""
    folds = checked_int("folds", asked.folds, minimum=2, maximum=len(y))
    errors = np.zeros((folds, strengths.size))
    for fold in range(folds):
        out = np.arange(len(y)) % folds == fold
        problem = Problem.of(recipe, X[~out], y[~out], intercept=asked.intercept)
        _, features, _ = _along(problem, strengths, asked)
        for k, z in enumerate(features):
            weights, offset = problem.weights(z)
            errors[fold, k] = np.sum((X[out] @ weights + offset - y[out]) ** 2)
    return np.asarray(errors.sum(axis=0) / len(y))


def _checked_strengths(strength: Any) -> FloatArray:
    if not isinstance(strength, Sequence | np.ndarray):
        wanted = checked_real("strength", strength, minimum=0.0, open_end=True)
        if wanted < _WEAKEST:
            raise InvalidArgumentError(
                f"strength={strength!r} is below {_WEAKEST:g}: that is no bias; use least squares"
            )
        if wanted > 1.0:
            raise InvalidArgumentError(
                f"strength={strength!r} is a share of lambda_max, the least for which there are no features at all; "
                "give one of 0 < strength <= 1"
            )
        # From the top, so that each minimum is near the last one.
        count = max(1, int(np.ceil(2.0 * -np.log10(wanted))))
        return np.geomspace(1.0, wanted, count + 1)[1:] if wanted < 1.0 else np.ones(1)
    values = np.asarray(real_array("strength", strength), dtype=np.float64)
    is_path = values.ndim == 1 and values.size > 0 and np.all(np.diff(values) < 0.0)
    if not is_path or not np.all((values >= _WEAKEST) & (values <= 1.0)):
        raise InvalidArgumentError(f"strength={shown(strength)} must decrease within 0 < strength <= 1, as a path does")
    return values
