"""Closed forms that experiments state: heads of any size against NumPy, bits, and the check before the first step."""

from __future__ import annotations

from dataclasses import replace

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib import _core
from langevin_ib.studies.experiments import FIGURES
from langevin_ib.studies.experiments.arms import Order
from langevin_ib.studies.experiments.descent import Descent, alone, examples
from langevin_ib.studies.experiments.experiment import Plan
from langevin_ib.studies.experiments.linear import Regression
from langevin_ib.studies.experiments.rectified import MeanLayer

KEY = 0xFEDCBA9876543210
SIZES = [(8, 8, 16, 8, 8), (3, 3, 2, 1, 1), (9, 4, 5, 3, 2), (2, 1, 3, 11, 4), (17, 17, 4, 5, 9)]
"""Tokens, those that ask, entries of a token, columns of Q and K, columns of V."""


def order_of(d: int, r: int, o: int) -> np.ndarray:
    """The numbers of the rows of Q, K and V in turn; beyond the last one where a row is shorter."""
    none, longest = d * (2 * r + o), max(r, o)
    rows = np.full((d, 3, longest), none)
    rows[:, :2, :r] = np.arange(2 * d * r).reshape(2, d, r).swapaxes(0, 1)
    rows[:, 2, :o] = 2 * d * r + np.arange(d * o).reshape(d, o)
    return rows.reshape(3 * d, longest)


def split(x: np.ndarray, d: int, r: int, o: int) -> list[np.ndarray]:
    q, k, v = np.split(x, [d * r, 2 * d * r])
    return [q.reshape(d, r), k.reshape(d, r), v.reshape(d, o)]


def head(tokens: np.ndarray, weights: list[np.ndarray], asking: int) -> tuple[np.ndarray, ...]:
    """What a head makes of a sequence, and what its gradient needs."""
    q, k, v = (tokens @ side for side in weights)
    scores = q[-asking:] @ k.T / q.shape[1] ** 0.5
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares @ v, shares, q, k, v


