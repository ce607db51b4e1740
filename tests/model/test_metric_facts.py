"""What metrics make of digits, slices, shells and rotations; and what is refused in them or as one."""

from __future__ import annotations

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import scipy.linalg
import sympy
from langevin_ib import geometry, models
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from metric_reference import CASES, numbers, points, skewed, spd

A, B = lib.parameters("a b")


class TestDigits:
    def test_a_badly_conditioned_metric_costs_no_more_digits_than_it_must(self) -> None:
        """Against an inverse in 60 digits: a change of its last digit changes such an inverse by 1e-8."""
        model, metric = models.scalar_product(4), spd(4, 1e8)
        chi, x = model.parameters[0] * model.parameters[1] + model.parameters[3] ** 2, points(model, 20)
        found = geometry.constraint_gram(model, x, chi, metric=metric)[:, 0, 0]
        with mpmath.workdps(60):
            inverse = mpmath.matrix(metric.tolist()) ** -1
            slopes = [mpmath.matrix([a[1], a[0], 0, 2 * a[3]]) for a in x.tolist()]
            wanted = [float((s.T * inverse * s)[0]) for s in slopes]
        np.testing.assert_allclose(found, wanted, rtol=1e-8)

    @pytest.mark.parametrize("scale", [1e-200, 1e-160, 1.0, 1e155])
    def test_no_square_goes_out_of_range(self, scale) -> None:
        """log(9 g₁ + 16 g₂) on the canonical slice, and log(9/g₁ + 16/g₂) on that of the identity."""
        model, x = models.scalar_product(), scale * np.array([3.0, 4.0])
        for g in ([4.0, 0.25], [1e-120, 1e120], [1e150, 1e150]):
            metric = np.diag(g)
            wanted = np.logaddexp(np.log(9.0) + np.log(g[0]), np.log(16.0) + np.log(g[1])) + 2.0 * np.log(scale)
            assert geometry.log_det(model, x, metric=metric) == pytest.approx(wanted, rel=1e-13)
            assert geometry.log_det(model, x, of="H", metric=metric) == pytest.approx(wanted, rel=1e-13)
            wanted = np.logaddexp(np.log(9.0) - np.log(g[0]), np.log(16.0) - np.log(g[1])) + 2.0 * np.log(scale)
            assert geometry.log_det(model, x, model.constraints(), metric=metric) == pytest.approx(wanted, rel=1e-13)

    def test_balance_keeps_signs_zeros_and_the_predictor(self) -> None:
        """Parameters that scale alike are multiplied by one number, whatever couples them."""
        model = models.column_pair(3, 2, loss=lambda T: T[0, 0])
        metric = scipy.linalg.block_diag(spd(3, 1e8), spd(2, 1e8))
        x = points(model, 30)
        x[::2, 1] = 0.0
        for level in (0.0, 0.4, -0.4):
            y = lib.balance(model, x, level, metric=metric)
            np.testing.assert_array_equal(np.sign(y), np.sign(x))
            np.testing.assert_allclose(y[:, :3, None] * y[:, None, 3:], x[:, :3, None] * x[:, None, 3:], rtol=1e-13)
            with mpmath.workdps(40):
                exact = mpmath.matrix(metric.tolist())
                for point in y.tolist():
                    u, v = (mpmath.matrix(part) for part in (point[:3], point[3:]))
                    p, q = (u.T * exact[:3, :3] * u)[0], (v.T * exact[3:, 3:] * v)[0]
                    assert abs((p - q) / 2 - level) < 1e-10 * (p + q)

    @pytest.mark.parametrize("scale", [1e-150, 1e-60, 1e60, 1e150])
    def test_balance_at_every_scale(self, scale) -> None:
        metric = np.diag([4.0, 0.25])
        u, v = lib.balance(models.scalar_product(), [3.0 * scale, 5.0 / scale], metric=metric)
        assert u * v == pytest.approx(15.0, rel=1e-14)
        assert 4.0 * u**2 == pytest.approx(0.25 * v**2, rel=1e-13)


