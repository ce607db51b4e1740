r"""Wrong laws of models with a symmetry: what they are, in which measure, and where they come from.

A law is a *correction* times exp(-L/T) times flat measure: dtheta for uv and chains, ds s^(m+n-2) for a block (the
measure of rank-one matrices, dz for a neuron), |s_1^2 - s_2^2| prod (s_i^(m+n-2r) ds_i) for the singular values of
matrices of rank r (that of the manifold of such matrices; dT if m = n = r). Its rivals have another correction:

* none at all; the square root of the right one; its square;
* (det G)^(-1/2) at balance, as in arXiv 2601.06597 (6)-(7), read as a density w.r.t. flat measure, |theta|^(-1/2) for
  uv; it is also the ambient Gibbs law of L_eff, without a slice. For matrices det H with all generators stands for G;
* for matrices: the right law with (det H)^(-1/2), compact generators included, in place of (det G)^(-1/2), and the Haar
  quotient |s_1^2 - s_2^2| prod s_i^((m+n)/2-r), in which all of them count as gauge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..errors import NotNormalizableError
from .families import Block, BlockLaw, ChainLaw, Factorization, MatrixLaw, SeveralBlocks
from .line import Density, LogWeight
from .request import LawRequest

__all__ = ["slice_rivals"]

FloatArray = NDArray[np.float64]
Measure = Callable[[FloatArray, FloatArray], FloatArray]

_POWERS = {"no correction": (0.0, "no correction"), "half exponent": (0.5, "root of the right correction")} | {
    "double exponent": (2.0, "square of the right correction")
}
_LITERAL = "(det G)^(-1/2) at balance with respect to flat measure, equation (6) read literally"


def slice_rivals(request: LawRequest) -> dict[str, Density] | None:
    """Return the wrong laws of a request by name, without that at another temperature; None where none are known."""
    several = SeveralBlocks.recognise(request) if request.process.weight_decay is not None else None
    if several is not None and several.is_separable:
        return _of_block(several.of_one_block())
    block = Block.recognise(request.model) if request.process.weight_decay is not None else None
    if block is not None:
        return _of_block(BlockLaw(request, block))
    matrix = MatrixLaw.recognise(request)
    if matrix is not None:
        return _of_matrix(matrix)
    chain = ChainLaw.recognise(request)
    return None if chain is None else _of_chain(chain)


def _made(
    request: LawRequest, key: str, formula: str, weight: LogWeight, support: tuple[float, float]
) -> Density | None:
    try:
        return _labelled(request, key, formula).weighted(weight, support=support)
    except NotNormalizableError:
        return None


def _labelled(request: LawRequest, key: str, formula: str) -> LawRequest:
    return replace(request, label=f"rival of the {request.name}: {key} ({formula})")


def _kept(laws: dict[str, Density | None]) -> dict[str, Density]:
    return {key: law for key, law in laws.items() if law is not None}


def _of_block(law: BlockLaw) -> dict[str, Density] | None:
    kind = law.block.kind(law.request.expression)[0]
    if kind not in {"theta", "strength"}:
        return None
    support = (-math.inf if kind == "theta" else 0.0, math.inf)
    laws = {
        key: _made(law.request, key, formula, partial(_log_block, law, kind, exponent), support)
        for key, (exponent, formula) in _POWERS.items()
    }
    weight = partial(_log_block, law, kind, None)
    laws["equation (6)"] = _made(law.request, "equation (6)", _LITERAL, weight, support)
    return _kept(laws)


def _log_block(law: BlockLaw, kind: str, exponent: float | None, x: FloatArray) -> FloatArray:
    """Return the log-weight with a power of the right correction, or with s**(-1/2) if there is no exponent."""
    excess = law.m + law.n - 2
    s = np.maximum(np.abs(x), 1e-300)
    correction = -0.5 * np.log(s) if exponent is None else exponent * law.measure.log_radial(s)
    tail = law.log_sheets(x) if kind == "theta" else law.log_gibbs(x)
    return np.asarray(correction + (excess * np.log(s) if excess else 0.0) + tail)


def _of_chain(law: ChainLaw) -> dict[str, Density]:
    everywhere = (-math.inf, math.inf)
    laws = {
        key: _made(law.request, key, text, partial(_log_chain, law, exponent), everywhere)
        for key, (exponent, text) in _POWERS.items()
    }
    weight = partial(_log_literal_chain, law)
    laws["equation (6)"] = _made(law.request, "equation (6)", _LITERAL, weight, everywhere)
    return _kept(laws)


def _log_chain(law: ChainLaw, exponent: float, z: FloatArray) -> FloatArray:
    return law.log_sheets(z) - exponent * law.share * law.log_gram(z)


def _log_literal_chain(law: ChainLaw, z: FloatArray) -> FloatArray:
    depth = law.shifts.size
    return np.asarray(law.log_sheets(z) - (1.0 - 1.0 / depth) * np.log(np.maximum(np.abs(z), 1e-300)))


def _of_matrix(law: MatrixLaw) -> dict[str, Density] | None:
    form = law.form
    if form.rank != 2:
        return None
    measures: dict[str, tuple[Measure, str]] = {
        key: (partial(_log_powered, law, exponent), text) for key, (exponent, text) in _POWERS.items()
    }
    measures["equation (6)"] = (partial(_log_literal_matrix, form), _LITERAL)
    if form.is_full:
        measures["compact generators"] = (partial(_log_compact, law), "(det H)^(-1/2) with the compact generators")
        measures["Haar quotient"] = (partial(_log_haar, form), "all of GL(2) as gauge")
    laws: dict[str, Density | None] = {}
    for key, (measure, text) in measures.items():
        try:
            laws[key] = replace(law, request=_labelled(law.request, key, text), measure=measure).density()
        except NotNormalizableError:
            continue
    return _kept(laws)


def _log_flat(form: Factorization, log_first: FloatArray, gap: FloatArray) -> FloatArray:
    return _log_vandermonde(log_first, gap) + (float(form.m + form.n) - 4.0) * (2.0 * log_first - gap)


def _log_powered(law: MatrixLaw, exponent: float, log_first: FloatArray, gap: FloatArray) -> FloatArray:
    base = _log_flat(law.form, log_first, gap)
    return base + exponent * (law.log_measure(log_first, gap) - base)


def _log_compact(law: MatrixLaw, log_first: FloatArray, gap: FloatArray) -> FloatArray:
    return law.log_measure(log_first, gap) - 0.5 * _log_sum(log_first, gap)


def _log_haar(form: Factorization, log_first: FloatArray, gap: FloatArray) -> FloatArray:
    return _log_vandermonde(log_first, gap) + (float(form.m + form.n) / 2.0 - 2.0) * (2.0 * log_first - gap)


def _log_literal_matrix(form: Factorization, log_first: FloatArray, gap: FloatArray) -> FloatArray:
    log_det = 2.0 * log_first - gap + (2.0 * _log_sum(log_first, gap) if form.is_full else 0.0)
    return _log_flat(form, log_first, gap) - 0.5 * log_det


def _log_sum(log_first: FloatArray, gap: FloatArray) -> FloatArray:
    return np.asarray(log_first + np.log1p(np.exp(-gap)))


def _log_vandermonde(log_first: FloatArray, gap: FloatArray) -> FloatArray:
    return np.asarray(2.0 * log_first + np.log(-np.expm1(-2.0 * gap)))
