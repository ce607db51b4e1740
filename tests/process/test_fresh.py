"""`Fresh`: rows that are drawn anew in every batch; what a walker sees, against plain Python, and what is refused."""

from __future__ import annotations

import pickle

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import _core
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from scipy import stats

TEACHER = (1.5, -0.5)


def line(law: str = "normal", rows: int = 50) -> lib.Model:
    """(a X0 + b X1 - y)²/2 with y = 1.5 X0 - 0.5 X1."""
    a, b = lib.parameters("a b")
    fresh = lib.Fresh(
        inputs={"X": (2,)}, labels={"y": lambda X: TEACHER[0] * X[0] + TEACHER[1] * X[1]}, law=law, rows=rows
    )
    i, X, y = sympy.Idx("i", rows), sympy.IndexedBase("X"), sympy.IndexedBase("y")
    return lib.Model(
        parameters=(a, b),
        predictor={"a": a, "b": b},
        loss=sympy.Sum((a * X[i, 0] + b * X[i, 1] - y[i]) ** 2, (i, 0, rows - 1)) / (2 * rows),
        data=fresh,
    )


def sampled(model: lib.Model, sgd: lib.SGD, **changes) -> lib.Run:
    settings = {"step_size": 0.1, "steps": 6, "walkers": slice(3, 40), "rng": 2, "initial": [0.2, 0.4], "threads": 1}
    return lib.sample(model, dynamics=sgd, progress=False, **(settings | changes))


@pytest.mark.parametrize("sigma", [0.0, 0.7])
@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_every_walker_sees_inputs_of_its_own(law, sigma) -> None:
    sgd = lib.SGD(3, label_noise={"y": sigma}, weight_decay=0.1)
    run = sampled(line(law), sgd)
    for walker in range(3, 40):
        x = np.array([0.2, 0.4])
        for step in range(6):
            where = (run.settings.key, (walker, walker + 1), (step, step + 1))
            if law == "normal":
                inputs = _core.normals(*where, 6, stream="input")[0, 0].reshape(3, 2)
            else:
                words = [int(word) for word in _core.words(*where, 6, stream="input")[0, 0]]
                inputs = np.array([(word // 2**12 + 0.5) / 2**52 for word in words]).reshape(3, 2)
            noise = sigma * _core.normals(*where, 3, stream="label")[0, 0]
            error = inputs @ (x - TEACHER) - noise
            x = x - 0.1 * (inputs.T @ error / 3 + 0.1 * x)
        np.testing.assert_allclose(run.states[walker - 3], x, rtol=0, atol=1e-14)
    assert len(np.unique(run.states[:, 0])) == 37


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_arrangement_changes_a_bit(dtype, tmp_path) -> None:
    sgd = lib.SGD(5, label_noise={"y": 0.3})
    whole = sampled(line(), sgd, steps=30, walkers=200, dtype=dtype, level="portable")
    for machine in [{"level": level} for level in lib.levels()] + [
        {"block": 32, "threads": 2},
        {"walkers": slice(100, 200)},
    ]:
        part = sampled(line(), sgd, **({"steps": 30, "walkers": 200, "dtype": dtype} | machine))
        assert part.states.tobytes() == whole.states[-len(part.states) :].tobytes()
    first = sampled(line(), sgd, steps=11, walkers=200, dtype=dtype)
    first.save(tmp_path / "run.npz")
    loaded = lib.load(tmp_path / "run.npz")
    assert loaded.model == line()
    assert loaded.model.fresh == line().fresh
    assert loaded.resume(19, progress=False).states.tobytes() == whole.states.tobytes()


def test_the_sample_has_the_law_of_the_inputs_and_the_labels_of_the_formula() -> None:
    """A right sample fails one of the two comparisons with probability 2e-4."""
    for law, exact in (("normal", stats.norm), ("uniform", stats.uniform)):
        data = line(law, 4000).data
        assert data["X"].shape == (4000, 2)
        np.testing.assert_allclose(data["y"], data["X"] @ TEACHER, rtol=0, atol=1e-14)
        assert stats.kstest(data["X"].ravel(), exact.cdf).pvalue > 1e-4
    assert not np.array_equal(lib.Fresh(inputs={"x": ()}, seed=1).sample["x"], lib.Fresh(inputs={"x": ()}).sample["x"])


def test_formulas_are_expressions_or_functions_and_may_be_columns() -> None:
    X = sympy.IndexedBase("X")
    one = lib.Fresh(inputs={"X": (2,), "z": ()}, labels={"Z": (X[0] ** 2, X[1]), "y": lambda X, z: X[1] * z})
    other = lib.Fresh(inputs={"X": 2, "z": None}, labels={"Z": lambda X, z: X[0] ** 2, "y": lambda X, z: X[1] * z})
    assert one != other
    assert {name: array.shape for name, array in one.sample.items()} == {
        "X": (1000, 2),
        "z": (1000,),
        "Z": (1000, 2),
        "y": (1000,),
    }
    np.testing.assert_array_equal(one.sample["Z"][:, 1], one.sample["X"][:, 1])
    assert pickle.loads(pickle.dumps(one)) == one
    assert hash(one) == hash(lib.Fresh(inputs=one.inputs, labels=one.labels))


def test_ready_made_models_take_fresh_rows() -> None:
    fresh = lib.Fresh(inputs={"X": (3,)}, labels={"y": lambda X: sympy.Max(0, X[0])})
    net = lib.models.relu_network(3, 2, data=fresh)
    assert net.fresh == fresh
    assert pickle.loads(pickle.dumps(net)) == net
    assert net != lib.models.relu_network(3, 2, data=(net.data["X"], net.data["y"]))
    assert net.digest != lib.models.relu_network(3, 2, data=(net.data["X"], net.data["y"])).digest
    run = lib.sample(
        net, dynamics=lib.SGD(4), step_size=0.1, steps=2000, walkers=64, rng=0, initial=0.5, progress=False
    )
    # Both neurons start, and so stay, equal to each other: one direction is learnt, by both.
    assert np.abs(run.states.reshape(64, 2, 4)[:, 0] - run.states.reshape(64, 2, 4)[:, 1]).max() == 0.0
    assert np.isfinite(run.states).all()
    with pytest.raises(InvalidArgumentError, match="must have the inputs"):
        lib.models.relu_network(2, 2, data=fresh)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"inputs": {}}, "inputs must map names to shapes"),
        ({"inputs": {"X": (2, 3)}}, "must be \\(columns,\\)"),
        ({"inputs": {"X": (0,)}}, "between 1 and"),
        ({"inputs": {"a b": (1,)}}, "must be a Python identifier"),
        ({"inputs": {"X": (1,)}, "law": "cauchy"}, "choose one of 'normal', 'uniform'"),
        ({"inputs": {"X": (1,)}, "rows": 0}, "rows must lie between"),
        ({"inputs": {"X": (1,)}, "labels": {"X": 1}}, "names both an input and a label"),
        ({"inputs": {"X": (1,)}, "labels": {"y": lambda X: X[5]}}, "does not take the inputs"),
        ({"inputs": {"X": (1,)}, "labels": {"y": sympy.Symbol("t", real=True)}}, "depends on t"),
        ({"inputs": {"X": (1,)}, "labels": {"y": "x"}}, "must be a scalar SymPy expression"),
        ({"inputs": {"X": (1,)}, "labels": {"y": ()}}, "has no formulas"),
        ({"inputs": {"X": (1,)}, "labels": [1]}, "labels must map names"),
    ],
)
def test_wrong_arguments_are_refused(arguments, reason) -> None:
    with pytest.raises(InvalidArgumentError, match=reason):
        lib.Fresh(**arguments)


