"""Effective losses and implicit biases: formulas and numbers are one function, in each measure."""

from __future__ import annotations

import pickle

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import geometry, models
from langevin_ib.errors import UnsupportedModelError
from langevin_ib.model.expressions import compiled
from symmetric_models import MODELS, numbers

RNG = np.random.default_rng(20260106)


def points(model, count=7):
    return RNG.normal(size=(count, model.dim))


def test_the_formula_of_the_product() -> None:
    assert str(lib.implicit_bias(models.scalar_product())) == "sigma**2*log(u**2 + v**2)/(2*beta)"
    x = points(MODELS["product"])
    wanted = 0.15 * np.log((x**2).sum(1))
    np.testing.assert_allclose(lib.implicit_bias(MODELS["product"], x, temperature=0.3), wanted, rtol=1e-12)
    formula = lib.implicit_bias(MODELS["product"], temperature=0.3)
    np.testing.assert_allclose(numbers(formula, MODELS["product"], x), wanted, rtol=1e-12)
    assert lib.implicit_bias(MODELS["product"], [1.0, 1.0], beta=2.0, sigma=1.0) == pytest.approx(np.log(2.0) / 4.0)


def test_of_columns_it_counts_columns_and_not_singular_values() -> None:
    """Sum of log(2 s_j), s_j = |U_j||V_j| (Hadamard: not less than with singular values, equal if orthogonal)."""
    model = MODELS["columns"]
    x = lib.balance(model, points(model, 50))
    left, right = x[:, :6].reshape(-1, 3, 2), x[:, 6:].reshape(-1, 2, 2)
    strengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    found = lib.implicit_bias(model, x, temperature=2.0)
    np.testing.assert_allclose(found, np.log(2.0 * strengths).sum(1), rtol=1e-11)
    singular = np.linalg.svd(left @ right.swapaxes(1, 2), compute_uv=False)
    assert (found > np.log(2.0 * singular).sum(1) + 1e-6).all()


