"""What a program is refused for, by name; and what is said of a point where it leaves the finite numbers."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from langevin_ib.program import Program, Tape, assembly, first_failure, lowering

U, V = PARAMETERS = sympy.symbols("u v", real=True)
X, Y, Z = (sympy.IndexedBase(name) for name in "XYZ")
I, J = sympy.symbols("i j", integer=True)  # noqa: E741 - the usual name of an index
STRANGER = sympy.Symbol("z")
DATA = {"X": np.arange(15.0).reshape(5, 3), "Y": np.arange(5)}


def total(body, last=4) -> sympy.Sum:
    return sympy.Sum(body, (I, 0, last))


@pytest.mark.parametrize(
    ("expression", "part", "remedy"),
    [
        (U + sympy.gamma(U * V), "gamma(u*v)", "other functions"),
        (sympy.floor(U), "floor(u)", "Heaviside"),
        (sympy.erfc(U), "erfc(u)", "1 - erf(x)"),
        (U * sympy.MatrixSymbol("M", 2, 2)[0, 1], "M[0, 1]", "IndexedBase"),
        (sympy.besselj(0, U), "besselj(0, u)", "no operation"),
        (sympy.Mod(U, 2), "Mod(u, 2)", "no operation"),
        (sympy.Derivative(sympy.sin(U), U), "Derivative(sin(u), u)", ".doit()"),
        (sympy.Integral(sympy.sin(U), (U, 0, V)), "Integral(sin(u), (u, 0, v))", "Sum"),
        (sympy.Product(U * Y[I], (I, 0, 4)), "Product(u*Y[i], (i, 0, 4))", "exp(Sum(log(...)))"),
        (sympy.Piecewise((U, sympy.Xor(U > 0, V > 0)), (V, True)), "(u > 0) ^ (v > 0)", "And, Or and Not"),
        (sympy.DiracDelta(U), "DiracDelta(u)", "no operation"),
        (sympy.Trace(sympy.Matrix([[U, V], [V, U]])), "Trace(", ".doit()"),
        (sympy.Piecewise((U, sympy.Implies(U > 0, V > 0)), (V, True)), "Implies(u > 0, v > 0)", "And, Or and Not"),
        (sympy.Sum(U * I, (I, 0, 2**28)), "goes over 268435457 rows", "may have"),
        (
            sympy.Sum(sympy.Sum(Y[I % 5] * U**J * V**I, (I, 0, 199)) ** 2, (J, 0, 499)),
            "sum within a sum",
            "at most 100 terms",
        ),
        (
            sympy.Sum(U**I * sympy.Sum(V**I, (I, 0, 4)) * sympy.Sum(sympy.sin(U * I * J), (J, 0, 9)), (I, 0, 4)),
            "use the index i",
            "rename",
        ),
    ],
)
def test_what_has_no_operation_is_unsupported(expression, part, remedy) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        len(Program(PARAMETERS, expression, DATA).value)
    assert part in str(caught.value)
    assert remedy in str(caught.value)
    assert len(str(caught.value)) < 600


def test_what_is_too_large_is_named(monkeypatch) -> None:
    many = sympy.Add(*(U * V**k for k in range(2, 300)))
    assert len(Program(PARAMETERS, sympy.sin(many) + U).value) > 0
    monkeypatch.setattr(lowering, "LARGEST", 500)
    with pytest.raises(
        UnsupportedModelError, match=r"a sum of 298 terms, such as .* is too large: .* more than 500 diff"
    ):
        len(Program(PARAMETERS, sympy.sin(many) + V).value)


def test_too_many_registers_or_columns_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(assembly, "MOST_REGISTERS", 3)
    with pytest.raises(UnsupportedModelError, match="needs 5 registers, 2 of them for different numbers"):
        len(Program(PARAMETERS, sympy.sin(7 * U) + 11).value)
    monkeypatch.undo()
    monkeypatch.setattr(assembly, "LARGEST_TABLE", 9)
    with pytest.raises(UnsupportedModelError, match=r"a sum over 5 rows reads 2 columns .* more than 9 numbers"):
        len(Program(PARAMETERS, total(sympy.sin(U * X[I, 0]) * X[I, 1] * sympy.cos(V * X[I, 1])), DATA).value)


@pytest.mark.parametrize(
    ("expression", "part", "remedy"),
    [
        (U + sympy.Function("f")(U), "f(u)", "write it out"),
        (U * STRANGER, "z", "list it among the parameters"),
        (sympy.Symbol("u") + V, "u", "the symbols that parameters() returned"),
        (U * X, "X stands for an array", "X[i, column]"),
        (U * I, "i", "sum over it"),
        (U * Y[I], "Y[i] is not inside of a Sum", "write Sum(..., (i, 0, n - 1))"),
        (total(U * Y[J]), "Y[j] is inside of a Sum over i", "write Sum(..., (j, 0, n - 1))"),
        (total(U * Y[sympy.Idx("i")]), "Y[i] is inside of a Sum over i", "another symbol of the same name"),
        (total(U * Y[I], 5), "Y[i] reaches row 5", "rows 0 to 4"),
        (total(U * Y[I - 1]), "Y[i - 1] reaches row -1", "rows 0 to 4"),
        (total(U * X[I, 3]), "X[i, 3] reaches column 3", "columns 0 to 2"),
        (total(U * X[I]), "X[i] has 1 indices", "write X[i, column]"),
        (total(U * Y[I, 0]), "Y[i, 0] has 2 indices", "write Y[i]"),
        (total(U * Z[I]), "Z[i]", 'data={"Z": ...}'),
        (total(U * Y[I**2], 1), "Y[i**2]", "i + 1 or 2*i"),
        (total(U * Y[I / 2]), "Y[i/2]", "whole numbers"),
        (total(U * Y[I], STRANGER), "goes from 0 to z", "whole numbers"),
        (sympy.Sum(U * Y[I], (I, 4, 1)), "ends before it begins", "(i, 1, 4)"),
        (U * total(sympy.log(Y[I])), "log(Y[i]) is -inf in row 0", "no finite value"),
        (sympy.sqrt(-2) * U, "sqrt(2)*I*u", "not a finite real number"),
        (sympy.log(sympy.Integer(-2)) * U, "I*pi", "not a finite real number"),
        (sympy.sqrt(-(U**2) - 1).subs(U, V) + sympy.asin(2), "asin(2)", "real"),
        (sympy.csch(sympy.log(-3 * U**2 - 1)), "csch(log(-3*u**2 - 1))", "not real"),
        (sympy.Sum(U**2, (U, 0, 3)), "goes over the parameter u", "rename the index"),
        (U + sympy.oo * V, "oo*v", "not a finite real number"),
        (U + sympy.zoo, "zoo", "not a finite real number"),
        (U * sympy.Integer(10) ** 400, "1e399", "rescale"),
        (U * sympy.exp(sympy.Integer(-2000)), "exp(-2000)", "rescale"),
        (U * sympy.exp(sympy.exp(50)), "exp(exp(50))", "rescale"),
        (sympy.sin(U) * sympy.Integer(10) ** 5000, "a number of 5001 digits", "rescale"),
        (total(U * sympy.sin(Y[I] * sympy.Integer(10) ** 400)), "1e399", "rescale"),
    ],
)
def test_what_is_wrong_is_named(expression, part, remedy) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        len(Program(PARAMETERS, expression, DATA).value)
    assert part in str(caught.value)
    assert remedy in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "potential", ["u", None, U < V, sympy.Matrix([U]), [U], sympy.MatrixSymbol("M", 2, 2), np.array([1.0, 2.0])]
)
def test_potentials_are_scalar_expressions(potential) -> None:
    with pytest.raises(InvalidArgumentError, match="no scalar SymPy expression"):
        Program(PARAMETERS, potential)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([1, 2], "must map names"),
        ({"3x": [1.0]}, "identifier"),
        ({3: [1.0]}, "identifier"),
        ({"u": [1.0]}, "names both a parameter and data"),
        ({"X": np.array([1.0, np.nan, np.inf])}, r"data 'X' holds nan at \[1\], one of 2 entries"),
        ({"X": np.array([[1.0, 2.0], [3.0, -np.inf]])}, r"data 'X' holds -inf at \[1, 1\], one of 1"),
        ({"X": np.zeros((0, 2))}, "between 1 and"),
        ({"X": np.zeros((2, 2, 2))}, r"give shape \(n,\) or \(n, p\)"),
        ({"X": 3.0}, r"give shape \(n,\) or \(n, p\)"),
        ({"X": ["a"]}, "real numbers"),
        ({"X": [1j]}, "real numbers"),
        ({"X": [None]}, "real numbers"),
        ({"X": [[1], [1, 2]]}, "no array of numbers"),
        ({"X": [True, False]}, "real numbers"),
        ({"X": np.ma.masked_array([1.0, 2.0], [True, False])}, "masked"),
        ({"X": np.array([2**60 + 1])}, "2\\*\\*53"),
        ({"X": np.array(["2020-01-01"], dtype="datetime64[D]")}, "real numbers"),
    ],
)
def test_data_are_named_arrays_of_numbers(data, said) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        Program(PARAMETERS, U + V, data)


class TestTheFirstFailure:
    """Which instruction left the finite numbers, and what it has to do with the expression."""

    @pytest.mark.parametrize(
        ("expression", "point", "reason", "part"),
        [
            (1 / U + V, (0.0, 1.0), "division by zero", "1/u"),
            (V * sympy.sqrt(U - 1), (0.5, 1.0), "the square root of a negative number is complex", "sqrt(u - 1)"),
            (sympy.log(U), (0.0, 1.0), "logarithm of zero", "log(u)"),
            (sympy.log(U * V), (-1.0, 1.0), "the logarithm of a negative number is complex", "log(u*v)"),
            (sympy.log(1 + U), (-1.0, 1.0), "logarithm of zero", "log(u + 1)"),
            (U ** sympy.Rational(1, 3), (-1.0, 1.0), "a broken power of a negative number is complex", "u**(1/3)"),
            (U**V, (0.0, -1.0), "division by zero", "u**v"),
            (sympy.exp(sympy.exp(U)), (10.0, 1.0), "overflow", "exp(exp(u))"),
            (U**40 * V, (1e10, 1.0), "overflow", "u**40"),
            (
                sympy.Piecewise((U, U > 1), evaluate=False),
                (0.5, 1.0),
                "no condition holds (end it with a pair (value, True))",
                "Piecewise((u, u > 1))",
            ),
        ],
    )
    def test_names_reason_and_part(self, expression, point, reason, part) -> None:
        program = Program(PARAMETERS, expression)
        for tape in (program.value, program.value_and_gradient):
            failure = first_failure(tape, point)
            assert failure.reason == reason
            assert failure.origin.expression == sympy.sympify(part, {"u": U, "v": V})
            assert not failure.origin.derivative
            assert str(failure).startswith(f"{reason} in {part}: ")

    def test_says_when_it_is_the_derivative(self) -> None:
        program = Program(PARAMETERS, sympy.sqrt(U))
        assert first_failure(program.value, (0.0, 0.0)) is None
        failure = first_failure(program.value_and_gradient, (0.0, 0.0))
        assert str(failure) == "division by zero in the derivative of sqrt(u): div(0.5, 0.0) is inf"

    def test_names_the_row(self) -> None:
        failure = first_failure(Program(PARAMETERS, total(sympy.log(Y[I] - U)), DATA).value, (2.0, 0.0))
        assert (failure.row, failure.operation) == (0, "log")
        assert "in log(-u + Y[i]), row 0 of the data: log(-2.0) is nan" in str(failure)

    def test_ignores_what_comes_to_nothing(self) -> None:
        harmless = 1 / (1 + sympy.exp(U**2 * 1000)) ** 20 + sympy.Piecewise((sympy.log(V), V > 0), (V, True))
        program = Program(PARAMETERS, harmless + sympy.atan(1 / V) + 1 / (1 + 1 / sympy.Abs(U - 3)))
        assert first_failure(program.value_and_gradient, (5.0, -1.0)) is None
        assert first_failure(program.value, (3.0, -1.0)) is None

    def test_works_for_tapes_without_notes(self) -> None:
        tape = Program(PARAMETERS, 1 / U).value
        bare = Tape(tape.code, tape.constants, tape.dim, tape.registers, tape.outputs, tape.data)
        assert str(first_failure(bare, (0.0, 1.0))) == "division by zero: div(1.0, 0.0) is inf"
