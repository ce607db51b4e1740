"""Orbits, slices and what follows from them: Gram matrices, balance, implicit bias, and symmetries not yet known.

`generators`, `orbit_gram` (H), `coupling` (M), `constraint_gram` (G), `dual_gram` (M H⁻¹ Mᵀ) and `log_det` at points;
`symbolic` for the formulas; `slice_report` for whether a slice is transversal and orthogonal; `balance` for the way
there; `implicit_bias` and `effective_loss`, with the measure that each belongs
to; `find_symmetries`, declared or not. Whatever depends on a metric of the parameters takes `metric=`; `whitened`
writes a model in coordinates in which that is Euclidean.
"""

from .alignment import aligned
from .alignment import turned as turned
from .balance import DenseFactor as DenseFactor
from .balance import balance
from .balance import dense_factors as dense_factors
from .bias import EffectiveLoss, effective_loss, implicit_bias
from .discovery import find_symmetries
from .factorization import Factorization as Factorization
from .frame import Frame as Frame
from .frame import flat_part as flat_part
from .frame import frame_of as frame_of
from .frame import turn_of_directions as turn_of_directions
from .gauge import GeneralLinear as GeneralLinear
from .gauge import Piece as Piece
from .gauge import Scalings as Scalings
from .gauge import Translations as Translations
from .gauge import constraint_numbers as constraint_numbers
from .gauge import general_linear as general_linear
from .gauge import pieces_of as pieces_of
from .gram import constraint_gram, coupling, dual_gram, generators, log_det, orbit_gram
from .null_space import constant_fields as constant_fields
from .points import checked_model as checked_model
from .points import checked_points as checked_points
from .report import SliceReport, slice_report
from .scalings import blocks_of as blocks_of
from .scalings import exponents as exponents
from .scalings import scaling_weights as scaling_weights
from .symbolic import Symbolic, symbolic
from .symbolic import log_determinant as log_determinant
from .symmetry_report import SymmetryReport
from .symmetry_report import tidy_basis as tidy_basis
from .whitening import whitened

__all__ = [
    "EffectiveLoss",
    "SliceReport",
    "Symbolic",
    "SymmetryReport",
    "aligned",
    "balance",
    "constraint_gram",
    "coupling",
    "dual_gram",
    "effective_loss",
    "find_symmetries",
    "generators",
    "implicit_bias",
    "log_det",
    "orbit_gram",
    "slice_report",
    "symbolic",
    "whitened",
]
