"""`Recipe.fit`: which mechanism, at which strength, along which path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...checks import checked_int, checked_real, one_of, real_array, shown
from ...errors import InvalidArgumentError, UnsupportedModelError
from ..modelled import checked_data
from .fitted import Fit, Path
from .flow import stopped_flow
from .problem import Problem
from .weight_decay import TOLERANCE, Minimum, minimum

if TYPE_CHECKING:
    from ..recipe import Recipe

__all__ = ["fitted"]

FloatArray = NDArray[np.float64]

METHODS = ("weight-decay", "gradient-flow")

_LEAST = 1e-3  # the end of the path that cross-validation looks at
_STEPS = 30


def fitted(
    recipe: Recipe, X: Any, y: Any, *, method: str, strength: Any, intercept: bool, scale: float, folds: int
) -> Fit:
    """Return the fit; `Recipe.fit` says what is what."""
    one_of("method", method, METHODS)
    X, y = checked_data((X, y))
    scale = checked_real("scale", scale, minimum=0.0, open_end=True)
    if not isinstance(intercept, bool | np.bool_):
        raise InvalidArgumentError(f"intercept must be True or False, got {shown(intercept)}")
    problem = Problem.of(recipe, X, y, intercept=bool(intercept))
    scores = None
    if isinstance(strength, str):
        one_of("strength", strength, ("cv",))
        strengths = np.geomspace(1.0, _LEAST, _STEPS)
        scores = _validated(recipe, X, y, strengths, method=method, intercept=bool(intercept), scale=scale, folds=folds)
        strengths = strengths[: int(np.argmin(scores)) + 1]
        scores = scores[: strengths.size]
    else:
        strengths = _checked_strengths(strength)
    path, features, times = _along(problem, method, strengths, scale)
    z = features[-1]
    weights, offset = problem.weights(z)
    estimator = "minimiser" if np.isfinite(path.gaps[-1]) else "local minimiser"
    if path.gaps[-1] > TOLERANCE:
        raise UnsupportedModelError(
            f"the minimiser is known up to a duality gap of {path.gaps[-1]:.1e} only, and {TOLERANCE:g} is promised; "
            "take a larger strength=, or columns that are less alike"
        )
    return Fit(
        recipe=recipe,
        method=method,
        estimator=estimator if times is None else "early stop",
        weights=weights,
        features=z,
        offset=offset,
        strength=float(strengths[-1]),
        lambda_max=problem.lambda_max,
        lam=float(strengths[-1]) * problem.lambda_max,
        gap=float(path.gaps[-1]),
        path=Path(path.strengths, path.weights, path.gaps, scores),
        time=np.nan if times is None else float(times[-1]),
    )


def _along(
    problem: Problem, method: str, strengths: FloatArray, scale: float
) -> tuple[Path, FloatArray, FloatArray | None]:
    """Return the path, its features, and the times of a flow."""
    if method == "gradient-flow":
        stopped = stopped_flow(problem, scale, strengths * problem.lambda_max)
        features, gaps, times = stopped.z, np.full(strengths.size, np.nan), stopped.times
    else:
        steps: list[Minimum] = []
        for strength in strengths:
            steps.append(minimum(problem, float(strength) * problem.lambda_max, steps[-1] if steps else None))
        features, gaps, times = np.array([each.z for each in steps]), np.array([each.gap for each in steps]), None
    weights = np.array([problem.weights(z)[0] for z in features])
    return Path(strengths, weights, gaps), features, times


def _validated(
    recipe: Recipe,
    X: FloatArray,
    y: FloatArray,
    strengths: FloatArray,
    *,
    method: str,
    intercept: bool,
    scale: float,
    folds: Any,
) -> FloatArray:
    """Return the mean squared error of rows left out, for each strength; rows i with i mod folds alike are left out."""
    folds = checked_int("folds", folds, minimum=2, maximum=len(y))
    errors = np.zeros((folds, strengths.size))
    for fold in range(folds):
        out = np.arange(len(y)) % folds == fold
        problem = Problem.of(recipe, X[~out], y[~out], intercept=intercept)
        _, features, _ = _along(problem, method, strengths, scale)
        for k, z in enumerate(features):
            weights, offset = problem.weights(z)
            errors[fold, k] = np.sum((X[out] @ weights + offset - y[out]) ** 2)
    return np.asarray(errors.sum(axis=0) / len(y))


def _checked_strengths(strength: Any) -> FloatArray:
    if not isinstance(strength, Sequence | np.ndarray):
        wanted = checked_real("strength", strength, minimum=0.0, open_end=True)
        if wanted > 1.0:
            raise InvalidArgumentError(
                f"strength={strength!r} is a share of lambda_max, the least for which there are no features at all; "
                "give one of 0 < strength <= 1"
            )
        # From the top, so that each minimum is near the last one.
        count = max(1, int(np.ceil(2.0 * np.log10(1.0 / wanted))))
        return np.geomspace(1.0, wanted, count + 1)[1:] if wanted < 1.0 else np.ones(1)
    values = np.asarray(real_array("strength", strength), dtype=np.float64)
    is_path = values.ndim == 1 and values.size > 0 and np.all(np.diff(values) < 0.0)
    if not is_path or not np.all((values > 0.0) & (values <= 1.0)):
        raise InvalidArgumentError(f"strength={shown(strength)} must decrease within 0 < strength <= 1, as a path does")
    return values
