"""The rivals are proper laws, clearly different from the right one, and are what their names say."""

import math
from typing import Any

import numpy as np
import pytest
import sympy
from langevin_ib import models
from langevin_ib.dynamics import Ambient
from langevin_ib.errors import InvalidArgumentError, NotNormalizableError
from langevin_ib.rivals import rivals
from langevin_ib.theory import density

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
