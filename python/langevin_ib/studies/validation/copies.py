"""Rows of sums of products under weight decay: one has the law K0, two that add up are the lasso's posterior.

And d + 1 copies of a vector of d are the group lasso's.
"""

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


def _vectors(count: int) -> Model:
    """Return z = s_0 (v_0, w_0) + ... with the loss |z - (1, 1/2)|²/2, and its length."""
    triples = [parameters(f"s{j} v{j} w{j}") for j in range(count)]
    z = [sympy.Add(*(triple[0] * triple[entry] for triple in triples)) for entry in (1, 2)]
    return Model(
        parameters=sum(triples, ()),
        predictor={"z0": z[0], "z1": z[1]},
        loss=((z[0] - 1) ** 2 + (z[1] - sympy.Rational(1, 2)) ** 2) / 2,
        observables={"length": sympy.sqrt(z[0] ** 2 + z[1] ** 2)},
    )


def _row(name: str, model: Model, observable: str, histogram: Histogram, **more: Any) -> Case:
    return Case(
        name=name,
        model=model,
        dynamics=Ambient(weight_decay=_DECAY),
        observable=observable,
        temperature=_T,
        histogram=histogram,
        walkers=8192,
        burn_in=40.0,
        scheme="mala",
        **more,
    )


def copies_rows() -> list[Case]:
    """Return rows for one copy and for two, each with the other's law among its rivals, and for three of a vector."""
    one, line = {"step_size": 0.2, "time": 2000.0}, Histogram(bins=160, range=(-1.2, 2.8), every=5)
    return [
        _row("one-copy", _copies(1), "z", line, others={"two copies": _copies(2)}, **one),
        _row("lasso-posterior", _copies(2), "z", line, **one),
        _row(
            "group-lasso-posterior",
            _vectors(3),
            "length",
            Histogram(bins=160, range=(0.0, 3.0), every=5),
            step_size=0.15,
            time=750.0,
        ),
    ]
