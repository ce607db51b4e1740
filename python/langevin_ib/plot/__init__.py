"""What is shown: histograms, laws and residuals on matplotlib axes that you pass in."""

from .histograms import DrawableLaw, density, ratio, residuals
from .runs import runs

__all__ = [
    "DrawableLaw",
    "density",
    "ratio",
    "residuals",
    "runs",
]
