"""A model is what its formulas say: checked on construction, compared by content, refused with reasons."""

import math
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.special
import sympy
from hypothesis import given
from hypothesis import strategies as st
from langevin_ib import models
from langevin_ib.errors import InvalidArgumentError, InvarianceError, UnsupportedModelError
from langevin_ib.model.expressions.expressions import compiled
from langevin_ib.model.expressions.jets import values_of
from langevin_ib.model.meaning import vanishes
from langevin_ib.model.model import Model, Scaling, parameters
from langevin_ib.process import Ambient

u, v, w = parameters("u v w")
THETA = sympy.Symbol("theta", real=True)


def product(**changes: Any) -> Model:
    settings: dict[str, Any] = {
        "parameters": (u, v),
        "predictor": {"theta": u * v},
        "loss": (u * v - 1) ** 2 / 2,
        "symmetry": Scaling({u: +1, v: -1}),
        "observables": {"imbalance": u**2 - v**2, "norm": u**2 + v**2},
    }
    return Model(**(settings | changes))


def test_parameters_are_real_symbols_in_a_tuple() -> None:
    assert parameters("a, b") == (sympy.Symbol("a", real=True), sympy.Symbol("b", real=True))
    assert isinstance(parameters("a"), tuple)


def test_parameters_that_jump_are_refused() -> None:
    """SymPy would take sin(pi n) for 0."""
    n = sympy.Symbol("n", integer=True)
    with pytest.raises(InvalidArgumentError, match="assumed to be an integer"):
        Model(parameters=(n,), predictor={"n": n}, loss=n**2)


@pytest.mark.parametrize("loss", [sympy.Lambda(u, u), sympy.Lambda(u, u**2), sympy.Matrix([u]), u < v, "u", [u], True])
def test_a_loss_that_is_no_scalar_is_refused(loss: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="loss must be a scalar SymPy expression"):
        Model(parameters=(u, v), predictor={"p": u}, loss=loss)


