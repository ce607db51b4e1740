"""Verdicts on what an expression is, against brute force: values at dense points along orbits, near and far out."""

from __future__ import annotations

import math
import time

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langevin_ib import models
from langevin_ib.errors import InvalidArgumentError, InvarianceError
from langevin_ib.laws.families.block import Block, BlockStrength
from langevin_ib.laws.families.matrix import MatrixLaw
from langevin_ib.laws.request import LawRequest
from langevin_ib.model.meaning import is_invariant, is_separable, same_function, telling_points, vanishes
from langevin_ib.process import Process
from langevin_ib.sampling.loop.kernels import kernel_of

A, W, B = lib.parameters("a w b")
X, Y, K = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Idx("k", 4)
DATA = {"X": np.array([0.5, -1.0, 2.0, 0.3])}
SCALING = lib.Scaling({A: 1, W: -1})
Piecewise = sympy.Piecewise

# Other examples in each run. What fails is printed with a blob that repeats it, by @reproduce_failure.
LOOK = settings(
    max_examples=150, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck), database=None
)


def clip(z, low, high):
    return sympy.Min(high, sympy.Max(low, z))


def model(f, *, data=None, symmetry=SCALING):
    return lib.Model(parameters=(A, W), predictor={"f": A * W}, loss=f, data=data or {}, symmetry=symmetry)


FAR_OUT = {
    "clip": lambda z: A * clip(z, 0, 6),
    "clip on both sides": lambda z: A * clip(z, -3000, 3000),
    "piecewise": lambda z: A * Piecewise((z, z < 10**5), (10**5, True)),
    "a narrow piece": lambda z: A * z + Piecewise((1, sympy.And(z > 100, z < sympy.Rational(1001, 10))), (0, True)),
    "a narrow piece in between": lambda z: A * z + Piecewise((1, (z - 100) * (z - 101) < 0), (0, True)),
    "saturation": lambda z: A * z * sympy.tanh(z * 10**8),
    "a jump": lambda z: A * z + sympy.Heaviside(z - 4000),
    "whole parts": lambda z: A * z + sympy.floor(z / 1000),
    "remainders": lambda z: A * z + sympy.Mod(z, 500),
    "a kink": lambda z: A * z + sympy.Max(0, z - 10**7),
    "the smaller": lambda z: sympy.Min(A * z, z + 200),
    "a step": lambda z: A * z + (1 + sympy.tanh(50 * (z - 10))) / 2,
    "a bump": lambda z: A * z + sympy.exp(-((100 - z) ** 2)),
    "a disc": lambda z: A * z + Piecewise((1, (A - 100) ** 2 + (z + 300) ** 2 < 1), (0, True)),
    "a choice of choices": lambda z: Piecewise((A * z, sympy.ITE(z > 0, z < 900, z > -900)), (0, True)),
    "a period": lambda z: A * z + sympy.sin(2 * sympy.pi * sympy.log(sympy.Abs(z)) / sympy.log(2)),
}


@pytest.mark.parametrize("name", FAR_OUT)
@pytest.mark.parametrize("kind", ["predictor", "loss", "loss with data"])
def test_what_is_invariant_near_0_only_is_refused(name, kind) -> None:
    f = FAR_OUT[name](W)
    build = {
        "predictor": lambda: lib.Model(parameters=(A, W), predictor={"f": f}, loss=A * W, symmetry=SCALING),
        "loss": lambda: model(f),
        "loss with data": lambda: model(sympy.Sum(FAR_OUT[name](W * X[K]) * X[K], (K, 0, 3)), data=DATA),
    }[kind]
    with pytest.raises(InvarianceError, match="not invariant under the symmetry"):
        build()


def test_a_clip_that_is_refused_would_have_moved_the_predictor() -> None:
    """The negative control: without the check, balancing (0.05, 12) takes f from 0.3 to 0.6."""
    f = A * clip(W, 0, 6)
    content = {"parameters": (A, W), "predictor": {"f": f}, "loss": f**2, "symmetry": SCALING}
    a, w = lib.balance(lib.Model.trusted(content), [0.05, 12.0])
    assert float(f.subs({A: a, W: w})) == pytest.approx(0.6)
    with pytest.raises(InvarianceError):
        lib.Model(**content)


