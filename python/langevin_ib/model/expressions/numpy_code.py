"""SymPy formulas as NumPy functions: the one place that turns a formula into Python code.

In that code a symbol is called by its place among the arguments. Its own name may be that of a constant or a function
that the code needs, such as pi, or exp.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy
from sympy.printing.codeprinter import PrintMethodNotImplementedError
from sympy.printing.numpy import SciPyPrinter

from ...checks import shown
from ...errors import UnsupportedModelError
from .gates import GATES, with_gates
from .singular import NUMPY_FUNCTIONS

__all__ = ["numpy_function"]


_HIGHEST_PRODUCT = 16
"""Higher powers are left to NumPy: their products round more often."""


def _whole_power(base: Any, exponent: int) -> Any:
    """Return a power as products."""
    made = base
    for digit in bin(abs(exponent))[3:]:
        made = made * made
        if digit == "1":
            made = made * base
    return made if exponent > 0 else 1.0 / made


class _Printer(SciPyPrinter):  # type: ignore[misc]  # SymPy has no types
    """SymPy's printer, but for the names of some symbols."""

    def __init__(self, names: Mapping[sympy.Basic, str], functions: Sequence[str]) -> None:
        self.names = names
        super().__init__(
            {
                "fully_qualified_modules": False,
                "inline": True,
                "allow_unknown_functions": True,
                "user_functions": {name: name for name in functions},
            }
        )

    def _print_Symbol(self, symbol: sympy.Symbol) -> str:  # noqa: N802 - the name that SymPy looks for
        return self.names.get(symbol) or str(super()._print_Symbol(symbol))

    def _print_Heaviside(self, step: sympy.Heaviside) -> str:  # noqa: N802 - the name that SymPy looks for
        # SymPy writes it out as a choice, and what is inside of it into the conditions: nested ones become no arrays.
        function = self._module_format("numpy.heaviside")
        return f"{function}({', '.join(self._print(each) for each in step.args)})"

    def _print_KroneckerDelta(self, delta: sympy.KroneckerDelta) -> str:  # noqa: N802 - the name that SymPy looks for
        # SymPy's own asks whether two arrays are equal.
        return f"1.0*{self._module_format('numpy.equal')}({', '.join(self._print(each) for each in delta.args[:2])})"

    def _print_Pow(self, power: sympy.Pow, rational: bool = False) -> str:  # noqa: N802 - the name that SymPy looks for
        # NumPy has a quick way for squares only: a cube takes as long as ten products.
        if power.exp.is_Integer and 2 < abs(power.exp) <= _HIGHEST_PRODUCT:
            return f"{_whole_power.__name__}({self._print(power.base)}, {power.exp})"
        return str(super()._print_Pow(power, rational))

    def _print_LambertW(self, number: sympy.LambertW) -> str:  # noqa: N802 - the name that SymPy looks for
        # A model has it of numbers alone; SciPy's own is complex.
        return repr(float(number))

    def _print_Piecewise(self, choice: sympy.Piecewise) -> str:  # noqa: N802 - the name that SymPy looks for
        # SymPy simplifies conditions that are choices themselves, at which it may fail.
        values, conditions = (", ".join(self._print(pair.args[k]) for pair in choice.args) for k in (0, 1))
        return f"{self._module_format('numpy.select')}([{conditions}], [{values}], default={self._print(sympy.nan)})"

    def _print_ITE(self, choice: sympy.ITE) -> str:  # noqa: N802 - the name that SymPy looks for
        return f"{self._module_format('numpy.where')}({', '.join(self._print(each) for each in choice.args)})"

    def _print_Dummy(self, symbol: sympy.Dummy) -> str:  # noqa: N802 - the name that SymPy looks for
        return self.names.get(symbol) or str(super()._print_Dummy(symbol))


