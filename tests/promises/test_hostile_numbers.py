"""Loud: wrong numbers and choices passed to `sample` end in an error that names argument, value and remedy."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import InvalidArgumentError, LangevinError

NAN, INF = math.nan, math.inf
MODEL = lib.models.harmonic()
VALID = {"temperature": 0.5, "step_size": 0.01, "steps": 10, "walkers": 8, "rng": 1, "threads": 1, "progress": False}

NO_NUMBER = [
    None,
    "x",
    b"x",
    1j,
    np.complex128(1),
    [],
    {},
    (),
    object(),
    slice(3),
    range(3),
    float,
    np.array([0.5]),
    NAN,
    INF,
]
NO_REAL = [
    *NO_NUMBER,
    True,
    np.True_,
    -INF,
    -1,
    -1e-300,
    np.float32(NAN),
    np.array(0.5),
    Decimal("0.1"),
    10**400,
    -(10**400),
]
NO_REAL += [Fraction(10**5000), 10**5000]
NO_INT = [
    *NO_NUMBER,
    True,
    np.True_,
    1.0,
    np.float64(1.0),
    np.array(3),
    np.array([1, 2]),
    Fraction(1, 2),
    Decimal(1),
    "10",
]
TOO_LARGE = [2**63, 2**64, 2**128, 10**5000]
NO_CHOICE = [
    None,
    1,
    True,
    "x",
    b"float64",
    "",
    [],
    ["mala"],
    np.array(["mala", "mala"]),
    np.array([1, 2]),
    object(),
    int,
    NAN,
]


def sampled(model=MODEL, **changes) -> lib.Run:
    return lib.sample(model, **(VALID | changes))


def refused(model=MODEL, error=InvalidArgumentError, **changes) -> str:
    with pytest.raises(error) as caught:
        sampled(model, **changes)
    message = str(caught.value)
    assert len(message) < 700
    return message


def named(values):
    """Parametrise with a value; its repr may be long, or differ between runs."""
    return pytest.mark.parametrize(
        "value", values, ids=[f"{i}-{type(value).__name__}" for i, value in enumerate(values)]
    )


class TestNumbers:
    @named([*NO_REAL, 0, 0.0, 5e-324])
    def test_step_size(self, value) -> None:
        assert "step_size" in refused(step_size=value)

    @named([value for value in NO_REAL if value is not None])
    def test_temperature(self, value) -> None:
        assert "temperature" in refused(temperature=value)

    @named([*(value for value in NO_REAL if value is not None), 0, 0.0])
    def test_beta(self, value) -> None:
        assert "beta" in refused(temperature=None, beta=value)

    @named([value for value in NO_REAL if value is not None])
    def test_sigma(self, value) -> None:
        assert "sigma" in refused(temperature=None, beta=2.0, sigma=value)

    @named([*NO_INT, *TOO_LARGE, 0, -1, -(2**200), np.int64(0), np.int8(-1)])
    def test_steps(self, value) -> None:
        assert "steps" in refused(steps=value)

    @named([*NO_INT, *TOO_LARGE, -1, 10, 11, np.int64(10)])
    def test_burn_in(self, value) -> None:
        assert "burn_in" in refused(burn_in=value)

    @named([*(v for v in NO_INT if not isinstance(v, slice)), *TOO_LARGE, 0, -1, 2**50, 2**40, 2**40 + 1])
    def test_walkers(self, value) -> None:
        assert "walkers" in refused(walkers=value)

    @named([*(value for value in NO_INT if value is not None), *TOO_LARGE, 0, -1, 1025])
    def test_threads(self, value) -> None:
        assert "threads" in refused(threads=value)

    @named([*NO_INT, *TOO_LARGE, 0, -1, 1, 65_537])
    def test_block(self, value) -> None:
        assert "block" in refused(block=value)

    def test_scalars_of_any_real_kind_work(self) -> None:
        reference = sampled(temperature=0.5, step_size=0.25)
        for kind in (np.float64, np.float32, np.float16, np.longdouble, Fraction):
            assert np.array_equal(sampled(temperature=kind(0.5), step_size=kind(0.25)).states, reference.states)

    @pytest.mark.parametrize("kind", [np.int64, np.int32, np.int8, np.uint8, np.uint64])
    def test_scalars_of_any_integer_kind_work(self, kind) -> None:
        observe = {"x": (lib.Moments(every=kind(2)), lib.Histogram(bins=kind(5), range=(kind(0), kind(1))))}
        integers = {"steps": 100, "walkers": 100, "burn_in": 50, "threads": 1, "block": 64}
        run = sampled(**{name: kind(value) for name, value in integers.items()}, observe=observe)
        reference = sampled(**integers, observe={"x": (lib.Moments(every=2), lib.Histogram(bins=5, range=(0, 1)))})
        assert run["x"] == reference["x"]
        # Settings hold plain numbers, whose products cannot wrap around.
        assert run.settings == reference.settings
        assert {type(run.settings.steps), type(run.settings.burn_in), type(run.machine.threads)} == {int}

    @pytest.mark.parametrize(
        ("wrong", "hint"),
        [
            ({"temperature": None}, "no temperature was given"),
            ({"beta": 1.0}, "not both"),
            ({"sigma": 1.0}, "not both"),
            ({"temperature": None, "sigma": 1.0}, "without beta"),
            ({"temperature": None, "beta": 1e-300, "sigma": 1e300}, "rescale"),
            ({"temperature": None, "beta": 1e300, "sigma": 1e-300}, "rescale"),
            ({"temperature": 0.0, "scheme": "mala"}, "mala"),
            ({"temperature": 1e-310}, "too small"),
            ({"temperature": 1e-39, "dtype": "float32"}, "float32"),
            ({"step_size": 1e-39, "dtype": "float32"}, "float32"),
            ({"temperature": 1e-200, "step_size": 1e-200}, "2 \\* temperature \\* step_size"),
        ],
    )
    def test_temperatures_and_steps_that_make_no_sense_together(self, wrong, hint) -> None:
        with pytest.raises(InvalidArgumentError, match=hint):
            sampled(**wrong)

    @pytest.mark.parametrize(
        "wrong", [{"temperature": 1e300}, {"step_size": 1e200}, {"temperature": 1e80, "dtype": "float32"}]
    )
    def test_absurdly_large_steps_diverge(self, wrong) -> None:
        assert "diverged at step 1" in refused(error=lib.errors.DivergenceError, **wrong)


class TestChoices:
    @pytest.mark.parametrize("name", ["scheme", "dtype", "noise"])
    @named(NO_CHOICE)
    def test_unknown_names(self, name, value) -> None:
        message = refused(**{name: value})
        assert message.startswith(f"{name}=")
        assert "choose one of" in message

    @named([value for value in NO_CHOICE if value is not None])
    def test_level(self, value) -> None:
        assert "portable" in refused(level=value)

    @pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32"), np.str_("float32")])
    def test_dtypes_of_numpy_work(self, dtype) -> None:
        run = sampled(dtype=dtype)
        assert run.states.dtype == np.float32
        assert run.settings == sampled(dtype="float32").settings

    @named([np.float16, np.dtype("int64"), np.dtype(">f8"), float, "f8"])
    def test_other_dtypes(self, value) -> None:
        assert "choose one of 'float64', 'float32'" in refused(dtype=value)

    @named([0, 1, "yes", NAN, [], np.array([1, 2]), np.True_])
    def test_progress(self, value) -> None:
        assert "progress=" in refused(progress=value)

    @named(["seed", b"seed", NAN, 0.5, -1, [-1], [0.5], object(), np.array([0.5]), Fraction(1, 2), {"a": 1}, int])
    def test_rng(self, value) -> None:
        assert "rng=" in refused(rng=value)

    @named([None, "x", 1, lib.models, MODEL.loss, lib.models.harmonic])
    def test_model(self, value) -> None:
        assert "model must be a Model" in refused(value)

    @named(["ambient", 0.1, lib.Ambient, object(), {}])
    def test_dynamics(self, value) -> None:
        assert "dynamics must be one of Ambient" in refused(dynamics=value)

    def test_everything_after_the_model_has_a_name(self) -> None:
        with pytest.raises(TypeError):
            lib.sample(MODEL, lib.Ambient(), **VALID)


def test_every_refusal_is_a_langevin_error_and_a_value_error() -> None:
    with pytest.raises(ValueError, match="steps") as caught:
        sampled(steps=0)
    assert isinstance(caught.value, LangevinError)
