"""A penalty is what its mechanism does: by minima over fibres, Jacobians, flows, and another way to laws."""

from __future__ import annotations

from fractions import Fraction

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import sympy
from langevin_ib import design
from langevin_ib.errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

RNG = np.random.default_rng(20260115)
T = 0.3
Z = sympy.Symbol("z", real=True)
NOISE = lib.SGD(label_noise={"y": 0.1})
TIMELESS = (design.WeightDecay(0.7), design.GradientFlow(0.1), NOISE)
AT_TEMPERATURE = (
    lib.GaugeFixed(),
    lib.GaugeFixed(level=0.5),
    lib.Constrained(level=0.5),
    lib.Constrained(level=0.5, fixman=True),
    lib.SoftSlice(stiffness=2.0),
    lib.Ambient(weight_decay=0.1),
)


def loss(z):
    return (z - 1) ** 2 / 2


class TestWithoutATemperature:
    @pytest.mark.parametrize("depth", [2, 3, 4])
    def test_weight_decay_is_the_least_square_over_the_fibre(self, depth) -> None:
        def square(logs: np.ndarray, z: float) -> float:
            return float(0.7 / 2 * (np.exp(2 * logs).sum() + (z * np.exp(-logs.sum())) ** 2))

        for z in (0.05, 0.8, 3.0):
            least = minimize(square, np.zeros(depth - 1), args=(z,), tol=1e-14).fun
            assert abs(design.sparsity(depth=depth).penalty(z, under=design.WeightDecay(0.7)) - least) < 1e-9

    @pytest.mark.parametrize(("depth", "size"), [(2, 1), (3, 1), (4, 1), (2, 3), (3, 2)])
    def test_label_noise_is_the_least_trace_over_the_fibre(self, depth, size) -> None:
        z = RNG.standard_normal(size)
        recipe = design.group_sparsity([list(range(size))], depth=depth)

        def trace(logs: np.ndarray) -> float:
            scalars = np.exp(logs)
            x = np.concatenate([z / scalars.prod(), scalars])
            return float((recipe.jacobian(x) ** 2).sum())

        assert abs(recipe.penalty(z, under=NOISE) - minimize(trace, np.zeros(depth - 1), tol=1e-14).fun) < 1e-7

    @pytest.mark.parametrize(("depth", "scale"), [(2, 0.5), (2, 0.05), (3, 0.3), (4, 0.6)])
    def test_gradient_flow_ends_at_the_least_potential_among_what_fits(self, depth, scale) -> None:
        X, y = RNG.standard_normal((2, 4)), np.array([1.0, -0.7])
        recipe = design.sparsity(depth=depth)

        def velocity(_: float, x: np.ndarray) -> np.ndarray:
            return -(X @ recipe.jacobian(x)).T @ (X @ recipe.parameterize(x) - y)

        end = solve_ivp(velocity, (0, 400), recipe.init(scale, 4), rtol=1e-10, atol=1e-12, method="LSODA").y[:, -1]
        w, potential = recipe.parameterize(end), recipe.potential(scale)
        assert np.abs(X @ w - y).max() < 1e-8
        # Stationary on the affine space, as a convex function is at its minimum there and nowhere else.
        kernel = np.linalg.svd(X)[2][2:]
        assert np.abs(kernel @ potential.gradient(w)).max() < 1e-6 * np.abs(potential.gradient(w)).max()
        assert np.abs(kernel @ w).max() > 1e-3

    @pytest.mark.parametrize("depth", [2, 3, 5])
    def test_its_derivative_is_its_derivative(self, depth) -> None:
        potential, w, h = design.sparsity(depth=depth).potential(0.2), np.array([0.3, -1.2, 0.01]), 1e-5
        slope = [(potential(w + h * e) - potential(w - h * e)) / (2 * h) for e in np.eye(3)]
        assert np.allclose(potential.gradient(w), slope, rtol=1e-6)
        assert potential(np.zeros(3)) == 0.0

    def test_depth_has_opposite_effects(self) -> None:
        decay, noise = (
            [design.sparsity(depth=K).penalty(Z, under=each).as_coeff_exponent(sympy.Abs(Z))[1] for K in (2, 3, 4)]
            for each in (design.WeightDecay(1.0), NOISE)
        )
        assert decay == [1, sympy.Rational(2, 3), sympy.Rational(1, 2)]
        assert noise == [1, sympy.Rational(4, 3), sympy.Rational(3, 2)]

    def test_vectors_have_no_potential_and_say_why(self) -> None:
        none = design.group_sparsity([[0, 1]]).potential(0.1)
        assert isinstance(none, design.NoPotential)
        assert not none
        assert "Hessian of no function" in none.reason
        with pytest.raises(UnsupportedModelError, match="Hessian of no function"):
            design.group_sparsity([[0, 1]]).penalty([1.0, 2.0], under=design.GradientFlow(0.1))


