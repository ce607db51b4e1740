"""A constant metric preconditions the dynamics and leaves the law alone."""

import re
from dataclasses import replace
from pathlib import Path

import langevin_ib as lib
import numpy as np
import pytest
import scipy.sparse
import sympy
from langevin_ib import _core
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.model.expressions.expressions import compiled
from langevin_ib.model.metric import Metric, checked_metric
from langevin_ib.observe import GROUPS
from langevin_ib.sampling.files.description import describe

U, V = lib.parameters("u v")
METRIC = np.array([[2.0, 0.6], [0.6, 0.5]])
SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")


def quadratic(matrix):
    x = sympy.Matrix([U, V])
    potential = (x.T * sympy.Matrix(2, 2, [sympy.Float(entry) for entry in np.ravel(matrix)]) * x)[0] / 2
    return lib.Model(parameters=(U, V), predictor={"u": U}, loss=sympy.expand(potential))


def run(model, *, metric, scheme="euler-maruyama", initial, **settings):
    chosen = {"temperature": 0.3, "step_size": 0.05, "steps": 40, "walkers": 64, "rng": 5, "threads": 1} | settings
    dynamics = lib.Ambient(metric=metric)
    return lib.sample(model, dynamics=dynamics, scheme=scheme, initial=initial, **chosen)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_metric_is_a_change_of_variables(scheme):
    """With G = L L.T the process in y = L.T x is an ordinary one, driven by the same noise: y moves as x does."""
    hessian = np.array([[1.5, -0.4], [-0.4, 0.7]])
    lower = np.linalg.cholesky(METRIC)
    inverse = np.linalg.inv(lower)
    x = np.random.default_rng(0).standard_normal((64, 2))
    in_x = run(quadratic(hessian), metric=METRIC, scheme=scheme, initial=x)
    in_y = run(quadratic(inverse @ hessian @ inverse.T), metric=None, scheme=scheme, initial=x @ lower)
    np.testing.assert_allclose(in_x.states @ lower, in_y.states, rtol=0, atol=1e-11)
    without = run(quadratic(hessian), metric=None, scheme=scheme, initial=x)
    assert np.abs(without.states - in_x.states).max() > 0.1


def test_at_zero_temperature_a_walker_descends_by_the_inverse_metric():
    hessian = np.array([[1.5, -0.4], [-0.4, 0.7]])
    x = np.array([[1.0, -2.0]])
    result = run(quadratic(hessian), metric=METRIC, initial=x, temperature=0.0, steps=7, walkers=1)
    step = np.eye(2) - 0.05 * np.linalg.inv(METRIC) @ hessian
    np.testing.assert_allclose(result.states[0], np.linalg.matrix_power(step, 7) @ x[0], rtol=1e-12)


@pytest.mark.parametrize("metric", [None, METRIC])
def test_the_law_of_the_product_model_does_not_know_the_metric(metric):
    """MALA is exact: both runs must agree with the K0 law; 1e-4 is the false-alarm rate of each."""
    model = lib.models.scalar_product(target=1.0)
    dynamics = lib.Ambient(weight_decay=0.2, metric=metric)
    result = lib.sample(
        model, dynamics=dynamics, temperature=0.2, step_size=0.15, steps=4000, burn_in=400, walkers=1024, rng=3,
        scheme="mala", observe={"theta": lib.Histogram(bins=60, range=(-1.0, 2.5))},
    )  # fmt: skip
    law = lib.density(model, "theta", dynamics=dynamics, temperature=0.2)
    assert lib.compare(result["theta"], law).consistent(alpha=1e-4)
    warmer = lib.density(model, "theta", dynamics=dynamics, temperature=0.22)
    assert not lib.compare(result["theta"], warmer).consistent(alpha=1e-6)


def test_the_identity_as_a_metric_is_no_metric_up_to_rounding():
    model = lib.models.scalar_product(target=1.0)
    x = np.random.default_rng(1).standard_normal((64, 2))
    plain, identity = (run(model, metric=metric, initial=x) for metric in (None, np.eye(2)))
    np.testing.assert_allclose(plain.states, identity.states, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], "positive definite"),
        ([[1.0, 0.5], [0.0, 1.0]], "symmetric"),
        ([[1.0, np.nan], [np.nan, 1.0]], "finite"),
        ([1.0, 2.0], "square"),
        ([[1.0, 2.0]], "square"),
        ("identity", "square"),
        ([[0.0]], "positive definite"),
    ],
)
def test_what_is_no_metric_is_refused(metric, message):
    with pytest.raises(InvalidArgumentError, match=message):
        lib.Ambient(metric=metric)


