"""Models with data and confinement: what is accepted, what is refused by name, and how invariance is judged."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError, InvarianceError
from langevin_ib.model.expressions.expressions import compiled
from langevin_ib.model.expressions.jets import jet
from langevin_ib.model.meaning import vanishes
from langevin_ib.process import Ambient
from sympy import Abs, Max, Piecewise, Rational, Sum, exp, log, sqrt, tanh

U, V = lib.parameters("u v")
X, Y = sympy.IndexedBase("X"), sympy.IndexedBase("y")
N = 7
ROW, K = sympy.Idx("i", N), sympy.Symbol("k", integer=True)
RNG = np.random.default_rng(5)
DATA = {"X": RNG.normal(size=(N, 2)), "y": RNG.normal(size=N)}
WIDE = np.finfo(np.longdouble).max > np.finfo(np.float64).max
NEURON = V * Max(0, U * X[ROW, 0])


def rows(summand, index=ROW, n=N):
    return Sum(summand, (index, 0, n - 1))


def model(**changes) -> lib.Model:
    settings = {
        "parameters": (U, V),
        "predictor": {"theta": U * V},
        "loss": rows((U * V * X[ROW, 0] + X[ROW, 1] - Y[ROW]) ** 2) / N,
        "symmetry": lib.Scaling({U: 1, V: -1}),
        "confinement": U**4 / 4 + V**2,
        "data": DATA,
    }
    return lib.Model(**(settings | changes))


class TestFields:
    def test_the_potential_is_loss_plus_confinement_plus_weight_decay(self) -> None:
        plain = model()
        assert plain.potential() == plain.loss + U**4 / 4 + V**2
        assert Ambient().potential(plain) == plain.potential()
        assert sympy.expand(Ambient(0.5).potential(plain) - plain.potential() - 0.25 * (U**2 + V**2)) == 0
        assert lib.models.scalar_product().confinement == 0
        assert dict(lib.models.scalar_product().data) == {}

    def test_the_confinement_need_not_be_invariant_but_must_be_an_expression(self) -> None:
        assert model(confinement=U**2).confinement == U**2
        with pytest.raises(InvalidArgumentError, match="confinement must be a scalar SymPy expression"):
            model(confinement="u**2")
        with pytest.raises(InvalidArgumentError, match="confinement depends on w"):
            model(confinement=sympy.Symbol("w"))

    def test_data_are_copied_and_cannot_be_changed(self) -> None:
        mine = {"X": DATA["X"].copy(), "y": DATA["y"].tolist()}
        made = model(data=mine)
        mine["X"][0, 0] = 1e9
        del mine["y"]
        np.testing.assert_array_equal(made.data["X"], DATA["X"])
        assert made.data["y"].dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            made.data["X"][0, 0] = 0.0
        with pytest.raises(ValueError, match="WRITEABLE"):
            made.data["X"].flags.writeable = True
        with pytest.raises(TypeError):
            made.data["z"] = made.data["y"]

    def test_integers_and_single_precision_become_double(self) -> None:
        made = model(data={"X": np.ones((N, 2), np.float32), "y": np.arange(N)})
        assert {array.dtype for array in made.data.values()} == {np.dtype(np.float64)}

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
            (np.float64(1.0), r"shape \(\)"),
            (np.zeros(0), "between 1 and"),
            (np.zeros((3, 0)), "between 1 and"),
            (np.broadcast_to(0.0, (10**4, 10**5)), "between 1 and"),
            ([1.0, np.nan], r"holds nan at \[1\]"),
            ([[1.0, 2.0], [np.inf, 0.0]], r"holds inf at \[1, 0\]"),
            ([1j], "real numbers"),
            (["a"], "real numbers"),
            (np.array([True]), r"give real numbers, such as numpy.asarray\(y, dtype=float\)"),
            (np.array(["1e4000"], dtype=np.longdouble), "beyond the range of doubles" if WIDE else "inf"),
            ([[1.0], [2.0, 3.0]], "no array of numbers"),
            (None, "real numbers"),
            (np.array([2**60 + 1]), r"beyond 2\*\*53"),
            (np.ma.masked_array([1.0, 2.0], [True, False]), "masked"),
        ],
    )
    def test_arrays_that_cannot_be_used_are_refused(self, value, words) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            model(data=DATA | {"y": value})

    @pytest.mark.parametrize("data", [[1, 2], "X", None, {1: np.ones(3)}, {"the x": np.ones(3)}])
    def test_data_must_be_a_mapping_of_identifiers(self, data) -> None:
        with pytest.raises(InvalidArgumentError, match="data"):
            model(data=data)


class TestUses:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"data": {"X": DATA["X"]}}, r"contains y\[i\], but there are X in data="),
            ({"data": {}}, r"this model has none in data=; give data="),
            ({"data": DATA | {"z": np.ones(3)}}, "data 'z' is used by no expression"),
            ({"data": DATA | {"X": np.ones(N)}}, r"X\[i, 0\] with 2 indices, but data 'X' has shape \(7,\)"),
            ({"data": DATA | {"y": np.ones((N, 1))}}, r"y\[i\] with 1 indices, but data 'y' has shape \(7, 1\)"),
            ({"data": DATA | {"X": np.ones((N, 1))}}, r"X\[i, 1\], which reaches column 1, .* has 1 columns, 0 to 0"),
            ({"data": DATA | {"y": np.ones(N - 1)}}, r"y\[i\], which reaches row 6, .* has 6 rows, 0 to 5"),
            ({"data": {"u": np.ones(N)} | DATA}, "'u' stands for both u and data"),
            ({"data": {"theta": np.ones(N)} | DATA}, r"'theta' stands for both u\*v and data"),
        ],
    )
    def test_data_that_do_not_fit_are_named(self, changes, words) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            model(**changes)

    @pytest.mark.parametrize(
        ("loss", "words"),
        [
            (U * V * X[ROW, 0], r"index i is neither a whole number nor made of the indices of sums around it"),
            (rows(U * V * X[K, 0]), "index k is neither"),
            (rows(U * V * X[ROW**2, 0]), r"index i\*\*2 is neither"),
            (rows(U * V * X[ROW / 2, 0]), r"index i/2 is neither"),
            (rows(U * V * X[2 * ROW, 0]), "reaches row 12"),
            (rows(U * V * X[N - 2 - ROW, 0]), "reaches row -1"),
            (Sum(U * V * K, (K, 1, 10**9)), "has 1000000000 terms"),
            (rows(U * V * X[ROW + 1, 0]), "reaches row 7"),
            (rows(U * V * X[ROW - 1, 0]), "reaches row -1"),
            (rows(U * V * X), "contains X without an index"),
            (Sum(U * V * X[K, 0], (K, 0, sympy.Symbol("n"))), "needs whole numbers as limits"),
            (Sum(U * V * X[K, 0], (K, 0, Rational(1, 2))), "needs whole numbers as limits"),
            (Sum(U * V * X[K, 0], (K, 3, 2)), "is empty"),
            (rows(U * V * X[ROW, 0] * sympy.Symbol("c")), "depends on c"),
            (rows(U * V * X[ROW, 0] * sympy.Symbol("X")), "depends on X"),
            (rows(U * V * X[ROW, 0]) + ROW, "depends on i"),
            (rows(U * V * X[ROW, 0] * sympy.Function("f")(U * V)), "undefined functions"),
            (rows(sympy.I * U * V * X[ROW, 0]), "not real"),
            (rows(U * V * X[ROW, 0]) / sympy.oo + sympy.nan, "not finite"),
            (rows(U * V * sympy.IndexedBase("X", shape=(N, 3))[ROW, 0]), "was given the shape"),
        ],
    )
    def test_sub_expressions_that_mean_nothing_are_named(self, loss, words) -> None:
        data = {"X": DATA["X"]} if loss.has(sympy.Indexed) else {}
        with pytest.raises(InvalidArgumentError, match=words):
            lib.Model(parameters=(U, V), predictor={"theta": U * V}, loss=loss, data=data)

    @pytest.mark.parametrize(
        "loss",
        [
            rows(Y[ROW] * U * V),
            rows(Y[K] * U * V, K),
            Sum(Y[K + 1] * U * V, (K, 0, N - 2)) + Y[0] * U * V,
            Sum(Y[2 * K] * U * V, (K, 0, N // 2)),
            Sum(Y[N - 1 - K] * U * V, (K, 0, N - 1)),
            Sum(Sum(Y[K + ROW] * U * V, (K, 0, 2)), (ROW, 0, N - 3)),
            Sum(Y[K] * U * V * sympy.KroneckerDelta(K, 3), (K, 0, N - 1)),
            Y[3] * U * V,
            Sum(Y[ROW] * U * V, ROW),
            Sum(Y[ROW] * Y[K] * U * V, (ROW, 0, N - 1), (K, 0, N - 1)),
            Sum(Y[ROW] * Sum(Y[K] * U * V, (K, 0, 2)), (ROW, 0, N - 1)),
            rows(sympy.IndexedBase("y", shape=(N,), real=True)[ROW] * U * V),
            rows(Piecewise((U * V, Y[ROW] > 0), (0, True))),
        ],
        ids=str,
    )
    def test_every_way_to_write_a_sum_is_understood(self, loss) -> None:
        made = lib.Model(
            parameters=(U, V), predictor={"theta": U * V}, loss=loss, symmetry=lib.Scaling({U: 1, V: -1}),
            data={"y": DATA["y"]},
        )  # fmt: skip
        explicit = loss.doit().xreplace({Y[j]: sympy.Float(DATA["y"][j]) for j in range(N)})
        at = {U: 0.7, V: -1.9}
        if explicit.has(sympy.Indexed):  # another symbol of the same name
            explicit = explicit.xreplace(
                {e: sympy.Float(DATA["y"][e.indices[0]]) for e in explicit.atoms(sympy.Indexed)}
            )
        value = compiled(made.loss, made.parameters, made.data)(at[U], at[V])
        assert float(value) == pytest.approx(float(explicit.subs(at)), rel=1e-12)


class TestInvariance:
    @pytest.mark.parametrize(
        "summand",
        [
            (NEURON - Y[ROW]) ** 2,
            Abs(NEURON - Y[ROW]),
            Max(NEURON, Y[ROW], X[ROW, 1]),
            log(1 + exp(-NEURON * Y[ROW])),
            Piecewise((NEURON, Y[ROW] > 0), (NEURON**2, True)),
            Piecewise((V * U * X[ROW, 0], U > 0), (V * U * X[ROW, 0] / 10, True)),
            tanh(U * V) * X[ROW, 1] + sympy.sign(U) * Y[ROW] + sympy.Heaviside(V * X[ROW, 0]),
            sympy.Min(U * Abs(V), Y[ROW]) + sqrt(U**2 * V**2 + Y[ROW] ** 2),
            sympy.atan2(U * V, Y[ROW]) * sympy.erf(U * V * X[ROW, 0]),
        ],
        ids=str,
    )
    def test_what_is_invariant_almost_everywhere_is_accepted(self, summand) -> None:
        assert model(loss=rows(summand), data={name: DATA[name] for name in DATA if name in str(summand)})

    @pytest.mark.parametrize("scale", [1.0, 1e-6, 1e3])
    def test_what_is_not_is_refused_with_place_and_residual(self, scale) -> None:
        loss = rows((V * Max(0, U * X[ROW, 0] + Rational(1, 10**6) * U**2) - Y[ROW]) ** 2)
        with pytest.raises(InvarianceError, match=r"loss = Sum.* its derivative along the generator") as caught:
            model(loss=loss, data={"X": scale * DATA["X"], "y": DATA["y"]})
        assert "at u = " in caught.value.residual
        value = float(caught.value.residual.split()[0])
        assert value != 0.0

    def test_the_tolerance_is_what_it_says(self) -> None:
        """Violations far below 1e-11 of the terms are not seen with data, those far above it are, wherever they are."""
        data = {"y": np.ones(3)}
        for violation, seen in ((1e-14 * sympy.sin(U), False), (1e-9 * sympy.sin(U), True), (1e-14 * U**2, True)):
            loss = Sum(U * V * Y[K] * (1 + violation), (K, 0, 2))
            if seen:
                with pytest.raises(InvarianceError):
                    model(loss=loss, data=data)
            else:
                assert model(loss=loss, data=data)

    def test_the_printed_residual_is_the_derivative(self) -> None:
        loss = rows((U**2 * V * X[ROW, 0] - Y[ROW]) ** 2)
        with pytest.raises(InvarianceError) as caught:
            model(loss=loss)
        words = caught.value.residual.replace(",", "").split()
        u, v = float(words[words.index("u") + 2]), float(words[words.index("v") + 2])
        x, y = DATA["X"][:, 0], DATA["y"]
        derivative = np.sum(2 * (u**2 * v * x - y) * u**2 * v * x)
        assert float(words[0]) == pytest.approx(derivative, rel=2e-2)  # the place is printed with four digits

    def test_an_invariance_that_only_the_whole_sum_has(self) -> None:
        """Rotations of (u, v) leave the sum alone, though no summand: the columns are orthogonal and equally long."""
        data = {"X": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]])}
        total = Sum((X[K, 0] * U + X[K, 1] * V) ** 2, (K, 0, 3))
        points = {U: np.array([0.3, 2.0]), V: np.array([-1.0, 0.4])}
        found = jet(total, points, data, {U: -points[V], V: points[U]})
        assert found.slope is not None
        assert np.abs(found.slope).max() < 1e-14 * np.min(found.size)

    def test_the_observed_predictor_may_have_data_too(self) -> None:
        predictor = {"mean": rows(U * V * X[ROW, 0]) / N}
        assert model(predictor=predictor).observable_names == ("mean", "u", "v")
        with pytest.raises(InvarianceError, match="predictor 'mean'"):
            model(predictor={"mean": rows(U * X[ROW, 0])})

    def test_large_data_are_judged_in_seconds(self) -> None:
        n, p = 10_000, 99
        w = lib.parameters(f"w:{p}")
        loss = Sum((V * Max(0, sympy.Add(*(X[K, j] * w[j] for j in range(p)))) - Y[K]) ** 2, (K, 0, n - 1)) / n
        data = {"X": RNG.normal(size=(n, p)), "y": RNG.normal(size=n)}
        symmetry = lib.Scaling(dict.fromkeys(w, 1) | {V: -1})
        started = time.process_time()
        made = lib.Model(parameters=(*w, V), predictor={"one": w[0] * V}, loss=loss, symmetry=symmetry, data=data)
        assert time.process_time() - started < 10.0  # about one second
        assert len(repr(made)) < 20_000

    @pytest.mark.parametrize("loss", [
        (V * Max(0, U * 3 + 2 * U) - 1) ** 2,
        Max(0, U) * V + Max(0, -U) * V * 3,
        Abs(V * Max(0, U) - V * Max(0, -2 * U)),
        Piecewise((U * V, U > 0), (U * V / 10, True)) ** 2,
        sympy.sign(U) * sympy.Heaviside(V),
        Max(0, V * Max(0, U) + Abs(U * V) - 1),
    ], ids=str)  # fmt: skip
    def test_kinks_do_not_matter_without_data_either(self, loss) -> None:
        assert model(loss=loss, data={})
        with pytest.raises(InvarianceError):
            model(loss=loss + Max(0, U) / 10**6, data={})


class TestJets:
    @pytest.mark.parametrize(
        "expression",
        [
            U**3 * V - V / U,
            exp(U) * tanh(V) + sympy.sin(U * V),
            Max(U, V, U * V) - 2 * sympy.Min(U, V**2),
            Abs(U - 2 * V) ** Rational(3, 2),
            Piecewise((U**2, U > V), (V * U, sympy.And(U > 0, V > 0)), (V, True)),
            (U**2 + 1) ** V,
            sympy.besselk(0, U**2 + 1) + sympy.erf(V),
            sympy.floor(U) * V + sympy.sign(V) * U,
        ],
        ids=str,
    )
    def test_values_and_derivatives_against_finite_differences(self, expression) -> None:
        # Away from zero, where the next term of the differences counts.
        u, v = RNG.uniform(0.2, 2, (2, 50)) * RNG.choice([-1.0, 1.0], (2, 50))
        a, b = RNG.normal(size=(2, 50))
        found = jet(expression, {U: u, V: v}, {}, {U: a, V: b})
        f, h = compiled(expression, (U, V)), 1e-5
        np.testing.assert_allclose(found.value, f(u, v), rtol=1e-13)
        difference = (f(u + h * a, v + h * b) - f(u - h * a, v - h * b)) / (2 * h)
        np.testing.assert_allclose(found.slope, difference, rtol=1e-6, atol=1e-6)
        assert np.all(np.abs(found.slope) <= found.size * (1 + 1e-12))

    def test_sums_go_over_all_rows_whatever_the_chunks(self) -> None:
        n = 300_000
        data = {"y": RNG.normal(size=n)}
        points = {U: np.array([0.5, -1.0]), V: np.zeros(2)}
        found = jet(Sum(tanh(U * Y[K]) + V, (K, 0, n - 1)), points, data, {V: np.ones(2)})
        np.testing.assert_allclose(found.value, np.tanh(np.outer(points[U], data["y"])).sum(axis=1), rtol=1e-9)
        np.testing.assert_array_equal(found.slope, [n, n])

    def test_polynomial_sums_are_condensed_to_the_same_values(self) -> None:
        n = 1000
        data = {"y": RNG.normal(size=n), "X": RNG.normal(size=(n, 2))}
        total = Sum((U * V * X[K, 0] - Y[K]) ** 2 + Abs(U - X[K, 1]), (K, 0, n - 1))
        u, v = RNG.normal(size=(2, 40))
        direct = ((u * v * data["X"][:, :1] - data["y"][:, None]) ** 2 + np.abs(u - data["X"][:, 1:])).sum(axis=0)
        np.testing.assert_allclose(compiled(total, (U, V), data)(u, v), direct, rtol=1e-12)

    def test_where_the_terms_of_a_condensed_sum_cancel_the_rows_are_added_up(self) -> None:
        n = 300
        for offset in (0.0, 1e2, 1e4):
            y = offset + RNG.normal(size=n)
            f = compiled(Sum((U * V - Y[K]) ** 4, (K, 0, n - 1)), (U, V), {"y": y})
            u, v = offset + np.linspace(-1.0, 1.0, 21), np.array([[1.0], [1.0 + 1e-5]])
            direct = ((u * v - y[:, None, None]) ** 4).sum(axis=0)
            np.testing.assert_allclose(f(u, v), direct, rtol=1e-12)

    def test_what_vanishes_with_data(self) -> None:
        y = {"y": DATA["y"]}
        assert vanishes(rows((U - Y[ROW]) ** 2) - rows(U**2 - 2 * U * Y[ROW]) - rows(Y[ROW] ** 2), (U,), y)
        assert not vanishes(rows((U - Y[ROW]) ** 2) - rows(U**2 - 2 * U * Y[ROW]), (U,), y)

    def test_the_loss_is_found_as_a_function_of_the_predictor(self) -> None:
        theta = sympy.Symbol("theta", real=True)
        assert model().loss_of_predictor() == rows((theta * X[ROW, 0] + X[ROW, 1] - Y[ROW]) ** 2) / N


class TestIdentity:
    def test_equality_is_by_content_and_data_by_bytes(self) -> None:
        one = model()
        assert one == model()
        assert hash(one) == hash(model())
        others = [model(confinement=U**2), model(data=DATA | {"y": DATA["y"] + 1e-300}), model(symmetry=None)]
        others += [model(data=DATA | {"y": np.nextafter(DATA["y"], 9.0)})]
        assert all(one != other and one.digest != other.digest for other in others[:1] + others[2:])
        assert one == others[1]  # nothing was added in double precision

    def test_minus_zero_is_not_zero(self) -> None:
        zero, minus = (model(data=DATA | {"y": sign * np.zeros(N)}) for sign in (1.0, -1.0))
        assert zero != minus
        assert zero.digest != minus.digest

    @pytest.mark.long
    def test_the_digest_is_the_same_in_every_process(self) -> None:
        program = (
            "import langevin_ib as lib, numpy as np, sympy\n"
            "u, v = lib.parameters('u v'); X = sympy.IndexedBase('X'); i = sympy.Idx('i', 5)\n"
            "loss = sympy.Sum(sympy.Max(0, u * v * X[i], u * v - 2) + sympy.cosh(u * v), (i, 0, 4))\n"
            "model = lib.Model(parameters=(u, v), predictor={'b': u * v, 'a': -u * v}, loss=loss, confinement=u**2,\n"
            "    symmetry=lib.Scaling({v: -1, u: 1}), data={'X': np.arange(5.0)}, observables={'q': u, 'p': v})\n"
            "print(model.digest)"
        )
        seen = {
            subprocess.run(
                [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True,
                env=os.environ | {"PYTHONHASHSEED": seed},
            ).stdout.strip()
            for seed in ("0", "1", "4711")
        }  # fmt: skip
        assert len(seen) == 1
        assert len(seen.pop()) == 64

    def test_the_digest_does_not_depend_on_order_or_on_how_symbols_were_made(self) -> None:
        a, b = model(observables={"p": U, "q": V}), model(observables={"q": V, "p": U})
        assert a.digest == b.digest
        w, again = sympy.Symbol("w", positive=True), sympy.Symbol("w", real=True, positive=True)
        c, d = (lib.Model(parameters=(x,), predictor={"z": x}, loss=x**2) for x in (w, again))
        assert c == d
        assert c.digest == d.digest

    def test_pickles_are_equal_and_not_checked_again(self, monkeypatch) -> None:
        one = model()
        text = pickle.dumps(one)

        def checked(*_: object) -> None:
            raise AssertionError("the invariance was checked again")

        monkeypatch.setattr("langevin_ib.model.model.require_invariance", checked)
        back = pickle.loads(text)
        assert back == one
        assert back.digest == one.digest
        assert not back.data["X"].flags.writeable

    def test_repr_does_not_print_the_data(self) -> None:
        assert repr(model()).endswith("data={'X': <array (7, 2)>, 'y': <array (7,)>})")

    def test_a_model_without_its_fields_is_none(self) -> None:
        with pytest.raises(InvalidArgumentError, match="check loss"):
            lib.Model.trusted({"parameters": (U,), "predictor": {"z": U}})
        with pytest.raises(InvalidArgumentError, match="check colour"):
            lib.Model.trusted({"parameters": (U,), "predictor": {"z": U}, "loss": U, "colour": 3})


@pytest.mark.parametrize("limits", [(0, N - 2), (1, N - 1)])
def test_rows_that_no_sum_reaches_are_not_forgotten_in_silence(limits: tuple[int, int]) -> None:
    """Beside another sum that reaches them, as one over rows for a test, nothing is said."""
    given = {"parameters": (U, V), "predictor": {"theta": U * V}, "data": {"y": DATA["y"]}}
    part = Sum((U * V - Y[ROW]) ** 2, (ROW, *limits))
    with pytest.warns(
        UserWarning, match=rf"only {limits[0]} to {limits[1]} of the {N} rows of data 'y' are used"
    ) as said:
        lib.Model(loss=part, **given)
    assert said[0].filename == __file__
    lib.Model(loss=part, observables={"other": rows((U - Y[ROW]) ** 2)}, **given)
    lib.Model(loss=(U * V - Y[1]) ** 2, **given)
