"""Weights from data: certified minimisers of weight decay, flows stopped early, and means over many seeds."""

from .fitted import Fit, Path
from .fitting import Asked, fitted

__all__ = ["Asked", "Fit", "Path", "fitted"]
