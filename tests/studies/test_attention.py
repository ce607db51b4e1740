"""Figure 3 against a head of attention that is written out here, token by token, and differentiated by differences."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib import _core
from langevin_ib.checks import key_of
from langevin_ib.studies.experiments import attention
from langevin_ib.studies.experiments.arms import Order
from langevin_ib.studies.experiments.experiment import Plan
from langevin_ib.studies.experiments.head import gradients_of_rows, output, shared

KEY = 0x0123456789ABCDEF


def head(tokens: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What (W_Q, W_K, W_V) make of one sequence, token by token."""
    q, k, v = (tokens @ side for side in weights)
    made = []
    for query in q:
        scores = np.array([query @ key / 8**0.5 for key in k])
        shares = np.exp(scores) / np.exp(scores).sum()
        made.append(shares @ v)
    return np.array(made)


def loss(x: np.ndarray, tokens: np.ndarray, labels: np.ndarray) -> float:
    """The mean of squares over a batch."""
    made = np.array([head(each, x.reshape(3, 16, 8)) for each in tokens])
    return float(np.mean((made - labels) ** 2))


def slope(x: np.ndarray, places: list[int], tokens: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Central differences."""
    found = []
    for place in places:
        step = np.zeros_like(x)
        step[place] = 1e-6
        found.append((loss(x + step, tokens, labels) - loss(x - step, tokens, labels)) / 2e-6)
    return np.array(found)


@pytest.fixture(scope="module")
def problem() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    return {"teacher": 0.5 * rng.normal(size=(3, 16, 8)), "initial": 0.4 * rng.normal(size=(3, 16, 8))}


def arm_of(name: str, problem, steps: int = 10, variant: str = "code"):
    figure = attention.Attention()
    arms = figure.arms(problem, Plan(steps, steps / figure.steps, variant))
    return next(arm for arm in arms if arm.name == name)


class TestTraining:
    @pytest.mark.parametrize("name", ["noisy", "clean"])
    def test_a_step_is_one_along_the_gradient_of_fresh_sequences(self, problem, name) -> None:
        made = lib.reproduce("fig3", seeds=1, steps=1, data=problem, rng=9, progress=False)
        key = key_of(made.root)
        tokens = _core.normals(key, (0, 1), (0, 1), 2048, stream="input")[0, 0].reshape(16, 8, 16)
        noise = _core.normals(key, (0, 1), (0, 1), 1024, stream="label")[0, 0].reshape(16, 8, 8)
        labels = np.array([head(each, problem["teacher"]) for each in tokens]) + (name == "noisy") * 0.02 * noise
        x, a = problem["initial"].ravel(), 5
        # Column a of W_Q and W_K.
        places = [side * 128 + row * 8 + a for side in (0, 1) for row in range(16)]
        q, k = np.split(x[places] - 1e-3 * slope(x, places, tokens, labels), 2)
        assert made.arrays[f"{name}.ratio"][0, -1, a] == pytest.approx(np.linalg.norm(q) / np.linalg.norm(k), rel=1e-10)
        assert made.arrays[f"{name}.imbalance"][0, -1, a] == pytest.approx(k @ k - q @ q, abs=1e-11)

    def test_gradients_of_rows_are_those_of_single_sequences(self, problem) -> None:
        rng = np.random.default_rng(0)
        tokens, labels, x = rng.normal(size=(1, 3, 8, 16)), rng.normal(size=(1, 3, 8, 8)), problem["initial"].ravel()
        made, scores, sides = output(tokens, shared(x[None], (3, 16, 8)))
        rows = gradients_of_rows(tokens, made - labels, scores, sides)[0]
        places = [0, 17, 200, 383]
        for row in range(3):
            by_place = np.moveaxis(rows[row].reshape(16, 3, 8), 1, 0).ravel()[places]
            ours = slope(x, places, tokens[0, [row]], labels[0, [row]])
            np.testing.assert_allclose(by_place, ours, rtol=1e-7, atol=1e-10)

    def test_a_seed_is_the_same_whoever_else_is_there(self) -> None:
        one, three = (lib.reproduce("fig3", seeds=count, steps=20, progress=False).arrays for count in (1, 3))
        for name in one:
            if not name.endswith(".steps"):
                np.testing.assert_array_equal(one[name][0], three[name][0])

    def test_isotropic_noise_has_the_matched_temperature(self, problem) -> None:
        figure = attention.Attention()
        x = figure.start(None, problem)
        order = {"walkers": range(3, 4), "root": KEY, "problems": [problem], "initial": x[None], "progress": False}
        heats = np.array([1e-3])
        plain, heated = (
            arm_of("langevin", problem).train(Order(**order, temperatures=each)) for each in (np.zeros(1), heats)
        )
        kicks = _core.normals(key_of(KEY), (3, 4), (0, 1), 384)[0, 0]
        np.testing.assert_allclose((heated - plain)[0, 0], np.sqrt(2 * 1e-3 * 1e-3) * kicks, rtol=0, atol=1e-15)

    def test_the_text_has_steps_64_times_as_long_and_says_what_that_does(self) -> None:
        made = lib.reproduce("fig3", seeds=1, steps=10, variant="text", progress=False)
        assert "another regime" in made.sentence
        assert arm_of("noisy", {}, variant="text").learning_rate == pytest.approx(0.064)


class TestRest:
    def test_noise_is_least_on_the_orbit_there(self, problem) -> None:
        x, a = problem["initial"].ravel(), 2
        rest = attention._resting_ratios(problem, x)[a]
        ratio = np.linalg.norm(problem["initial"][0, :, a]) / np.linalg.norm(problem["initial"][1, :, a])

        def noise(shift: float) -> float:
            moved = problem["initial"].copy()
            moved[0, :, a] *= np.exp(shift)
            moved[1, :, a] *= np.exp(-shift)
            return float(attention._noise(problem, moved.ravel())[:2, :, a].sum())

        at = 0.5 * np.log(rest / ratio)
        assert noise(at) < min(noise(at - 0.02), noise(at + 0.02))
        # The balanced point, which the paper has, is another one.
        assert noise(at) < noise(-0.5 * np.log(ratio))


class TestDivergence:
    def test_one_seed_takes_no_other_with_it(self, monkeypatch) -> None:
        right = attention.Attention.draw

        def drawn(self, rng, plan):
            problem = right(self, rng, plan)
            return (
                {**problem, "initial": 1e200 * problem["initial"]}
                if rng.bit_generator.seed_seq.spawn_key[0]
                else problem
            )

        monkeypatch.setattr(attention.Attention, "draw", drawn)
        made = lib.reproduce("fig3", seeds=2, steps=5, progress=False)
        assert {each.arm for each in made.divergences} >= {"noisy", "clean"}
        assert {each.seeds for each in made.divergences} == {(1,)}
        assert "noisy DIVERGED, seed 1: seed 1 ran away by iteration" in str(made)
        np.testing.assert_array_equal(np.isnan(made.arrays["noisy.ratio"]).all(axis=(1, 2)), [False, True])