class TestOnSlices:
    def test_exponents_by_counting(self) -> None:
        kappas = [design.sparsity(depth=K).coefficient for K in (2, 3, 4)]
        assert [each.kappa for each in kappas] == [1, Fraction(4, 3), Fraction(3, 2)]
        assert [each.rigid for each in kappas] == [Fraction(1, 2), Fraction(2, 3), Fraction(3, 4)]
        assert not any(each.proper for each in kappas)
        assert all(each.rigid_proper for each in kappas)
        vector = design.group_sparsity([[0, 1, 2]], depth=3).coefficient
        assert vector.kappa == Fraction(8, 3)
        assert vector.proper
        assert [design.nonnegative(q).coefficient.kappa for q in (1, 2, 3)] == [Fraction(1, 2), 0, Fraction(-1, 2)]

    @pytest.mark.parametrize("dynamics", AT_TEMPERATURE[:2] + AT_TEMPERATURE[2:4])
    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_the_density_over_z_by_the_root_of_the_constraint(self, size, dynamics) -> None:
        """With z = v s and dv dz = dz ds / s^d, delta(chi - c) leaves s^-d / |d chi / d s| at the root s."""
        level = -dynamics.level
        recipe = design.group_sparsity([list(range(size))])
        is_rigid = isinstance(dynamics, lib.Constrained) and not dynamics.fixman
        gaps = []
        for r in (0.05, 0.4, 1.0, 3.0):
            s = np.sqrt(np.roots([1.0, 2.0 * level, -(r**2)]).max())
            density = s**-size / (r**2 / s**3 + s)
            # The surface measure is that of delta(chi) times |grad chi| = sqrt(|v|² + s²).
            density *= np.sqrt((r / s) ** 2 + s**2) if is_rigid else 1.0
            z = r * np.ones(size) / np.sqrt(size)
            at = type(dynamics)(
                level=level, **({} if isinstance(dynamics, lib.GaugeFixed) else {"fixman": not is_rigid})
            )
            gaps.append(recipe.penalty(z, under=at, temperature=T) / T + np.log(density))
        assert np.ptp(gaps) < 1e-9

    @pytest.mark.parametrize(("depth", "kind"), [(2, lib.Constrained), (3, lib.GaugeFixed)])
    def test_the_law_is_that_which_density_derives_from_the_model(self, depth, kind) -> None:
        recipe, dynamics = design.sparsity(depth=depth), kind(level=0.4)
        designed = recipe.law(dynamics, loss=loss, temperature=T)
        model = recipe.model(lambda w: loss(w[0]), weights=1)
        derived = lib.density(model, "z0", dynamics=dynamics, temperature=T)
        z = np.array([-1.0, -0.1, 0.0, 0.3, 2.0])
        assert np.allclose(designed.pdf(z), derived.pdf(z), rtol=1e-8)

    def test_what_is_improper_is_refused_with_its_exponent(self) -> None:
        for depth, exponent in ((2, "1"), (3, "4/3")):
            with pytest.raises(NotNormalizableError, match=rf"kappa = {exponent}\)"):
                design.sparsity(depth=depth).law(lib.GaugeFixed(), loss=loss, temperature=T)
        with pytest.raises(NotNormalizableError, match="loss= for what escapes at infinity"):
            design.sparsity().law(lib.GaugeFixed(level=0.1))
        assert design.sparsity(depth=3).law(lib.GaugeFixed(level=0.1)).cdf(0.0) == pytest.approx(0.5)

    def test_along_the_slice_the_rigid_law_is_that_of_the_loss_alone(self) -> None:
        law = design.sparsity().law(lib.Constrained(), wrt="surface", loss=loss, temperature=T)
        s = np.array([-1.0, 0.2, 1.5])
        log_ratio = law.logpdf(s) + loss(np.sign(s) * s**2 / 2) / T
        assert law.reference == "d s"
        assert np.ptp(log_ratio) < 1e-9

    def test_several_copies_have_no_slice(self) -> None:
        with pytest.raises(UnsupportedModelError, match="infinite volume"):
            design.sparsity(copies=2).coefficient  # noqa: B018 - to ask is enough


