"""What is shown: histograms, laws and residuals on matplotlib axes that you pass in."""

from .histograms import DrawableLaw, density, ratio, residuals

__all__ = [
    "DrawableLaw",
    "density",
    "ratio",
    "residuals",
]
