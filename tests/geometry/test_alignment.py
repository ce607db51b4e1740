"""Models in the coordinates in which commuting self-adjoint generators are scalings."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import geometry, models
from langevin_ib.errors import UnsupportedModelError

RNG = np.random.default_rng(20260112)
X, Y, Z, W = lib.parameters("x y z w")


def at(model: lib.Model, name: str, points: np.ndarray) -> np.ndarray:
    return np.array([float(model.observable(name).subs(dict(zip(model.parameters, p, strict=True)))) for p in points])


def test_a_diagonal_network_is_a_product_in_turned_coordinates() -> None:
    network = models.diagonal_network(2, target=[1.0, -0.5])
    turned = geometry.aligned(network)
    names = [str(y) for y in turned.parameters]
    assert names == ["y_u0", "y_v0", "y_u1", "y_v1"]
    p, q, *_ = turned.parameters
    assert turned.predictor["w0"] == 2 * p * q
    assert turned.observable("imbalance0") == p**2 - q**2
    assert turned.symmetries[0] == lib.Scaling({p: 1, q: -1})
    assert all(isinstance(each, lib.Scaling) for each in turned.symmetries)


def test_the_turned_model_is_the_same_function_and_lengths_stay() -> None:
    rows, goals = RNG.normal(size=(6, 2)), RNG.normal(size=6)
    network = models.diagonal_network(2, data=(rows, goals))
    turned, y = geometry.aligned(network), RNG.normal(size=(4, 4))
    x = np.stack([at(turned, str(u), y) for u in network.parameters], axis=1)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))
    for name in ("w0", "w1", "imbalance1", "norm"):
        np.testing.assert_allclose(at(turned, name, y), at(network, name, x), atol=1e-12)
    w = x[:, [0, 2]] ** 2 - x[:, [1, 3]] ** 2
    loss = sympy.lambdify(turned.parameters, turned.loss.doit().subs(_entries(rows, goals)))
    np.testing.assert_allclose([loss(*p) for p in y], np.square(w @ rows.T - goals).sum(1) / 12, atol=1e-12)


def _entries(rows: np.ndarray, goals: np.ndarray) -> dict[sympy.Expr, float]:
    base, goal = sympy.IndexedBase("X"), sympy.IndexedBase("y")
    entries = {base[k, j]: float(rows[k, j]) for k in range(6) for j in range(2)}
    return entries | {goal[k]: float(goals[k]) for k in range(6)}


def test_several_generators_that_commute_and_are_not_pairs() -> None:
    """A circulant matrix and its square: both are diagonal in the Fourier basis; so is the translation by (1, 1, 1)."""
    ring = sympy.Matrix([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) - sympy.ones(3, 3) * sympy.Rational(2, 3)
    big = sympy.zeros(4, 4)
    big[:3, :3], big[3, 3] = ring, 1
    radius = (X - Y) ** 2 + (Y - Z) ** 2 + (Z - X) ** 2
    symmetry = (lib.Linear([big]), lib.Translation({X: 1, Y: 1, Z: 1}))
    made = lib.Model(parameters=(X, Y, Z, W), predictor={"r": radius * W**2}, loss=radius * W**2, symmetry=symmetry)
    turned = geometry.aligned(made)
    (scaling,) = [each for each in turned.symmetries if isinstance(each, lib.Scaling)]
    (shift,) = [each for each in turned.symmetries if isinstance(each, lib.Translation)]
    assert sorted(float(w) for w in scaling.weights.values()) == [-1.0, -1.0, 1.0]
    assert scaling.weights.keys().isdisjoint({x for x, a in shift.direction.items() if abs(float(a)) > 1e-9})
    matrix = np.array(turned.generator_matrices()[0], dtype=float)
    assert np.count_nonzero(matrix) == 3


def test_what_is_diagonal_already_stays() -> None:
    model = models.relu_neuron(3)
    assert geometry.aligned(model) is model


def test_balance_of_a_diagonal_network_is_that_of_the_product() -> None:
    network = models.diagonal_network(1)
    x = RNG.normal(size=(20, 2))
    y = lib.balance(network, x, level=0.3)
    np.testing.assert_allclose(y[:, 0] * y[:, 1], 0.3, atol=1e-12)
    np.testing.assert_allclose(y[:, 0] ** 2 - y[:, 1] ** 2, x[:, 0] ** 2 - x[:, 1] ** 2, atol=1e-10)
    p, q = (x[:, 0] + x[:, 1]) / np.sqrt(2), (x[:, 0] - x[:, 1]) / np.sqrt(2)
    product = lib.balance(models.scalar_product(), np.stack([p, q], axis=1), level=0.3)
    np.testing.assert_allclose((y[:, 0] + y[:, 1]) / np.sqrt(2), product[:, 0], atol=1e-10)


def test_a_group_that_is_none_of_scalings_keeps_its_parameters() -> None:
    """Rotations of (z, w) beside hyperbolic rotations of (x, y) stay; of (y, z) they are refused, with the reason."""
    hyperbolic = lib.Linear([[[0, 1, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4]])
    turn = lib.Linear([[[0] * 4, [0] * 4, [0, 0, 0, -1], [0, 0, 1, 0]]])
    predictor = {"s": X**2 - Y**2, "r": Z**2 + W**2}
    made = lib.Model(parameters=(X, Y, Z, W), predictor=predictor, loss=X * 0, symmetry=(hyperbolic, turn))
    assert geometry.aligned(made).symmetries[1] == turn
    lorentz = lib.Linear(
        {
            "xy": [[0, 1, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4],
            "xz": [[0, 0, 1, 0], [0] * 4, [1, 0, 0, 0], [0] * 4],
            "yz": [[0] * 4, [0, 0, -1, 0], [0, 1, 0, 0], [0] * 4],
        }
    )
    cone = lib.Model(parameters=(X, Y, Z, W), predictor={"s": X**2 - Y**2 - Z**2}, loss=X * 0, symmetry=lorentz)
    assert geometry.aligned(cone) is cone
    with pytest.raises(UnsupportedModelError, match="commute"):
        lib.sample(cone, dynamics=lib.GaugeFixed(level=0.0), temperature=1, step_size=0.1, steps=1, walkers=1, rng=1)


def test_many_entries_cost_little() -> None:
    network = models.diagonal_network(60)
    assert len(geometry.aligned(network).symmetries) == 60