@pytest.mark.parametrize("name", ["product", "chain", "neuron", "hadamard", "columns", "cumulated"])
@pytest.mark.parametrize("wrt", ["surface", "predictor", "slice coordinate"])
def test_formulas_and_numbers_are_the_same_function(name, wrt) -> None:
    model = MODELS[name]
    try:
        effective = lib.effective_loss(model, wrt=wrt, temperature=0.7)
    except UnsupportedModelError:
        assert (name, wrt) in {("columns", "predictor"), ("hadamard", "slice coordinate")}
        return
    x = lib.balance(model, points(model), level=0.3)
    np.testing.assert_allclose(effective.bias_at(x), numbers(effective.bias, model, x), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(effective(x), numbers(effective.expression, model, x), rtol=1e-9, atol=1e-10)
    assert effective.reference in repr(effective)


def test_the_product_on_a_smooth_slice() -> None:
    """Law of theta on u² - v² = 2c: dtheta/(2 sqrt(c² + theta²)) on each of two sheets."""
    model, c = MODELS["product"], 0.7
    x = lib.balance(model, points(model, 40), level=c)
    theta = x.prod(axis=1)
    found = lib.effective_loss(model, wrt="predictor", temperature=1.0).bias_at(x)
    np.testing.assert_allclose(found, np.log(2.0 * np.hypot(c, theta)), rtol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_neuron_in_three_measures(d) -> None:
    """L + T log(2|z|)/2, L + T (d+1)/2 log|z|, L - T (d-3)/2 log|z|, up to constants."""
    model = models.relu_neuron(d)
    x = lib.balance(model, points(model, 30))
    z = np.linalg.norm(x[:, :d] * x[:, d:], axis=1)
    for wrt, wanted in (
        ("surface", np.log(2.0 * z) / 2.0),
        ("predictor", (d + 1) / 2.0 * np.log(z) + np.log(2.0)),
        ("slice coordinate", -(d - 3) / 2.0 * np.log(z) + np.log(2.0)),
    ):
        found = lib.effective_loss(model, wrt=wrt, temperature=1.0).bias_at(x)
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("m", "n", "c"), [(3, 2, 0.0), (4, 1, 0.5), (2, 5, -0.4)])
def test_a_block_on_any_level(m, n, c) -> None:
    """s^((m+n-2)/2) r^nu / (2 sqrt(c² + s²)) ds with r = (c + sqrt(c² + s²))/s and nu = (m - n)/2."""
    model = models.column_pair(m, n, loss=lambda T: T[0, 0])
    x = lib.balance(model, points(model, 30), level=c)
    s = np.linalg.norm(x[:, :m], axis=1) * np.linalg.norm(x[:, m:], axis=1)
    root = np.hypot(c, s)
    density = s ** ((m + n - 2) / 2) * ((c + root) / s) ** ((m - n) / 2) / (2.0 * root)
    found = lib.effective_loss(model, wrt="slice coordinate", temperature=1.0).bias_at(x)
    np.testing.assert_allclose(found, -np.log(density), rtol=1e-10, atol=1e-10)


def test_a_direction_has_the_density_of_a_cosine() -> None:
    """On a circle dS is dc / sqrt(1 - c²): lengths in denominators are no polynomials."""
    a, b = lib.parameters("a b")
    cosine = a / sympy.sqrt(a**2 + b**2)
    model = lib.Model(parameters=(a, b), predictor={"c": cosine}, loss=1 - cosine, symmetry=lib.Scaling({a: 1, b: 1}))
    x = np.array([[0.6, 0.8], [1.0, 0.1], [-2.0, 3.0]])
    found = lib.effective_loss(model, wrt="predictor", temperature=1.0)
    np.testing.assert_allclose(found.bias_at(x), np.log(np.abs(x[:, 1]) / np.hypot(*x.T)), rtol=1e-12)
    assert found.expression.subs({a: 0.6, b: 0.8}) == pytest.approx(0.4 + np.log(0.8))


@pytest.mark.parametrize("wrt", ["predictor", "slice coordinate"])
def test_probabilities_of_a_softmax(wrt) -> None:
    """d(p, q) = sqrt(3) p q r dS on the plane of logits, whose G is 3; it took minutes of SymPy's time."""
    logits = lib.parameters("a b c")
    shares = [sympy.exp(x) / sum(map(sympy.exp, logits)) for x in logits]
    model = lib.Model(
        parameters=logits,
        predictor=dict(zip("pq", shares[:2], strict=True)),
        loss=shares[0],
        symmetry=lib.Translation(dict.fromkeys(logits, 1)),
    )
    x = points(model, 5)
    product = np.exp(x - np.log(np.exp(x).sum(axis=1))[:, None]).prod(axis=1)
    found = lib.effective_loss(model, wrt=wrt, temperature=1.0)
    assert found.reference == "dp dq"
    np.testing.assert_allclose(found.bias_at(x), np.log(3.0 * product), rtol=1e-9)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_surface_and_predictor_are_one_law(depth) -> None:
    """Arc length along the slice by differences of neighbouring points: rho_S dS = p dz."""
    model = models.scalar_product(depth)
    level = np.linspace(0.6, 0.2, depth - 1)
    z = np.linspace(0.3, 0.9, 4001)
    start = np.ones((len(z), depth))
    start[:, 0] = z
    x = lib.balance(model, start, level=level)
    arc = np.linalg.norm(np.diff(x, axis=0), axis=1) / np.diff(z)
    middle = lib.balance(model, (x[1:] + x[:-1]) / 2.0, level=level)
    surface, predictor = (
        lib.effective_loss(model, wrt=wrt, temperature=1.0).bias_at(middle) for wrt in ("surface", "predictor")
    )
    np.testing.assert_allclose(np.exp(surface - predictor), arc, rtol=1e-6)


@pytest.mark.parametrize(("m", "n"), [(3, 2), (4, 3), (2, 2)])
def test_gl_has_the_law_of_singular_values_of_wishart_matrices(m, n) -> None:
    """prod_{i<j} |s_i - s_j| prod s_i^((m+n)/2-r-1) ds, from det P and det Q alone: here area times effective loss.

    Matrices of rank r have the area prod_{i<j} |s_i² - s_j²| prod s_i^(m+n-2r) ds. The rotations O(r) that are left
    enter with the sign opposite to that of det G; without their volume the test fails.
    """
    r = 2
    model = models.matrix_factorization(m, n, r, group="gl", loss=lambda T: T[0, 0])
    x = lib.balance(model, points(model, 30))
    product = x[:, : m * r].reshape(-1, m, r) @ x[:, m * r :].reshape(-1, n, r).swapaxes(1, 2)
    s = np.linalg.svd(product, compute_uv=False)[:, :r]
    wanted = np.log(s[:, 0] - s[:, 1]) + ((m + n) / 2 - r - 1) * np.log(s).sum(1)
    area = np.log(s[:, 0] ** 2 - s[:, 1] ** 2) + (m + n - 2 * r) * np.log(s).sum(1)
    effective = lib.effective_loss(model, wrt="predictor", temperature=1.0)
    difference = area - effective.bias_at(x) - wanted
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)
    assert "area of the surface" in effective.reference
    turned = geometry.generators(model, x)[:, 1] - geometry.generators(model, x)[:, 2]
    without = difference - np.log(np.linalg.norm(turned, axis=1))
    assert np.ptp(without) > 0.1


