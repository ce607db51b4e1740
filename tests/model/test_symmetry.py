"""Groups: scalings, matrices, several at once; what is refused, what is compact, and the constraints that follow."""

from __future__ import annotations

import json
import pickle
import re

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import ArchiveError, InvalidArgumentError, InvarianceError, UnsupportedModelError
from langevin_ib.model.symmetry import kind_of
from langevin_ib.sampling.files.description import content_hash, describe, restore

U, V = lib.parameters("u v")
A, B, C = lib.parameters("a b c")
CHAIN = (lib.Scaling({A: 1, B: -1}), lib.Scaling({B: 1, C: -1}))


def model(symmetry, predictor=U * V, symbols=(U, V), **more):
    return lib.Model(parameters=symbols, predictor={"z": predictor}, loss=predictor**2, symmetry=symmetry, **more)


def chain(**more):
    return model(CHAIN, A * B * C, (A, B, C), **more)


def unit(size, i, j):
    matrix = np.zeros((size, size), dtype=int)
    matrix[i, j] = 1
    return matrix


def gl(m, n, r):
    """Return E_ij of (U, V) -> (U A, V A^-T), on the entries of U, then of V, row by row, by Kronecker products."""
    blank = np.zeros((m * r, n * r), dtype=int)
    return {
        f"E{i}{j}": np.block(
            [
                [np.kron(np.eye(m, dtype=int), unit(r, i, j).T), blank],
                [blank.T, -np.kron(np.eye(n, dtype=int), unit(r, i, j))],
            ]
        )
        for i in range(r)
        for j in range(r)
    }


def factorisation(m=3, n=2, r=2, **more):
    symbols = lib.parameters(f"a:{m * r} b:{n * r}")
    left, right = sympy.Matrix(m, r, symbols[: m * r]), sympy.Matrix(n, r, symbols[m * r :])
    product = left * right.T
    predictor = {f"T{i}{j}": product[i, j] for i in range(m) for j in range(n)}
    built = lib.Model(
        parameters=symbols,
        predictor=predictor,
        loss=sum((t - 1) ** 2 for t in product) / 2,
        symmetry=lib.Linear(gl(m, n, r)),
        **more,
    )
    return built, left, right


class TestSeveral:
    def test_none_one_and_several(self) -> None:
        assert model(None).symmetries == ()
        assert model([]).symmetry is None
        assert model([CHAIN[0]], A * B, (A, B)).symmetry == CHAIN[0]
        assert chain().symmetries == chain().symmetry == CHAIN
        assert model(None).generators() == model(None).constraints() == ()

    def test_generators_and_constraints_of_a_chain(self) -> None:
        assert chain().generators() == ((A, -B, 0), (0, B, -C))
        wanted = ((A**2 - B**2) / 2, (B**2 - C**2) / 2)
        assert all(sympy.expand(x - y) == 0 for x, y in zip(chain().constraints(), wanted, strict=True))

    def test_every_one_is_checked(self) -> None:
        with pytest.raises(InvarianceError, match=re.escape("(b) d/db + (c) d/dc")):
            model([CHAIN[0], lib.Scaling({B: 1, C: 1})], A * B * C, (A, B, C))

    def test_one_that_adds_nothing_is_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match=re.escape("Scaling({a: 2, c: -2}) is a combination")):
            model([*CHAIN, lib.Scaling({A: 2, C: -2})], A * B * C, (A, B, C))

    def test_what_is_no_algebra_is_refused(self) -> None:
        """Two symmetric matrices that do not commute: their commutator is a rotation, which is a symmetry, too."""
        boosts = [[[0, 0, 1], [0, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 1], [0, 1, 0]]]
        form = A**2 + B**2 - C**2
        with pytest.raises(InvalidArgumentError, match="commutator A B - B A of generator 0"):
            model(lib.Linear(boosts), form, (A, B, C))
        turn = [[0, -1, 0], [1, 0, 0], [0, 0, 0]]
        assert len(model(lib.Linear([*boosts, turn]), form, (A, B, C)).constraints()) == 2

    def test_the_order_matters(self) -> None:
        other = model(CHAIN[::-1], A * B * C, (A, B, C))
        assert other != chain()
        assert other.digest != chain().digest


@pytest.mark.parametrize(
    "loss",
    [
        sympy.exp(U) - sympy.exp(V),
        sympy.Max(U, 0) - sympy.Max(V, 0),
        sympy.sin(U) + sympy.cos(U),
        sympy.sin(U) * sympy.sin(V),
        sympy.Piecewise((U, U > 1), (V, True)),
        U**V,
        sympy.Abs(U) - sympy.Abs(V),
    ],
)
def test_unknown_derivatives_do_not_cancel(loss) -> None:
    """The quick proof by rules for sums and products says nothing where it does not know a rule."""
    with pytest.raises(InvarianceError):
        lib.Model(parameters=(U, V), predictor={"z": U * V}, loss=loss, symmetry=lib.Scaling({U: 1, V: -1}))


