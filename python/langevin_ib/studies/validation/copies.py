"""Rows of the lasso's posterior: one product under weight decay has the law K0, two that add up are the lasso's."""

from __future__ import annotations

from typing import Any

import sympy

from ...model import Model, parameters
from ...observe import Histogram
from ...process import Ambient
from .histograms import Case

__all__ = ["copies_rows"]

_DECAY, _T = 0.3, 0.2


def _copies(count: int) -> Model:
    """Return z = u_0 v_0 + ... with the loss (z - 1)²/2."""
    pairs = [parameters(f"u{j} v{j}") for j in range(count)]
    z = sympy.Add(*(u * v for u, v in pairs))
    return Model(parameters=sum(pairs, ()), predictor={"z": z}, loss=(z - 1) ** 2 / 2)


def _row(name: str, count: int, **more: Any) -> Case:
    return Case(
        name=name,
        model=_copies(count),
        dynamics=Ambient(weight_decay=_DECAY),
        observable="z",
        temperature=_T,
        histogram=Histogram(bins=160, range=(-1.2, 2.8), every=5),
        step_size=0.2,
        walkers=8192,
        time=2000.0,
        burn_in=40.0,
        scheme="mala",
        **more,
    )


def copies_rows() -> list[Case]:
    """Return a row for one copy and one for two; the other's law is among the rivals of each."""
    return [_row("one-copy", 1, others={"two copies": _copies(2)}), _row("lasso-posterior", 2)]
