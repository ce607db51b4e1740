"""Weight decay at a temperature: deep products are Meijer's, sums of products Bessel's, two copies the lasso's."""

from __future__ import annotations

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import sympy
from langevin_ib.laws.families.decayed_weights import log_copies, product_weight
from scipy.integrate import quad

RNG = np.random.default_rng(20260112)
LAM, T = 0.3, 0.2


def model_of(z: sympy.Expr, x: tuple[sympy.Symbol, ...], loss: sympy.Expr | None = None) -> lib.Model:
    return lib.Model(parameters=x, predictor={"z": z}, loss=(z - 1) ** 2 / 2 if loss is None else loss)


def copies(count: int) -> lib.Model:
    x = lib.parameters(" ".join(f"u{j} v{j}" for j in range(count)))
    return model_of(sympy.Add(*(u * v for u, v in zip(x[::2], x[1::2], strict=True))), x)


def law(model: lib.Model, **options) -> lib.Density:
    return lib.density(
        model, model.observable_names[0], dynamics=lib.Ambient(weight_decay=LAM), temperature=T, **options
    )


def up_to_a_constant(found: np.ndarray, wanted: list[mpmath.mpf]) -> np.ndarray:
    gap = found - np.array([float(mpmath.log(each)) for each in wanted])
    return gap - gap[0]


class TestWeights:
    @pytest.mark.parametrize("depth", [2, 3, 4, 5])
    def test_products_are_meijer_functions(self, depth) -> None:
        z = np.array([1e-8, 1e-3, 0.05, 0.8, 3.0, 10.0, 50.0])
        found = product_weight([(1, 1.0)] * depth)[0](z)
        wanted = [mpmath.meijerg([[], []], [[0] * depth, []], mpmath.mpf(each) ** 2 / 2**depth) for each in z]
        assert np.max(np.abs(up_to_a_constant(found, wanted))) < 1e-11

    def test_of_a_vector_too(self) -> None:
        z = np.array([1e-3, 0.3, 2.0, 9.0])
        found = product_weight([(3, 1.0), (1, 1.0), (1, 1.0)])[0](z) - 2.0 * np.log(z)
        wanted = [mpmath.meijerg([[], []], [[0, -1, -1], []], mpmath.mpf(each) ** 2 / 8) for each in z]
        assert np.max(np.abs(up_to_a_constant(found, wanted))) < 1e-11

    def test_of_powers_by_quadrature(self) -> None:
        z = [0.01, 0.3, 2.0, 9.0]

        def brute(each: float) -> float:
            return quad(lambda u: np.exp(-(u**2) / 2 - (each / u**2) ** 2 / 2) / u**2, 0, np.inf, epsabs=0, limit=200)[
                0
            ]

        found = product_weight([(1, 2.0), (1, 1.0)])[0](np.array(z))
        assert np.max(np.abs(up_to_a_constant(found, [mpmath.mpf(brute(each)) for each in z]))) < 1e-7

    @pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 1), (3, 2), (1, 3), (9, 1)])
    def test_copies_are_bessel_functions_as_near_to_zero_as_numbers_go(self, count, size) -> None:
        r, nu = np.array([1e-300, 1e-60, 1e-5, 0.3, 5.0, 800.0]), (count - size) / 2
        wanted = [mpmath.mpf(each) ** nu * mpmath.besselk(nu, each) for each in r]
        found = log_copies(count, size, r)
        assert np.allclose(found, [float(mpmath.log(each)) for each in wanted], rtol=1e-12, atol=1e-12)


class TestLaws:
    def test_a_product_is_what_gaussian_factors_say(self) -> None:
        """Importance sampling from the law without a loss; five standard errors are missed once in a million runs."""
        depth, found = 3, law(lib.models.scalar_product(3)).mean()
        z = np.prod(np.sqrt(T / LAM) * RNG.standard_normal((depth, 400_000)), axis=0)
        weight = np.exp(-((z - 1.0) ** 2) / (2.0 * T))
        mean = float((weight * z).sum() / weight.sum())
        error = float(np.sqrt((weight**2 * (z - mean) ** 2).sum()) / weight.sum())
        assert abs(found - mean) < 5.0 * error
        assert abs(law(lib.models.scalar_product(4)).mean() - mean) > 5.0 * error

    def test_a_product_of_three_is_the_quadrature_of_its_gibbs_law(self) -> None:
        x = lib.parameters("u v")
        model = model_of(x[0] ** 2 * x[1], x)
        by_formula, by_quadrature = law(model), law(model, method="quadrature")
        assert (by_formula.method, by_quadrature.method) == ("closed form", "quadrature")
        assert abs(by_formula.mean() - by_quadrature.mean()) < 1e-9

    def test_two_copies_are_the_lasso_posterior(self) -> None:
        def weight(z: float, power: int) -> float:
            return z**power * np.exp(-((z - 1.0) ** 2 / 2 + LAM * abs(z)) / T)

        mean, total = (quad(weight, -9.0, 9.0, args=(power,), points=[0.0])[0] for power in (1, 0))
        assert abs(law(copies(2)).mean() - mean / total) < 1e-9
        assert abs(law(copies(3)).mean() - mean / total) > 0.01

    def test_without_a_loss_they_are_the_laplace_law(self) -> None:
        model = copies(2)
        flat = lib.Model(parameters=model.parameters, predictor=dict(model.predictor), loss=sympy.Integer(0))
        assert abs(law(flat).std() - np.sqrt(2.0) * T / LAM) < 1e-11

    def test_even_powers_have_no_negative_values(self) -> None:
        x = lib.parameters("u v")
        assert law(model_of(x[0] ** 2 * x[1] ** 4, x)).support() == (0.0, np.inf)

    def test_rivals_are_other_structures(self) -> None:
        found = lib.rivals(copies(2), "z", dynamics=lib.Ambient(weight_decay=LAM), temperature=T)
        assert set(found) == {"no correction", "one copy less", "one copy more", "temperature +5 %"}
        assert abs(found["one copy less"].mean() - law(lib.models.scalar_product()).mean()) < 1e-11

    def test_a_sum_that_shares_a_factor_is_not_taken_for_copies(self) -> None:
        x = lib.parameters("u v w")
        assert law(model_of(x[0] * x[1] + x[0] * x[2], x)).method == "quadrature"


