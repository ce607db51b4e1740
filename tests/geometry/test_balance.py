"""Balance: the same orbit, the right level, the same signs, and a clear word where an orbit never meets the slice."""

from __future__ import annotations

import re

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import scipy.linalg
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from langevin_ib import geometry, models
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from langevin_ib.geometry.gl import factors_of
from langevin_ib.model.algebra import numeric

RNG = np.random.default_rng(20260106)
PRODUCT = models.scalar_product()
A, B, C, D = lib.parameters("a b c d")


def gl(m, n, r, **more):
    return models.matrix_factorization(m, n, r, group="gl", loss=lambda T: T[0, 0], **more)


def split(x, m, n, r):
    return x[..., : m * r].reshape(*x.shape[:-1], m, r), x[..., m * r :].reshape(*x.shape[:-1], n, r)


def t(matrices):
    return np.swapaxes(matrices, -1, -2)


finite = st.floats(1e-150, 1e150) | st.floats(-1e150, -1e-150)
levels = st.sampled_from([0.0, 0.5, -2.0, 1e-8, 1e8])


class TestOneBlock:
    @given(u=finite, v=finite, level=levels)
    def test_the_product_at_every_scale(self, u, v, level) -> None:
        a, b = lib.balance(PRODUCT, [u, v], level=level)
        with mpmath.workdps(60):
            residual = (mpmath.mpf(a) ** 2 - mpmath.mpf(b) ** 2) / 2 - level
            assert abs(residual) <= 1e-12 * (mpmath.mpf(a) ** 2 + mpmath.mpf(b) ** 2 + abs(level))
            if min(abs(a), abs(b)) > 1e-300:
                assert abs(mpmath.mpf(a) * b / (mpmath.mpf(u) * v) - 1) < 1e-12
        assert np.sign(a) == np.sign(u)
        assert np.sign(b) == np.sign(v) or b == 0.0

    def test_a_balanced_point_stays(self) -> None:
        x = lib.balance(PRODUCT, RNG.normal(size=(100, 2)), level=0.3)
        np.testing.assert_allclose(lib.balance(PRODUCT, x, level=0.3), x, rtol=1e-14)

    @pytest.mark.parametrize("level", [0.0, 0.7, -0.7])
    def test_vectors(self, level) -> None:
        model = models.column_pair(4, 2, loss=lambda T: T[0, 0])
        x = RNG.normal(size=(50, 6)) * np.exp(RNG.uniform(-5, 5, size=(50, 1)))
        y = lib.balance(model, x, level=level)
        p, q = (y[:, :4] ** 2).sum(1), (y[:, 4:] ** 2).sum(1)
        np.testing.assert_allclose((p - q) / 2 - level, 0.0, atol=1e-13 * (p + q).max())
        np.testing.assert_allclose(y[:, :4, None] * y[:, None, 4:], x[:, :4, None] * x[:, None, 4:], rtol=1e-13)
        factor = y[:, :4] / x[:, :4]
        np.testing.assert_allclose(factor, np.tile(factor[:, :1], 4), rtol=1e-13)

    @pytest.mark.parametrize(
        ("rows", "level", "first"),
        [
            ([[1.0, 1.0], [0.0, 2.0]], 0.0, "x[1] = [0.0, 2.0] (on which u = 0)"),
            ([[3.0, 0.0]], 0.0, "x[0] = [3.0, 0.0] (on which v = 0)"),
            ([[0.0, 0.0]], 0.5, "x[0] = [0.0, 0.0] (on which u, v = 0)"),
            ([[0.0, 1.0]], 0.5, "x[0]"),
            ([[1.0, 0.0]], -0.5, "x[0]"),
        ],
    )
    def test_orbits_that_never_meet_the_slice_are_named(self, rows, level, first) -> None:
        with pytest.raises(InvalidArgumentError, match=re.escape(first)):
            lib.balance(PRODUCT, rows, level=level)

    def test_axes_that_do_meet_it(self) -> None:
        np.testing.assert_allclose(lib.balance(PRODUCT, [0.0, -0.3], level=-2.0), [0.0, -2.0], rtol=1e-15)
        np.testing.assert_array_equal(lib.balance(PRODUCT, np.zeros((2, 2))), np.zeros((2, 2)))

    def test_shapes(self) -> None:
        x = RNG.normal(size=(2, 3, 2))
        y = lib.balance(PRODUCT, x)
        assert y.shape == x.shape
        np.testing.assert_array_equal(lib.balance(PRODUCT, x[1, 2]), y[1, 2])
        assert lib.balance(PRODUCT, np.zeros((0, 2))).shape == (0, 2)
        with pytest.raises(InvalidArgumentError, match=re.escape("x[1, 2] = ")):
            lib.balance(PRODUCT, np.where(np.arange(12).reshape(2, 3, 2) == 10, 0.0, x))


