"""SymPy expressions: taken apart, accepted, compared, evaluated with data, and written down."""

from .coordinates import checked_parameters, parameters
from .data import Data, Ranges, checked_array, free_symbols_of, index_factors, index_range, limits_of, uses_data
from .display import as_latex, as_mathml, with_named_values
from .expressions import (
    DATA_TOLERANCE,
    NO_DATA,
    canonical_text,
    checked_expression,
    checked_name,
    compiled,
    compiled_together,
    condensed,
    exact,
    probes,
    same_expression,
    scalar_expression,
)
from .formulas import integer_from, integer_tree, read_tree, tree_of
from .jets import function_of, jet, values_of, values_together
from .landmarks import landmarks
from .numpy_code import numpy_function
from .parts import degree_of, has_part, is_small, parts_of, symbols_of, terms_of_product
from .pieces import SMOOTH, is_rough, rough_parts
from .singular import MOST_COLUMNS, SingularValue, singular_values
from .sketch import sketch

__all__ = [
    "DATA_TOLERANCE",
    "MOST_COLUMNS",
    "NO_DATA",
    "SMOOTH",
    "Data",
    "Ranges",
    "SingularValue",
    "as_latex",
    "as_mathml",
    "canonical_text",
    "checked_array",
    "checked_expression",
    "checked_name",
    "checked_parameters",
    "compiled",
    "compiled_together",
    "condensed",
    "degree_of",
    "exact",
    "free_symbols_of",
    "function_of",
    "has_part",
    "index_factors",
    "index_range",
    "integer_from",
    "integer_tree",
    "is_rough",
    "is_small",
    "jet",
    "landmarks",
    "limits_of",
    "numpy_function",
    "parameters",
    "parts_of",
    "probes",
    "read_tree",
    "rough_parts",
    "same_expression",
    "scalar_expression",
    "singular_values",
    "sketch",
    "symbols_of",
    "terms_of_product",
    "tree_of",
    "uses_data",
    "values_of",
    "values_together",
    "with_named_values",
]
