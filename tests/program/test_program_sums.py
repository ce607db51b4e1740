"""Sums over data: the same as the terms written out, in a tape that does not grow with the rows."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
import sympy
from enclosures import DIGITS, EXACT, NUMPY, Ball
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.program import OPCODES, Data, Program, evaluate, listing
from random_expressions import COORDINATES, LOOK, expressions
from tape_reference import computed, meant, rounded, violations
from written_reference import doubt_of

U, V = PARAMETERS = sympy.symbols("u v", real=True)
A, B = sympy.symbols("a b", real=True)
X, Y, Z = (sympy.IndexedBase(name) for name in "XYZ")
I = sympy.Symbol("i", integer=True)  # noqa: E741 - the usual name of an index

RNG = np.random.default_rng(20260106)


def total(body, rows, first=0) -> sympy.Sum:
    return sympy.Sum(body, (I, first, first + rows - 1))


def loops(tape) -> list[tuple[int, int]]:
    """Return rows and instructions of each loop."""
    return [(len(tape.data[row[2]]), row[3]) for row in tape.code.tolist() if row[0] == OPCODES["loop"]]


def agree(program: Program, wanted, points, **tolerance) -> None:
    found = evaluate(program.value_and_gradient, points)
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-12, "atol": 1e-12, **tolerance})
    assert np.array_equal(found[:, :1], evaluate(program.value, points))


OUTER = [
    lambda s, t: s,
    lambda s, t: 2 * s + t / 3 - U,
    lambda s, t: sympy.Max(s, U) + t,
    lambda s, t: s * t,
    lambda s, t: sympy.log(1 + s**2) + U * t,
    lambda s, t: s / (1 + t**2) + V**2,
    lambda s, t: sympy.Piecewise((s * U, t > 0), (t * V, True)),
    lambda s, t: sympy.sqrt(1 + (s - t) ** 2) * sympy.exp(-U),
]


BODIES = st.tuples(*[expressions([U, V, A, B])] * 2)
ROWS = st.lists(st.tuples(*[st.integers(-12, 12)] * 2), min_size=1, max_size=4).map(lambda rows: np.array(rows) / 4)
POINTS = st.tuples(COORDINATES, COORDINATES)
OPEN = EXACT._replace(decides_ties=False)
LOOK_AT_SUMS = settings(LOOK, max_examples=100)  # each takes as long as two without sums


def taped(parameters, build, data=None):
    """Return the tape of what `build` makes, unless that has numbers that are not real or is too much for SymPy."""
    try:
        return Program(parameters, build(), data).value_and_gradient
    except (TypeError, ValueError, RecursionError, InvalidArgumentError):
        assume(False)


def looped(bodies, outer, data):
    return outer(*(total(body.xreplace({A: X[I, 0], B: Y[I]}), len(data)) for body in bodies))


def looped_tape(bodies, outer, data):
    return taped(PARAMETERS, lambda: looped(bodies, outer, data), {"X": data[:, :1], "Y": data[:, 1]})


def row_by_row(body, data, point) -> list[Ball]:
    """Return the sum and its derivatives from the tape of one row, with what NumPy may make of the data beforehand.

    In a loop the operations on data alone are done once, by NumPy. Each of them is one of those of a row, where it is
    charged no less than an eighth: the power of a column is one of up to 4 ulp = 8 u, not some products of u each.
    Where two things are equal that are both taken for coordinates here, the derivative of Max is another.
    """
    tape = taped((U, V, A, B), lambda: body)
    sums = [Ball(OPEN, 0)] * 3
    for row in data.tolist():
        meaning = meant(tape, (*point, *row), doubt=doubt_of(body), arithmetic=OPEN)
        for place, (exact, beforehand) in enumerate(zip(meaning, computed(tape, (*point, *row), NUMPY), strict=True)):
            if place < 3:
                assume(exact is not None and beforehand is not None)
                sums[place] += Ball(OPEN, exact.value, exact.error + 8 * beforehand.error)
    return sums


@LOOK_AT_SUMS
@given(bodies=BODIES, outer=st.sampled_from(OUTER), data=ROWS, point=POINTS)
def test_a_loop_is_its_rows_one_by_one(bodies, outer, data, point) -> None:
    """Without rounding, but for that of the constants and of the data; the chain rule is applied by hand."""
    s, t = sympy.symbols("s t", real=True)
    tape, outside = looped_tape(bodies, outer, data), taped((U, V, s, t), lambda: outer(s, t))
    with mpmath.workdps(DIGITS):
        first, second = (row_by_row(body, data, point) for body in bodies)
        value, *slopes = meant(outside, (*point, first[0], second[0]), doubt=0, arithmetic=OPEN)
        assume(None not in (value, *slopes))
        wanted = [value, *(slopes[k] + slopes[2] * first[k + 1] + slopes[3] * second[k + 1] for k in range(2))]
        doubt = max(map(doubt_of, bodies))
        for found, exact in zip(meant(tape, point, doubt=doubt), wanted, strict=True):
            assume(found is not None)
            assert abs(found.value - exact.value) <= found.error + exact.error, (
                looped(bodies, outer, data),
                data,
                point,
                found,
                exact,
            )


@pytest.mark.long
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@LOOK_AT_SUMS
@given(bodies=BODIES, outer=st.sampled_from(OUTER), data=ROWS, point=POINTS)
def test_every_level_is_as_far_from_a_loop_as_rounding_can_take_it(dtype, bodies, outer, data, point) -> None:
    tape, point = looped_tape(bodies, outer, data), rounded(point, dtype)
    with mpmath.workdps(DIGITS):
        assert not list(violations(tape, point, dtype)), (looped(bodies, outer, data), data, point)


def linear_model(rows: int, columns: int) -> tuple[tuple[sympy.Symbol, ...], sympy.Expr, dict[str, np.ndarray]]:
    weights = sympy.symbols(f"w:{columns}", real=True)
    data = {"X": RNG.normal(size=(rows, columns)), "Y": RNG.normal(size=rows)}
    return weights, sympy.Add(*(X[I, j] * w for j, w in enumerate(weights))), data


@pytest.mark.parametrize("sign", [1, -1])
def test_least_squares(sign) -> None:
    weights, prediction, data = linear_model(50, 3)
    loss = total((sign * (prediction - Y[I])) ** 2, 50) / 100
    program, w = Program(weights, loss, data), RNG.normal(size=(20, 3))
    residual = w @ data["X"].T - data["Y"]
    agree(program, np.column_stack([(residual**2).sum(axis=1) / 100, residual @ data["X"] / 50]), w)
    # A column, three fused products, three fused sums: nothing else happens in a row. The factor 1 / 50 comes after.
    assert loops(program.gradient) == [(50, 7)]
    assert len(program.gradient) == 3 + 1 + 7 + 3


def test_logistic_regression_is_stable() -> None:
    weights, prediction, data = linear_model(40, 2)
    data["Y"] = (data["Y"] > 0).astype(int)
    p = 1 / (1 + sympy.exp(-prediction))
    entropy = -total(Y[I] * sympy.log(p) + (1 - Y[I]) * sympy.log(1 - p), 40)
    w = np.concatenate([RNG.normal(size=(5, 2)), 1e4 * RNG.normal(size=(5, 2))])
    z = w @ data["X"].T
    value = (np.logaddexp(0, z) - data["Y"] * z).sum(axis=1)
    slope = (np.exp(-np.logaddexp(0, -z)) - data["Y"]) @ data["X"]
    for loss in (entropy, total(sympy.log(1 + sympy.exp(prediction)) - Y[I] * prediction, 40)):
        agree(Program(weights, loss, data), np.column_stack([value, slope]), w, rtol=1e-11)


@pytest.mark.parametrize("written", ["logsumexp", "softmax"])
def test_softmax_regression(written) -> None:
    classes, features, rows = 4, 3, 30
    weights = sympy.symbols(f"w:{classes * features}", real=True)
    data = {"X": RNG.normal(size=(rows, features)), "Y": np.eye(classes)[RNG.integers(classes, size=rows)]}
    z = [sympy.Add(*(X[I, j] * weights[features * k + j] for j in range(features))) for k in range(classes)]
    normaliser = sympy.Add(*map(sympy.exp, z))
    losses = {
        "logsumexp": sympy.log(normaliser) - sympy.Add(*(Y[I, k] * z[k] for k in range(classes))),
        "softmax": -sympy.Add(*(Y[I, k] * sympy.log(sympy.exp(z[k]) / normaliser) for k in range(classes))),
    }
    w = np.concatenate([RNG.normal(size=(5, 12)), 1e3 * RNG.normal(size=(5, 12))])
    scores = np.einsum("nkj,ij->nik", w.reshape(-1, classes, features), data["X"])
    shifted = scores - scores.max(axis=2, keepdims=True)
    chances = np.exp(shifted) / np.exp(shifted).sum(axis=2, keepdims=True)
    value = (np.log(np.exp(shifted).sum(axis=2)) - (data["Y"] * shifted).sum(axis=2)).sum(axis=1)
    slope = np.einsum("nik,ij->nkj", chances - data["Y"], data["X"]).reshape(-1, 12)
    program = Program(weights, total(losses[written], rows), data)
    agree(program, np.column_stack([value, slope]), w, rtol=1e-10, atol=1e-10)
    names = [line.split(" = ")[1].split("(")[0] for line in listing(program.gradient).splitlines() if " = " in line]
    assert names.count("exp") == classes
    assert names.count("log") == 0


def test_a_nonlinear_function_of_sums_takes_one_loop() -> None:
    weights, prediction, data = linear_model(25, 2)
    loss = sympy.log(1 + total((prediction - Y[I]) ** 2, 25)) * total(prediction * Y[I], 25) + weights[0] ** 2
    program, w = Program(weights, loss, data), RNG.normal(size=(10, 2))
    residual, product = w @ data["X"].T - data["Y"], data["X"].T @ data["Y"]
    square, overlap = (residual**2).sum(axis=1), w @ product
    slope = (2 * overlap / (1 + square))[:, None] * (residual @ data["X"]) + np.log1p(square)[:, None] * product
    slope[:, 0] += 2 * w[:, 0]
    agree(program, np.column_stack([np.log1p(square) * overlap + w[:, 0] ** 2, slope]), w)
    assert len(loops(program.value_and_gradient)) == 1


def test_sums_over_different_data_take_a_loop_each_and_equal_rows_share_one() -> None:
    data = {"X": RNG.normal(size=(6, 2)), "Y": RNG.normal(size=6), "Z": RNG.normal(size=9)}
    loss = total((U * X[I, 0] - Y[I]) ** 2, 6) * total(sympy.tanh(V * Z[I]), 9) + total(sympy.sin(U * V * X[I, 1]), 6)
    program, (u, v) = Program(PARAMETERS, loss, data), RNG.normal(size=(2, 7, 1))
    (a, b), y, z = data["X"].T, data["Y"], data["Z"]
    square, bend = ((u * a - y) ** 2).sum(axis=1), np.tanh(v * z).sum(axis=1)
    value = square * bend + np.sin(u * v * b).sum(axis=1)
    by_u = 2 * ((u * a - y) * a).sum(axis=1) * bend + (np.cos(u * v * b) * v * b).sum(axis=1)
    by_v = square * (z / np.cosh(v * z) ** 2).sum(axis=1) + (np.cos(u * v * b) * u * b).sum(axis=1)
    agree(program, np.column_stack([value, by_u, by_v]), np.hstack([u, v]))
    assert [rows for rows, _ in loops(program.value_and_gradient)] == [6, 9]


@pytest.mark.long
def test_sums_with_fixed_weights_pass_through_their_bodies_together() -> None:
    """Each of 20 weights is met twice in a row, in the product and in its derivative: not once more for each sum."""
    weights, prediction, data = linear_model(30, 20)
    loss = (
        total(Y[I] * sympy.sin(prediction), 30) / 60
        + 3 * total(sympy.log(sympy.cosh(prediction)), 30)
        + weights[0] ** 2
    )
    program, w = Program(weights, loss, data), RNG.normal(size=(4, 20))
    z = w @ data["X"].T
    value = (data["Y"] * np.sin(z)).sum(axis=1) / 60 + 3 * np.log(np.cosh(z)).sum(axis=1) + w[:, 0] ** 2
    slope = (data["Y"] * np.cos(z) / 60 + 3 * np.tanh(z)) @ data["X"]
    slope[:, 0] += 2 * w[:, 0]
    agree(program, np.column_stack([value, slope]), w)
    ((_, instructions),) = loops(program.gradient)
    assert instructions <= 2 * 20 + 10


def test_a_sum_may_need_the_result_of_another() -> None:
    """The entropy of a softmax over rows: the second loop divides by what the first has added up."""
    y = RNG.normal(size=8)
    j = sympy.Idx("j", 8)
    share = sympy.exp(U * Y[I]) / sympy.Sum(sympy.exp(U * Y[j]), (j, 0, 7))
    program, u = Program((U,), -total(share * sympy.log(share), 8), {"Y": y}), RNG.normal(size=(5, 1))
    p = np.exp(u * y) / np.exp(u * y).sum(axis=1, keepdims=True)
    variance = (p * y**2).sum(axis=1) - (p * y).sum(axis=1) ** 2
    agree(program, np.column_stack([-(p * np.log(p)).sum(axis=1), -u[:, 0] * variance]), u)
    assert len(loops(program.value_and_gradient)) == 2


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_sums_of_sums_wait_for_all_that_depend_on_what_they_share(order) -> None:
    """One sum of sums passes exp(v) back next; but another, which came before it and is less deep, uses that too."""
    x, y, j = RNG.normal(size=5), RNG.normal(size=5), sympy.Symbol("j", integer=True)
    inner = sympy.Sum(sympy.sin(V * X[j]), (j, 0, 4))
    terms = [
        sympy.exp(total(sympy.tanh(V * Y[I] * inner), 5) / 5),
        -total(sympy.sin(sympy.exp(V) + Y[I] * inner), 5) / 3,
        -total(sympy.atan(sympy.exp(V) * Y[I] + X[I]), 5) / 3,
    ]
    v = 0.4
    e, s, t = np.exp(v), np.sin(v * x).sum(), (np.cos(v * x) * x).sum()
    first = np.exp(np.tanh(v * y * s).sum() / 5)
    value = first - np.sin(e + y * s).sum() / 3 - np.arctan(e * y + x).sum() / 3
    slope = first * (y * (s + v * t) / np.cosh(v * y * s) ** 2).sum() / 5
    slope -= (np.cos(e + y * s) * (e + y * t)).sum() / 3 + (e * y / (1 + (e * y + x) ** 2)).sum() / 3
    loss = sympy.Add(*(terms[k] for k in order), evaluate=False)
    agree(Program((U, V), loss, {"X": x, "Y": y}), [[value, 0, slope]], np.array([[0.3, v]]))


class TestIndices:
    """Which entries a sum goes over."""

    y = RNG.normal(size=10)

    @pytest.mark.parametrize(
        ("body", "rows", "first", "weights"),
        [
            (Y[I], 10, 0, lambda y: y),
            (Y[I], 4, 3, lambda y: y[3:7]),
            (Y[I + 1] - Y[I], 9, 0, np.diff),
            (Y[9 - I], 10, 0, lambda y: y[::-1]),
            (Y[2 * I + 1], 5, 0, lambda y: y[1::2]),
            (Y[I] * Y[0], 10, 0, lambda y: y * y[0]),
            (I * Y[I], 3, 2, lambda y: np.arange(2, 5) * y[2:5]),
            (I**2, 5, -2, lambda y: np.arange(-2, 3) ** 2),
        ],
    )
    def test_are_those_that_are_written(self, body, rows, first, weights) -> None:
        program = Program((U,), total(sympy.exp(U * body), rows, first), {"Y": self.y})
        k = weights(self.y)
        agree(program, [[np.exp(0.3 * k).sum(), (k * np.exp(0.3 * k)).sum()]], np.array([[0.3]]))

    def test_may_be_of_any_kind(self) -> None:
        tapes = []
        for index in (sympy.Idx("i", 10), sympy.Idx("k"), sympy.Symbol("i"), sympy.Symbol("n", integer=True)):
            loss = sympy.Sum(sympy.exp(U * Y[index]), (index, 0, 9))
            tapes.append(Program((U,), loss, {"Y": self.y}).value_and_gradient)
        assert len(set(tapes)) == 1

    def test_entries_outside_of_sums_are_numbers(self) -> None:
        program = Program((U,), U * Y[3] + X[1, 0], {"Y": self.y, "X": [[1.0], [2.0]]})
        agree(program, [[2 * self.y[3] + 2, self.y[3]]], np.array([[2.0]]))

    def test_no_rows_are_no_sum(self) -> None:
        assert len(Program((U,), total(U * Y[I], 0), {"Y": self.y}).value) == 0

    def test_short_sums_within_sums_are_written_out(self) -> None:
        x, j = RNG.normal(size=(6, 3)), sympy.Symbol("j", integer=True)
        loss = sympy.Sum(sympy.Sum(X[I, j] * U**j, (j, 0, 2)) ** 2, (I, 0, 5))
        other = sympy.Sum(sympy.Sum(X[I, j] * U, (I, 0, 5)) ** 2, (j, 0, 2))
        flat = sympy.Sum(X[I, j] * U**j, (j, 0, 2), (I, 0, 5))
        u = 0.7
        powers, slopes = np.array([1, u, u * u]), np.array([0, 1, 2 * u])
        pairs = {
            loss: [((x @ powers) ** 2).sum(), 2 * ((x @ powers) * (x @ slopes)).sum()],
            other: [((x.sum(axis=0) * u) ** 2).sum(), 2 * u * (x.sum(axis=0) ** 2).sum()],
            flat: [(x @ powers).sum(), (x @ slopes).sum()],
        }
        for expression, wanted in pairs.items():
            agree(Program((U,), expression, {"X": x}), [wanted], np.array([[u]]))


class TestWhatIsLeftInTheLoop:
    """Numbers, data alone, and what is the same in all rows are computed elsewhere."""

    data = {"X": RNG.normal(size=(7, 2)), "Y": RNG.uniform(1, 2, size=7)}  # noqa: RUF012 - read only

    @pytest.mark.parametrize(
        ("body", "instructions"),
        [
            (sympy.exp(U) * sympy.sin(V) * X[I, 0], None),
            (sympy.log(Y[I]) * X[I, 0] ** 2, None),
            (sympy.exp(U) * sympy.tanh(V * X[I, 0]), 3),
            (sympy.log(Y[I]) * X[I, 0] * sympy.cos(U * X[I, 1]), 3),
            (sympy.cos(U * sympy.sin(V) * X[I, 0] * Y[I] + sympy.exp(V) + sympy.sqrt(Y[I])), 4),
            ((U * V * X[I, 0] - Y[I]) ** 2, 3),
        ],
    )
    def test_is_little(self, body, instructions) -> None:
        tape = Program(PARAMETERS, total(body, 7), self.data).value
        assert loops(tape) == ([] if instructions is None else [(7, instructions)])

    def test_a_number_in_a_denominator_leaves_the_loop(self) -> None:
        # residual: 1 + residual² / 3 is 3 + residual², one operation, and the quotient; then two sums.
        residual = U * X[I, 0] - V * Y[I]
        gradient = Program(PARAMETERS, total(sympy.log(1 + residual**2 / 3), 7), self.data).gradient
        plain = Program(PARAMETERS, total(sympy.log(3 + residual**2), 7), self.data).gradient
        assert loops(gradient) == loops(plain) == [(7, 6)]

    def test_products_of_data_are_columns(self) -> None:
        tape = Program(PARAMETERS, total(sympy.sin(U * Y[I] * X[I, 0] - sympy.log(Y[I])), 7), self.data).value
        (table,) = tape.data
        columns = {tuple(self.data["Y"] * self.data["X"][:, 0]), tuple(-np.log(self.data["Y"]))}
        assert {tuple(column) for column in table.T} == columns

    def test_what_is_not_finite_waits_until_it_is_needed(self) -> None:
        data = {"Y": np.array([0.0, 1.0, 2.0])}
        body = sympy.Piecewise((U * sympy.log(Y[I]), Y[I] > 0), (V, True))
        program = Program(PARAMETERS, total(sympy.exp(body), 3), data)
        value = np.exp(0.3) + 1 + 2**0.5
        agree(program, [[value, 2**0.5 * np.log(2), np.exp(0.3)]], np.array([[0.5, 0.3]]))

    def test_extreme_numbers_do_not_underflow_where_the_whole_does_not(self) -> None:
        program = Program((U,), total(U / (sympy.exp(-3000) + sympy.exp(Y[I])), 7), self.data)
        slope = np.exp(-self.data["Y"]).sum()
        agree(program, [[2 * slope, slope]], np.array([[2.0]]))

    def test_sums_of_data_alone_are_numbers(self) -> None:
        program = Program((U,), U * total(sympy.log(Y[I]) ** 2, 7), self.data)
        assert len(program.value) == 1
        assert program.value.constants.tolist() == [mpmath.fsum(np.log(self.data["Y"]) ** 2)]

    def test_tapes_of_a_program_share_their_data(self) -> None:
        program = Program(PARAMETERS, total((U * X[I, 0] + V * X[I, 1] - Y[I]) ** 2, 7), self.data)
        assert program.value.data[0] is program.gradient.data[0] is program.value_and_gradient.data[0]


class TestLarge:
    """Hundreds of parameters, thousands of rows."""

    def test_ten_thousand_rows_and_three_hundred_parameters_make_a_short_tape(self) -> None:
        weights, prediction, data = linear_model(10_000, 300)
        loss = total((prediction - Y[I]) ** 2, 10_000) / 20_000
        program = Program(weights, loss, data)
        tape = program.gradient
        assert len(tape) == 300 + 1 + (1 + 300 + 300) + 300
        assert tape.data[0].shape == (10_000, 301)

    def test_the_tape_does_not_grow_with_the_rows(self) -> None:
        sizes = []
        for rows in (10, 1000):
            weights, prediction, data = linear_model(rows, 20)
            loss = sympy.log(total(sympy.log(1 + sympy.exp(prediction * Y[I])), rows))
            sizes.append([len(getattr(Program(weights, loss, data), kind)) for kind in ("value", "value_and_gradient")])
        assert sizes[0] == sizes[1]

    def test_written_out_losses_need_no_more_registers_than_gradients(self) -> None:
        """Each residual meets all of its uses while it is at hand."""
        size, rank = 12, 2
        left, right = (sympy.symbols(f"{name}:{size * rank}", real=True) for name in "lr")
        entries = RNG.integers(-9, 9, size=(size, size))
        terms = [
            (sympy.Add(*(left[a * rank + k] * right[b * rank + k] for k in range(rank))) - int(entries[a, b])) ** 2
            for a in range(size)
            for b in range(size)
        ]
        tape = Program(left + right, sympy.Add(*terms)).value_and_gradient
        assert tape.registers - len(tape.constants) - tape.dim <= tape.dim + 6


def test_data_are_equal_by_content() -> None:
    first, second = Data({"Y": [1, 2, 3]}), Data({"Y": np.array([1.0, 2.0, 3.0])})
    assert first == second
    assert hash(first) == hash(second)
    assert first != Data({"Y": [1, 2, 4]}) != Data({"Z": [1, 2, 4]})


def test_data_can_not_change_behind_a_program() -> None:
    y = np.array([1.0, 2.0])
    program = Program((U,), total(U * Y[I] ** 2, 2), {"Y": y})
    y[:] = 0
    assert program.data.arrays["Y"].tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        program.data.arrays["Y"][0] = 5
