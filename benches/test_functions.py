"""The elementary functions on an array in cache: ours at every level, NumPy, and numba where it is installed."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from langevin_ib import _core
from numpy.typing import NDArray

SIZE = 8192
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., float]]] = {
    "exp": (np.exp, math.exp),
    "expm1": (np.expm1, math.expm1),
    "log": (np.log, math.log),
    "log1p": (np.log1p, math.log1p),
    "sin": (np.sin, math.sin),
    "cos": (np.cos, math.cos),
    "tan": (np.tan, math.tan),
    "sinh": (np.sinh, math.sinh),
    "cosh": (np.cosh, math.cosh),
    "tanh": (np.tanh, math.tanh),
    "atan": (np.arctan, math.atan),
    "pow": (np.power, math.pow),
}


def arguments(name: str, dtype: str) -> list[NDArray[Any]]:
    rng = np.random.default_rng(1)
    return [rng.uniform(0.1, 3.0, SIZE).astype(dtype) for _ in range(2 if name == "pow" else 1)]


def by_numba(function: Callable[..., float], columns: list[NDArray[Any]]) -> Callable[[], NDArray[Any]]:
    """A loop over the elements, compiled."""
    if find_spec("numba") is None:
        pytest.skip("NOT MEASURED: numba is not installed (pip install '.[bench]')")
    import numba  # noqa: PLC0415 - an optional peer

    @numba.njit
    def one(x: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
        for i in range(x.size):
            out[i] = function(x[i])
        return out

    @numba.njit
    def two(x: NDArray[Any], y: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
        for i in range(x.size):
            out[i] = function(x[i], y[i])
        return out

    out = np.empty_like(columns[0])
    return lambda: (one if len(columns) == 1 else two)(*columns, out)


@pytest.mark.parametrize("who", [*_core.levels(), "numpy", "numba"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, dtype: str, who: str, benchmark: Any) -> None:
    benchmark.group = f"{name}, {dtype}, {SIZE} elements"
    columns = arguments(name, dtype)
    vectorised, scalar = FUNCTIONS[name]
    if who == "numpy":
        run: Callable[[], Any] = partial(vectorised, *columns)
    elif who == "numba":
        run = by_numba(scalar, columns)
    else:
        run = partial(_core.apply, name, *columns, level=who)
    run()
    found = benchmark(run)
    np.testing.assert_allclose(found, vectorised(*columns), rtol=10 * np.finfo(dtype).eps)
    if benchmark.enabled:
        benchmark.extra_info["ns_per_element"] = 1e9 * benchmark.stats.stats.median / SIZE
