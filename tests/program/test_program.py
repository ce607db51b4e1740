"""Programs: small tapes, the same bytes everywhere, stable exponentials, and what docs/program.md shows."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import pickle
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import sympy
from langevin_ib import program as package
from langevin_ib.program import OPERATIONS, Program, Tape, evaluate, listing
from langevin_ib.program.lowering import LARGEST

U, V, W = SYMBOLS = sympy.symbols("u v w", real=True)
PRODUCT = (U * V - 1) ** 2 / 2
DOCUMENT = (Path(__file__).parents[2] / "docs" / "program.md").read_text(encoding="utf-8")


def names(tape: Tape) -> list[str]:
    return [OPERATIONS[code].name for code in tape.code[:, 0]]


def at(expression, *point: float) -> np.ndarray:
    """Return value and gradient at a point."""
    return evaluate(Program(SYMBOLS[: len(point)], expression).value_and_gradient, np.array([point]))[0]


class TestTheProductModel:
    """Three instructions are enough."""

    program = Program((U, V), PRODUCT)

    def test_has_a_gradient_of_three_instructions(self) -> None:
        assert listing(self.program.gradient) == ("r0 = fma(u, v, -1.0)\nr1 = mul(v, r0)\nr0 = mul(u, r0)\n-> r1, r0")

    def test_has_a_value_of_three_instructions(self) -> None:
        assert names(self.program.value) == ["fma", "mul", "mul"]

    def test_shares_the_residual(self) -> None:
        assert sorted(names(self.program.value_and_gradient)) == ["fma", "mul", "mul", "mul", "mul"]

    @pytest.mark.parametrize("loss", [(1 - U * V) ** 2 / 2, (V * U - 1) ** 2 * sympy.Rational(1, 2)])
    def test_is_the_same_however_it_is_written(self, loss) -> None:
        assert Program((U, V), loss).value_and_gradient == self.program.value_and_gradient

    def test_takes_weight_decay(self) -> None:
        potential = lib.Ambient(weight_decay=0.1).potential(lib.models.scalar_product())
        tape = Program((U, V), potential).gradient
        assert sorted(names(tape)) == ["fma", "fma", "fma", "mul", "mul"]
        assert at(potential, 2.0, 3.0)[1:].tolist() == pytest.approx([15.2, 10.3], rel=1e-15)


class TestAProgram:
    """It compiles once, and is equal to what has the same content."""

    def test_is_equal_by_content(self) -> None:
        first, second = (Program((U, V), PRODUCT, {"y": [1.0]}) for _ in range(2))
        assert first == second
        assert hash(first) == hash(second)
        assert first.gradient is second.gradient
        assert first.digest == second.digest
        for other in (
            Program((V, U), PRODUCT + U, {"y": [1.0]}),
            Program((U, V), PRODUCT + U, {"y": [1.0]}),
            Program((U, V), PRODUCT, {"y": [2.0]}),
        ):
            assert first != other
        assert len({first.digest, Program((V, U), PRODUCT).digest, Program((U, V), PRODUCT + U).digest}) == 3

    def test_does_not_depend_on_what_was_asked_for_first(self) -> None:
        loss = sympy.log(sympy.exp(U) + sympy.exp(V)) * sympy.sin(U * V) ** 3 + sympy.Rational(17, 19)
        kinds = ["value", "gradient", "value_and_gradient"]
        found = []
        for order in (kinds, kinds[::-1]):
            package.program._cached_unit.cache_clear()
            program = Program((U, V), loss)
            tapes = {kind: getattr(program, kind) for kind in order}
            found.append([tapes[kind] for kind in kinds])
        assert found[0] == found[1]

    def test_survives_pickling(self) -> None:
        program = Program((U, V), PRODUCT, {"y": [1.0, 2.0]})
        again = pickle.loads(pickle.dumps(program))
        assert again == program
        assert again.gradient == program.gradient

    def test_observes_other_expressions(self) -> None:
        program = Program((U, V), PRODUCT)
        tape = program.observable(U**2 - V**2)
        assert evaluate(tape, np.array([[3.0, 2.0]])).tolist() == [[5.0]]
        assert len(program.observable(U)) == 0

    def test_has_constant_and_missing_derivatives(self) -> None:
        assert at(3 * U + 7, 1.0, 5.0).tolist() == [10.0, 3.0, 0.0]
        assert at(sympy.Integer(4), 1.0).tolist() == [4.0, 0.0]

    def test_is_the_same_in_every_process(self) -> None:
        """Hashes of strings, and so the order of sets, differ between these processes."""
        digests = set()
        for seed in ("1", "31337"):
            environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(lib.__file__).parents[1])}
            run = subprocess.run(
                [sys.executable, "-c", MANY], env=environment, check=True, capture_output=True, encoding="utf-8"
            )
            digests.add(run.stdout)
        assert len(digests) == 1
        assert len(next(iter(digests)).split()) == 3


MANY = """
import numpy as np, sympy as s
from langevin_ib.program import Program
a, b, c = x = s.symbols("a b c", real=True)
i, X = s.Idx("i", 5), s.IndexedBase("X")
data = {"X": np.arange(15).reshape(5, 3) / 7}
terms = [s.exp(X[i, k] * x[k] + s.sin(x[k])) for k in range(3)]
branches = s.Piecewise((a, s.And(a > b, b > c, c < a * b)), (b, True))
losses = [
    s.Max(a, b, c, a * b, s.cos(c)) + s.Min(a * c, b - c, a**2) + branches,
    s.log(s.Sum(s.log(s.Add(*terms)) * s.tanh(a * X[i, 2]), (i, 0, 4)) ** 2 + 1) + s.sqrt(2) * a / (b**2 + c**2 + 1),
    s.Add(*[(a + k) ** (k % 5) * s.sin(b * k) * c ** (k % 3) for k in range(1, 30)]),
]
print(*[Program(x, loss, data).digest for loss in losses])
"""


class TestNumbers:
    """They are folded exactly, and rounded once."""

    @pytest.mark.parametrize(
        ("number", "wanted"),
        [
            (sympy.Rational(1, 3), 1 / 3),
            (sympy.sqrt(2), 2**0.5),
            (sympy.pi * sympy.E, 8.539734222673568),
            (sympy.Rational(10**30 + 1, 10**30), 1.0),
            (sympy.Float("0.1", 50), 0.1),
            (sympy.Float(0.1), 0.1),
            (sympy.sin(sympy.Integer(10) ** 22), -0.8522008497671888),
            (sympy.exp(1000) * sympy.exp(-1001), 0.36787944117144233),
            (sympy.Integer(2) ** -1074, 5e-324),
            (sympy.Rational(3, 2) * sympy.Integer(2) ** -1074, 1e-323),
            (sympy.cos(1) ** 2 + sympy.sin(1) ** 2, 1.0),
        ],
    )
    def test_are_the_nearest_doubles(self, number, wanted) -> None:
        assert Program((U,), U + number).value.constants.tolist() == [wanted]

    def test_of_both_sides_meet(self) -> None:
        assert at(3 * sympy.Max(2, sympy.sqrt(3)) * U / 6, 1.0).tolist() == [1.0, 1.0]
        tape = Program((U,), (sympy.Rational(1, 3) * U) ** 3).gradient
        assert tape.constants.tolist() == [float(Fraction(1, 9))]

    @pytest.mark.parametrize(
        ("number", "wanted"),
        [
            (sympy.gamma(sympy.Rational(1, 3)), 2.678938534707747),
            (sympy.zeta(3), 1.2020569031595942),
            (sympy.besselj(0, 1), 0.7651976865579666),
            (sympy.Integral(sympy.exp(-(W**2)), (W, 0, 1)), 0.7468241328124271),
            (sympy.UnevaluatedExpr(sympy.Rational(1, 3)), 1 / 3),
        ],
    )
    def test_may_be_values_of_any_function(self, number, wanted) -> None:
        assert at(number * U**2, 3.0, 0.0) == pytest.approx([9 * wanted, 6 * wanted, 0.0], rel=1e-15)


class TestPowers:
    """Whole and half-whole powers are products and roots."""

    @pytest.mark.parametrize(
        ("exponent", "operations"),
        [
            (2, ["mul"]),
            (3, ["mul", "mul"]),
            (4, ["mul", "mul"]),
            (7, ["mul"] * 4),
            (64, ["mul"] * 6),
            (-1, ["div"]),
            (-2, ["mul", "div"]),
            (sympy.Rational(1, 2), ["sqrt"]),
            (sympy.Rational(3, 2), ["sqrt", "mul"]),
            (sympy.Rational(-1, 2), ["sqrt", "div"]),
            (0.5, ["sqrt"]),
            (2.0, ["mul"]),
            (sympy.Rational(1, 3), ["pow"]),
            (65, ["pow"]),
        ],
    )
    def test_take_few_instructions(self, exponent, operations) -> None:
        assert sorted(names(Program((U,), U**exponent).value)) == sorted(operations)

    def test_have_derivatives_at_zero(self) -> None:
        for exponent in (2, 3, sympy.Rational(3, 2), sympy.Rational(4, 3)):
            assert at(U**exponent, 0.0).tolist() == [0.0, 0.0]
        assert at(U**V, 0.0, 2.0).tolist() == [0.0, 0.0, 0.0]

    def test_of_negative_numbers_keep_their_sign(self) -> None:
        assert at(U**65, -1.0).tolist() == [-1.0, 65.0]
        assert np.isnan(at(U ** sympy.Rational(1, 3), -1.0)).all()


E_ = sympy.exp
STABLE = {
    "sigmoid": 1 / (1 + E_(-U)),
    "sigmoid as a ratio": E_(U) / (1 + E_(U)),
    "its complement": 1 - 1 / (1 + E_(-U)),
    "its derivative": E_(-U) / (1 + E_(-U)) ** 2,
    "a scaled one": 3 / (2 + 2 * E_(-U / 2)),
    "softplus": sympy.log(1 + E_(U)),
    "log sigmoid": sympy.log(1 / (1 + E_(-U))),
    "log of its complement": sympy.log(1 - 1 / (1 + E_(-U))),
    "log of both": sympy.log(1 / (1 + E_(-U)) * (1 - 1 / (1 + E_(-U)))),
    "log of two cosh": sympy.log(2 * sympy.cosh(U)),
    "two exponentials": sympy.log(E_(U) + E_(-U)),
    "with factors": sympy.log(2 * E_(U) + E_(3 * U) / 3 + 5),
    "nothing but one and small ones": sympy.log(1 + E_(U) + E_(2 * U - 1)),
    "softmax": E_(U) / (E_(U) + E_(2 * U) + E_(-U)),
    "log softmax": sympy.log(E_(U) / (E_(U) + E_(2 * U) + E_(-U))),
    "expm1": 2 * E_(U) - 2,
    "minus expm1": 1 - E_(-U),
    "log1p": sympy.log(1 + U**2),
    "sech": sympy.sech(U),
    "tanh": sympy.tanh(U),
}


@pytest.mark.parametrize("name", STABLE)
@pytest.mark.parametrize("u", [1e-12, -1e-12, 0.3, -2.0, 25.0, -25.0, 360.0, -360.0, 730.0, -730.0])
def test_exponentials_are_stable(name, u) -> None:
    """Relative error 1e-14 of values wherever doubles reach, 1e-15 of the largest slope for derivatives."""
    expression = STABLE[name]
    found = at(expression, u)
    with mpmath.workdps(700):
        function = sympy.lambdify(U, expression, "mpmath")
        value, slope = function(mpmath.mpf(u)), mpmath.diff(function, mpmath.mpf(u))
        if abs(value) > 1e300 or 0 < abs(value) < 1e-300:
            return
        # The argument of an exponential is rounded, which a large one shows.
        assert abs(found[0] - value) <= mpmath.mpf("3e-16") * (2 + 2 * abs(u)) * abs(value)
        assert abs(found[1] - slope) <= mpmath.mpf("3e-16") * (2 + 2 * abs(u)) * max(abs(slope), 1)


@pytest.mark.parametrize("u", [1e-12, -1e-12, 0.3, -2.0, 30.0, -800.0, 1e5])
def test_the_log_of_cosh_is_finite_and_its_derivative_is_tanh(u) -> None:
    value, slope = at(sympy.log(sympy.cosh(U)), u)
    with mpmath.workdps(50):
        wanted = mpmath.log(mpmath.cosh(u)), mpmath.tanh(u)
    assert value == pytest.approx(float(wanted[0]), rel=1e-15, abs=4e-16)
    assert slope == pytest.approx(float(wanted[1]), rel=1e-15)
    assert at(3 * sympy.log(sympy.cosh(U) ** 2 / 5), u)[1] == pytest.approx(6 * float(wanted[1]), rel=1e-15)


def test_exponentials_that_are_not_recognised_are_not_stable() -> None:
    """The negative control: the same function, written so that nobody sees it."""
    hidden = sympy.log(1 + E_(U) * sympy.cosh(V))
    assert at(hidden, 730.0, 0.0)[0] == np.inf


class TestBranches:
    """A branch that is not taken leaves no trace, not even NaN."""

    @pytest.mark.parametrize(
        ("expression", "u", "wanted"),
        [
            (sympy.Piecewise((sympy.sqrt(U), U > 0), (U, True)), -4.0, [-4.0, 1.0]),
            (sympy.Piecewise((sympy.sqrt(U), U > 0), (U, True)), 4.0, [2.0, 0.25]),
            (sympy.Piecewise((sympy.log(U), U > 0), (0, True)) + U, -1.0, [-1.0, 1.0]),
            (sympy.Piecewise((sympy.sin(U) / U, sympy.Ne(U, 0)), (1, True)), 0.0, [1.0, 0.0]),
            (sympy.Piecewise((E_(U), U < 0), (1 + U, True)), 1000.0, [1001.0, 1.0]),
            (sympy.Max(0, sympy.log(U)), 0.0, [0.0, 0.0]),
            (sympy.Piecewise((sympy.sqrt(U), U > 1), (sympy.sqrt(-U), U < -1), (0, True)), 0.0, [0.0, 0.0]),
            (sympy.Piecewise((sympy.sqrt(U) * 2, U > 1), (sympy.sqrt(U) * 3, U > 0), (1, True)), -1.0, [1.0, 0.0]),
            (sympy.sinc(U), 0.0, [1.0, 0.0]),
        ],
    )
    def test_is_not_seen(self, expression, u, wanted) -> None:
        assert at(expression, u).tolist() == wanted

    def test_is_nowhere_if_no_condition_holds(self) -> None:
        assert np.isnan(at(sympy.Piecewise((U, U > 0)), -1.0)[0])

    @pytest.mark.parametrize(
        ("expression", "wanted"),
        [
            (sympy.Max(0, U), 0.0),
            (sympy.Max(U, sympy.Rational(1, 10) * U), 1.0),
            (sympy.Min(0, U), 0.0),
            (sympy.Abs(U), 0.0),
            (sympy.sign(U), 0.0),
            (sympy.Heaviside(U), 0.0),
            (sympy.Piecewise((U, U >= 0), (3 * U, True)), 1.0),
            (sympy.asinh(U), 1.0),
        ],
    )
    def test_at_a_kink_is_chosen_by_the_documented_rule(self, expression, wanted) -> None:
        assert at(expression, 0.0)[1] == wanted

    def test_of_relu_takes_one_selection(self) -> None:
        weights = sympy.symbols("w:10", real=True)
        tape = Program(weights, sympy.Max(0, sympy.Add(*(k * w for k, w in enumerate(weights)))) ** 2).gradient
        assert names(tape).count("select") <= 1


def test_cancelling_squares_are_not_expanded() -> None:
    near = 1 + 2.0**-40
    assert at(PRODUCT, near, 1.0)[0] == 2.0**-81
    assert at(sympy.expand(PRODUCT), near, 1.0)[0] != 2.0**-81  # the negative control


class TestTheDocument:
    """What docs/program.md shows is what happens."""

    def test_shows_what_is_printed(self) -> None:
        pairs = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", DOCUMENT, flags=re.MULTILINE | re.DOTALL)
        assert len(pairs) == 3
        space: dict = {}
        for code, shown in pairs:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(code, space)
            assert printed.getvalue() == shown

    def test_lists_the_operations(self) -> None:
        rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", DOCUMENT, flags=re.MULTILINE)
        assert rows == [(str(code), operation.name) for code, operation in enumerate(OPERATIONS)]

    def test_states_the_limits(self) -> None:
        assert f"more than {LARGEST:,} different parts".replace(",", " ") in DOCUMENT
        assert package.assembly.LARGEST_TABLE == 2**27
        assert package.tape.MOST_REGISTERS == 2**16

    def test_orders_the_files_so_that_no_import_runs_back(self) -> None:
        folder = Path(package.__file__).parent
        order = re.findall(r"^\| `(\w+)` \| ", DOCUMENT.split("in reading order")[1], flags=re.MULTILINE)
        assert sorted(order) == sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
        for place, name in enumerate(order):
            tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
            used = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 1}
            assert used <= set(order[:place]), name