@pytest.mark.parametrize(
    "sgd",
    [
        lib.SGD(),
        lib.SGD(2, replace=False),
        lib.SGD(2, epochs=True),
        lib.SGD(inclusion=0.5),
        lib.SGD(label_noise={"y": 1.0}),
    ],
)
def test_there_is_no_list_of_rows_to_draw_from(sgd) -> None:
    with pytest.raises(InvalidArgumentError, match="are drawn afresh: there is no full batch"):
        sampled(line(), sgd)


def test_too_many_inputs_and_batches_of_no_rows_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="more than 131072 numbers"):
        sampled(line(), lib.SGD(70_000))
    with pytest.raises(InvalidArgumentError, match="of no list of rows"):
        sampled(line(), lib.SGD(2)).batches()
    given = lib.SGD(given=lib.GivenBatches(rows=[[0, 1]] * 6))
    assert np.isfinite(sampled(line(), given).states).all()


def test_a_row_has_no_number_and_no_neighbour() -> None:
    a = lib.parameters("a")[0]
    i, x = sympy.Idx("i", 10), sympy.IndexedBase("x")
    for body, top in ((a * x[i] * i, 9), (a * x[i] * x[i + 1], 8)):
        model = lib.Model(
            parameters=(a,),
            predictor={"a": a},
            loss=sympy.Sum(body, (i, 0, top)),
            data=lib.Fresh(inputs={"x": ()}, rows=10),
        )
        with pytest.raises(UnsupportedModelError, match="no numbers and no neighbours"):
            lib.sample(model, dynamics=lib.SGD(2), step_size=0.1, steps=2, walkers=2, rng=0, progress=False)


def test_whitened_models_have_rows_that_are_drawn_afresh_too() -> None:
    x, y, i = sympy.IndexedBase("x"), sympy.IndexedBase("y"), sympy.Idx("i", 100)
    (a, b) = lib.parameters("a b")
    model = lib.Model(
        parameters=(a, b),
        predictor={"a": a},
        loss=sympy.Sum((a * x[i] + b - y[i]) ** 2, (i, 0, 99)) / 100,
        data=lib.Fresh(inputs={"x": ()}, labels={"y": lambda z: 2 * z}, rows=100),
    )
    assert lib.geometry.whitened(model, [[2.0, 0.5], [0.5, 1.0]]).fresh == model.fresh