def test_a_metric_of_the_wrong_size_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"3 rows, .* 2 parameters"):
        run(lib.models.scalar_product(target=1.0), metric=np.eye(3), initial=np.ones(2))


def test_the_core_refuses_a_metric_that_is_not_positive_definite():
    request = {
        "potential": ("product", [1.0], 0.1), "bound": None, "metric": [1.0, 2.0, 2.0, 1.0], "scheme": "mala",
        "noise": "native", "temperature": 0.1, "step_size": 0.1, "key": 1, "substeps": 1, "walkers": (0, 2),
        "steps": (0, 2), "burn_in": 0, "approach": 0, "observe": [], "groups": GROUPS, "threads": 1, "level": None,
        "block": 32,
    }  # fmt: skip
    with pytest.raises(ValueError, match="positive definite"):
        _core.sample(request, np.ones((2, 2)))


def test_auto_steps_by_the_curvature_in_the_metric():
    """V = (x² + 100 y²)/2 in the metric diag(1, 100) is as round as can be: the step is a hundred times larger."""
    stiff = quadratic(np.diag([1.0, 100.0]))
    steps = [
        run(stiff, metric=metric, initial=np.ones(2), step_size="auto", steps=10).settings.step_size
        for metric in (None, np.diag([1.0, 100.0]))
    ]
    assert steps[1] / steps[0] == pytest.approx(100.0, rel=1e-6)


def test_a_run_with_a_metric_is_saved_and_goes_on_to_the_same_bits(tmp_path):
    model = lib.models.scalar_product(target=1.0)
    x = np.random.default_rng(1).standard_normal((64, 2))
    whole = run(model, metric=METRIC, initial=x, steps=40)
    half = run(model, metric=METRIC, initial=x, steps=20)
    half.save(tmp_path / "half.npz")
    loaded = lib.load(tmp_path / "half.npz")
    assert loaded.dynamics == lib.Ambient(metric=METRIC)
    assert np.array_equal(loaded.resume(steps=20).states, whole.states)


