"""Geometry: H, M and G are what their definitions say, laws of slices follow, and what does not hold is reported."""

from __future__ import annotations

import itertools
import pickle

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import sympy
from langevin_ib import geometry, models
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from langevin_ib.model.expressions.expressions import compiled

RNG = np.random.default_rng(20260106)

MODELS = {
    "product": models.scalar_product(),
    "chain": models.scalar_product(4),
    "hadamard": models.hadamard(2, 3),
    "neuron": models.relu_neuron(3),
    "columns": models.matrix_factorization(3, 2, 2),
    "gl": models.matrix_factorization(3, 2, 2, group="gl"),
    "heads": models.attention(2, 2, 2, group="gl"),
    "cumulated": models.total_variation(3),
}


def points(model, count=7):
    return RNG.normal(size=(count, model.dim))


def numbers(expression, model, x):
    return compiled(expression, model.parameters)(*np.moveaxis(np.asarray(x), -1, 0))


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


class TestBias:
    def test_the_formula_of_the_product(self) -> None:
        assert str(lib.implicit_bias(models.scalar_product())) == "sigma**2*log(u**2 + v**2)/(2*beta)"
        x = points(MODELS["product"])
        wanted = 0.15 * np.log((x**2).sum(1))
        np.testing.assert_allclose(lib.implicit_bias(MODELS["product"], x, temperature=0.3), wanted, rtol=1e-12)
        formula = lib.implicit_bias(MODELS["product"], temperature=0.3)
        np.testing.assert_allclose(numbers(formula, MODELS["product"], x), wanted, rtol=1e-12)
        assert lib.implicit_bias(MODELS["product"], [1.0, 1.0], beta=2.0, sigma=1.0) == pytest.approx(np.log(2.0) / 4.0)

    def test_of_columns_it_counts_columns_and_not_singular_values(self) -> None:
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
    def test_formulas_and_numbers_are_the_same_function(self, name, wrt) -> None:
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

    def test_the_product_on_a_smooth_slice(self) -> None:
        """Law of theta on u² - v² = 2c: dtheta/(2 sqrt(c² + theta²)) on each of two sheets."""
        model, c = MODELS["product"], 0.7
        x = lib.balance(model, points(model, 40), level=c)
        theta = x.prod(axis=1)
        found = lib.effective_loss(model, wrt="predictor", temperature=1.0).bias_at(x)
        np.testing.assert_allclose(found, np.log(2.0 * np.hypot(c, theta)), rtol=1e-12)

    @pytest.mark.parametrize("d", [1, 2, 3, 5])
    def test_the_neuron_in_three_measures(self, d) -> None:
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
    def test_a_block_on_any_level(self, m, n, c) -> None:
        """s^((m+n-2)/2) r^nu / (2 sqrt(c² + s²)) ds with r = (c + sqrt(c² + s²))/s and nu = (m - n)/2."""
        model = models.column_pair(m, n, loss=lambda T: T[0, 0])
        x = lib.balance(model, points(model, 30), level=c)
        s = np.linalg.norm(x[:, :m], axis=1) * np.linalg.norm(x[:, m:], axis=1)
        root = np.hypot(c, s)
        density = s ** ((m + n - 2) / 2) * ((c + root) / s) ** ((m - n) / 2) / (2.0 * root)
        found = lib.effective_loss(model, wrt="slice coordinate", temperature=1.0).bias_at(x)
        np.testing.assert_allclose(found, -np.log(density), rtol=1e-10, atol=1e-10)

    def test_a_direction_has_the_density_of_a_cosine(self) -> None:
        """On a circle dS is dc / sqrt(1 - c²): lengths in denominators are no polynomials."""
        a, b = lib.parameters("a b")
        cosine = a / sympy.sqrt(a**2 + b**2)
        model = lib.Model(
            parameters=(a, b), predictor={"c": cosine}, loss=1 - cosine, symmetry=lib.Scaling({a: 1, b: 1})
        )
        x = np.array([[0.6, 0.8], [1.0, 0.1], [-2.0, 3.0]])
        found = lib.effective_loss(model, wrt="predictor", temperature=1.0)
        np.testing.assert_allclose(found.bias_at(x), np.log(np.abs(x[:, 1]) / np.hypot(*x.T)), rtol=1e-12)
        assert found.expression.subs({a: 0.6, b: 0.8}) == pytest.approx(0.4 + np.log(0.8))

    @pytest.mark.parametrize("wrt", ["predictor", "slice coordinate"])
    def test_probabilities_of_a_softmax(self, wrt) -> None:
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
    def test_surface_and_predictor_are_one_law(self, depth) -> None:
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
    def test_gl_has_the_law_of_singular_values_of_wishart_matrices(self, m, n) -> None:
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

    def test_signs_are_no_coordinates(self) -> None:
        """A relu neuron on data: the predictor has z and sign v, and dz is the measure."""
        x, y = RNG.normal(size=(10, 3)), RNG.normal(size=10)
        on_data, plain = models.relu_neuron(3, data=(x, y)), MODELS["neuron"]
        one, other = (lib.effective_loss(m, wrt="predictor", temperature=1.0) for m in (on_data, plain))
        assert one.reference == other.reference == "dz0 dz1 dz2"
        start = points(plain)
        np.testing.assert_array_equal(one.bias_at(start), other.bias_at(start))
        loss = compiled(on_data.loss, on_data.parameters, on_data.data)(*start.T)
        np.testing.assert_allclose(one(start), loss + one.bias_at(start), rtol=1e-14)

    def test_a_group_that_is_too_small_is_said_to_be(self) -> None:
        with pytest.raises(UnsupportedModelError, match="2 fewer than the declared group explains"):
            lib.effective_loss(MODELS["columns"], wrt="predictor", temperature=1.0)
        with pytest.raises(UnsupportedModelError, match="no coordinates that are known"):
            lib.effective_loss(MODELS["gl"], wrt="slice coordinate", temperature=1.0)

    def test_a_slice_of_ones_own(self) -> None:
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


@pytest.mark.parametrize("wrt", ["surface", "predictor", "slice coordinate"])
def test_effective_losses_are_sent_to_other_processes(wrt) -> None:
    metric = np.diag([2.0, 0.5]) if wrt != "slice coordinate" else None
    made = lib.effective_loss(MODELS["product"], wrt=wrt, temperature=0.3, metric=metric)
    there = pickle.loads(pickle.dumps(made))
    assert there == made
    x = points(MODELS["product"])
    np.testing.assert_array_equal(there(x), made(x))
