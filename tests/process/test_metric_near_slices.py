"""A constant metric near a slice: a soft one, and a thin shell."""

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.sampling.files.description import describe, restore

U, V = lib.parameters("u v")
METRIC = np.array([[2.0, 0.6], [0.6, 0.5]])
SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")


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
        """MALA is exact, and the law the closed one of the spring; 1e-4 is the false-alarm rate.

        Walkers start near the law: far out, where a quartic potential is steep, MALA refuses nearly every step.
        """
        model = lib.models.scalar_product(target=1.0)
        dynamics = lib.SoftSlice(stiffness=3.0, metric=METRIC)
        result = lib.sample(
            model, dynamics=dynamics, temperature=0.2, step_size=0.05, steps=8000, burn_in=1000, walkers=1024, rng=3,
            scheme="mala", initial=1.0, observe={"theta": lib.Histogram(bins=60, range=(-1.0, 2.5), every=4)},
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