def test_the_message_names_a_point_and_both_values() -> None:
    with pytest.raises(InvarianceError, match=r"value goes from (\S+) to (\S+) along an orbit, that of a = ") as caught:
        model(sympy.sign(A * W) + sympy.Heaviside(W - 4000))
    assert caught.value.residual.startswith("from ")


INVARIANT = {
    "an extreme of invariants": Piecewise((A * W, A * W > 1), (1, True)) + sympy.Max(A * W, -3),
    "homogeneous pieces": A * Piecewise((W, W > 0), (W / 10, True)),
    "an inactive piece": A * W + sympy.Max(0, -(W**2) - 1),
    "logarithms": sympy.log(sympy.Abs(A)) + sympy.log(sympy.Abs(W)),
    "powers of logarithms": sympy.exp(2 * sympy.log(A**2) + 2 * sympy.log(W**2)),
    "terms that cancel": sympy.tanh((A + 1) * W - W),
    "quotients": (A**2 * W + W / 3) ** 2 / (A + 1 / (3 * A)) ** 2,
    "hidden squares": sympy.sqrt(sympy.expand((A * W - 3) ** 2)),
    "an angle": sympy.atan2(A, 1 / W) + sympy.sin(A * W) ** 2 + sympy.cos(A * W) ** 2,
    "signs": sympy.sign(A) * sympy.Heaviside(W) + sympy.floor(A * W) + sympy.Mod(A * W, 3),
    "conditions": Piecewise((1, sympy.Or(A > 0, sympy.And(W < 0, A * W > 2))), (2, sympy.Not(W > 0)), (3, True)),
    "the same in other words": sympy.Max(A, 1 / W) * W + sympy.Min(A * W, 1),
    "functions that NumPy does not have": sympy.zeta(2 + sympy.exp((A + 1) * W - W)) + sympy.Max(0, A) * W,
    "and no proof": sympy.zeta(3 + A**2 / (A + 1 / A) ** 2 * (1 + 1 / A**2) ** 2) + A * W,
    "irrational powers": sympy.Abs(A) ** sympy.sqrt(2) * sympy.Abs(W) ** sympy.sqrt(2),
}


@pytest.mark.parametrize("name", INVARIANT)
def test_what_is_invariant_is_accepted_however_it_is_written(name) -> None:
    f = INVARIANT[name]
    assert model(f).loss == f
    assert model(sympy.Sum(X[K] * f.subs(W, X[K] * W), (K, 0, 3)), data=DATA)


def test_rotations_and_general_linear_groups() -> None:
    turn = lib.Linear([[[0, -1], [1, 0]]])
    radius = sympy.sqrt(A**2 + W**2)
    assert model(sympy.Max(0, radius - 5), symmetry=None)
    for f, right in [
        (sympy.Min(7, radius), True),
        (sympy.Max(A, W, radius), True),  # the radius is never exceeded
        (radius + sympy.Max(0, A - 400), False),
        (sympy.Heaviside(radius - 300) * radius, True),
        (sympy.Heaviside(A - 300) + radius, False),
    ]:
        content = {"parameters": (A, W), "predictor": {"r": radius}, "loss": f, "symmetry": turn}
        if right:
            assert lib.Model(**content)
        else:
            with pytest.raises(InvarianceError):
                lib.Model(**content)


# One drawn expression of invariants and others, and what it is worth along orbits.

LEVELS = st.sampled_from([0, 1, -2, sympy.Rational(1, 3), 7, -40, 300, -5000, 10**5])
INVARIANTS = [
    A * W,
    sympy.Max(0, A) * W,
    sympy.Abs(A) * sympy.Abs(W),
    sympy.sign(A),
    A * Piecewise((W, W > 0), (0, True)),
]
OTHERS = [A, W, A + W, A**2 * W, A - 3 * W]


def larger(part):
    pairs = st.tuples(part, part)
    return st.one_of(
        st.builds(sympy.Max, part, LEVELS),
        st.builds(lambda f, c: clip(f, -abs(c) - 1, abs(c) + 1), part, LEVELS),
        st.builds(lambda p, c: Piecewise((p[0], p[1] > c), (p[0] + 1, True)), pairs, LEVELS),
        st.builds(lambda p, c: p[0] * sympy.Heaviside(p[1] - c), pairs, LEVELS),
        st.builds(lambda p: p[0] + p[1], pairs),
        st.builds(lambda p: p[0] * p[1], pairs),
        st.builds(lambda f: sympy.tanh(f) + f, part),
        st.builds(lambda f, c: sympy.Abs(f - c), part, LEVELS),
    )


