"""Fits are what they say: minimisers by other algorithms, local minima by perturbation, flows by their factors."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib import design
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

RNG = np.random.default_rng(20260118)


def regression(n: int, p: int, k: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    X, w = RNG.standard_normal((n, p)), np.zeros(p)
    w[RNG.permutation(p)[:k]] = RNG.choice([-2.0, -1.0, 1.0, 2.0], k)
    return X, X @ w + noise * RNG.standard_normal(n), w


def proximal(X: np.ndarray, y: np.ndarray, lam: float, groups: list[list[int]], steps: int = 1_500) -> np.ndarray:
    """Return the (group) lasso by accelerated proximal steps (FISTA), which share nothing with the package."""
    n = len(X)
    h, w, v, t = n / np.linalg.norm(X, 2) ** 2, np.zeros(X.shape[1]), np.zeros(X.shape[1]), 1.0
    for _ in range(steps):
        z = v - h * X.T @ (X @ v - y) / n
        for group in groups:
            z[group] *= max(0.0, 1.0 - h * lam / max(np.linalg.norm(z[group]), 1e-300))
        t, last = (1.0 + np.sqrt(1.0 + 4.0 * t**2)) / 2.0, t
        w, v = z, z + (last - 1.0) / t * (z - w)
    return w


class TestWeightDecay:
    @pytest.mark.parametrize(("n", "p"), [(40, 80), (60, 12)])
    @pytest.mark.parametrize("strength", [0.5, 0.05])
    def test_depth_two_is_the_lasso(self, n, p, strength) -> None:
        X, y, _ = regression(n, p, 5)
        fit = design.sparsity().fit(X, y, strength=strength)
        assert fit.lambda_max == pytest.approx(np.abs(X.T @ y).max() / n)
        wanted = proximal(X, y, fit.lam, [[i] for i in range(p)])
        assert np.allclose(fit.weights, wanted, atol=1e-6)
        assert fit.estimator == "minimiser"
        assert 0.0 <= fit.gap <= 1e-6
        assert np.array_equal(fit.support, np.flatnonzero(fit.weights))

    @pytest.mark.parametrize("nonzero", [8, 12, 16])
    def test_a_factor_that_was_led_to_zero_comes_back(self, nonzero) -> None:
        """Without noise and with hardly any decay a warm start may lose a feature, at a saddle of the factors."""
        rng = np.random.default_rng([0, nonzero, 0])
        X, truth = rng.standard_normal((50, 100)), np.zeros(100)
        truth[rng.permutation(100)[:nonzero]] = rng.standard_normal(nonzero)
        fit = design.sparsity().fit(X, X @ truth, strength=1e-4)
        assert fit.gap <= 1e-6
        assert nonzero > 8 or np.linalg.norm(fit.weights - truth) < 0.01

    def test_groups_are_the_group_lasso(self) -> None:
        groups = [[0, 7], [1, 2, 3], [4], [5, 6, 8, 9], *([i, i + 1] for i in range(10, 40, 2))]
        X, y, _ = regression(30, 40, 8)
        fit = design.group_sparsity(groups, copies=3).fit(X, y, strength=0.1)
        assert np.allclose(fit.weights, proximal(X, y, fit.lam, groups), atol=1e-4)
        assert fit.gap <= 1e-6
        empty = [group for group in groups if not fit.weights[group].any()]
        assert empty
        assert len(empty) < len(groups)

    def test_a_wrong_minimiser_has_a_gap(self) -> None:
        from langevin_ib.design.fit.problem import Problem  # noqa: PLC0415 - what fits promise is measured inside

        X, y, _ = regression(40, 60, 5)
        fit = design.sparsity().fit(X, y, strength=0.1)
        problem = Problem.of(design.sparsity(), X, y, intercept=False)
        assert problem.gap(fit.features, fit.lam) <= 1e-6
        assert problem.gap(fit.features * 1.05, fit.lam) > 1e-4

    def test_the_offset_of_differences_and_the_intercept_are_free(self) -> None:
        signal = np.repeat([3.0, 4.0, 2.5], 20)
        y = signal + 0.05 * RNG.standard_normal(60)
        fit = design.sparsity(design.differences(60)).fit(np.eye(60), y, strength=0.03)
        assert ((fit.weights - signal) ** 2).mean() < 0.003
        assert fit.weights.mean() == pytest.approx(y.mean())
        assert np.allclose(fit.features, np.diff(fit.weights))
        X, y, _ = regression(50, 20, 3)
        shifted = design.sparsity().fit(X, y + 100.0, strength=0.1, intercept=True)
        plain = design.sparsity().fit(X - X.mean(axis=0), y - y.mean(), strength=0.1)
        assert np.allclose(shifted.weights, plain.weights)
        assert np.allclose(shifted.predict(X).mean(), y.mean() + 100.0)

    @pytest.mark.long
    def test_the_paper_s_piecewise_signal(self) -> None:
        """Figure 6 of arXiv 2601.06597, 60 of 200 measurements: training of cumulated products ends at .08."""
        signal = np.repeat([1.0, -1.5, 0.5, 2.0], [50, 70, 40, 40])
        errors = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            X = rng.normal(size=(60, 200)) / np.sqrt(60)
            y = X @ signal + 0.1 * rng.normal(size=60)
            recipes = [design.sparsity(design.differences(200), depth=depth) for depth in (2, 3)]
            fits = [
                recipe.fit(X, y, strength=strength) for recipe, strength in zip(recipes, (0.005, 0.01), strict=True)
            ]
            errors.append([((fit.weights - signal) ** 2).mean() for fit in fits])
        two, three = np.mean(errors, axis=0)
        assert three < two < 0.0025

    def test_an_image_is_denoised_by_its_dual(self) -> None:
        image = np.zeros((8, 8))
        image[2:6, 3:7] = 1.0
        y = (image + 0.1 * RNG.standard_normal((8, 8))).ravel()
        fit = design.sparsity(design.total_variation((8, 8))).fit(np.eye(64), y, strength=0.15)
        A = design.total_variation((8, 8))

        def smoothed(w: np.ndarray) -> float:
            return ((w - y) ** 2).sum() / 128 + fit.lam * np.sqrt((A @ w) ** 2 + 1e-10).sum()

        other = minimize(smoothed, fit.weights + 0.01 * RNG.standard_normal(64), options={"maxiter": 300}).fun
        objective = ((fit.weights - y) ** 2).sum() / 128 + fit.lam * np.abs(A @ fit.weights).sum()
        assert objective <= other + 1e-7
        assert fit.gap <= 1e-6

    @pytest.mark.parametrize(
        "recipe",
        [
            design.sparsity(depth=3),
            design.group_sparsity(np.repeat(np.arange(10), 3), depth=3),
            design.concave(design.mcp(1.0, 3.0)),
            design.concave(design.log_sum(0.3)),
        ],
        ids=["depth 3", "groups", "mcp", "log-sum"],
    )
    def test_what_is_not_convex_ends_at_a_local_minimum(self, recipe) -> None:
        X, y, _ = regression(25, 30, 4)
        fit = recipe.fit(X, y, strength=0.1)

        def objective(w: np.ndarray) -> float:
            return ((X @ w - y) ** 2).sum() / 50 + recipe.penalty(w, under=design.WeightDecay(fit.lam))

        here = objective(fit.weights)
        around = [objective(fit.weights + 1e-4 * RNG.standard_normal(30)) for _ in range(100)]
        assert min(around) > here
        assert (fit.estimator, np.isnan(fit.gap)) == ("local minimiser", True)
        assert here < objective(design.sparsity().fit(X, y, strength=0.1).weights)
        assert 0 < fit.support.size < 20

    def test_matrices_are_those_of_the_nuclear_norm(self) -> None:
        """Against proximal steps of singular values; a rank that is too small is told by its gap."""
        truth = RNG.standard_normal((8, 2)) @ RNG.standard_normal((2, 7))
        seen = RNG.permutation(56)[:40]
        X, y = np.eye(56)[seen], truth.ravel()[seen]
        fit = design.low_rank((8, 7), 5).fit(X, y, strength=0.05)
        z, h = np.zeros(56), 40.0
        for _ in range(3_000):
            left, values, right = np.linalg.svd((z - h * X.T @ (X @ z - y) / 40).reshape(8, 7), full_matrices=False)
            z = ((left * np.maximum(values - h * fit.lam, 0.0)) @ right).ravel()
        assert np.allclose(fit.weights, z, atol=1e-4)
        assert fit.gap <= 1e-6
        with pytest.raises(UnsupportedModelError, match="larger rank="):
            design.low_rank((8, 7), 1).fit(X, y, strength=0.05)

    def test_a_path_is_warm_and_cross_validated(self) -> None:
        X, y, w = regression(60, 90, 5)
        fit = design.sparsity().fit(X, y, folds=4)
        assert fit.path.weights.shape == (fit.path.strengths.size, 90)
        assert fit.path.scores.argmin() == fit.path.scores.size - 1
        assert np.array_equal(fit.path.weights[-1], fit.weights)
        assert not fit.path.weights[0].any()
        assert np.linalg.norm(fit.weights - w) < 0.2 * np.linalg.norm(w)
        same = design.sparsity().fit(X, y, strength=fit.path.strengths)
        assert np.allclose(same.path.weights, fit.path.weights, atol=1e-6)


class TestGradientFlow:
    @pytest.mark.parametrize(
        "recipe", [design.sparsity(), design.sparsity(depth=3), design.group_sparsity([[0, 1], [2, 3, 4, 5]], copies=2)]
    )
    def test_is_that_of_the_factors(self, recipe) -> None:
        X, y, _ = regression(12, 6, 2)
        fit = recipe.fit(X, y, method="gradient-flow", strength=0.2, scale=0.1)
        assert fit.estimator == "early stop"

        def velocity(_: float, x: np.ndarray) -> np.ndarray:
            return -(X @ recipe.jacobian(x)).T @ (X @ recipe.parameterize(x) - y) / 12

        end = solve_ivp(velocity, (0, fit.time), recipe.init(0.1, 6), rtol=1e-9, atol=1e-11).y[:, -1]
        assert np.allclose(recipe.parameterize(end), fit.weights, atol=1e-5)
        sizes = [np.linalg.norm(X.T[group] @ (X @ fit.weights - y)) / 12 for group in ([0, 1], [2, 3, 4, 5])]
        if recipe.block.shape[0] > 1:
            assert max(sizes) == pytest.approx(0.2 * fit.lambda_max, rel=1e-4)

    def test_of_matrices_is_that_of_both_factors(self) -> None:
        truth = RNG.standard_normal((5, 2)) @ RNG.standard_normal((2, 4))
        seen, recipe = RNG.permutation(20)[:14], design.low_rank((5, 4), 4)
        X, y = np.eye(20)[seen], truth.ravel()[seen]
        fit = recipe.fit(X, y, method="gradient-flow", strength=0.05, scale=0.1)
        u, v = np.zeros((5, 4)), 0.1 * np.eye(4)
        h = fit.time / 100_000
        for _ in range(100_000):
            slope = (X.T @ (X @ (u @ v.T).ravel() - y) / 14).reshape(5, 4)
            u, v = u - h * slope @ v, v - h * slope.T @ u
        assert np.allclose((u @ v.T).ravel(), fit.weights, atol=2e-3)
        assert np.linalg.norm(slope, 2) == pytest.approx(0.05 * fit.lambda_max, rel=0.02)

    def test_a_small_scale_is_basis_pursuit(self) -> None:
        X, y, w = regression(30, 60, 3, noise=0.0)
        far, near = (
            design.sparsity().fit(X, y, method="gradient-flow", strength=1e-5, scale=scale).weights
            for scale in (0.5, 1e-5)
        )
        assert np.linalg.norm(near - w) < 0.02 * np.linalg.norm(w)
        assert np.linalg.norm(far - w) > 0.2 * np.linalg.norm(w)


class TestBySampling:
    def test_two_copies_have_the_posterior_of_the_lasso(self) -> None:
        """Against a random walk on the weights; six standard errors are missed once in 10^8 coordinates."""
        n, sigma = 20, 0.5
        X = RNG.standard_normal((n, 3))
        y = X @ [2.0, 0.0, -1.0] + sigma * RNG.standard_normal(n)
        options = {"strength": 0.2, "temperature": sigma**2 / n, "seeds": 32, "steps": 8_000, "rng": 1}
        fit = design.sparsity(copies=2).fit(X, y, method="langevin", **options)
        one = design.sparsity().fit(X, y, method="langevin", **options)

        def cost(w: np.ndarray) -> np.ndarray:
            return (((w @ X.T - y) ** 2).sum(axis=1) / (2 * n) + fit.lam * np.abs(w).sum(axis=1)) * n / sigma**2

        w = fit.weights + 0.1 * RNG.standard_normal((4_000, 3))
        kept = []
        for step in range(1_200):
            proposed = w + 0.2 * RNG.standard_normal(w.shape)
            accepted = np.log(RNG.random(len(w))) < cost(w) - cost(proposed)
            w = np.where(accepted[:, None], proposed, w)
            kept += [w] if step >= 200 and step % 50 == 0 else []
        means = np.mean(kept, axis=0)
        error = np.hypot(means.std(axis=0) / np.sqrt(len(means)), fit.error)
        assert np.all(np.abs(means.mean(axis=0) - fit.weights) < 6 * error)
        assert np.any(np.abs(means.mean(axis=0) - one.weights) > 6 * error)
        assert np.allclose(np.concatenate(kept).std(axis=0), fit.uncertainty, rtol=0.05)
        assert fit.estimator == "posterior mean"

    def test_the_free_part_is_not_decayed(self) -> None:
        y = 7.0 + 0.1 * RNG.standard_normal(6)
        recipe = design.sparsity(design.differences(6), copies=2)
        fit = recipe.fit(np.eye(6), y, method="langevin", strength=0.5, temperature=0.01 / 6, steps=8_000, rng=2)
        assert abs(fit.weights.mean() - y.mean()) < 6 * fit.error.max()

    def test_seeds_that_do_not_agree_are_no_posterior(self) -> None:
        X, y, _ = regression(10, 6, 2)
        with pytest.raises(UnsupportedModelError, match=r"R-hat.*more steps"):
            design.sparsity().fit(X, y, method="langevin", strength=0.1, temperature=1e-4, steps=200, rng=3)

    def test_label_noise_acts_like_a_decay(self) -> None:
        """Among what fits; five standard errors of the mean over seeds, and none of a run without noise to speak of."""
        X = RNG.standard_normal((5, 8))
        X /= np.sqrt((X**2).mean(axis=0))
        w = np.zeros(8)
        w[2] = 1.0
        lasso = design.sparsity().fit(X, X @ w, strength=0.01).weights
        options = {"method": "label-noise", "scale": 1.0, "seeds": 32, "steps": 60_000, "rng": 4}
        fit = design.sparsity().fit(X, X @ w, strength=0.01, **options)
        calm = design.sparsity().fit(X, X @ w, strength=1e-9, **options)
        assert np.linalg.norm(fit.weights - lasso) < 0.15
        assert np.linalg.norm(calm.weights - lasso) > 0.3
        assert fit.estimator == "mean after 60000 steps"
        assert fit.uncertainty.shape == (8,)

    def test_what_they_need_is_asked_for(self) -> None:
        X, y, _ = regression(10, 5, 2)
        for options, why in (
            ({"strength": 0.1}, "temperature="),
            ({"temperature": 0.1}, "one strength"),
            ({"strength": 0.1, "intercept": True}, "subtract means"),
            ({"strength": 0.1, "temperature": 0.1, "seeds": 1}, "seeds"),
        ):
            with pytest.raises(InvalidArgumentError, match=why):
                design.sparsity().fit(X, y, method="langevin", **options)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"method": "lasso"}, "unknown"),
        ({"strength": 0.0}, "> 0"),
        ({"strength": 2.0}, "share of lambda_max"),
        ({"strength": [0.1, 0.5]}, "decrease"),
        ({"strength": []}, "decrease|dtype"),
        ({"strength": "best"}, "unknown"),
        ({"strength": "cv", "folds": 1}, "between 2"),
        ({"intercept": 1}, "True or False"),
        ({"scale": 0.0}, "> 0"),
    ],
)
def test_bad_options_are_refused(options, why) -> None:
    X, y, _ = regression(10, 5, 2)
    with pytest.raises(InvalidArgumentError, match=why):
        design.sparsity().fit(X, y, **options)


@pytest.mark.parametrize(
    ("X", "y", "why"),
    [
        (np.ones((0, 3)), np.ones(0), "same n > 0"),
        (np.ones((3, 0)), np.ones(3), "same n > 0"),
        (np.ones((3, 2)), np.ones(4), "same n > 0"),
        (np.full((3, 2), np.inf), np.ones(3), "not finite"),
        (np.ones((3, 2), dtype=complex), np.ones(3), "dtype"),
        (np.ones((3, 2)), np.zeros(3), "no feature is correlated"),
        (np.zeros((3, 2)), np.ones(3), "no feature is correlated"),
    ],
)
def test_bad_data_are_refused(X, y, why) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        design.sparsity().fit(X, y, strength=0.1)


def test_so_is_what_has_no_fit() -> None:
    X, y, _ = regression(10, 4, 2)
    for recipe, method in (
        (design.nonnegative(), "gradient-flow"),
        (design.nonnegative(), "weight-decay"),
        (design.concave(design.mcp()), "gradient-flow"),
        (design.sparsity(design.total_variation((2, 2)), depth=3), "weight-decay"),
        (design.sparsity(design.total_variation((2, 2))), "gradient-flow"),
    ):
        with pytest.raises(UnsupportedModelError, match=r"known|fitted"):
            recipe.fit(X, y, method=method, strength=0.1)
    with pytest.raises(UnsupportedModelError, match="give more rows"):
        design.sparsity(design.total_variation((3, 3))).fit(
            RNG.standard_normal((4, 9)), RNG.standard_normal(4), strength=0.1
        )
    read_only = X[::-1].T.copy().T
    read_only.flags.writeable = False
    assert design.sparsity().fit(read_only, y[::-1], strength=0.1).support.size > 0


def test_processes_of_a_fit_find_it() -> None:
    """Weight decay of the factors, run by the sampler as plain gradient descent from `init`, ends at the minimiser."""
    X, y, _ = regression(20, 3, 1)
    fit = design.sparsity().fit(X, y, strength=0.2)
    run = lib.sample(
        design.sparsity().model((X, y)),
        dynamics=lib.SGD(weight_decay=fit.lam),
        step_size=0.05,
        steps=4_000,
        walkers=1,
        rng=0,
        initial=design.sparsity().init(0.3, 3),
        observe={f"z{i}": lib.Trace(at=[4_000]) for i in range(3)},
        progress=False,
    )
    assert np.allclose([run[f"z{i}"].values.item() for i in range(3)], fit.weights, atol=1e-5)
