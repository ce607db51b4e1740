"""Which of the laws of models with a symmetry it is that was asked for."""

from __future__ import annotations

from ..process import Ambient
from .curves import CurveLaw
from .families import Block, BlockLaw, ChainLaw, MatrixLaw, SeveralBlocks, TorusLaw
from .line import Density
from .request import LawRequest

__all__ = ["curve_law", "family_law"]


def curve_law(request: LawRequest) -> Density | None:
    """Return the law of any observable on a slice that is made of curves, or None if it is none.

    Raises
    ------
    UnsupportedModelError, NotNormalizableError
        As `density` says.
    """
    curve = CurveLaw.recognise(request)
    return None if curve is None else curve.density()


def family_law(request: LawRequest) -> Density | None:  # noqa: PLR0911 - one for each family
    """Return the law of a model and an observable that one of the families knows, or None if it is about no symmetry.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError, NotNormalizableError
        As `density` says.
    """
    if request.is_on_slice and request.method == "quadrature":
        torus = TorusLaw.recognise(request)
        if torus is not None:
            return torus.density()
    if request.process.weight_decay is not None:
        block = Block.recognise(request.model)
        # The ambient law of uv has formulas of its own, which need no symmetry.
        if block is not None and not (
            block.is_scalar and request.given is None and isinstance(request.dynamics, Ambient)
        ):
            return BlockLaw(request, block).density()
    matrix = MatrixLaw.recognise(request)
    if matrix is not None:
        return matrix.density()
    several = SeveralBlocks.recognise(request) if request.process.weight_decay is not None else None
    if several is not None and several.is_separable:
        return several.of_one_block().density()
    if several is not None and several.is_pair:
        return several.pair()
    for family in (ChainLaw, TorusLaw):
        law = family.recognise(request)
        if law is not None:
            return law.density()
    return None
