"""Write small runs as files, half made and whole; `test_saved_files.py` reads those that version 0.1 wrote.

Run it under a released version to keep that version's files: `python tests/saved/write.py tests/saved/version_0_1`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import langevin_ib as lib
import numpy as np
import sympy

HALF, WHOLE = 37, 80
COMMON = {"step_size": 0.01, "burn_in": 10, "walkers": 96, "rng": 5, "temperature": 0.3, "progress": False}
U, V = lib.parameters("u v")


def observers(name: str, span: tuple[float, float]) -> dict:
    """Keep one of each kind."""
    return {name: (lib.Histogram(bins=20, range=span, every=3), lib.Moments(every=2, order=3), lib.Trace(every=20))}


def own_model() -> lib.Model:
    """A model with data, pieces, functions, a confinement, an observable and a slice of its own."""
    x, i = sympy.IndexedBase("X"), sympy.Idx("i", 6)
    return lib.Model(
        parameters=(U, V),
        predictor={"theta": U * V},
        loss=sympy.Sum(sympy.log(1 + sympy.exp(-x[i, 1] * U * V * x[i, 0])), (i, 0, 5)) / 6,
        symmetry=lib.Scaling({U: +1, V: -1}),
        confinement=sympy.Piecewise((U**2, U > 0), (U**2 / 2, True)) + sympy.Rational(1, 3) * sympy.Max(V, -V) ** 2,
        observables={"imbalance": U**2 - V**2, "radius": sympy.sqrt(U**2 + V**2)},
        data={"X": np.stack([np.linspace(-1.0, 2.0, 6), [1.0, -1.0, 1.0, 1.0, -1.0, 1.0]], axis=1)},
        slice={"chi": (U**2 - V**2) / 2},
    )


def cases() -> dict[str, dict]:
    """Name the runs: the arguments of `sample` but for the number of steps."""
    product, pair = lib.models.scalar_product(target=0.7), lib.models.column_pair(2, 1, target=[[1.0], [0.5]])
    theta = observers("theta", (-1.0, 2.0))
    shell = {"theta": lib.Histogram(bins=12, range=(-1.0, 2.0), given=("imbalance", -1.0, 1.0))}
    matrices = lib.models.matrix_factorization(3, 2, 2, group="gl")
    data = (np.linspace(-1.0, 1.0, 8)[:, None] ** np.array([[1, 2]]), np.linspace(0.0, 1.0, 8))
    return {
        "ambient": {
            "model": product,
            "dynamics": lib.Ambient(weight_decay=0.2),
            "observe": theta | {"u": lib.Trace(every=7)},
        },
        "metric": {"model": product, "dynamics": lib.Ambient(weight_decay=0.2, metric=[[2.0, 0.5], [0.5, 1.0]])},
        "shell_float32": {"model": product, "scheme": "leimkuhler-matthews", "dtype": "float32", "observe": shell},
        "mala_single": {"model": product, "scheme": "mala", "noise": "single", "observe": theta, "step_size": 0.3},
        "substeps_shard": {"model": product, "substeps": 2, "walkers": slice(32, 96), "observe": theta},
        "soft_slice": {"model": product, "dynamics": lib.SoftSlice(stiffness=3.0), "observe": theta},
        "absorbed": {"model": product, "dynamics": lib.GaugeFixed(at_zero="absorb"), "observe": theta},
        "gauge_fixed": {"model": product, "dynamics": lib.GaugeFixed(level=0.5), "observe": theta},
        "rigid_mala": {
            "model": pair,
            "dynamics": lib.Constrained(level=0.5, fixman=True),
            "scheme": "mala",
            "observe": observers("strength", (0.0, 3.0)),
        },
        "matrices": {"model": matrices, "dynamics": lib.GaugeFixed(), "observe": observers("norm", (0.0, 4.0))},
        "network": {
            "model": lib.models.relu_network(2, 2, data=data),
            "dynamics": lib.Ambient(weight_decay=0.1),
            "observe": observers("z00", (-2.0, 2.0)),
        },
        "own": {"model": own_model(), "observe": observers("radius", (0.0, 3.0)), "initial": [[0.5, -0.25]] * 96},
        "own_on_its_slice": {"model": own_model(), "dynamics": lib.Constrained(level=0.5), "initial": [1.0, 0.1]},
    }


def main(folder: Path) -> None:
    """Write each case twice."""
    for name, case in cases().items():
        for steps, part in ((HALF, "half"), (WHOLE, "whole")):
            lib.sample(**COMMON | case, steps=steps).save(folder / f"{name}.{part}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