def gradient(x: np.ndarray, tokens: np.ndarray, labels: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """That of half of |head - labels|² of one sequence."""
    _, asking, d, r, o = sizes
    made, shares, q, k, v = head(tokens, split(x, d, r, o), asking)
    off = made - labels
    by_shares = off @ v.T
    by_scores = shares * (by_shares - (by_shares * shares).sum(axis=1, keepdims=True)) / r**0.5
    by_q = tokens[-asking:].T @ (by_scores @ k)
    by_k = tokens.T @ (by_scores.T @ q[-asking:])
    return np.concatenate([by_q.ravel(), by_k.ravel(), (tokens.T @ (shares.T @ off)).ravel()])


def request(potential, *, steps: tuple[int, int], walkers: int, **changes):
    plain = {
        "potential": potential,
        "bound": None,
        "metric": None,
        "scheme": "euler-maruyama",
        "noise": "native",
        "temperature": 0.0,
        "step_size": 0.25,
        "key": KEY,
        "substeps": 1,
        "walkers": (0, walkers),
        "steps": steps,
        "burn_in": 0,
        "approach": 0,
        "observe": [],
        "groups": 1,
        "threads": 1,
        "level": None,
        "block": 32,
    }
    return plain | changes


def made(states: np.ndarray, potential, steps: tuple[int, int] = (0, 1), **changes) -> np.ndarray:
    return _core.sample(request(potential, steps=steps, walkers=len(states), **changes), states)[0]


def rows_of(sizes: tuple[int, ...], **further):
    """A head on five given rows, its batches of three being given too, and the arrays of both."""
    tokens, asking, d, r, o = sizes
    rng = np.random.default_rng(sum(sizes))
    table = rng.normal(size=(5, tokens * d + asking * o))
    rows = np.array([[[0, 3, 3]], [[4, 1, 2]]], dtype=np.uint32)
    weights = np.array([[[1.0, 0.5, 2.0]], [[1.0, 0.0, 1.0]]])
    row = alone(order_of(d, r, o), factor=0.5, decay=0.125, taught=(list(sizes), []))
    given = {"batch": ("given", 3, 0.0), "given": (rows, weights, np.empty((0, 0, 0, 0))), "scale": 1 / 3}
    states = 0.5 * rng.normal(size=(2, d * (2 * r + o)))
    return examples(row, table, **given | further), table, rows, weights, states


class TestHead:
    @pytest.mark.parametrize("sizes", SIZES)
    def test_a_step_on_given_rows_is_the_one_in_numpy(self, sizes) -> None:
        potential, table, rows, weights, states = rows_of(sizes)
        tokens, asking, d, _, o = sizes
        found = made(states, potential)
        single = made(states.astype(np.float32), potential)
        for walker, x in enumerate(states):
            slope = 0.125 * x
            for row, weight in zip(rows[walker, 0], weights[walker, 0], strict=True):
                inputs, labels = np.split(table[row], [tokens * d])
                one = gradient(x, inputs.reshape(tokens, d), labels.reshape(asking, o), sizes)
                slope += 0.5 * weight * one / 3
            np.testing.assert_allclose(found[walker], x - 0.25 * slope, rtol=0, atol=1e-13)
            np.testing.assert_allclose(single[walker], x - 0.25 * slope, rtol=0, atol=1e-5)

    def test_a_teacher_labels_what_is_drawn(self) -> None:
        sizes = tokens, asking, d, r, o = 9, 4, 5, 3, 2
        rng = np.random.default_rng(1)
        teacher, x = rng.normal(size=(2, d * (2 * r + o)))
        width = tokens * d + asking * o
        row = alone(order_of(d, r, o), factor=1.0, decay=0.0, taught=(list(sizes), teacher.tolist()))
        drawn = {
            "labels": [0.0] * (tokens * d) + [0.5] * (asking * o),
            "inputs": [1.0] * (tokens * d) + [0.0] * (asking * o),
        }
        found = made(x[None], examples(row, np.zeros((2, width)), **drawn))[0]
        inputs = _core.normals(KEY, (0, 1), (0, 1), 2 * tokens * d, stream="input")[0, 0].reshape(2, tokens, d)
        noise = _core.normals(KEY, (0, 1), (0, 1), 2 * asking * o, stream="label")[0, 0].reshape(2, asking, o)
        slopes = [
            gradient(x, each, head(each, split(teacher, d, r, o), asking)[0] + 0.5 * off, sizes)
            for each, off in zip(inputs, noise, strict=True)
        ]
        np.testing.assert_allclose(found, x - 0.25 * np.mean(slopes, axis=0), rtol=0, atol=1e-13)

    @pytest.mark.parametrize("sizes", SIZES[:3])
    def test_bits_do_not_depend_on_levels_threads_cuts_and_company(self, sizes) -> None:
        potential, *_, states = rows_of(sizes, batch=("draws", 3, 0.0), given=None)
        states = np.repeat(states, 20, axis=0)
        for temperature in (0.0, 0.1):
            whole = made(states, potential, (0, 5), temperature=temperature)
            for level in _core.levels():
                np.testing.assert_array_equal(
                    made(states, potential, (0, 5), temperature=temperature, level=level, threads=2), whole
                )
            cut = made(states, potential, (0, 2), temperature=temperature)
            np.testing.assert_array_equal(made(cut, potential, (2, 5), temperature=temperature), whole)
            some = made(states[:3], potential, (0, 5), temperature=temperature)
            np.testing.assert_array_equal(some, whole[:3])

    def test_kicks_are_the_increments_of_the_step(self) -> None:
        potential, *_, states = rows_of(SIZES[2], batch=("full", 0, 0.0), given=None)
        plain, heated = (made(states, potential, temperature=heat) for heat in (0.0, 0.5))
        kicks = _core.normals(KEY, (0, 2), (0, 1), states.shape[1])[:, 0, : states.shape[1]]
        np.testing.assert_allclose(heated - plain, np.sqrt(2 * 0.5 * 0.25) * kicks, rtol=0, atol=1e-14)

    @pytest.mark.parametrize(
        "taught",
        [
            ([8, 9, 16, 8, 8], []),
            ([8, 0, 16, 8, 8], []),
            ([8, 8, 16, 8, 7], []),
            ([8, 8, 16, 8, 8], [1.0]),
            ([8, 8], []),
            ([7, 7, 16, 8, 8], []),
        ],
    )
    def test_what_does_not_fit_is_refused(self, taught) -> None:
        potential, *_, states = rows_of(SIZES[0])
        potential["row"]["taught"] = taught
        with pytest.raises(ValueError, match="risk"):
            made(states, potential)


class TestMeanLayer:
    def test_bits_do_not_depend_on_levels_and_cuts(self) -> None:
        rng = np.random.default_rng(2)
        problem = {"teacher": rng.normal(size=(5, 4)), "initial": rng.normal(size=(11, 4))}
        potential, states = MeanLayer().form([problem], 0, 0.0), rng.normal(size=(9, 44))
        whole = made(states, potential, (0, 5))
        for level in _core.levels():
            np.testing.assert_array_equal(made(states, potential, (0, 5), level=level), whole)
        np.testing.assert_array_equal(made(made(states, potential, (0, 2)), potential, (2, 5)), whole)
        slopes = MeanLayer().gradient([problem], states, None)
        np.testing.assert_allclose(made(states, potential), states - 0.25 * slopes, rtol=0, atol=1e-12)

    def test_units_without_weights_stay_finite(self) -> None:
        problem = {"teacher": np.array([[1.0, 0.0, 2.0]]), "initial": np.zeros((2, 3))}
        state = np.array([[0.0, 0.0, 1.0, -1.0, 0.0, 0.5]])
        slopes = MeanLayer().gradient([problem], state, None)
        found = made(state, MeanLayer().form([problem], 0, 0.0))
        np.testing.assert_allclose(found, state - 0.25 * slopes, rtol=0, atol=1e-14)


class TestDescent:
    def test_a_wrong_statement_is_refused_before_the_first_step(self, monkeypatch) -> None:
        figure = FIGURES["fig3"]
        problem = figure.draw(np.random.default_rng(0), Plan(1, 1.0, "code"))
        arm = next(arm for arm in figure.arms(problem, Plan(1, 1.0, "code")) if isinstance(arm, Descent))
        initial = figure.start(arm, problem)[None]
        order = Order(
            walkers=range(1), root=3, problems=[problem], initial=initial, temperatures=np.zeros(1), progress=False
        )
        arm.train(order)
        right = type(arm.loss).form

        def wrong(self, problems, first, decay):
            found = right(self, problems, first, decay)
            found["row"]["factor"] *= 1.0 + 1e-6
            return found

        monkeypatch.setattr(type(arm.loss), "form", wrong)
        with pytest.raises(RuntimeError, match="closed form is off the gradient in NumPy"):
            arm.train(order)

    def test_seeds_of_a_layer_have_teachers_of_their_own_wherever_they_begin(self) -> None:
        figure, plan = FIGURES["fig2"], Plan(20, 1.0, "code")
        problems = [figure.draw(np.random.default_rng(k), plan) for k in range(5)]
        arm = replace(figure.arms(problems[0], plan)[0], looks=(20,))

        def trained(first: int, last: int) -> np.ndarray:
            own = problems[first:last]
            return arm.train(
                Order(
                    walkers=range(first, last),
                    root=3,
                    problems=own,
                    initial=np.stack([figure.start(arm, each) for each in own]),
                    temperatures=np.zeros(len(own)),
                    progress=False,
                )
            )

        whole = trained(0, 5)
        np.testing.assert_array_equal(trained(2, 5), whole[2:])
        np.testing.assert_array_equal(trained(3, 4), whole[3:4])

    def test_it_is_what_sample_does_up_to_rounding(self) -> None:
        rng = np.random.default_rng(4)
        x, y = rng.normal(size=(6, 20)), rng.normal(size=6)
        arm = Descent(
            name="products", loss=Regression(rows=lambda _: (x, y), depth=2), learning_rate=2**-7, looks=(30,)
        )
        start = rng.normal(size=(1, 40))
        order = Order(
            walkers=range(1), root=3, problems=[{}], initial=start, temperatures=np.array([2**-6]), progress=False
        )
        # Half of the loss, twice the step and half of the temperature are the same; columns stand in another order.
        run = lib.sample(
            lib.models.hadamard(20, data=(x, y)),
            dynamics=lib.SGD(),
            temperature=2**-7,
            step_size=2**-6,
            steps=30,
            walkers=1,
            rng=3,
            initial=start,
            progress=False,
        )
        np.testing.assert_allclose(arm.train(order)[:, 0], run.states, rtol=0, atol=1e-12)
