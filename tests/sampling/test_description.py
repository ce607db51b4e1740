"""Described: models, dynamics and settings survive JSON unchanged, and nothing from a file is ever executed."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from langevin_ib.errors import ArchiveError, UnsupportedModelError
from langevin_ib.model.expressions import formulas
from langevin_ib.model.expressions.expressions import compiled, same_expression
from langevin_ib.model.expressions.formulas import read_tree, tree_of
from langevin_ib.process import Process
from langevin_ib.program import lowering
from langevin_ib.program.conditions import CONDITIONS
from langevin_ib.program.rewriting import REWRITTEN
from langevin_ib.sampling.files import archive
from langevin_ib.sampling.files.description import content_hash, describe, description_hash, restore
from langevin_ib.sampling.loop.engine import Progressed
from langevin_ib.sampling.loop.settings import Machine, Settings
from langevin_ib.sampling.run import Run
from sympy.codegen.cfunctions import expm1, log1p

U, V = lib.parameters("u v")
W = sympy.Symbol("w", positive=True)

MODELS = {
    "product": lib.models.scalar_product(),
    "a target that is no fraction": lib.models.scalar_product(target=0.1),
    "another loss": lib.models.scalar_product(loss=lambda theta: sympy.log(sympy.cosh(theta)) + theta**4),
    "harmonic": lib.models.harmonic(stiffness=2.5, dim=3),
    "a fractional symmetry": lib.Model(
        parameters=(U, W),
        predictor={"z": U * W**3},
        loss=sympy.exp(U * W**3),
        symmetry=lib.Scaling({U: 3, W: sympy.Rational(-1)}),
        observables={"b": sympy.Max(U, 0), "a": sympy.Piecewise((U, U > 1), (U**2, sympy.true))},
    ),
}

X, Y, ROW, K = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Idx("i", 5), sympy.Symbol("k", integer=True)
ANY = sympy.Symbol("n")
DATA = {"X": np.random.default_rng(1).normal(size=(5, 2)), "y": np.arange(5.0)}
SUMS = {
    "an index with a range": sympy.Sum((U * V * X[ROW, 0] + X[ROW, 1] - Y[ROW]) ** 2, (ROW, 0, 4)) / 5,
    "a plain index": sympy.Sum(sympy.Max(0, U * V * X[K, 0] - X[K + 1, 1]), (K, 0, 3)),
    "an index without a range": sympy.Sum(U * V * Y[sympy.Idx("j")], (sympy.Idx("j"), 0, 4)),
    "a real array of known shape": sympy.Sum(U * V * sympy.IndexedBase("y", shape=(5,), real=True)[K], (K, 0, 4)),
    "an index of which nothing is known": sympy.Sum((U * V * Y[ANY] - ANY) ** 2, (ANY, 0, 4)),
    "re, im and conjugate": sympy.Sum(sympy.Abs(U * V - Y[K]) + sympy.re(Y[K]) - sympy.im(Y[K]), (K, 0, 4)),
    "a delta": sympy.Sum(U * V * Y[K] * sympy.KroneckerDelta(K, 3), (K, 0, 4)),
    "two sums": sympy.Sum(U * V * Y[K] * sympy.Sum(X[ROW, 1], (ROW, 0, 4)), (K, 0, 4)) + Y[3],
}
WITH_DATA = {
    name: lib.Model(
        parameters=(U, V),
        predictor={"theta": U * V},
        loss=total,
        symmetry=lib.Scaling({U: 1, V: -1}),
        confinement=U**4 + sympy.Abs(V) ** 3,
        data={key: array for key, array in DATA.items() if total.has(sympy.IndexedBase) and f"{key}[" in str(total)},
    )
    for name, total in SUMS.items()
}

SETTINGS = Settings(
    step_size=1 / 3,
    steps=2**61 + 1,
    burn_in=3,
    walkers=(2**39 + 1, 2**40),
    key=2**127 + 1,
    scheme="mala",
    dtype="float32",
    noise="native",
    observe=(("a", lib.Histogram(range=(-1.0, 0.1))), ("a", lib.Moments(order=4)), ("b", lib.Trace(every=7))),
)


def snapshot(model: lib.Model) -> Run:
    settings = replace(SETTINGS, observe=(), walkers=(0, 3), steps=9)
    start = Progressed.start(np.zeros((3, model.dim), np.float32), settings)
    process, machine = Process(model, lib.Ambient(), 0.1), Machine(threads=1)
    return Run(process, settings, machine, start, seconds=0.0, interrupted=True, origin="here")


class TestModelsWithData:
    @pytest.mark.parametrize("name", SUMS)
    def test_a_saved_run_has_its_model_back_and_does_not_derive_it_again(self, name, tmp_path, monkeypatch) -> None:
        model = WITH_DATA[name]
        snapshot(model).save(tmp_path / "run.npz")

        def checked(*_: object) -> None:
            raise AssertionError("the invariance was checked again")

        monkeypatch.setattr("langevin_ib.model.model.require_invariance", checked)
        back = lib.load(tmp_path / "run.npz").model
        assert back == model
        assert back.digest == model.digest
        assert content_hash(back) == content_hash(model)
        assert back.confinement == model.confinement
        with np.load(tmp_path / "run.npz") as file:
            for key, array in model.data.items():
                np.testing.assert_array_equal(file[f"data_{key}"], array)

    def test_data_are_told_by_their_content(self, tmp_path) -> None:
        path = tmp_path / "run.npz"
        snapshot(WITH_DATA["an index with a range"]).save(path)
        found = archive.read(path)
        for change in ({"data_X": DATA["X"] + 1.0}, {"data_X": DATA["X"].T}, {"data_X": np.zeros(3)}):
            archive.write(path, found.header, found.arrays | change, keep=False)
            with pytest.raises(ArchiveError, match=r"data of shape \[5, 2\] and SHA-256 .* are not in the file"):
                lib.load(path)
        archive.write(path, found.header, {name: a for name, a in found.arrays.items() if name != "data_X"}, keep=False)
        with pytest.raises(ArchiveError, match="are not in the file"):
            lib.load(path)

    def test_another_model_is_not_this_one_because_of_its_data(self, tmp_path) -> None:
        model = WITH_DATA["an index with a range"]
        other = lib.Model.trusted(
            {name: getattr(model, name) for name in model.__dataclass_fields__} | {"data": DATA | {"y": -DATA["y"]}}
        )
        assert content_hash(model) != content_hash(other)

    def test_files_of_the_first_format_are_read(self, tmp_path) -> None:
        """They know neither confinement nor data."""
        path, model = tmp_path / "run.npz", MODELS["product"]
        snapshot(model).save(path)
        found = archive.read(path)
        header = json.loads(json.dumps(found.header)) | {"format": 1}
        del header["model"]["fields"]["confinement"], header["model"]["fields"]["data"]
        header["content"] = description_hash(*(header[name] for name in ("model", "dynamics", "settings")))
        archive.write(path, header, found.arrays, keep=False)
        assert lib.load(path).model == model

    @pytest.mark.parametrize(
        "attack",
        [
            ["Sum"],
            ["Sum", ["Symbol", "u"]],
            ["Sum", ["Symbol", "u"], [["Symbol", "k"], 0]],
            ["Sum", ["Symbol", "u"], [["Integer", 3], 0, 1]],
            ["Sum", ["true"], [["Symbol", "k"], 0, 1]],
            ["Idx", 3],
            ["Idx", "i", 1],
            ["Idx", "i", 0.5, 1],
            ["Indexed", ["Symbol", "X"], ["Integer", 0]],
            ["Indexed", ["IndexedBase", "X", {}]],
            ["Indexed", ["IndexedBase", "X", {"__class__": True}], ["Integer", 0]],
            ["Indexed", ["IndexedBase", "X", {}, 3], ["Integer", 0]],
            ["IndexedBase", "X", {}],
        ],
        ids=str,
    )
    def test_what_is_no_sum_is_not_built(self, attack) -> None:
        with pytest.raises(ArchiveError):
            read_tree(attack)


def through_json(value):
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_survives(name) -> None:
    model = MODELS[name]
    back = restore(through_json(describe(model)), lib.Model)
    assert back == model
    assert repr(back) == repr(model)
    assert back.observable_names == model.observable_names
    assert content_hash(back) == content_hash(model)


@pytest.mark.parametrize("value", [lib.Ambient(), lib.Ambient(0.1), SETTINGS, lib.Scaling({U: 1, V: -1})], ids=str)
def test_everything_else_survives(value) -> None:
    assert restore(through_json(describe(value)), type(value)) == value


class TestHash:
    def test_it_tells_what_differs(self) -> None:
        values = [*MODELS.values(), lib.Ambient(), lib.Ambient(1e-300), SETTINGS]
        values += [replace(SETTINGS, key=1), replace(SETTINGS, step_size=math.nextafter(1 / 3, 1))]
        values += [lib.models.scalar_product(loss=lambda z: (z - sympy.Rational(1, 10)) ** 2 / 2)]
        assert len({content_hash(value) for value in values}) == len(values)

    def test_it_does_not_depend_on_the_order_of_names(self) -> None:
        model = MODELS["product"]
        content = {"parameters": model.parameters, "loss": model.loss, "predictor": model.predictor}
        turned = lib.Model(**content, symmetry=model.symmetry, observables=dict(reversed(model.observables.items())))
        assert turned == model
        assert content_hash(turned) == content_hash(model)

    def test_it_is_the_same_in_every_process(self) -> None:
        program = (
            "import langevin_ib as lib, sympy\nfrom langevin_ib.sampling.files.description import content_hash\n"
            "print(content_hash(lib.models.scalar_product(loss=lambda z: sympy.cosh(z) + z**4 + sympy.Abs(z))))"
        )
        environment = os.environ | {"PYTHONHASHSEED": "12345"}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True, env=environment
        )
        model = lib.models.scalar_product(loss=lambda z: sympy.cosh(z) + z**4 + sympy.Abs(z))
        assert done.stdout.strip() == content_hash(model)


def unary(part):
    functions = (
        sympy.exp,
        sympy.log,
        sympy.sin,
        sympy.tanh,
        sympy.Abs,
        sympy.sign,
        sympy.erf,
        sympy.Heaviside,
    )
    return st.builds(lambda f, x, e: f(x, evaluate=e), st.sampled_from(functions), part, st.booleans())


def nary(part):
    functions = st.sampled_from((sympy.Add, sympy.Mul, sympy.Max, sympy.Min))
    return st.builds(
        lambda f, xs, e: f(*xs, evaluate=e), functions, st.lists(part, min_size=2, max_size=3), st.booleans()
    )


def power(part):
    exponents = st.sampled_from((sympy.Integer(-2), sympy.Integer(3), sympy.Rational(1, 2), U))
    return st.builds(lambda x, n, e: sympy.Pow(x, n, evaluate=e), part, exponents, st.booleans())


def piecewise(part):
    def build(x, y, threshold):
        return sympy.Piecewise((x, threshold > U), (y, sympy.Or(V <= 0, sympy.Eq(U, 1), W < V)), (x + y, sympy.true))

    return st.builds(build, part, part, st.integers(-3, 3))


LEAVES = st.one_of(
    st.sampled_from((U, V, W, sympy.pi, sympy.E, sympy.EulerGamma)),
    st.integers(-5, 5).map(sympy.Integer),
    st.integers(-(10**30), 10**30).map(sympy.Integer),
    st.fractions(max_denominator=10**6).map(sympy.Rational),
    st.builds(sympy.Float, st.floats(-1e6, 1e6, allow_subnormal=False), precision=st.integers(2, 200)),
)
EXPRESSIONS = st.recursive(LEAVES, lambda part: unary(part) | nary(part) | power(part) | piecewise(part), max_leaves=5)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(EXPRESSIONS)
def test_every_expression_comes_back_as_it_was(expression) -> None:
    assume(not expression.has(sympy.I, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.AccumBounds))
    back = read_tree(through_json(tree_of(expression)))
    assert type(back) is type(expression)
    assert back == expression
    assert tree_of(back) == tree_of(expression)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(53, 300))
def test_floats_are_exact(value, precision) -> None:
    number = sympy.Float(value, precision=precision)
    back = read_tree(through_json(tree_of(number)))
    assert back == number
    assert float(back) == value
    assert back._prec == precision


@pytest.mark.parametrize(
    "function",
    [
        *(expm1, log1p, sympy.KroneckerDelta, sympy.sinc, sympy.Heaviside, sympy.atan2),
        *(sympy.airyai, sympy.airybi, sympy.airyaiprime, sympy.airybiprime, sympy.fresnels, sympy.fresnelc),
        *(sympy.Ei, sympy.Si, sympy.Ci, sympy.erfinv, sympy.erfcinv, sympy.erf2),
    ],
)
def test_functions_that_run_or_have_laws_can_be_kept(function) -> None:
    arguments = (U, V)[: 2 if function in (sympy.KroneckerDelta, sympy.atan2, sympy.erf2) else 1]
    assert compiled(function(*arguments), (U, V))(0.3, 0.7).shape == ()
    assert restore(describe(function(*arguments)), sympy.Expr) == function(*arguments)


def test_whatever_a_tape_may_have_can_be_kept() -> None:
    kept = {node for node, _ in formulas._NODES.values()}
    assert {*lowering._FUNCTIONS, *REWRITTEN, sympy.log, *CONDITIONS, sympy.Piecewise} <= kept


@pytest.mark.parametrize("steps", [4, 30, 300])
def test_nested_and_shared_parts_are_kept_as_they_are(steps) -> None:
    """Written out, the largest of these would have more parts than there are atoms."""
    with sympy.evaluate(False):
        nested = U
        for _ in range(steps):
            nested = V * nested * (1 - nested)
    text = json.dumps(describe(nested))
    assert len(text) < 200 * steps + 1000
    assert same_expression(restore(json.loads(text), sympy.Expr), nested)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (sympy.Integral(sympy.exp(-(U**2)), (U, 0, V)), "Integral"),
        (sympy.Dummy("u", real=True), "parameters"),
        (sympy.Symbol("z"), "real"),
        (sympy.I, "ImaginaryUnit"),
        (sympy.Float("inf"), "Infinity"),
        (object(), "object"),
        (float("nan"), "float"),
    ],
    ids=str,
)
def test_what_no_file_can_hold_is_said(value, complaint) -> None:
    with pytest.raises(ArchiveError, match=complaint):
        describe(value)


def test_a_run_beside_an_observable_that_does_not_run_is_kept(tmp_path) -> None:
    model = lib.Model(parameters=(U,), predictor={"w": U}, loss=U**2 / 2, observables={"q": sympy.airyai(U)})
    run = lib.sample(model, dynamics=lib.Ambient(), temperature=0.3, step_size=0.1, steps=3, walkers=4, rng=0)
    run.save(tmp_path / "run")
    assert lib.load(tmp_path / "run").model == model
    with pytest.raises(UnsupportedModelError, match=r"no operation for airyai; write it with .* \(sqrt, exp"):
        lib.sample(model, dynamics=lib.Ambient(), temperature=0.3, step_size=0.1, steps=3, walkers=4, rng=0,
                   observe={"q": lib.Trace(at=[3])})  # fmt: skip
