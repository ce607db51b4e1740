"""Where SGD's noise comes to rest: closed forms, all batches one by one, other minimisers; and what is refused."""

from __future__ import annotations

import itertools

import langevin_ib as lib
import numpy as np
import pytest
import scipy.optimize
import sympy
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError

X, Y = sympy.IndexedBase("X"), sympy.IndexedBase("y")
NOISY = {"y": 0.7}


def neuron(inputs: np.ndarray, teacher: np.ndarray, *, activation=lambda z: z, confinement=0.0) -> lib.Model:
    """A neuron v activation(w x) under half the mean of squares, its labels those of a teacher."""
    rows, d = inputs.shape
    w, (v,), i = lib.parameters(" ".join(f"w{k}" for k in range(d))), lib.parameters("v,"), sympy.Idx("i", rows)
    w = w if isinstance(w, tuple) else (w,)
    out = v * activation(sum(w[k] * X[i, k] for k in range(d)))
    data = {"X": inputs, "y": teacher}
    return lib.Model(
        parameters=(*w, v),
        predictor={f"z{k}": v * w[k] for k in range(d)},
        loss=sympy.Sum((out - Y[i]) ** 2, (i, 0, rows - 1)) / (2 * rows),
        symmetry=lib.Scaling({**dict.fromkeys(w, 1), v: -1}),
        confinement=confinement * sympy.Add(*(x**2 for x in (*w, v))),
        data=data,
    )


def ratio(x: np.ndarray) -> float:
    """|w| over |v|."""
    return float(np.linalg.norm(x[:-1]) / abs(x[-1]))


SOURCE = np.random.default_rng(20260901)
INPUTS = SOURCE.normal(size=(40, 3)) * [1.7, 1.0, 0.5]
TEACHER = np.array([1.0, -0.5, 0.8])
LINEAR = neuron(INPUTS, INPUTS @ TEACHER)
AT_REST = np.array([*TEACHER, 1.0])
SGDS = (
    lib.SGD(batch_size=3, label_noise=NOISY),
    lib.SGD(batch_size=3, replace=False, label_noise=NOISY),
    lib.SGD(batch_size=3, epochs=True, label_noise=NOISY),
    lib.SGD(inclusion=0.2, label_noise=NOISY),
    lib.SGD(label_noise=NOISY),
)


@pytest.mark.parametrize("dynamics", SGDS, ids=repr)
@pytest.mark.parametrize("size", [0.1, 1.0, 30.0])
def test_a_linear_neuron_rests_where_the_inputs_say(dynamics, size) -> None:
    """|w|²/v² = tr H / (ŵᵀ H ŵ), H the mean of x xᵀ, however batches are drawn and wherever on the orbit one asks."""
    rest = lib.noise_equilibrium(LINEAR, AT_REST * [size, size, size, 1 / size], dynamics=dynamics)
    second = INPUTS.T @ INPUTS / len(INPUTS)
    direction = TEACHER / np.linalg.norm(TEACHER)
    expected = np.sqrt(np.trace(second) / (direction @ second @ direction))
    assert ratio(rest.x) == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(rest.x[:3] * rest.x[3], TEACHER, rtol=1e-12)
    assert rest.shift[0] == pytest.approx(np.log(expected / ratio(AT_REST)) / 2 - np.log(size), abs=1e-10)


def test_a_relu_neuron_sees_the_inputs_that_reach_it() -> None:
    model = neuron(INPUTS, np.maximum(INPUTS @ TEACHER, 0.0), activation=lambda z: sympy.Max(0, z))
    rest = lib.noise_equilibrium(model, AT_REST, dynamics=lib.SGD(batch_size=1, label_noise=NOISY))
    seen = INPUTS[INPUTS @ TEACHER > 0.0]
    second, direction = seen.T @ seen, TEACHER / np.linalg.norm(TEACHER)
    assert ratio(rest.x) == pytest.approx(np.sqrt(np.trace(second) / (direction @ second @ direction)), rel=1e-10)


def test_isotropic_inputs_leave_the_dimension_and_one_input_nothing() -> None:
    """|w|/|v| = sqrt(d): balanced for d = 1 alone, where it is the product u v."""
    for d in (1, 2, 5):
        inputs, teacher = np.eye(d) * np.sqrt(d), np.arange(1.0, d + 1.0)
        at = np.array([*teacher, 1.0])
        rest = lib.noise_equilibrium(
            neuron(inputs, inputs @ teacher), at, dynamics=lib.SGD(batch_size=1, label_noise=NOISY)
        )
        assert ratio(rest.x) == pytest.approx(np.sqrt(d), rel=1e-10)