OF_INVARIANTS = st.recursive(st.sampled_from(INVARIANTS), larger, max_leaves=4)
OF_ANYTHING = st.recursive(st.one_of(st.sampled_from(INVARIANTS), st.sampled_from(OTHERS)), larger, max_leaves=4)


def brute_force(f) -> float:
    """Return the largest change along orbits, as a share of what the values are, by NumPy at many points."""
    rng = np.random.default_rng(1)
    sizes = 10.0 ** rng.uniform(-4.0, 6.0, size=(2, 4000))
    a, w = sizes * rng.choice([-1.0, 1.0], size=sizes.shape)
    # Steps inside of steps, and choices among conditions, are too much for SymPy's own code.
    steps = f.replace(sympy.Heaviside, lambda z, _: (1 + sympy.sign(z)) / 2)
    plain = steps.replace(sympy.ITE, lambda c, x, y: sympy.Or(sympy.And(c, x), sympy.And(sympy.Not(c), y)))
    function = sympy.lambdify((A, W), plain, "numpy")
    with np.errstate(all="ignore"):
        start = function(a, w) + 0.0 * a
        worst = 0.0
        for s in (2.0**-13, 0.25, 4.0, 2.0**13):
            end = function(s * a, w / s) + 0.0 * a
            share = np.abs(end - start) / (np.abs(end) + np.abs(start) + 1e-12 * (np.abs(a) + np.abs(w)) ** 3 + 1e-9)
            worst = max(worst, float(np.nanmax(share)))
    return worst


class TestAgainstBruteForce:
    """No wrong yes, whatever was drawn; no wrong no for what is made of invariants."""

    @given(OF_ANYTHING)
    @LOOK
    def test_what_is_accepted_does_not_change_along_orbits(self, f) -> None:
        matrices = SCALING.matrices((A, W))
        if is_invariant(f, matrices, (A, W)):
            assert brute_force(f) < 1e-3

    @given(OF_INVARIANTS)
    @LOOK
    def test_functions_of_invariants_are_accepted(self, f) -> None:
        assert is_invariant(f, SCALING.matrices((A, W)), (A, W))

    @given(OF_INVARIANTS, st.sampled_from(OTHERS[:3]), st.sampled_from([50, 700, -700, 20_000]))
    @LOOK
    def test_what_is_wrong_in_one_place_is_refused(self, f, other, far) -> None:
        """A piece on which something else is added, far out."""
        beyond = other > far if far > 0 else other < far
        spoiled = f + Piecewise((other - far, beyond), (0, True))
        assert not is_invariant(spoiled, SCALING.matrices((A, W)), (A, W))

    @given(OF_ANYTHING, st.sampled_from(OTHERS), LEVELS)
    @LOOK
    def test_what_differs_somewhere_is_not_the_same(self, f, other, level) -> None:
        assert same_function(f, f + sympy.Max(other, level) - sympy.Max(level, other), (A, W))
        assert not same_function(f, f + sympy.Max(other, level) - other, (A, W))
        assert not same_function(f, f + sympy.Heaviside(other - level), (A, W))


def test_every_piece_is_visited() -> None:
    """Conditions that random points do not meet; the number of points in each is counted."""
    thin = sympy.Rational(1, 10**6)
    for condition, holds in [
        (A > 10**8, lambda a, w: a > 1e8),
        ((A - 100) * (A - 101) < 0, lambda a, w: (a > 100) & (a < 101)),
        (sympy.And(A > 10**4, 10**4 + thin > A), lambda a, w: (a > 1e4) & (a < 1e4 + 1e-6)),
        (thin * 10**4 > (A - 100) ** 2 + (W + 300) ** 2, lambda a, w: (a - 100) ** 2 + (w + 300) ** 2 < 0.01),
        (thin**2 > A**2 + W**2, lambda a, w: a**2 + w**2 < 1e-12),
        (sympy.sin(A) > sympy.Rational(999, 1000), lambda a, w: np.sin(a) > 0.999),
        (A * W > 10**7, lambda a, w: a * w > 1e7),
    ]:
        points = telling_points([Piecewise((1, condition), (0, True))], (A, W), {})
        inside = holds(*points)
        assert 0 < inside.sum() < inside.size, condition


