r"""Exact identities of stationary laws: expectations that are known for any loss.

For a linear vector field A x, integrating div(A x exp(-V/T)) gives E[A x . grad V] = T tr A under the Gibbs law of the
plane, soft slices included: A = 1 and the generators of the symmetry are taken. On a slice of level 0 with quadratic
constraints, which is a cone, dilations act on the constraints as well: delta(chi) has the degree -2 in x, the surface
measure one more than that, so that for k constraints E[x . grad V] = T (dim - 2 k), or T (dim - k) on the rigid slice;
a constraint a . x of a translation counts once on either.
For blocks this is E[s L'(s)] = T (m + n - 2)/2, for a neuron z in R^d E[z . grad L] = T (d - 1)/2, and for weight decay
the generator gives E[|U|^2 - |V|^2] = T (m - n)/lambda.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from ..model import Model
from ..model.meaning import jumps_of
from ..process import Ambient, Constrained, Dynamics, Process, SoftSlice

__all__ = ["Identity", "identities"]


@dataclass(frozen=True)
class Identity:
    """An expectation that is known exactly.

    Attributes
    ----------
    name : str
        In words.
    expression : sympy.Expr
        A function of the parameters.
    value : float
        Its stationary expectation.
    """

    name: str
    expression: sympy.Expr
    value: float


def identities(
    model: Model,
    *,
    dynamics: Dynamics,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
) -> tuple[Identity, ...]:
    """Return the exact identities of a model under a dynamics, provided that its law exists.

    Those of a potential that jumps, across whose jumps one would have to integrate, are left out.

    Parameters
    ----------
    model, dynamics, beta, sigma, temperature
        As for `density`. The Fixman term of `Constrained` is none of V here: it makes the law that of `GaugeFixed`.

    Returns
    -------
    tuple of Identity
        Empty where none is known: on slices of other levels, or of constraints that are the user's own.

    Examples
    --------
    >>> from langevin_ib import models
    >>> from langevin_ib import Ambient
    >>> for each in identities(models.scalar_product(), dynamics=Ambient(weight_decay=0.5), temperature=0.1):
    ...     print(each.name, each.value)
    virial of dilation 0.2
    virial of generator 0 0.0
    """
    process = Process.of(model, dynamics, beta=beta, sigma=sigma, temperature=temperature)
    T, place = process.temperature, process.slice
    if isinstance(dynamics, Ambient | SoftSlice):
        return tuple(_of_gibbs(model, dynamics, T))
    if model.slice is not None or place is None or any(place.levels):
        return ()
    return (_of_cone(model, dynamics, T),) if _is_continuous(model, model.potential()) else ()


def _virial(model: Model, field: tuple[sympy.Expr, ...], potential: sympy.Expr) -> sympy.Expr:
    slopes = (xi * sympy.diff(potential, x) for xi, x in zip(field, model.parameters, strict=True))
    # Where something continuous is written with jumps, r sign(r), say, their point masses cancel.
    return sympy.Add(*slopes).replace(sympy.DiracDelta, lambda *_: sympy.S.Zero)


def _is_continuous(model: Model, potential: sympy.Expr) -> bool:
    return not jumps_of(potential, model.parameters, model.data)


def _of_gibbs(model: Model, dynamics: Ambient | SoftSlice, T: float) -> Iterator[Identity]:
    potential = dynamics.potential(model)
    if _is_continuous(model, potential):
        yield Identity("virial of dilation", _virial(model, model.parameters, potential), T * model.dim)
    # Along a generator the loss is constant, its jumps included: what is left is what confines.
    confining = potential - model.loss
    if not _is_continuous(model, confining):
        return
    for a, (field, matrix) in enumerate(zip(model.generators(), model.generator_matrices(), strict=True)):
        trace = sum(float(matrix[i, i]) for i in range(model.dim))
        yield Identity(f"virial of generator {a}", _virial(model, field, confining), T * trace)


def _of_cone(model: Model, dynamics: Dynamics, T: float) -> Identity:
    is_rigid = isinstance(dynamics, Constrained) and not dynamics.fixman
    # Constraints a . x of translations are of the first degree.
    degrees = [1 if is_rigid or not form.matrix.todok() else 2 for form in model.forms()]
    value = T * (model.dim - sum(degrees))
    return Identity("virial of dilation", _virial(model, model.parameters, model.potential()), value)
