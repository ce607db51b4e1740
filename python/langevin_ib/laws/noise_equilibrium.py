r"""Where on its orbit SGD comes to rest: where the noise of its gradients pushes to neither side.

If every row's loss is invariant under exp(lambda A), A symmetric, its gradient g has g^T A x = 0, and a step x' = x -
eta (g + gamma x) changes C = x^T A x exactly to C' = (1 - eta gamma)^2 C + eta^2 g^T A g. In the mean that is, with S
the covariance of a batch's gradient and m its mean,

    E dC = -2 eta gamma C + eta^2 (Tr[S A] + m^T A m) + O(eta^2 gamma^2 C).

On the orbit gradients go with exp(-lambda A): phi(lambda) = Tr[S exp(-2 lambda A)] is convex and Tr[S A] = -phi'/2. So
where training has arrived (m = 0, but for the weight decay) SGD comes to rest at the minimum of

    F(lambda) = gamma |exp(lambda A) x|^2 + (eta / 2) Tr[S exp(-2 lambda A)],

jointly in the lambdas of several generators that commute. `balance` minimises |exp(lambda A) x|^2 alone. F is convex
along the geodesics of any such group; for generators that do not commute its minimum is where every drift vanishes,
which is necessary for rest but not sufficient: kicks and relaxation turn the frame, too, at the same order of eta. For
one generator it is the theorem of Ziyin, Wang, Li and Wu (NeurIPS 2024, arXiv 2402.07193), whose noise is continuous.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from ..checks import checked_real, shown
from ..errors import InvalidArgumentError, UnsupportedModelError
from ..geometry import DenseFactor, checked_model, checked_points, dense_factors
from ..model import Model, is_translation
from ..process import SGD, Process
from .gradient_noise import GradientNoise, RowGradients, quadratic_forms

__all__ = ["NoiseEquilibrium", "noise_equilibrium"]

FloatArray = NDArray[np.float64]

_ITERATIONS, _HALVINGS = 300, 50
_LONGEST, _FARTHEST = 1.0, 25.0
"""The largest exponent of a step, and of all steps together: coordinates would be multiplied by exp(25)."""

_SETTLED, _ROUNDING = 1e-12, 1e-14
_INVARIANT, _ROUNDED = 1e-8, 1e-11
"""How large g . A x may be for a row's gradient g, relative to |g| |A x|, and to |A x| times the largest |g| a little
aside: where rows fit exactly their gradients are rounding errors."""

_NO_NOISE, _ASIDE = 1e-20, 1.01
"""The share of the noise a little aside that is taken for none."""


@dataclass(frozen=True, eq=False)
class NoiseEquilibrium:
    """Where SGD comes to rest on the orbits of some points.

    Attributes
    ----------
    x : array, shape (..., dim)
        The points of rest.
    shift : array, shape (..., k)
        The lambda of each of the model's constraints, in their order: x is exp(sum_a shift_a A_a) of what was given;
        nan for generators that do not commute, whose exponentials cannot be told apart, and, as in all that follow, for
        translations, along which SGD does not move at all.
    standard_error : array, shape (..., k)
        Of `shift`, or of such shifts about the equilibrium, if the rows are a sample of what training will see: how far
        other rows would move it; nan for a single row. For training on these rows alone it means nothing.
    drift : array, shape (..., k)
        The mean change of C_a = xᵀ A_a x in a step of SGD at the points that were given, over the square of the step
        size: Tr[S A] + mᵀ A m - 2 (weight decay / step size) C.
    noise : array, shape (...)
        The trace of the covariance of a batch's gradient at the points of rest, in the parameters that the group moves.
    commuting : bool
        Whether the generators commute. If not, every drift vanishes at x, as it must at rest; but SGD turns the frame
        at the same order of the step size, and may rest elsewhere on the orbit, or not at all.
    """

    x: FloatArray
    shift: FloatArray
    standard_error: FloatArray
    drift: FloatArray
    noise: FloatArray
    commuting: bool

    def __repr__(self) -> str:
        """Return what it is, with the shifts of a single point."""
        what = "" if self.commuting else ", necessary only: generators do not commute"
        if self.x.ndim > 1 or not self.commuting:
            return f"<NoiseEquilibrium of {self.x[..., 0].size} points, {self.shift.shape[-1]} constraints{what}>"
        shifts = ", ".join(f"{a:.4g} ± {s:.1g}" for a, s in list(zip(self.shift, self.standard_error, strict=True))[:6])
        return f"<NoiseEquilibrium, shift {shifts}{', ...' if self.shift.size > 6 else ''}>"


def noise_equilibrium(model: Model, x: Any, *, dynamics: SGD, step_size: float | None = None) -> NoiseEquilibrium:
    """Return where on the orbit of x the noise of SGD's gradients comes to rest.

    Beside `balance(model, x)`, which is where the norm is least: the two agree only where the noise of the gradients is
    the same on both sides of the symmetry. Right up to the first order in the step size, at points where training has
    arrived: at minima of the loss.

    Parameters
    ----------
    model : Model
        With a symmetry and data, its loss a mean over rows.
    x : array_like, shape (..., dim)
        Where training has arrived.
    dynamics : SGD
        How batches are drawn and which labels are noisy. A weight decay counts against the noise.
    step_size : float, optional
        The step size eta; needed with a weight decay only, without which the equilibrium does not depend on it.

    Returns
    -------
    NoiseEquilibrium
        The points of rest, and how far they are.

    Raises
    ------
    InvalidArgumentError
        If an argument is wrong, the model has no data or no symmetry, or there is a weight decay and no `step_size`.
    UnsupportedModelError
        If there is no noise, no equilibrium exists, the loss of single rows is not invariant, the loss is no mean over
        rows, or the model has a confinement that is no weight decay.

    References
    ----------
    arXiv 2402.07193 (one generator, continuous noise); docs/training.md has the derivation for discrete steps.

    Examples
    --------
    >>> import numpy as np
    >>> from langevin_ib import SGD, balance, models
    >>> inputs = np.random.default_rng(0).normal(size=(500, 2)) * [3.0, 1.0]
    >>> model = models.relu_network(2, 1, data=(inputs, np.maximum(inputs @ [1.0, 1.0], 0.0)))
    >>> at = [1.0, 1.0, 1.0]
    >>> rest = noise_equilibrium(model, at, dynamics=SGD(batch_size=1, label_noise={"y": 0.3}))
    >>> for x in (rest.x, balance(model, at)):
    ...     print(f"{np.linalg.norm(x[:2]) / x[2]:.4f}")
    1.4073
    1.0000
    """
    if not isinstance(dynamics, SGD):
        raise InvalidArgumentError(
            f"dynamics must be SGD(...), whose gradients are those of batches, got {shown(dynamics)}; Langevin noise "
            "is the same in all directions, and has laws instead: see density"
        )
    points = checked_points(checked_model(model), x)
    pull = _pull(Process.of(model, dynamics, allow_zero=True), step_size)
    if pull and any(map(is_translation, model.generator_matrices())):
        raise UnsupportedModelError(
            "along the model's translations there is no noise, and a weight decay alone says where a point goes; leave "
            "them out of symmetry= to ask about the others"
        )
    factors = dense_factors(model)
    if not factors:
        raise UnsupportedModelError("the model's symmetry is compact: noise does not move a point along its orbits")
    gradients = RowGradients(model, dynamics)
    k = len(model.forms())
    search = _Search(factors, gradients, pull, k)
    found = [search.at(point) for point in points.reshape(-1, model.dim)]
    columns = zip(*found, strict=True) if found else [np.zeros((0, n)) for n in (model.dim, k, k, k, 1)]
    at, shift, error, drift, noise = (np.array(each, dtype=np.float64) for each in columns)
    shape = points.shape[:-1]
    return NoiseEquilibrium(
        x=at.reshape(points.shape),
        shift=shift.reshape(*shape, k),
        standard_error=error.reshape(*shape, k),
        drift=drift.reshape(*shape, k),
        noise=noise.reshape(shape),
        commuting=all(_commute(factor.matrices) for factor in factors),
    )


def _pull(process: Process, step_size: float | None) -> float:
    """Return 2 gamma / eta: what the weight decay is multiplied by beside the noise."""
    decay = process.weight_decay
    if decay is None:
        raise UnsupportedModelError(
            f"the confinement {shown(process.model.confinement)} is no weight decay (lam / 2) |x|**2; give "
            "SGD(weight_decay=...) instead of it"
        )
    if step_size is None and decay != 0.0:
        raise InvalidArgumentError(
            f"with a weight decay of {decay:g} the equilibrium depends on the step size: give step_size="
        )
    return 0.0 if step_size is None else 2.0 * decay / checked_real("step_size", step_size, minimum=0.0, open_end=True)


def _commute(matrices: FloatArray) -> bool:
    products = np.einsum("aij,bjk->abik", matrices, matrices)
    return bool(np.allclose(products, products.transpose(1, 0, 2, 3), rtol=0.0, atol=1e-12 * np.abs(products).max()))


@dataclass(frozen=True, eq=False)
class _Search:
    """The minimum of F, factor by factor of the group.

    Parameters
    ----------
    factors : tuple of DenseFactor
        Those with constraints.
    gradients : RowGradients
        The gradients of rows.
    pull : float
        2 gamma / eta.
    count : int
        The number of the model's constraints.
    """

    factors: tuple[DenseFactor, ...]
    gradients: RowGradients
    pull: float
    count: int

    def at(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]:
        """Return the point of rest, shifts, their standard errors, the drifts at x, and the noise.

        Raises
        ------
        UnsupportedModelError
            If there is none.
        """
        noise, rest, total = self.gradients.at(x), x.copy(), 0.0
        aside = self.gradients.at(_ASIDE * x)
        shift, error, drift = (np.full(self.count, np.nan) for _ in range(3))
        for factor in self.factors:
            where, own, matrices = factor.parameters, factor.constraints, factor.matrices
            point, covariance, mean = x[where], noise.covariance(where), noise.mean[where]
            self._require_invariance((noise, aside), where, matrices @ point)
            self._require_noise(covariance, aside.covariance(where))
            drift[own] = np.einsum("aij,ij->a", matrices, covariance + np.outer(mean, mean))
            drift[own] -= self.pull * quadratic_forms(point, matrices)
            moved = _Orbit(matrices, point, covariance, self.pull).minimum()
            rest[where], shift[own] = moved.x, moved.shift if _commute(matrices) else np.nan
            spread, of_labels = noise.traces(where, moved.turned)
            error[own] = moved.standard_error(spread + of_labels)
            total += float(np.trace(moved.covariance))
        return rest, shift, error, drift, total

    def _require_invariance(
        self, noises: tuple[GradientNoise, GradientNoise], where: NDArray[np.int64], fields: FloatArray
    ) -> None:
        here, aside = noises
        largest = np.linalg.norm(aside.rows[:, where], axis=1).max()
        for g in (here.rows[:, where], *np.moveaxis(here.labels[:, :, where], 1, 0)):
            sizes = _INVARIANT * np.linalg.norm(g, axis=1) + _ROUNDED * largest
            broken = np.abs(g @ fields.T) > sizes[:, None] * np.linalg.norm(fields, axis=1)
            if broken.any():
                raise UnsupportedModelError(
                    f"the loss of row {int(np.argwhere(broken)[0, 0])} changes along the orbits, though that of all "
                    "rows together may not: SGD, which sees rows, does not have the symmetry"
                )

    def _require_noise(self, covariance: FloatArray, aside: FloatArray) -> None:
        if not np.isfinite(covariance).all():
            raise UnsupportedModelError("a gradient of a row's loss is not finite at x")
        if np.trace(covariance) <= _NO_NOISE * np.trace(aside):
            raise UnsupportedModelError(
                "there is no gradient noise at x: every row's gradient vanishes there, or the batch is full, and "
                "labels have no noise. SGD stays where it is; give label_noise=, or a point before training has arrived"
            )


@dataclass(frozen=True, eq=False)
class _Orbit:
    """F about a point of an orbit: t -> pull |exp(X) x|²/2 + Tr[S exp(-2 X)]/2, X = sum_a t_a A_a; times eta that is F.

    Parameters
    ----------
    matrices : array, shape (k, d, d)
        The A_a.
    x : array, shape (d,)
        The point.
    covariance : array, shape (d, d)
        S there.
    pull : float
        2 gamma / eta.
    shift : array, shape (k,)
        The sum of the steps that led here.
    frame : array, shape (d, d)
        What they have multiplied gradients by.
    """

    matrices: FloatArray
    x: FloatArray
    covariance: FloatArray
    pull: float
    shift: FloatArray | float = 0.0
    frame: FloatArray | None = None

    @property
    def value(self) -> float:
        """F."""
        return float(self.pull * self.x @ self.x + np.trace(self.covariance)) / 2.0

    @property
    def slope(self) -> FloatArray:
        """The derivatives of F."""
        fields = self.matrices @ self.x
        return np.asarray(self.pull * fields @ self.x - np.einsum("aij,ij->a", self.matrices, self.covariance))

    @property
    def curvature(self) -> FloatArray:
        """Its second derivatives along geodesics; positive semidefinite."""
        fields = self.matrices @ self.x
        rows = self.matrices @ self.covariance
        return np.asarray(2.0 * (self.pull * fields @ fields.T + np.einsum("aij,bij->ab", self.matrices, rows)))

    def moved(self, t: FloatArray) -> _Orbit:
        """Return the same about exp(X) x."""
        forth, back = (scipy.linalg.expm(sign * np.einsum("a,aij->ij", t, self.matrices)) for sign in (1.0, -1.0))
        frame = back if self.frame is None else back @ self.frame
        covariance = back @ self.covariance @ back
        return _Orbit(self.matrices, forth @ self.x, covariance, self.pull, self.shift + t, frame)

    def minimum(self) -> _Orbit:
        """Return the point of the orbit where F is least, by Newton's method with steps that lead down.

        Raises
        ------
        UnsupportedModelError
            If there is none: the noise pushes to one side wherever it is.
        """
        here, size = self, float(np.abs(self.matrices).max())
        for _ in range(_ITERATIONS):
            slope, curvature = here.slope, here.curvature
            step: FloatArray = -np.linalg.lstsq(curvature, slope, rcond=1e-13)[0].astype(np.float64)
            step *= min(1.0, _LONGEST / max(float(np.abs(step).max()) * size, 1e-300))
            if np.abs(step).max() <= _SETTLED:
                return here._checked(curvature)
            gain, there = float(slope @ step), here.moved(step)
            for _ in range(_HALVINGS):
                if there.value <= here.value + 1e-4 * gain + _ROUNDING * here.value:
                    break
                step, gain = step / 2.0, gain / 2.0
                there = here.moved(step)
            here = there
            if np.abs(here.shift).max() * size > _FARTHEST:
                break
        raise UnsupportedModelError(
            "no equilibrium exists on the orbit of x: the noise of the gradients pushes to one side along it wherever "
            "it is, since one side of the symmetry sees none; a weight decay would hold against it"
        )

    def _checked(self, curvature: FloatArray) -> _Orbit:
        lengths = np.linalg.eigvalsh(curvature)
        if lengths[0] <= 1e-12 * lengths[-1]:
            raise UnsupportedModelError(
                "the equilibrium on the orbit of x is not one point: along some combination of the generators the "
                "noise of the gradients does not change; leave out a generator, or give another point"
            )
        return self

    @property
    def turned(self) -> FloatArray:
        """The matrices whose traces with S at the first point are those of the A_a with S here, shape (k, d, d)."""
        frame = np.eye(len(self.x)) if self.frame is None else self.frame
        return np.asarray(frame.T @ self.matrices @ frame)

    def standard_error(self, each: FloatArray) -> FloatArray:
        """Return the standard errors of the shifts if the rows, which contribute these to Tr[S A_a], are a sample.

        The delta method: the minimum is where a mean over rows vanishes, whose slope is the curvature.
        """
        if len(each) < 2:
            return np.full(len(self.matrices), np.nan)
        spread = np.atleast_2d(np.cov(each, rowvar=False)) / len(each)
        inverse = np.linalg.inv(self.curvature)
        return np.asarray(np.sqrt(np.maximum(np.diag(inverse @ spread @ inverse.T), 0.0)))
