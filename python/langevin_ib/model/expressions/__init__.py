"""SymPy expressions: taken apart, accepted, compared, evaluated with data, and written down."""

from .coordinates import checked_parameters, parameters
from .data import Data, checked_array, free_symbols_of, uses_data
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
    vanishes,
)
from .formulas import integer_from, integer_tree, read_tree, tree_of
from .jets import jet, values_of
from .landmarks import SWITCHES, landmarks
from .parts import degree_of, has_part, is_small, parts_of, symbols_of
from .sketch import sketch

__all__ = [
    "DATA_TOLERANCE",
    "NO_DATA",
    "SWITCHES",
    "Data",
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
    "has_part",
    "integer_from",
    "integer_tree",
    "is_small",
    "jet",
    "landmarks",
    "parameters",
    "parts_of",
    "probes",
    "read_tree",
    "same_expression",
    "sketch",
    "symbols_of",
    "tree_of",
    "uses_data",
    "values_of",
    "vanishes",
]