class TestWhitened:
    """On slices a metric is had by writing the model in y = L.T x."""

    LEVEL, T = 0.5, 0.3

    @pytest.mark.parametrize("dynamics", [lib.GaugeFixed(level=LEVEL), lib.Constrained(level=LEVEL, fixman=True)])
    def test_the_slice_law_of_a_metric(self, dynamics):
        """exp(-L/T) dtheta/sqrt(c² + g1 g2 theta²) on (g1 u² - g2 v²)/2 = c; 1e-4 is the false-alarm rate of each."""
        model, metric = lib.models.scalar_product(target=1.0), np.diag([4.0, 1.5])
        in_y = lib.geometry.whitened(model, metric)
        exact = isinstance(dynamics, lib.Constrained)
        settings = {
            "dynamics": dynamics, "temperature": self.T, "walkers": 2048, "rng": 11, "threads": 1, "initial": 1.0,
            "scheme": "mala" if exact else "euler-maruyama",
        }  # fmt: skip
        observe = {"theta": lib.Histogram(bins=60, range=(-1.0, 2.5), every=5)}
        coarse, fine = (
            lib.sample(in_y, step_size=h, steps=round(30 / h), burn_in=round(3 / h), observe=observe, substeps=n,
                       **settings)
            for h, n in ((0.01, 2), (0.005, 1))
        )  # fmt: skip
        finer = {} if exact else {"finer": fine["theta"]}
        law, euclidean = (self.law(factor) for factor in (6.0, 1.0))
        assert lib.compare(coarse["theta"], law, **finer).consistent(alpha=1e-4)
        assert not lib.compare(coarse["theta"], euclidean, **finer).consistent(alpha=1e-6)
        by_curve = lib.density(in_y, "theta", dynamics=dynamics, temperature=self.T)
        at = np.linspace(-1.0, 2.0, 7)
        np.testing.assert_allclose(by_curve.pdf(at), law.pdf(at), rtol=1e-6)

    def law(self, factor):
        return lib.Density.from_log_weight(
            lambda theta: -((theta - 1.0) ** 2) / (2 * self.T) - np.log(self.LEVEL**2 + factor * theta**2) / 2,
            name="slice", reference="d theta", support=(-np.inf, np.inf),
        )  # fmt: skip

    @pytest.mark.parametrize("name", ["neuron", "gl"])
    def test_a_step_is_one_of_the_metric_and_then_along_the_orbit(self, name):
        """At T = 0, step by step in x: x - h inv(g) grad L, and `balance` to the slice of the metric."""
        if name == "neuron":
            model = lib.models.relu_neuron(3, loss=lambda z: (z[0] - 1) ** 2 + z[1] ** 2 + (z[2] + 0.5) ** 2)
            metric, level = np.diag([1.0, 2.0, 3.0, 0.4]), 0.3
            metric[0, 1] = metric[1, 0] = 0.5
        else:
            model = lib.models.matrix_factorization(
                4, 3, 2, group="gl", loss=lambda t: sum((e - k) ** 2 for k, e in enumerate(t)) / 2
            )
            rows = np.diag([2.0, 1.0, 0.5, 1.0]) + 0.1
            metric, level = np.zeros((14, 14)), 0.0
            metric[:8, :8], metric[8:, 8:] = np.kron(rows, np.eye(2)), 1.7 * np.eye(6)
        slope = [sympy.diff(model.loss, x) for x in model.parameters]
        gradient = sympy.lambdify(model.parameters, slope, "numpy")
        lower, h = np.linalg.cholesky(metric), 0.01
        x = lib.balance(model, 0.3 + np.random.default_rng(2).uniform(size=(5, model.dim)), level, metric=metric)
        first, start = x, x @ lower
        for _ in range(7):
            drift = np.stack([np.asarray(gradient(*row), dtype=float) for row in x])
            x = lib.balance(model, x - h * np.linalg.solve(metric, drift.T).T, level, metric=metric)
        run = lib.sample(
            lib.geometry.whitened(model, metric), dynamics=lib.GaugeFixed(level=level), temperature=0.0, step_size=h,
            steps=7, walkers=5, initial=start, observe={str(model.parameters[1]): lib.Trace(every=7)},
        )  # fmt: skip
        np.testing.assert_allclose(run.states, x @ lower, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(run[str(model.parameters[1])].values[:, 0], x[:, 1], rtol=1e-9, atol=1e-10)
        euclidean = lib.sample(
            model, dynamics=lib.GaugeFixed(level=level), temperature=0.0, step_size=h, steps=7, walkers=5, initial=first
        )
        assert np.abs(euclidean.states - x).max() > 0.01

    def test_the_example_in_the_docs(self):
        document = (Path(__file__).parents[2] / "docs" / "dynamics.md").read_text(encoding="utf-8")
        (example,) = (each for each in re.findall(r"```python\n(.*?)```", document, re.DOTALL) if "whitened" in each)
        names = {}
        exec(example, names)
        at = np.linspace(-1.0, 2.0, 7)
        np.testing.assert_allclose(names["law"].pdf(at), self.law(6.0).pdf(at), rtol=1e-6)
        assert names["run"]["u"].values.shape == (500, 3)

    def test_everything_of_the_model_comes_along(self):
        data = {"y": np.array([1.0, 2.0, 4.0])}
        i, y = sympy.Idx("i", 3), sympy.IndexedBase("y")
        model = lib.Model(
            parameters=(U, V),
            predictor={"theta": U * V},
            loss=sympy.Sum((U * V - y[i]) ** 2, (i, 0, 2)),
            symmetry=lib.Scaling({U: 1, V: -1}),
            confinement=U**4 + V**2,
            observables={"imbalance": U**2 - V**2},
            data=data,
            slice={"chi": U - 2 * V},
        )
        in_y = lib.geometry.whitened(model, METRIC)
        x = np.random.default_rng(0).normal(size=(20, 2))
        moved = (x @ np.linalg.cholesky(METRIC)).T
        pairs = [(model.observable(n), in_y.observable(n)) for n in ("theta", "imbalance", "u", "v")]
        pairs += [(model.loss, in_y.loss), (model.confinement, in_y.confinement)]
        pairs += [(model.slice["chi"], in_y.slice["chi"])]
        for ours, theirs in pairs:
            found, wanted = (
                compiled(f, m.parameters, m.data)(*at) for f, m, at in ((theirs, in_y, moved), (ours, model, x.T))
            )
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)
        (generator,) = in_y.generator_matrices()
        lower = np.linalg.cholesky(METRIC)
        wanted = lower.T @ np.diag([1.0, -1.0]) @ np.linalg.inv(lower.T)
        np.testing.assert_allclose(np.array(generator, dtype=float), wanted, rtol=1e-12)

    def test_what_cannot_be_written_so_is_refused(self):
        model = lib.models.scalar_product(target=1.0)
        with pytest.raises(InvalidArgumentError, match="metric=None is the Euclidean one"):
            lib.geometry.whitened(model, None)
        with pytest.raises(InvalidArgumentError, match="must be a Model"):
            lib.geometry.whitened(METRIC, METRIC)
        with pytest.raises(InvalidArgumentError, match=r"3 rows, .* 2 parameters"):
            lib.geometry.whitened(model, np.eye(3))
        taken = lib.Model(parameters=(U, V), predictor={"y_u": U * V}, loss=U * V)
        with pytest.raises(InvalidArgumentError, match="y_u"):
            lib.geometry.whitened(taken, METRIC)

    @pytest.mark.parametrize("dynamics", [lib.GaugeFixed, lib.Constrained])
    def test_dynamics_on_slices_say_so(self, dynamics):
        with pytest.raises(
            InvalidArgumentError, match=r"(?s)Euclidean metric only.*geometry.whitened\(model, metric\)"
        ):
            dynamics(level=0.5, metric=METRIC)
        assert dynamics(level=0.5, metric=None) == dynamics(0.5) == replace(dynamics(1.0), level=0.5)
        assert "metric" not in repr(dynamics(0.5)) + str(describe(dynamics(0.5)))