class TestInThePlane:
    @pytest.mark.parametrize(("size", "depth"), [(1, 2), (1, 3), (3, 3)])
    def test_symbols_are_the_numbers(self, size, depth) -> None:
        recipe = design.group_sparsity([list(range(size))], depth=depth)
        r = sympy.symbols(f"a:{size}", real=True)
        formula = recipe.penalty(list(r), under=lib.Ambient(weight_decay=0.1), temperature=T)
        for value in (0.05, 0.5, 3.0):
            z = value * np.ones(size)
            wanted = mpmath.mpf(sympy.N(formula.subs(dict(zip(r, z, strict=True))), 20))
            found = recipe.penalty(z, under=lib.Ambient(weight_decay=0.1), temperature=T)
            assert abs(found - wanted) < 1e-9 * (1 + abs(wanted))

    @pytest.mark.parametrize("size", [1, 2, 5])
    def test_one_copy_more_than_features_is_the_lasso(self, size) -> None:
        recipe = design.group_sparsity([list(range(size))], copies=size + 1)
        z = np.stack([r * np.ones(size) / np.sqrt(size) for r in (0.0, 0.3, 2.0)])
        found = recipe.penalty(z, under=lib.Ambient(weight_decay=0.5), temperature=T)
        assert np.allclose(found, [0.0, 0.15, 1.0], atol=1e-12)

    def test_copies_by_the_law_of_gaussian_factors(self) -> None:
        """E|z| of d = 3 and four copies is 2 T/lam times that of |z|: five standard errors, once in a million runs."""
        law = design.group_sparsity([[0, 1, 2]], copies=4).law(lib.Ambient(weight_decay=0.3), temperature=0.2)
        s, v = RNG.standard_normal((100_000, 4)), RNG.standard_normal((100_000, 4, 3))
        sizes = np.linalg.norm(np.einsum("nq,nqd->nd", s, v), axis=1) * 0.2 / 0.3
        assert abs(law.mean() - sizes.mean()) < 5 * sizes.std() / np.sqrt(len(sizes))
        wrong = design.group_sparsity([[0, 1, 2]], copies=3).law(lib.Ambient(weight_decay=0.3), temperature=0.2)
        assert abs(wrong.mean() - sizes.mean()) > 5 * sizes.std() / np.sqrt(len(sizes))


@pytest.mark.parametrize("mechanism", TIMELESS + AT_TEMPERATURE, ids=repr)
def test_symbols_agree_with_numbers(mechanism) -> None:
    recipe = design.sparsity()
    formula = recipe.penalty(Z, under=mechanism)
    assert (sympy.Symbol("T", positive=True) in formula.free_symbols) == (mechanism in AT_TEMPERATURE)
    formula = recipe.penalty(Z, under=mechanism, temperature=T)
    for z in (-2.0, 0.3):
        number = recipe.penalty(z, under=mechanism, temperature=T)
        assert number == pytest.approx(float(formula.subs(Z, z)), rel=1e-12)
        assert recipe.penalty([z, 1.0], under=mechanism, temperature=T) == pytest.approx(
            number + recipe.penalty(1.0, under=mechanism, temperature=T)
        )


