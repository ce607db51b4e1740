"""SGD obeys its exact laws: moments on finite data, imbalances step by step, and their decay under label noise.

Keys are fixed. A right run fails one of these tests with probability 1e-3 in all, if the keys were drawn anew: p-values
are compared with `LIMIT`. Every law has rivals that the same run rejects.
"""

from __future__ import annotations

import itertools

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from affine_maps import maps, stationary
from langevin_ib.process import Risk
from langevin_ib.program import evaluate
from numpy.polynomial.hermite_e import hermegauss
from scipy import stats

LIMIT, REJECTED = 3e-5, 1e-8
ROWS, ETA = 5, 0.4
WALKERS = 20_000


def least_squares(dim: int) -> tuple[lib.Model, np.ndarray, np.ndarray, np.ndarray]:
    """A linear model with the loss (x.w - y)²/2, its inputs, the least squares, and the residuals there."""
    rng = np.random.default_rng(dim)
    x, y = rng.normal(size=(ROWS, dim)), rng.normal(size=ROWS)
    w = lib.parameters(f"w:{dim}")
    i, X, Y = sympy.Idx("i", ROWS), sympy.IndexedBase("X"), sympy.IndexedBase("y")
    residual = sympy.Add(*(X[i, j] * w[j] for j in range(dim))) - Y[i]
    model = lib.Model(
        parameters=w,
        predictor={f"z{j}": w[j] for j in range(dim)},
        loss=sympy.Sum(residual**2, (i, 0, ROWS - 1)) / (2 * ROWS),
        data={"X": x, "y": y},
    )
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    return model, x, best, y - x @ best


def p_value(errors: np.ndarray, mean: np.ndarray, second: np.ndarray) -> float:
    """Of the averages of e and e eᵀ over walkers against exact ones: Hotelling's T², which is chi² of so many."""
    upper = np.triu_indices(errors.shape[1])
    seen = np.concatenate([errors, (errors[:, :, None] * errors[:, None, :])[:, *upper]], axis=1)
    off = seen.mean(axis=0) - np.concatenate([mean, second[upper]])
    statistic = off @ np.linalg.solve(np.cov(seen.T) / len(seen), off)
    return float(stats.chi2.sf(statistic, len(off)))


SCHEMES = {
    "draws": (lib.SGD(2), {"size": 2}),
    "distinct": (lib.SGD(2, replace=False), {"size": 2}),
    "mask": (lib.SGD(inclusion=0.4), {"size": 2, "chance": 0.4}),
    "epochs": (lib.SGD(2, epochs=True), {"size": 2}),
}


def rivals(kind: str) -> dict[str, dict[str, object]]:
    """What else the maps of a step might be."""
    other = {"draws": "distinct", "distinct": "draws", "mask": "distinct", "epochs": "distinct"}[kind]
    known: dict[str, dict[str, object]] = {
        "a factor 2 in the loss": {"eta": 2 * ETA},
        f"{other} instead": {"kind": other},
    }
    if kind == "mask":
        return known | {"chance off": {"chance": 0.6}}
    return known | {"one row more": {"size": 3}, "one row fewer": {"size": 1}}


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("kind", SCHEMES)
def test_moments_on_finite_data_are_exact(kind, dim) -> None:
    sgd, what = SCHEMES[kind]
    model, x, best, residual = least_squares(dim)
    # Every error shrinks by the spectral radius of the mean map; an even number of steps ends an epoch.
    run = lib.sample(
        model, dynamics=sgd, step_size=ETA, steps=200, walkers=WALKERS, rng=3, initial=best, progress=False
    )
    errors = run.states - best
    settings = {"kind": kind, "eta": ETA, **what}
    assert p_value(errors, *stationary(maps(x=x, residual=residual, **settings))) > LIMIT
    for name, change in rivals(kind).items():
        wrong = stationary(maps(x=x, residual=residual, **(settings | change)))
        assert p_value(errors, *wrong) < REJECTED, name


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("kind", ["draws", "distinct", "mask"])
def test_the_formula_is_what_enumeration_gives(kind, dim) -> None:
    """HC + CH = η[HCH + f (M(C) − HCH + R)], f = 1/B or (N − B)/(B(N − 1)); for masks (1 − p)/(pN) and M + R alone."""
    _, x, _, residual = least_squares(dim)
    size, chance = 2, 0.4
    mean, c = stationary(maps(kind, x, residual, eta=ETA, size=size, chance=chance))
    np.testing.assert_allclose(mean, 0, atol=1e-14)
    h, r = x.T @ x / ROWS, (x * residual[:, None] ** 2).T @ x / ROWS
    m = np.mean([np.outer(row, row) @ c @ np.outer(row, row) for row in x], axis=0)
    f = {"draws": 1 / size, "distinct": (ROWS - size) / (size * (ROWS - 1)), "mask": (1 - chance) / (chance * ROWS)}[
        kind
    ]
    excess = m + r - (0 if kind == "mask" else h @ c @ h)
    np.testing.assert_allclose(h @ c + c @ h, ETA * (h @ c @ h + f * excess), rtol=1e-12, atol=1e-14)


