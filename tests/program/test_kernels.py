"""Kernels: a model is recognised by its loss however it is written, and never mistaken for another."""

from __future__ import annotations

import time
from itertools import pairwise

import langevin_ib as lib
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from langevin_ib.sampling.loop.kernels import kernel_of, watchable

U, V = lib.parameters("u v")
HALF = sympy.Rational(1, 2)


def name_of(model: lib.Model, observable: str) -> str | None:
    """What the core calls an observable of a model."""
    return watchable(model, observable, kernel_of(model))


def model(loss, **observables) -> lib.Model:
    return lib.Model(parameters=(U, V), predictor={"p": U}, loss=sympy.sympify(loss), observables=observables)


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        ((U * V - 1) ** 2 / 2, 1.0),
        ((1 - V * U) ** 2 / 2, 1.0),
        (sympy.expand((U * V - 1) ** 2) / 2, 1.0),
        (0.5 * (U * V - 0.1) ** 2, 0.1),
        ((U * V - sympy.Rational(1, 10)) ** 2 / 2 + 7, 0.1),
        (U**2 * V**2 / 2, 0.0),
        (U**2 * V**2 / 2 + 3 * U * V, -3.0),
        ((U * V - sympy.sqrt(2)) ** 2 / 2, 2**0.5),
        ((U * V - 10**300) ** 2 / 2, 1e300),
    ],
)
def test_the_product_is_recognised(loss, target) -> None:
    kernel = kernel_of(model(loss))
    assert kernel.potential == "product"
    assert kernel.constants == (pytest.approx(target, rel=1e-15),)


@pytest.mark.parametrize(
    ("loss", "stiffness"),
    [
        (U**2 + V**2, 2.0),
        ((U**2 + V**2) / 2 - 5, 1.0),
        (0.1 * U**2 + V**2 / 10, 0.2),
        (sympy.pi * (U**2 + V**2), 6.283185307179586),
        (-(U**2) - V**2, -2.0),
        (U**2 * sympy.sin(1) ** 2 + U**2 * sympy.cos(1) ** 2 + V**2, 2.0),
    ],
)
def test_the_harmonic_is_recognised(loss, stiffness) -> None:
    kernel = kernel_of(model(loss))
    assert kernel.potential == "harmonic"
    assert kernel.constants == (pytest.approx(stiffness, rel=1e-15),)


@pytest.mark.parametrize("dim", [1, 2, 3, 7, 64])
def test_the_harmonic_is_recognised_in_any_dimension(dim) -> None:
    kernel = kernel_of(lib.models.harmonic(stiffness=3.0, dim=dim))
    assert (kernel.potential, kernel.constants) == ("harmonic", (3.0,))
    assert len(kernel.observables) == dim + 1


def test_many_dimensions_run() -> None:
    """The largest ready-made model: no recursion over its parameters."""
    large = lib.models.harmonic(dim=1000)
    settings = {"temperature": 0.0, "step_size": 0.5, "steps": 2, "walkers": 3, "progress": False}
    run = lib.sample(large, initial=[float(i) for i in range(1000)], **settings)
    assert run.states[2].tolist() == [i / 4 for i in range(1000)]


@pytest.mark.parametrize(
    "loss",
    [
        (U * V - 1) ** 2,
        (U * V - 1) ** 2 / 2 + U**2 / 2,
        (U * V - 1) ** 2 / 2 + U / 10**6,
        U**2 + 2 * V**2,
        U**2 + V**2 + U * V,
        U**2 + V**2 + U,
        U**2,
        U * V,
        sympy.S(3) + 0 * U,
        (U * V - 1) ** 4,
        U**2 * V**2 / 2 + U**4 * V**4,
        sympy.Float("0.5000000001") * (U * V - 1) ** 2,
        sympy.sin(U),
        sympy.exp(U * V),
        sympy.sqrt(U**2 + V**2),
        U**2.5 + V**2.5,
    ],
)
def test_other_losses_are_left_to_tapes(loss) -> None:
    assert kernel_of(model(loss)) is None


@pytest.mark.parametrize(
    "loss",
    [
        (U * V - 10**400) ** 2 / 2,
        10**400 * (U**2 + V**2),
        (U**2 + V**2) / sympy.Integer(10) ** 400,
        sympy.exp(1000) * (U**2 + V**2),
    ],
    ids=["large target", "stiff", "flat", "transcendental"],
)
def test_constants_that_no_double_holds_are_refused(loss) -> None:
    """They would become infinite, or zero, and the walkers NaN, or free."""
    with pytest.raises(UnsupportedModelError, match="range of doubles; rescale it"):
        kernel_of(model(loss))