class TestFacts:
    def test_one_parameter(self) -> None:
        model = lib.Model(
            parameters=(A,), predictor={"one": sympy.S.One}, loss=sympy.S.Zero, symmetry=lib.Scaling({A: 1})
        )
        x = [[3.0]]
        assert model.constraints(metric=[[4.0]]) == (2 * A**2,)
        np.testing.assert_allclose(geometry.orbit_gram(model, x, metric=[[4.0]]), [[[36.0]]])
        np.testing.assert_allclose(geometry.constraint_gram(model, x, metric=[[4.0]]), [[[36.0]]])
        np.testing.assert_allclose(geometry.constraint_gram(model, x, A**2 / 2, metric=[[4.0]]), [[[9.0 / 4.0]]])
        np.testing.assert_allclose(geometry.coupling(model, x, A**2 / 2, metric=[[4.0]]), [[[9.0]]])
        np.testing.assert_allclose(lib.balance(model, x, 2.0, metric=[[4.0]]), [[1.0]])

    def test_the_identity_is_no_metric(self) -> None:
        for model, _ in CASES.values():
            x, one = points(model), np.eye(model.dim)
            for function in (geometry.orbit_gram, geometry.coupling, geometry.constraint_gram, geometry.log_det):
                np.testing.assert_allclose(function(model, x, metric=one), function(model, x), rtol=1e-13, atol=1e-13)
            np.testing.assert_allclose(lib.balance(model, x, metric=one), lib.balance(model, x), rtol=1e-14)
            assert model.constraints(metric=one) == model.constraints()
            assert geometry.symbolic(model, metric=one).G == geometry.symbolic(model).G
            assert lib.implicit_bias(model, metric=one) == lib.implicit_bias(model)

    def test_formulas_show_what_was_typed(self) -> None:
        model = models.scalar_product()
        assert str(model.constraints(metric=[[2, 0], [0, 0.6]])) == "(u**2 - 3*v**2/10,)"
        bias = lib.implicit_bias(model, metric=[[2, 0], [0, 0.5]], temperature=2)
        assert str(bias) == "log(2*u**2 + v**2/2)"

    def test_a_slice_of_the_models_own_does_not_move(self) -> None:
        """Nor does the law on it: bias and reference change together, and the density of the predictor does not."""
        a, b = lib.parameters("a b")
        model = lib.Model(
            parameters=(a, b),
            predictor={"z": a * b},
            loss=a * b,
            symmetry=lib.Scaling({a: 1, b: -1}),
            slice={"chi": b - a**3 - 1},
        )
        metric = 2.5 * spd(2, 30.0)
        assert model.constraints(metric=metric) == model.constraints()
        start = np.abs(points(model)) + 0.1
        x = lib.balance(model, start, metric=metric)
        np.testing.assert_array_equal(x, lib.balance(model, start))
        with pytest.raises(InvalidArgumentError, match="positive definite"):
            lib.balance(model, start, metric=-np.eye(2))
        surface, predictor = (
            [lib.effective_loss(model, wrt=wrt, temperature=1.0, metric=g).bias_at(x) for g in (None, metric)]
            for wrt in ("surface", "predictor")
        )
        assert np.ptp(surface[1] - surface[0]) > 0.1
        # (T/2) log det g is the constant that is left out.
        np.testing.assert_allclose(predictor[0] - predictor[1], np.log(np.linalg.det(metric)) / 2.0, rtol=1e-10)

    @pytest.mark.parametrize("level", [0.5, 1.5])
    def test_the_thin_shell_does_not_know_the_metric(self, level) -> None:
        """(det g)^(-1/2) (det G)^(-1/2) dS_g = delta(chi - c) dx, for u² - v² = 2c dtheta/(2 sqrt(c² + theta²)).

        Integrals of two functions along the curve, by arc length in the metric; with the Euclidean G it is another law.
        """
        model = models.scalar_product()
        chi = model.constraints()
        t = np.linspace(-7.0, 7.0, 20_001)
        curve = np.sqrt(2.0 * level) * np.stack([np.cosh(t), np.sinh(t)], axis=1)
        middle, steps = (curve[1:] + curve[:-1]) / 2.0, np.diff(curve, axis=0)
        theta = middle.prod(axis=1)
        weights = np.exp(-((theta - 1.0) ** 2)), theta**2 * np.exp(-((theta - 1.0) ** 2))
        line = np.linspace(-9.0, 11.0, 20_001)
        exact = [
            np.trapezoid(f * np.exp(-((line - 1.0) ** 2)) / (2.0 * np.hypot(level, line)), line)
            for f in (np.ones_like(line), line**2)
        ]
        for metric in (np.eye(2), np.diag([1.0, 25.0]), spd(2, 100.0), spd(2, 1e4)):
            area = np.sqrt(np.einsum("ni,ij,nj->n", steps, metric, steps))
            factor = np.exp(-geometry.log_det(model, middle, chi, metric=metric) / 2.0)
            found = [(w * factor * area).sum() / np.sqrt(np.linalg.det(metric)) for w in weights]
            np.testing.assert_allclose(found, exact, rtol=1e-5)
            if not np.array_equal(metric, np.eye(2)):
                euclidean = np.exp(-geometry.log_det(model, middle, chi) / 2.0)
                wrong = [(w * euclidean * area).sum() for w in weights]
                assert abs(wrong[1] / wrong[0] / (exact[1] / exact[0]) - 1.0) > 0.003

    def test_which_symmetries_are_rotations_depends_on_the_metric(self) -> None:
        def ellipse(x):
            return x[:, 0] ** 2 + 4.0 * x[:, 1] ** 2

        plain = lib.find_symmetries(ellipse, 2, rng=1)
        assert (len(plain.compact), len(plain.mixed)) == (0, 1)
        found = lib.find_symmetries(ellipse, 2, rng=1, metric=np.diag([1.0, 4.0]))
        np.testing.assert_allclose(found.compact, [[[0.0, 1.0], [-0.25, 0.0]]], atol=1e-12)
        model = CASES["gl, skewed"][0]
        metric = skewed(1e4)
        report = lib.find_symmetries(model, rng=1, metric=metric)
        assert [len(each) for each in (report.noncompact, report.compact, report.mixed)] == [3, 1, 0]
        for sign, matrices in ((1, report.noncompact), (-1, report.compact)):
            forms = metric @ matrices
            np.testing.assert_allclose(forms, sign * forms.swapaxes(1, 2), atol=1e-9 * np.abs(forms).max())

    def test_what_scales_only_in_y(self) -> None:
        """(a + b) b is invariant under scalings of y = (a + b, b), and g = L Lᵀ of that y is a metric for it."""
        metric = [[1.0, 1.0], [1.0, 2.0]]
        model = lib.Model(
            parameters=(A, B),
            predictor={"z": (A + B) * B},
            loss=(A + B) * B,
            symmetry=lib.Linear([[[1, 2], [0, -1]]]),
        )
        product, x = models.scalar_product(), points(model)
        y = np.stack([x.sum(axis=1), x[:, 1]], axis=1)
        assert sympy.expand(model.constraints(metric=metric)[0] - ((A + B) ** 2 - B**2) / 2) == 0
        for level in (0.0, 0.4):
            found, wanted = lib.balance(model, x, level, metric=metric), lib.balance(product, y, level)
            np.testing.assert_allclose(found.sum(axis=1), wanted[:, 0], rtol=1e-12)
            np.testing.assert_allclose(found[:, 1], wanted[:, 1], rtol=1e-12)
        for wrt in ("surface", "predictor", "slice coordinate"):
            ours = lib.effective_loss(model, wrt=wrt, temperature=1.0, metric=metric)
            theirs = lib.effective_loss(product, wrt=wrt, temperature=1.0)
            np.testing.assert_allclose(ours.bias_at(x), theirs.bias_at(y), rtol=1e-11, atol=1e-11)
            np.testing.assert_allclose(numbers(ours.bias, model, x), theirs.bias_at(y), rtol=1e-11, atol=1e-11)

    def test_a_rotation_of_the_metric_is_no_constraint(self) -> None:
        """A rotation of the ellipse a² + 4b² is compact in the metric diag(1, 4), and has no slice in that of x."""
        form = A**2 + 4 * B**2
        model = lib.Model(parameters=(A, B), predictor={"z": form}, loss=form, symmetry=lib.Linear([[[0, 4], [-1, 0]]]))
        with pytest.raises(UnsupportedModelError, match="no canonical dual slice"):
            model.constraints()
        assert model.constraints(metric=[[1, 0], [0, 4]]) == ()
        assert geometry.symbolic(model, metric=[[1, 0], [0, 4]]).log_det == 0
        np.testing.assert_array_equal(geometry.log_det(model, points(model), metric=[[1, 0], [0, 4]]), 0.0)
        # Density of z = a² + 4b² in the plane, up to a constant: da db / dz is flat, as area over slope of y = (a, 2b).
        effective = lib.effective_loss(model, wrt="predictor", temperature=1.0, metric=[[1, 0], [0, 4]])
        np.testing.assert_allclose(effective.bias_at(points(model)), effective.bias_at([[1.0, 0.0]])[0], rtol=1e-12)


