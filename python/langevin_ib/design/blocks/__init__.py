"""What features are made of: a block is a few features with parameters of their own, and knows its penalties."""

from .block import Block, FloatArray
from .factors import Factors
from .matrix import MatrixBlock
from .shaped import Shaped
from .simplex import Simplex
from .squares import Squares

__all__ = ["Block", "Factors", "FloatArray", "MatrixBlock", "Shaped", "Simplex", "Squares"]
