"""The closed form of a layer of rectified units: which losses it is taken for, and that it is the same as the tape."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.process import Process, Risk
from langevin_ib.sampling.loop.driver import Driver
from langevin_ib.sampling.loop.layers import Layer, teacher_of

INPUTS, UNITS, ROWS = 3, 5, 11
RNG = np.random.default_rng(0)
X, Y = np.random.default_rng(1).normal(size=(ROWS, INPUTS)), np.random.default_rng(2).normal(size=ROWS)
START = np.random.default_rng(3).normal(size=(40, UNITS * (INPUTS + 1)))
FRESH = lib.Fresh(inputs={"X": (INPUTS,)}, labels={"y": lambda X: sympy.sin(X[0] - X[2])}, rows=ROWS)

TAUGHT = lib.Fresh(
    inputs={"X": (INPUTS,)},
    labels={
        "y": lambda X: 1.5 * sympy.Max(0, X[0] - 0.3 * X[2]) - sympy.Max(0, X[1]) + 2 * sympy.Max(0, X[1] + X[2] / 3)
    },
    rows=ROWS,
)


def backwards(data) -> lib.Model:
    """The same network with its parameters in reverse order, for which there is no closed form."""
    net = lib.models.relu_network(INPUTS, UNITS, data=data)
    return lib.Model(
        parameters=tuple(reversed(net.parameters)),
        predictor=dict(net.predictor),
        loss=net.loss,
        data=net.fresh or dict(net.data),
    )


def sampled(model: lib.Model, sgd: lib.SGD, **changes) -> lib.Run:
    settings = {"step_size": 0.05, "steps": 12, "walkers": 40, "rng": 5, "initial": START, "threads": 1}
    return lib.sample(model, dynamics=sgd, progress=False, **(settings | changes))


KINDS = {
    "draws": ((X, Y), lib.SGD(4)),
    "one": ((X, Y), lib.SGD(1)),
    "five": ((X, Y), lib.SGD(5, weight_decay=0.1)),
    "distinct": ((X, Y), lib.SGD(6, replace=False, label_noise={"y": 0.5})),
    "all": ((X, Y), lib.SGD(label_noise={"y": 0.5})),
    "masks": ((X, Y), lib.SGD(inclusion=0.4)),
    "noisy inputs": ((X, Y), lib.SGD(3, label_noise={"X": 0.2, "y": 0.5})),
    "fresh": (FRESH, lib.SGD(8, label_noise={"y": 0.5})),
    "fresh, seven": (FRESH, lib.SGD(7)),
    "a teacher": (TAUGHT, lib.SGD(8, label_noise={"y": 0.5})),
    "a teacher without noise": (TAUGHT, lib.SGD(6)),
    "noisy inputs of a teacher": (TAUGHT, lib.SGD(5, label_noise={"X": 0.5})),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_closed_form_is_the_tape(kind, dtype) -> None:
    data, sgd = KINDS[kind]
    model = lib.models.relu_network(INPUTS, UNITS, data=data)
    potentials = [Driver.of(Process.of(each, sgd)).potential for each in (model, backwards(data))]
    assert [isinstance(each["row"], tuple) for each in potentials] == [True, False]
    closed = sampled(model, sgd, dtype=dtype)
    taped = sampled(backwards(data), sgd, initial=START[:, ::-1], dtype=dtype)
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(closed.states, taped.states[:, ::-1], rtol=tolerance, atol=tolerance)
    assert np.abs(closed.states - START).max() > 1e-3


@pytest.mark.parametrize("kind", ["five", "masks", "fresh, seven", "a teacher"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_arrangement_changes_a_bit(kind, dtype) -> None:
    data, sgd = KINDS[kind]
    model = lib.models.relu_network(INPUTS, UNITS, data=data)
    what = {"walkers": 200, "initial": np.tile(START, (5, 1)), "dtype": dtype}
    whole = sampled(model, sgd, **what, level="portable")
    for machine in [{"level": level} for level in lib.levels()] + [{"block": 32}, {"block": 64, "threads": 2}]:
        assert sampled(model, sgd, **what, **machine).states.tobytes() == whole.states.tobytes()
    few = sampled(model, sgd, **(what | {"walkers": slice(80, 87), "initial": START[:7]}))
    assert few.states.tobytes() == whole.states[80:87].tobytes()


def test_large_batches_are_made_ready_in_pieces_that_change_no_bit() -> None:
    model = lib.models.relu_network(INPUTS, UNITS, data=FRESH)
    small, large = (
        sampled(model, lib.SGD(1003), steps=2, walkers=96, initial=0.3 * np.ones(20), block=block) for block in (32, 96)
    )
    assert small.states.tobytes() == large.states.tobytes()


def test_it_is_recognised_by_what_it_computes() -> None:
    layer = Layer.of(Risk.of(lib.models.relu_network(INPUTS, UNITS, data=(X, Y))))
    assert (layer.inputs, layer.units, layer.factor, len(layer.entries)) == (INPUTS, UNITS, 1.0, INPUTS + 1)
    assert Layer.of(Risk.of(lib.models.relu_neuron(INPUTS, data=(X, Y)))).units == 1


a, b, c, d = lib.parameters("a b c d")
ROW, XS, YS = sympy.Idx("i", ROWS), sympy.IndexedBase("X"), sympy.IndexedBase("y")
FIRST, SECOND = sympy.Max(0, a * XS[ROW, 0]), sympy.Max(0, c * XS[ROW, 0])
NONE = {
    "no label": b * FIRST + d * SECOND,
    "a label that is added": b * FIRST + d * SECOND + YS[ROW],
    "two labels": b * FIRST + d * SECOND - YS[ROW] - XS[ROW, 1],
    "other inputs": b * FIRST + d * sympy.Max(0, c * XS[ROW, 1]) - YS[ROW],
    "a label among the inputs": b * sympy.Max(0, a * YS[ROW]) + d * sympy.Max(0, c * YS[ROW]) - YS[ROW],
    "a shared factor": b * FIRST + b * SECOND + a * d - YS[ROW],
    "a threshold": b * sympy.Max(1, a * XS[ROW, 0]) + d * SECOND - YS[ROW],
    "a bias": b * sympy.Max(0, a * XS[ROW, 0] + c) + d * a - YS[ROW],
    "no unit": a * b * XS[ROW, 0] + c * d - YS[ROW],
    "two kinks": b * FIRST * SECOND + d * SECOND - YS[ROW],
    "a number": 2 * b * FIRST + d * SECOND - YS[ROW],
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_layer_is_not_taken_for_one(name) -> None:
    used = {str(base): {"X": X, "y": Y}[str(base)] for base in NONE[name].atoms(sympy.IndexedBase)}
    loss = sympy.Sum(NONE[name] ** 2, (ROW, 0, ROWS - 1)) / ROWS
    model = lib.Model(parameters=(a, b, c, d), predictor={"a": a, "b": b, "c": c, "d": d}, loss=loss, data=used)
    assert Layer.of(Risk.of(model)) is None


def test_the_weight_of_a_layer_is_that_of_its_loss() -> None:
    loss = sympy.Sum((b * FIRST + d * SECOND - YS[ROW]) ** 2, (ROW, 0, ROWS - 1)) / ROWS
    model = lib.Model(
        parameters=(a, b, c, d), predictor={"a": a, "b": b, "c": c, "d": d}, loss=loss, data={"X": X, "y": Y}
    )
    layer = Layer.of(Risk.of(model))
    assert (layer.inputs, layer.units, layer.factor) == (1, 2, 2.0)
    full = lib.sample(
        model, dynamics=lib.SGD(ROWS, replace=False), step_size=0.1, steps=5, walkers=8, rng=0, progress=False
    )
    flow = lib.sample(model, temperature=0.0, step_size=0.1, steps=5, walkers=8, rng=0, progress=False)
    np.testing.assert_allclose(full.states, flow.states, rtol=1e-12)


def test_a_teacher_is_recognised_by_what_it_computes() -> None:
    x = sympy.symbols("x:2", real=True)
    assert teacher_of(2 * sympy.Max(0, x[1] - x[0]) - sympy.Max(0, x[0] / 4), x) in (
        [-1.0, 1.0, 2.0, 0.25, 0.0, -1.0],
        [0.25, 0.0, -1.0, -1.0, 1.0, 2.0],
    )
    for other in (
        sympy.S.Zero,
        x[0],
        sympy.Max(0, x[0]) + 1,
        sympy.Max(1, x[0]),
        sympy.Max(0, x[0] ** 2),
        x[1] * sympy.Max(0, x[0]),
    ):
        assert teacher_of(other, x) is None
    assert teacher_of(sympy.Max(0, x[0] + 1), x) is None
