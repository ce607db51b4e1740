"""Ready-made models compute what they say, have the symmetry that they declare, and refuse what does not fit."""

from __future__ import annotations

import pickle

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import models
from langevin_ib.errors import InvalidArgumentError, InvarianceError
from langevin_ib.model.expressions.expressions import compiled
from scipy.linalg import expm

RNG = np.random.default_rng(20260106)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=12)

ALL = {
    "product": models.scalar_product(),
    "depth 3": models.scalar_product(3, target=0.5),
    "hadamard": models.hadamard(3, target=[1.0, 0.0, -2.0]),
    "hadamard depth 3": models.hadamard(2, 3),
    "hadamard data": models.hadamard(3, data=(X, Y)),
    "cumulated": models.total_variation(4, target=[0.0, 0.0, 1.0, 1.0]),
    "cumulated data": models.total_variation(3, data=(X, Y)),
    "neuron": models.relu_neuron(3, target=0.0),
    "neuron data": models.relu_neuron(3, data=(X, Y)),
    "network": models.relu_network(2, 3),
    "network data": models.relu_network(3, 2, data=(X, Y)),
    "column pair": models.column_pair(3, 2, target=np.arange(6.0).reshape(3, 2)),
    "columns": models.matrix_factorization(4, 3, 2),
    "gl": models.matrix_factorization(4, 3, 2, group="gl", target=0.0),
    "heads": models.attention(3, 2, 2),
    "heads gl": models.attention(2, 2, 2, group="gl"),
    "rank 3": models.matrix_factorization(3, 3, 3, loss=lambda T: T.trace() ** 2),
    "harmonic": models.harmonic(dim=2),
}


def values(model, expression, x):
    return compiled(expression, model.parameters, model.data)(*np.moveaxis(x, -1, 0))


def observed(model, name, x):
    return values(model, model.observable(name), x)


@pytest.mark.parametrize("name", ALL)
class TestEach:
    def test_loss_and_predictor_do_not_change_along_finite_group_elements(self, name) -> None:
        """exp(A) x for random elements A of the algebra: the whole group, and not only its generators."""

        model = ALL[name]
        x = RNG.normal(size=(6, model.dim))
        matrices = [np.array(a, dtype=float) for a in model.generator_matrices()]
        moved = x.copy()
        for _ in range(2 if matrices else 0):
            a = np.einsum("a,aij->ij", RNG.normal(size=len(matrices)) / 2, matrices)
            moved = moved @ expm(a).T
        for expression in (model.loss, *model.predictor.values()):
            np.testing.assert_allclose(
                values(model, expression, moved), values(model, expression, x), rtol=1e-9, atol=1e-9
            )

    def test_it_survives_a_file_and_another_process(self, name) -> None:
        model = ALL[name]
        back = pickle.loads(pickle.dumps(model))
        assert back == model
        assert back.digest == model.digest

    def test_it_runs(self, name) -> None:
        model = ALL[name]
        run = lib.sample(
            model,
            dynamics=lib.Ambient(weight_decay=0.5),
            temperature=0.01,
            step_size=1e-4,
            steps=20,
            walkers=4,
            rng=1,
            initial=RNG.normal(size=model.dim),
            observe={name: lib.Trace(every=10) for name in model.observable_names},
        )
        assert np.isfinite(run.states).all()


def test_the_product_of_before_is_the_same_model() -> None:
    u, v = lib.parameters("u v")
    typed = lib.Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=(u * v - 1) ** 2 / 2,
        symmetry=lib.Scaling({u: +1, v: -1}),
        observables={"imbalance": u**2 - v**2, "norm": u**2 + v**2},
    )
    assert models.scalar_product() == models.scalar_product(2) == typed


def test_factors_of_a_deep_product() -> None:
    model = ALL["depth 3"]
    assert [str(x) for x in model.parameters] == ["u1", "u2", "u3"]
    x = RNG.normal(size=(5, 3))
    np.testing.assert_allclose(observed(model, "theta", x), x.prod(1), rtol=1e-14)
    np.testing.assert_allclose(observed(model, "imbalance2", x), x[:, 1] ** 2 - x[:, 2] ** 2, rtol=1e-13)
    np.testing.assert_allclose(values(model, model.loss, x), (x.prod(1) - 0.5) ** 2 / 2, rtol=1e-13)


