"""Geometry: H, M and G are what their definitions say, laws of slices follow, and what does not hold is reported."""

from __future__ import annotations

import itertools

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import sympy
from langevin_ib import geometry, models
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from symmetric_models import MODELS, numbers

RNG = np.random.default_rng(20260106)


def points(model, count=7):
    return RNG.normal(size=(count, model.dim))


def elementary(values, k):
    return sum(np.prod(each, axis=0) for each in itertools.combinations(np.moveaxis(values, -1, 0), k))


@pytest.mark.parametrize("name", MODELS)
class TestDefinitions:
    def test_generators_are_velocities_of_the_predictor_that_vanish(self, name) -> None:
        """Central differences of the predictor along each field, which shares no code with the symbolic check."""
        model = MODELS[name]
        x = points(model)
        fields = geometry.generators(model, x)
        assert fields.shape == (7, len(model.generators()), model.dim)
        for component in model.predictor.values():
            for a in range(fields.shape[1]):
                ahead, behind = (numbers(component, model, x + s * 1e-5 * fields[:, a]) for s in (1, -1))
                np.testing.assert_allclose(ahead, behind, atol=1e-9)

    def test_gram_matrices_are_those_of_finite_differences(self, name) -> None:
        model = MODELS[name]
        x = points(model)
        fields = geometry.generators(model, x)
        steps = 1e-5 * np.eye(model.dim)
        slopes = np.stack(
            [
                np.stack([numbers(chi, model, x + h) - numbers(chi, model, x - h) for h in steps], axis=-1) / 2e-5
                for chi in model.constraints()
            ],
            axis=-2,
        )
        np.testing.assert_allclose(geometry.orbit_gram(model, x), np.einsum("nai,nbi->nab", fields, fields), rtol=1e-13)
        np.testing.assert_allclose(geometry.coupling(model, x), np.einsum("nki,nai->nka", slopes, fields), atol=1e-8)
        np.testing.assert_allclose(geometry.constraint_gram(model, x), slopes @ slopes.swapaxes(1, 2), atol=1e-8)

    def test_formulas_are_the_numbers(self, name) -> None:
        model = MODELS[name]
        x = points(model, 3)
        formulas = geometry.symbolic(model)
        for matrix, function in (
            (formulas.generators, geometry.generators),
            (formulas.H, geometry.orbit_gram),
            (formulas.M, geometry.coupling),
            (formulas.G, geometry.constraint_gram),
        ):
            found = np.stack([numbers(entry, model, x) for entry in matrix], axis=-1).reshape(3, *matrix.shape)
            np.testing.assert_allclose(function(model, x), found, rtol=1e-12, atol=1e-13)
        if not formulas.log_det.has(sympy.Determinant):
            np.testing.assert_allclose(geometry.log_det(model, x), numbers(formulas.log_det, model, x), rtol=1e-10)

    def test_log_det_is_that_of_the_matrix(self, name) -> None:
        model = MODELS[name]
        x = points(model)
        for of, matrix in (("G", geometry.constraint_gram(model, x)), ("H", geometry.orbit_gram(model, x))):
            np.testing.assert_allclose(geometry.log_det(model, x, of=of), np.linalg.slogdet(matrix)[1], atol=1e-8)

    def test_the_canonical_slice_is_orthogonal(self, name) -> None:
        report = geometry.slice_report(MODELS[name], points(MODELS[name]))
        assert report.transversal
        assert report.orthogonal
        assert report.identity_holds

    def test_axes_in_front_are_kept(self, name) -> None:
        model = MODELS[name]
        x = points(model, 6)
        for function in (geometry.generators, geometry.orbit_gram, geometry.coupling, geometry.constraint_gram):
            flat = function(model, x)
            np.testing.assert_array_equal(function(model, x.reshape(2, 3, -1)), flat.reshape(2, 3, *flat.shape[1:]))
            np.testing.assert_allclose(function(model, x[0]), flat[0], rtol=1e-14)