@pytest.mark.parametrize("by_model", [False, True])
def test_a_weight_decay_holds_against_the_noise(by_model) -> None:
    """|w|²/v² = (2 gamma + k d)/(2 gamma + k), k = eta s²/B, for isotropic inputs."""
    d, gamma, eta, size = 3, 0.05, 0.3, 2
    inputs, teacher = np.eye(d) * np.sqrt(d), np.ones(d)
    model = neuron(inputs, inputs @ teacher, confinement=gamma / 2 if by_model else 0.0)
    dynamics = lib.SGD(batch_size=size, label_noise=NOISY, weight_decay=0.0 if by_model else gamma)
    rest = lib.noise_equilibrium(model, np.ones(d + 1), dynamics=dynamics, step_size=eta)
    k = eta * 0.7**2 / size
    assert ratio(rest.x) ** 2 == pytest.approx((2 * gamma + k * d) / (2 * gamma + k), rel=1e-10)
    with pytest.raises(InvalidArgumentError, match="give step_size="):
        lib.noise_equilibrium(model, np.ones(d + 1), dynamics=dynamics)


def test_a_product_of_matrices_of_rank_one_rests_at_the_ratio_of_its_sides() -> None:
    """All entries of u vᵀ are seen with the same label noise: |u|²/|v|² = m/n, T = u vᵀ."""
    m, n = 4, 2
    u, v = (sympy.symbols(f"{name}:{count}", real=True) for name, count in (("u", m), ("v", n)))
    rows, i = m * n, sympy.Idx("i", m * n)
    one_hot = np.eye(rows)
    entry = sum(X[i, j * n + k] * u[j] * v[k] for j in range(m) for k in range(n))
    model = lib.Model(
        parameters=(*u, *v),
        predictor={f"t{j}{k}": u[j] * v[k] for j in range(m) for k in range(n)},
        loss=sympy.Sum((entry - Y[i]) ** 2, (i, 0, rows - 1)) / rows,
        symmetry=lib.Scaling({**dict.fromkeys(u, 1), **dict.fromkeys(v, -1)}),
        data={"X": one_hot, "y": np.ones(rows)},
    )
    rest = lib.noise_equilibrium(model, np.ones(m + n), dynamics=lib.SGD(batch_size=1, label_noise=NOISY))
    assert (rest.x[:m] ** 2).sum() / (rest.x[m:] ** 2).sum() == pytest.approx(m / n, rel=1e-10)


def two_neurons() -> tuple[lib.Model, np.ndarray]:
    """Two linear neurons with inputs of their own, one of three entries and one of two."""
    a, b = lib.parameters("a0 a1 a2 p"), lib.parameters("b0 b1 q")
    i = sympy.Idx("i", len(INPUTS))
    inputs = np.concatenate([INPUTS, np.random.default_rng(3).normal(size=(len(INPUTS), 2))], axis=1)
    out = a[3] * sum(a[k] * X[i, k] for k in range(3)) + b[2] * sum(b[k] * X[i, 3 + k] for k in range(2))
    model = lib.Model(
        parameters=(*a, *b),
        predictor={"f": a[3] * a[0]},
        loss=sympy.Sum((out - Y[i]) ** 2, (i, 0, len(inputs) - 1)) / (2 * len(inputs)),
        symmetry=(
            lib.Scaling({**dict.fromkeys(a[:3], 1), a[3]: -1}),
            lib.Scaling({**dict.fromkeys(b[:2], 1), b[2]: -1}),
        ),
        data={"X": inputs, "y": inputs @ np.array([*TEACHER, 0.3, -1.1])},
    )
    return model, np.array([*TEACHER, 1.0, 0.3, -1.1, 1.0])


