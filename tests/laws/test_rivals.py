"""The rivals are proper laws, clearly different from the right one, and are what their names say."""

import math
from typing import Any

import numpy as np
import pytest
import sympy
from langevin_ib import models
from langevin_ib.errors import InvalidArgumentError, NotNormalizableError, OutOfTimeError
from langevin_ib.laws.density import density
from langevin_ib.laws.rivals import rivals
from langevin_ib.model.model import Model
from langevin_ib.process import Ambient, Constrained, GaugeFixed, SoftSlice

MODEL, T = models.scalar_product(), 0.1
SETTINGS: dict[str, Any] = {"dynamics": Ambient(weight_decay=0.1), "temperature": T}


def test_each_rival_is_what_it_says() -> None:
    wrong = rivals(MODEL, "theta", **SETTINGS, cutoff=0.05)
    assert list(wrong) == ["no correction", "half exponent", "slice law", "temperature +5 %"]
    x = np.array([-0.3, 0.2, 0.7, 1.4])
    loss = np.exp(-((x - 1) ** 2) / 2 / T)
    weights = {"no correction": loss, "half exponent": loss / np.sqrt(np.abs(x)), "slice law": loss / np.abs(x)}
    for key, weight in weights.items():
        ratio = wrong[key].pdf(x) / weight
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
        assert wrong[key].cdf(math.inf) == 1.0
        assert wrong[key].reference == "d theta"
    right = density(MODEL, "theta", dynamics=SETTINGS["dynamics"], temperature=1.05 * T)
    np.testing.assert_array_equal(wrong["temperature +5 %"].pdf(x), right.pdf(x))


def test_the_slice_law_is_conditioned_away_from_its_infinite_mass() -> None:
    law = rivals(MODEL, "theta", **SETTINGS, cutoff=0.05)["slice law"]
    assert law.given == ((-math.inf, -0.05), (0.05, math.inf))
    assert law.pdf(0.01) == 0.0
    assert law.cdf(0.049) == law.cdf(-0.049)
    by_default = rivals(MODEL, "theta", **SETTINGS)["slice law"]
    assert by_default.given is not None
    assert by_default.given[1][0] == pytest.approx(density(MODEL, "theta", **SETTINGS).std() / 10)


def test_the_rivals_are_far_from_the_right_law() -> None:
    """A Kolmogorov distance d is seen by about 10 / d**2 independent values: a thousandth takes 1e7 of them."""
    right = density(MODEL, "theta", **SETTINGS)
    for key, law in rivals(MODEL, "theta", **SETTINGS).items():
        truth = right if law.given is None else right.conditioned(law.given)
        x = truth.ppf(np.linspace(0.001, 0.999, 999))
        distance = np.max(np.abs(truth.cdf(x) - law.cdf(x)))
        assert distance > 0.003, key


def test_a_rival_without_mass_is_left_out() -> None:
    bounded = models.scalar_product(loss=lambda theta: sympy.tanh(theta) ** 2)
    assert list(rivals(bounded, "theta", **SETTINGS)) == ["temperature +5 %"]


def test_bad_requests_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="rivals are known"):
        rivals(MODEL, "u", **SETTINGS)
    with pytest.raises(InvalidArgumentError, match="rivals are known"):
        rivals(models.harmonic(), "x", **SETTINGS)
    with pytest.raises(InvalidArgumentError, match="cutoff must be > 0"):
        rivals(MODEL, "theta", **SETTINGS, cutoff=0.0)
    with pytest.raises(NotNormalizableError, match="infinite volume"):
        rivals(MODEL, "theta", dynamics=Ambient(), temperature=T)


SLICES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "uv, slice": (MODEL, "theta", {"dynamics": GaugeFixed(0.5), "temperature": 0.3}),
    "uv, rigid slice": (MODEL, "theta", {"dynamics": Constrained(0.5), "temperature": 0.3}),
    "uv, soft slice": (MODEL, "theta", {"dynamics": SoftSlice(3.0), "temperature": 0.3}),
    "uv, shell": (MODEL, "theta", {"dynamics": Ambient(), "temperature": 0.3, "given": ("imbalance", -0.4, 0.4)}),
    "chain": (models.scalar_product(3), "theta", {"dynamics": GaugeFixed((0.4, 0.3)), "temperature": 0.3}),
    "neuron": (models.relu_neuron(2), "strength", {"dynamics": GaugeFixed(0.3), "temperature": 0.3}),
    "one of two products": (models.hadamard(2), "z0", {"dynamics": GaugeFixed(0.3), "temperature": 0.3}),
}


