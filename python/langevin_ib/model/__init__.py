"""What a user describes: parameters, predictor, loss, the symmetry that both share, metric, slice and data."""

from .algebra import Span, numeric, overlapping
from .display import rows_of_model
from .expressions import singular_values
from .fresh import Fresh
from .group import Form, compact_part, is_translation, self_adjoint_parts, vector_field
from .metric import Metric, Rows, checked_metric, metric_for, tidied
from .model import Linear, Model, Scaling, Translation, parameters
from .symmetry import Symmetry

__all__ = [
    "Form",
    "Fresh",
    "Linear",
    "Metric",
    "Model",
    "Rows",
    "Scaling",
    "Span",
    "Symmetry",
    "Translation",
    "checked_metric",
    "compact_part",
    "is_translation",
    "metric_for",
    "numeric",
    "overlapping",
    "parameters",
    "rows_of_model",
    "self_adjoint_parts",
    "singular_values",
    "tidied",
    "vector_field",
]