def test_several_generators_at_once_and_many_points() -> None:
    model, at = two_neurons()
    inputs = model.data["X"]
    rest = lib.noise_equilibrium(model, [[at, at], [at, -at]], dynamics=SGDS[0])
    assert rest.x.shape == (2, 2, 7)
    assert rest.shift.shape == rest.standard_error.shape == rest.drift.shape == (2, 2, 2)
    assert rest.noise.shape == (2, 2)
    for where, teacher in ((slice(0, 3), TEACHER), (slice(3, 5), np.array([0.3, -1.1]))):
        second, direction = inputs[:, where].T @ inputs[:, where], teacher / np.linalg.norm(teacher)
        expected = np.sqrt(np.trace(second) / (direction @ second @ direction))
        block = rest.x[1, 1, :4] if where.start == 0 else rest.x[1, 1, 4:]
        assert ratio(block) == pytest.approx(expected, rel=1e-10)


def gradients(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradients of the linear neuron's rows, by hand."""
    w, v = x[:-1], x[-1]
    residual = v * INPUTS @ w - labels
    return np.concatenate([residual[:, None] * v * INPUTS, (residual * (INPUTS @ w))[:, None]], axis=1)


@pytest.mark.parametrize("dynamics", SGDS, ids=repr)
def test_the_drift_is_that_of_all_batches_one_by_one(dynamics) -> None:
    """At any point, four rows: E dC / eta² over all batches, the noise of labels by its two moments."""
    global INPUTS  # noqa: PLW0603 - the neuron by hand above knows these inputs
    everything, INPUTS = INPUTS, INPUTS[:4]
    try:
        labels, s = INPUTS @ TEACHER + [0.3, -0.2, 0.5, 0.1], 0.7
        model, x = neuron(INPUTS, labels), np.array([0.4, 0.9, -0.3, 1.3])
        if dynamics.batch_size == 3:
            dynamics = lib.SGD(2, replace=dynamics.replace, epochs=dynamics.epochs, label_noise=NOISY)
        found = lib.noise_equilibrium(model, x, dynamics=dynamics).drift[0]
        sign, g = np.array([1.0, 1.0, 1.0, -1.0]), gradients(x, labels)
        slopes = gradients(x, labels + 1.0) - g  # by a row's label
        total = 0.0
        for batch, chance, divisor in batches(dynamics):
            mean = g[list(batch)].sum(axis=0) / divisor
            spread = s**2 * (sign * slopes[list(batch)] ** 2).sum() / divisor**2
            total += chance * ((sign * mean**2).sum() + spread)
        assert found == pytest.approx(total, rel=1e-12)
    finally:
        INPUTS = everything


def batches(dynamics: lib.SGD):
    """Yield every batch of four rows, its probability, and what its sum is divided by."""
    if dynamics.inclusion is not None:
        p = dynamics.inclusion
        for size in range(5):
            for batch in itertools.combinations(range(4), size):
                yield batch, p**size * (1 - p) ** (4 - size), 4 * p
    elif dynamics.batch_size is None:
        yield (0, 1, 2, 3), 1.0, 4
    elif dynamics.replace and not dynamics.epochs:
        yield from ((batch, 1 / 16, 2) for batch in itertools.product(range(4), repeat=2))
    else:
        yield from ((batch, 1 / 6, 2) for batch in itertools.combinations(range(4), 2))


def test_away_from_the_minimum_it_is_the_least_noise_on_the_orbit() -> None:
    """Mini-batches without noise on labels: the trace of the covariance, minimised by SciPy with gradients by hand."""
    labels = INPUTS @ TEACHER + np.random.default_rng(8).normal(size=len(INPUTS))
    x = np.array([*np.linalg.lstsq(INPUTS, labels, rcond=None)[0], 1.0])

    def trace(shift: float) -> float:
        g = gradients(x * np.exp(shift * np.array([1.0, 1.0, 1.0, -1.0])), labels)
        return float(g.var(axis=0).sum())

    rest = lib.noise_equilibrium(neuron(INPUTS, labels), x, dynamics=lib.SGD(batch_size=4))
    best = scipy.optimize.minimize_scalar(trace, bracket=(-1.0, 1.0), tol=1e-12)
    assert rest.shift[0] == pytest.approx(best.x, abs=1e-6)
    assert rest.noise == pytest.approx(best.fun / 4, rel=1e-9)


def test_the_standard_error_is_the_spread_over_samples_of_rows() -> None:
    """Fresh rows: 300 samples of 400. The spread of a spread over 300 is 4 %, so 15 % fails once in 10,000 at most."""
    rng, shifts = np.random.default_rng(5), []
    for _ in range(300):
        inputs = rng.normal(size=(400, 2)) * [2.0, 1.0]
        second = inputs.T @ inputs
        direction = np.array([1.0, 1.0]) / np.sqrt(2.0)
        shifts.append(np.log(np.trace(second) / (direction @ second @ direction)) / 4)
    model = neuron(inputs, inputs @ [1.0, 1.0])
    rest = lib.noise_equilibrium(model, [1.0, 1.0, 1.0], dynamics=lib.SGD(batch_size=1, label_noise=NOISY))
    assert rest.standard_error[0] == pytest.approx(np.std(shifts), rel=0.15)


def test_along_translations_nothing_moves() -> None:
    u, v, b, c = lib.parameters("u v b c")
    i = sympy.Idx("i", 20)
    model = lib.Model(
        parameters=(u, v, b, c),
        predictor={"theta": u * v, "offset": b - c},
        loss=sympy.Sum((u * v * X[i] + b - c - Y[i]) ** 2, (i, 0, 19)) / 20,
        symmetry=(lib.Translation({b: 1, c: 1}), lib.Scaling({u: 1, v: -1})),
        data={"X": INPUTS[:20, 0], "y": INPUTS[:20, 0] + 0.3},
    )
    rest = lib.noise_equilibrium(model, [2.0, 0.5, 1.0, 0.7], dynamics=lib.SGD(batch_size=1, label_noise=NOISY))
    np.testing.assert_allclose(rest.x, [1.0, 1.0, 1.0, 0.7], rtol=1e-9)
    assert np.isnan(rest.shift[0])
    assert rest.shift[1] == pytest.approx(-np.log(2.0), rel=1e-9)


def test_rows_that_are_drawn_afresh_are_a_sample_of_a_law() -> None:
    """Inputs N(0, I), any batch: |w|²/v² = d within the standard error; more than 4.5 of them once in 10^5."""
    w, i = lib.parameters("w0 w1 v"), sympy.Idx("i", 2000)
    out = w[2] * (w[0] * X[i, 0] + w[1] * X[i, 1])
    model = lib.Model(
        parameters=w,
        predictor={"z0": w[2] * w[0], "z1": w[2] * w[1]},
        loss=sympy.Sum((out - Y[i]) ** 2, (i, 0, 1999)) / 2000,
        symmetry=lib.Scaling({w[0]: 1, w[1]: 1, w[2]: -1}),
        data=lib.Fresh(inputs={"X": (2,)}, labels={"y": lambda x: x[0] + x[1]}, rows=2000),
    )
    rest = lib.noise_equilibrium(model, [1.0, 1.0, 1.0], dynamics=lib.SGD(batch_size=3, label_noise=NOISY))
    assert abs(rest.shift[0]) < 4.5 * rest.standard_error[0]  # from |w|²/v² = 2
    assert 0.0 < rest.standard_error[0] < 0.02


def test_matrices_of_rank_two_have_no_drift_there_and_more_is_not_said() -> None:
    model, at = factorization()
    rest = lib.noise_equilibrium(model, at, dynamics=lib.SGD(batch_size=1, label_noise=NOISY))
    assert not rest.commuting
    assert np.isnan(rest.shift).all()
    assert "necessary only" in repr(rest)
    again = lib.noise_equilibrium(model, rest.x, dynamics=lib.SGD(batch_size=1, label_noise=NOISY))
    assert np.abs(again.drift).max() < 1e-9 * np.abs(rest.drift).max()
    product = rest.x[:6].reshape(3, 2) @ rest.x[6:].reshape(3, 2).T
    np.testing.assert_allclose(product, at[:6].reshape(3, 2) @ at[6:].reshape(3, 2).T, atol=1e-10)


def factorization() -> tuple[lib.Model, np.ndarray]:
    """T = U Vᵀ, 3 x 3 of rank 2, whose entries are seen with weights of their own; and a point that fits."""
    built = lib.models.matrix_factorization(3, 3, 2, group="gl")
    weights, i = np.diag([3.0, 1.0, 0.5, 1.0, 2.0, 1.0, 0.3, 1.0, 1.5]), sympy.Idx("i", 9)
    entries = list(built.predictor.values())
    out = sum(X[i, k] * entry for k, entry in enumerate(entries))
    at = np.random.default_rng(2).normal(size=12)
    at[:6] *= 2.0
    target = (at[:6].reshape(3, 2) @ at[6:].reshape(3, 2).T).ravel()
    model = lib.Model(
        parameters=built.parameters,
        predictor=built.predictor,
        loss=sympy.Sum((out - Y[i]) ** 2, (i, 0, 8)) / 9,
        symmetry=built.symmetry,
        data={"X": weights, "y": weights @ target},
    )
    return model, at


def test_what_has_no_equilibrium_is_refused() -> None:
    sgd = lib.SGD(batch_size=2, label_noise=NOISY)
    with pytest.raises(UnsupportedModelError, match="no gradient noise"):
        lib.noise_equilibrium(LINEAR, AT_REST, dynamics=lib.SGD(batch_size=2))
    with pytest.raises(UnsupportedModelError, match="no gradient noise"):
        lib.noise_equilibrium(neuron(INPUTS, INPUTS @ TEACHER + 1.0), AT_REST, dynamics=lib.SGD())
    with pytest.raises(UnsupportedModelError, match="pushes to one side"):
        lib.noise_equilibrium(neuron(INPUTS, 0.0 * INPUTS[:, 0]), [0.0, 0.0, 0.0, 1.0], dynamics=sgd)
    odd = lib.Model(
        parameters=LINEAR.parameters,
        predictor=LINEAR.predictor,
        loss=LINEAR.loss,
        symmetry=LINEAR.symmetry,
        confinement=LINEAR.parameters[0] ** 4,
        data=LINEAR.data,
    )
    with pytest.raises(UnsupportedModelError, match="is no weight decay"):
        lib.noise_equilibrium(odd, AT_REST, dynamics=sgd)


def test_rows_that_change_along_the_orbit_are_refused() -> None:
    """Their mean does not: what is added to the rows cancels in it."""
    u, v = lib.parameters("u v")
    i = sympy.Idx("i", 2)
    model = lib.Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=sympy.Sum((u * v - Y[i]) ** 2 + X[i] * u**2, (i, 0, 1)) / 2,
        symmetry=lib.Scaling({u: 1, v: -1}),
        data={"X": np.array([1.0, -1.0]), "y": np.array([1.0, 0.0])},
    )
    with pytest.raises(UnsupportedModelError, match="row 0 changes along the orbits"):
        lib.noise_equilibrium(model, [1.0, 0.5], dynamics=lib.SGD(batch_size=1))