@pytest.mark.parametrize("case", SLICES)
def test_rivals_of_slice_laws_are_proper_laws_far_from_the_right_one(case: str) -> None:
    model, observable, settings = SLICES[case]
    right, wrong = density(model, observable, **settings), rivals(model, observable, **settings)
    assert {"no correction", "half exponent", "equation (6)", "temperature +5 %"} <= set(wrong)
    q = np.linspace(0.001, 0.999, 499)
    for key, law in wrong.items():
        assert law.reference == right.reference
        assert law.cdf(law.support()[1]) == 1.0
        assert np.max(np.abs(law.cdf(right.ppf(q)) - q)) > 0.003, key
        assert key == "temperature +5 %" or f"rival of the {right.name}: {key}" in law.name


def test_each_rival_of_the_slice_law_is_what_it_says() -> None:
    model, observable, settings = SLICES["uv, slice"]
    wrong, x = rivals(model, observable, **settings), np.array([-0.3, 0.2, 0.7, 1.4])
    loss, radius = np.exp(-((x - 1) ** 2) / 2 / 0.3), np.sqrt(0.25 + x**2)
    weights = {
        "no correction": loss,
        "half exponent": loss / np.sqrt(radius),
        "double exponent": loss / radius**2,
        "equation (6)": loss / np.sqrt(np.abs(x)),
    }
    assert set(wrong) == {*weights, "temperature +5 %"}
    for key, weight in weights.items():
        np.testing.assert_allclose(wrong[key].pdf(x) / weight, wrong[key].pdf(x[0]) / weight[0], rtol=1e-11)


def test_half_the_exponent_is_the_surface_measure() -> None:
    model, observable, settings = SLICES["uv, slice"]
    surface = density(model, observable, dynamics=Constrained(0.5), temperature=0.3)
    half = rivals(model, observable, **settings)["half exponent"]
    np.testing.assert_allclose(half.cdf(surface.ppf([0.1, 0.5, 0.9])), [0.1, 0.5, 0.9], atol=1e-12)


def test_rivals_of_gl2_know_the_compact_generators() -> None:
    """The angle does not depend on T for a loss of the norm, so the wrong temperature is no rival of it."""
    base = models.matrix_factorization(3, 2, 2, group="gl")
    model = Model(
        parameters=base.parameters,
        predictor=dict(base.predictor),
        loss=sum(t**2 for t in base.predictor.values()) / 2,
        symmetry=base.symmetry,
        observables=dict(base.observables),
    )
    settings: dict[str, Any] = {"dynamics": GaugeFixed(0.0), "temperature": 1.0}
    right, wrong = density(model, "angle", **settings), rivals(model, "angle", **settings)
    assert {"compact generators", "Haar quotient", "equation (6)", "no correction"} <= set(wrong)
    assert "temperature +5 %" not in wrong
    x = np.array([0.1, 0.3, 0.6])
    # s_1 = |T| cos, s_2 = |T| sin; the radius is integrated out as |T|^(D - 1) with the same D for all angles.
    sines = np.sin(x), np.cos(x)
    haar = (sines[1] ** 2 - sines[0] ** 2) * np.sqrt(sines[0] * sines[1])
    np.testing.assert_allclose(
        wrong["Haar quotient"].pdf(x) / haar, wrong["Haar quotient"].pdf(0.1) / haar[0], rtol=1e-9
    )
    compact = right.pdf(x) / np.sqrt(sines[0] + sines[1])
    ratio = wrong["compact generators"].pdf(x) / compact
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)


def test_observables_without_rivals_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="rivals are known"):
        rivals(MODEL, "imbalance", dynamics=SoftSlice(1.0), temperature=0.3)
    with pytest.raises(NotNormalizableError, match="escapes at 0"):
        rivals(MODEL, "theta", dynamics=GaugeFixed(0.0), temperature=0.3)


@pytest.mark.parametrize("cutoff", [1e308, 50.0, 1e-300, 5e-324])
def test_a_cutoff_that_leaves_nothing_is_refused(cutoff: float) -> None:
    with pytest.raises(InvalidArgumentError, match=r"cutoff=.* must be between"):
        rivals(MODEL, "theta", **SETTINGS, cutoff=cutoff)


def test_rivals_have_a_budget() -> None:
    with pytest.raises(OutOfTimeError, match=r"rivals of the law of 'theta' was not found .*compare\(run"):
        rivals(MODEL, "theta", **SETTINGS, timeout=1e-3)