class TestLinear:
    def test_a_diagonal_matrix_is_a_scaling(self) -> None:
        one, other = model(lib.Linear([[[1, 0], [0, -1]]])), model(lib.Scaling({U: 1, V: -1}))
        assert one.generator_matrices() == other.generator_matrices()
        assert one.generators() == other.generators()
        assert one.constraints() == other.constraints()
        assert one != other

    def test_compact_ones_are_recognised_and_have_no_constraint(self) -> None:
        turned = model(lib.Linear({"turn": [[0, -1], [1, 0]]}), U**2 + V**2)
        assert turned.generators() == ((-V, U),)
        assert turned.constraints() == ()
        assert "turn: compact" in repr(turned.symmetry)
        assert [kind_of(m) for m in lib.Linear([[[1, 2], [2, 3]], [[0, 1], [0, 0]]]).generators] == [
            "non-compact",
            "mixed",
        ]

    def test_gl_has_the_constraints_of_the_symmetric_part(self) -> None:
        built, left, right = factorisation()
        p, q = left.T * left, right.T * right
        wanted = [(p[0, 0] - q[0, 0]) / 2, p[0, 1] - q[0, 1], (p[1, 1] - q[1, 1]) / 2]
        assert [sympy.expand(x - y) for x, y in zip(built.constraints(), wanted, strict=True)] == [0, 0, 0]

    def test_the_gradients_of_the_constraints_are_symmetries(self) -> None:
        """The chain of definitions end to end: grad chi . grad T = 0."""
        built, *_ = factorisation()
        for constraint in built.constraints():
            for component in built.predictor.values():
                inner = sum(sympy.diff(constraint, x) * sympy.diff(component, x) for x in built.parameters)
                assert sympy.expand(inner) == 0

    def test_a_mixed_generator_alone_has_no_canonical_slice(self) -> None:
        alone = model(lib.Linear([[[1, 1], [0, -1]]]), 2 * U * V + V**2)
        with pytest.raises(UnsupportedModelError, match=r"give the model constraints of your own, slice="):
            alone.constraints()
        own = model(lib.Linear([[[1, 1], [0, -1]]]), 2 * U * V + V**2, slice={"chi": U})
        assert own.constraints() == (U,)

    def test_rounding_makes_no_symmetric_matrix_another(self) -> None:
        """Scaling and rotation in a turned frame, computed in double precision."""
        q = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
        boost = q @ np.diag([1.0, -1.0, 0.0]) @ q.T + np.array([[0.0, 1e-16, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        turn = np.array([[0.0, -1.0 / 3.0 - 1e-16, 0.1], [1.0 / 3.0, 0.0, 0.7], [-0.1, -0.7, 0.0]])
        assert kind_of(lib.Linear([boost]).generators[0]) == "non-compact"
        assert kind_of(lib.Linear([turn]).generators[0]) == "compact"
        constant = lib.Model(
            parameters=(A, B, C), predictor={"z": sympy.S.One}, loss=sympy.S.Zero, symmetry=lib.Linear([boost])
        )
        (matrix,) = constant.noncompact_matrices()
        assert matrix == matrix.T
        np.testing.assert_allclose(np.array(matrix, dtype=float), boost, atol=1e-15)

    @pytest.mark.parametrize(
        ("build", "words"),
        [
            (lambda: lib.Linear([]), "must be a sequence or a mapping"),
            (lambda: lib.Linear("ab"), "must be a sequence or a mapping"),
            (lambda: lib.Linear(3), "must be a sequence or a mapping"),
            (lambda: lib.Linear([[1, 2]]), "generator 0 must be a square matrix"),
            (lambda: lib.Linear([[[1, 2]]]), "generator 0 must be a square matrix"),
            (lambda: lib.Linear([[[1, 2], [3]]]), "generator 0 must be a square matrix"),
            (lambda: lib.Linear([[[0, 0], [0, 0]]]), "generator 0 is zero"),
            (lambda: lib.Linear({"a": [[1]], "b": [[1, 0], [0, 1]]}), "generator b has shape"),
            (lambda: lib.Linear([[[np.nan]]]), "must be finite"),
            (lambda: lib.Linear([[["1"]]]), "must be a real number"),
            (lambda: lib.Linear([[[1j]]]), "must be a real number"),
            (lambda: lib.Linear([[[U]]]), "must be a real number"),
            (lambda: lib.Linear({"a b": [[1]]}), "identifier"),
            (lambda: lib.Linear([[[1]]], ("a", "b")), "must be 1 different ones"),
            (lambda: lib.Linear({"a": [[1]]}, ("a",)), "no effect"),
            (lambda: model(lib.Linear([[[1]]])), "there are 2 parameters"),
            (lambda: model([lib.Scaling({U: 1, V: -1}), 3]), "must be a Scaling, a Translation, a Linear"),
        ],
    )
    def test_unusable_ones_are_refused(self, build, words) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            build()

    def test_numbers_of_any_kind(self) -> None:
        given = [[[1, 0], [0, -1]], np.diag([1.0, -1.0]), sympy.Matrix([[1, 0], [0, -1]]), np.diag([1, -1])]
        assert len({lib.Linear([matrix]) for matrix in given}) == 1


class TestSlice:
    def test_it_replaces_the_canonical_one(self) -> None:
        assert chain(slice={"p": A - 1, "q": B - 1}).constraints() == (A - 1, B - 1)

    def test_its_order_matters(self) -> None:
        one, other = chain(slice={"p": A, "q": B}), chain(slice={"q": B, "p": A})
        assert one != other
        assert one.digest != other.digest
        assert content_hash(one) != content_hash(other)

    @pytest.mark.parametrize(
        ("symmetry", "given", "words"),
        [
            (None, {"chi": U}, "without a symmetry"),
            (lib.Scaling({U: 1, V: -1}), {}, "0 constraints"),
            (lib.Scaling({U: 1, V: -1}), {"a": U, "b": V}, "2 constraints, but the symmetry has 1"),
            (lib.Scaling({U: 1, V: -1}), {"a": A}, "depends on a"),
            (lib.Scaling({U: 1, V: -1}), {"a": sympy.Integer(3)}, "is constant"),
            (lib.Scaling({U: 1, V: -1}), U, "must map names"),
        ],
    )
    def test_unusable_ones_are_refused(self, symmetry, given, words) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            model(symmetry, slice=given)


MODELS = {
    "several scalings": chain(),
    "a slice": chain(slice={"q": B - 1, "p": A**2}),
    "gl": factorisation()[0],
    "a rotation by halves": model(lib.Linear([[[0, sympy.Rational(-1, 2)], [sympy.Rational(1, 2), 0]]]), U**2 + V**2),
    "irrational": model(lib.Linear([sympy.Matrix([[sympy.sqrt(2), 0], [0, -sympy.sqrt(2)]])])),
    "doubles": model([lib.Linear({"a": np.array([[0.1, 0.0], [0.0, -0.1]])})]),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_survives(name) -> None:
    built = MODELS[name]
    for back in (
        pickle.loads(pickle.dumps(built)),
        restore(json.loads(json.dumps(describe(built), sort_keys=True)), lib.Model),
    ):
        assert back == built
        assert hash(back) == hash(built)
        assert back.digest == built.digest
        assert content_hash(back) == content_hash(built)
        assert back.constraints() == built.constraints()


@pytest.mark.parametrize("name", ["several scalings", "a slice", "gl", "doubles"])
def test_a_saved_run_has_its_model_back(name, tmp_path) -> None:
    built = MODELS[name]
    options = {"dynamics": lib.Ambient(weight_decay=1.0), "temperature": 0.1, "step_size": 1e-3, "walkers": 2, "rng": 1}
    run = lib.sample(built, steps=5, initial=np.ones(built.dim), **options)
    run.save(tmp_path / "run.npz")
    back = lib.load(tmp_path / "run.npz")
    assert back.model == built
    assert back.model.constraints() == built.constraints()
    np.testing.assert_array_equal(back.resume(steps=5).states, run.resume(steps=5).states)


def test_digests_tell_them_apart() -> None:
    assert len({built.digest for built in MODELS.values()}) == len(MODELS)


def test_models_of_before_say_what_they_said() -> None:
    """Hashes that were computed before there were several symmetries or slices: files name them."""
    product = lib.models.scalar_product()
    assert product.digest == "cd4e9c1d3b5cf8c41b064a3f2c3c6f3090c1c6e3d509780be471366ec792d81d"
    assert content_hash(product) == "2f04032070c4ec023778ea82702d6fc40183603546a4badceb9b649b3888bb4c"
    assert "slice" not in describe(product)["fields"]


@pytest.mark.parametrize(
    "attack",
    [
        {"matrix": [2, 2], "entries": [[0, 2, ["Integer", 1]]]},
        {"matrix": [2, 2], "entries": [[-1, 0, ["Integer", 1]]]},
        {"matrix": [2, 2], "entries": [[0, 0, ["os.system", "true"]]]},
        {"matrix": [2, 2], "entries": [3]},
        {"matrix": [2], "entries": []},
        {"matrix": [2, 2], "entries": [], "more": 1},
    ],
)
def test_what_is_no_matrix_is_not_built(attack) -> None:
    with pytest.raises(ArchiveError):
        restore({"kind": "Linear", "fields": {"generators": [attack], "names": []}}, lib.Linear)
