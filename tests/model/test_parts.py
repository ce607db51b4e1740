"""Expressions that are nested deeply, or whose parts occur very often: taken apart, compared and run in no time."""

from __future__ import annotations

import copy
import pickle
import time

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError, InvarianceError, UnsupportedModelError
from langevin_ib.model.expressions.expressions import canonical_text, compiled, same_expression
from langevin_ib.model.expressions.parts import has_part, is_small, parts_of, symbols_of

U, V = lib.parameters("u v")
BRIEF = {"temperature": 0.1, "step_size": 1e-3, "steps": 5, "walkers": 32, "rng": 1, "initial": [0.3, 0.9]}


def logistic_map(steps: int) -> sympy.Expr:
    """Iterated: each step has its argument twice, so the whole has 2**steps of them."""
    with sympy.evaluate(False):
        x = U
        for _ in range(steps):
            x = V * x * (1 - x)
        return (x - sympy.Rational(1, 2)) ** 2


def gated(steps: int) -> sympy.Expr:
    """A recurrent network with a gate: sigmoids of sigmoids."""
    with sympy.evaluate(False):
        h = U
        for _ in range(steps):
            gate = 1 / (1 + sympy.exp(-(V * h + U)))
            h = gate * h + (1 - gate) * sympy.tanh(U * h + V)
        return h**2


def nested(steps: int) -> sympy.Expr:
    x = U
    for k in range(steps):
        x = sympy.tanh(V * x + sympy.Rational(k, 100))
    return x**2


def model(loss: sympy.Expr, **changes) -> lib.Model:
    return lib.Model(**({"parameters": (U, V), "predictor": {"p": U}, "loss": loss} | changes))


def by_hand(steps: int, u: float, v: float) -> float:
    for _ in range(steps):
        u = v * u * (1 - u)
    return (u - 0.5) ** 2


class TestParts:
    def test_each_is_there_once_and_after_its_own(self) -> None:
        parts = parts_of(logistic_map(30))
        places = {part: place for place, part in enumerate(parts)}
        assert len(places) == len(parts) < 300
        assert all(places[inner] < places[part] for part in parts for inner in part.args)

    def test_symbols_that_are_bound_are_none(self) -> None:
        k = sympy.Symbol("k")
        assert symbols_of(U + sympy.Integral(k * V, (k, 0, 1))) == {U, V}
        assert symbols_of(logistic_map(200)) == {U, V}

    def test_kinds_and_size(self) -> None:
        assert has_part(logistic_map(50), sympy.Pow)
        assert not has_part(logistic_map(50), sympy.exp, sympy.Sum)
        assert is_small(U + V)
        assert not is_small(logistic_map(5))


LARGE = {"a map": logistic_map(40), "a gated network": gated(25), "a nested one": nested(200)}


@pytest.mark.parametrize("name", LARGE)
class TestLarge:
    def test_is_a_model_that_runs(self, name) -> None:
        start = time.process_time()
        run = lib.sample(model(LARGE[name]), **BRIEF)
        assert np.isfinite(run.states).all()
        assert time.process_time() - start < 8.0

    def test_is_the_same_when_saved_pickled_or_copied(self, name, tmp_path) -> None:
        one = model(LARGE[name])
        run = lib.sample(one, **BRIEF)
        run.save(tmp_path / "run.npz")
        saved = lib.load(tmp_path / "run.npz")
        for other in (saved.model, pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
            assert other == one
            assert (hash(other), other.digest) == (hash(one), one.digest)
        assert (saved.resume(steps=5).states == run.resume(steps=5).states).all()

    def test_differs_from_others(self, name) -> None:
        more = sympy.Add(LARGE[name], U, evaluate=False)
        assert model(LARGE[name]) != model(more)
        assert not same_expression(LARGE[name], more)

    def test_messages_and_repr_are_short(self, name) -> None:
        assert len(repr(model(LARGE[name]))) < 1000
        with pytest.raises(UnsupportedModelError, match="gamma") as caught:
            lib.sample(model(sympy.gamma(LARGE[name], evaluate=False)), **BRIEF)
        assert len(str(caught.value)) < 500
        with pytest.raises(InvalidArgumentError, match="loss is not real"):
            model(sympy.Mul(sympy.I, LARGE[name], evaluate=False))


def test_values_are_those_of_the_map() -> None:
    start = np.array([[0.3, 0.9], [0.21, 3.7]])
    values = lib.program.evaluate(lib.program.Program((U, V), logistic_map(12)).value, start)[:, 0]
    assert values == pytest.approx([by_hand(12, *place) for place in start], rel=1e-9)


@pytest.mark.long
def test_what_is_a_function_of_invariants_is_seen_at_any_depth() -> None:
    x = U * V
    for _ in range(150):
        x = sympy.tanh(x)
    group = lib.Scaling({U: 1, V: -1})
    assert model(x, predictor={"p": U * V}, symmetry=group).dim == 2
    with pytest.raises(InvarianceError, match="loss is not invariant"):
        model(nested(200), predictor={"p": U * V}, symmetry=group)


def test_long_sums_of_large_polynomials_are_not_written_out() -> None:
    y, k = sympy.IndexedBase("y"), sympy.Symbol("k", integer=True)
    with sympy.evaluate(False):
        total = sympy.Sum((logistic_map(10) - y[k]) ** 2, (k, 0, 299))
    data = np.linspace(0.0, 1.0, 300)
    start = time.process_time()
    value = compiled(total, (U, V), {"y": data})(np.array([0.3]), np.array([0.9]))
    assert time.process_time() - start < 3.0
    assert value == pytest.approx([np.sum((by_hand(10, 0.3, 0.9) - data) ** 2)], rel=1e-12)


def test_long_sums_of_high_powers_keep_their_digits() -> None:
    """Written out, (1 - u)**40 is nothing but rounding near 1."""
    y, k = sympy.IndexedBase("y"), sympy.Symbol("k", integer=True)
    data = np.full(300, 1.0)
    value = compiled(sympy.Sum((y[k] - U) ** 40, (k, 0, 299)), (U,), {"y": data})(np.array([0.5]))
    assert value == pytest.approx([300 * 0.5**40], rel=1e-12)


def test_texts_of_large_expressions_tell_them_apart() -> None:
    texts = {canonical_text(f(n)) for f in (logistic_map, gated) for n in (10, 11, 30)}
    assert len(texts) == 6
    assert canonical_text(logistic_map(30)) == canonical_text(logistic_map(30))


def test_a_pickle_does_not_evaluate_what_was_left_unevaluated() -> None:
    """Else another process would round in another order."""
    loss = sympy.Add(U**3, V, U**3, V**2, evaluate=False)
    assert pickle.loads(pickle.dumps(model(loss))).loss.args == loss.args
