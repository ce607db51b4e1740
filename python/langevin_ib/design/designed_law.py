"""The law that a recipe was designed to have, from its penalty: of a feature, or along the slice."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import checked_real, one_of, shown
from ..errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError
from ..laws import Density
from ..model import Model
from ..process import SGD, Constrained, Dynamics, GaugeFixed
from .blocks import Block, Factors
from .penalties import Formula

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["compiled_loss", "designed_law"]

FloatArray = NDArray[np.float64]
Function = Callable[[FloatArray], FloatArray]


def designed_law(recipe: Recipe, dynamics: Any, *, wrt: str, loss: Any, temperature: Any) -> Density:
    """Return it; `Recipe.law` says what is what."""
    if not isinstance(dynamics, Dynamics):
        raise InvalidArgumentError(
            f"dynamics={shown(dynamics)} has no law; mechanisms without a temperature have a minimiser. Give a "
            "dynamics such as GaugeFixed(level) or Ambient(weight_decay)"
        )
    if isinstance(dynamics, SGD):
        raise UnsupportedModelError("SGD has no law of the form exp(-V/T); take a dynamics at a temperature")
    one_of("wrt", wrt, ("features", "weights", "surface"))
    if wrt == "weights" and recipe.operator is not None:
        raise UnsupportedModelError(
            f"{recipe.operator!r} mixes features: w.r.t. dw the joint law is exp(-penalty(w)/T) as w.r.t. dz, up to a "
            "constant, but a single weight has no law of its own in closed form; take wrt='features'"
        )
    block = recipe.block
    if block.argument == "whole" or (block.argument == "entries" and block.shape[0] > 1):
        raise UnsupportedModelError(
            f"the law of {block.words} is not one of a single number; see density(recipe.model)"
        )
    is_free = loss is None and isinstance(dynamics, GaugeFixed | Constrained)
    if temperature is None and not is_free:
        raise InvalidArgumentError(
            "temperature= is needed: only the law of a slice without a loss does not depend on it"
        )
    T = 1.0 if temperature is None else checked_real("temperature", temperature, minimum=0.0, open_end=True)
    formula = block.penalty(dynamics, sympy.Float(T))
    weight = partial(_log_weight, formula, block, None if loss is None else compiled_loss(loss), T)
    name = f"designed law of {block.words} under {dynamics}" + ("" if is_free else f", T = {T:.12g}")
    low = -math.inf if block.argument == "size" and block.shape[0] == 1 else 0.0
    if wrt == "surface":
        return _along(weight, block, dynamics, name)
    symbol = "w" if wrt == "weights" else "z"
    reference = f"d {symbol}" if block.shape[0] == 1 else f"d |{symbol}|"
    return _normalised(weight, block, dynamics, name=name, reference=reference, support=(low, math.inf))


def _normalised(weight: Function, block: Block, dynamics: Dynamics, **facts: Any) -> Density:
    try:
        return Density.from_log_weight(weight, method="closed form", error=1e-10, **facts)
    except NotNormalizableError as refusal:
        exponent = ""
        if isinstance(dynamics, GaugeFixed | Constrained) and not np.any(dynamics.level):
            coefficient = block.coefficient
            is_rigid = isinstance(dynamics, Constrained) and not dynamics.fixman
            kappa = coefficient.rigid if is_rigid else coefficient.kappa
            exponent = f"it is |z|^-{kappa} at 0 (kappa = {kappa}) on the slice of level 0; "
        raise NotNormalizableError(
            f"the {facts['name']} has infinite mass with respect to {facts['reference']}: {exponent}{refusal}. Give "
            "another level for what escapes at 0, and loss= for what escapes at infinity"
        ) from None


def _log_weight(formula: Formula, block: Block, loss: Function | None, T: float, z: FloatArray) -> FloatArray:
    size = block.shape[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = -formula.numeric(np.abs(z) if block.argument == "size" else z) / T
        if size > 1:
            weight = weight + (size - 1) * np.log(np.abs(z))
    return np.asarray(weight if loss is None else weight - loss(z) / T)


def compiled_loss(loss: Any) -> Function:
    """Return a loss of one feature as a NumPy function, once it is known to be one."""
    z = sympy.Symbol("z", real=True)
    if not callable(loss):
        raise InvalidArgumentError("loss must be a function of the feature z such as lambda z: (z - 1)**2 / 2")
    try:
        formula = loss(z)
    except Exception as error:  # whatever a user's function raises
        raise InvalidArgumentError(f"loss={shown(loss)} does not take a symbol: {error}") from None
    # As a model it is checked as any loss is.
    model = Model(parameters=(z,), predictor={"feature": z}, loss=formula)
    function = sympy.lambdify([z], model.loss, modules=["scipy", "numpy"])
    return lambda values: np.asarray(np.broadcast_to(function(values), values.shape), dtype=np.float64)


def _along(weight: Function, block: Block, dynamics: Dynamics, name: str) -> Density:
    """Return the law of the arc length s on a slice of level 0: z = sign(s) (|s|/sqrt(K))^K, each factor |z|^(1/K)."""
    if not isinstance(block, Factors) or block.shape[0] > 1 or block.copies > 1:
        raise UnsupportedModelError(f"{block.words} has no slice that is a curve; take wrt='features'")
    if not isinstance(dynamics, GaugeFixed | Constrained) or np.any(dynamics.level):
        raise UnsupportedModelError(
            f"the arc length is a formula on the slice of level 0 only, not for {dynamics!r}; take wrt='features', or "
            "density(model, ...) of a model with an observable of your own"
        )
    along = partial(_log_along, weight, block.depth)
    return _normalised(along, block, dynamics, name=name, reference="d s", support=(-math.inf, math.inf))


def _log_along(weight: Function, depth: int, s: FloatArray) -> FloatArray:
    part = np.abs(s) / np.sqrt(depth)
    z = np.copysign(part**depth, s)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = weight(z) + (depth - 1) * np.log(part)
    return np.asarray(values)