def numpy_function(
    symbols: Sequence[sympy.Symbol],
    formulas: Sequence[sympy.Basic],
    *,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    share: bool = False,
) -> Callable[..., list[Any]]:
    """Return a function of arrays that evaluates formulas by NumPy and SciPy.

    Parameters
    ----------
    symbols : sequence of sympy.Symbol
        The arguments, in the order in which the function takes them; called whatever they may be.
    formulas : sequence of sympy.Basic
        Functions of the symbols.
    functions : mapping from str to callable, optional
        What SymPy functions of these names are, in place of what NumPy or SciPy has.
    share : bool
        Whether parts that occur more than once are evaluated once.

    Returns
    -------
    callable
        Takes an array for each symbol, returns a list with the value of each formula.

    Raises
    ------
    UnsupportedModelError
        If neither has a function that is asked for.

    Examples
    --------
    >>> pi = sympy.Symbol("pi", real=True)
    >>> (value,) = numpy_function([pi], [sympy.cos(sympy.pi * pi)])(1.0)
    >>> float(value)
    -1.0
    """
    formulas = [_without_overflow(with_gates(formula)) for formula in formulas]
    own = {**NUMPY_FUNCTIONS, **GATES, _whole_power.__name__: _whole_power, **(functions or {})}
    names = {symbol: f"argument_{place}" for place, symbol in enumerate(symbols)}
    # A list, since of a single expression SymPy puts the symbols into the names that the code sees.
    printer = _Printer(names, [*own])
    try:
        function: Callable[..., list[Any]] = sympy.lambdify(
            list(names.values()), formulas, modules=[own, "scipy", "numpy"], printer=printer, cse=share
        )
    except PrintMethodNotImplementedError as error:
        reason = str(error).splitlines()[0].rpartition(": ")[2]
        raise UnsupportedModelError(f"NumPy has nothing for {reason}; write it with other functions") from None
    absent = {n for n in function.__code__.co_names if n not in function.__globals__ and not hasattr(builtins, n)}
    for part in (part for formula in formulas if absent for part in formula.atoms(sympy.Function)):
        if (name := type(part).__name__) in absent:
            raise UnsupportedModelError(f"{shown(part)}: NumPy and SciPy have no {name}; write it with other functions")
    return function


def _without_overflow(formula: sympy.Basic) -> sympy.Basic:
    """Replace logarithms of sums of exponentials, which are infinite where the exponentials are, or all of them are 0.

    So are those of products and of powers of such sums, such as a softmax is.

    log(sum of exp(x_i)) = m + log(sum of exp(x_i - m)) with m = max x_i. Each x_i - m is 0 at most and their sum of
    exponentials 1 at least, which has to be said: of x_i = 1e20 rounding would leave some thousands more or less.
    """
    logs = {part: _log_of(part.args[0]) for part in formula.atoms(sympy.log) if part.has(sympy.exp, sympy.cosh)}
    return formula.xreplace({part: log for part, log in logs.items() if log is not None})


def _log_of(total: sympy.Expr) -> sympy.Expr | None:
    """Return the logarithm of a positive number, a sum as above, or a product of powers of such; None of others."""
    if total.is_number or isinstance(total, sympy.exp):
        return sympy.log(total) if not total.is_number or total.is_positive else None
    terms = _log_terms(total)
    if terms is not None:
        top = sympy.Max(*terms)
        shares = (sympy.exp(sympy.Min(0, term - top, evaluate=False)) for term in terms)
        return top + sympy.log(sympy.Max(1, sympy.Add(*shares), evaluate=False))
    powers = [(each.base, each.exp) if each.is_Pow else (each, sympy.S.One) for each in sympy.Mul.make_args(total)]
    if powers == [(total, 1)] or not all(power.is_number and power.is_real for _, power in powers):
        return None
    logs = [_log_of(base) for base, _ in powers]
    return None if None in logs else sympy.Add(*(n * log for (_, n), log in zip(powers, logs, strict=True)))


_HIGHEST = 16
"""Of higher powers of a cosh there are too many terms."""


def _log_terms(total: sympy.Expr) -> list[sympy.Expr] | None:
    """Return the logs of the terms of a sum of positive numbers and multiples of exponentials; cosh(x)**n is n + 1."""
    found: list[sympy.Expr] = []
    for term in sympy.Add.make_args(total):
        factor, rest = term.as_coeff_Mul()
        base, power = rest.as_base_exp() if rest.is_Pow else (rest, sympy.S.One)
        is_cosh = isinstance(base, sympy.cosh) and power.is_Integer and 0 < power <= _HIGHEST
        if not factor.is_positive or not (rest == 1 or isinstance(rest, sympy.exp) or is_cosh):
            return None
        if is_cosh:
            found += [
                sympy.log(factor * sympy.binomial(power, k) / 2**power) + (power - 2 * k) * base.args[0]
                for k in range(power + 1)
            ]
            continue
        found.append(sympy.log(factor) + (0 if rest == 1 else rest.args[0]))
    return found if len(found) > 1 and any(not term.is_number for term in found) else None