class TestScalings:
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(
        depth=st.integers(2, 5),
        seed=st.integers(0, 2**30),
        spread=st.sampled_from([0.0, 1.0, 30.0, 100.0]),
        level=st.sampled_from([0.0, 1.0]),
    )
    def test_chains_keep_product_signs_and_level(self, depth, seed, spread, level) -> None:
        source = np.random.default_rng(seed)
        x = source.normal(size=(5, depth)) * np.exp(source.uniform(-spread, spread, size=(5, depth)))
        wanted = level * source.normal(size=depth - 1)
        y = lib.balance(models.scalar_product(depth), x, level=wanted)
        chi = (y[:, :-1] ** 2 - y[:, 1:] ** 2) / 2
        size = (y[:, :-1] ** 2 + y[:, 1:] ** 2) / 2 + np.abs(wanted)
        assert (np.abs(chi - wanted) <= 1e-12 * size).all()
        np.testing.assert_allclose(np.log(np.abs(y / x)).sum(1), 0.0, atol=1e-12)
        assert (np.sign(y) == np.sign(x)).all()

    @pytest.mark.parametrize("level", [[0.0, 0.0, 0.0], [0.5, -0.2, 0.1], [-3.0, 1.0, 1.0]])
    def test_a_chain_is_one_root(self, level) -> None:
        """prod (s + 2 C_i) = z² for s = u_L², C_i = level_i + ... + level_(L-1): bisection in 40 digits."""
        x = RNG.normal(size=(6, 4))
        y = lib.balance(models.scalar_product(4), x, level=level)
        with mpmath.workdps(40):
            sums = [2 * mpmath.mpf(sum(level[i:])) for i in range(4)]
            for row, start in zip(y, x, strict=True):
                z2 = mpmath.fprod(mpmath.mpf(float(u)) ** 2 for u in start)
                low = max(-total for total in sums)
                high = low + 100
                for _ in range(160):
                    root = (low + high) / 2
                    low, high = (low, root) if mpmath.fprod(root + c for c in sums) > z2 else (root, high)
                wanted = [float(mpmath.sqrt(root + c)) for c in sums]
                np.testing.assert_allclose(np.abs(row), wanted, rtol=1e-12)

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 2**30))
    def test_any_real_weights(self, seed) -> None:
        """Two overlapping scalings with weights that are no integers; both signs occur in every combination."""
        source = np.random.default_rng(seed)
        weights = np.hstack([source.normal(size=(2, 3)), [[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]])
        symbols = lib.parameters("x:7")
        scalings = [lib.Scaling(dict(zip(symbols, map(float, row), strict=True))) for row in weights]
        invariant = lib.Model(parameters=symbols, predictor={"one": sympy.S.One}, loss=sympy.S.Zero, symmetry=scalings)
        x = source.normal(size=(4, 7)) * np.exp(source.uniform(-20, 20, size=(4, 7)))
        level = source.normal(size=2)
        y = lib.balance(invariant, x, level=level)
        np.testing.assert_allclose(
            (y**2 @ weights.T / 2 - level) / (y**2 @ np.abs(weights).T + np.abs(level)), 0.0, atol=1e-12
        )
        exponents = np.log(y / x)
        times = np.linalg.lstsq(weights.T, exponents.T, rcond=None)[0].T
        np.testing.assert_allclose(times @ weights, exponents, atol=1e-11)

    def test_the_balanced_point_has_least_norm_and_least_volume(self) -> None:
        model = models.scalar_product(4)
        y = lib.balance(model, RNG.normal(size=(20, 4)))
        weights = np.array([[1, -1, 0, 0], [0, 1, -1, 0], [0, 0, 1, -1]])
        for _ in range(50):
            other = y * np.exp(RNG.normal(size=(20, 3)) @ weights)
            assert (np.linalg.norm(other, axis=1) >= np.linalg.norm(y, axis=1)).all()
            assert (geometry.log_det(model, other, of="H") >= geometry.log_det(model, y, of="H") - 1e-12).all()

    def test_zeros_in_a_chain(self) -> None:
        model = models.scalar_product(3)
        with pytest.raises(InvalidArgumentError, match=re.escape("x[0] = [1.0, 0.0, 2.0] (on which u2 = 0)")):
            lib.balance(model, [[1.0, 0.0, 2.0]])
        y = lib.balance(model, [[-1.0, 0.0, 2.0]], level=[0.5, -2.0])
        np.testing.assert_allclose(y, [[-1.0, 0.0, 2.0]], rtol=1e-12)
        np.testing.assert_array_equal(lib.balance(model, [[0.0, 0.0, 0.0]]), [[0.0, 0.0, 0.0]])

    def test_positive_weights_alone_never_balance(self) -> None:
        ratio = lib.Model(parameters=(A, B), predictor={"z": A / B}, loss=A / B, symmetry=lib.Scaling({A: 1, B: 1}))
        with pytest.raises(InvalidArgumentError, match="was not found to meet the slice"):
            lib.balance(ratio, [[1.0, 2.0]])
        y = lib.balance(ratio, [[1.0, 2.0]], level=0.5)
        np.testing.assert_allclose(y, [[np.sqrt(0.2), 2.0 * np.sqrt(0.2)]], rtol=1e-14)

    def test_separate_blocks_are_separate(self) -> None:
        model = models.hadamard(3)
        x = RNG.normal(size=(10, 6))
        y = lib.balance(model, x, level=[0.0, 0.5, -1.0])
        for i, level in enumerate((0.0, 0.5, -1.0)):
            one = lib.balance(PRODUCT, x[:, 2 * i : 2 * i + 2], level=level)
            np.testing.assert_array_equal(y[:, 2 * i : 2 * i + 2], one)

    def test_many_points_at_once_are_the_same_as_one_by_one(self) -> None:
        model = models.scalar_product(3)
        x = RNG.normal(size=(30, 3)) * np.exp(RNG.uniform(-10, 10, size=(30, 3)))
        together = lib.balance(model, x, level=[0.2, 0.1])
        alone = np.stack([lib.balance(model, row, level=[0.2, 0.1]) for row in x])
        np.testing.assert_allclose(together, alone, rtol=1e-13)


class TestGeneralLinear:
    @pytest.mark.parametrize(("m", "n", "r"), [(3, 2, 2), (2, 2, 2), (5, 4, 3)])
    @pytest.mark.parametrize("level", [0.0, 0.6, -0.6])
    def test_level_and_predictor(self, m, n, r, level) -> None:
        model = gl(m, n, r)
        x = RNG.normal(size=(40, model.dim))
        levels = [level if i == j else 0.0 for i in range(r) for j in range(i, r)]
        left, right = split(x, m, n, r)
        new_left, new_right = split(lib.balance(model, x, level=levels), m, n, r)
        p, q = t(new_left) @ new_left, t(new_right) @ new_right
        np.testing.assert_allclose(p - q, np.broadcast_to(2.0 * level * np.eye(r), p.shape), atol=1e-12 * (p + q).max())
        product = left @ t(right)
        error = np.abs(new_left @ t(new_right) - product).max((1, 2)) / np.abs(product).max((1, 2))
        assert (error < 1e-12).all()

    def test_it_is_the_symmetric_square_root(self) -> None:
        """A = S^(1/2), S = P^(-1/2) (P^(1/2) Q P^(1/2))^(1/2) P^(-1/2), by scipy's matrix functions."""
        m, n, r = 4, 3, 2
        x = RNG.normal(size=(20, (m + n) * r))
        left, right = split(x, m, n, r)
        new_left, _ = split(lib.balance(gl(m, n, r), x), m, n, r)
        for u, v, found in zip(left, right, new_left, strict=True):
            root = scipy.linalg.sqrtm(u.T @ u).real
            inverse = np.linalg.inv(root)
            s = inverse @ scipy.linalg.sqrtm(root @ (v.T @ v) @ root).real @ inverse
            np.testing.assert_allclose(found, u @ scipy.linalg.sqrtm(s).real, atol=1e-9)

    def test_no_other_point_of_the_orbit_has_a_smaller_volume(self) -> None:
        """Random elements of GL(2), as a search for a counterexample."""
        m, n, r = 3, 2, 2
        model = gl(m, n, r)
        y = lib.balance(model, RNG.normal(size=(8, model.dim)))
        left, right = split(y, m, n, r)
        least = geometry.log_det(model, y, of="H")
        for scale in (0.03, 0.3, 1.0):
            for _ in range(100):
                g = np.eye(r) + scale * RNG.normal(size=(8, r, r))
                moved = [left @ g, right @ t(np.linalg.inv(g))]
                other = np.concatenate([each.reshape(8, -1) for each in moved], axis=1)
                assert (geometry.log_det(model, other, of="H") >= least - 1e-10).all()
                assert (np.linalg.norm(other, axis=1) >= np.linalg.norm(y, axis=1) - 1e-10).all()

    def test_every_point_of_an_orbit_has_the_same_balanced_product(self) -> None:
        m, n, r = 3, 3, 2
        model = gl(m, n, r)
        x = RNG.normal(size=(10, model.dim))
        left, right = split(x, m, n, r)
        g = RNG.normal(size=(10, r, r)) + 2.0 * np.eye(r)
        moved = np.concatenate([(left @ g).reshape(10, -1), (right @ t(np.linalg.inv(g))).reshape(10, -1)], axis=1)
        (a, _), (b, _) = (split(lib.balance(model, each), m, n, r) for each in (x, moved))
        np.testing.assert_allclose(a @ t(a), b @ t(b), atol=1e-10)

    def test_the_general_method_finds_the_same_point(self) -> None:
        """Generators in a random basis of the parameters' space by rotation: nothing is left to recognise."""
        m, n, r = 3, 2, 2
        model = gl(m, n, r)
        q = np.linalg.qr(RNG.normal(size=(10, 10)))[0]
        turned = [q @ np.array(a, dtype=float) @ q.T for a in model.generator_matrices()]
        # Invariance holds to rounding only, so the predictor of this model is a constant.
        other = lib.Model(
            parameters=model.parameters, predictor={"one": sympy.S.One}, loss=sympy.S.Zero, symmetry=lib.Linear(turned)
        )
        x = RNG.normal(size=(10, 10))
        np.testing.assert_allclose(lib.balance(other, x @ q.T), lib.balance(model, x) @ q.T, atol=1e-11)

    @pytest.mark.parametrize("shuffled", [False, True])
    def test_it_is_recognised_in_any_basis_and_order(self, shuffled) -> None:
        model = gl(3, 2, 2)
        matrices = [numeric(a).toarray() for a in model.generator_matrices()]
        mixed = np.einsum("ab,bij->aij", RNG.normal(size=(4, 4)), matrices)
        order = RNG.permutation(10) if shuffled else np.arange(10)
        found = factors_of([scipy.sparse.csr_array(a[order][:, order]) for a in mixed])
        assert found is not None
        rows = [sorted(order[each].tolist()) for each in (*found.left, *found.right)]
        assert sorted(rows) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
        assert {len(found.left), len(found.right)} == {3, 2}
        mixed[0, 0, 1] += 0.5
        assert factors_of([scipy.sparse.csr_array(a) for a in mixed]) is None

    @pytest.mark.parametrize("scale", [1e-150, 1e-60, 1e60, 1e150])
    def test_scales(self, scale) -> None:
        m, n, r = 3, 2, 2
        model, x = gl(m, n, r), RNG.normal(size=(5, 10))
        left, right = split(x, m, n, r)
        far = np.concatenate([(left * scale).reshape(5, -1), (right / scale).reshape(5, -1)], axis=1)
        np.testing.assert_allclose(lib.balance(model, far), lib.balance(model, x), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(lib.balance(model, scale * x), scale * lib.balance(model, x), rtol=1e-9)

    def test_heads_are_balanced_one_by_one(self) -> None:
        model = models.attention(3, 2, 2, group="gl", loss=lambda forms: forms[0][0, 0])
        x = RNG.normal(size=(6, model.dim))
        one = gl(3, 3, 2)
        y = lib.balance(model, x)
        np.testing.assert_array_equal(y[:, :12], lib.balance(one, x[:, :12]))
        np.testing.assert_array_equal(y[:, 12:], lib.balance(one, x[:, 12:]))

    def test_factors_without_full_rank_are_named(self) -> None:
        x = RNG.normal(size=(3, 10))
        x[2, [1, 3, 5]] = x[2, [0, 2, 4]]
        with pytest.raises(InvalidArgumentError, match=re.escape("the orbit of x[2]")):
            lib.balance(gl(3, 2, 2), x)
        np.testing.assert_array_equal(lib.balance(gl(3, 2, 2), np.zeros(10)), np.zeros(10))

    def test_a_level_that_rotations_change_is_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match="is not invariant under the rotations"):
            lib.balance(gl(3, 2, 2), RNG.normal(size=10), level=0.5)
        with pytest.raises(InvalidArgumentError, match="2 values, but there are 3 constraints"):
            lib.balance(gl(3, 2, 2), RNG.normal(size=10), level=[0.5, 0.5])


class TestOtherGroups:
    def test_the_lorentz_group(self) -> None:
        """Boosts and a rotation of x² + y² - t²: the orbit of a time-like point has its least norm at rest."""
        boosts = [[[0, 0, 1], [0, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 1], [0, 1, 0]]]
        turn = [[0, -1, 0], [1, 0, 0], [0, 0, 0]]
        form = A**2 + B**2 - C**2
        model = lib.Model(parameters=(A, B, C), predictor={"z": form}, loss=form, symmetry=lib.Linear([*boosts, turn]))
        x = RNG.normal(size=(20, 3))
        x[:, 2] = np.sign(x[:, 2]) * np.sqrt(1.7 + (x[:, :2] ** 2).sum(1))
        y = lib.balance(model, x)
        wanted = np.stack([np.zeros(20), np.zeros(20), np.sign(x[:, 2]) * np.sqrt(1.7)], axis=1)
        np.testing.assert_allclose(y, wanted, atol=1e-12)
        light_like = [[3.0, 4.0, 5.0]]
        with pytest.raises(InvalidArgumentError, match="was not found to meet the slice"):
            lib.balance(model, light_like)

    def test_compact_groups_leave_points_where_they_are(self) -> None:
        model = lib.Model(parameters=(A, B), predictor={"z": A**2 + B**2}, loss=A, symmetry=None)
        with pytest.raises(InvalidArgumentError, match="symmetry=None"):
            lib.balance(model, [1.0, 2.0])
        turned = lib.Model(
            parameters=(A, B),
            predictor={"z": A**2 + B**2},
            loss=A**2 + B**2,
            symmetry=lib.Linear([[[0, -1], [1, 0]]]),
        )
        np.testing.assert_array_equal(lib.balance(turned, [1.0, 2.0]), [1.0, 2.0])

    def test_slices_of_ones_own(self) -> None:
        own = {"p": A + B - 3, "q": C - B}
        scalings = (lib.Scaling({A: 1, B: -1}), lib.Scaling({B: 1, C: -1}))
        model = lib.Model(
            parameters=(A, B, C), predictor={"z": A * B * C}, loss=A * B * C, symmetry=scalings, slice=own
        )
        x = np.exp(RNG.normal(size=(10, 3)) / 4.0)
        y = lib.balance(model, x, level=[0.0, 0.5])
        np.testing.assert_allclose(y[:, 0] + y[:, 1], 3.0, rtol=1e-12)
        np.testing.assert_allclose(y[:, 2] - y[:, 1], 0.5, rtol=1e-11)
        np.testing.assert_allclose(y.prod(1), x.prod(1), rtol=1e-12)
        with pytest.raises(InvalidArgumentError, match="was not found to meet"):
            lib.balance(model, [[-1.0, -1.0, 1.0]])

    def test_a_slice_with_too_few_constraints(self) -> None:
        scalings = (lib.Scaling({A: 1, B: -1}), lib.Scaling({B: 1, C: -1}))
        model = lib.Model(
            parameters=(A, B, C), predictor={"z": A * B * C}, loss=A * B * C, symmetry=scalings, slice={"p": A - B}
        )
        with pytest.raises(UnsupportedModelError, match="1 constraints, but the group has 2 generators"):
            lib.balance(model, [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (np.nan, "level must be finite"),
        ("1", "level"),
        ([1.0, 2.0], "2 values, but there are 1 constraints"),
        ([np.inf], r"level\[0\] must be finite"),
    ],
)
def test_bad_levels_are_refused(level, words) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        lib.balance(PRODUCT, [1.0, 1.0], level=level)
