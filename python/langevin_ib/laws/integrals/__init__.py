"""Inner integrals, many at once, and tables of them."""

from .directions import ANGLES, angular_integral
from .line_integrals import log_integrals
from .log_table import LogTable, tabulated
from .nested import CUT, STRIDE, Axis, LogWeight, Nested
from .series import PanelSeries
from .sphere import Sphere
from .tables import Table, tabulate

__all__ = [
    "ANGLES",
    "CUT",
    "STRIDE",
    "Axis",
    "LogTable",
    "LogWeight",
    "Nested",
    "PanelSeries",
    "Sphere",
    "Table",
    "angular_integral",
    "log_integrals",
    "tabulate",
    "tabulated",
]
