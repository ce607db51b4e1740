r"""The laws of models with several blocks: coordinatewise products theta_i = u_i v_i, and blocks that do not interact.

Each scaling acts on a block of its own, so the measure that a dynamics leaves is a product over the blocks. If the loss
is a sum over blocks, what is asked of one of them is its law alone. If not, two products uv are done: the density of
theta_1 is rho_1(theta_1) int rho_2(theta_2) exp(-L/T) dtheta_2, w.r.t. dtheta_1, summed over the four sheets.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import logsumexp

from ...geometry import blocks_of, scaling_weights
from ...model import Model, Scaling
from ...model.meaning import is_separable
from ...process import Constrained, GaugeFixed, SoftSlice
from ..integrals import log_integrals, tabulated
from ..line import Density
from ..recomputed import Recomputed
from ..request import LawRequest
from .block import Block
from .block_law import BlockLaw
from .block_measure import BlockMeasure

__all__ = ["SeveralBlocks"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_TINY = 1e-300


@dataclass(frozen=True)
class SeveralBlocks(Recomputed):
    """A law of a model whose scalings act on disjoint blocks.

    Parameters
    ----------
    request : LawRequest
        What was asked.
    blocks : tuple of Block
        In the order of the constraints.
    place : int
        The block that the observable belongs to.
    """

    request: LawRequest
    blocks: tuple[Block, ...]
    place: int

    @classmethod
    def recognise(cls, request: LawRequest) -> SeveralBlocks | None:
        """Return the law, else None.

        The model has two blocks or more, and the observable is about one that the loss separates from the others, or
        is one of two products.
        """
        model, weights = request.model, scaling_weights(request.model)
        found = None if weights is None or len(weights) < 2 else blocks_of(weights)
        if not found:
            return None
        x = model.parameters
        blocks = tuple(Block(tuple(x[i] for i in u), tuple(x[i] for i in v), weight) for u, v, weight in found)
        places = [i for i, block in enumerate(blocks) if request.expression.free_symbols <= set(block.symbols)]
        law = cls(request, blocks, places[0]) if places and request.process.weight_decay is not None else None
        return law if law is not None and (law.is_separable or law.is_pair) else None

    @cached_property
    def is_separable(self) -> bool:
        """Whether the loss is one of this block plus one of the others."""
        model = self.request.model
        return is_separable(model.loss, set(self.blocks[self.place].symbols), model.parameters, model.data)

    def of_one_block(self) -> BlockLaw:
        """Return the law of the block alone, the parameters of others being set to 1 in the loss."""
        request, block, model = self.request, self.blocks[self.place], self.request.model
        others = {x: sympy.Integer(1) for x in model.parameters if x not in block.symbols}
        own = Model(
            parameters=block.symbols,
            predictor={request.observable: request.expression}
            if request.observable in model.predictor
            else _any(block),
            loss=model.loss.xreplace(others),
            symmetry=Scaling({x: +1 for x in block.left} | {x: -1 for x in block.right}),
            confinement=sympy.Add(*(self._decay() / 2 * x**2 for x in block.symbols)),
            observables=_named(request),
            data=model.data,
        )
        dynamics = request.dynamics
        if isinstance(dynamics, GaugeFixed | Constrained):
            dynamics = replace(dynamics, level=float(request.levels(len(self.blocks))[self.place]) / block.weight)
        elif isinstance(dynamics, SoftSlice):
            dynamics = replace(dynamics, stiffness=dynamics.stiffness * block.weight**2)
        return BlockLaw(
            replace(request, process=replace(request.process, model=own, dynamics=dynamics)), replace(block, weight=1.0)
        )

    def _decay(self) -> sympy.Expr:
        """Return the part of the confinement that is in the model; that of the dynamics stays there."""
        total = self.request.process.weight_decay or 0.0
        return sympy.Float(total - getattr(self.dynamics, "weight_decay", 0.0))

    @property
    def dynamics(self) -> object:
        """The process."""
        return self.request.dynamics

    @property
    def is_pair(self) -> bool:
        """Whether it is two products uv, and the observable one of them."""
        if len(self.blocks) != 2 or not all(block.is_scalar for block in self.blocks) or self.request.given is not None:
            return False
        return self.blocks[self.place].kind(self.request.expression)[0] == "theta"

    def density(self) -> Density:
        """Return the law of the block alone, or of one of two products uv that the loss does not separate.

        Raises
        ------
        NotNormalizableError
            If its mass is infinite.
        """
        if self.is_separable:
            return self.of_one_block().density()
        remedy = "Give levels other than 0, or confine the process"
        _, factor = self.blocks[self.place].kind(self.request.expression)
        table = tabulated(lambda theta: self._log_weight(theta / factor))
        return self.request.weighted(table, remedy=remedy, breaks=table.breaks, error=table.error)

    def rivals(self, cutoff: float | None = None) -> dict[str, Density] | None:
        """Return those of the block alone; None where the loss does not separate it."""
        return self.of_one_block().rivals(cutoff) if self.is_separable else None

    def _log_weight(self, theta: FloatArray) -> FloatArray:
        own, other = (self._measure(i) for i in (self.place, 1 - self.place))
        size = np.maximum(np.abs(theta), _TINY)
        low, high = np.full(theta.shape, -45.0), np.full(theta.shape, 15.0)

        def log_f(sign: float, row: IndexArray, y: FloatArray) -> FloatArray:
            second = np.exp(y)
            return self._log_sheets(theta[row], sign * second) + other.log_strength(second) + y

        parts = [
            log_integrals(lambda row, y, sign=sign: log_f(sign, row, y), low, high, width=5.0)  # type: ignore[misc]
            for sign in (1.0, -1.0)
        ]
        return np.logaddexp(*parts) + own.log_strength(np.where(theta == 0.0, 0.0, size))

    def _log_sheets(self, first: FloatArray, second: FloatArray) -> FloatArray:
        loss, T, blocks = self.request.loss, self.request.T, (self.blocks[self.place], self.blocks[1 - self.place])
        thetas = (first, second)
        values = []
        for signs in itertools.product((1.0, -1.0), repeat=2):
            at = {}
            for block, theta, sign in zip(blocks, thetas, signs, strict=True):
                root = np.sqrt(np.abs(theta))
                at[block.left[0]], at[block.right[0]] = sign * root, sign * np.sign(theta) * root
            values.append(-loss(*(at[x] for x in self.request.model.parameters)) / T)
        return np.asarray(logsumexp(values, axis=0))

    def _measure(self, place: int) -> BlockMeasure:
        request, weight = self.request, self.blocks[place].weight
        return BlockMeasure(
            m=1,
            n=1,
            temperature=request.T,
            weight_decay=request.process.weight_decay or 0.0,
            stiffness=request.stiffness * weight**2,
            level=float(request.levels(2)[place]) / weight if request.is_on_slice else None,
            rigid=request.is_rigid,
        )


def _any(block: Block) -> dict[str, sympy.Expr]:
    return {"a_product": block.left[0] * block.right[0]}


def _named(request: LawRequest) -> dict[str, sympy.Expr]:
    names = {request.observable} | ({request.given[0]} if request.given is not None else set())
    known = {*map(str, request.model.parameters), *({request.observable} & set(request.model.predictor))}
    return {name: request.model.observable(name) for name in names - known}
