"""From a SymPy expression to a tape: what the core's loop executes for a loss of the user's own.

`Program` holds the tapes of a potential. On the way there an expression becomes a graph (`lowering`), the graph grows
by derivatives (`reverse`), and what is needed of it becomes instructions (`assembly`). `evaluate` executes a `Tape` in
NumPy, `first_failure` says where one leaves the finite numbers, `listing` shows it.
"""

from __future__ import annotations

from .data import Data
from .failure import Failure, first_failure
from .functions import OPCODES, OPERATIONS, Operation
from .interpreter import evaluate
from .listing import listing
from .program import Program
from .tape import Tape

__all__ = [
    "OPCODES",
    "OPERATIONS",
    "Data",
    "Failure",
    "Operation",
    "Program",
    "Tape",
    "evaluate",
    "first_failure",
    "listing",
]
