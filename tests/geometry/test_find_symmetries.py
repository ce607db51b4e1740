"""Symmetries are found whether they are declared or not, and no more of them than there are."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import models
from langevin_ib.errors import InvalidArgumentError

RNG = np.random.default_rng(20260106)
A, B, C = lib.parameters("a b c")

KNOWN = {
    "product": (models.scalar_product(), 1, 0, 0),
    "chain": (models.scalar_product(4), 3, 0, 0),
    "hadamard": (models.hadamard(3, 2), 3, 0, 0),
    "neuron": (models.relu_neuron(4), 1, 0, 0),
    "column pair": (models.column_pair(3, 2), 1, 0, 0),
    "columns": (models.matrix_factorization(3, 2, 2), 3, 1, 2),
    "gl": (models.matrix_factorization(3, 2, 2, group="gl"), 3, 1, 0),
    "heads": (models.attention(2, 2, 2), 6, 2, 4),
    "cumulated": (models.total_variation(4), 4, 0, 0),
    "harmonic": (models.harmonic(dim=3), 0, 0, 0),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_algebra_of_ready_made_models(name) -> None:
    model, noncompact, compact, missed = KNOWN[name]
    found = lib.find_symmetries(model, rng=1)
    assert (len(found.noncompact), len(found.compact), len(found.missed)) == (noncompact, compact, missed)
    assert len(found.mixed) == 0
    assert found.dimension == noncompact + compact
    assert found.declared == len(model.generators())
    assert found.unconfirmed == ()
    assert found.clear


@pytest.mark.parametrize("name", ["columns", "heads", "chain"])
def test_what_was_found_can_be_declared(name) -> None:
    """Entries are exact: the model accepts them and checks invariance symbolically."""
    model = KNOWN[name][0]
    symmetry = lib.find_symmetries(model, rng=3).symmetry()
    declared = lib.Model(parameters=model.parameters, predictor=model.predictor, loss=model.loss, symmetry=symmetry)
    assert len(lib.find_symmetries(declared, rng=2).missed) == 0


def test_what_is_missing_is_orthogonal_to_what_is_declared() -> None:
    model = KNOWN["columns"][0]
    missed = lib.find_symmetries(model, rng=1).missed
    for a in model.generator_matrices():
        np.testing.assert_allclose(np.einsum("aij,ij->a", missed, np.array(a, dtype=float)), 0.0, atol=1e-12)


def test_a_small_part_of_the_predictor_counts() -> None:
    """u v + 1e-6 u breaks the scaling; what is found is that there is none."""
    model = lib.Model(parameters=(A, B), predictor={"z": A * B + sympy.Rational(1, 10**6) * A**3}, loss=A)
    assert lib.find_symmetries(model, rng=1).dimension == 0


def test_units_of_components_do_not_matter() -> None:
    model = lib.Model(parameters=(A, B, C), predictor={"z": A * B, "w": sympy.Float("1e-30") * C**2}, loss=A)
    assert lib.find_symmetries(model, rng=1).dimension == 1


def test_parameters_that_nothing_depends_on() -> None:
    """x -> x + t E_cj x changes c only: three matrices, which are no algebra of symmetric and antisymmetric ones."""
    model = lib.Model(parameters=(A, B, C), predictor={"z": A, "w": B}, loss=A)
    found = lib.find_symmetries(model, rng=1)
    assert (len(found.noncompact), len(found.compact), len(found.mixed)) == (1, 0, 2)


CLIPPED = sympy.Min(6, sympy.Max(0, B))
PIECES = {
    "a clip": (A * CLIPPED, 0),
    "no clip": (A * sympy.Max(0, B), 1),
    "a kink far out": (A * B + sympy.Max(0, B - 1000), 0),
    "two slopes": (sympy.Piecewise((A * B, A > 50), (2 * A * B, True)), 0),
    "a jump far out": (A * B + sympy.Heaviside(A + B - 300), 0),
    "a jump of an invariant": (A * B * sympy.sign(A * B - 1), 1),
    "a sign": (sympy.sign(B), 3),
    "a saturation": (sympy.tanh(1000 * A * CLIPPED), 0),
}


@pytest.mark.parametrize("name", PIECES)
def test_it_is_a_symmetry_on_all_pieces(name) -> None:
    """What holds near 0 alone is none; signs of b are kept by the scalings of both, and by a -> a + t b."""
    predictor, dimension = PIECES[name]
    model = lib.Model(parameters=(A, B), predictor={"z": predictor}, loss=A)
    found = lib.find_symmetries(model, rng=1)
    assert found.dimension == dimension
    if found.dimension:
        made = lib.Model(parameters=(A, B), predictor=model.predictor, loss=sympy.S.Zero, symmetry=found.symmetry())
        assert len(made.generators()) == dimension


def test_functions_are_looked_at_far_out() -> None:
    clipped, unclipped = (
        lib.find_symmetries(lambda x, top=top: x[:, 0] * np.clip(x[:, 1], 0.0, top), dim=2, rng=1)
        for top in (60.0, np.inf)
    )
    assert (clipped.dimension, unclipped.dimension) == (0, 1)


def test_models_with_data() -> None:
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=20)
    found = lib.find_symmetries(models.relu_neuron(3, data=(x, y)), rng=1)
    assert (found.dimension, len(found.missed)) == (1, 0)


class TestFunctions:
    def test_a_rotation_is_compact(self) -> None:
        found = lib.find_symmetries(lambda x: (x**2).sum(axis=1), dim=3, rng=1)
        assert (len(found.noncompact), len(found.compact)) == (0, 3)
        np.testing.assert_allclose(found.compact, -found.compact.swapaxes(1, 2))

    def test_the_lorentz_group(self) -> None:
        found = lib.find_symmetries(lambda x: x[:, 0] ** 2 + x[:, 1] ** 2 - x[:, 2] ** 2, dim=3, rng=1)
        assert (len(found.noncompact), len(found.compact)) == (2, 1)

    def test_a_relu_network_with_kinks(self) -> None:
        inputs = RNG.normal(size=(30, 3))

        def network(x):
            hidden = np.maximum(0.0, x[:, :6].reshape(-1, 2, 3) @ inputs.T)
            return np.einsum("njk,nj->nk", hidden, x[:, 6:])

        found = lib.find_symmetries(network, dim=8, rng=1)
        assert (len(found.noncompact), len(found.compact), len(found.mixed)) == (2, 0, 0)
        wanted = np.zeros((2, 8, 8))
        for j in range(2):
            wanted[j, range(3 * j, 3 * j + 3), range(3 * j, 3 * j + 3)] = 1.0
            wanted[j, 6 + j, 6 + j] = -1.0
        assert lib.Linear([*found.noncompact]).generators == lib.Linear([*wanted]).generators

    def test_a_generator_that_is_neither(self) -> None:
        found = lib.find_symmetries(lambda x: x[:, 0] * x[:, 1] + x[:, 1] ** 2 / 2, dim=2, rng=1)
        assert (len(found.noncompact), len(found.compact), len(found.mixed)) == (0, 0, 1)
        np.testing.assert_allclose(found.mixed[0], [[1.0, 1.0], [0.0, -1.0]], atol=1e-9)

    def test_few_outputs_of_low_rank_ask_for_more_points(self) -> None:
        """Forty outputs that are functions of the same two numbers."""
        found = lib.find_symmetries(
            lambda x: np.sin(np.arange(1, 41) / 10 * (x[:, :1] * x[:, 1:2]) + x[:, 2:3] * x[:, 3:4]), dim=4, rng=1
        )
        assert (len(found.noncompact), found.dimension) == (2, 2)

    def test_nothing_is_found_where_there_is_nothing(self) -> None:
        found = lib.find_symmetries(lambda x: np.sin(x[:, 0] + x[:, 1] ** 2), dim=2, rng=1)
        assert found.dimension == 0
        assert found.symmetry() is None
        assert "none" in repr(found)

    def test_too_few_samples_are_seen_in_the_gap_or_the_count(self) -> None:
        """The negative control of the doubling: one point leaves many apparent symmetries."""
        found = lib.find_symmetries(lambda x: x[:, 0] * x[:, 1], dim=2, rng=1, samples=1)
        assert found.dimension == 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: lib.find_symmetries(3), "give a Model or a function"),
        (lambda: lib.find_symmetries(lambda x: x), "dim= is missing"),
        (lambda: lib.find_symmetries(lambda x: x, dim=0), "dim must lie between"),
        (lambda: lib.find_symmetries(lambda x: x, dim=1000), "dim must lie between"),
        (lambda: lib.find_symmetries(models.hadamard(30)), "has 60 parameters, and up to 40 .* take a narrower"),
        (lambda: lib.find_symmetries(models.scalar_product(), 3), "the model has 2 parameters"),
        (lambda: lib.find_symmetries(lambda x: x[0], dim=3), "returned shape"),
        (lambda: lib.find_symmetries(lambda x: x.sum(), dim=3), "returned shape"),
        (lambda: lib.find_symmetries(lambda x: np.full(len(x), np.nan), dim=2), "not finite"),
        (lambda: lib.find_symmetries(lambda x: RNG.normal(size=len(x)), dim=2), "not smooth"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        call()


def test_reports_can_be_looked_for_in_a_list() -> None:
    one, other = (lib.find_symmetries(lib.models.scalar_product()) for _ in range(2))
    assert one in [other, one]
    assert one != other
