"""The experiments of the paper: settings, arms and figures; one file an experiment."""

from .arms import Array
from .bands import band, drawing
from .experiment import CODE, TEXT, Measured
from .made import Made, checked_folder
from .piecewise import SIGNAL
from .pursuit import basis_pursuit
from .reproduce import FIGURES, explain, reproduce
from .reproduction import Reproduction

__all__ = [
    "CODE",
    "FIGURES",
    "SIGNAL",
    "TEXT",
    "Array",
    "Made",
    "Measured",
    "Reproduction",
    "band",
    "basis_pursuit",
    "checked_folder",
    "drawing",
    "explain",
    "reproduce",
]
