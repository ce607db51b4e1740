"""What a law costs: processor time of `density` for a fresh model of every family, and of a million draws from it.

Each model is made anew, with numbers of its own that no earlier call has seen; the first call of a process is shown
beside the median. ``python benches/laws.py [rounds] [word]``; a word picks the rows that contain it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import langevin_ib as lib
import numpy as np
import sympy
from langevin_ib import Ambient, Constrained, GaugeFixed, SoftSlice, models
from langevin_ib.errors import LangevinError


def quadratic(components: Any) -> Any:
    """Return half the sum of the squares."""
    return sum(component**2 for component in components) / 2


def shifted(target: float) -> lib.Model:
    """Return a product beside two logits, of which the loss knows a difference alone."""
    u, v, a, b = lib.parameters("u v a b")
    loss = (u * v - target) ** 2 / 2 + (a - 2 * b) ** 2 / 2
    symmetry = (lib.Scaling({u: 1, v: -1}), lib.Translation({a: 2, b: 1}))
    return lib.Model(
        parameters=(u, v, a, b), predictor={"theta": u * v, "gap": a - 2 * b}, loss=loss, symmetry=symmetry
    )


def powers(target: float) -> lib.Model:
    """Return u**2 v with a weight decay: a product of powers without a declared symmetry."""
    u, v = lib.parameters("u v")
    return lib.Model(parameters=(u, v), predictor={"theta": u**2 * v}, loss=(u**2 * v - target) ** 2 / 2)


def vectors(target: float) -> lib.Model:
    """Return z = s_0 (v_0, w_0) + ..., three copies of a vector of two, and its length."""
    x = lib.parameters("s0 v0 w0 s1 v1 w1 s2 v2 w2")
    z = [sum(x[k] * x[k + entry] for k in (0, 3, 6)) for entry in (1, 2)]
    return lib.Model(
        parameters=x,
        predictor={"z0": z[0], "z1": z[1]},
        loss=((z[0] - target) ** 2 + (z[1] - 1) ** 2) / 2,
        observables={"length": sympy.sqrt(z[0] ** 2 + z[1] ** 2)},
    )


def one_parameter(target: float) -> lib.Model:
    """Return a model of one parameter."""
    (w,) = lib.parameters("w")
    return lib.Model(parameters=(w,), predictor={"w": w}, loss=(w**2 - target) ** 2 / 4)


def ball(target: float) -> lib.Model:
    """Return a loss of the length of four parameters."""
    x = lib.parameters("a b c d")
    square = sum(each**2 for each in x)
    return lib.Model(parameters=x, predictor={"r": square}, loss=(square - target) ** 2 / 4)


def copies(target: float) -> lib.Model:
    """Return a sum of two products."""
    a, b, c, d = lib.parameters("a b c d")
    return lib.Model(parameters=(a, b, c, d), predictor={"w": a * b + c * d}, loss=(a * b + c * d - target) ** 2 / 2)


def product(target: float) -> lib.Model:
    """Return u v."""
    return models.scalar_product(target=target)


def neuron(inputs: int) -> Callable[[float], lib.Model]:
    """Return what makes a rectified neuron; only its temperature is another each time."""
    return lambda _: models.relu_neuron(inputs, loss=quadratic)


def factorisation(group: str) -> Callable[[float], lib.Model]:
    """Return what makes a 4 x 3 product of rank 2 with this group of symmetries."""
    return lambda _: models.matrix_factorization(4, 3, 2, group=group, loss=quadratic)


decay = Ambient(weight_decay=0.1)
ROWS: dict[str, tuple[Callable[[float], lib.Model], str, Any, dict[str, Any]]] = {
    "uv, weight decay, theta": (product, "theta", decay, {}),
    "uv, weight decay, u": (product, "u", decay, {}),
    "uv, weight decay, imbalance": (product, "imbalance", decay, {}),
    "uv, weight decay, norm": (product, "norm", decay, {}),
    "uv, soft slice": (product, "theta", SoftSlice(stiffness=3.0), {}),
    "uv, shell": (product, "theta", Ambient(weight_decay=0.3), {"given": ("imbalance", -0.5, 0.5)}),
    "uv, slice": (product, "theta", GaugeFixed(level=0.5), {}),
    "uv, rigid slice": (product, "theta", Constrained(level=0.5), {}),
    "uv, rigid slice, norm": (product, "norm", Constrained(level=0.5), {}),
    "depth 3, weight decay": (lambda t: models.scalar_product(depth=3, target=t), "theta", decay, {}),
    "depth 5, weight decay": (lambda t: models.scalar_product(depth=5, target=t), "theta", decay, {}),
    "depth 3, slice": (lambda t: models.scalar_product(depth=3, target=t), "theta", GaugeFixed(level=(0.4, 0.3)), {}),
    "depth 5, slice": (
        lambda t: models.scalar_product(depth=5, target=t),
        "theta",
        GaugeFixed(level=(0.4, 0.3, 0.2, 0.1)),
        {},
    ),
    "depth 6, slice": (
        lambda t: models.scalar_product(depth=6, target=t),
        "theta",
        GaugeFixed(level=(0.5, 0.4, 0.3, 0.2, 0.1)),
        {},
    ),
    "power u^2 v, weight decay": (powers, "theta", decay, {}),
    "hadamard(2), slice": (lambda t: models.hadamard(2, target=[t, 0.5]), "z1", GaugeFixed(level=0.5), {}),
    "hadamard(2), weight decay": (lambda t: models.hadamard(2, target=[t, 0.5]), "z1", decay, {}),
    "diagonal network, slice": (lambda t: models.diagonal_network(1, target=[t]), "w0", GaugeFixed(level=0.5), {}),
    "diagonal network, weight decay": (lambda t: models.diagonal_network(1, target=[t]), "w0", decay, {}),
    "two products, weight decay": (copies, "w", decay, {}),
    "vector copies, weight decay": (vectors, "length", Ambient(weight_decay=0.45), {}),
    "neuron of 3, strength": (neuron(3), "strength", GaugeFixed(level=0.1), {}),
    "neuron of 5, strength": (neuron(5), "strength", GaugeFixed(level=0.1), {}),
    "neuron of 3, component": (neuron(3), "z1", GaugeFixed(level=0.1), {}),
    "neuron of 3, soft slice": (neuron(3), "strength", SoftSlice(stiffness=2.0), {}),
    "column pair, strength": (
        lambda t: models.column_pair(4, 3, loss=quadratic),
        "strength",
        GaugeFixed(level=0.1),
        {},
    ),
    "factorisation gl, norm": (factorisation("gl"), "norm", GaugeFixed(level=0.0), {}),
    "factorisation gl, angle": (factorisation("gl"), "angle", GaugeFixed(level=0.0), {}),
    "factorisation diagonal, norm": (factorisation("diagonal"), "norm", GaugeFixed(level=0.0), {}),
    "attention, strength": (
        lambda t: models.attention(3, 1, loss=lambda forms: quadratic(forms[0])),
        "strength0_0",
        GaugeFixed(level=0.0),
        {},
    ),
    "translation, slice": (shifted, "theta", GaugeFixed(level=(0.5, 1.0)), {}),
    "translation, weight decay": (shifted, "theta", decay, {}),
    "sphere of 4": (ball, "r", Ambient(), {}),
    "gaussian": (lambda t: models.harmonic(stiffness=t, dim=3), "x0", Ambient(), {}),
    "one parameter": (one_parameter, "w", Ambient(), {}),
}
"""What is timed: a function that makes the model, an observable, a dynamics, and further arguments."""


def timed(row: str, number: int) -> tuple[float, Any]:
    """Return the processor time of one law of a fresh model, in milliseconds, and the law or its refusal."""
    make, observable, dynamics, more = ROWS[row]
    t = 1.0 + 0.01 * number
    model = make(t)
    began = time.process_time()
    try:
        law: Any = lib.density(model, observable, dynamics=dynamics, temperature=0.3 + 0.003 * number, **more)
    except LangevinError as refusal:
        law = refusal
    return 1e3 * (time.process_time() - began), law


def main(rounds: int = 5, word: str = "") -> None:
    """Print the table."""
    print(f"{'family':34s} first  median (quartiles) ms   draws s")
    for row in ROWS:
        if word not in row:
            continue
        first, law = timed(row, 0)
        times = [timed(row, number)[0] for number in range(1, rounds + 1)]
        low, middle, high = statistics.quantiles(times, n=4) if rounds > 1 else times * 3
        if isinstance(law, LangevinError):
            drawn = f"refused: {str(law)[:80]}"
        else:
            began = time.process_time()
            sample = law.rvs(10**6, rng=1)
            drawn = f"{time.process_time() - began:.2f}"
            distance = np.abs(law.cdf(np.sort(sample)[::100]) - (np.arange(0, 10**6, 100) + 0.5) / 10**6).max()
            drawn += f"  KS {distance * 1e3:.2f}"  # 1.95 in a thousand samples
        print(f"{row:34s} {first:5.0f}  {middle:5.0f} ({low:.0f} to {high:.0f})   {drawn}", flush=True)


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, str), sys.argv[1:], strict=False)))
