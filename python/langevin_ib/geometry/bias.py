"""Implicit bias: what the geometry of a slice adds to the loss, as a formula and at points, and in which measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, overload

import numpy as np
import sympy

from ..checks import shown
from ..errors import InvalidArgumentError, UnsupportedModelError
from ..model import Metric, Model, Rows, metric_for
from ..model.expressions import compiled, exact, sketch, with_named_values
from ..temperature import resolve_temperature
from .fibres import log_volume, log_volume_formula, slopes_of_predictor
from .gl_bias import log_gram_of_slice
from .gram import log_det
from .points import FloatArray, checked_model, checked_points
from .strength import StrengthFactor, strength_factors
from .symbolic import symbolic

__all__ = ["EffectiveLoss", "effective_loss", "implicit_bias"]

_READABLE = 120
"""Of the constraints of a slice, as many are named as fit into so many characters, and three at most."""

MEASURES = ("surface", "predictor", "slice coordinate")


@overload
def implicit_bias(
    model: Model,
    x: None = None,
    *,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    metric: Any = None,
) -> sympy.Expr: ...


@overload
def implicit_bias(
    model: Model,
    x: Any,
    *,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    metric: Any = None,
) -> FloatArray: ...


def implicit_bias(
    model: Model,
    x: Any = None,
    *,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    metric: Any = None,
) -> sympy.Expr | FloatArray:
    """Return (sigma²/(2 beta)) log det G, which arXiv 2601.06597, equation (9), adds to the loss on a slice.

    It belongs to the surface measure dS of the slice {chi = level}, where delta(chi - level) exp(-L/T) dx is
    exp(-L/T) (det G)^(-1/2) dS, and to no other measure: see `effective_loss`. Off the slice it is the logarithm of no
    density. Another basis of the constraints adds a constant.

    In a metric g, dS and G_ij = grad chi^iᵀ g⁻¹ grad chi^j are those of g, and the canonical slice is another one
    (`Model.constraints`). delta(chi - level) exp(-L/T) dx itself does not depend on g; it is what conditioning the law
    exp(-L/T) dx on a thin shell about the slice gives, whatever the metric of the process.

    Parameters
    ----------
    model : Model
        With a symmetry, whose slice is `Model.constraints`.
    x : array_like, shape (..., dim), optional
        Points; without them the result is a formula.
    beta, sigma, temperature : float, optional
        The temperature, see `resolve_temperature`; a formula without one has the symbols sigma and beta.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric g, symmetric and positive definite; None is the identity.

    Returns
    -------
    sympy.Expr, or array of shape (...)

    Raises
    ------
    InvalidArgumentError
        If the model has no symmetry, `x` holds no finite points of it, `metric` is none of it, or there are points and
        no temperature.
    UnsupportedModelError
        If the model has no canonical dual slice, in the metric.

    Examples
    --------
    >>> from langevin_ib import models
    >>> implicit_bias(models.scalar_product())
    sigma**2*log(u**2 + v**2)/(2*beta)
    >>> float(implicit_bias(models.scalar_product(), [1.0, 1.0], temperature=2.0).round(6))
    0.693147
    >>> implicit_bias(models.scalar_product(), metric=[[4, 0], [0, 1]])
    sigma**2*log(4*u**2 + v**2)/(2*beta)
    """
    if x is not None:
        return np.asarray(resolve_temperature(beta, sigma, temperature) / 2.0 * log_det(model, x, metric=metric))
    T = _given_temperature(beta, sigma, temperature)
    return _temperature_symbol(T) / 2 * log_gram_of_slice(checked_model(model), metric_for(metric, model.parameters))


def _given_temperature(beta: float | None, sigma: float | None, temperature: float | None) -> float | None:
    """Return the temperature, or None if none was given."""
    if beta is None and sigma is None and temperature is None:
        return None
    return resolve_temperature(beta, sigma, temperature)


def _temperature_symbol(T: float | None) -> sympy.Expr:
    """Return T as it stands in a formula: its value, or sigma²/beta."""
    if T is None:
        return sympy.Symbol("sigma", positive=True) ** 2 / sympy.Symbol("beta", positive=True)
    return exact(T)


@dataclass(frozen=True, repr=False)
class EffectiveLoss:
    """L + bias, a function of points on a slice: the law of the slice is exp(-(L + bias)/T) times `reference`.

    Parameters
    ----------
    model : Model
        The model.
    wrt : str
        Which measure was asked for.
    reference : str
        The measure, in words.
    temperature : float or None
        T; without one the formula has the symbols sigma and beta, and there are no values at points.
    bias : sympy.Expr or None
        What is added to the loss, as a formula of the parameters, if there is a short one. Valid on every level.
    metric : tuple of tuple of float or None
        The metric that was asked for, by rows; None is the identity.
    """

    model: Model
    wrt: str
    reference: str
    temperature: float | None
    bias: sympy.Expr | None
    _log_volume: Callable[[FloatArray], FloatArray] = field(compare=False)
    metric: Rows | None = None

    @property
    def expression(self) -> sympy.Expr | None:
        """L + bias as a formula, or None if there is none for the bias."""
        return None if self.bias is None else self.model.loss + self.bias

    def bias_at(self, x: Any) -> FloatArray:
        """Return the bias at points of a slice, shape (..., dim) -> (...); it does not depend on the formula.

        Raises
        ------
        InvalidArgumentError
            If no temperature was given, or `x` holds no finite points.
        """
        if self.temperature is None:
            raise InvalidArgumentError("values at points need effective_loss(..., temperature=), or beta= and sigma=")
        return np.asarray(self.temperature * self._log_volume(checked_points(self.model, x)))

    def __call__(self, x: Any) -> FloatArray:
        """Return L + bias at points of a slice, shape (..., dim) -> (...)."""
        points = checked_points(self.model, x)
        loss = compiled(self.model.loss, self.model.parameters, self.model.data)
        return np.asarray(loss(*np.moveaxis(points, -1, 0)) + self.bias_at(points))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(effective_loss, wrt=self.wrt, temperature=self.temperature, metric=self.metric), (self.model,)

    def __repr__(self) -> str:
        said = "" if self.temperature is None else f", T = {self.temperature:.12g}"
        bias, values = (None, "") if self.bias is None else with_named_values(self.bias)
        formula = "no short formula" if bias is None else sketch(sympy.Symbol("L", real=True) + bias)
        return f"<EffectiveLoss {formula}{f' ({values})' if values else ''}, with respect to {self.reference}{said}>"


def effective_loss(
    model: Model,
    *,
    wrt: str = "surface",
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    metric: Any = None,
) -> EffectiveLoss:
    """Return the effective loss of the slice law delta(chi - level) exp(-L/T) dx, with respect to a measure you name.

    The law is one, but its density depends on the measure, and so does what is minimised by a "most likely point":

    * "surface": dS of the slice; L + (T/2) log det G, equations (8) and (9) of arXiv 2601.06597.
    * "predictor": dz of the predictor z = h(x); L + (T/2) (log det G + log det A), A = (Dh)(Dh)ᵀ on the slice. If h
      maps the slice to a surface in a space of more components, it is the area of this surface, and det A the product
      of the eigenvalues that are not zero. What remains of a compact group, such as the rotations O(r) in GL(r), fills
      fibres of h; their volume sqrt(det H) of the compact generators is a factor of the density, with the sign
      opposite to that of det G.
    * "slice coordinate": for blocks (U, V) -> (s U, V / s), ds of the strength s = |U| |V| of each block times uniform
      directions of U and V; where the predictor is the coordinate of the slice, as for a product of scalars, dz.

    Parameters
    ----------
    model : Model
        With a symmetry, whose slice is `Model.constraints`.
    wrt : {"surface", "predictor", "slice coordinate"}
        The measure.
    beta, sigma, temperature : float, optional
        The temperature, see `resolve_temperature`; a formula without one has the symbols sigma and beta.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric, symmetric and positive definite; None is the identity. dS, G, A, H and the lengths
        |U| and |V| are then those of the metric, and so is the canonical slice; a constant T/2 log det g is left out.

    Returns
    -------
    EffectiveLoss
        Call it with points; `expression` is the formula if there is a short one.

    Raises
    ------
    InvalidArgumentError
        If `wrt` is something else, the model has no symmetry, or `metric` is none of it.
    UnsupportedModelError
        If the slice has no coordinates of this kind, or the predictor does not tell its points apart.

    Examples
    --------
    >>> from langevin_ib import models
    >>> model = models.scalar_product(loss=lambda theta: 0 * theta)
    >>> effective_loss(model, temperature=0.5)
    <EffectiveLoss L + 0.25*log(u**2 + v**2), with respect to dS, surface measure of {u**2/2 - v**2/2 = level}, T = 0.5>
    >>> effective_loss(model, wrt="predictor", temperature=1).expression
    log(u**2 + v**2)
    >>> effective_loss(model, wrt="predictor").bias
    sigma**2*log(u**2 + v**2)/beta
    """
    T = _given_temperature(beta, sigma, temperature)
    checked_model(model)
    if not isinstance(wrt, str) or wrt not in MEASURES:
        raise InvalidArgumentError(f"wrt must be one of {', '.join(map(repr, MEASURES))}, got {shown(wrt)}")
    g = metric_for(metric, model.parameters)
    blocks = strength_factors(model, g) if wrt == "slice coordinate" else None
    if blocks:
        formula, volume, reference = _of_blocks(model, blocks)
    elif wrt == "surface":
        formula, volume, reference = _of_surface(model, g)
    else:
        _require_coordinate(model, g, wrt)
        formula, volume, reference = _of_predictor(model, g)
    bias = None if formula is None or formula.has(sympy.Determinant) else _temperature_symbol(T) * formula
    return EffectiveLoss(model, wrt, reference, T, bias, volume, None if g is None else g.rows)


_Parts = tuple[sympy.Expr | None, Callable[[FloatArray], FloatArray], str]


def _of_surface(model: Model, metric: Metric | None) -> _Parts:
    formulas = symbolic(model, metric=metric)
    texts = [f"{chi} = level" for chi in formulas.constraints]
    shown_ones = texts[: max(1, sum(len(", ".join(texts[: i + 1])) <= _READABLE for i in range(min(len(texts), 3))))]
    level_set, more = ", ".join(shown_ones), ", ..." if len(texts) > len(shown_ones) else ""
    return (
        log_gram_of_slice(model, metric) / 2,
        lambda x: log_det(model, x, metric=metric) / 2.0,
        f"dS, surface measure of {{{level_set}{more}}}{'' if metric is None else ' in the metric'}",
    )


def _of_predictor(model: Model, metric: Metric | None) -> _Parts:
    components = list(slopes_of_predictor(model))
    names = " ".join(f"d{name}" for name in components[:6]) + (" ..." if len(components) > 6 else "")
    volume = log_volume_formula(model, metric)
    is_square = volume.is_square
    return (
        None if volume.formula is None else (log_gram_of_slice(model, metric) + volume.formula) / 2,
        lambda x: (log_det(model, x, metric=metric) + log_volume(model, x, metric)) / 2.0,
        names if is_square else f"area of the surface of predictors in the space of {names}",
    )


def _of_blocks(model: Model, blocks: tuple[StrengthFactor, ...]) -> _Parts:
    strengths = " ".join(f"ds{i}" if len(blocks) > 1 else "ds" for i in range(min(len(blocks), 6)))
    more = " ..." if len(blocks) > 6 else ""
    metric = "" if not blocks or blocks[0].metric is None else " in the metric"
    reference = f"{strengths}{more} of s = |U| |V| of each block{metric}, times uniform directions"
    return (
        sympy.Add(*(block.log_factor_formula(model.parameters) for block in blocks)),
        lambda x: np.asarray(sum((block.log_factor(x) for block in blocks), np.zeros(x.shape[:-1]))),
        reference,
    )


def _require_coordinate(model: Model, metric: Metric | None, wrt: str) -> None:
    if wrt == "slice coordinate" and not log_volume_formula(model, metric).is_square:
        raise UnsupportedModelError(
            "the slice of this model has no coordinates that are known here: they are known for scalings of separate "
            'blocks (s U, V / s), and where the predictor has as many components as the slice; use wrt="predictor"'
        )
