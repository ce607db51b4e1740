"""Translations in the geometry: Gram matrices, balance, discovery; against finite differences and brute force."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import geometry
from langevin_ib.errors import InvalidArgumentError

RNG = np.random.default_rng(20260111)
A, B, C, U, V = lib.parameters("a b c u v")
METRIC = np.array([[2, 0.5, 0, 0, 0], [0.5, 1, 0, 0, 0], [0, 0, 3, 0, 0], [0, 0, 0, 0.5, 0], [0, 0, 0, 0, 4]])


def model(**content: object) -> lib.Model:
    return lib.Model(
        parameters=(A, B, C, U, V),
        predictor={"y": sympy.tanh(A - B) * U * V, "w": C - A, "z": U * V},
        loss=(U * V - 1) ** 2,
        symmetry=(lib.Scaling({U: 1, V: -1}), lib.Translation({A: 1, B: 1, C: 1})),
        **content,
    )


@pytest.mark.parametrize("metric", [None, METRIC])
@pytest.mark.parametrize("of", ["G", "H", "M"])
def test_log_det_is_that_of_the_gram_matrices(of: str, metric: np.ndarray | None) -> None:
    x = RNG.normal(size=(5, 5))
    matrix = {"G": geometry.constraint_gram, "H": geometry.orbit_gram, "M": geometry.coupling}[of]
    expected = np.linalg.slogdet(matrix(model(), x, metric=metric))[1]
    np.testing.assert_allclose(geometry.log_det(model(), x, of=of, metric=metric), expected, atol=1e-12)


@pytest.mark.parametrize("metric", [None, METRIC])
def test_gradients_and_coupling_by_finite_differences(metric: np.ndarray | None) -> None:
    """M_ia is the change of chi_i along exp(t xi_a)."""
    made, x, t = model(), RNG.normal(size=5), 1e-6
    chi = sympy.lambdify(made.parameters, list(made.constraints(metric=metric)))
    shifted = [x * np.array([1, 1, 1, np.exp(t), np.exp(-t)]), x + t * np.array([1.0, 1.0, 1.0, 0.0, 0.0])]
    back = [x * np.array([1, 1, 1, np.exp(-t), np.exp(t)]), x - t * np.array([1.0, 1.0, 1.0, 0.0, 0.0])]
    slopes = [(np.array(chi(*p)) - np.array(chi(*q))) / (2 * t) for p, q in zip(shifted, back, strict=True)]
    np.testing.assert_allclose(geometry.coupling(made, x, metric=metric), np.array(slopes).T, atol=1e-8)


def test_the_slice_is_orthogonal_and_its_gram_matrix_constant_along_a_translation() -> None:
    report = geometry.slice_report(model(), RNG.normal(size=(6, 5)), metric=METRIC)
    assert report.transversal
    assert report.orthogonal
    assert geometry.symbolic(model()).G[1, 1] == 3
    assert lib.implicit_bias(model(), temperature=2).diff(A) == 0


@pytest.mark.parametrize("metric", [None, METRIC])
def test_balance_goes_along_the_orbit_to_the_slice(metric: np.ndarray | None) -> None:
    made, x = model(), RNG.normal(size=(7, 5)) * 10.0 ** RNG.uniform(-3, 3, size=(7, 1))
    y = lib.balance(made, x, level=[0.5, -2.0], metric=metric)
    chi = np.array([sympy.lambdify(made.parameters, list(made.constraints(metric=metric)))(*row) for row in y])
    np.testing.assert_allclose(chi, np.tile([0.5, -2.0], (7, 1)), atol=1e-12 * np.abs(x).max())
    np.testing.assert_allclose(y[:, 0] - y[:, 1], x[:, 0] - x[:, 1], rtol=1e-9)
    np.testing.assert_allclose(y[:, 3] * y[:, 4], x[:, 3] * x[:, 4], rtol=1e-12)


def test_balance_to_a_slice_of_the_models_own() -> None:
    made = model(slice={"first": U - V, "second": A**3 + A})
    x = np.abs(RNG.normal(size=(5, 5)))
    y = lib.balance(made, x, level=[0.5, 0.25])
    np.testing.assert_allclose(y[:, 3] - y[:, 4], 0.5, atol=1e-11)
    np.testing.assert_allclose(y[:, 0] ** 3 + y[:, 0], 0.25, atol=1e-11)
    np.testing.assert_allclose(y[:, 2] - y[:, 0], x[:, 2] - x[:, 0], atol=1e-11)


def test_an_orbit_that_never_meets_the_slice_is_named() -> None:
    with pytest.raises(InvalidArgumentError, match=r"x\[1\]"):
        lib.balance(model(), [[1.0, 2.0, 3.0, 1.0, 1.0], [1.0, 2.0, 3.0, 0.0, 1.0]])


def test_translations_are_found_and_can_be_declared() -> None:
    free = lib.Model(parameters=(A, B, C, U, V), predictor=model().predictor, loss=sympy.S.Zero)
    found = lib.find_symmetries(free, rng=1)
    np.testing.assert_allclose(found.translations, [[1, 1, 1, 0, 0]])
    declared = lib.Model(
        parameters=free.parameters,
        predictor=free.predictor,
        loss=free.loss,
        symmetry=found.symmetries(free.parameters),
    )
    assert declared.constraints() == (U**2 / 2 - V**2 / 2, A + B + C)
    again = lib.find_symmetries(declared, rng=2)
    assert len(again.missed) == 0
    assert again.unconfirmed == ()
    with pytest.raises(InvalidArgumentError, match="5 were looked at"):
        found.symmetries((A, B))


def test_translations_of_plain_functions_and_none_where_there_are_none() -> None:
    shifted = lib.find_symmetries(lambda x: np.tanh(x[:, 0] - 2 * x[:, 1]) + x[:, 2], dim=3, rng=1)
    np.testing.assert_allclose(shifted.translations, [[1, 0.5, 0]], atol=1e-6)
    assert len(lib.find_symmetries(lambda x: x[:, 0] * x[:, 1], dim=2, rng=1).translations) == 0
    nearly = lib.Model(parameters=(A, B), predictor={"z": A - B + sympy.Max(0, B - 1000)}, loss=A)
    assert len(lib.find_symmetries(nearly, rng=1).translations) == 0


def test_the_null_space_of_many_parameters_is_as_good_as_that_of_few() -> None:
    """Inverse iteration finds what singular vectors find: the algebra of GL(2) on 14 parameters, and nothing else."""
    found = lib.find_symmetries(lib.models.matrix_factorization(4, 3, 2), rng=1)
    assert (len(found.noncompact), len(found.compact), len(found.mixed)) == (3, 1, 0)
    assert found.clear
    assert set(np.unique(np.abs(found.noncompact))) == {0.0, 1.0}
    values = found.singular_values
    assert len(values) == 14**2
    assert np.all(np.diff(values) <= 0.0)
    assert np.all(values[-4:] < 1e-12)
    assert values[-5] > 1e-4
