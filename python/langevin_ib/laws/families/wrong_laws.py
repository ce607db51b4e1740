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

from collections.abc import Callable, Mapping
from dataclasses import replace

from ...errors import NotNormalizableError
from ..line import Density
from ..request import LawRequest

__all__ = ["LITERAL", "POWERS", "existing", "labelled"]

POWERS = {
    "no correction": (0.0, "no correction"),
    "half exponent": (0.5, "root of the right correction"),
    "double exponent": (2.0, "square of the right correction"),
}
"""The powers of the right correction that rivals have instead of it, and what these are in words."""

LITERAL = "(det G)^(-1/2) at balance with respect to flat measure, equation (6) read literally"


def labelled(request: LawRequest, key: str, formula: str) -> LawRequest:
    """Return a request whose law is named as a rival."""
    return replace(request, label=f"rival of the {request.name}: {key} ({formula})")


def existing(rivals: Mapping[str, Callable[[], Density]]) -> dict[str, Density]:
    """Return those that can be made: a rival may have infinite mass itself."""
    laws = {}
    for key, made in rivals.items():
        try:
            laws[key] = made()
        except NotNormalizableError:
            continue
    return laws
