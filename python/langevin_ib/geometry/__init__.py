"""Orbits, slices and what follows from them: Gram matrices, balance, implicit bias, and symmetries not yet known.

`generators`, `orbit_gram` (H), `coupling` (M), `constraint_gram` (G), `dual_gram` (M H⁻¹ Mᵀ) and `log_det` at points;
`symbolic` for the formulas; `slice_report` for whether a slice is transversal and orthogonal; `balance` for the way
there.
"""

from .balance import balance
from .gram import constraint_gram, coupling, dual_gram, generators, log_det, orbit_gram
from .report import SliceReport, slice_report
from .symbolic import Symbolic, symbolic

__all__ = [
    "SliceReport",
    "Symbolic",
    "balance",
    "constraint_gram",
    "coupling",
    "dual_gram",
    "generators",
    "log_det",
    "orbit_gram",
    "slice_report",
    "symbolic",
]
