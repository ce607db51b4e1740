"""A recipe makes weights of parameters and back, moves from zero, is a model of the package, and knows its operator."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
import scipy.fft
import scipy.sparse
import sympy
from langevin_ib import design
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from scipy.sparse.linalg import aslinearoperator

RNG = np.random.default_rng(20260116)
SIGNAL = np.array([1.0, 1.3, 2.0, -2.0, 5.0])
RECIPES = {
    "products": design.sparsity(),
    "depth 4": design.sparsity(depth=4),
    "copies": design.sparsity(copies=3),
    "differences": design.sparsity(design.differences(5), depth=3),
    "cosines": design.sparsity(design.cosine(5)),
    "tall, made": design.sparsity(RNG.standard_normal((8, 5)), frame="synthesis"),
    "tall, seen": design.sparsity(RNG.standard_normal((8, 5))),
    "groups": design.group_sparsity([[4, 0], [1, 2, 3]], depth=3),
    "group copies": design.group_sparsity([0, 0, 1, 1, 1], copies=4),
    "mcp": design.concave(design.mcp(2.0, 9.0)),
}
every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


class TestThereAndBack:
    @every_recipe
    def test_lifted_weights_are_the_weights(self, recipe) -> None:
        for w in (SIGNAL, np.stack([SIGNAL, -2 * SIGNAL])[:, ::-1].copy()):
            assert np.allclose(recipe.parameterize(recipe.lift(w)), w, atol=1e-12)

    @pytest.mark.parametrize("name", ["products", "depth 4", "differences", "groups"])
    @pytest.mark.parametrize("level", [0.3, -0.3])
    def test_on_other_slices_too(self, name, level) -> None:
        recipe = RECIPES[name]
        x = recipe.lift(SIGNAL, level=level)
        assert np.allclose(recipe.parameterize(x), SIGNAL, atol=1e-12)
        model = recipe.model(lambda w: w[0] ** 2, weights=5)
        constraints = [float(each.subs(dict(zip(model.parameters, x, strict=True)))) for each in model.constraints()]
        assert np.allclose(constraints, level)

    @every_recipe
    def test_the_jacobian_is_that_of_the_weights(self, recipe) -> None:
        x, h = recipe.lift(SIGNAL) * 1.1, 1e-6
        slopes = [(recipe.parameterize(x + h * e) - recipe.parameterize(x - h * e)) / (2 * h) for e in np.eye(x.size)]
        assert np.allclose(recipe.jacobian(x), np.transpose(slopes), atol=1e-7)

    @every_recipe
    def test_a_start_is_at_zero_and_moves_in_every_direction(self, recipe) -> None:
        x = recipe.init(0.3, 5)
        assert np.allclose(recipe.parameterize(x), 0.0)
        assert np.linalg.matrix_rank(recipe.jacobian(x)) == 5

    def test_matrices(self) -> None:
        recipe = design.low_rank((3, 4), 2)
        M = (RNG.standard_normal((3, 2)) @ RNG.standard_normal((2, 4))).ravel()
        assert np.allclose(recipe.parameterize(recipe.lift(M)), M)
        assert np.allclose(recipe.parameterize(recipe.init(0.1)), 0.0)
        for rank, why in ((1, "larger rank than 1"), (3, "smaller rank than 3")):
            with pytest.raises(InvalidArgumentError, match=why):
                design.low_rank((3, 4), rank).lift(M)

    def test_zeros_are_refused_where_they_would_stay(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"features \[1\] are zero.*another level="):
            design.sparsity().lift([1.0, 0.0])
        assert np.allclose(design.sparsity().parameterize(design.sparsity().lift([1.0, 0.0], level=0.2)), [1.0, 0.0])
        with pytest.raises(InvalidArgumentError, match=r"no direction.*negative level="):
            design.group_sparsity([[0, 1]]).lift([0.0, 0.0], level=0.2)
        assert np.allclose(design.group_sparsity([[0, 1]]).lift([0.0, 0.0], level=-0.2), [0, 0, np.sqrt(0.4)])

    @pytest.mark.parametrize("recipe", [design.nonnegative(2), design.nonnegative()])
    def test_what_cannot_be_negative(self, recipe) -> None:
        assert np.allclose(recipe.parameterize(recipe.lift([1.0, 2.0])), [1.0, 2.0])
        with pytest.raises(InvalidArgumentError, match="begin at init"):
            recipe.lift([1.0, -2.0])
        assert recipe.penalty([1.0, -2.0], under=design.WeightDecay(1.0)) == np.inf


class TestTheModel:
    def test_is_the_ready_made_one(self) -> None:
        model, known = design.sparsity().model(lambda w: (w[0] - w[1]) ** 2, weights=2), lib.models.hadamard(2)
        assert model.parameters == known.parameters
        assert dict(model.predictor) == dict(known.predictor)
        assert model.constraints() == known.constraints()

    def test_of_data_runs(self) -> None:
        X, y = RNG.standard_normal((6, 5)), RNG.standard_normal(6)
        recipe = RECIPES["differences"]
        model = recipe.model((X, y))
        x = recipe.lift(SIGNAL)
        run = lib.sample(
            model, step_size=1e-9, steps=1, temperature=1e-12, walkers=2, rng=0, initial=x, progress=False,
            observe={"w3": lib.Trace(at=[1])},
        )  # fmt: skip
        assert np.allclose(run["w3"].values, SIGNAL[3], atol=1e-6)
        assert str(model.parameters[-1]) == "eta0"

    @pytest.mark.parametrize("group", ["diagonal", "gl"])
    def test_of_a_matrix(self, group) -> None:
        model = design.low_rank((3, 2), 2, group=group).model(lambda w: sum(each**2 for each in w))
        assert model.constraints() == lib.models.matrix_factorization(3, 2, 2, group=group).constraints()

    def test_of_a_tall_operator_is_refused_where_features_are_not_free(self) -> None:
        with pytest.raises(UnsupportedModelError, match="frame='synthesis'"):
            RECIPES["tall, seen"].model(lambda w: w[0] ** 2)
        assert RECIPES["tall, made"].model(lambda w: w[0] ** 2).dim == 16
        with pytest.raises(UnsupportedModelError, match="least one over all z"):
            RECIPES["tall, made"].penalty(SIGNAL, under=design.WeightDecay(1.0))

    @pytest.mark.parametrize(
        ("loss", "why"),
        [
            (3.0, "function of the weights"),
            ((np.ones((3, 4)), np.ones(3)), "columns|is for 5"),
            ((np.ones((3, 5)), np.ones(4)), "same n > 0"),
            ((np.ones((0, 5)), np.ones(0)), "same n > 0"),
            ((np.full((3, 5), np.nan), np.ones(3)), r"X\[0, 0\] is not finite"),
            ((np.ones((3, 5)),), "a pair"),
        ],
    )
    def test_data_that_are_none_are_refused(self, loss, why) -> None:
        with pytest.raises(InvalidArgumentError, match=why):
            RECIPES["cosines"].model(loss)


class TestOperators:
    @pytest.mark.parametrize("matrix", [design.cosine(8), design.haar(8), design.fourier(7)[0], design.fourier(8)[0]])
    def test_transforms_are_orthonormal(self, matrix) -> None:
        assert np.allclose(matrix @ matrix.T, np.eye(len(matrix)))

    def test_frequencies_are_groups(self) -> None:
        matrix, groups = design.fourier(8)
        w = RNG.standard_normal(8)
        recipe = design.group_sparsity(groups, operator=matrix)
        sizes = np.abs(scipy.fft.rfft(w, norm="ortho")) * np.sqrt([1, 2, 2, 2, 1])
        for turned in (w, np.roll(w, 3)):
            assert recipe.penalty(turned, under=design.WeightDecay(1.0)) == pytest.approx(sizes.sum())

    def test_an_image(self) -> None:
        image = RNG.standard_normal((3, 4))
        recipe = design.sparsity(design.total_variation((3, 4)))
        tv = np.abs(np.diff(image, axis=0)).sum() + np.abs(np.diff(image, axis=1)).sum()
        assert recipe.penalty(image.ravel(), under=design.WeightDecay(1.0)) == pytest.approx(tv)
        assert recipe.operator.is_tall
        assert np.allclose(recipe.operator.kernel, recipe.operator.kernel[0, 0])

    @pytest.mark.parametrize(
        ("matrix", "free"),
        [
            (design.differences(6), 1),
            (design.differences(6, 2), 2),
            (design.differences(6, periodic=True), 1),
            (design.laplacian(6), 0),
            (design.laplacian(6, "neumann"), 1),
            (design.laplacian(6, "periodic"), 1),
            (design.graph_gradient([(0, 1), (1, 2), (3, 4), (4, 5)], 6), 2),
            (design.identity(6), 0),
        ],
    )
    def test_what_is_not_seen_is_free(self, matrix, free) -> None:
        operator = design.sparsity(matrix).operator
        assert operator.kernel.shape == (6, free)
        assert np.allclose(matrix @ operator.kernel, 0.0)
        w = RNG.standard_normal(6)
        assert np.allclose(operator.inverse @ (matrix @ w) + operator.kernel @ (operator.kernel.T @ w), w)
        if free:
            with pytest.raises(InvalidArgumentError, match="does not see"):
                design.sparsity(matrix, kernel="refuse")

    def test_all_kinds_of_matrices_are_taken(self) -> None:
        A = design.differences(6)
        for kind in (scipy.sparse.csr_array(A), aslinearoperator(A), A.astype(np.int8), np.asfortranarray(A)):
            assert np.array_equal(design.sparsity(kind).operator.matrix, A)

    @pytest.mark.parametrize(
        ("operator", "why"),
        [
            (np.diag([1.0, 1e-12]), r"condition number 1e\+12"),
            (np.zeros((2, 2)), "is zero"),
            (np.ones(3), r"shape \(3,\)"),
            (np.ones((0, 3)), r"shape \(0, 3\)"),
            (np.array([[1.0, np.nan]]), r"operator\[0, 1\] = nan"),
            ("A", "dtype"),
            (scipy.sparse.eye_array(4000), "more than 1e[+]07"),
        ],
    )
    def test_bad_ones_are_refused_in_words(self, operator, why) -> None:
        with pytest.raises(InvalidArgumentError, match=why):
            design.sparsity(operator)

    @pytest.mark.parametrize(
        ("ask", "why"),
        [
            (lambda: design.group_sparsity([[0, 1], [1, 2]]), r"features \[1\] are in two groups"),
            (lambda: design.group_sparsity([[0, 1], [3]]), r"features \[2\] are in no group"),
            (lambda: design.group_sparsity([[0], []]), "empty"),
            (lambda: design.group_sparsity([[0, -1]]), "no feature"),
            (lambda: design.group_sparsity([]), "lists of features"),
            (lambda: design.group_sparsity([[0.5]]), "whole numbers"),
            (lambda: design.group_sparsity([[0, 1]], operator=design.identity(3)), "groups are of 2 features"),
            (lambda: design.sparsity(depth=1), "between 2 and 12"),
            (lambda: design.sparsity(depth=3, copies=2), "take depth=2"),
            (lambda: design.sparsity(frame="both"), "unknown"),
            (lambda: design.low_rank((3,), 1), r"\(rows, columns\)"),
            (lambda: design.low_rank((3, 2), 3), "between 1 and 2"),
            (lambda: design.haar(6), "power of two"),
            (lambda: design.graph_gradient([(0, 0)], 3), "two different nodes"),
            (lambda: design.graph_gradient([(0, 5)], 3), "two different nodes"),
            (lambda: design.laplacian(5, "open"), "boundary"),
            (lambda: design.power(2.5), "not be larger"),
            (lambda: design.scad(1.0, 2.0), "larger than 2"),
            (lambda: RECIPES["cosines"].penalty(np.ones(4), under=design.WeightDecay(1)), "is for 5"),
            (lambda: RECIPES["products"].parameterize(np.ones(3)), "3 parameters"),
            (lambda: RECIPES["products"].init(0.1), "say how many"),
        ],
    )
    def test_so_is_what_else_makes_no_sense(self, ask, why) -> None:
        with pytest.raises(InvalidArgumentError, match=why):
            ask()


class TestModelsOfShapes:
    def test_mcp_is_a_formula_and_any_dynamics_runs_it(self) -> None:
        recipe = design.concave(design.mcp(2.0, 2.0))
        model = recipe.model((np.ones((1, 1)), np.ones(1)))
        (z,) = model.predictor.values()
        u, v = model.parameters
        assert sympy.simplify(z - u * sympy.Abs(v) / sympy.sqrt(4 - v**2 / 2)) == 0
        for point in ([0.3, 0.2], [-1.0, 0.6]):
            assert float(z.subs(dict(zip((u, v), point, strict=True)))) == pytest.approx(
                recipe.parameterize(point)[0], rel=1e-9
            )
        run = lib.sample(
            model,
            dynamics=lib.SGD(weight_decay=0.1),
            step_size=0.02,
            steps=20_000,
            walkers=1,
            initial=[0.1, 0.4],
            rng=0,
            observe={"z0": lib.Trace(at=[20_000])},
            progress=False,
        )
        # z - 1 + 0.1 (2 - z/2) = 0; least squares with 0.2 |z| would end at 0.8.
        assert run["z0"].values == pytest.approx(0.8 / 0.95, abs=1e-3)

    def test_others_are_refused(self) -> None:
        assert design.concave(design.power(1.0)).model(lambda w: w[0] ** 2, weights=1).predictor
        with pytest.raises(UnsupportedModelError, match="mcp and power have formulas"):
            design.concave(design.scad()).model(lambda w: w[0] ** 2, weights=1)