def test_p_values_are_uniform() -> None:
    """Of 40 runs; the distance from uniform is larger with probability 1e-4."""
    model, x, best, residual = least_squares(1)
    exact = stationary(maps("distinct", x, residual, eta=ETA, size=2))
    settings = {"dynamics": lib.SGD(2, replace=False), "step_size": ETA, "steps": 60, "walkers": 4000, "initial": best}
    found = [p_value(lib.sample(model, rng=k, progress=False, **settings).states - best, *exact) for k in range(40)]
    assert stats.kstest(found, "uniform").pvalue > 1e-4


def pair(x: np.ndarray, y: np.ndarray) -> lib.Model:
    """(u v x - y)²/2 on rows."""
    u, v = lib.parameters("u v")
    i, X, Y = sympy.Idx("i", len(x)), sympy.IndexedBase("X"), sympy.IndexedBase("y")
    return lib.Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=sympy.Sum((u * v * X[i] - Y[i]) ** 2, (i, 0, len(x) - 1)) / (2 * len(x)),
        symmetry=lib.Scaling({u: 1, v: -1}),
        observables={"q": u**2 - v**2},
        data={"X": x, "y": y},
    )


NETS = {
    "neuron": lambda x, y: lib.models.relu_neuron(3, data=(x, y)),
    "network": lambda x, y: lib.models.relu_network(3, 4, data=(x, y)),
    "product": lambda x, y: pair(x[:, 0], y),
}


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("name", NETS)
def test_every_imbalance_changes_by_the_gradients_square_alone(name, decay) -> None:
    """C' = (1 − ηγ)² C + η² gᵀA g for C = xᵀA x, at every step of every seed, exactly."""
    rng = np.random.default_rng(5)
    model = NETS[name](rng.normal(size=(6, 3)), rng.normal(size=6))
    eta, start = 0.1, rng.normal(size=(32, model.dim))
    sgd = lib.SGD(2, label_noise={"y": 0.5}, weight_decay=decay)
    what = {"step_size": eta, "steps": 12, "walkers": 32, "rng": 1, "initial": start, "progress": False}
    run = lib.sample(model, dynamics=sgd, observe={"states": lib.States(every=1)}, **what)
    states = np.concatenate([start[:, None], run["states"].values], axis=1)
    before, after = states[:, :-1], states[:, 1:]
    g = (before - after) / eta - decay * before
    for matrix in model.generator_matrices():
        a = np.array(matrix, dtype=float)
        form = lambda z, a=a: np.einsum("wti,ij,wtj->wt", z, a, z)  # noqa: E731 - twice in one line
        np.testing.assert_allclose(form(after), (1 - eta * decay) ** 2 * form(before) + eta**2 * form(g), atol=1e-12)
        # Without the square of the gradient it is what the flow conserves, and the steps do not.
        assert np.abs(form(after) - (1 - eta * decay) ** 2 * form(before)).max() > 1e-4


X4, Y4, NOISE, START = np.array([1.0, -0.5, 0.8, 1.4]), np.array([0.3, 0.2, 1.1, 0.4]), 0.6, (1.2, 0.4)


def gradients(theta: float, size: int, noise: float) -> list[tuple[float, float]]:
    """All values of dL/dtheta over a batch drawn with replacement, with their probabilities; Gauss for label noise."""
    nodes, weights = hermegauss(24)
    found = []
    for batch in itertools.product(range(len(X4)), repeat=size):
        x, y = X4[list(batch)], Y4[list(batch)]
        mean, spread = np.mean(x * (x * theta - y)), noise * np.sqrt(np.sum(x**2)) / size
        p = 1 / len(X4) ** size
        found += [(p * w / weights.sum(), mean + spread * z) for z, w in zip(nodes, weights, strict=True)]
    return found


