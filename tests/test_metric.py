"""A constant metric preconditions the dynamics and leaves the law alone."""

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import _core
from langevin_ib.description import describe, restore
from langevin_ib.engine import GROUPS
from langevin_ib.errors import InvalidArgumentError

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
        "steps": (0, 2), "burn_in": 0, "observe": [], "groups": GROUPS, "threads": 1, "level": None, "block": 32,
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


class TestSoftSlice:
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_it_is_the_ambient_process_of_its_potential_in_the_other_variables(self, scheme):
        """In y = L.T x the spring is part of the loss, and nothing knows that there was a slice or a metric."""
        model, lower = lib.models.scalar_product(target=1.0), np.linalg.cholesky(METRIC)
        soft = lib.SoftSlice(stiffness=3.0, weight_decay=0.1, metric=METRIC)
        u, v = model.parameters
        back = np.linalg.inv(lower.T)
        to_y = {u: float(back[0, 0]) * u + float(back[0, 1]) * v, v: float(back[1, 1]) * v}
        potential = soft.potential(model).xreplace(to_y)
        in_y = lib.Model(parameters=(u, v), predictor={"u": u}, loss=sympy.expand(potential))
        x = 0.5 + 0.3 * np.random.default_rng(0).standard_normal((64, 2))
        settings = {"temperature": 0.05, "step_size": 0.01, "steps": 30, "walkers": 64, "rng": 5, "threads": 1}
        one = lib.sample(model, dynamics=soft, scheme=scheme, initial=x, **settings)
        other = lib.sample(in_y, scheme=scheme, initial=x @ lower, **settings)
        np.testing.assert_allclose(one.states @ lower, other.states, rtol=0, atol=1e-11)
        without = lib.sample(model, dynamics=lib.SoftSlice(3.0, 0.1), scheme=scheme, initial=x, **settings)
        assert np.abs(without.states - one.states).max() > 0.05

    def test_its_law_does_not_know_the_metric(self):
        """MALA is exact, and the law the closed one of the spring; 1e-4 is the false-alarm rate."""
        model = lib.models.scalar_product(target=1.0)
        dynamics = lib.SoftSlice(stiffness=3.0, metric=METRIC)
        result = lib.sample(
            model, dynamics=dynamics, temperature=0.2, step_size=0.1, steps=4000, burn_in=400, walkers=1024, rng=3,
            scheme="mala", observe={"theta": lib.Histogram(bins=60, range=(-1.0, 2.5))},
        )  # fmt: skip
        law = lib.density(model, "theta", dynamics=dynamics, temperature=0.2)
        assert lib.compare(result["theta"], law).consistent(alpha=1e-4)
        for wrong in (
            {"dynamics": lib.SoftSlice(4.5), "temperature": 0.2},
            {"dynamics": dynamics, "temperature": 0.24},
        ):
            rival = lib.density(model, "theta", **wrong)
            assert not lib.compare(result["theta"], rival).consistent(alpha=1e-6)

    def test_it_is_saved_and_goes_on_to_the_same_bits(self, tmp_path):
        model, dynamics = lib.models.scalar_product(target=1.0), lib.SoftSlice(stiffness=3.0, metric=METRIC)
        settings = {"temperature": 0.1, "step_size": 0.01, "walkers": 64, "rng": 5}
        whole = lib.sample(model, dynamics=dynamics, steps=40, **settings)
        lib.sample(model, dynamics=dynamics, steps=20, **settings).save(tmp_path / "half.npz")
        loaded = lib.load(tmp_path / "half.npz")
        assert loaded.dynamics == dynamics
        assert np.array_equal(loaded.resume(steps=20).states, whole.states)

    def test_without_a_metric_files_say_what_they_always_said(self):
        said = describe(lib.SoftSlice(stiffness=3.0, weight_decay=0.1))
        assert said == {"kind": "SoftSlice", "fields": {"stiffness": 3.0, "weight_decay": 0.1}}
        assert restore(said, lib.SoftSlice) == lib.SoftSlice(3.0, 0.1)

    def test_a_metric_of_the_wrong_size_is_refused(self):
        with pytest.raises(InvalidArgumentError, match=r"3 rows, .* 2 parameters"):
            lib.sample(
                lib.models.scalar_product(target=1.0), dynamics=lib.SoftSlice(1.0, metric=np.eye(3)), temperature=0.1,
                step_size=0.01, steps=1, walkers=1,
            )  # fmt: skip

    def test_auto_steps_by_the_curvature_in_the_metric(self):
        model = lib.Model(
            parameters=(U, V),
            predictor={"theta": U * V},
            loss=sympy.S.Zero,
            confinement=U**2 / 2 + 50 * V**2,
            symmetry=lib.Scaling({U: 1, V: -1}),
        )
        steps = [
            lib.sample(
                model, dynamics=lib.SoftSlice(1e-9, metric=metric), temperature=0.3, step_size="auto", steps=5,
                walkers=32, rng=1,
            ).settings.step_size
            for metric in (None, np.diag([1.0, 100.0]))
        ]  # fmt: skip
        assert steps[1] / steps[0] == pytest.approx(100.0, rel=1e-3)


@pytest.mark.parametrize("metric", [METRIC, [[0.5, -0.3], [-0.3, 1.0]]])
def test_a_thin_shell_has_its_law_whatever_the_metric(metric):
    """The imbalance is kept near c = 0.5 by looking there only; 1e-4 is the false-alarm rate of each.

    The law of the shell tends to delta(chi - c) dx. The one that the Euclidean (det G)^(-1/2) would give together with
    the area dS_g of the metric is rejected on the same histogram.
    """
    model, lo, hi = lib.models.scalar_product(target=1.0), 0.8, 1.2
    dynamics = lib.Ambient(weight_decay=0.3, metric=metric)
    given = ("imbalance", lo, hi)
    result = lib.sample(
        model, dynamics=dynamics, temperature=0.3, step_size=0.1, steps=8000, burn_in=400, walkers=1024, rng=3,
        scheme="mala", observe={"theta": lib.Histogram(bins=60, range=(-1.5, 3.0), every=4, given=given)},
    )  # fmt: skip
    law = lib.density(model, "theta", dynamics=dynamics, temperature=0.3, given=given)
    assert lib.compare(result["theta"], law).consistent(alpha=1e-4)
    assert not lib.compare(result["theta"], wrong_shell(np.array(metric))).consistent(alpha=1e-6)


def wrong_shell(metric, level=0.5, temperature=0.3, decay=0.3):
    """Return exp(-V/T) (det G)^(-1/2) dS_g on u² - v² = 2c with the Euclidean G, as a law of theta, by arc length."""
    model = lib.models.scalar_product()

    def log_weight(theta):
        # u² = c + sqrt(c² + theta²) on the sheet u > 0, v = theta/u; the other sheet has the same law.
        root = np.hypot(level, theta)
        u = np.sqrt(level + root)
        du = theta / root / (2.0 * u)
        speed = np.stack([du, (u - theta * du) / u**2], axis=-1)
        area = np.einsum("...i,ij,...j->...", speed, metric, speed)
        gram = lib.geometry.log_det(model, np.stack([u, theta / u], axis=-1), model.constraints())
        return -((theta - 1.0) ** 2 / 2 + decay * root) / temperature + (np.log(area) - gram) / 2.0

    return lib.Density.from_log_weight(log_weight, name="wrong shell", reference="d theta", support=(-np.inf, np.inf))
