"""The temperature is sigma**2 / beta, stated once and in one way."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.temperature import resolve_temperature

moderate = st.floats(1e-6, 1e6)


@given(beta=moderate, sigma=moderate)
def test_beta_and_sigma_give_sigma_squared_over_beta(beta: float, sigma: float) -> None:
    assert resolve_temperature(beta, sigma) == pytest.approx(sigma**2 / beta, rel=1e-15)


def test_sigma_is_one_by_default() -> None:
    assert resolve_temperature(beta=4.0) == 0.25


def test_temperature_is_taken_as_it_is() -> None:
    assert resolve_temperature(temperature=0.3) == 0.3


@pytest.mark.parametrize("extra", [{"beta": 1.0}, {"sigma": 1.0}, {"beta": 1.0, "sigma": 1.0}])
def test_temperature_and_beta_are_never_mixed(extra: dict[str, float]) -> None:
    with pytest.raises(InvalidArgumentError, match="not both"):
        resolve_temperature(temperature=0.1, **extra)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "no temperature was given"),
        ({"sigma": 1.0}, "without beta"),
        ({"temperature": 0.0}, "temperature must be > 0"),
        ({"temperature": -1.0}, "temperature must be > 0, got -1.0"),
        ({"temperature": math.nan}, "temperature must be finite"),
        ({"temperature": math.inf}, "temperature must be finite"),
        ({"temperature": True}, "temperature must be a real number"),
        ({"temperature": "0.1"}, "temperature must be a real number"),
        ({"temperature": 1j}, "temperature must be a real number"),
        ({"beta": 0.0}, "beta must be > 0"),
        ({"beta": -2.0}, "beta must be > 0"),
        ({"beta": 1.0, "sigma": 0.0}, "sigma must be > 0"),
        ({"beta": 1e-300, "sigma": 1e200}, "out of the range of doubles"),
        ({"beta": 1e300, "sigma": 1e-100}, "out of the range of doubles"),
    ],
)
def test_bad_temperatures_are_refused_by_name(arguments: dict[str, float], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        resolve_temperature(**arguments)


def test_zero_temperature_is_gradient_descent_and_only_on_request() -> None:
    assert resolve_temperature(temperature=0.0, allow_zero=True) == 0.0
    assert resolve_temperature(beta=2.0, sigma=0.0, allow_zero=True) == 0.0
    with pytest.raises(InvalidArgumentError, match="temperature must be >= 0"):
        resolve_temperature(temperature=-0.1, allow_zero=True)
