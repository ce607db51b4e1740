"""Ready-made models: the paper's, and an exactly solvable one to measure everything else against."""

from __future__ import annotations

from collections.abc import Callable

import sympy

from .checks import checked_int, checked_real
from .errors import InvalidArgumentError
from .expressions import exact
from .model import Model, Scaling, parameters

__all__ = ["harmonic", "scalar_product"]


def scalar_product(*, target: float = 1.0, loss: Callable[[sympy.Expr], sympy.Expr] | None = None) -> Model:
    """Return the product model theta = u v (arXiv 2601.06597, equations (6)-(7)), invariant under (s u, v / s).

    Parameters
    ----------
    target : float
        The loss is (theta - target)**2 / 2.
    loss : callable, optional
        Another loss instead, as a function that takes theta (a SymPy expression) and returns a SymPy expression.

    Returns
    -------
    Model
        With predictor "theta" and observables "imbalance" = u**2 - v**2 and "norm" = u**2 + v**2.

    Raises
    ------
    InvalidArgumentError
        If `target` is no finite number, `loss` is not callable, or both are given.

    Examples
    --------
    >>> scalar_product(target=2).loss
    (u*v - 2)**2/2
    >>> scalar_product(loss=lambda theta: theta**4).loss
    u**4*v**4
    """
    target = checked_real("target", target)
    if loss is not None and not callable(loss):
        raise InvalidArgumentError(f"loss must be a function of theta such as lambda theta: theta**4, got {loss!r}")
    if loss is not None and target != 1.0:
        raise InvalidArgumentError(f"target={target!r} has no effect beside loss=; put it into the loss")
    u, v = parameters("u v")
    theta = u * v
    return Model(
        parameters=(u, v),
        predictor={"theta": theta},
        loss=(theta - exact(target)) ** 2 / 2 if loss is None else loss(theta),
        symmetry=Scaling({u: +1, v: -1}),
        observables={"imbalance": u**2 - v**2, "norm": u**2 + v**2},
    )


def harmonic(*, stiffness: float = 1.0, dim: int = 1) -> Model:
    """Return the loss (stiffness / 2) |x|**2, whose laws are Gaussian even for a finite step size; no symmetry.

    Parameters
    ----------
    stiffness : float
        Positive, in units of loss per squared parameter.
    dim : int
        The number of parameters, called x for one and x0, x1, ... for more; each is a component of the predictor.

    Raises
    ------
    InvalidArgumentError
        If `stiffness` or `dim` is not positive.

    Examples
    --------
    >>> harmonic(stiffness=2.0, dim=2).loss
    x0**2 + x1**2
    """
    stiffness = checked_real("stiffness", stiffness, minimum=0.0, open_end=True)
    dim = checked_int("dim", dim, minimum=1, maximum=1_000)
    x = parameters("x" if dim == 1 else f"x:{dim}")
    return Model(
        parameters=x,
        predictor={str(xi): xi for xi in x},
        loss=sympy.Add(*(exact(stiffness) / 2 * xi**2 for xi in x)),
    )
