"""Laws with a formula, family by family: Gaussian, products, blocks, chains, tori, matrices, spheres; a line each."""

from .block import Block
from .block_law import BlockLaw
from .chain import ChainLaw
from .decayed import DecayedLaw
from .decayed_weights import log_copies, product_weight
from .family import Family
from .gaussian import GaussianLaw
from .hadamard import SeveralBlocks
from .matrix import MatrixLaw
from .one_parameter import OneParameterLaw
from .product import Product
from .product_law import ProductLaw
from .sphere import SphereLaw
from .torus import TorusLaw
from .vectors import VectorLaw

__all__ = ["FAMILIES", "IN_PLANE", "Block", "Family", "Product", "TorusLaw", "log_copies", "product_weight"]

FAMILIES: tuple[type[Family], ...] = (BlockLaw, MatrixLaw, SeveralBlocks, ChainLaw, SphereLaw, TorusLaw)
"""What knows the laws of models with a symmetry: the first that recognises a request answers it."""

IN_PLANE: tuple[type[Family], ...] = (ProductLaw, DecayedLaw, VectorLaw, GaussianLaw, OneParameterLaw)
"""The same for laws in all parameters, of exp(-V/T) dx."""
