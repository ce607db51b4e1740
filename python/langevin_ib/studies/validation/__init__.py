"""The table that `langevin-ib validate` prints: systems, dynamics, their laws, and the laws that must be rejected.

- `row`: what a row and its verdict are; a verdict as text, as JSON and as files.
- `stationary`: what all rows about a stationary law have in common.
- `compared`: what all verdicts on a law have in common.
- `histograms`: the histogram of an observable against its law.
- `lifetimes`: times of absorption against theirs.
- `virials`: expectations that are known exactly.
- `equilibria`: where SGD comes to rest; `training`: such models.
- `pairs`: two processes of one law, where no formula is known; `unknown`: such models.
- `cases`: every row, by name.
- `overview`: all verdicts in one figure; `orbits`, beside this room, is the picture behind them.
"""

from __future__ import annotations

from ..orbits import orbits
from .cases import CASES
from .equilibria import Equilibria, Equilibrium
from .histograms import Case, Validation, figure, validate
from .lifetimes import Lifetimes
from .overview import overview
from .pairs import Pair, Pairing
from .row import ALPHA, REJECTION, Row, Verdict, markdown, summary, table, write
from .virials import Virials

__all__ = [
    "ALPHA",
    "CASES",
    "REJECTION",
    "Case",
    "Equilibria",
    "Equilibrium",
    "Lifetimes",
    "Pair",
    "Pairing",
    "Row",
    "Validation",
    "Verdict",
    "Virials",
    "figure",
    "markdown",
    "orbits",
    "overview",
    "summary",
    "table",
    "validate",
    "write",
]