class TestOtherBlocks:
    def test_the_nuclear_norm_is_the_least_square_over_factors(self) -> None:
        recipe = design.low_rank((3, 4), 3)
        M = RNG.standard_normal((3, 4))
        norm = recipe.penalty(M.ravel(), under=design.WeightDecay(1.0))
        assert norm == pytest.approx(np.linalg.norm(M, "nuc"))
        x = recipe.lift(M.ravel())
        assert (x**2).sum() / 2 == pytest.approx(norm)
        for _ in range(20):
            turn = np.eye(3) + 0.3 * RNG.standard_normal((3, 3))
            left, right = x[:9].reshape(3, 3) @ turn, x[9:].reshape(4, 3) @ np.linalg.inv(turn).T
            assert np.allclose(left @ right.T, M)
            assert ((left**2).sum() + (right**2).sum()) / 2 >= norm - 1e-12

    def test_of_a_larger_rank_there_are_no_matrices(self) -> None:
        M = RNG.standard_normal((3, 4)).ravel()
        assert design.low_rank((3, 4), 2).penalty(M, under=design.WeightDecay(1.0)) == np.inf

    def test_low_rank_by_noise_is_homogeneous_as_counting_says(self) -> None:
        M = (RNG.standard_normal((3, 2)) @ RNG.standard_normal((2, 4))).ravel()
        recipe = design.low_rank((3, 4), 2, group="gl")
        exponents = {lib.GaugeFixed(): recipe.coefficient.kappa, lib.Constrained(): recipe.coefficient.rigid}
        for dynamics, kappa in exponents.items():
            both = [recipe.penalty(size * M, under=dynamics, temperature=T) for size in (1.0, np.e)]
            assert both[1] - both[0] == pytest.approx(T * float(kappa))

    def test_mcp_has_its_closed_form(self) -> None:
        block = design.concave(design.mcp(1.3, 2.5)).block
        v = np.array([1e-6, 0.3, 1.0, 1.9, 2.05])
        assert np.allclose(block.g(v), v / np.sqrt(1.3**2 - v**2 / 2.5), rtol=1e-10)
        with pytest.raises(InvalidArgumentError, match="beyond the range of g"):
            block.g(np.array([1.3 * np.sqrt(2.5) + 1e-9]))

    @pytest.mark.parametrize(
        "shape",
        [design.mcp(), design.scad(), design.log_sum(0.3), design.cauchy(0.3), design.huber(0.5), design.power(0.5)],
        ids=["mcp", "scad", "log_sum", "cauchy", "huber", "power"],
    )
    def test_concave_penalties_are_the_least_square_over_the_fibre(self, shape) -> None:
        recipe = design.concave(shape)
        for z in (0.1, 0.7, 1.9):
            penalty = recipe.penalty(z, under=design.WeightDecay(1.0))
            x = recipe.lift([z])
            assert recipe.parameterize(x) == pytest.approx(z)
            assert (x**2).sum() / 2 == pytest.approx(penalty)
            v = x[1] * np.linspace(0.5, 1.1, 61)
            v = v[np.isfinite(recipe.block.square(v))]
            assert ((z / recipe.block.g(v)) ** 2 / 2 + v**2 / 2).min() >= penalty - 1e-9

    @pytest.mark.parametrize(
        ("psi", "why"),
        [
            (lambda t: t**2, "concave"),
            (lambda t: -t, "non-decreasing"),
            (lambda t: 1 + t, "0 at t = 0"),
            (lambda t: Z * t, "nothing else"),
            (3, "must take t"),
            (lambda t: "no", "nothing else|must take t"),
        ],
    )
    def test_others_are_refused_with_the_place(self, psi, why) -> None:
        with pytest.raises(InvalidArgumentError, match=why):
            design.concave(psi)

    def test_the_simplex_has_dirichlet_s_law(self) -> None:
        """Normal vectors on the sphere: the mean of log w_i, to five standard errors, once in a million runs."""
        x = RNG.standard_normal((50_000, 3))
        shares = np.log(design.simplex(3).parameterize(x))
        mean = float(mpmath.digamma(0.5) - mpmath.digamma(1.5))
        assert abs(shares.mean() - mean) < 5 * shares.std() / np.sqrt(shares.size / 3)
        w = np.array([0.2, 0.3, 0.5])
        penalty = design.simplex(3).penalty(w, under=lib.GaugeFixed(level=0.5), temperature=T)
        assert penalty == pytest.approx(T / 2 * np.log(w).sum())

    def test_squares_have_the_law_of_chi(self) -> None:
        law = design.nonnegative(3).law(lib.Ambient(weight_decay=0.3), temperature=0.2)
        assert (law.mean(), law.var()) == pytest.approx((3 * 0.2 / 0.3, 6 * (0.2 / 0.3) ** 2))


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda r: r.penalty(1.0, under="decay"), "is no mechanism"),
        (lambda r: r.penalty(1.0, under=lib.GaugeFixed(level=1)), "give temperature="),
        (lambda r: r.penalty(np.nan, under=design.WeightDecay(1.0)), "not finite"),
        (lambda r: r.penalty([], under=design.WeightDecay(1.0)), "is empty"),
        (lambda r: r.penalty("z", under=design.WeightDecay(1.0)), "dtype"),
        (lambda r: r.penalty(1.0, under=lib.Ambient()), "without a weight decay has no law"),
        (lambda r: r.penalty(1.0, under=lib.SGD()), "label_noise"),
        (lambda r: r.penalty(1.0, under=lib.GaugeFixed(level=(1, 2)), temperature=1), "constraint"),
        (lambda r: r.law(lib.Ambient(weight_decay=1.0)), "temperature= is needed"),
        (lambda r: r.law(design.WeightDecay(1.0)), "has no law"),
        (lambda r: r.law(lib.GaugeFixed(level=1), wrt="z"), "unknown"),
        (lambda r: design.WeightDecay(0.0), "> 0"),
        (lambda r: design.GradientFlow(np.inf), "finite"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(ask, why) -> None:
    with pytest.raises((InvalidArgumentError, UnsupportedModelError), match=why):
        ask(design.sparsity())
