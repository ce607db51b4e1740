"""Which compiled potential runs a model, and what the compiled side calls the model's observables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import sympy

from .checks import shown
from .errors import UnsupportedModelError
from .model import Model

__all__ = ["Kernel", "kernel_of", "watchable"]


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


@lru_cache(maxsize=128)
def kernel_of(model: Model) -> Kernel | None:
    """Return the kernel whose gradient is that of the model's loss and confinement, or None if none has it."""
    return next(filter(None, (recognise(model) for recognise in (_product, _harmonic))), None)


@lru_cache(maxsize=1024)
def watchable(model: Model, name: str) -> str | None:
    """Return the core's name of a model's observable, or None if the model's kernel does not know it.

    Raises
    ------
    InvalidArgumentError
        If the model has no such observable.
    """
    wanted = model.observable(name)
    kernel = kernel_of(model)
    known = _coordinates(model) if kernel is None else kernel.observables
    return next((core_name for core_name, expression in known if sympy.expand(wanted - expression) == 0), None)


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
    if model.dim != 2 or model.data:
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
    if model.data:
        return None
    terms = _monomials(model)
    if set(terms) != {x**2 for x in model.parameters}:
        return None
    stiffness = {_double(model, 2 * coefficient) for coefficient in terms.values()}
    if len(stiffness) != 1:
        return None
    sum_of_squares = sympy.Add(*(x**2 for x in model.parameters))
    return Kernel("harmonic", tuple(stiffness), (*_coordinates(model), ("sum_of_squares", sum_of_squares)))
