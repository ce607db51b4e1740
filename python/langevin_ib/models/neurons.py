"""Neurons with one hidden layer: a direction w, a factor v, and the scaling (s w, v / s) of each neuron.

relu(w . x) v is positively homogeneous in w, so the scaling with s > 0 leaves the output as it is, for relu as for a
linear neuron. A relu neuron computes a function of (sign v, |v| w): the vector v w says the same only together with the
sign of v, since relu is not odd. Where a neuron is active its output is z . x with z = v w, and this z is the predictor
here; with data the sign of v is a component beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from ..checks import checked_int
from ..model import Fresh, Model, Scaling, parameters
from ..model.expressions import NO_DATA
from .losses import indexed, loss_of, refuse_beside_data, regression, scaling_of

__all__ = ["relu_network", "relu_neuron"]

Components = tuple[sympy.Expr, ...]


def relu_neuron(
    d: int,
    *,
    target: Any = None,
    loss: Callable[[Components], sympy.Expr] | None = None,
    data: tuple[Any, Any] | Fresh | None = None,
) -> Model:
    """Return one neuron with d inputs, invariant under (s w, v / s).

    Without data it is the neuron in the region where it is active, z = v w; with data it is relu(w . x) v.

    Parameters
    ----------
    d : int
        The number of inputs.
    target : float or array_like, shape (d,), optional
        The loss is sum (z_i - target_i)**2 / 2; 1 by default.
    loss : callable, optional
        Another loss instead, as a function of the tuple of the z_i.
    data : (X, y), shapes (n, d) and (n,), or Fresh, optional
        The loss is then sum_k (relu(w . X_k) v - y_k)**2 / (2 n). It depends on z and on the sign of v, which is a
        further component "sign" of the predictor: (z, sign v) is equivalent to (|v| w, sign v). The loss is
        differentiable almost everywhere only.

    Returns
    -------
    Model
        With parameters w0, w1, ..., v, predictor "z0", "z1", ..., and observables "strength" = |v| |w| and
        "imbalance" = |w|**2 - v**2.

    Raises
    ------
    InvalidArgumentError
        If `d` is not positive, or more than one of `target`, `loss` and `data` is given, or one does not fit.

    Examples
    --------
    >>> relu_neuron(2).predictor["z1"]
    v*w1
    """
    d = checked_int("d", d, minimum=1, maximum=1_000)
    w, (v,) = parameters(" ".join(indexed("w", d))), parameters("v")
    z = tuple(v * each for each in w)
    squares = sympy.Add(*(each**2 for each in w))
    predictor = {f"z{i}": each for i, each in enumerate(z)}
    if data is None:
        the_loss, arrays = loss_of(z, target, loss), NO_DATA
    else:
        refuse_beside_data(target, loss)
        the_loss, arrays = regression(data, d, lambda row: v * _relu(w, row))
        predictor["sign"] = sympy.sign(v)
    return Model(
        parameters=(*w, v),
        predictor=predictor,
        loss=the_loss,
        symmetry=Scaling(scaling_of(w, [v])),
        observables={"strength": sympy.Abs(v) * sympy.sqrt(squares), "imbalance": squares - v**2},
        data=arrays,
    )


def relu_network(
    d: int,
    h: int,
    *,
    target: Any = None,
    loss: Callable[[sympy.Matrix], sympy.Expr] | None = None,
    data: tuple[Any, Any] | Fresh | None = None,
) -> Model:
    """Return h neurons with d inputs each, whose outputs are added; every neuron has its scaling (s w, v / s).

    Permutations of neurons and, where two neurons are parallel, exchanges between them are further symmetries; they are
    not continuous, or do not hold everywhere, and are not declared.

    Parameters
    ----------
    d, h : int
        The numbers of inputs and of neurons.
    target : float or array_like, shape (h, d), optional
        The loss is sum (z_ji - target_ji)**2 / 2; 1 by default.
    loss : callable, optional
        Another loss instead, as a function of the SymPy matrix of the z_ji, shape (h, d).
    data : (X, y), shapes (n, d) and (n,), or Fresh, optional
        The loss is then sum_k (sum_j relu(w_j . X_k) v_j - y_k)**2 / (2 n), and the signs of the v_j are further
        components "sign0", ... of the predictor.

    Returns
    -------
    Model
        With parameters w00, w01, ..., v0 of neuron 0 and so on, predictor "z00", "z01", ... (neuron, input), and
        observables "strength0", ..., "imbalance0", ....

    Raises
    ------
    InvalidArgumentError
        If a size is not positive, or more than one of `target`, `loss` and `data` is given, or one does not fit.

    Examples
    --------
    >>> relu_network(2, 3).predictor["z21"]
    v2*w21
    """
    d, h = (checked_int(name, size, minimum=1, maximum=1_000) for name, size in (("d", d), ("h", h)))
    names, labels = indexed("w", h, d), indexed("z", h, d)
    neurons = [(parameters(" ".join(names[j])), parameters(f"v{j}")[0]) for j in range(h)]
    z = [[v * each for each in w] for w, v in neurons]
    predictor = {
        label: each for row, rowed in zip(labels, z, strict=True) for label, each in zip(row, rowed, strict=True)
    }
    if data is None:
        the_loss, arrays = loss_of(sympy.ImmutableMatrix(z), target, loss), NO_DATA
    else:
        refuse_beside_data(target, loss)
        the_loss, arrays = regression(data, d, lambda row: sympy.Add(*(v * _relu(w, row) for w, v in neurons)))
        predictor |= {f"sign{j}": sympy.sign(v) for j, (_, v) in enumerate(neurons)}
    squares = [sympy.Add(*(each**2 for each in w)) for w, _ in neurons]
    strengths = {f"strength{j}": sympy.Abs(v) * sympy.sqrt(squares[j]) for j, (_, v) in enumerate(neurons)}
    return Model(
        parameters=tuple(x for w, v in neurons for x in (*w, v)),
        predictor=predictor,
        loss=the_loss,
        symmetry=tuple(Scaling(scaling_of(w, [v])) for w, v in neurons),
        observables=strengths | {f"imbalance{j}": squares[j] - v**2 for j, (_, v) in enumerate(neurons)},
        data=arrays,
    )


def _relu(w: tuple[sympy.Symbol, ...], row: Callable[[int], sympy.Expr]) -> sympy.Expr:
    # SymPy would look for a simpler form, and takes most of a second for thirty neurons to find none.
    return sympy.Max(0, sympy.Add(*(row(i) * each for i, each in enumerate(w))), evaluate=False)
