"""Laws along the curves of a slice of one dimension, against closed forms and integrals that know no tracing."""

from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib import models
from langevin_ib.errors import NotNormalizableError, UnsupportedModelError
from langevin_ib.laws.curves.curve import CurveLaw
from langevin_ib.laws.density import density
from langevin_ib.laws.line.distribution import Density
from langevin_ib.laws.request import LawRequest
from langevin_ib.model.model import Model, Scaling, parameters
from langevin_ib.process import Constrained, GaugeFixed, Process

T = 0.3
Q = np.linspace(0.002, 0.998, 167)
U, V = parameters("u v")


def along(model: Model, observable: str, dynamics: Any, **more: Any) -> Density:
    """The law by tracing, whether or not there is a closed form."""
    found = CurveLaw.recognise(LawRequest(process=Process(model, dynamics, T), observable=observable, **more))
    assert found is not None
    return found.density()


def with_slice(chi: Any) -> Model:
    return Model(
        parameters=(U, V),
        predictor={"theta": U * V},
        loss=(U * V - 1) ** 2 / 2,
        symmetry=Scaling({U: 1, V: -1}),
        observables={"imbalance": U**2 - V**2},
        slice={"chi": chi},
    )


@pytest.mark.long
@pytest.mark.parametrize(("depth", "level"), [(2, 0.5), (3, (0.4, 0.3)), (3, (-0.4, 0.9))])
@pytest.mark.parametrize("rigid", [False, True])
def test_chains_agree_with_their_closed_forms(depth: int, level: Any, rigid: bool) -> None:
    dynamics = Constrained(level) if rigid else GaugeFixed(level)
    model = models.scalar_product(depth)
    traced, exact = along(model, "theta", dynamics), density(model, "theta", dynamics=dynamics, temperature=T)
    x = exact.ppf(Q)
    np.testing.assert_allclose(traced.cdf(x), Q, rtol=0, atol=1e-10)
    np.testing.assert_allclose(traced.sf(x), 1.0 - Q, rtol=0, atol=1e-10)
    np.testing.assert_allclose(traced.ppf(Q), x, rtol=0, atol=1e-9)
    np.testing.assert_allclose(traced.pdf(x), exact.pdf(x), rtol=1e-9)
    assert traced.mean() == pytest.approx(exact.mean(), abs=1e-10)
    wrong = along(model, "theta", GaugeFixed(level) if rigid else Constrained(level))
    assert np.abs(wrong.cdf(x) - Q).max() > 1e-3


@pytest.mark.parametrize("fixman", [False, True])
def test_a_parabola_of_the_users_own_against_the_integral_along_it(fixman: bool) -> None:
    """On u = v**2 + 1: dS = sqrt(1 + 4 v**2) dv, and G = 1 + 4 v**2, so that with Fixman's term it is dv."""
    law = density(with_slice(U - V**2), "u", dynamics=Constrained(1.0, fixman=fixman), temperature=T)
    v = np.linspace(-4.0, 4.0, 400_001)
    weight = np.exp(-((v**3 + v - 1) ** 2) / 2 / T) * (1.0 if fixman else np.sqrt(1 + 4 * v**2))
    for function in (lambda x: x, np.cos):
        exact = float(np.sum(weight * function(v**2 + 1)) / np.sum(weight))
        assert law.expect(function) == pytest.approx(exact, abs=1e-9)
    # u turns at v = 0, where its density is infinite and its distribution function is not.
    assert law.support()[0] == pytest.approx(1.0, abs=1e-12)
    inside = float(np.sum(weight[v**2 < 0.01]) / np.sum(weight))
    assert float(law.cdf(1.01)) == pytest.approx(inside, rel=1e-3)


