"""Weights from data: the minimiser of weight decay with a certificate, its path, and gradient flow stopped early."""

from .fitted import Fit, Path
from .fitting import fitted

__all__ = ["Fit", "Path", "fitted"]
