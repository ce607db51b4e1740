"""A law on the line from any log-weight, to about 12 digits, infinite peaks included."""

from .averages import Average, Function
from .distribution import Density
from .monotone import NotMonotoneError
from .normal import Normal
from .panels import NODES, ORDER, TO_COEFFICIENTS, WEIGHTS, Panels, antiderivative
from .quadrature import Interval, LogWeight, integrate
from .transformed import TransformedLaw

__all__ = [
    "NODES",
    "ORDER",
    "TO_COEFFICIENTS",
    "WEIGHTS",
    "Average",
    "Density",
    "Function",
    "Interval",
    "LogWeight",
    "Normal",
    "NotMonotoneError",
    "Panels",
    "TransformedLaw",
    "antiderivative",
    "integrate",
]
