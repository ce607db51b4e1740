"""Translations as symmetries: what is invariant under them and what is not, and how they mix with other groups."""

from __future__ import annotations

import pickle
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError, InvarianceError, UnsupportedModelError

A, B, C, U, V = lib.parameters("a b c u v")
Z = sympy.exp(A) + sympy.exp(B) + sympy.exp(C)
SHIFT = lib.Translation({A: 1, B: 1, C: 1})


def model(symmetry: Any, predictor: sympy.Expr, loss: sympy.Expr = sympy.S.Zero, **content: Any) -> lib.Model:
    return lib.Model(parameters=(A, B, C, U, V), predictor={"z": predictor}, loss=loss, symmetry=symmetry, **content)


def test_softmax_does_not_change_when_all_logits_are_shifted() -> None:
    made = model(SHIFT, sympy.exp(A) / Z, -sympy.log(sympy.exp(B) / Z) + (sympy.exp(C) / Z) ** 2)
    assert made.generators() == ((1, 1, 1, 0, 0),)
    assert made.constraints() == (A + B + C,)
    assert made.constraints(metric=np.diag([1.0, 2.0, 3.0, 1.0, 1.0])) == (A + 2 * B + 3 * C,)


@pytest.mark.parametrize(
    "predictor",
    [
        sympy.exp(A) / (sympy.exp(A) + 2),
        A - B + sympy.Rational(1, 10**9) * C,
        A - B + sympy.Max(0, C - 500),
        sympy.Heaviside(A + B + C - 30),
    ],
)
def test_what_a_shift_changes_is_refused(predictor: sympy.Expr) -> None:
    with pytest.raises(InvarianceError, match=r"\(1\) d/da \+ \(1\) d/db \+ \(1\) d/dc"):
        model(SHIFT, predictor)


@pytest.mark.parametrize(
    "predictor", [A - B, sympy.Max(A, B, C) - sympy.Min(A, B, C), sympy.Abs(A - 2 * B + C), sympy.sign(A - C)]
)
def test_what_a_shift_leaves_alone_is_accepted(predictor: sympy.Expr) -> None:
    assert model(SHIFT, predictor).symmetry == SHIFT


def test_data_and_irrational_directions() -> None:
    row = sympy.Idx("k", 7)
    base = sympy.IndexedBase("x")
    loss = sympy.Sum(sympy.log(1 + sympy.exp(base[row] * (A - B))), (row, 0, 6))
    data = {"x": np.random.default_rng(1).normal(size=7)}
    assert model(lib.Translation({A: 1, B: 1}), A - B, loss, data=data).dim == 5
    root = lib.Translation({A: sympy.sqrt(2), B: 1})
    assert model(root, sympy.tanh(A - sympy.sqrt(2) * B)).symmetry == root
    with pytest.raises(InvarianceError):
        model(lib.Translation({A: 1, B: 1}), A - B, loss.subs(A, 2 * A), data=data)


@pytest.mark.parametrize(
    "direction", [{}, {A: 0}, {A: np.nan}, {A: np.inf}, {"a": 1}, {A: True}, [1.0], None, {A: "1"}]
)
def test_bad_directions_are_refused(direction: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"direction|component"):
        lib.Translation(direction)


def test_strangers_and_doubles_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="translates w"):
        model(lib.Translation({sympy.Symbol("w", real=True): 1}), A)
    with pytest.raises(InvalidArgumentError, match="combination"):
        model((lib.Translation({U: 1, V: 1}), lib.Translation({U: 2, V: 2})), A)


def test_commutators_have_to_be_there() -> None:
    """x d/dy and d/dx have the commutator d/dy."""
    shear = lib.Linear([[[0] * 5, [1, 0, 0, 0, 0], *[[0] * 5] * 3]])
    with pytest.raises(InvalidArgumentError, match="add it as a Translation"):
        model((lib.Translation({A: 1}), shear), C)
    assert model((lib.Translation({A: 1}), lib.Translation({B: 1}), shear), C).dim == 5


def test_a_group_that_moves_a_translation_has_no_canonical_slice() -> None:
    scaling = lib.Scaling({A: 1, B: 1, C: -1})
    made = model((lib.Translation({A: 1, B: 1}), scaling), (A - B) * C)
    with pytest.raises(UnsupportedModelError, match="generator 1 moves the direction of the translation, generator 0"):
        made.constraints()
    half = sympy.Rational(1, 2)
    apart = lib.Linear([[[half, -half, 0, 0, 0], [-half, half, 0, 0, 0], [0, 0, -1, 0, 0], [0] * 5, [0] * 5]])
    assert len(model((lib.Translation({A: 1, B: 1}), apart), (A - B) * C).constraints()) == 2


def test_translations_are_values() -> None:
    made = model((SHIFT, lib.Scaling({U: 1, V: -1})), (A - B) * U * V)
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert again.digest == made.digest
    assert hash(lib.Translation({A: 1, B: 2})) == hash(lib.Translation({B: 2, A: 1}))
    assert lib.Translation({A: 1}) != lib.Scaling({A: 1})
    assert repr(lib.Translation({A: 1})) == "Translation({a: 1})"
    other = model((lib.Translation({A: 1, B: 1, C: 1}), lib.Scaling({U: 2, V: -2})), (A - B) * U * V)
    assert other.digest != made.digest


def test_generators_are_affine() -> None:
    made = model((lib.Scaling({U: 1, V: -1}), lib.Translation({A: 1, C: 3})), B * U * V)
    matrices, offsets = made.generator_matrices(), made.generator_offsets()
    x = sympy.Matrix(made.parameters)
    for field, matrix, offset in zip(made.generators(), matrices, offsets, strict=True):
        assert sympy.Matrix(field) == matrix * x + offset