class TestMetricItself:
    @pytest.mark.parametrize(("size", "condition"), [(1, 1.0), (5, 1e14), (40, 1e8)])
    def test_the_triangular_factor(self, size, condition):
        q = np.linalg.qr(np.random.default_rng(size).normal(size=(size, size)))[0]
        metric = Metric(checked_metric(q @ np.diag(np.geomspace(1.0, condition, size)) @ q.T))
        lower = metric.lower
        assert np.array_equal(lower, np.tril(lower))
        np.testing.assert_allclose(lower @ lower.T, metric.matrix, atol=1e-14 * condition)
        x = np.random.default_rng(0).normal(size=(3, 4, size))
        np.testing.assert_allclose(metric.from_vectors(metric.vectors(x)), x, atol=1e-13 * metric.condition)
        # A gradient applied to a vector is the same number in y.
        p = np.random.default_rng(1).normal(size=(3, 4, size))
        here, there = (p * x).sum(axis=-1), (metric.slopes(p) * metric.vectors(x)).sum(axis=-1)
        np.testing.assert_allclose(here, there, atol=1e-13 * condition**0.5)

    def test_equal_blocks_have_equal_factors(self):
        """So what acts on the blocks alike commutes with the metric to the last bit, however bad that is."""
        q = np.linalg.qr(np.random.default_rng(4).normal(size=(9, 9)))[0]
        rows = q @ np.diag(np.geomspace(1.0, 1e10, 9)) @ q.T
        metric = Metric(checked_metric(np.kron(rows, np.eye(3))))
        turn = scipy.sparse.csr_array(np.kron(np.eye(9), np.array([[0.0, 1.0, 0.5], [0.0, 2.0, 0.0], [3.0, 0.0, 0.0]])))
        assert metric.conjugated(turn) is turn
        assert metric.conjugated(scipy.sparse.csr_array(np.kron(turn.toarray()[:3, :3], np.eye(9)))) is not turn

    def test_units_do_not_decide_what_is_positive_definite(self):
        units = np.diag([1e-120, 1.0, 1e120])
        correlated = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, -0.3], [0.0, -0.3, 1.0]])
        rows = checked_metric(units @ correlated @ units)
        np.testing.assert_allclose(Metric(rows).lower, units @ np.linalg.cholesky(correlated), rtol=1e-12)
        correlated[0, 1] = correlated[1, 0] = 1.0
        with pytest.raises(InvalidArgumentError, match="positive definite"):
            checked_metric(units @ correlated @ units)
