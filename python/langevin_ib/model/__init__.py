"""What a user describes: parameters, predictor, loss, the symmetry that both share, metric, slice and data."""

from .algebra import Span, numeric
from .fresh import Fresh
from .group import compact_part, self_adjoint_parts, vector_field
from .metric import Metric, Rows, checked_metric, metric_for, tidied
from .model import Linear, Model, Scaling, parameters
from .symmetry import Symmetry

__all__ = [
    "Fresh",
    "Linear",
    "Metric",
    "Model",
    "Rows",
    "Scaling",
    "Span",
    "Symmetry",
    "checked_metric",
    "compact_part",
    "metric_for",
    "numeric",
    "parameters",
    "self_adjoint_parts",
    "tidied",
    "vector_field",
]
