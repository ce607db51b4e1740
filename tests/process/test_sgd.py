"""`SGD` and `Risk`: what a batch is, which losses are means over rows, and what is refused with a remedy."""

from __future__ import annotations

import pickle

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from langevin_ib.process import Process, Risk
from langevin_ib.program import Program, evaluate

ROWS = 6
DATA = {
    "X": np.random.default_rng(0).normal(size=(ROWS, 3)),
    "y": np.random.default_rng(1).normal(size=ROWS),
    "c": np.arange(3.0),
}
a, b = lib.parameters("a b")
i, j, k = sympy.Idx("i", ROWS), sympy.Idx("j", ROWS), sympy.Idx("k", 3)
X, y, c = (sympy.IndexedBase(name) for name in "Xyc")
SUM = sympy.Sum((X[i, 0] * a - y[i]) ** 2, (i, 0, ROWS - 1))


def model(loss: sympy.Expr, **others: sympy.Expr) -> lib.Model:
    used = {base for base in map(str, loss.atoms(sympy.IndexedBase))}
    data = {name: array for name, array in DATA.items() if name in used}
    return lib.Model(parameters=(a, b), predictor={"a": a, "b": b}, loss=loss, data=data, **others)


def process(loss: sympy.Expr, sgd: lib.SGD) -> Process:
    return Process.of(model(loss), sgd)


MEANS = {
    "a sum": SUM,
    "a mean": SUM / ROWS,
    "half a mean, and more": SUM / (2 * ROWS) + b**4 + sympy.exp(a),
    "two sums, of two indices": SUM / 3 + b * sympy.Sum(X[j, 1] * y[j] * a**2, (j, 0, ROWS - 1)),
    "a sum of sums": (SUM + sympy.Sum(sympy.cos(a * X[j, 2]), (j, 0, ROWS - 1))) / 7,
    "a factor with parameters": b * SUM,
    "the number of the row": sympy.Sum((a * i - X[i, 1] * b) ** 2, (i, 0, ROWS - 1)),
    "an entry that is the same for all rows": sympy.Sum((X[i, 1] * a - y[2]) ** 2 * c[1], (i, 0, ROWS - 1)),
    "a sum within a row": sympy.Sum(sympy.Sum(X[i, k] * c[k] * a**k, (k, 0, 2)) ** 2 + y[i] * b, (i, 0, ROWS - 1)),
    "a sum over two indices": sympy.Sum((X[i, k] - a * b * c[k]) ** 2, (k, 0, 2), (i, 0, ROWS - 1)),
    "neighbours": sympy.Sum((y[i + 1] - a * y[i]) ** 2, (i, 0, ROWS - 2)),
    "kinks": sympy.Sum(sympy.Max(0, a * X[i, 0]) * b * y[i], (i, 0, ROWS - 1)),
}


@pytest.mark.parametrize("name", MEANS)
def test_the_mean_of_rows_and_the_rest_are_the_loss(name) -> None:
    loss = MEANS[name]
    risk = Risk.of(model(loss))
    point = {a: 0.37, b: -0.81}
    rows = [risk.row.xreplace(dict(zip(risk.symbols, map(sympy.Float, row), strict=True))) for row in risk.table]
    found = float((sympy.Add(*rows) / len(rows) + risk.rest).xreplace(point))
    exact = loss.doit()
    entries = {
        entry: sympy.Float(DATA[str(entry.base.label)][tuple(int(n) for n in entry.indices)])
        for entry in exact.atoms(sympy.Indexed)
    }
    assert found == pytest.approx(float(exact.xreplace(entries).xreplace(point)), rel=1e-13)


@pytest.mark.parametrize("name", MEANS)
def test_the_mean_gradient_of_rows_is_the_gradient_of_the_potential(name) -> None:
    asked = process(MEANS[name], lib.SGD(2, weight_decay=0.3))
    point = np.array([0.37, -0.81])
    risk = Risk.of(asked.model)
    rows = np.concatenate([np.tile(point, (len(risk.table), 1)), risk.table], axis=1)
    mean = evaluate(risk.gradient, rows).mean(axis=0) + 0.3 * point
    rest = [float(sympy.diff(risk.rest, x).xreplace(dict(zip((a, b), point, strict=True)))) for x in (a, b)]
    tape = Program((a, b), asked.potential, asked.model.data)
    np.testing.assert_allclose(mean + rest, evaluate(tape.gradient, point[None])[0], rtol=1e-11, atol=1e-12)
    step = 1e-5
    ahead, behind = (evaluate(tape.value, point + sign * step * np.eye(2))[:, 0] for sign in (1.0, -1.0))
    np.testing.assert_allclose(mean + rest, (ahead - behind) / (2 * step), rtol=1e-7, atol=1e-8)


