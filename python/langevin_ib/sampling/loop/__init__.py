"""One segment of a run: settings, what the core runs for a process, and how large a step may be."""

from .bound import bound_of, brought, mortal_pieces, require_scheme, warn_of_slow_convergence
from .drive import driver_of, require_finite_start, seen
from .engine import Kept, Progressed, advance
from .settings import GROUPS, MAX_STEPS, MAX_WALKERS, REACH, Machine, Settings
from .stability import with_automatic_step, with_stable_step

__all__ = [
    "GROUPS",
    "MAX_STEPS",
    "MAX_WALKERS",
    "REACH",
    "Kept",
    "Machine",
    "Progressed",
    "Settings",
    "advance",
    "bound_of",
    "brought",
    "driver_of",
    "mortal_pieces",
    "require_finite_start",
    "require_scheme",
    "seen",
    "warn_of_slow_convergence",
    "with_automatic_step",
    "with_stable_step",
]
