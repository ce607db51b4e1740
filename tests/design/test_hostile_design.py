"""Loud: whatever is passed to recipes and fits is accepted or refused in words, and within seconds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib import design
from langevin_ib.errors import LangevinError
from test_hostile_arguments import HOSTILE

X = np.random.default_rng(0).standard_normal((8, 3))
Y = X[:, 0]
ONE, DECAY = design.sparsity(), design.WeightDecay(1.0)
MAKE: dict[str, Callable[[Any], Any]] = {
    "a mechanism": design.WeightDecay,
    "another mechanism": design.GradientFlow,
    "an operator": design.sparsity,
    "a depth": lambda value: design.sparsity(depth=value),
    "copies": lambda value: design.sparsity(copies=value),
    "groups": design.group_sparsity,
    "a shape": lambda value: design.low_rank(value, 1),
    "a penalty": design.concave,
    "edges": lambda value: design.graph_gradient(value, 4),
    "an image": design.total_variation,
    "weights": lambda value: ONE.penalty(value, under=DECAY),
    "something that runs": lambda value: ONE.penalty(1.0, under=value),
    "a temperature": lambda value: ONE.penalty(1.0, under=lib.GaugeFixed(level=1), temperature=value),
    "parameters": ONE.parameterize,
    "what is lifted": ONE.lift,
    "a level": lambda value: ONE.lift([1.0, 2.0], level=value),
    "a level of a sphere": lambda value: design.simplex(2).lift([0.5, 0.5], level=value),
    "a matrix": design.low_rank((2, 2), 1).lift,
    "a start": lambda value: ONE.init(value, 2),
    "a loss": lambda value: ONE.law(lib.Ambient(weight_decay=1.0), loss=value, temperature=1.0),
    "a wish": design.reach,
    "rows": lambda value: ONE.fit(value, Y, strength=0.1),
    "labels": lambda value: ONE.fit(X, value, strength=0.1),
    "a strength": lambda value: ONE.fit(X, Y, strength=value),
    "a scale": lambda value: ONE.fit(X, Y, strength=0.1, method="gradient-flow", scale=value),
    "folds": lambda value: ONE.fit(X, Y, folds=value),
}


@pytest.mark.parametrize("name", MAKE)
def test_anything_is_accepted_or_refused_in_words(name) -> None:
    for value in HOSTILE.values():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                MAKE[name](value)
            except LangevinError:
                continue