class TestExactly:
    def test_differences_behind_the_last_digit(self) -> None:
        small = sympy.Rational(1, 10**30)
        assert not vanishes(sympy.sin(A) ** 2 + sympy.cos(A) ** 2 - 1 - small, (A,))
        assert vanishes(sympy.sin(A) ** 2 + sympy.cos(A) ** 2 - 1, (A,))
        with pytest.raises(InvarianceError):
            model(sympy.sin(A * W) ** 2 + small * sympy.Max(0, W))

    def test_numbers_that_end_are_not_exact(self) -> None:
        assert vanishes(sympy.sin(0.1 * A + 0.2 * A) - sympy.sin(0.3 * A), (A,))
        assert vanishes(1e-14 * sympy.tanh(A) + 0.5 * A - A * 0.5 - sympy.Float("1e-14") * sympy.tanh(A), (A,))

    def test_underflow_is_no_difference(self) -> None:
        assert vanishes(sympy.exp(A + W) - sympy.exp(A) * sympy.exp(W), (A, W))
        assert vanishes(sympy.exp(-(A**2)) * sympy.exp(A**2) - 1, (A,))

    def test_what_has_no_value_is_neither(self) -> None:
        with pytest.raises(InvalidArgumentError, match="cannot evaluate"):
            vanishes(sympy.log(-sympy.exp(A) - 1) - sympy.log(-sympy.exp(A) - 2), (A,))


@pytest.mark.parametrize(
    ("expression", "right"),
    [
        (A**2 + W * B, True),
        ((A + 1) ** 2 * 3 + sympy.Max(W, B), True),
        (sympy.Sum(X[K] * (A**2 + W) + X[K] ** 2 * B, (K, 0, 3)), True),
        (sympy.log(sympy.exp(A) * sympy.exp(W * B)), True),
        (A * W, False),
        (A**2 + W + sympy.Max(0, A + W - 1000), False),
        (sympy.Max(A + W, -(10**6)), False),
        (sympy.Sum(clip(X[K] * (A + W), -5000, 5000), (K, 0, 3)), False),
    ],
    ids=str,
)
def test_separability(expression, right) -> None:
    assert is_separable(expression, {A}, (A, W, B), DATA if expression.has(sympy.Sum) else {}) is right


class TestTheLossAsAFunctionOfThePredictor:
    def test_a_clip_far_out_is_none(self) -> None:
        loss = (A * clip(W, -3, 3) - 1) ** 2 / 2
        built = lib.Model(parameters=(A, W), predictor={"theta": A * W}, loss=loss)
        with pytest.raises(lib.errors.UnsupportedModelError, match="could not be written"):
            built.loss_of_predictor()

    @pytest.mark.long
    def test_its_law_is_none_of_the_product_model(self) -> None:
        """P(|theta| < 1/2) under exp(-V), by a sum over a grid."""
        loss = (A * clip(W, -3, 3) - 1) ** 2 / 2
        built = lib.Model(parameters=(A, W), predictor={"theta": A * W}, loss=loss)
        law = lib.density(built, "theta", dynamics=lib.Ambient(weight_decay=0.01), temperature=1.0)
        grid = np.linspace(-60.0, 60.0, 6001)
        a, w = grid[:, None], grid[None, :]
        weight = np.exp(-((a * np.clip(w, -3, 3) - 1) ** 2) / 2 - 0.005 * (a**2 + w**2))
        wanted = weight[np.abs(a * w) < 0.5].sum() / weight.sum()
        assert wanted == pytest.approx(0.2269, abs=2e-3)
        assert law.cdf(0.5) - law.cdf(-0.5) == pytest.approx(wanted, abs=2e-3)

    def test_a_clip_of_the_predictor_is_one(self) -> None:
        loss = clip(A * W, -3, 3) ** 2
        built = lib.Model(parameters=(A, W), predictor={"theta": A * W}, loss=loss)
        theta = sympy.Symbol("theta", real=True)
        assert built.loss_of_predictor() == clip(theta, -3, 3) ** 2