def test_runs_tell_the_number_of_copies() -> None:
    """A right law is called wrong once in ten thousand runs; both wrong ones are rejected on the same runs."""
    for right, wrong in ((1, 2), (2, 1)):
        run = lib.sample(
            copies(right),
            dynamics=lib.Ambient(weight_decay=LAM),
            temperature=T,
            step_size=0.2,
            scheme="mala",
            steps=1_500,
            burn_in=300,
            walkers=2_048,
            rng=right,
            observe={"z": lib.Histogram(bins=120, range=(-1.2, 2.8), every=3)},
        )
        assert lib.compare(run["z"], law(copies(right))).pvalue > 1e-4
        assert lib.compare(run["z"], law(copies(wrong))).pvalue < 1e-6


def vectors(count: int, size: int, loss) -> lib.Model:
    """A sum of so many vectors times numbers, observed by its length."""
    x = lib.parameters(f"s:{count} v:{count * size}")
    s, v = x[:count], np.array(x[count:], dtype=object).reshape(count, size)
    z = [sympy.Add(*(s[j] * v[j, i] for j in range(count))) for i in range(size)]
    length = sympy.sqrt(sympy.Add(*(each**2 for each in z)))
    predictor = {f"z{i}": each for i, each in enumerate(z)}
    return lib.Model(parameters=x, predictor=predictor, loss=loss(z), observables={"r": length})


def distance(z: list[sympy.Expr]) -> sympy.Expr:
    return (z[0] - 1) ** 2 / 2 + sympy.Add(*((each - sympy.Rational(1, 2)) ** 2 for each in z[1:])) / 2


class TestVectors:
    @pytest.mark.parametrize(("count", "size"), [(3, 2), (2, 3)])
    def test_their_length_by_gaussian_draws(self, count, size) -> None:
        """A mean over 4e5 weighted draws, which is off by five standard errors once in two million times."""
        model = vectors(count, size, distance)
        found = lib.density(model, "r", dynamics=lib.Ambient(weight_decay=LAM), temperature=T)
        assert found.method == "closed form"
        s = RNG.standard_normal((400_000, count, 1)) * RNG.standard_normal((400_000, count, size)) * (T / LAM)
        z, aim = s.sum(axis=1), np.array([1.0] + [0.5] * (size - 1))
        weight = np.exp(-((z - aim) ** 2).sum(axis=1) / (2.0 * T))
        r = np.linalg.norm(z, axis=1)
        mean = (weight * r).sum() / weight.sum()
        error = np.sqrt((weight**2 * (r - mean) ** 2).sum()) / weight.sum()
        assert abs(found.mean() - mean) < 5.0 * error

    def test_one_copy_more_than_they_are_long_is_the_group_lasso(self) -> None:
        model = vectors(3, 2, distance)
        found = lib.density(model, "r", dynamics=lib.Ambient(weight_decay=LAM), temperature=T)

        def ring(r: float, angle: float) -> float:
            loss = ((r * np.cos(angle) - 1.0) ** 2 + (r * np.sin(angle) - 0.5) ** 2) / 2.0
            return r * np.exp(-(loss + LAM * r) / T)

        def mass(r: float) -> float:
            return quad(lambda angle: ring(r, angle), -np.pi, np.pi)[0]

        whole = quad(mass, 0.0, 8.0)[0]
        assert found.pdf(np.array([0.3, 1.0, 2.0])) == pytest.approx([mass(r) / whole for r in (0.3, 1.0, 2.0)], 1e-7)
        others = lib.rivals(model, "r", dynamics=lib.Ambient(weight_decay=LAM), temperature=T)
        assert {"no correction", "one copy less", "one copy more"} <= set(others)
        assert others["one copy less"].mean() < found.mean() < others["one copy more"].mean()
