"""Every row of the table, by name.

Laws are those of the process alone: `SoftSlice`, `GaugeFixed` and the ambient process contain the loss and no
correction. The one exception says so in its name: under "product-fixman" the correction is put in by hand, which tests
the sampler.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from ...model import Model, Scaling, Translation, parameters
from ...models import (
    attention,
    column_pair,
    diagonal_network,
    hadamard,
    matrix_factorization,
    relu_neuron,
    scalar_product,
)
from ...observe import Histogram
from ...process import Ambient, Constrained, GaugeFixed, SoftSlice
from .copies import copies_rows
from .histograms import Case
from .lifetimes import Lifetimes
from .row import Row
from .training import training_rows
from .unknown import unknown_rows
from .virials import Virials

__all__ = ["CASES"]

T = 0.3
"""The temperature of all rows but the first."""

PRODUCT = scalar_product(target=1.0)
ANGLES = Histogram(bins=157, range=(0.0, 0.785), every=10)


def _quadratic(components: Any) -> sympy.Expr:
    """Return s² / 2, s² the sum of the squares: a loss that depends on nothing but the strength."""
    return sympy.Add(*(component**2 for component in components)) / 2


def _product(name: str, dynamics: Any, **changes: Any) -> Case:
    """Return a row of theta = u v with the loss (theta - 1)² / 2."""
    settings: dict[str, Any] = {
        "model": PRODUCT,
        "dynamics": dynamics,
        "observable": "theta",
        "temperature": T,
        "histogram": Histogram(bins=200, range=(-1.5, 3.5), every=10),
        "step_size": 0.01,
        "walkers": 8192,
        "time": 300.0,
        "burn_in": 20.0,
    }
    return Case(name=name, **(settings | changes))


def _with_a_shift() -> Model:
    """Return the product beside two logits, of which the loss knows a difference alone."""
    u, v, a, b = parameters("u v a b")
    return Model(
        parameters=(u, v, a, b),
        predictor={"theta": u * v, "gap": a - 2 * b},
        loss=(u * v - 1) ** 2 / 2 + (a - 2 * b) ** 2 / 2,
        symmetry=(Scaling({u: 1, v: -1}), Translation({a: 2, b: 1})),
    )


def _strength(name: str, model: Model, **changes: Any) -> Case:
    """Return a row of the strength s = |U| |V| of one block, on its slice of level 0."""
    settings: dict[str, Any] = {
        "model": model,
        "dynamics": GaugeFixed(level=0.0),
        "observable": "strength",
        "temperature": T,
        "histogram": Histogram(bins=150, range=(0.0, 3.0), every=10),
        "step_size": 0.01,
        "walkers": 8192,
        "time": 200.0,
        "burn_in": 20.0,
        "shortest": 20.0,
    }
    return Case(name=name, **(settings | changes))


def _factorisation(name: str, group: str, observable: str, **changes: Any) -> Case:
    """Return a row of the singular values of a 4 x 3 matrix of rank 2, balanced by a group."""
    is_norm = observable == "norm"
    settings: dict[str, Any] = {
        "model": matrix_factorization(4, 3, 2, group=group, loss=_quadratic),
        "dynamics": GaugeFixed(level=0.0),
        "observable": observable,
        "temperature": T,
        "histogram": Histogram(bins=160, range=(0.0, 4.0), every=10) if is_norm else ANGLES,
        "step_size": 0.01,
        "walkers": 8192,
        "time": 60.0,
        "burn_in": 16.0,
    }
    return Case(name=name, **(settings | changes))


def _rows() -> list[Row]:
    neuron3, neuron5 = (relu_neuron(d, loss=_quadratic) for d in (3, 5))
    pair = column_pair(4, 3, loss=_quadratic)
    heads = attention(3, 1, loss=lambda forms: _quadratic(forms[0]))
    rigid = {"scheme": "mala", "step_size": 0.1, "histogram": Histogram(bins=200, range=(-1.5, 3.5))}
    return [
        Case(
            name="product-ambient",
            model=PRODUCT,
            dynamics=Ambient(weight_decay=0.1),
            observable="theta",
            temperature=0.1,
            # Ten steps apart: a tenth of the time in which theta forgets.
            # Zero, where the law is infinite, is an edge of a bin.
            histogram=Histogram(bins=175, range=(-1.0, 2.5), every=10),
            step_size=0.005,
            walkers=8192,
            time=2000.0,
            burn_in=100.0,
        ),
        _product("product-soft", SoftSlice(stiffness=3.0), step_size=0.02, scheme="mala", time=600.0),
        _product(
            "product-shell",
            Ambient(weight_decay=0.3),
            scheme="mala",
            step_size=0.05,
            histogram=Histogram(bins=200, range=(-1.5, 3.5), every=2, given=("imbalance", -0.5, 0.5)),
            time=1500.0,
        ),
        _product("product-gauge-fixed", GaugeFixed(level=0.5)),
        _product("product-rigid", Constrained(level=0.5), **rigid),
        _product("product-fixman", Constrained(level=0.5, fixman=True), **rigid),
        _product(
            "depth-3",
            GaugeFixed(level=(0.4, 0.3)),
            model=scalar_product(depth=3),
            step_size=0.02,
            time=100.0,
            shortest=20.0,
        ),
        _strength("neuron-3", neuron3),
        _strength("neuron-5", neuron5),
        _strength(
            "neuron-3-coincidence",
            neuron3,
            dynamics=SoftSlice(stiffness=2.0),
            law_of=GaugeFixed(level=0.0),
            scheme="mala",
            step_size=0.05,
            histogram=Histogram(bins=150, range=(0.0, 3.0)),
        ),
        _strength("column-pair", pair),
        _strength("attention", heads, observable="strength0_0"),
        _factorisation("gl2-norm", "gl", "norm"),
        _factorisation("gl2-angle", "gl", "angle", shortest=6.0),
        _factorisation("diagonal-norm", "diagonal", "norm", burn_in=40.0),
        _factorisation("diagonal-angle", "diagonal", "angle", burn_in=40.0),
        _product("hadamard", GaugeFixed(level=0.5), model=hadamard(2), observable="z1", time=200.0),
        _product("diagonal-network", GaugeFixed(level=0.5), model=diagonal_network(1), observable="w0", time=200.0),
        _product("translation", GaugeFixed(level=(0.5, 1.0)), model=_with_a_shift(), time=200.0),
        Lifetimes(
            name="absorption",
            model=PRODUCT,
            start=1.0,
            temperature=T,
            histogram=Histogram(bins=100, range=(0.0, 20.0)),
            step_size=0.0025,
            walkers=262_144,
        ),
        Virials(
            name="virial-neuron",
            model=neuron3,
            dynamics=GaugeFixed(level=0.0),
            temperature=T,
            step_size=0.01,
            walkers=8192,
            time=200.0,
            burn_in=20.0,
        ),
        Virials(
            name="virial-pair",
            model=pair,
            dynamics=Ambient(weight_decay=0.2),
            temperature=T,
            step_size=0.05,
            walkers=8192,
            time=200.0,
            burn_in=40.0,
            scheme="mala",
        ),
        *copies_rows(),
        *unknown_rows(),
        *training_rows(),
    ]


CASES: Mapping[str, Row] = {row.name: row for row in _rows()}
"""Every row of the table, by name."""
