"""One segment of a run: settings, what the core runs for a process, and how large a step may be."""

from .acceptance import Acceptance, stuck_walkers
from .driver import Driver
from .engine import Progressed, advance
from .mala_step import with_accepted_step
from .settings import MAX_STEPS, MAX_WALKERS, Machine, Settings
from .start import starting_states
from .step_size import with_automatic_step, with_stable_step

__all__ = [
    "MAX_STEPS",
    "MAX_WALKERS",
    "Acceptance",
    "Driver",
    "Machine",
    "Progressed",
    "Settings",
    "advance",
    "starting_states",
    "stuck_walkers",
    "with_accepted_step",
    "with_automatic_step",
    "with_stable_step",
]
