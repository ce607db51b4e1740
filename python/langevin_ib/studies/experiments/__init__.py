"""The experiments of the paper: settings, arms and figures; one file an experiment."""

from .experiment import CODE, TEXT
from .reproduce import FIGURES, explain, reproduce
from .reproduction import Reproduction

__all__ = ["CODE", "FIGURES", "TEXT", "Reproduction", "explain", "reproduce"]
