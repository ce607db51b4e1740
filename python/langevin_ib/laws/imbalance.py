r"""The imbalance along training: how it should change, and what changes it.

For a scaling (U, V) -> (s U, V / s), or any symmetric generator A, q = x^T A x is kept by gradient flow. A step of SGD
changes it in the mean (`noise_equilibrium` has the derivation) by

    eta^2 Tr[S_rows A] + eta^2 Tr[S_labels A] + eta^2 m^T A m - (2 eta gamma - eta^2 gamma^2) q :

the spread of the gradients of rows, the noise on labels, that steps are of finite length, and the weight decay. While q
does not change, norms decide the ratio of the two sides: |V| / |U| = sqrt((rho - q) / (rho + q)), rho = |U|^2 + |V|^2,
so that a ratio near 1 is no evidence of anything but growth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import checked_real, real_array, shown
from ..errors import InvalidArgumentError, UnsupportedModelError
from ..geometry import checked_model, checked_points
from ..model import Model, numeric
from ..process import SGD, Process
from .gradient_noise import RowGradients, quadratic_forms

__all__ = ["ImbalanceBudget", "imbalance_budget", "ratio_of_sides"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ImbalanceBudget:
    """What becomes of the imbalances q_a = xᵀ A_a x along training, and why.

    Attributes
    ----------
    steps : array, shape (draws,)
        After how many steps the states are.
    imbalance : array, shape (..., draws, k)
        q, one for each of the model's constraints but translations, in their order: twice the constraint.
    ratio : array, shape (..., draws, k)
        |V| / |U|: the square root of what A shrinks over what it stretches, xᵀ(|A| - A)x over xᵀ(|A| + A)x.
    predicted_ratio : array, shape (..., draws, k)
        What it would be if q had stayed as it was at first, at the norms that there are; nan where these are too small.
    batches, labels, finite_steps, weight_decay : array, shape (..., draws, k)
        By how much each has changed q since the first state, in the mean: the rates at the states, by the trapezoidal
        rule.
    """

    steps: NDArray[np.int64]
    imbalance: FloatArray
    ratio: FloatArray
    predicted_ratio: FloatArray
    batches: FloatArray
    labels: FloatArray
    finite_steps: FloatArray
    weight_decay: FloatArray

    @property
    def expected(self) -> FloatArray:
        """The imbalance in the mean: that of the first state and all changes, shape (..., draws, k)."""
        changes = self.batches + self.labels + self.finite_steps + self.weight_decay
        return np.asarray(self.imbalance[..., :1, :] + changes)

    def __repr__(self) -> str:
        """Return the number of states, and what it holds."""
        draws, k = self.imbalance.shape[-2:]
        return f"<ImbalanceBudget of {k} imbalances at {draws} steps>"


def imbalance_budget(model: Model, states: Any, steps: Any, *, dynamics: SGD, step_size: float) -> ImbalanceBudget:
    """Return imbalances along training, the ratios that they predict, and what has changed them.

    Parameters
    ----------
    model : Model
        With a symmetry of symmetric generators, and data.
    states : array_like, shape (..., draws, dim)
        States of training, such as ``run["state"].values`` of `States`.
    steps : array_like of int, shape (draws,)
        After how many steps, increasing; such as ``run["state"].steps``.
    dynamics : SGD
        How batches were drawn.
    step_size : float
        eta.

    Returns
    -------
    ImbalanceBudget
        As arrays. The changes are integrals of rates at the states that are given, and as exact as these are dense.

    Raises
    ------
    InvalidArgumentError
        If an argument is wrong, or the model has no data or no symmetry.
    UnsupportedModelError
        If a generator is not symmetric, the loss is no mean over rows, or the confinement is no weight decay.

    References
    ----------
    arXiv 2601.06597, Figures 2 to 4, whose ratios this explains; arXiv 2402.07193 for the drift.

    Examples
    --------
    >>> import numpy as np
    >>> from langevin_ib import SGD, States, models, sample
    >>> inputs = np.random.default_rng(0).normal(size=(50, 3))
    >>> net = models.relu_network(3, 2, data=(inputs, inputs[:, 0]))
    >>> sgd = SGD(batch_size=4)
    >>> run = sample(net, dynamics=sgd, step_size=0.01, steps=200, walkers=2, rng=0, initial=0.3,
    ...              observe={"state": States(every=20)}, progress=False)
    >>> budget = imbalance_budget(net, run["state"].values, run["state"].steps, dynamics=sgd, step_size=0.01)
    >>> budget.imbalance.shape
    (2, 10, 2)
    """
    if not isinstance(dynamics, SGD):
        raise InvalidArgumentError(f"dynamics must be SGD(...), got {shown(dynamics)}")
    points = checked_points(checked_model(model), states)
    if points.ndim < 2 or points.shape[-2] == 0:
        raise InvalidArgumentError(
            f"states has shape {points.shape}; it must be (..., draws, {model.dim}), one draw at least"
        )
    times = _checked_steps(steps, points.shape[-2])
    eta = checked_real("step_size", step_size, minimum=0.0, open_end=True)
    decay = Process.of(model, dynamics, allow_zero=True).weight_decay
    if decay is None:
        raise UnsupportedModelError(f"the confinement {shown(model.confinement)} is no weight decay (lam / 2) |x|**2")
    matrices = _symmetric(model)
    q = quadratic_forms(points, matrices)
    rho = quadratic_forms(points, np.stack([_absolute(matrix) for matrix in matrices]))
    ratio, predicted = (ratio_of_sides(each, rho) for each in (q, q[..., :1, :]))
    gradients, everywhere = RowGradients(model, dynamics), np.arange(model.dim)
    rates = np.empty((*points.shape[:-1], 3, len(matrices)))
    for place in np.ndindex(*points.shape[:-1]):
        noise = gradients.at(points[place])
        causes = (
            *(each.mean(axis=0) for each in noise.traces(everywhere, matrices)),
            quadratic_forms(noise.mean, matrices),
        )
        rates[place] = eta**2 * np.stack(causes)
    since = _integrated(times, np.concatenate([rates, -(eta * decay * (2.0 - eta * decay) * q)[..., None, :]], axis=-2))
    return ImbalanceBudget(times, q, ratio, predicted, *(since[..., i, :] for i in range(4)))


def ratio_of_sides(imbalance: ArrayLike, size: ArrayLike) -> FloatArray:
    """Return |V| / |U| = sqrt((rho - q) / (rho + q)), nan where there is none.

    Parameters
    ----------
    imbalance, size : array_like
        q = |U|² - |V|² and rho = |U|² + |V|².
    """
    q, rho = np.asarray(imbalance), np.asarray(size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt((rho - q) / (rho + q)))


def _symmetric(model: Model) -> FloatArray:
    """Return the matrices of the model's generators, shape (k, dim, dim).

    Raises
    ------
    UnsupportedModelError
        If one of them is not symmetric.
    """
    # Those of translations are zero: gradients have no component along them.
    constraints = [matrix for matrix in model.noncompact_matrices() if matrix.todok()]
    if not constraints:
        raise UnsupportedModelError("the model's symmetry is compact, or translations, and has no imbalance")
    return np.stack([numeric(matrix).toarray() for matrix in constraints])


def _absolute(matrix: FloatArray) -> FloatArray:
    """Return |A|: the same matrix with the absolute values of its eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.abs(values)) @ vectors.T)


def _checked_steps(steps: Any, draws: int) -> NDArray[np.int64]:
    times = real_array("steps", steps)
    if times.shape != (draws,) or np.any(times != np.floor(times)) or np.any(np.diff(times) <= 0.0):
        raise InvalidArgumentError(
            f"steps must be {draws} increasing whole numbers, one for each state, got {shown(steps)}"
        )
    return times.astype(np.int64)


def _integrated(times: NDArray[np.int64], rates: FloatArray) -> FloatArray:
    """Return integrals of rates of shape (..., draws, 4, k) over steps, from the first draw on."""
    widths = np.diff(times.astype(np.float64))[:, None, None]
    pieces = widths * (rates[..., 1:, :, :] + rates[..., :-1, :, :]) / 2.0
    return np.concatenate([np.zeros_like(rates[..., :1, :, :]), np.cumsum(pieces, axis=-3)], axis=-3)
