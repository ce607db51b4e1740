"""Which compiled potential runs a model, and what the compiled side calls the model's observables."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ...checks import shown
from ...errors import InvalidArgumentError, UnsupportedModelError
from ...model import Model
from ...model.expressions import degree_of, probes, uses_data
from ...program import Program, evaluate

__all__ = ["Kernel", "kernel_of", "watchable"]

_HIGHEST = 12
"""Polynomials of higher degree have no closed form here, unless nearly all of their terms cancel."""

_ROUNDING = 1e-9
"""Values that differ by more than this share of the largest of them differ by more than rounding."""


@dataclass(frozen=True)
class Kernel:
    """A compiled potential with its constants.

    Parameters
    ----------
    potential : str
        Its name in the compiled core.
    constants : tuple of float
        The constants of its formula, in the order in which the core takes them.
    observables : tuple of (str, sympy.Expr)
        The functions of the parameters that the core can watch, with the core's names.
    weight_decay : float
        What a confinement (c / 2) |x|**2 of the model adds to the weight decay of the dynamics.
    """

    potential: str
    constants: tuple[float, ...]
    observables: tuple[tuple[str, sympy.Expr], ...]
    weight_decay: float = 0.0


def kernel_of(model: Model) -> Kernel | None:
    """Return the kernel whose gradient is that of the model's loss and confinement, or None if none has it."""
    if model.data or degree_of(model.potential()) > _HIGHEST or not _may_be_closed(model):
        return None
    return next(filter(None, (recognise(model) for recognise in (_product, _harmonic))), None)


def watchable(model: Model, name: str, kernel: Kernel | None) -> str | None:
    """Return the core's name of a model's observable, or None if the model's kernel does not know it.

    Raises
    ------
    InvalidArgumentError
        If the model has no such observable.
    """
    wanted = model.observable(name)
    known = _coordinates(model) if kernel is None else kernel.observables
    if uses_data(wanted) or degree_of(wanted) > _HIGHEST:
        return None
    candidates = (each for each in known if wanted in each or _may_be_equal(model, wanted, each[1]))
    return next((name for name, expression in candidates if sympy.expand(wanted - expression) == 0), None)


def _may_be_closed(model: Model) -> bool:
    """Whether the potential may have a closed form, by its values alone: writing out large ones can take hours.

    On a ray, λ -> V(λ x), each of them is c + s λ² + q λ⁴, where q = u² v² / 2 or 0.
    """
    values = _values(model, model.potential(), np.array([1.0, 2.0, 3.0]))
    if values is None:
        return True
    one, two, three = values
    quartics = [0.0] if model.dim != 2 else [0.0, float(np.prod(_place(model)) ** 2) / 2]
    misfits = [three - one - 8.0 / 3.0 * (two - one) - 40.0 * q for q in quartics]
    return bool(min(map(abs, misfits)) <= 80.0 * _ROUNDING * float(np.max(np.abs(values))))


def _may_be_equal(model: Model, wanted: sympy.Expr, known: sympy.Expr) -> bool:
    """Whether an expression may be one that the core knows, by the values at one place."""
    values = None if isinstance(wanted, sympy.Symbol) else _values(model, wanted, np.ones(1))
    if values is None:
        return not isinstance(wanted, sympy.Symbol)
    other = float(known.xreplace(dict(zip(model.parameters, map(sympy.Float, _place(model)), strict=True))))
    return bool(abs(float(values[0]) - other) <= _ROUNDING * max(abs(other), 1.0))


def _place(model: Model) -> NDArray[np.float64]:
    """Return a place that is nothing special, so near to 0 that polynomials are not large."""
    return np.concatenate(list(probes(model.parameters, 1).values())) / 8


def _values(model: Model, expression: sympy.Expr, factors: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the values at multiples of the place; None if there are none."""
    try:
        tape = Program(model.parameters, expression).value
    except (InvalidArgumentError, UnsupportedModelError):
        return None
    values: NDArray[np.float64] = evaluate(tape, factors[:, np.newaxis] * _place(model))[:, 0]
    return values if np.isfinite(values).all() else None


def _monomials(model: Model) -> dict[sympy.Expr, sympy.Expr]:
    """Return the coefficient of every monomial of loss and confinement; what is no monomial stands for itself."""
    coefficients: dict[sympy.Expr, sympy.Expr] = {}
    for term in sympy.Add.make_args(sympy.expand(model.potential())):
        constant, monomial = term.as_independent(*term.free_symbols, as_Add=False)
        coefficients[monomial] = coefficients.get(monomial, sympy.S.Zero) + constant
    # An additive constant moves no walker.
    coefficients.pop(sympy.S.One, None)
    return {monomial: constant for monomial, constant in coefficients.items() if constant != 0}


def _double(model: Model, coefficient: sympy.Expr) -> float:
    """Return a coefficient of the loss in double precision.

    Raises
    ------
    UnsupportedModelError
        If doubles do not reach so far.
    """
    number = float(sympy.N(coefficient, 17))
    if not math.isfinite(number) or (number == 0.0) != (coefficient == 0):
        raise UnsupportedModelError(
            f"a coefficient of the loss {shown(model.potential())} is out of the range of doubles; rescale it"
        )
    return number


def _coordinates(model: Model) -> tuple[tuple[str, sympy.Expr], ...]:
    return tuple((f"x{i}", x) for i, x in enumerate(model.parameters))


def _product(model: Model) -> Kernel | None:
    """Recognise (u v - a)²/2 + (c/2) (u² + v²)."""
    if model.dim != 2:
        return None
    u, v = model.parameters
    terms = _monomials(model)
    confinement = {_double(model, 2 * terms.pop(x**2, sympy.S.Zero)) for x in (u, v)}
    if len(confinement) != 1 or not min(confinement) >= 0.0:
        return None
    # SymPy tells 0.5 from 1/2; the kernel does not.
    if not set(terms) <= {u**2 * v**2, u * v} or _double(model, terms.get(u**2 * v**2, sympy.S.Zero)) != 0.5:
        return None
    target = _double(model, -terms.get(u * v, sympy.S.Zero))
    named = (("product", u * v), ("difference_of_squares", u**2 - v**2), ("sum_of_squares", u**2 + v**2))
    return Kernel("product", (target,), (*_coordinates(model), *named), *confinement)


def _harmonic(model: Model) -> Kernel | None:
    """Recognise (k/2) |x|²."""
    terms = _monomials(model)
    if set(terms) != {x**2 for x in model.parameters}:
        return None
    stiffness = {_double(model, 2 * coefficient) for coefficient in terms.values()}
    if len(stiffness) != 1:
        return None
    sum_of_squares = sympy.Add(*(x**2 for x in model.parameters))
    return Kernel("harmonic", tuple(stiffness), (*_coordinates(model), ("sum_of_squares", sum_of_squares)))
