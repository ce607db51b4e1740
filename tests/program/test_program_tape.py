"""Tapes and their interpreter: what every operation means, to the last bit where there is one, and what is refused."""

from __future__ import annotations

import dataclasses
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langevin_ib import _core
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.program import OPCODES, OPERATIONS, Tape, evaluate
from langevin_ib.program.fused import fused

INF, NAN = math.inf, math.nan
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-310, 1e308, -1e308, INF, -INF, NAN]


def tape_of(name: str, operands: int, constants=()) -> Tape:
    """Return the tape of one operation on as many coordinates."""
    first = len(constants)
    row = [OPCODES[name], first + operands, *range(first, first + operands), *[0] * (3 - operands)]
    return Tape(np.array([row]), np.array(constants, dtype=float), operands, first + operands + 1, [first + operands])


def applied(name: str, *arguments: float, dtype=np.float64) -> float:
    return float(evaluate(tape_of(name, len(arguments)), np.array([arguments], dtype=dtype))[0, 0])


def test_the_operations_are_those_of_the_core() -> None:
    names = ["copy", "neg", "abs", "sign", "sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh"]
    names += ["tanh", "atan", "erf", "sigmoid", "softplus", "add", "sub", "mul", "div", "min", "max", "pow", "less"]
    names += ["less_equal", "select", "fma", "loop", "column", "mul_column", "fma_column"]
    assert [operation.name for operation in OPERATIONS] == names
    if hasattr(_core, "operations"):
        assert _core.operations() == names


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        *((name, getattr(math, name)) for name in ("exp", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf")),
        *(("neg", lambda x: -x), ("abs", abs), ("atan", math.atan), ("copy", lambda x: x)),
        *(("sqrt", math.sqrt), ("log", math.log), ("log1p", math.log1p)),
        ("sign", lambda x: math.copysign(1, x) if x else 0.0),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("softplus", lambda x: math.log1p(math.exp(x))),
    ],
)
def test_functions_are_what_they_are_called(name, reference) -> None:
    for x in (0.0, 0.3, 1.0, 2.5, 7.0, *((-0.3, -5.0) if name not in ("sqrt", "log", "log1p") else ())):
        if name == "log" and x == 0:
            continue
        assert applied(name, x) == pytest.approx(reference(x), rel=1e-15, abs=1e-300)
        assert applied(name, x, dtype=np.float32) == pytest.approx(reference(np.float32(x)), rel=1e-7, abs=1e-40)


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        *(("sign", (0.0,), 0.0), ("sign", (-0.0,), 0.0), ("sign", (NAN,), NAN), ("sign", (-INF,), -1.0)),
        *(("sqrt", (-1.0,), NAN), ("log", (0.0,), -INF), ("log", (-1.0,), NAN), ("log1p", (-1.0,), -INF)),
        *(("sigmoid", (-800.0,), 0.0), ("sigmoid", (800.0,), 1.0), ("sigmoid", (-700.0,), math.exp(-700.0))),
        *(("softplus", (800.0,), 800.0), ("softplus", (-700.0,), math.exp(-700.0)), ("softplus", (-INF,), 0.0)),
        *(("div", (1.0, 0.0), INF), ("div", (1.0, -0.0), -INF), ("div", (0.0, 0.0), NAN)),
        *(("min", (1.0, NAN), NAN), ("min", (NAN, 1.0), NAN), ("max", (1.0, NAN), NAN), ("max", (NAN, 1.0), NAN)),
        *(("pow", (0.0, 0.5), 0.0), ("pow", (0.0, 0.0), 1.0), ("pow", (-2.0, 3.0), -8.0), ("pow", (-2.0, 2.0), 4.0)),
        *(("pow", (-2.0, 0.5), NAN), ("pow", (2.0, -1.0), 0.5), ("pow", (2.0, 0.5), 2**0.5)),
        *(("less", (1.0, 2.0), 1.0), ("less", (2.0, 2.0), 0.0), ("less", (NAN, 2.0), 0.0), ("less", (2.0, NAN), 0.0)),
        *(("less_equal", (2.0, 2.0), 1.0), ("less_equal", (3.0, 2.0), 0.0), ("less_equal", (NAN, NAN), 0.0)),
        *(("select", (1.0, 2.0, 3.0), 2.0), ("select", (0.0, 2.0, 3.0), 3.0), ("select", (-0.0, 2.0, 3.0), 3.0)),
        *(("select", (NAN, 2.0, 3.0), 2.0), ("select", (1.0, 2.0, NAN), 2.0), ("select", (-0.5, 2.0, 3.0), 2.0)),
        *(("fma", (1e308, 10.0, -INF), -INF), ("fma", (0.0, INF, 1.0), NAN), ("fma", (1e308, 10.0, 1.0), INF)),
    ],
)
def test_special_values(name, arguments, wanted) -> None:
    assert applied(name, *arguments) == pytest.approx(wanted, rel=1e-15, abs=0, nan_ok=True)