def test_the_law_depends_on_chi_and_not_only_on_the_slice() -> None:
    """On u = v: (u**2 - v**2)/2 gives dtheta / (2 theta), and the same divided by u**2 + v**2 gives dtheta."""
    theta = np.linspace(0.21, 2.9, 40)
    gibbs = np.exp(-((theta - 1) ** 2) / 2 / T)
    given, dynamics = ("theta", 0.2, 3.0), Constrained(fixman=True)
    for chi, factor in (((U**2 - V**2) / 2, 1 / theta), ((U**2 - V**2) / (2 * U**2 + 2 * V**2), 1.0 + 0 * theta)):
        pdf = along(with_slice(chi), "theta", dynamics, given=given).pdf(theta) / (gibbs * factor)
        np.testing.assert_allclose(pdf / pdf[0], 1.0, rtol=1e-9)


def test_infinite_mass_at_the_tip_is_refused() -> None:
    with pytest.raises(NotNormalizableError, match="infinite mass"):
        along(models.scalar_product(), "theta", Constrained(fixman=True))


def test_gauge_fixed_has_no_law_on_a_slice_that_is_not_orthogonal() -> None:
    with pytest.raises(UnsupportedModelError, match=r"gradients of chi .* take Constrained"):
        density(with_slice(U - V**2), "theta", dynamics=GaugeFixed(1.0), temperature=T)


@pytest.mark.long
def test_a_run_on_a_slice_of_the_users_own() -> None:
    """One look at p < 1e-4, and two rivals that must fall."""
    model = with_slice(U - V**2)
    run = lib.sample(
        model, dynamics=Constrained(1.0), temperature=T, scheme="mala", step_size=0.1, steps=600, burn_in=100,
        walkers=1024, rng=5, initial=(1.5, 0.7), observe={"theta": lib.Histogram(bins=200, range=(-1.5, 4), every=5)},
    )  # fmt: skip
    laws = {f: density(model, "theta", dynamics=Constrained(1.0, fixman=f), temperature=T) for f in (False, True)}
    assert lib.compare(run["theta"], laws[False]).pvalue > 1e-4
    assert lib.compare(run["theta"], laws[True]).pvalue < 1e-6
    warmer = density(model, "theta", dynamics=Constrained(1.0), temperature=1.1 * T)
    assert lib.compare(run["theta"], warmer).pvalue < 1e-6


@pytest.mark.long
@pytest.mark.parametrize("fixman", [False, True])
@pytest.mark.parametrize("observable", ["theta", "u"])
def test_a_closed_curve_has_the_moments_of_its_integral(fixman: bool, observable: str) -> None:
    u, v = lib.parameters("u v")
    ellipse = lib.Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=(u * v - 1) ** 2 / 2,
        symmetry=lib.Scaling({u: +1, v: -1}),
        slice={"ellipse": u**2 / 4 + v**2 - 1},
    )
    law = lib.density(ellipse, observable, dynamics=lib.Constrained(fixman=fixman), temperature=0.5)
    # The trapezoidal rule over a period converges faster than any power.
    t = np.linspace(0.0, 2.0 * np.pi, 2001)[:-1]
    x, y = 2.0 * np.cos(t), np.sin(t)
    weight = np.exp(-((x * y - 1.0) ** 2) / (2.0 * 0.5)) * np.hypot(2.0 * np.sin(t), np.cos(t))
    if fixman:
        weight /= np.hypot(x / 2.0, 2.0 * y)
    values = x * y if observable == "theta" else x
    mean = (weight * values).sum() / weight.sum()
    assert law.mean() == pytest.approx(mean, abs=1e-12)
    assert law.var() == pytest.approx((weight * (values - mean) ** 2).sum() / weight.sum(), rel=1e-12)


@pytest.mark.parametrize("T", [1e-8, 1e-12, 1e-16, 1e-24, 1e-100])
def test_at_low_temperatures_it_is_at_the_minimum_or_refused(T: float) -> None:
    """On u - v = 1/2 the loss is least where u v = 1: what is found elsewhere is rounding of huge numbers."""
    try:
        law = density(with_slice(U - V), "theta", dynamics=Constrained(0.5), temperature=T)
    except UnsupportedModelError:
        return
    assert abs(law.mean() - 1.0) < 1e-6 + np.sqrt(T)