class TestConfinement:
    def confined(self, loss, confinement) -> lib.Model:
        return lib.Model(parameters=(U, V), predictor={"p": U}, loss=loss, confinement=confinement)

    def test_a_multiple_of_the_squared_norm_is_a_weight_decay(self) -> None:
        """To the bit, whichever way it is said."""
        settings = {"temperature": 0.1, "step_size": 0.01, "steps": 50, "walkers": 64, "rng": 1, "progress": False}
        loss = (U * V - 1) ** 2 / 2
        plain, confined = self.confined(loss, 0), self.confined(loss, (U**2 + V**2) / 8)
        assert kernel_of(confined).weight_decay == 0.25
        wanted = lib.sample(plain, dynamics=lib.Ambient(weight_decay=0.25), **settings).states
        assert (lib.sample(confined, **settings).states == wanted).all()
        assert not (lib.sample(plain, **settings).states == wanted).all()

    def test_the_harmonic_takes_it_into_its_stiffness(self) -> None:
        kernel = kernel_of(self.confined(U**2 + V**2, (U**2 + V**2) / 4))
        assert (kernel.potential, kernel.constants, kernel.weight_decay) == ("harmonic", (2.5,), 0.0)

    @pytest.mark.parametrize(
        "confinement",
        [U**2, U**4 + V**4, U**2 + 2 * V**2, -(U**2) - V**2, U**2 + V**2 + U, sympy.Abs(U) + sympy.Abs(V)],
    )
    def test_others_are_not_taken_for_one(self, confinement) -> None:
        assert kernel_of(self.confined((U * V - 1) ** 2 / 2, confinement)) is None

    def test_data_are_left_to_tapes(self) -> None:
        y = sympy.IndexedBase("y")
        k = sympy.Symbol("k", integer=True)
        loss = (U * V - 1) ** 2 / 2 + y[0] * U * V + sympy.Sum(y[k], (k, 0, 1))
        with_data = lib.Model(parameters=(U, V), predictor={"p": U}, loss=loss, data={"y": [0.0, 0.0]})
        assert kernel_of(with_data) is None


class TestWatchable:
    @pytest.mark.parametrize(
        ("expression", "name"),
        [
            (U, "x0"),
            (V, "x1"),
            (U * V, "product"),
            (1.0 * V * U, "product"),
            ((U - V) * (U + V), "difference_of_squares"),
            (U**2 + V**2, "sum_of_squares"),
            ((U + V) ** 2 - 2 * U * V, "sum_of_squares"),
        ],
    )
    def test_observables_of_the_product(self, expression, name) -> None:
        assert name_of(model((U * V - 1) ** 2 / 2, q=expression), "q") == name

    @pytest.mark.parametrize("expression", [U**3, 2 * U, -U, U + V, U * V + 1, V**2 - U**2, sympy.sin(U)])
    def test_others_are_left_to_tapes(self, expression) -> None:
        assert name_of(model((U * V - 1) ** 2 / 2, q=expression), "q") is None

    @pytest.mark.parametrize("name", ["theta", "", None, 1])
    def test_unknown_names_are_refused(self, name) -> None:
        with pytest.raises(InvalidArgumentError, match="unknown observable"):
            name_of(model(U**2 + V**2), name)


class TestTime:
    """Whether there is a closed form is told from values: written out, these would have millions of terms."""

    def test_large_polynomials_are_not_written_out(self) -> None:
        x = lib.parameters("x:40")
        loss = sympy.Mul(*(1 + a**2 + b**2 for a, b in pairwise(x)))
        start = time.process_time()
        assert kernel_of(lib.Model(parameters=x, predictor={"p": x[0]}, loss=loss)) is None
        assert time.process_time() - start < 3.0

    def test_nor_are_observables(self) -> None:
        x = lib.parameters("x:40")
        product = sympy.Mul(*(1 + a**2 + b**2 for a, b in pairwise(x)))
        whole = lib.Model(parameters=x, predictor={"p": product}, loss=sympy.Add(*(a**4 for a in x)))
        start = time.process_time()
        assert name_of(whole, "p") is None
        assert name_of(whole, "x7") == "x7"
        assert time.process_time() - start < 3.0

    @pytest.mark.parametrize("loss", [U**2 + V**2 + U**3 / 10**6, (U * V - 1) ** 2 / 2 + U * V**2 / 10**6])
    def test_small_terms_are_seen(self, loss) -> None:
        assert kernel_of(model(loss)) is None