REFUSED = {
    "no sum": (a * y[0] + b**2, "it has no sum over data"),
    "the square of a mean": (SUM**2 / ROWS, "no mean over rows, but another function"),
    "a square root": (sympy.sqrt(1 + SUM), "no mean over rows, but another function"),
    "a product of sums": (SUM * sympy.Sum(X[j, 1] * b, (j, 0, ROWS - 1)), "no mean over rows"),
    "other rows": (SUM + sympy.Sum(c[k] * a, (k, 0, 2)), "goes over 3 rows from 0 on, another sum"),
    "rows that start elsewhere": (SUM + sympy.Sum(X[j, 1] * a, (j, 1, ROWS - 1)), "goes over 5 rows from 1 on"),
    "a mean within a row": (
        sympy.Sum((y[i] - sympy.Sum(X[j, 0] * a, (j, 0, ROWS - 1))) ** 2, (i, 0, ROWS - 1)),
        "is the same for all rows",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_mean_over_rows_is_refused_by_name(name) -> None:
    loss, reason = REFUSED[name]
    with pytest.raises((InvalidArgumentError, UnsupportedModelError), match=reason):
        process(loss, lib.SGD(2))
    # Its gradient descent needs no rows.
    assert Process.of(model(loss), lib.SGD()).temperature == 0.0


WRONG = {
    "batch of none": ({"batch_size": 0}, "batch_size must lie between 1 and"),
    "half a row": ({"batch_size": 2.5}, "batch_size must be an integer"),
    "a truth value": ({"batch_size": True}, "batch_size must be an integer"),
    "replace": ({"batch_size": 2, "replace": 1}, "replace must be True or False"),
    "epochs of nothing": ({"epochs": True}, "epochs=True needs batch_size="),
    "two ways": ({"batch_size": 2, "inclusion": 0.5}, "two ways to draw a batch"),
    "two other ways": ({"epochs": True, "inclusion": 0.5}, "inclusion=0.5 is another way"),
    "a chance of 2": ({"inclusion": 2.0}, "is a probability"),
    "no chance": ({"inclusion": 0.0}, "inclusion must be > 0"),
    "NaN": ({"inclusion": float("nan")}, "inclusion must be finite"),
    "normalisation": ({"batch_size": 2, "normalisation": 3.0}, "goes with inclusion= or weights only"),
    "decay": ({"weight_decay": -0.1}, "weight_decay must be >= 0"),
    "noise of no name": ({"label_noise": 0.1}, "label_noise must map names"),
    "negative noise": ({"label_noise": {"y": -0.1}}, "label_noise\\['y'\\] must be >= 0"),
    "infinite noise": ({"label_noise": {"y": np.inf}}, "label_noise\\['y'\\] must be finite"),
    "a text": ({"label_noise": {"y": "a"}}, "must be a real number"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_refused(name) -> None:
    arguments, reason = WRONG[name]
    with pytest.raises(InvalidArgumentError, match=reason):
        lib.SGD(**arguments)


MISFITS = {
    "a batch larger than the data": (lib.SGD(ROWS + 1, replace=False), "more than the 6 rows"),
    "an epoch larger than the data": (lib.SGD(ROWS + 1, epochs=True), "more than the 6 rows"),
    "noise on no array": (
        lib.SGD(label_noise={"z": 0.1}),
        "'z' is no array that the rows of the loss use; these are X",
    ),
    "too much noise": (lib.SGD(100_000, label_noise={"X": 0.1}), "more than 131072"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_the_data_is_refused(name) -> None:
    sgd, reason = MISFITS[name]
    with pytest.raises(InvalidArgumentError, match=reason):
        process(sympy.Sum((X[i, 0] * a + X[i, 1] * b - y[i]) ** 2, (i, 0, ROWS - 1)), sgd)


def test_noise_on_entries_that_rows_share_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="parts of several rows"):
        process(MEANS["neighbours"], lib.SGD(label_noise={"y": 0.1}))


def test_a_model_without_data_is_refused_but_for_gradient_descent() -> None:
    plain = lib.models.scalar_product()
    with pytest.raises(InvalidArgumentError, match="this model has none"):
        Process.of(plain, lib.SGD(4))
    run = lib.sample(
        plain, dynamics=lib.SGD(weight_decay=0.1), step_size=0.1, steps=20, walkers=40, rng=0, progress=False
    )
    same = lib.sample(
        plain, dynamics=lib.Ambient(0.1), temperature=0.0, step_size=0.1, steps=20, walkers=40, rng=0, progress=False
    )
    np.testing.assert_allclose(run.states, same.states, rtol=1e-13)


def test_there_is_no_temperature_unless_one_is_given() -> None:
    assert process(SUM, lib.SGD(2)).temperature == 0.0
    assert Process.of(model(SUM), lib.SGD(2), beta=2.0).temperature == 0.5
    with pytest.raises(InvalidArgumentError, match="no temperature was given"):
        Process.of(model(SUM), lib.Ambient())


def test_there_is_no_gibbs_law() -> None:
    with pytest.raises(UnsupportedModelError, match="Take Ambient"):
        lib.density(model(SUM + a**2 + b**2), "a", dynamics=lib.SGD(2), temperature=0.1)


def test_other_schemes_and_automatic_steps_are_refused() -> None:
    settings = {"dynamics": lib.SGD(2), "steps": 3, "walkers": 4, "rng": 0, "progress": False}
    for scheme in ("mala", "leimkuhler-matthews"):
        with pytest.raises(InvalidArgumentError, match="one step along the gradient of a batch"):
            lib.sample(model(SUM), **settings, step_size=0.1, scheme=scheme)
    with pytest.raises(InvalidArgumentError, match="learning rate"):
        lib.sample(model(SUM), **settings, step_size="auto")


def test_equal_values_are_equal_travel_and_say_what_they_are() -> None:
    sgd = lib.SGD(8, label_noise={"y": 0.1, "X": 0.0})
    assert sgd == lib.SGD(batch_size=8, label_noise=(("y", 0.1),))
    assert sgd != lib.SGD(8)
    assert len({sgd, lib.SGD(8, label_noise={"y": 0.1})}) == 1
    assert pickle.loads(pickle.dumps(sgd)) == sgd
    assert repr(lib.SGD(8)) == "SGD(batch_size=8, replace=True, weight_decay=0.0, epochs=False)"
    assert dict(sgd.label_noise) == {"y": 0.1}
