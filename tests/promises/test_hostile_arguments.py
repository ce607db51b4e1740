"""Loud: whatever is passed to a public class or function, it is accepted or refused in words, and never a crash."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import langevin_ib as lib
import numpy as np
import pandas as pd
import pytest
import sympy
import xarray as xr
from langevin_ib.errors import InvalidArgumentError, LangevinError
from langevin_ib.observe import Provenance
from matplotlib import pyplot

U, V = lib.parameters("u v")


class Tensor:
    """What has a value of its own at the moment, as tensors and traced arrays do."""

    def __float__(self) -> float:
        return 1.0


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Unreadable:
    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no array")


def read_only() -> np.ndarray:
    array = np.arange(6.0).reshape(3, 2)
    array.flags.writeable = False
    return array


HOSTILE: dict[str, Any] = {
    "nothing": None,
    "truth": True,
    "zero": 0,
    "minus zero": -0.0,
    "minus one": -1,
    "two": 2,
    "half": 0.5,
    "nan": math.nan,
    "infinity": math.inf,
    "huge": 1e308,
    "tiny": 5e-324,
    "beyond doubles": 10**400,
    "imaginary": 1j,
    "empty text": "",
    "text": "theta",
    "surrogate": "\ud800",
    "null": "\0",
    "bytes": b"x",
    "empty list": [],
    "empty tuple": (),
    "empty dict": {},
    "set": {1},
    "pair": (1.0, 2.0),
    "ragged": [[1, 2], [3]],
    "texts": ["a", "b"],
    "holes": [None, 1],
    "empty array": np.array([]),
    "array of no dimension": np.array(1.0),
    "array": np.array([1.0, 2.0]),
    "rows": np.arange(6.0).reshape(3, 2),
    "columns": np.arange(6.0).reshape(2, 3).T,
    "every other": np.arange(12.0).reshape(6, 2)[::2],
    "read-only": read_only(),
    "no rows": np.zeros((0, 2)),
    "no columns": np.zeros((2, 0)),
    "masked": np.ma.masked_array([1.0, 2.0], mask=[False, True]),
    "objects": np.array([1, 2], dtype=object),
    "truths": np.array([True, False]),
    "complex": np.array([1j, 2.0]),
    "dates": np.array([1, 2], dtype="datetime64[s]"),
    "nans": np.array([math.nan, 1.0]),
    "single": np.float32(0.5),
    "small integer": np.int8(3),
    "large integer": np.uint64(2**63),
    "long double": np.longdouble(0.5),
    "series": pd.Series([1.0, 2.0]),
    "frame": pd.DataFrame([[1.0, 2.0], [3.0, 4.0]]),
    "gaps": pd.Series([1, None], dtype="Int64"),
    "labelled": xr.DataArray([1.0, 2.0]),
    "decimal": Decimal("0.5"),
    "fraction": Fraction(1, 2),
    "rational": sympy.Rational(1, 2),
    "pi": sympy.pi,
    "oo": sympy.oo,
    "symbol": U,
    "product": U * V,
    "foreign symbol": sympy.Symbol("u"),
    "I": sympy.I,
    "matrix": sympy.Matrix([[1, 2], [3, 4]]),
    "function": lambda *_: 1.0,
    "class": int,
    "object": object(),
    "tensor": Tensor(),
    "unprintable": Unprintable(),
    "unreadable": Unreadable(),
    "module": lib,
    "iterator": iter([1, 2]),
    "condition": ("theta", 1.0, 0.0),
    "mapping": {"theta": 1},
    "weights": {U: math.nan},
}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    HOSTILE["NumPy's matrix"] = np.matrix([[1.0, 2.0]])

MODEL = lib.models.scalar_product()
SYSTEM = {"dynamics": lib.Ambient(0.3), "temperature": 0.3}
LAW = lib.density(MODEL, "theta", **SYSTEM)
ORIGIN = Provenance("theta", "euler-maruyama", 0.01, 0.3, walkers=64, observations=5, key=(1, 2))
COUNTS = np.column_stack([np.random.default_rng(0).integers(1, 50, size=(64, 10)), np.zeros(64, dtype=int)])
HISTOGRAM = lib.HistogramResult(lib.Histogram(bins=8, range=(-1.0, 2.0)), ORIGIN, COUNTS)
MOMENTS = lib.MomentsResult(lib.Moments(), ORIGIN, np.ones((64, 3)))

CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Model": (
        lib.Model,
        {"parameters": (U, V), "predictor": {"theta": U * V}, "loss": U * V, "symmetry": lib.Scaling({U: 1, V: -1})}
        | {"confinement": sympy.S.Zero, "observables": {}, "data": {}, "slice": None},
    ),
    "Scaling": (lib.Scaling, {"weights": {U: 1, V: -1}}),
    "Linear": (lib.Linear, {"generators": [[[1, 0], [0, -1]]]}),
    "parameters": (lib.parameters, {"names": "u v"}),
    "Ambient": (lib.Ambient, {"weight_decay": 0.1, "metric": None}),
    "SoftSlice": (lib.SoftSlice, {"stiffness": 1.0, "weight_decay": 0.1, "metric": None}),
    "GaugeFixed": (lib.GaugeFixed, {"level": 0.5, "at_zero": "absorb"}),
    "Constrained": (lib.Constrained, {"level": 0.5, "fixman": True}),
    "Histogram": (lib.Histogram, {"bins": 3, "range": (0, 1), "every": 1, "given": None}),
    "Moments": (lib.Moments, {"every": 1, "order": 2}),
    "Trace": (lib.Trace, {"every": 1}),
    "HistogramResult": (
        lib.HistogramResult,
        {"spec": HISTOGRAM.spec, "provenance": ORIGIN, "raw_counts": HISTOGRAM.raw_counts},
    ),
    "MomentsResult": (
        lib.MomentsResult,
        {"spec": MOMENTS.spec, "provenance": ORIGIN, "deviations": MOMENTS.deviations},
    ),
    "TraceResult": (lib.TraceResult, {"spec": lib.Trace(every=1), "provenance": ORIGIN, "values": np.ones((64, 5))}),
    "MomentsResult.moment": (MOMENTS.moment, {"k": 1}),
    "absorption_time": (lib.absorption_time, {"model": MODEL, "start": 1.0, "temperature": 0.3}),
    "balance": (lib.balance, {"model": MODEL, "x": [1.0, 2.0], "level": 0.0, "metric": None}),
    "implicit_bias": (lib.implicit_bias, {"model": MODEL, "metric": None}),
    "effective_loss": (lib.effective_loss, {"model": MODEL, "temperature": 0.3, "wrt": "surface", "metric": None}),
    "find_symmetries": (lib.find_symmetries, {"model_or_callable": MODEL, "rng": 1, "dim": None, "samples": None}),
    "density": (lib.density, {"model": MODEL, "observable": "theta", "given": None, "method": "auto"} | SYSTEM),
    "compare": (lib.compare, {"histogram": HISTOGRAM, "law": LAW, "finer": None}),
    "load": (lib.load, {"path": "there is no such file"}),
    "plot.density": (lib.plot.density, {"histogram": HISTOGRAM, "law": LAW, "rivals": None}),
    "hadamard": (lib.models.hadamard, {"dim": 2, "target": 1.0, "data": None}),
    "relu_network": (lib.models.relu_network, {"d": 2, "h": 1, "target": 1.0, "data": None}),
    "matrix_factorization": (
        lib.models.matrix_factorization,
        {"m": 2, "n": 2, "rank": 1, "target": 1.0, "group": "diagonal"},
    ),
}


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name, (_, arguments) in CALLS.items() for argument in arguments]
)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_it_is_accepted_or_refused_in_words(name, argument) -> None:
    pyplot.switch_backend("Agg")
    call, arguments = CALLS[name]
    refused: list[int] = []
    for what, value in HOSTILE.items():
        try:
            call(**arguments | {argument: value})
        except LangevinError as error:
            refused.append(len(str(error)))
        except Exception as error:
            raise AssertionError(f"{name}({argument}={what}) ended in {error!r}") from error
        pyplot.close("all")
    assert all(10 < length < 900 for length in refused)
    assert len(refused) >= len(HOSTILE) // 2
    # What is passed there as a matter of course is accepted.
    if name != "load":
        call(**arguments)
    pyplot.close("all")


@pytest.mark.parametrize("value", [Tensor(), np.array(1.0), np.array([1.0]), "1.0", [1.0], True, None])
@pytest.mark.parametrize("what", ["loss", "confinement"])
def test_what_only_has_a_value_is_no_formula(what, value) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{what} must be a scalar SymPy expression"):
        lib.Model(**{"parameters": (U, V), "predictor": {"theta": U * V}, "loss": U * V} | {what: value})


@pytest.mark.parametrize("value", [1, 1.5, np.float64(0.5), Fraction(1, 3), Decimal("0.1"), sympy.pi, U * V + 1])
def test_numbers_and_expressions_are_formulas(value) -> None:
    model = lib.Model(parameters=(U, V), predictor={"theta": U * V}, loss=value)
    assert isinstance(model.loss, sympy.Expr)


@pytest.mark.parametrize(
    "value", [[True, False], np.ma.masked_array([1.0, 2.0], mask=[False, True]), [1j, 2], ["1", "2"]]
)
def test_data_are_usable_everywhere_or_nowhere(value) -> None:
    y, i = sympy.IndexedBase("y"), sympy.Idx("i", 2)
    rows = np.ones((2, 1))
    attempts: list[Callable[[], Any]] = [
        lambda: lib.Model(
            parameters=(U, V), predictor={"t": U * V}, loss=sympy.Sum((U * V - y[i]) ** 2, (i, 0, 1)), data={"y": value}
        ),
        lambda: lib.models.relu_network(1, 1, data=(rows, value)),
        lambda: lib.models.hadamard(2, target=value),
        lambda: lib.balance(MODEL, value),
        lambda: lib.geometry.orbit_gram(MODEL, value),
        lambda: lib.sample(MODEL, temperature=0.1, step_size=0.1, steps=1, walkers=2, initial=value),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidArgumentError, match=r"give real numbers|masked in places"):
            attempt()


def test_a_range_may_come_out_of_numpy() -> None:
    assert lib.Histogram(range=np.percentile([0.0, 1.0], [0, 100])) == lib.Histogram(range=(0.0, 1.0))


def test_the_halves_of_a_key_stand_in_one_order() -> None:
    assert Provenance.halves((5 << 64) + 3) == (3, 5)
    run = lib.sample(
        MODEL, temperature=0.1, step_size=0.1, steps=1, walkers=2, rng=1, observe={"theta": lib.Trace(every=1)}
    )
    low, high = run["theta"].provenance.key
    assert low | high << 64 == run.settings.key
