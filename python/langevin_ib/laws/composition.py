"""An observable that is a function g(h) of a simpler one: its law is a change of variables away from that of h."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import shown
from ..errors import UnsupportedModelError
from ..model import Model
from ..model.expressions import Data, compiled, jet, landmarks, parts_of, symbols_of, uses_data
from .line import Density, NotMonotoneError, TransformedLaw
from .request import LawRequest

__all__ = ["Composition"]

FloatArray = NDArray[np.float64]

_MOST_PARTS = 400


@dataclass(frozen=True)
class Composition:
    """f = g(h).

    Parameters
    ----------
    request : LawRequest
        What was asked about f.
    outer : sympy.Expr
        g, as a function of `argument`.
    argument : sympy.Symbol
        What stands for h in it.
    inner : sympy.Expr
        h, as a function of the parameters.
    """

    request: LawRequest
    outer: sympy.Expr
    argument: sympy.Symbol
    inner: sympy.Expr

    @classmethod
    def recognise(cls, request: LawRequest) -> Composition | None:
        """Return the simplest h of which the observable is a function, unless that is the observable itself."""
        found = _simplest_part(request.expression, request.model) or _tangent(request.expression, request.model)
        if found is None or found[0] == found[1]:
            return None
        return cls(request, *found)

    def density(self, law_of: Callable[[LawRequest], Density]) -> Density:
        """Return the law of f.

        Parameters
        ----------
        law_of : callable
            Returns the law that is asked for.

        Raises
        ------
        UnsupportedModelError
            If f takes a value with positive probability, or has none, or turns too often.
        """
        asked = self.request
        inner = law_of(self._request_of_inner())
        data = asked.model.data
        try:
            law = TransformedLaw.of(
                inner,
                compiled(self.outer, [self.argument], data),
                partial(_slope, self.outer, self.argument, dict(data)),
                landmarks(self.outer, self.argument, data),
            )
        except NotMonotoneError as reason:
            raise UnsupportedModelError(
                f"the law of {shown(asked.expression)}, a function of {shown(self.inner)}: {reason}; observe another "
                "function"
            ) from None
        error = inner.error + 4.0 * law.pieces.blur
        result = Density(asked.name, asked.reference, inner.method, None, law, error)
        return result if asked.intervals is None else result.conditioned(asked.intervals)

    def _request_of_inner(self) -> LawRequest:
        model, asked = self.request.model, self.request
        known = {f: name for name in reversed(model.observable_names) if (f := model.observable(name)) == self.inner}
        given = asked.given if asked.shell is not None else None
        if known:
            return replace(asked, observable=known[self.inner], given=given, label=asked.name)
        name = f"inside_of_{asked.observable}"
        while name in model.observable_names:
            name += "_"
        content = {each: getattr(model, each) for each in Model.__dataclass_fields__}
        content["observables"] = {**model.observables, name: self.inner}
        process = replace(asked.process, model=Model.trusted(content))
        return replace(asked, process=process, observable=name, given=given, label=asked.name)


def _simplest_part(f: sympy.Expr, model: Model) -> tuple[sympy.Expr, sympy.Symbol, sympy.Expr] | None:
    """Return g, its argument, and a part h of f, such that f = g(h)."""
    parameters = set(model.parameters)
    needed = symbols_of(f) & parameters
    argument = sympy.Dummy("t", real=True)
    parts = [part for part in parts_of(f) if isinstance(part, sympy.Expr)]
    if len(parts) > _MOST_PARTS or not needed:
        return None
    for part in sorted(parts, key=lambda each: each.count_ops()):
        if uses_data(part) or symbols_of(part) & parameters != needed:
            continue
        for inner, outer in _forms(f, part, argument):
            if not symbols_of(outer) & parameters:
                return (outer, argument, inner) if inner != f else None
    return None


def _forms(f: sympy.Expr, part: sympy.Expr, argument: sympy.Symbol) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """Yield simple h, of which f may be a function if the part is one, and f with the argument in place of each."""
    factor, h = part.as_coeff_Mul()
    yield h, f.xreplace({part: factor * argument})
    root = _root(h) if f.is_Add else None
    for each in () if root is None else dict.fromkeys((h, root)):
        yield each, _in_powers(f, each, argument)


def _root(h: sympy.Expr) -> sympy.Expr | None:
    """Return x**m * y**n for a product x**(k m) * y**(k n) with the largest k, and None for other expressions."""
    powers = h.as_powers_dict()
    if not all(base.is_Symbol and exponent.is_Integer for base, exponent in powers.items()):
        return None
    common = math.gcd(*map(int, powers.values()))
    return sympy.Mul(*(base ** (exponent / common) for base, exponent in powers.items()))


def _in_powers(f: sympy.Expr, h: sympy.Expr, argument: sympy.Symbol) -> sympy.Expr:
    """Return f with the argument for h, in products of powers, too: u**2*v**2 is a function of u*v; or else f."""
    outer = f.subs(h, argument)
    return outer if sympy.expand(outer.xreplace({argument: h}) - f) == 0 else f


def _tangent(f: sympy.Expr, model: Model) -> tuple[sympy.Expr, sympy.Symbol, sympy.Expr] | None:
    """Return g, its argument, and x / sqrt(R), if f is a multiple of x / sqrt(a x**2 + R): a cosine."""
    factor, cosine = f.as_coeff_Mul()
    found = sympy.Dummy("t", real=True)
    for x in cosine.args if cosine.is_Mul else ():
        power = cosine / x
        if x not in model.parameters or not power.is_Pow or power.exp != -sympy.S.Half:
            continue
        a = power.base.coeff(x, 2)
        rest = sympy.expand(power.base - a * x**2)
        if a.is_number and a > 0 and rest != 0 and not rest.has(x):
            return factor * found / sympy.sqrt(a * found**2 + 1), found, x / sympy.sqrt(rest)
    return None


def _slope(outer: sympy.Expr, argument: sympy.Symbol, data: Data, x: FloatArray) -> FloatArray:
    found = jet(outer, {argument: x}, data, {argument: np.ones(x.shape)}).slope
    return np.zeros(x.shape) if found is None else np.asarray(found)