@pytest.mark.parametrize("names", ["", "  ", "a a", "1a", "lambda", 3, "a+b", ","])
def test_unusable_parameter_names_are_refused(names: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        parameters(names)


def test_the_ready_made_model_equals_the_one_typed_by_hand() -> None:
    typed, made = product(), models.scalar_product(target=1.0)
    assert typed == made
    assert hash(typed) == hash(made)
    assert typed != models.scalar_product(target=2.0)
    assert typed != product(observables={})
    assert pickle.loads(pickle.dumps(typed)) == typed
    assert repr(typed).startswith("Model(parameters=(u, v), predictor={'theta': u*v}, loss=(u*v - 1)**2/2")


def test_a_model_cannot_be_changed() -> None:
    model = product()
    with pytest.raises(AttributeError):
        model.loss = u  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        model.predictor["theta"] = u  # type: ignore[index]  # the point of the test
    with pytest.raises(TypeError):
        Scaling({u: 1}).weights[u] = 2  # type: ignore[index]  # the point of the test


def test_observables_are_found_by_name() -> None:
    model = product()
    assert model.observable_names == ("theta", "imbalance", "norm", "u", "v")
    assert model.observable("imbalance") == u**2 - v**2
    assert model.observable("v") == v
    with pytest.raises(
        InvalidArgumentError, match=r"unknown observable 'w'; this model has theta, imbalance, norm, u, v"
    ):
        model.observable("w")


@pytest.mark.parametrize(
    ("loss", "generator", "residual"),
    [((u - 1) ** 2, "(u) d/du + (-v) d/dv", "2*u*(u - 1)"), (u**2 + v**2, "(u) d/du + (-v) d/dv", "2*(u**2 - v**2)")],
)
def test_a_loss_that_is_not_invariant_is_refused_with_generator_and_residual(
    loss: sympy.Expr, generator: str, residual: str
) -> None:
    with pytest.raises(InvarianceError, match="loss = ") as caught:
        product(loss=loss)
    assert caught.value.generator == generator
    got, wanted = (sympy.sympify(text, {"u": u, "v": v}) for text in (caught.value.residual, residual))
    assert sympy.expand(got - wanted) == 0


def test_a_predictor_that_is_not_invariant_is_refused() -> None:
    with pytest.raises(InvarianceError, match="predictor 'sum'"):
        product(predictor={"sum": u + v})


@pytest.mark.parametrize(
    "loss",
    [
        sympy.sin(u * v) ** 2 + sympy.cos(u * v) ** 2 + u * v,
        sympy.log(u**2) + sympy.log(v**2),
        sympy.Abs(u * v),
        sympy.Abs(u) * sympy.Abs(v),
        sympy.Max(0, u * v),
        sympy.Piecewise((u * v, u * v > 1), (0, True)),
        sympy.sqrt(u**2) * v,
        sympy.tanh(0.3 * u * v - 0.1) ** 2 * 0.7,
        (u**2 * v + v / 3) ** 2 / (u + 1 / (3 * u)) ** 2,
        sympy.Integer(0),
    ],
)
def test_invariance_is_recognised_where_no_expansion_shows_it(loss: sympy.Expr) -> None:
    assert product(loss=loss, observables={}).loss == loss


@pytest.mark.parametrize("numbers", [None, [0.5, -2.0]])
def test_what_is_constant_between_jumps_is_invariant_only_if_it_does_not_jump(numbers: Any) -> None:
    k, y = sympy.Idx("k", 2), sympy.IndexedBase("y")

    def loss(of: sympy.Expr) -> dict[str, Any]:
        if numbers is None:
            return {"loss": sympy.sign(of - 1)}
        return {"loss": sympy.Sum(sympy.Heaviside(of * y[k] - 1), (k, 0, 1)), "data": {"y": np.array(numbers)}}

    for invariant in (u * v, sympy.Max(0, u) * v):
        product(**loss(invariant))
    with pytest.raises(InvarianceError, match=r"is 0 where it exists, but its value goes from .* along an orbit"):
        product(**loss(u))


def test_a_small_violation_is_still_a_violation() -> None:
    with pytest.raises(InvarianceError):
        product(loss=(u * v - 1) ** 2 + sympy.Rational(1, 10**9) * sympy.sin(u))


def test_weights_need_not_be_integers() -> None:
    scaling = Scaling({u: Fraction(1, 3), v: sympy.Rational(-2, 3)})
    assert product(predictor={"z": u**2 * v}, loss=(u**2 * v - 1) ** 2, symmetry=scaling).symmetry == scaling
    assert Scaling({u: 1.0, v: -1}) == Scaling({v: -1, u: 1})
    with pytest.raises(InvarianceError):
        product(symmetry=Scaling({u: 1, v: -2}))


@pytest.mark.parametrize("weights", [{}, {u: 0}, {u: np.nan}, {u: "1"}, {u: 1j}, {"u": 1}, {u: sympy.oo}, [u]])
def test_unusable_scalings_are_refused(weights: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        Scaling(weights)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parameters": ()}, "parameters must be"),
        ({"parameters": (u, u)}, "twice"),
        ({"parameters": (u, sympy.Symbol("v"))}, "not a real symbol"),
        ({"predictor": {}}, "empty"),
        ({"predictor": [u * v]}, "must map names"),
        ({"predictor": {"the ta": u * v}}, "identifier"),
        ({"predictor": {"class": u * v}}, "identifier"),
        ({"predictor": {"u": u * v}}, "'u' stands for both u and u\\*v"),
        ({"observables": {"theta": u}}, "'theta' stands for both"),
        ({"loss": "(u*v - 1)**2"}, "scalar SymPy expression"),
        ({"loss": None}, "scalar SymPy expression"),
        ({"loss": sympy.Matrix([u * v])}, "scalar SymPy expression"),
        ({"loss": u * v > 1}, "scalar SymPy expression"),
        ({"loss": u * v * sympy.Symbol("w")}, "depends on w"),
        ({"loss": sympy.Symbol("u") ** 2}, "another symbol"),
        ({"loss": sympy.I * u * v}, "not real"),
        ({"loss": sympy.nan}, "not finite"),
        ({"loss": sympy.oo * u * v}, "not finite"),
        ({"loss": sympy.Function("f")(u * v)}, "undefined functions"),
        ({"loss": sympy.Derivative((u * v) ** 2, u)}, r"Derivative\(u\*\*2\*v\*\*2, u\), .* call .doit\(\)"),
        ({"loss": sympy.Integral(u * v * w, (w, 0, 1))}, r"integrate it first, by .doit\(\)"),
        ({"loss": u * v - sympy.Integral(w**w, (w, 0, 1))}, r"Integral\(w\*\*w, \(w, 0, 1\)\), .* write sympy.N\(\)"),
        ({"loss": u * v - sympy.Subs(sympy.Derivative(sympy.sin(w), w), w, 1)}, r"write sympy.N\(\)"),
        ({"loss": u * v * sympy.AccumBounds(1, 2)}, r"AccumBounds\(1, 2\), .* give one number"),
        ({"loss": sympy.Trace(sympy.Matrix([[u * v]]))}, "call .doit"),
        ({"loss": sympy.Piecewise((u * v, sympy.Contains(u * v, sympy.Interval(0, 1))), (0, True))}, "comparisons"),
        ({"loss": sympy.SingularityFunction(u * v, 0, 1)}, "Max or Heaviside"),
        ({"loss": sympy.Limit(u * v * w, w, 1)}, "Limit"),
        ({"loss": sympy.DiracDelta(u * v)}, "DiracDelta"),
        ({"loss": u * v + sympy.O(u)}, "removeO"),
        ({"symmetry": {u: 1, v: -1}}, "must be a Scaling, a Translation, a Linear"),
        ({"symmetry": Scaling({u: 1, v: -1, sympy.Symbol("w", real=True): 1})}, "scales w"),
    ],
)
def test_bad_descriptions_are_refused_with_reasons(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        product(**changes)


def test_one_name_may_denote_one_thing_twice() -> None:
    assert models.harmonic(dim=2).observable_names == ("x0", "x1")


@pytest.mark.parametrize(
    "loss", [lambda z: (z - 1) ** 2 / 2, lambda z: z**4 - sympy.cos(z), sympy.Abs, lambda z: z * 0]
)
def test_the_loss_is_found_as_a_function_of_the_predictor(loss: Any) -> None:
    assert sympy.expand(models.scalar_product(loss=loss).loss_of_predictor() - loss(THETA)) == 0


def test_the_loss_of_several_predictors() -> None:
    a, b, c = parameters("a b c")
    model = Model(parameters=(a, b, c), predictor={"p": a * b + c, "q": c}, loss=(a * b + 2 * c) ** 2)
    p, q = sympy.symbols("p q", real=True)
    assert sympy.expand(model.loss_of_predictor() - (p + q) ** 2) == 0


def test_a_loss_that_is_no_function_of_the_predictor_is_said_to_be_none() -> None:
    with pytest.raises(UnsupportedModelError, match="could not be written"):
        product(loss=u**2, symmetry=None).loss_of_predictor()


@given(x=st.floats(-3, 3), y=st.floats(-3, 3))
def test_compiled_expressions_are_the_expressions(x: float, y: float) -> None:
    expression = (u * v - 1) ** 2 / 2 + sympy.exp(u)
    values = compiled(expression, (u, v))(np.array([x, 0.0]), np.array([[y], [1.0]]))
    assert values.shape == (2, 2)
    assert values[0, 0] == pytest.approx((x * y - 1) ** 2 / 2 + np.exp(x), rel=1e-13)
    assert compiled(sympy.Integer(3), (u,))(np.zeros(4)).tolist() == [3.0] * 4


def test_the_log_of_a_cosh_does_not_overflow() -> None:
    x = np.array([0.0, 1.0, -1e4, 1e300])
    values = compiled(sympy.log(2 * sympy.cosh(u)), (u,))(x)
    np.testing.assert_allclose(values, [math.log(2), math.log(2 * math.cosh(1)), 1e4, 1e300], rtol=1e-15)
    np.testing.assert_allclose(compiled(sympy.log(1 + sympy.cosh(u)), (u,))(x[2:]), np.abs(x[2:]) - math.log(2))
    np.testing.assert_allclose(
        compiled(sympy.log(sympy.cosh(u) ** 2), (u,))(x[1:3]), [2 * math.log(math.cosh(1)), 2e4 - 2 * math.log(2)]
    )
    np.testing.assert_allclose(compiled(sympy.log(2 + 3 * sympy.cosh(u) ** 3), (u,))(x[2:3]), [3e4 + math.log(3 / 8)])


def test_the_log_of_a_sum_of_exponentials_is_not_lost_to_rounding() -> None:
    both = compiled(sympy.log(sympy.exp(0.7 * u + 0.3 * v) + sympy.exp(0.7 * u - 0.3 * v)), (u, v))
    np.testing.assert_allclose(
        both(1e20 * np.arange(-9.0, 10.0, 2.0), np.ones(10)), 0.7e20 * np.arange(-9.0, 10.0, 2.0), rtol=1e-14
    )


@pytest.mark.parametrize(
    "f",
    [
        sympy.log(1 / (1 + sympy.exp(-u))),
        sympy.log(sympy.exp(u) / (2 * sympy.exp(u) + sympy.exp(3 * v))),
        sympy.log(sympy.sqrt(1 + sympy.exp(u - v)) / 3),
        sympy.log(sympy.cosh(u) ** 2) / 2,
        sympy.log((1 + sympy.exp(u)) ** 3 * sympy.cosh(v) / (sympy.exp(v) + 2) ** 2),
    ],
    ids=str,
)
@pytest.mark.parametrize("way", ["compiled", "walked"])
def test_logs_of_products_of_sums_of_exponentials_are_in_range(f: sympy.Expr, way: str) -> None:
    """Both ways to evaluate, which share nothing, against SymPy's own numbers of forty digits."""
    points = np.array([[0.3, -0.2], [40.0, -37.0], [-900.0, 2.0], [900.0, 1e3], [-1e5, -1e4], [2e6, -3.0]]).T
    values = compiled(f, (u, v))(*points) if way == "compiled" else values_of(f, {u: points[0], v: points[1]}, {})
    exact = [float(f.subs({u: sympy.Rational(a), v: sympy.Rational(b)}).evalf(40)) for a, b in points.T.tolist()]
    assert (np.abs(values - exact) <= 1e-15 * (1.0 + np.abs(points).sum(axis=0)) + 1e-13 * np.abs(exact)).all()


def test_logs_of_nothing_and_of_negative_numbers_stay_what_they_are() -> None:
    at = np.array([0.0, -1.0, 400.0])
    for f, expected in (
        (sympy.log(u**2), [-np.inf, 0.0, 2.0 * math.log(400.0)]),
        (sympy.log(u * (1 + sympy.exp(u * u))), [-np.inf, np.nan, 160000.0 + math.log(400.0)]),
        (sympy.log(sympy.exp(u * u) - 1), [-np.inf, math.log(math.e - 1.0), np.inf]),
    ):
        np.testing.assert_allclose(values_of(f, {u: at}, {}), expected, rtol=1e-14)


def test_closed_gates_keep_their_digits() -> None:
    x = np.array([-10.0, -0.3, 0.0, 3.0])
    for f, expected in (
        (1 + sympy.erf(u), scipy.special.erfc(-x)),
        (2 - 2 * sympy.erf(-3 * u), 2 * scipy.special.erfc(-3 * x)),
        (sympy.erf(u) - 1, -scipy.special.erfc(x)),
        (sympy.tanh(u) + 1, 2 / (1 + np.exp(-2 * x))),
        (sympy.Rational(1, 2) - sympy.tanh(u) / 2, 1 / (1 + np.exp(2 * x))),
        (1 + sympy.erf(u) / 2, 1 + scipy.special.erf(x) / 2),
    ):
        np.testing.assert_allclose(compiled(f, (u,))(x), expected, rtol=1e-14)
    assert compiled(1 + sympy.tanh(u), (u,))(np.array([-800.0, 800.0])).tolist() == [0.0, 2.0]


def test_deltas_are_compared_point_by_point() -> None:
    delta = compiled(sympy.KroneckerDelta(u, v) + u, (u, v))
    assert delta(np.array([1.0, 2.0]), np.array([1.0, 3.0])).tolist() == [2.0, 2.0]


def test_a_function_that_neither_numpy_nor_scipy_has_is_named() -> None:
    with pytest.raises(UnsupportedModelError, match="have no dirichlet_eta"):
        compiled(sympy.dirichlet_eta(u), (u,))


def test_what_vanishes_and_what_does_not() -> None:
    assert vanishes((u + v) ** 2 - u**2 - 2 * u * v - v**2, (u, v))
    assert vanishes(sympy.exp(u + v) - sympy.exp(u) * sympy.exp(v), (u, v))
    assert not vanishes(sympy.exp(u) - sympy.exp(v), (u, v))
    assert not vanishes(sympy.Rational(1, 10**12) * u, (u, v))
    assert vanishes(sympy.sin(0.1 * u + 0.2 * u) - sympy.sin(0.3 * u), (u,))


def test_harmonic_and_ambient_potential() -> None:
    model = models.harmonic(stiffness=3.0, dim=2)
    x0, x1 = model.parameters
    assert sympy.expand(model.loss - sympy.Rational(3, 2) * (x0**2 + x1**2)) == 0
    assert sympy.expand(Ambient(0.5).potential(model) - 1.75 * (x0**2 + x1**2)) == 0
    assert Ambient().potential(model) == model.loss


@pytest.mark.parametrize("weight_decay", [-1.0, np.nan, np.inf, "1", None, True])
def test_bad_weight_decays_are_refused(weight_decay: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="weight_decay"):
        Ambient(weight_decay=weight_decay)


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.scalar_product(target=np.inf),
        lambda: models.scalar_product(target=2.0, loss=lambda z: z**2),
        lambda: models.scalar_product(loss=3),  # type: ignore[arg-type]  # the point of the test
        lambda: models.harmonic(stiffness=0.0),
        lambda: models.harmonic(dim=0),
        lambda: models.harmonic(dim=10**9),
    ],
)
def test_bad_settings_of_ready_made_models_are_refused(build: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        build()
