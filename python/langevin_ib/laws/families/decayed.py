"""Laws of products of any depth, of powers, and of sums of products, in all parameters under weight decay.

They are exp(-l(z)/T) times the density that z has without a loss, when all parameters are Gaussian: `decayed_weights`
has the formulas. The product of two factors has a family of its own, which knows more observables.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ...model import Model
from ...model.expressions import compiled, landmarks
from ...process import Ambient
from ..line import Density, LogWeight
from ..recomputed import Recomputed
from ..request import LawRequest
from .decayed_weights import log_copies, product_weight
from .wrong_laws import existing, labelled

__all__ = ["DecayedLaw"]

FloatArray = NDArray[np.float64]

_DEEPEST = 12


@dataclass(frozen=True)
class _Structure:
    """What z is.

    Parameters
    ----------
    powers : tuple of int
        The exponents a_i of z = prod_i x_i^a_i; empty for a sum.
    copies : int
        q of z = u_1 v_1 + ... + u_q v_q; 1 for a product.
    """

    powers: tuple[int, ...] = ()
    copies: int = 1

    @classmethod
    def recognise(cls, model: Model) -> _Structure | None:
        """Return what the one component of a predictor is, if it is such a function of all parameters."""
        if len(model.predictor) != 1:
            return None
        (formula,), symbols = model.predictor.values(), model.parameters
        terms = [term.as_powers_dict() for term in sympy.Add.make_args(sympy.expand(formula))]
        used = [x for term in terms for x in term]
        if set(used) != set(symbols) or len(used) != len(symbols):
            return None
        if len(terms) > 1:
            is_pairs = all(len(term) == 2 and set(term.values()) == {1} for term in terms)
            return cls(copies=len(terms)) if is_pairs else None
        powers = tuple(terms[0].values())
        is_whole = all(power.is_Integer and power > 0 for power in powers)
        return cls(tuple(map(int, powers))) if is_whole and 2 <= len(powers) <= _DEEPEST else None

    @property
    def degree(self) -> int:
        """The degree of z in all parameters together."""
        return sum(self.powers) if self.powers else 2

    @property
    def is_positive(self) -> bool:
        """Whether z has no negative values."""
        return bool(self.powers) and all(power % 2 == 0 for power in self.powers)

    @property
    def words(self) -> str:
        """What z is, for the name of a rival."""
        if self.powers:
            return f"a product of {self.degree} factors"
        return f"{self.copies} copies" if self.copies > 1 else "one copy"

    def weight(self) -> tuple[LogWeight, float]:
        """Return the log-density of |z| w.r.t. dz for lam = T, and a bound on its relative error."""
        if self.powers:
            return product_weight([(1, float(power)) for power in self.powers])
        return partial(log_copies, self.copies, 1), 1e-13

    def others(self) -> dict[str, _Structure]:
        """Return what z could be mistaken for, by name."""
        if self.powers:
            more = _Structure((*self.powers, 1))
            return {"one factor more": more} if len(self.powers) < _DEEPEST else {}
        changed = {"one copy less": self.copies - 1, "one copy more": self.copies + 1}
        return {name: _Structure(copies=copies) for name, copies in changed.items()}


@dataclass(frozen=True)
class DecayedLaw(Recomputed):
    """The law of the one component z of a predictor under the ambient process.

    Parameters
    ----------
    request : LawRequest
        What was asked.
    structure : _Structure
        What z is.
    """

    request: LawRequest
    structure: _Structure

    @classmethod
    def recognise(cls, request: LawRequest) -> DecayedLaw | None:
        """Return the law of a request about z where confinement and weight decay are (lam/2)|x|², else None."""
        if not isinstance(request.dynamics, Ambient) or request.given is not None or request.method == "quadrature":
            return None
        structure = _Structure.recognise(request.model)
        if structure is None or not request.process.weight_decay or request.process.weight_decay <= 0.0:
            return None
        (formula,) = request.model.predictor.values()
        if sympy.expand(request.expression - formula) != 0:
            return None
        try:
            request.model.loss_of_predictor()
        except UnsupportedModelError:
            return None
        return cls(request, structure)

    @cached_property
    def _name(self) -> sympy.Symbol:
        (name,) = self.request.model.predictor
        return sympy.Symbol(name, real=True)

    @cached_property
    def _loss(self) -> Callable[[FloatArray], FloatArray]:
        return compiled(self.request.model.loss_of_predictor(), [self._name], self.request.model.data)

    def density(self) -> Density:
        """Return the law.

        Raises
        ------
        NotNormalizableError
            If the loss falls faster than the weight.
        """
        return self._law_of(self.structure, self.request)

    def _law_of(self, structure: _Structure, request: LawRequest) -> Density:
        weight, error = structure.weight()
        lam = self.request.process.weight_decay
        assert lam is not None  # or it would not have been recognised
        # Each parameter is sqrt(T / lam) times a standard normal one.
        unit = (request.T / lam) ** (structure.degree / 2.0)
        return request.weighted(
            partial(_log_weight, weight, self._loss, request.T, unit),
            support=(0.0 if structure.is_positive else -math.inf, math.inf),
            breaks=landmarks(request.model.loss_of_predictor(), self._name, request.model.data),
            method="closed form",
            error=error,
        )

    def rivals(self, cutoff: float | None = None) -> dict[str, Density]:
        """Return the laws without any weight, and of one copy or one factor more or less."""
        laws = {"no correction": self._flat}
        for key, structure in self.structure.others().items():
            request = labelled(self.request, key, structure.words)
            laws[key] = partial(self._law_of, structure, request)
        return existing(laws)

    def _flat(self) -> Density:
        request = labelled(self.request, "no correction", "exp(-L/T)")
        support = (0.0 if self.structure.is_positive else -math.inf, math.inf)
        return request.weighted(partial(_log_flat, self._loss, request.T), support=support, method="closed form")


def _log_flat(loss: Callable[[FloatArray], FloatArray], T: float, z: FloatArray) -> FloatArray:
    return np.asarray(-loss(z) / T + np.zeros(z.shape))


def _log_weight(
    weight: LogWeight, loss: Callable[[FloatArray], FloatArray], T: float, unit: float, z: FloatArray
) -> FloatArray:
    return np.asarray(weight(np.abs(z) / unit) - loss(z) / T)