@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: models.relu_network(5, 10, data=(x[:, :5], y)),
        lambda x, y: models.relu_network(10, 30, data=(x, y)),
        lambda x, y: models.matrix_factorization(6, 6, 3, group="gl"),
        lambda x, y: models.attention(4, 2, 2, group="gl"),
        lambda x, y: models.total_variation(20),
    ],
)
def test_building_a_model_takes_less_than_a_second(build) -> None:
    """Most of them a tenth of that; the processor's time counts, and others may be using the machine."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 10)), rng.normal(size=50)
    build(x, y)  # what SymPy loads and caches once
    started = time.process_time()
    build(x + 1.0, y)
    assert time.process_time() - started < 1.0


def test_infinite_mass_is_not_concluded_from_what_is_near() -> None:
    """Constant along orbits up to |a| = 100, and confining beyond."""
    wall = sympy.Max(0, sympy.Abs(A) - 100) ** 2 + sympy.Max(0, sympy.Abs(W) - 100) ** 2
    built = lib.Model(
        parameters=(A, W), predictor={"theta": A * W}, loss=(A * W - 1) ** 2 / 2, confinement=wall, symmetry=SCALING
    )
    assert not is_invariant(lib.Ambient().potential(built), SCALING.matrices((A, W)), (A, W))
    assert math.isfinite(lib.density(built, "a", dynamics=lib.Ambient(), temperature=1.0).cdf(1.0))


class TestRecognitionByLaws:
    """What an observable or a loss is like near 0 is not what it is."""

    @pytest.mark.parametrize("top", [20, 10**6, sympy.oo])
    def test_observables_of_a_block(self, top) -> None:
        u, v = lib.parameters("u0 u1"), lib.parameters("v0 v1")
        block = Block(u, v, 1.0)
        strength = sympy.sqrt(u[0] ** 2 + u[1] ** 2) * sympy.sqrt(v[0] ** 2 + v[1] ** 2)
        imbalance = (u[0] ** 2 + u[1] ** 2 - v[0] ** 2 - v[1] ** 2) / 2
        for kind, factor, f in [
            ("strength", 1.0, strength),
            ("imbalance", 0.5, imbalance),
            ("component", 1.0, u[0] * v[1]),
        ]:
            cut = f if top is sympy.oo else sympy.Min(f, top)
            assert block.kind(cut) == ((kind, factor) if top is sympy.oo else ("", 1.0))

    @pytest.mark.parametrize(
        ("loss", "right"),
        [
            (lambda z: sum(each**2 for each in z), True),
            (lambda z: clip(sum(each**2 for each in z), 1, 100), True),
            (lambda z: sum(each**2 for each in z) + sympy.Max(0, z[0] - 500), False),
            (lambda z: sum(each**2 for each in z) ** 2 / (1 + sum(each**2 for each in z)), True),
            (lambda z: sum(clip(each, -40, 40) ** 2 for each in z), False),
            (lambda z: sympy.sqrt(sympy.expand(sum(each**2 for each in z) ** 2)), True),
        ],
    )
    def test_losses_of_the_strength_alone(self, loss, right) -> None:
        built = models.relu_neuron(3, loss=loss)
        request = LawRequest(process=Process(built, lib.Ambient(weight_decay=1.0), 1.0), observable="strength")
        assert BlockStrength(request, Block.recognise(built)).is_isotropic is right

    @pytest.mark.parametrize("top", [50, sympy.oo])
    def test_observables_and_losses_of_matrices(self, top) -> None:
        def cut(f):
            return f if top is sympy.oo else sympy.Min(f, top)

        plain = models.matrix_factorization(3, 2, 2, group="gl")
        found = {}
        for name in ("norm", "sigma1", "sigma2", "angle"):
            observables = {name: cut(plain.observables[name]) if name != "angle" else plain.observables[name]}
            norm = plain.observables["norm"]
            built = lib.Model(
                parameters=plain.parameters,
                predictor=plain.predictor,
                loss=norm**2 + (0 if top is sympy.oo else sympy.Max(0, plain.predictor["T00"] - top)),
                symmetry=plain.symmetry,
                observables=observables,
            )
            law = MatrixLaw.recognise(LawRequest(process=Process(built, lib.GaugeFixed(), 1.0), observable=name))
            found[name] = law.kind, law._loss_is(of_norm=True), law._loss_is(of_norm=False)
        endless = top is sympy.oo
        for name, (kind, of_norm, of_sigma) in found.items():
            assert kind == (name if endless or name == "angle" else "")
            assert of_norm is of_sigma is endless


def test_closed_forms_of_the_core_are_proven() -> None:
    for cut in (clip(A * W, -(10**6), 10**6), sympy.Piecewise((A * W, A < 10**6), (0, True))):
        assert kernel_of(model((cut - 1) ** 2 / 2, symmetry=None)) is None
    assert kernel_of(model((A * W - 1) ** 2 / 2)) is not None
