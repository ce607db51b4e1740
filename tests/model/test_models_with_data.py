"""Ready-made models that are fitted to arrays: their losses are those of plain NumPy, their groups are symmetries."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.model.expressions import compiled

RNG = np.random.default_rng(0)


def loss_of(model: lib.Model, x: np.ndarray) -> np.ndarray:
    return compiled(model.loss, model.parameters, model.data)(*x.T)


@pytest.mark.parametrize("group", ["diagonal", "gl"])
def test_measurements_of_a_matrix(group) -> None:
    a, y, x = RNG.normal(size=(7, 4, 3)), RNG.normal(size=7), RNG.normal(size=(5, 14))
    model = lib.models.matrix_factorization(4, 3, 2, group=group, data=(a, y))
    products = x[:, :8].reshape(-1, 4, 2) @ x[:, 8:].reshape(-1, 3, 2).transpose(0, 2, 1)
    expected = np.square(np.einsum("kij,wij->wk", a, products) - y).sum(axis=1) / 14
    np.testing.assert_allclose(loss_of(model, x), expected, rtol=1e-12)
    assert model.data["A"].shape == (7, 12)
    assert len(model.constraints()) == {"diagonal": 2, "gl": 3}[group]


@pytest.mark.parametrize(("heads", "group"), [(1, "diagonal"), (2, "diagonal"), (2, "gl")])
def test_heads_of_attention(heads, group) -> None:
    d, r, tokens = 3, 2, 4
    sequences, y = RNG.normal(size=(6, tokens, d)), RNG.normal(size=6)
    model = lib.models.attention(d, r, heads, group=group, data=(sequences, y))
    x = RNG.normal(size=(5, model.dim))
    outputs = np.zeros((5, 6))
    for head in range(heads):
        q, k = x[:, 12 * head :][:, :12].reshape(5, 2, d, r).transpose(1, 0, 2, 3)
        v = x[:, 12 * heads + d * head :][:, :d]
        scores = np.einsum("si,wir,wjr,stj->wst", sequences[:, -1], q, k, sequences) / np.sqrt(r)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        outputs += np.einsum("wst,sti,wi->ws", weights, sequences, v)
    np.testing.assert_allclose(loss_of(model, x), np.square(outputs - y).sum(axis=1) / 12, rtol=1e-10)
    assert model.observable("V0_1") == model.observable("v0_1")


def test_huge_scores_do_not_overflow_in_the_loop() -> None:
    sequences = 1e3 * RNG.normal(size=(4, 3, 2))
    model = lib.models.attention(2, 1, data=(sequences, RNG.normal(size=4)))
    run = lib.sample(model, temperature=0.0, step_size=1e-9, steps=3, walkers=64, initial=1.0, rng=0, progress=False)
    assert np.isfinite(run.states).all()


@pytest.mark.parametrize(
    ("build", "data", "message"),
    [
        ("matrix", (np.ones((5, 3, 2)), np.ones(5)), r"A must be \(n, 4, 3\)"),
        ("matrix", (np.ones((5, 12)), np.ones(5)), r"A must be \(n, 4, 3\)"),
        ("matrix", (np.ones((5, 4, 3)), np.ones(4)), r"A must be \(n, 4, 3\)"),
        ("matrix", (np.ones((0, 4, 3)), np.ones(0)), "same n > 0"),
        ("matrix", np.ones((5, 4, 3)), "pair"),
        ("matrix", ("A", "y"), "data 'A'"),
        ("attention", (np.ones((5, 3, 2)), np.ones(5)), r"X must be \(n, any, 3\)"),
        ("attention", (np.ones((5, 0, 3)), np.ones(5)), r"X must be \(n, any, 3\)"),
        ("attention", (np.full((5, 2, 3), np.nan), np.ones(5)), "nan|finite"),
    ],
)
def test_data_that_do_not_fit_are_refused(build, data, message) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        lib.models.matrix_factorization(4, 3, 2, data=data) if build == "matrix" else lib.models.attention(
            3, 1, data=data
        )


def test_a_target_beside_data_is_refused() -> None:
    data = (np.ones((5, 3, 3)), np.ones(5))
    for build in (
        lambda **more: lib.models.matrix_factorization(3, 3, 1, **more),
        lambda **more: lib.models.attention(3, 1, **more),
    ):
        with pytest.raises(InvalidArgumentError, match="beside data="):
            build(data=data, target=1.0)