def expected_imbalances(size: int, eta: float, noise: float) -> tuple[float, float]:
    """E q after one step and after two: (u, v) -> (u - eta g v, v - eta g u), summed over all batches."""
    u, v = START
    one = two = 0.0
    for p, g in gradients(u * v, size, noise):
        u1, v1 = u - eta * g * v, v - eta * g * u
        one += p * (u1**2 - v1**2)
        second = sum(p2 * g2**2 for p2, g2 in gradients(u1 * v1, size, noise))
        two += p * (u1**2 - v1**2) * (1 - eta**2 * second)
    return one, two


@pytest.mark.parametrize("size", [1, 2])
def test_the_expected_imbalance_after_one_step_and_two_is_exact(size) -> None:
    run = lib.sample(
        pair(X4, Y4),
        dynamics=lib.SGD(size, label_noise={"y": NOISE}),
        step_size=0.3,
        steps=2,
        walkers=400_000,
        rng=4,
        initial=START,
        progress=False,
        observe={"q": lib.Trace(every=1)},
    )
    q = run["q"].values
    errors = q.std(axis=0) / np.sqrt(len(q))

    def far(exact: tuple[float, float]) -> np.ndarray:
        return np.abs(q.mean(axis=0) - exact) / errors

    # Two comparisons at 4.5 standard errors: 1.4e-5.
    assert far(expected_imbalances(size, 0.3, NOISE)).max() < 4.5
    rejected = {
        "a factor 2 in the loss": expected_imbalances(size, 0.6, NOISE),
        "no label noise": expected_imbalances(size, 0.3, 0.0),
        "another batch": expected_imbalances(3 - size, 0.3, NOISE),
    }
    for name, wrong in rejected.items():
        assert far(wrong).min() > 8, name


def test_label_noise_makes_the_imbalance_decay_at_the_rate_of_its_next_order() -> None:
    """On inputs ±1 that fit: 2 η² (s²/B)/(2 − ηρ) a step, ρ = u² + v², to all orders in ηρ but the first in s²."""
    eta, s, size, steps, wait = 0.1, 0.05, 4, 2000, 200
    start = np.array([2.0, 0.5])
    run = lib.sample(
        pair(np.array([1.0, -1.0, 1.0]), np.array([1.0, -1.0, 1.0])),
        dynamics=lib.SGD(size, label_noise={"y": s}),
        step_size=eta,
        steps=steps + wait,
        walkers=1000,
        rng=6,
        initial=start,
        progress=False,
        observe={"q": lib.Trace(at=[wait, wait + steps])},
    )
    decay = -np.diff(np.log(run["q"].values), axis=1)[:, 0] / steps
    rho = np.sqrt(np.mean(run["q"].values) ** 2 + 4)
    error = decay.std() / np.sqrt(len(decay))
    exact = 2 * eta**2 * s**2 / size / (2 - eta * rho)
    # A right run is farther off with probability 7e-6.
    assert abs(decay.mean() - exact) < 4.5 * error
    leading = eta**2 * s**2 / size
    for name, wrong in {
        "the leading order": leading,
        "that of Gaussian inputs": leading * (1 + (size + 2) * eta * rho / (2 * size - eta * rho * (size + 2))),
        "a factor 2 in the loss": 4 * exact,
        "one row more": exact * size / (size + 1),
    }.items():
        assert abs(decay.mean() - wrong) > 8 * error, name


def test_the_mean_over_batches_is_the_gradient_of_the_full_one() -> None:
    """Bias: the average move of one step over seeds is that of gradient descent, whatever the batches."""
    model, *_ = least_squares(2)
    risk = Risk.of(model)
    start = np.array([0.7, -0.3])
    rows = np.concatenate([np.tile(start, (ROWS, 1)), risk.table], axis=1)
    full = evaluate(risk.gradient, rows).mean(axis=0)
    for sgd, _ in SCHEMES.values():
        run = lib.sample(
            model, dynamics=sgd, step_size=0.1, steps=1, walkers=WALKERS, rng=8, initial=start, progress=False
        )
        moves = (start - run.states) / 0.1
        z = (moves.mean(axis=0) - full) / (moves.std(axis=0) / np.sqrt(WALKERS))
        # Eight comparisons at 4.8 standard errors: 1.3e-5.
        assert np.abs(z).max() < 4.8