class TestRefusals:
    @pytest.mark.parametrize("name", ["product", "chain", "neuron", "columns", "gl"])
    def test_a_metric_that_couples_what_scales_differently_has_no_canonical_slice(self, name) -> None:
        model = CASES[name][0]
        metric, x = spd(model.dim), points(model)
        for call in (
            lambda: model.constraints(metric=metric),
            lambda: geometry.constraint_gram(model, x, metric=metric),
            lambda: geometry.coupling(model, x, metric=metric),
            lambda: geometry.symbolic(model, metric=metric),
            lambda: geometry.slice_report(model, x, metric=metric),
            lambda: geometry.log_det(model, x, metric=metric),
            lambda: lib.balance(model, x, metric=metric),
            lambda: lib.implicit_bias(model, metric=metric),
            lambda: lib.effective_loss(model, wrt="predictor", metric=metric),
            lambda: lib.effective_loss(model, wrt="slice coordinate", metric=metric),
        ):
            with pytest.raises(UnsupportedModelError, match="not self-adjoint in this metric g"):
                call()
        assert np.isfinite(geometry.log_det(model, x, of="H", metric=metric)).all()

    def test_where_the_orbit_is_shortest_is_then_a_slice_of_ones_own(self) -> None:
        """chi = xᵀ g A x / 2 still vanishes at the least xᵀ g x, but the slice is no longer orthogonal."""
        g = np.array([[2.0, 0.6], [0.6, 0.5]])
        u, v = lib.parameters("u v")
        chi = sympy.expand((sympy.Matrix([[u, v]]) * sympy.Matrix(g) * sympy.Matrix([u, -v]))[0] / 2)
        model = lib.Model(
            parameters=(u, v),
            predictor={"z": u * v},
            loss=u * v,
            symmetry=lib.Scaling({u: 1, v: -1}),
            slice={"chi": chi},
        )
        x = lib.balance(model, [3.0, 0.4])
        along = np.stack([x * np.exp(t * np.array([1.0, -1.0])) for t in np.linspace(-1.0, 1.0, 201)])
        lengths = np.einsum("ni,ij,nj->n", along, g, along)
        assert np.argmin(lengths) == 100
        x = lib.balance(model, [3.0, 0.4], level=0.2)
        report = geometry.slice_report(model, x, metric=g)
        assert report.transversal
        assert not report.orthogonal

    @pytest.mark.parametrize(
        ("metric", "words"),
        [
            (np.eye(3), r"3 rows, but the model has 2 parameters \(u, v\)"),
            ([[1.0, 2.0], [2.0, 1.0]], "positive definite"),
            ([[1.0, 1.0], [1.0, 1.0]], "positive definite"),
            ([[1.0, 0.0], [0.0, -1.0]], "positive definite, but has -1 on its diagonal"),
            ([[1.0, 0.5], [0.0, 1.0]], "symmetric"),
            ([[1.0, np.nan], [np.nan, 1.0]], "finite"),
            ([[np.inf, 0.0], [0.0, 1.0]], "finite"),
            ([1.0, 2.0], "square"),
            (2.0, "square"),
            ([[1.0, 2.0]], "square"),
            ([[1.0], [1.0, 2.0]], "square"),
            ([], "square"),
            ("identity", "square"),
            ([["1", "0"], ["0", "1"]], "square matrix of real numbers"),
            ([[1.0 + 0.0j, 0.0], [0.0, 1.0]], "square matrix of real numbers"),
            ([[True, False], [False, True]], "square matrix of real numbers"),
            ([[10**400, 0], [0, 1]], "square matrix of real numbers"),
            ([[sympy.Symbol("g"), 0], [0, 1]], "square matrix of real numbers"),
            (lambda: None, "square"),
            (sympy.zeros(2, 2), "positive definite"),
        ],
    )
    def test_what_is_no_metric(self, metric, words) -> None:
        model, x = models.scalar_product(), np.ones(2)
        for call in (
            lambda: geometry.orbit_gram(model, x, metric=metric),
            lambda: geometry.constraint_gram(model, x, metric=metric),
            lambda: geometry.dual_gram(model, x, metric=metric),
            lambda: geometry.coupling(model, x, metric=metric),
            lambda: geometry.log_det(model, x, of="H", metric=metric),
            lambda: geometry.slice_report(model, x, metric=metric),
            lambda: geometry.symbolic(model, metric=metric),
            lambda: lib.balance(model, x, metric=metric),
            lambda: lib.implicit_bias(model, metric=metric),
            lambda: lib.effective_loss(model, metric=metric),
            lambda: lib.find_symmetries(model, metric=metric),
            lambda: model.constraints(metric=metric),
            lambda: lib.SoftSlice(stiffness=1.0, metric=metric).metric_of(model),
            lambda: lib.Ambient(metric=metric).metric_of(model),
        ):
            with pytest.raises(InvalidArgumentError, match=words):
                call()

    def test_numbers_of_any_kind_make_a_metric(self) -> None:
        model, x = models.scalar_product(), np.array([1.0, 2.0])
        wanted = geometry.orbit_gram(model, x, metric=np.diag([2.0, 0.5]))
        for metric in (
            sympy.diag(2, sympy.Rational(1, 2)),
            [[2, 0], [0, 0.5]],
            np.diag([2.0, 0.5]).astype(np.float32),
            ((np.float64(2), 0), (0, sympy.Rational(1, 2))),
        ):
            np.testing.assert_array_equal(geometry.orbit_gram(model, x, metric=metric), wanted)

    def test_units_of_the_parameters_do_not_matter(self) -> None:
        """diag(1e-30, 1e30) is as good a metric as the identity, in other units."""
        model = models.scalar_product()
        metric = np.diag([1e-30, 1e30])
        x = lib.balance(model, [1.0, 1.0], metric=metric)
        np.testing.assert_allclose(x, [1e15, 1e-15], rtol=1e-13)
        assert geometry.slice_report(model, x, metric=metric).orthogonal
