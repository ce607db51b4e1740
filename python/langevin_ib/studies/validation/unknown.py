"""Models whose laws on slices nobody has written down, and the rows that compare two processes on each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy

from ...model import Model, Scaling, parameters
from ...models import attention, matrix_factorization, relu_network
from ...observe import Histogram
from ...process import Constrained, GaugeFixed
from .pairs import Pair

__all__ = ["unknown_rows"]

T = 0.3
DATA = 20260106
"""Seeds the arrays that models are fitted to."""


def unknown_rows() -> list[Pair]:
    """Return the rows, one for each model."""
    return [
        _pair("relu-layer", _relu_layer(), "strength0", (0.0, 6.0), level=0.3),
        _pair("attention-head", _attention_head(), "norm0", (0.0, 8.0), level=0.3, other_step=0.02),
        _pair("lora-product", _lora_product(), "norm", (0.0, 5.0), level=0.2, other_step=0.025),
        _pair("matrix-sensing", _matrix_sensing(), "norm", (0.0, 6.0), level=0.0, other_step=0.03),
        _pair("deep-linear", _deep_linear(), "size", (0.0, 3.0), level=0.2, other_step=0.02),
    ]


def _pair(name: str, model: Model, observable: str, ends: tuple[float, float], *, level: float, **changes: Any) -> Pair:
    settings: dict[str, Any] = {
        "temperature": T,
        "step_size": 0.02,
        "other_step": 0.05,
        "walkers": 2048,
        "time": 30.0,
        "burn_in": 8.0,
        "shortest": 8.0,
    }
    return Pair(
        name=name,
        model=model,
        dynamics=GaugeFixed(level=level),
        other=Constrained(level=level, fixman=True),
        rivals={"no Fixman term": Constrained(level=level)},
        observable=observable,
        histogram=Histogram(bins=120, range=ends, every=5),
        **(settings | changes),
    )


def _normal(*shape: int) -> Any:
    return np.random.default_rng((DATA, *shape)).normal(size=shape)


def _confined(model: Model, tenths: int = 1) -> Model:
    """Return a model with so many tenths of |x|² / 2 added: data, or softmax, may leave parameters free to grow."""
    return replace(model, confinement=sympy.Rational(tenths, 20) * sympy.Add(*(x**2 for x in model.parameters)))


def _relu_layer() -> Model:
    inputs = _normal(10, 2)
    return _confined(relu_network(2, 2, data=(inputs, np.abs(inputs[:, 0]) - inputs[:, 1] / 2)))


def _attention_head() -> Model:
    sequences = _normal(8, 3, 3) / 2
    # Where scores are large softmax is a step, and steep.
    return _confined(attention(3, 2, data=(sequences, sequences[:, 0, 0])), tenths=4)


def _lora_product() -> Model:
    """Return an adapter of rank 2 beside a frozen 4 x 3 matrix, which is to do what another one does to inputs."""
    inputs, missing = (
        _normal(20, 3) @ np.diag([1.5, 1.0, 0.5]),
        sympy.Matrix(4, 3, lambda i, j: sympy.Rational(i - j, 3)),
    )
    spread = sympy.Matrix((inputs.T @ inputs / len(inputs)).round(3).tolist())

    def loss(update: sympy.Matrix) -> sympy.Expr:
        residual = update - missing
        return (residual * spread * residual.T).trace() / 2

    return matrix_factorization(4, 3, 2, loss=loss)


def _matrix_sensing() -> Model:
    """Return 30 measurements of a 6 x 6 matrix of rank 2, with all of GL(2) for its group."""
    sensors, left, right = _normal(30, 6, 6), _normal(6, 2) / 2, _normal(2, 6) / 2
    return matrix_factorization(6, 6, 2, group="gl", data=(sensors, np.einsum("kij,ij->k", sensors, left @ right)))


def _deep_linear() -> Model:
    """Return three linear layers, of 2 x 2, 2 x 2 and 1 x 2, with a scaling for each hidden unit."""
    a, b = (sympy.Matrix(2, 2, parameters(f"{x}00 {x}01 {x}10 {x}11")) for x in "ab")
    c = sympy.Matrix(1, 2, parameters("c0 c1"))
    weights = (c * b * a).expand()
    inputs, k = _normal(10, 2), sympy.Idx("k", 10)
    x, y = sympy.IndexedBase("X"), sympy.IndexedBase("y")
    loss = sympy.Sum((weights[0] * x[k, 0] + weights[1] * x[k, 1] - y[k]) ** 2, (k, 0, 9)) / 20
    layers: Sequence[tuple[sympy.Matrix, sympy.Matrix]] = ((a, b), (b, c))
    units = [(into[unit, :], out[:, unit]) for into, out in layers for unit in range(2)]
    model = Model(
        parameters=(*a, *b, *c),
        predictor={"w0": weights[0], "w1": weights[1]},
        loss=loss,
        symmetry=tuple(Scaling({**dict.fromkeys(into, 1), **dict.fromkeys(out, -1)}) for into, out in units),
        observables={"size": sympy.sqrt(weights[0] ** 2 + weights[1] ** 2)},
        data={"X": inputs, "y": inputs @ [1.0, -0.5]},
    )
    return _confined(model, tenths=4)
