"""Penalties of products of factors as functions of |z|, a mechanism a file; numeric and symbolic side by side."""

from .ambient import ambient, stiff
from .decay import label_noise, weight_decay
from .flow import NoPotential, Potential
from .formula import Formula, no_symbols
from .slices import log_squares, on_slice, shifts_of

__all__ = [
    "Formula",
    "NoPotential",
    "Potential",
    "ambient",
    "label_noise",
    "log_squares",
    "no_symbols",
    "on_slice",
    "shifts_of",
    "stiff",
    "weight_decay",
]