def test_bad_arguments() -> None:
    sgd = lib.SGD(batch_size=2, label_noise=NOISY)
    with pytest.raises(InvalidArgumentError, match="dynamics must be SGD"):
        lib.noise_equilibrium(LINEAR, AT_REST, dynamics=lib.Ambient())
    with pytest.raises(InvalidArgumentError, match="has none"):
        lib.noise_equilibrium(lib.models.scalar_product(), [1.0, 1.0], dynamics=sgd)
    with pytest.raises(InvalidArgumentError, match="last axis must hold the 4 parameters"):
        lib.noise_equilibrium(LINEAR, [1.0, 1.0], dynamics=sgd)
    with pytest.raises(InvalidArgumentError, match="not finite"):
        lib.noise_equilibrium(LINEAR, [np.nan, 1.0, 1.0, 1.0], dynamics=sgd)
    for step_size in (0.0, -1.0, np.nan, "small"):
        with pytest.raises(InvalidArgumentError, match="step_size"):
            lib.noise_equilibrium(LINEAR, AT_REST, dynamics=sgd, step_size=step_size)
    empty = lib.noise_equilibrium(LINEAR, np.zeros((0, 4)), dynamics=sgd)
    assert empty.x.shape == (0, 4)
    assert empty.shift.shape == (0, 1)


def test_labels_that_enter_otherwise_are_refused() -> None:
    u, v = lib.parameters("u v")
    i = sympy.Idx("i", 3)
    model = lib.Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=sympy.Sum(sympy.log(1 + (u * v - Y[i]) ** 2), (i, 0, 2)) / 3,
        symmetry=lib.Scaling({u: 1, v: -1}),
        data={"y": np.array([1.0, 0.0, 2.0])},
    )
    with pytest.raises(UnsupportedModelError, match="not linear in"):
        lib.noise_equilibrium(model, [1.0, 1.0], dynamics=lib.SGD(batch_size=1, label_noise=NOISY))
    assert lib.noise_equilibrium(model, [4.0, 0.25], dynamics=lib.SGD(batch_size=1)).x == pytest.approx([1.0, 1.0])