def test_signs_are_no_coordinates() -> None:
    """A relu neuron on data: the predictor has z and sign v, and dz is the measure."""
    x, y = RNG.normal(size=(10, 3)), RNG.normal(size=10)
    on_data, plain = models.relu_neuron(3, data=(x, y)), MODELS["neuron"]
    one, other = (lib.effective_loss(m, wrt="predictor", temperature=1.0) for m in (on_data, plain))
    assert one.reference == other.reference == "dz0 dz1 dz2"
    start = points(plain)
    np.testing.assert_array_equal(one.bias_at(start), other.bias_at(start))
    loss = compiled(on_data.loss, on_data.parameters, on_data.data)(*start.T)
    np.testing.assert_allclose(one(start), loss + one.bias_at(start), rtol=1e-14)


def test_a_group_that_is_too_small_is_said_to_be() -> None:
    with pytest.raises(UnsupportedModelError, match="2 fewer than the declared group explains"):
        lib.effective_loss(MODELS["columns"], wrt="predictor", temperature=1.0)
    with pytest.raises(UnsupportedModelError, match="no coordinates that are known"):
        lib.effective_loss(MODELS["gl"], wrt="slice coordinate", temperature=1.0)


def test_a_slice_of_ones_own() -> None:
    """chi = v - 1 on u v: G = 1, dS = du = dz, a flat law; the formula of A needs the projection on the slice."""
    u, v = lib.parameters("u v")
    model = lib.Model(
        parameters=(u, v),
        predictor={"z": u * v},
        loss=u * v,
        symmetry=lib.Scaling({u: 1, v: -1}),
        slice={"chi": v - 1},
    )
    x = lib.balance(model, np.abs(points(model)) + 0.1)
    np.testing.assert_allclose(x[:, 1], 1.0, rtol=1e-12)
    effective = lib.effective_loss(model, wrt="predictor", temperature=1.0)
    np.testing.assert_allclose(effective.bias_at(x), 0.0, atol=1e-12)
    assert effective.bias is None


@pytest.mark.parametrize("wrt", ["surface", "predictor", "slice coordinate"])
def test_effective_losses_are_sent_to_other_processes(wrt) -> None:
    metric = np.diag([2.0, 0.5]) if wrt != "slice coordinate" else None
    made = lib.effective_loss(MODELS["product"], wrt=wrt, temperature=0.3, metric=metric)
    there = pickle.loads(pickle.dumps(made))
    assert there == made
    x = points(MODELS["product"])
    np.testing.assert_array_equal(there(x), made(x))