def rounded(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return INF if exact > 0 else -INF


class TestFusedMultiplyAdd:
    """a b + c is rounded once."""

    numbers = st.one_of(
        st.floats(allow_nan=False, allow_infinity=False), st.floats(-4, 4), st.sampled_from(SPECIAL[:-3])
    )

    @given(a=numbers, b=numbers, c=numbers)
    def test_in_double_precision(self, a, b, c) -> None:
        for addend in (c, -a * b, np.nextafter(-a * b, 0)):
            if math.isfinite(addend):
                found = float(fused(*np.array([[a], [b], [addend]]))[0])
                assert found == rounded(Fraction(a) * Fraction(b) + Fraction(float(addend)))

    @given(*[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 3)
    def test_in_single_precision(self, a, b, c) -> None:
        exact = Fraction(a) * Fraction(b) + Fraction(c)
        found = np.float32(applied("fma", a, b, c, dtype=np.float32))
        if not np.isfinite(found):
            assert abs(exact) >= 2**128 - 2**103
        elif abs(found) < 3e38:
            neighbours = [Fraction(float(np.nextafter(found, np.float32(side)))) for side in (-INF, INF)]
            assert abs(Fraction(float(found)) - exact) <= min(abs(n - exact) for n in neighbours)

    def test_signed_zeros(self) -> None:
        assert math.copysign(1, applied("fma", 0.0, -1.0, -0.0)) == -1
        assert math.copysign(1, applied("fma", 1.0, -1.0, 1.0)) == 1

    def test_a_product_and_a_sum_are_not_enough(self) -> None:
        """The negative control: two roundings give another number."""
        a = 1 + 2.0**-30
        assert applied("fma", a, a, -(a * a)) == 2.0**-60
        assert applied("sub", a * a, a * a) == 0


def test_single_precision_rounds_every_operation() -> None:
    points = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    for name, function in (("add", np.add), ("mul", np.multiply), ("div", np.divide)):
        found = evaluate(tape_of(name, 2), points)[:, 0]
        assert found.dtype == np.float32
        assert np.array_equal(found, function(points[:, 0], points[:, 1]))
    assert np.array_equal(evaluate(tape_of("sqrt", 1), abs(points[:, :1]))[:, 0], np.sqrt(abs(points[:, 0])))


def looped(data, body, *, outputs=(3,), constants=(0.0,)) -> Tape:
    """Return a tape that zeroes register 3, and then goes over `data`; register 1 is the coordinate."""
    rows = [[OPCODES["copy"], 3, 0, 0, 0], [OPCODES["loop"], 0, 0, len(body), 0], *body]
    return Tape(np.array(rows), np.array(constants), 1, 4, outputs, (np.asarray(data, dtype=float),))


SUM_OF_PRODUCTS = [[OPCODES["mul_column"], 2, 1, 0, 0], [OPCODES["fma_column"], 3, 2, 1, 3]]


def test_a_loop_adds_up_its_rows_in_order() -> None:
    data = np.random.default_rng(3).normal(size=(20, 2))
    (found,) = evaluate(looped(data, SUM_OF_PRODUCTS), np.array([[1.7]]))[0]
    total = 0.0
    for a, b in data:
        total = float(Fraction(1.7 * a) * Fraction(b) + Fraction(total))
    assert found == total


def test_a_loop_over_no_rows_does_nothing() -> None:
    assert evaluate(looped(np.empty((0, 2)), SUM_OF_PRODUCTS), np.array([[1.7]])).tolist() == [[0.0]]


class TestATape:
    """It is checked, frozen, and equal to what has the same content."""

    tape = looped([[1, 2], [3, 4]], SUM_OF_PRODUCTS)

    def test_is_equal_by_content(self) -> None:
        same = looped([[1, 2], [3, 4]], SUM_OF_PRODUCTS)
        assert self.tape == same
        assert hash(self.tape) == hash(same)
        assert self.tape.digest == same.digest == "b0a6fdbf28b2af498c45f8428b91828e"
        assert self.tape != looped([[1, 2], [3, 5]], SUM_OF_PRODUCTS)
        assert self.tape != dataclasses.replace(self.tape, registers=5)
        assert self.tape != dataclasses.replace(self.tape, outputs=np.array([1]))

    def test_survives_pickling(self) -> None:
        again = pickle.loads(pickle.dumps(self.tape))
        assert again == self.tape
        assert not again.code.flags.writeable

    def test_can_not_be_changed(self) -> None:
        for array in (self.tape.code, self.tape.constants, self.tape.outputs, *self.tape.data):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
        with pytest.raises(dataclasses.FrozenInstanceError):
            self.tape.dim = 2

    def test_is_requested_as_plain_arrays(self) -> None:
        request = self.tape.request()
        assert list(request) == ["code", "constants", "dim", "registers", "outputs", "data"]
        kinds = {name: request[name].dtype for name in ("code", "constants", "outputs")}
        assert kinds == {"code": np.int32, "constants": np.float64, "outputs": np.int32}
        assert all(a.flags.c_contiguous for a in (request["code"], *request["data"]))
        assert isinstance(request["data"], list)
        assert isinstance(request["dim"], int)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"code": np.zeros((2, 4))}, "shape"),
            ({"registers": 1}, "registers"),
            ({"registers": 2**16 + 1}, "at most 65536 registers"),
            ({"dim": 0}, "coordinates"),
            ({"outputs": np.array([2])}, "reads register 2 before"),
            ({"outputs": np.array([4])}, "reads register 4 before"),
            ({"outputs": np.array([-1])}, "reads register -1 before"),
            ({"data": (np.zeros(3),)}, "two axes"),
            ({"data": ()}, "not there"),
            ({"data": (np.zeros((3, 1)),)}, "reads column 1 of 1"),
            ({"code": np.array([[99, 3, 0, 0, 0]])}, "unknown operation 99"),
            ({"code": np.array([[0, 1, 0, 0, 0]])}, "writes register 1"),
            ({"code": np.array([[0, 3, 2, 0, 0]])}, "reads register 2 before"),
            ({"code": np.array([[32, 3, 1, 0, 0]])}, "reads column 0 of 0"),
            ({"code": np.array([[30, 0, 0, 1, 0], [30, 0, 0, 0, 0]])}, "inside of a loop"),
            ({"code": np.array([[0, 3, 0, 0, 0], [30, 0, 0, 2, 0], [0, 3, 1, 0, 0]])}, "1 instructions too few"),
        ],
    )
    def test_refuses_what_is_not_there(self, change, said) -> None:
        with pytest.raises(InvalidArgumentError, match=said):
            dataclasses.replace(self.tape, **change)

    def test_forgets_what_was_written_in_a_loop_alone(self) -> None:
        with pytest.raises(InvalidArgumentError, match="reads register 2 before"):
            looped([[1, 2]], SUM_OF_PRODUCTS, outputs=[2])

    @pytest.mark.parametrize("points", [np.zeros(1), np.zeros((2, 2)), np.zeros((2, 1), dtype=int)])
    def test_takes_floating_points_of_its_dimension_only(self, points) -> None:
        with pytest.raises(InvalidArgumentError, match="points must be"):
            evaluate(self.tape, points)
