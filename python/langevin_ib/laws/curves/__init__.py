"""Any observable on a slice that is made of curves: traced, cut into pieces, integrated."""

from .curve import CurveLaw

__all__ = [
    "CurveLaw",
]
