"""Which compiled potential runs a model, and what the compiled side calls the model's observables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy

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
    """

    potential: str
    constants: tuple[float, ...]
    observables: tuple[tuple[str, sympy.Expr], ...]


@lru_cache(maxsize=128)
def kernel_of(model: Model) -> Kernel:
    """Return the kernel whose gradient is that of the model's loss.

    Raises
    ------
    UnsupportedModelError
        If no compiled potential has this loss.
    """
    for recognise in (_product, _harmonic):
        kernel = recognise(model)
        if kernel is not None:
            return kernel
    raise UnsupportedModelError(
        f"no compiled potential for the loss {model.loss}; there are (u v - a)**2 / 2 in two parameters and "
        "(k / 2) |x|**2 in any number"
    )


@lru_cache(maxsize=1024)
def watchable(model: Model, name: str) -> str:
    """Return the core's name of a model's observable.

    Raises
    ------
    InvalidArgumentError
        If the model has no such observable.
    UnsupportedModelError
        If the core cannot watch it.
    """
    wanted = model.observable(name)
    kernel = kernel_of(model)
    for core_name, expression in kernel.observables:
        if sympy.expand(wanted - expression) == 0:
            return core_name
    known = ", ".join(str(expression) for _, expression in kernel.observables)
    raise UnsupportedModelError(f"observable {name!r} = {wanted} cannot be watched in the loop; for this model there are {known}")


def _polynomial(model: Model) -> dict[tuple[int, ...], sympy.Expr] | None:
    try:
        return dict(sympy.Poly(model.loss, *model.parameters).terms())
    except sympy.PolynomialError:
        return None


def _coordinates(model: Model) -> tuple[tuple[str, sympy.Expr], ...]:
    return tuple((f"x{i}", x) for i, x in enumerate(model.parameters))


def _product(model: Model) -> Kernel | None:
    """Recognise (u v - a)²/2 up to an additive constant, which moves no walker."""
    terms = _polynomial(model)
    if terms is None or model.dim != 2 or not set(terms) <= {(2, 2), (1, 1), (0, 0)}:
        return None
    target = -terms.get((1, 1), sympy.Integer(0))
    curvature = terms.get((2, 2), sympy.Integer(0))
    # SymPy tells 0.5 from 1/2; the kernel does not.
    if not (curvature.is_number and target.is_number and float(curvature) == 0.5):
        return None
    u, v = model.parameters
    named = (("product", u * v), ("difference_of_squares", u**2 - v**2), ("sum_of_squares", u**2 + v**2))
    return Kernel("product", (float(target),), (*_coordinates(model), *named))


def _harmonic(model: Model) -> Kernel | None:
    """Recognise (k/2) |x|² up to an additive constant, which moves no walker."""
    terms = _polynomial(model)
    if terms is None:
        return None
    terms.pop((0,) * model.dim, None)
    squares = [tuple(2 * (i == j) for j in range(model.dim)) for i in range(model.dim)]
    half = terms.get(squares[0])
    if set(terms) != set(squares) or any(c != half for c in terms.values()) or half is None or not half.is_number:
        return None
    sum_of_squares = sympy.Add(*(x**2 for x in model.parameters))
    return Kernel("harmonic", (float(2 * half),), (*_coordinates(model), ("sum_of_squares", sum_of_squares)))