def test_hadamard_and_cumulated_sums() -> None:
    x = RNG.normal(size=(5, 6))
    z = x[:, ::2] * x[:, 1::2]
    model = ALL["hadamard"]
    np.testing.assert_allclose(np.stack([observed(model, f"z{i}", x) for i in range(3)], 1), z, rtol=1e-14)
    np.testing.assert_allclose(values(model, model.loss, x), ((z - [1.0, 0.0, -2.0]) ** 2).sum(1) / 2, rtol=1e-12)
    data = ALL["hadamard data"]
    np.testing.assert_allclose(values(data, data.loss, x), ((z @ X.T - Y) ** 2).mean(1) / 2, rtol=1e-12)
    model = ALL["cumulated data"]
    f = np.cumsum(z, axis=1)
    np.testing.assert_allclose(np.stack([observed(model, f"f{i}", x) for i in range(3)], 1), f, rtol=1e-12)
    np.testing.assert_allclose(observed(model, "z1", x), z[:, 1], rtol=1e-14)
    np.testing.assert_allclose(values(model, model.loss, x), ((f @ X.T - Y) ** 2).mean(1) / 2, rtol=1e-12)


def test_a_constant_signal_is_penalised_for_its_height() -> None:
    """The first entry is no jump, and yet four times the height of a constant signal adds log 4 to the bias."""
    model = models.total_variation(2)
    low, high = ([1.0, 1.0, 0.1, 0.1], [2.0, 2.0, 0.1, 0.1])
    bias = lib.implicit_bias(model, np.array([low, high]), temperature=2.0)
    assert bias[1] - bias[0] == pytest.approx(np.log(4.0))


def test_neurons_on_data() -> None:
    x = RNG.normal(size=(5, 4))
    w, v = x[:, :3], x[:, 3]
    output = np.maximum(0.0, w @ X.T) * v[:, None]
    model = ALL["neuron data"]
    np.testing.assert_allclose(values(model, model.loss, x), ((output - Y) ** 2).mean(1) / 2, rtol=1e-12)
    np.testing.assert_array_equal(observed(model, "sign", x), np.sign(v))
    np.testing.assert_allclose(observed(model, "z1", x), v * w[:, 1], rtol=1e-14)
    np.testing.assert_allclose(observed(model, "strength", x), np.abs(v) * np.linalg.norm(w, axis=1), rtol=1e-14)
    np.testing.assert_allclose(observed(model, "imbalance", x), (w**2).sum(1) - v**2, rtol=1e-12)
    network = ALL["network data"]
    x = RNG.normal(size=(5, 8))
    parts = x.reshape(5, 2, 4)
    output = (np.maximum(0.0, parts[:, :, :3] @ X.T) * parts[:, :, 3:]).sum(1)
    np.testing.assert_allclose(values(network, network.loss, x), ((output - Y) ** 2).mean(1) / 2, rtol=1e-12)
    np.testing.assert_allclose(observed(network, "z12", x), parts[:, 1, 2] * parts[:, 1, 3], rtol=1e-14)


def test_v_w_alone_does_not_say_what_a_relu_neuron_computes() -> None:
    """(w, v) and (-w, -v) have the same z and another output: the sign of v is needed beside z."""
    model = ALL["neuron data"]
    x = RNG.normal(size=(1, 4))
    for i in range(3):
        np.testing.assert_array_equal(observed(model, f"z{i}", x), observed(model, f"z{i}", -x))
    assert observed(model, "sign", x) != observed(model, "sign", -x)
    assert abs(values(model, model.loss, x) - values(model, model.loss, -x)) > 1e-3


@pytest.mark.parametrize("name", ["columns", "gl"])
@pytest.mark.parametrize("kind", ["general", "close", "far apart", "large", "small"])
def test_singular_values_of_rank_two(name, kind) -> None:
    model = ALL[name]
    x = RNG.normal(size=(20, 14))
    if kind == "close":
        left, right = np.linalg.qr(RNG.normal(size=(4, 2)))[0], np.linalg.qr(RNG.normal(size=(3, 2)))[0]
        x = np.tile(np.concatenate([left.ravel(), (right * [1.0, 1.0 + 1e-9]).ravel()]), (3, 1))
    elif kind == "far apart":
        x[:, 1:8:2] *= 1e-8
    x *= {"large": 1e30, "small": 1e-30}.get(kind, 1.0)
    product = x[:, :8].reshape(-1, 4, 2) @ x[:, 8:].reshape(-1, 3, 2).swapaxes(1, 2)
    s = np.linalg.svd(product, compute_uv=False)
    # The second of two that are far apart is known to the rounding of the first only, by this reference.
    slack = 1e-6 if kind in {"far apart", "close"} else 1e-10
    np.testing.assert_allclose(observed(model, "sigma1", x), s[:, 0], rtol=slack)
    np.testing.assert_allclose(observed(model, "sigma2", x), s[:, 1], rtol=slack)
    np.testing.assert_allclose(observed(model, "angle", x), np.arctan2(s[:, 1], s[:, 0]), rtol=slack)
    np.testing.assert_allclose(observed(model, "norm", x), np.linalg.norm(product, axis=(1, 2)), rtol=1e-12)


