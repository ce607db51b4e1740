"""Closed forms that move walkers one by one: what is recognised, and that they are the tape in any arrangement."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from descent_reference import by_differences, by_torch, factor_slopes, regression_slopes
from langevin_ib import _core
from langevin_ib.process import Process
from langevin_ib.sampling.loop.driver import Driver

ROWS, WEIGHTS = 11, 19
X, Y = np.random.default_rng(1).normal(size=(ROWS, WEIGHTS)), np.random.default_rng(2).normal(size=ROWS)
TINY = sympy.Float(1e-40)
COIN = sympy.IndexedBase("coin")


def linear(penalty: float = 0.0) -> lib.Model:
    """Weights as they are, and a penalty on their absolute values."""
    w = lib.parameters(f"w:{WEIGHTS}")
    x, y, k = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Idx("k", ROWS)
    residual = y[k] - sympy.Add(*(x[k, j] * each for j, each in enumerate(w)))
    return lib.Model(
        parameters=w,
        predictor={str(each): each for each in w},
        loss=sympy.Sum(residual**2, (k, 0, ROWS - 1)) / (2 * ROWS)
        + sympy.Rational(str(penalty)) * sympy.Add(*map(sympy.Abs, w)),
        data={"X": X, "y": Y},
    )


def completion(*, is_drawn: bool, rank: int = 11) -> lib.Model:
    """Entries of U Vᵀ, a 4 x 5 matrix; each counts with the chance 0.4 if that is drawn."""
    u, v = (
        [lib.parameters(" ".join(f"{side}{i}_{a}" for a in range(rank))) for i in range(n)]
        for side, n in (("u", 4), ("v", 5))
    )
    products = {(i, j): sympy.Add(*(a * b for a, b in zip(u[i], v[j], strict=True))) for i, j in SEEN}
    squares = [(products[i, j] - sympy.Float(TARGET[i, j])) ** 2 for i, j in SEEN]
    parameters = tuple(x for row in (*u, *v) for x in row)
    predictor = {f"T{i}_{j}": each for (i, j), each in products.items()}
    if not is_drawn:
        return lib.Model(parameters=parameters, predictor=predictor, loss=sympy.Add(*squares) / 40)
    coin, mask = sympy.IndexedBase("coin"), sympy.IndexedBase("mask")
    chance = sympy.Rational(2, 5)
    masks = tuple(sympy.Piecewise((1, coin[k] < chance), (0, True)) for k in range(len(SEEN)))
    fresh = lib.Fresh(inputs={"coin": (len(SEEN),)}, labels={"mask": masks}, law="uniform", rows=2)
    row = sympy.Idx("row", 2)
    terms = sympy.Add(*(mask[row, k] * each for k, each in enumerate(squares)))
    return lib.Model(
        parameters=parameters, predictor=predictor, loss=sympy.Sum(terms, (row, 0, 1)) / (2 * 40), data=fresh
    )


SEEN = [(0, 0), (0, 3), (1, 1), (1, 4), (2, 0), (2, 2), (3, 1), (3, 3), (3, 4)]
TARGET = np.random.default_rng(3).normal(size=(4, 5))
MEASURED = lib.models.matrix_factorization(
    4, 5, 11, data=(np.eye(20).reshape(20, 4, 5)[[5 * i + j for i, j in SEEN]], TARGET[tuple(zip(*SEEN, strict=True))])
)

KINDS = {
    "plain": (linear(), lib.SGD()),
    "penalised": (linear(0.05), lib.SGD(weight_decay=0.2)),
    "products": (lib.models.hadamard(WEIGHTS, data=(X, Y)), lib.SGD()),
    "three factors": (lib.models.hadamard(WEIGHTS, 3, data=(X, Y)), lib.SGD()),
    "cumulated": (lib.models.total_variation(WEIGHTS, data=(X, Y)), lib.SGD(label_noise={"y": 0.3})),
    "draws": (lib.models.hadamard(WEIGHTS, data=(X, Y)), lib.SGD(9)),
    "distinct": (linear(0.05), lib.SGD(5, replace=False, label_noise={"y": 0.3})),
    "epochs": (linear(), lib.SGD(4, epochs=True)),
    "masks": (lib.models.hadamard(WEIGHTS, data=(X, Y)), lib.SGD(inclusion=0.4, label_noise={"y": 0.3})),
    "measured": (MEASURED, lib.SGD(5, label_noise={"y": 0.3}, weight_decay=0.1)),
    "measured, masked": (MEASURED, lib.SGD(inclusion=0.5, normalisation=20.0)),
    "measured, all": (MEASURED, lib.SGD()),
    "factors": (completion(is_drawn=False), lib.SGD(weight_decay=0.1)),
    "drawn factors": (completion(is_drawn=True), lib.SGD(1)),
    "drawn factors, thrice": (completion(is_drawn=True), lib.SGD(3)),
}


def is_closed(model: lib.Model, sgd: lib.SGD) -> bool:
    potential = Driver.of(Process.of(model, sgd)).potential
    return isinstance(potential, dict) and isinstance(potential["row"], dict) and "order" in potential["row"]


def taped(model: lib.Model) -> lib.Model:
    """The same with a term that changes nothing, but is no part of a closed form."""
    return lib.Model(
        parameters=model.parameters,
        predictor=dict(model.predictor),
        loss=model.loss + TINY * model.parameters[0] ** 4,
        data=model.fresh or dict(model.data),
    )


def start(model: lib.Model, walkers: int = 40) -> np.ndarray:
    return 0.5 * np.random.default_rng(4).normal(size=(walkers, model.dim))


def sampled(model: lib.Model, sgd: lib.SGD, **changes) -> lib.Run:
    settings = {"step_size": 0.05, "steps": 12, "walkers": 40, "rng": 5, "initial": start(model), "threads": 1}
    return lib.sample(model, dynamics=sgd, progress=False, **(settings | changes))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_closed_form_is_the_tape(kind, dtype) -> None:
    model, sgd = KINDS[kind]
    assert (is_closed(model, sgd), is_closed(taped(model), sgd)) == (True, False)
    closed, tape = (sampled(each, sgd, dtype=dtype).states for each in (model, taped(model)))
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(closed, tape, rtol=tolerance, atol=tolerance)
    assert np.abs(closed - start(model)).max() > 1e-3


@pytest.mark.parametrize("kind", ["penalised", "masks", "epochs", "distinct", "drawn factors", "measured"])
def test_no_arrangement_changes_a_bit(kind) -> None:
    model, sgd = KINDS[kind]
    what = {"walkers": 70, "initial": start(model, 70), "observe": {"state": lib.States(at=(1, 7, 100))}, "steps": 100}
    whole = sampled(model, sgd, **what, level="portable")
    for machine in [{"level": level} for level in lib.levels()] + [{"block": 32, "threads": 2}]:
        other = sampled(model, sgd, **what, **machine)
        assert other.states.tobytes() == whole.states.tobytes()
        assert other["state"].values.tobytes() == whole["state"].values.tobytes()
    few = sampled(model, sgd, **(what | {"walkers": slice(35, 38), "initial": start(model, 70)[35:38]}))
    assert few.states.tobytes() == whole.states[35:38].tobytes()
    cut = sampled(model, sgd, walkers=70, initial=start(model, 70), steps=7)
    assert cut.states.tobytes() == np.ascontiguousarray(whole["state"].values[:, 1]).tobytes()
    assert cut.resume(steps=93, progress=False).states.tobytes() == whole.states.tobytes()


@pytest.mark.parametrize("kind", ["plain", "cumulated", "draws", "distinct", "epochs", "masks", "measured"])
def test_a_run_that_is_given_its_batches_is_the_same_to_the_bit(kind) -> None:
    model, sgd = KINDS[kind]
    if not sgd.is_noisy:
        seen = lib.GivenBatches(rows=np.tile(np.arange(ROWS), (1, 12, 1)))
    else:
        seen = sampled(model, sgd).batches()
    divisor = {} if seen.weights is None else {"normalisation": 0.4 * ROWS}
    replay = sampled(model, lib.SGD(given=seen, weight_decay=sgd.weight_decay, **divisor), rng=6)
    assert replay.states.tobytes() == sampled(model, sgd).states.tobytes()


@pytest.mark.parametrize("kind", ["draws", "masks"])
def test_a_regression_is_what_numpy_makes_of_its_batches(kind) -> None:
    model, sgd = KINDS[kind]
    run = sampled(model, sgd, walkers=3, initial=start(model, 3))
    seen, states = run.batches(), start(model, 3)
    for walker, state in enumerate(states):
        factors = state.reshape(WEIGHTS, 2).T.copy()
        for step in range(12):
            rows = np.arange(ROWS) if seen.rows is None else seen.rows[walker, step]
            weights = np.ones(len(rows)) if seen.weights is None else seen.weights[walker, step]
            labels = Y.copy()
            for name, noise in seen.label_noise or ():
                assert name == "y"
                labels = labels + noise[walker, step, :, 0]
            divisor = 0.4 * ROWS if kind == "masks" else len(rows)
            slopes = regression_slopes(factors, X, labels, rows=rows, weights=weights, divisor=divisor)
            factors -= 0.05 * slopes
        np.testing.assert_allclose(run.states[walker], factors.T.ravel(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 3])
def test_drawn_factors_are_what_numpy_makes_of_the_uniform_numbers(batch) -> None:
    model = completion(is_drawn=True)
    run = sampled(model, lib.SGD(batch), walkers=2, initial=start(model, 2))
    words = _core.words(run.settings.key, (0, 2), (0, 12), batch * len(SEEN), stream="input")
    uniform = (words >> np.uint64(12)).astype(np.float64) * 2.0**-52 + 2.0**-53
    for walker, state in enumerate(start(model, 2)):
        u, v = state[:44].reshape(4, 11).copy(), state[44:].reshape(5, 11).copy()
        for step in range(12):
            coins = uniform[walker, step, : batch * len(SEEN)].reshape(batch, len(SEEN))
            counts = np.zeros((4, 5))
            counts[tuple(zip(*SEEN, strict=True))] = (coins < 0.4).sum(axis=0)
            by_u, by_v = factor_slopes(u, v, TARGET, counts, divisor=20.0 * batch)
            u, v = u - 0.05 * by_u, v - 0.05 * by_v
        np.testing.assert_allclose(run.states[walker], [*u.ravel(), *v.ravel()], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("differentiate", "tolerance"), [(by_differences, 1e-8), (by_torch, 1e-12)])
@pytest.mark.parametrize("kind", ["three factors", "penalised", "measured", "factors"])
def test_a_step_is_the_gradient_of_the_loss_as_it_is_written(kind, differentiate, tolerance) -> None:
    model, sgd = KINDS[kind]
    goals = TARGET[tuple(zip(*SEEN, strict=True))]

    def loss(theta, library) -> float:
        inputs, labels, targets = (library.asarray(z) for z in (X, Y, goals))
        decay = sgd.weight_decay / 2 * (theta**2).sum()
        if kind == "three factors":
            factors = theta.reshape(WEIGHTS, 3)
            return ((inputs @ (factors[:, 0] * factors[:, 1] * factors[:, 2]) - labels) ** 2).mean() / 2 + decay
        if kind == "penalised":
            return ((inputs @ theta - labels) ** 2).mean() / 2 + 0.05 * abs(theta).sum() + decay
        product = theta[:44].reshape(4, 11) @ theta[44:].reshape(5, 11).T
        squares = sum((product[i, j] - target) ** 2 for (i, j), target in zip(SEEN, targets, strict=True))
        return (squares / 40 if kind == "factors" else squares / (2 * len(SEEN))) + decay

    own = lib.SGD(weight_decay=sgd.weight_decay)
    assert is_closed(model, own)
    moved = sampled(model, own, steps=1, walkers=2, initial=start(model, 2)).states
    for before, after in zip(start(model, 2), moved, strict=True):
        expected = before - 0.05 * differentiate(loss, before)
        np.testing.assert_allclose(after, expected, rtol=tolerance, atol=tolerance)


def test_with_a_temperature_noise_is_added_to_the_same_gradient() -> None:
    for kind in ("products", "masks", "drawn factors"):
        model, sgd = KINDS[kind]
        closed, tape = (sampled(each, sgd, temperature=0.1).states for each in (model, taped(model)))
        np.testing.assert_allclose(closed, tape, rtol=1e-11, atol=1e-12)
        assert np.abs(closed - sampled(model, sgd).states).max() > 0.01


def test_a_run_that_diverges_names_walker_and_step() -> None:
    model, sgd = KINDS["products"]
    initial = start(model)
    initial[33] *= 100.0
    with pytest.raises(lib.errors.DivergenceError, match="walker 33 diverged at step"):
        sampled(model, sgd, steps=300, initial=initial)


W = lib.parameters(f"w:{WEIGHTS}")
XS, YS, K = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Idx("k", ROWS)
OUTPUT = sympy.Add(*(XS[K, j] * each for j, each in enumerate(W)))
NONE = {
    "no label": OUTPUT**2,
    "two labels": (OUTPUT - YS[K] - XS[K, 0]) ** 2,
    "a scaled label": (OUTPUT - 2 * YS[K]) ** 2,
    "a label among the inputs": (OUTPUT + (W[0] - 1) * YS[K]) ** 2,
    "a square of a weight": (OUTPUT + W[0] ** 2 - YS[K]) ** 2,
    "a shared weight": (OUTPUT + W[0] * W[1] * XS[K, 0] - YS[K]) ** 2,
    "another power": (OUTPUT - YS[K]) ** 4,
    "a function": sympy.exp((OUTPUT - YS[K]) ** 2 / 100),
    "products of entries": (OUTPUT + W[0] * XS[K, 0] * XS[K, 1] - YS[K]) ** 2,
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_regression_is_not_taken_for_one(name) -> None:
    used = {str(base): {"X": X, "y": Y}[str(base)] for base in NONE[name].atoms(sympy.IndexedBase)}
    loss = sympy.Sum(NONE[name], (K, 0, ROWS - 1)) / ROWS
    model = lib.Model(parameters=W, predictor={str(w): w for w in W}, loss=loss, data=used)
    assert not is_closed(model, lib.SGD())
    assert not is_closed(model, lib.SGD(3))


def test_noise_on_inputs_is_for_the_tape() -> None:
    assert is_closed(linear(), lib.SGD(3, label_noise={"y": 0.1}))
    assert not is_closed(linear(), lib.SGD(3, label_noise={"X": 0.1}))


def test_few_weights_are_better_off_as_lanes() -> None:
    few, enough = (lib.models.hadamard(count, data=(X[:, :count], Y)) for count in (15, 16))
    assert (is_closed(few, lib.SGD()), is_closed(enough, lib.SGD())) == (False, True)
    few, enough = (completion(is_drawn=False, rank=rank) for rank in (7, 8))
    assert (is_closed(few, lib.SGD()), is_closed(enough, lib.SGD())) == (False, True)


A, B, C = (lib.parameters(" ".join(f"{letter}{k}" for k in range(8))) for letter in "abc")


def dot(left, right) -> sympy.Expr:
    return sympy.Add(*(x * y for x, y in zip(left, right, strict=True)))


FINE = (dot(A, C) - 1) ** 2 + (dot(B, C) + 2) ** 2


def factored(loss: sympy.Expr) -> bool:
    predictor = {str(x): x for x in (*A, *B, *C)}
    return is_closed(lib.Model(parameters=(*A, *B, *C), predictor=predictor, loss=loss), lib.SGD())


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("places that differ", (dot(A, C[::-1]) - 1) ** 2),
        ("weights that differ", (dot(A, C) - 1) ** 2 + 2 * (dot(B, C) + 2) ** 2),
        ("parts of three vectors", (dot((*A[:4], *B[4:]), C) - 1) ** 2),
        ("a factor", (dot(A, C) + A[0] * C[0] - 1) ** 2),
        ("half of a vector", (dot(A[:4], C[:4]) - 1) ** 2),
        ("one parameter too many", (dot(A, C) + B[0] - 1) ** 2),
        ("a square", (dot(A, A) - 1) ** 2),
        ("a constant", FINE + 1),
        ("the sign", -FINE),
        ("a function", sympy.cos(FINE)),
    ],
)
def test_what_is_no_factorisation_is_not_taken_for_one(what, other) -> None:
    assert not factored(other), what


def test_a_factorisation_is_one_up_to_a_factor() -> None:
    assert factored(FINE)
    assert factored(FINE / 3)


def test_measurements_of_several_entries_at_once_are_for_the_tape() -> None:
    plain = np.eye(20).reshape(20, 4, 5)[[7, 3, 19]]
    both = plain + np.eye(20).reshape(20, 4, 5)[[8, 8, 8]]
    for entries, expected in ((plain, True), (both, False), (2 * plain, False)):
        model = lib.models.matrix_factorization(4, 5, 9, data=(entries, np.ones(3)))
        assert is_closed(model, lib.SGD(2)) is expected


def test_masks_that_are_no_coins_are_for_the_tape() -> None:
    model = completion(is_drawn=True)
    assert is_closed(model, lib.SGD(1))
    assert not is_closed(model, lib.SGD(1, label_noise={"mask": 0.1}))
    (fresh,) = [model.fresh]
    for law, mask in [("normal", None), ("uniform", lambda coin, k: sympy.Piecewise((1, coin[k] > 0.5), (0, True)))]:
        labels = {"mask": fresh.labels[0][1] if mask is None else tuple(mask(COIN, k) for k in range(len(SEEN)))}
        data = lib.Fresh(inputs={"coin": (len(SEEN),)}, labels=labels, law=law, rows=2)
        other = lib.Model(parameters=model.parameters, predictor=dict(model.predictor), loss=model.loss, data=data)
        assert not is_closed(other, lib.SGD(1))


class TestHead:
    """The last token asks: `attention` with data, one head."""

    TOKENS = np.random.default_rng(7).normal(size=(9, 11, 3))
    LABELS = np.random.default_rng(8).normal(size=9)

    def model(self, *, heads: int = 1, columns: int = 4) -> lib.Model:
        return lib.models.attention(3, columns, heads, data=(self.TOKENS, self.LABELS))

    def changed(self, change) -> lib.Model:
        model = self.model()
        return lib.Model(
            parameters=model.parameters,
            predictor={"q": model.parameters[0]},
            loss=change(model.loss),
            data=dict(model.data),
        )

    def closed(self, model: lib.Model, **sgd) -> bool:
        row = Driver.of(Process.of(model, lib.SGD(2, **sgd), temperature=0.0)).potential["row"]
        return "taught" in row and row["taught"] is not None

    @pytest.mark.parametrize("sgd", [{}, {"label_noise": {"y": 0.3}, "weight_decay": 0.1}, {"replace": False}])
    def test_it_is_the_tape_up_to_rounding(self, sgd) -> None:
        start = 0.5 * np.random.default_rng(9).normal(size=(3, 27))
        model, hidden = self.model(), self.changed(lambda loss: loss + TINY * self.model().parameters[0] ** 4)
        assert self.closed(model, **sgd)
        assert not self.closed(hidden, **sgd)
        runs = [
            lib.sample(
                each,
                dynamics=lib.SGD(2, **sgd),
                step_size=0.05,
                steps=20,
                walkers=3,
                rng=5,
                initial=start,
                progress=False,
            ).states
            for each in (model, hidden)
        ]
        np.testing.assert_allclose(runs[0], runs[1], rtol=0, atol=1e-12)

    def test_what_is_none_is_not_taken_for_one(self) -> None:
        assert not self.closed(self.model(heads=2))
        assert not self.closed(self.model(columns=3))
        warmer = self.changed(
            lambda loss: loss.replace(lambda e: isinstance(e, sympy.exp), lambda e: e ** sympy.S("1.0001"))
        )
        assert not self.closed(warmer)
