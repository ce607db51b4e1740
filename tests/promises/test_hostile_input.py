"""Loud: walkers, observers, initial states and models that cannot be sampled end in an error that says why."""

from __future__ import annotations

import math

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError

NAN, INF = math.nan, math.inf
MODEL = lib.models.harmonic()
HISTOGRAM = lib.Histogram(range=(-1.0, 1.0))
VALID = {"temperature": 0.5, "step_size": 0.01, "steps": 10, "walkers": 8, "rng": 1, "threads": 1, "progress": False}


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


class TestWalkerSlices:
    @named(
        [
            slice(None),
            slice(3, None),
            slice(3, 3),
            slice(5, 3),
            slice(0, 0),
            slice(-3, 5),
            slice(0, -1),
            slice(0, 8, 2),
            slice(0, 8, -1),
            slice(0, 8, np.array([1, 2])),
            slice(0.0, 8),
            slice(0, 8.0),
            slice("a", "b"),
            slice(False, 8),
            slice(0, 2**41),
            slice(2**41, 2**42),
            slice(0, 2**40),
        ]
    )
    def test_refused(self, value) -> None:
        assert "walkers" in refused(walkers=value)

    @named([slice(8), slice(0, 8), slice(None, 8), slice(0, 8, 1), slice(np.int64(0), np.uint8(8), None)])
    def test_accepted(self, value) -> None:
        assert np.array_equal(sampled(walkers=value).states, sampled(walkers=8).states)


class TestObserve:
    @named([1, "x", HISTOGRAM, [("x", HISTOGRAM)], ("x",), {"x"}, object()])
    def test_no_mapping(self, value) -> None:
        assert "observe must map names" in refused(observe=value)

    @named([None, 1, "histogram", [HISTOGRAM], (HISTOGRAM, 1), lib.Histogram, {"x": HISTOGRAM}, ((HISTOGRAM,),)])
    def test_no_spec(self, value) -> None:
        assert "observe['x'] must be one of Histogram, Moments, Trace, States" in refused(observe={"x": value})

    def test_nothing_to_keep(self) -> None:
        assert "observe['x'] = () keeps nothing" in refused(observe={"x": ()})

    @named(["theta", "X", "", None, 1, ("x",)])
    def test_unknown_observable(self, value) -> None:
        assert "this model has x" in refused(observe={value: HISTOGRAM})

    @pytest.mark.parametrize(("burn_in", "every"), [(0, 11), (5, 6), (9, 2), (0, 2**53)])
    @pytest.mark.parametrize("spec", [lib.Trace, lib.Moments, lib.Histogram])
    def test_an_observer_that_never_looks(self, spec, burn_in, every) -> None:
        chosen = spec(every=every, **({"range": (0.0, 1.0)} if spec is lib.Histogram else {}))
        assert "never looks" in refused(observe={"x": chosen}, burn_in=burn_in)

    def test_absurd_sizes(self) -> None:
        assert "observe['x']" in refused(steps=10**12, observe={"x": lib.Trace(every=1)})
        assert "observe['x']" in refused(walkers=10**6, steps=10**6, observe={"x": lib.Trace(every=1)})
        # Many observers of one observable add up.
        assert "observe['x']" in refused(walkers=10, observe={"x": (lib.Histogram(bins=10**6, range=(0, 1)),) * 1000})
        with pytest.raises(InvalidArgumentError, match="bins"):
            lib.Histogram(bins=10**9, range=(0, 1))


class TestInitial:
    TWO = lib.models.harmonic(dim=2)

    @named(
        [
            "x",
            b"x",
            1j,
            True,
            [True, False],
            {},
            object(),
            [],
            [1.0],
            [1.0, 2.0, 3.0],
            [[1.0, 2.0]] * 7,
            [[1.0]] * 8,
            [[1.0, 2.0, 3.0]] * 8,
            [[[1.0, 2.0]] * 8],
            [[1, 2], [3]],
            ["1", "2"],
            [None, None],
            np.zeros((0, 2)),
            np.array([1, 2], dtype="datetime64[s]"),
            np.ma.array([1.0, 2.0], mask=[False, True]),
            10**400,
        ]
    )
    def test_shape_and_kind(self, value) -> None:
        message = refused(self.TWO, initial=value)
        assert message.startswith("initial")
        assert "(walkers, dim) = (8, 2)" in message

    @named([NAN, INF, [0.0, NAN], [0.0, -INF], np.longdouble("1e4000") if np.finfo(np.longdouble).max > 1e308 else INF])
    def test_numbers_that_are_not_finite(self, value) -> None:
        assert "walker 0 starts at" in refused(self.TWO, initial=value)

    def test_the_walker_is_named(self) -> None:
        initial = np.zeros((8, 2))
        initial[5, 1] = NAN
        assert "walker 5 starts at [0.0, nan]" in refused(self.TWO, initial=initial)

    def test_what_overflows_in_single_precision(self) -> None:
        assert "in float32 every coordinate must be" in refused(self.TWO, initial=[1e60, 0.0], dtype="float32")
        assert "in float32 every coordinate must be" in refused(
            self.TWO, initial=np.full((8, 2), 1e60), dtype="float32"
        )


def test_unsupported_functions_are_named() -> None:
    x = lib.parameters("x")
    x = x[0] if isinstance(x, tuple) else x
    strange = lib.Model(parameters=(x,), predictor={"x": x}, loss=sympy.gamma(x**2 + 1))
    assert "gamma" in refused(strange, UnsupportedModelError)
    strange = lib.Model(parameters=(x,), predictor={"x": x}, loss=x**2 / 2, observables={"odd": sympy.zeta(x)})
    assert "zeta" in refused(strange, UnsupportedModelError, observe={"odd": HISTOGRAM})
