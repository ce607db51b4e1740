"""Rows in which SGD comes to rest at its noise equilibrium, and not where the norm is least."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ...model import Model, Scaling, parameters
from ...models import attention, matrix_factorization
from .equilibria import Equilibria

__all__ = ["training_rows"]

FloatArray = NDArray[np.float64]
TEACHER = (1.0, -0.5, 0.8)


def training_rows() -> list[Equilibria]:
    """Return the rows: neurons with anisotropic inputs, one with weight decay, a matrix of rank one, a softmax head."""
    inputs = np.random.default_rng(20260107).normal(size=(64, 3)) * np.sqrt([3.0, 1.0, 0.3])
    labels = inputs @ TEACHER
    # At a kink the theory has no expansion in eta, so that no row is near one.
    seen = np.abs(labels) > 0.8
    linear, relu = _neuron(inputs, labels), _neuron(inputs[seen], np.maximum(labels[seen], 0.0), is_relu=True)
    settings: dict[str, Any] = {"at": (*TEACHER, 1.0), "label_noise": {"y": 1.0}, "step_size": 0.01}
    isotropic = {"isotropic inputs, |w|/|v| = sqrt(3)": math.log(3.0) / 4.0}
    without = Equilibria(name="", model=linear, **settings).expected.shift[0]
    entries = np.eye(8).reshape(8, 4, 2)
    return [
        Equilibria(name="sgd-neuron", model=linear, rivals=isotropic, **settings),
        Equilibria(name="sgd-relu", model=relu, rivals=isotropic, **settings),
        Equilibria(
            name="sgd-decay", model=linear, decay_per_step=0.5, rivals={"no weight decay": float(without)}, **settings
        ),
        Equilibria(
            name="sgd-rank-one",
            model=matrix_factorization(4, 2, 1, data=(entries, np.ones(8))),
            at=(1.0,) * 6,
            label_noise={"y": 1.0},
            step_size=0.05,
            rivals={"the sides exchanged": -math.log(2.0) / 4.0},
        ),
        _head(),
    ]


def _head() -> Equilibria:
    """Return a head with one column each of queries and keys, on isotropic tokens; softmax sees differences of keys."""
    tokens = np.random.default_rng(20260108).normal(size=(256, 3, 2))
    q, k, v = at = np.array([[0.9, 0.4], [0.5, -0.8], [1.0, 0.7]])
    scores = np.exp((tokens[:, -1:] @ q) * (tokens @ k))
    labels = np.sum(scores * (tokens @ v), axis=1) / scores.sum(axis=1)
    row = Equilibria(
        name="sgd-attention",
        model=attention(2, 1, data=(tokens, labels)),
        at=tuple(at.ravel().tolist()),
        label_noise={"y": 1.0},
        step_size=0.02,
        walkers=64,
    )
    return replace(row, rivals={"the sides exchanged": -float(row.expected.shift[0])})


def _neuron(inputs: FloatArray, labels: FloatArray, *, is_relu: bool = False) -> Model:
    """Return v w.x, or v max(0, w.x), under half the mean of squares; bilinear without the kink."""
    rows, d = inputs.shape
    *w, v = parameters(f"w:{d} v")
    x, y, i = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Idx("i", rows)
    out = sympy.Add(*(w[k] * x[i, k] for k in range(d)))
    residual = v * (sympy.Max(0, out) if is_relu else out) - y[i]
    return Model(
        parameters=(*w, v),
        predictor={f"z{k}": v * w[k] for k in range(d)},
        loss=sympy.Sum(residual**2, (i, 0, rows - 1)) / (2 * rows),
        symmetry=Scaling({**dict.fromkeys(w, 1), v: -1}),
        data={"X": inputs, "y": labels},
    )
