"""Laws with a formula, family by family: Gaussian, products, blocks, chains, tori, matrices."""

from .block import Block
from .block_law import BlockLaw
from .chain import ChainLaw
from .gaussian import affine_observable, quadratic_form
from .hadamard import SeveralBlocks
from .matrix import Factorization, MatrixLaw
from .product import Product
from .torus import TorusLaw

__all__ = [
    "Block",
    "BlockLaw",
    "ChainLaw",
    "Factorization",
    "MatrixLaw",
    "Product",
    "SeveralBlocks",
    "TorusLaw",
    "affine_observable",
    "quadratic_form",
]