def test_matrices_and_heads() -> None:
    model = ALL["column pair"]
    x = RNG.normal(size=(5, 5))
    product = x[:, :3, None] * x[:, None, 3:]
    np.testing.assert_allclose(observed(model, "T21", x), product[:, 2, 1], rtol=1e-14)
    np.testing.assert_allclose(observed(model, "strength", x), np.linalg.norm(product, axis=(1, 2)), rtol=1e-13)
    wanted = ((product - np.arange(6.0).reshape(3, 2)) ** 2).sum((1, 2)) / 2
    np.testing.assert_allclose(values(model, model.loss, x), wanted, rtol=1e-12)
    model = ALL["heads"]
    x = RNG.normal(size=(5, model.dim))
    queries, keys = x[:, 12:18].reshape(-1, 3, 2), x[:, 18:].reshape(-1, 3, 2)
    form = queries @ keys.swapaxes(1, 2)
    np.testing.assert_allclose(observed(model, "S1_20", x), form[:, 2, 0], rtol=1e-12)
    np.testing.assert_allclose(observed(model, "norm1", x), np.linalg.norm(form, axis=(1, 2)), rtol=1e-12)
    strength = np.linalg.norm(queries[:, :, 1], axis=1) * np.linalg.norm(keys[:, :, 1], axis=1)
    np.testing.assert_allclose(observed(model, "strength1_1", x), strength, rtol=1e-12)


def test_names_with_two_digits_are_kept_apart() -> None:
    model = models.column_pair(12, 2, loss=lambda T: T[0, 0])
    assert len(set(model.predictor)) == 24
    assert {"T11_1", "T1_1"} <= set(model.predictor)


def test_losses_of_ones_own() -> None:
    assert models.hadamard(2, loss=lambda z: z[0] * z[1]).loss == sympy.Mul(*sympy.symbols("u0 v0 u1 v1", real=True))
    model = models.matrix_factorization(2, 2, 1, loss=lambda T: T.det() + T[0, 0] ** 2)
    assert sympy.expand(model.loss - model.predictor["T00"] ** 2) == 0
    with pytest.raises(InvarianceError):
        models.relu_neuron(2, loss=lambda z: z[0] + sympy.Symbol("v", real=True))
    with pytest.raises(InvalidArgumentError, match="scalar SymPy expression"):
        models.column_pair(2, 2, loss=lambda T: T)


def test_the_order_of_neurons_is_that_of_their_parameters() -> None:
    assert " ".join(map(str, models.relu_network(2, 2).parameters)) == "w00 w01 v0 w10 w11 v1"
    assert " ".join(map(str, models.relu_neuron(2).parameters)) == "w0 w1 v"


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: models.scalar_product(1), "depth must lie"),
        (lambda: models.scalar_product("3"), "depth must be an integer"),
        (lambda: models.hadamard(0), "dim must lie"),
        (lambda: models.hadamard(2, target=[1.0, 2.0, 3.0]), "does not have the shape"),
        (lambda: models.hadamard(2, target=np.nan), "finite"),
        (lambda: models.hadamard(2, target="1"), "finite real numbers"),
        (lambda: models.hadamard(2, target=1.0, loss=lambda z: z[0]), "no effect beside loss="),
        (lambda: models.hadamard(2, loss=3), "must be a function"),
        (lambda: models.hadamard(2, data=(X, Y)), r"X must be \(n, 2\)"),
        (lambda: models.hadamard(3, data=X), "must be a pair"),
        (lambda: models.hadamard(3, data=(X, Y), target=1.0), "no effect beside data="),
        (lambda: models.relu_neuron(3, data=(X, Y[:5])), r"y \(n,\) with the same n"),
        (lambda: models.relu_neuron(3, data=(X, Y), loss=lambda z: z[0]), "no effect beside data="),
        (lambda: models.relu_network(3, 0), "h must lie"),
        (lambda: models.column_pair(2, 2, target=np.zeros((3, 3))), "does not have the shape"),
        (lambda: models.matrix_factorization(2, 2, 2, group="o"), "group must be one of 'diagonal', 'gl'"),
        (lambda: models.attention(2, 2, heads=0), "heads must lie"),
    ],
)
def test_what_does_not_fit_is_refused(build, words) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        build()