class TestFacts:
    @pytest.mark.parametrize("depth", [2, 3, 4, 6])
    def test_det_of_a_chain_is_the_elementary_symmetric_function(self, depth) -> None:
        model = models.scalar_product(depth)
        x = points(model)
        np.testing.assert_allclose(np.exp(geometry.log_det(model, x)), elementary(x**2, depth - 1), rtol=1e-11)
        formula = sympy.exp(geometry.symbolic(model).log_det)
        squares = [u**2 for u in model.parameters]
        wanted = sum(sympy.Mul(*each) for each in itertools.combinations(squares, depth - 1))
        assert sympy.expand(formula - wanted) == 0

    def test_g_of_columns_is_diagonal_everywhere(self) -> None:
        """The matrix (56) of the paper, whose entries outside of the diagonal are 0."""
        formulas = geometry.symbolic(MODELS["columns"])
        assert formulas.G.is_diagonal()
        assert formulas.G == formulas.H == formulas.M

    @pytest.mark.parametrize(("m", "n", "r"), [(3, 2, 2), (4, 4, 3)])
    def test_det_h_of_gl_is_a_product_over_eigenvalues(self, m, n, r) -> None:
        model = models.matrix_factorization(m, n, r, group="gl", loss=lambda T: T[0, 0])
        x = points(model, 20)
        left, right = x[:, : m * r].reshape(-1, m, r), x[:, m * r :].reshape(-1, n, r)
        p, q = (np.linalg.eigvalsh(f.swapaxes(1, 2) @ f) for f in (left, right))
        wanted = np.log(p[:, :, None] + q[:, None, :]).sum((1, 2))
        np.testing.assert_allclose(geometry.log_det(model, x, of="H"), wanted, rtol=1e-10)

    def test_det_g_of_gl_at_balance(self) -> None:
        """Product of 2 sigma_i, and of 2 (sigma_i + sigma_j) for i < j."""
        model = MODELS["gl"]
        x = lib.balance(model, points(model, 20))
        product = x[:, :6].reshape(-1, 3, 2) @ x[:, 6:].reshape(-1, 2, 2).swapaxes(1, 2)
        s = np.linalg.svd(product, compute_uv=False)
        wanted = np.log(4.0 * s[:, 0] * s[:, 1] * 2.0 * (s[:, 0] + s[:, 1]))
        np.testing.assert_allclose(geometry.log_det(model, x), wanted, atol=1e-10)

    def test_identity_40_needs_an_orthogonal_slice(self) -> None:
        model = MODELS["product"]
        u = model.parameters[0]
        x = points(model)
        np.testing.assert_allclose(geometry.constraint_gram(model, x, u - 1)[:, 0, 0], 1.0)
        dual = geometry.dual_gram(model, x, u - 1)[:, 0, 0]
        np.testing.assert_allclose(dual, x[:, 0] ** 2 / (x**2).sum(1), rtol=1e-12)
        m, h = geometry.coupling(model, x, u - 1)[:, 0, 0], geometry.orbit_gram(model, x)[:, 0, 0]
        np.testing.assert_allclose(dual, m**2 / h, rtol=1e-12)
        report = geometry.slice_report(model, x, u - 1)
        assert report.transversal
        assert not report.orthogonal
        assert not report.identity_holds
        np.testing.assert_allclose(report.identity_gap, 1.0 - dual, rtol=1e-9)
        np.testing.assert_allclose(report.residual, np.abs(x[:, 1]) / np.linalg.norm(x, axis=1), rtol=1e-9)

    def test_dual_gram_is_m_h_inverse_m(self) -> None:
        model = MODELS["gl"]
        a, b, c = model.parameters[0], model.parameters[3], model.parameters[7]
        x, chi = points(model), (a - 1, b * c, a * b + c**2)
        m, h = geometry.coupling(model, x, chi), geometry.orbit_gram(model, x)
        np.testing.assert_allclose(
            geometry.dual_gram(model, x, chi), m @ np.linalg.solve(h, m.swapaxes(1, 2)), rtol=1e-8, atol=1e-10
        )

    def test_a_regular_value_need_not_be_transversal(self) -> None:
        model = MODELS["product"]
        u, v = model.parameters
        report = geometry.slice_report(model, [[1.0, 1.0], [2.0, 0.5]], u * v - 1)
        assert not report.transversal
        np.testing.assert_array_equal(report.values, 0.0)
        assert "transversal: no, at 2 of 2, the first x[0]" in repr(report)

    def test_where_it_fails_is_said(self) -> None:
        model = MODELS["product"]
        u, v = model.parameters
        report = geometry.slice_report(model, [[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], u + v - 1)
        assert report.angle.round(6).tolist()[1:] == [0.707107, 0.707107]
        assert "transversal: no, at 1 of 3, the first x[0]" in repr(report)

    def test_singular_points_are_seen(self) -> None:
        report = geometry.slice_report(MODELS["gl"], np.zeros((1, 10)))
        assert report.orbit_dimension.tolist() == [0]
        assert not report.transversal
        x = points(MODELS["gl"], 1)
        x[:, [1, 3, 5]] = x[:, [0, 2, 4]]  # the columns of U are equal, those of V independent
        assert geometry.slice_report(MODELS["gl"], x).orbit_dimension.tolist() == [4]
        x[:, [7, 9]] = -x[:, [6, 8]]  # and T = 0
        assert geometry.slice_report(MODELS["gl"], x).orbit_dimension.tolist() == [3]


class TestLogDet:
    def test_orbits_are_there_without_a_canonical_slice(self) -> None:
        a, b = lib.parameters("a b")
        form = 2 * a * b + b**2
        model = lib.Model(parameters=(a, b), predictor={"z": form}, loss=form, symmetry=lib.Linear([[[1, 1], [0, -1]]]))
        assert geometry.log_det(model, [1.0, 2.0], of="H") == pytest.approx(np.log(9.0 + 4.0))
        with pytest.raises(UnsupportedModelError, match="no canonical dual slice"):
            geometry.log_det(model, [1.0, 2.0])
        assert geometry.log_det(model, [1.0, 2.0], a - 2 * b) == pytest.approx(np.log(5.0))

    @pytest.mark.parametrize("scale", [1e-200, 1e-160, 1.0, 1e155])
    def test_no_square_goes_out_of_range(self, scale) -> None:
        x = scale * np.array([3.0, 4.0])
        assert geometry.log_det(MODELS["product"], x) == pytest.approx(2.0 * np.log(5.0 * scale), rel=1e-14)

    def test_nothing_cancels_in_a_chain_of_very_different_factors(self) -> None:
        """Where the determinant of the matrix G has lost all of its digits, vectors still give most of them."""
        x = np.array([1e-9, 1e6, 1e-7, 1e5])
        with mpmath.workdps(60):
            squares = [mpmath.mpf(float(u)) ** 2 for u in x]
            wanted = mpmath.log(sum(mpmath.fprod(each) for each in itertools.combinations(squares, 3)))
        model = models.scalar_product(4)
        assert geometry.log_det(model, x) == pytest.approx(float(wanted), abs=1e-4)
        assert abs(np.linalg.slogdet(geometry.constraint_gram(model, x))[1] - float(wanted)) > 1.0
        graded = np.array([1e-30, 1e-10, 1e10, 1e30])
        with mpmath.workdps(200):
            squares = [mpmath.mpf(float(u)) ** 2 for u in graded]
            wanted = mpmath.log(sum(mpmath.fprod(each) for each in itertools.combinations(squares, 3)))
        assert geometry.log_det(models.scalar_product(4), graded) == pytest.approx(float(wanted), rel=1e-12)

    def test_it_is_minus_infinity_where_the_matrix_is_singular(self) -> None:
        assert geometry.log_det(MODELS["product"], [0.0, 0.0]) == -np.inf
        assert geometry.log_det(MODELS["chain"], [0.0, 0.0, 1.0, 1.0]) == -np.inf

    def test_of_m(self) -> None:
        model = MODELS["product"]
        u, v = model.parameters
        x = points(model)
        np.testing.assert_allclose(geometry.log_det(model, x, u - v, of="M"), np.log(np.abs(x.sum(1))), rtol=1e-10)
        with pytest.raises(InvalidArgumentError, match=r"3 rows \(constraints\) and 4 columns"):
            geometry.log_det(MODELS["gl"], points(MODELS["gl"]), of="M")
        with pytest.raises(InvalidArgumentError, match="of must be"):
            geometry.log_det(model, x, of="g")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: geometry.orbit_gram(models.harmonic(), [1.0]), "symmetry=None"),
        (lambda: geometry.orbit_gram(3, [1.0]), "must be a Model"),
        (lambda: geometry.orbit_gram(MODELS["product"], [1.0]), r"shape \(1,\); its last axis must hold the 2"),
        (lambda: geometry.orbit_gram(MODELS["product"], 1.0), "its last axis"),
        (lambda: geometry.orbit_gram(MODELS["product"], ["a", "b"]), "dtype"),
        (lambda: geometry.orbit_gram(MODELS["product"], [[1.0, 2.0], [np.nan, 1.0]]), r"x\[1\] is not finite"),
        (lambda: geometry.coupling(MODELS["product"], [1.0, 2.0], ()), "chi must be"),
        (lambda: geometry.coupling(MODELS["product"], [1.0, 2.0], "u"), "chi must be"),
        (lambda: geometry.coupling(MODELS["product"], [1.0, 2.0], [sympy.Symbol("w", real=True)]), "depends on w"),
        (lambda: lib.effective_loss(MODELS["product"], wrt="dx", temperature=1.0), "wrt must be one of"),
        (lambda: lib.implicit_bias(MODELS["product"], [1.0, 1.0]), "temperature"),
    ],
)
def test_what_makes_no_sense_is_refused(build, words) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        build()