def fresh_line(variances: tuple[float, ...]) -> lib.Model:
    """(z.w - y)²/2 with z ~ N(0, H), H diagonal, and labels that are noise alone."""
    dim = len(variances)
    w = lib.parameters(f"w:{dim}")
    i, Z, Y = sympy.Idx("i", 10), sympy.IndexedBase("Z"), sympy.IndexedBase("y")
    fresh = lib.Fresh(
        inputs={"X": (dim,)},
        labels={"Z": [sympy.sqrt(h) * sympy.IndexedBase("X")[j] for j, h in enumerate(variances)], "y": sympy.S.Zero},
        rows=10,
    )
    output = sympy.Add(*(Z[i, j] * w[j] for j in range(dim))) if dim > 1 else Z[i] * w[0]
    loss = sympy.Sum((output - Y[i]) ** 2, (i, 0, 9)) / 20
    return lib.Model(parameters=w, predictor={f"z{j}": w[j] for j in range(dim)}, loss=loss, data=fresh)


def fresh_covariance(variances: tuple[float, ...], eta: float, size: int, s: float) -> np.ndarray:
    """c_i = (η/B) s²/((1 − κ)(2 − η (1 + 1/B) h_i)), κ = (η/B) Σ h_i/(2 − η (1 + 1/B) h_i), in the eigenbasis of H."""
    h = np.array(variances)
    slow = 2 - eta * (1 + 1 / size) * h
    return np.diag(eta / size * s**2 / ((1 - eta / size * np.sum(h / slow)) * slow))


@pytest.mark.parametrize("variances", [(1,), (2, sympy.Rational(1, 2)), (1, 1, 1)])
def test_moments_on_fresh_inputs_are_exact(variances) -> None:
    eta, size, s, dim = 0.2, 3, 0.5, len(variances)
    numbers = tuple(float(h) for h in variances)
    sgd = lib.SGD(size, label_noise={"y": s})
    run = lib.sample(
        fresh_line(variances), dynamics=sgd, step_size=eta, steps=300, walkers=WALKERS, rng=9, initial=0, progress=False
    )
    exact = fresh_covariance(numbers, eta, size, s)
    if len(set(numbers)) == 1:
        np.testing.assert_allclose(exact, eta * s**2 / (2 * size - eta * (size + dim + 1)) * np.eye(dim), rtol=1e-12)
    assert p_value(run.states, np.zeros(dim), exact) > LIMIT
    for name, wrong in {
        "a factor 2 in the loss": fresh_covariance(numbers, 2 * eta, size, s),
        "one row more": fresh_covariance(numbers, eta, size + 1, s),
        "one row fewer": fresh_covariance(numbers, eta, size - 1, s),
        "continuous time": np.diag(np.full(dim, eta * s**2 / (2 * size))),
    }.items():
        assert p_value(run.states, np.zeros(dim), wrong) < REJECTED, name


def test_transients_and_lags_on_fresh_inputs_are_exact() -> None:
    """E e_k² = aᵏ e₀² + (1 − aᵏ) Var, a = 1 − 2η + η² (1 + 2/B); E e_k e_{k+l} = (1 − η)ˡ E e_k²."""
    eta, size, s, start, times, lag = 0.2, 3, 0.5, 1.5, np.array([1, 2, 5, 10, 30]), 4
    run = lib.sample(
        fresh_line((1,)),
        dynamics=lib.SGD(size, label_noise={"y": s}),
        step_size=eta,
        steps=40,
        walkers=4 * WALKERS,
        rng=10,
        initial=start,
        progress=False,
        observe={"z0": lib.Trace(every=1)},
    )
    e = run["z0"].values
    seen = np.concatenate([e[:, times - 1] ** 2, e[:, times - 1] * e[:, times - 1 + lag]], axis=1)

    def far(rate: float, factor: float, variance: float) -> float:
        second = rate**times * start**2 + (1 - rate**times) * variance
        off = seen.mean(axis=0) - np.concatenate([second, factor**lag * second])
        return float(stats.chi2.sf(off @ np.linalg.solve(np.cov(seen.T) / len(seen), off), len(off)))

    a, variance = 1 - 2 * eta + eta**2 * (1 + 2 / size), fresh_covariance((1.0,), eta, size, s)[0, 0]
    assert far(a, 1 - eta, variance) > LIMIT
    assert far(1 - 2 * eta + eta**2 * (1 + 1 / size), 1 - eta, variance) < REJECTED
    assert far(1 - 2 * eta + eta**2, 1 - eta, variance) < REJECTED
    assert far(a, 1 - eta, eta * s**2 / (2 * size)) < REJECTED
    assert far(a, np.exp(-eta), variance) < REJECTED
