"""A model under a dynamics at a temperature: what drives the walkers, and where they may go; one dynamics a file."""

from .ambient import Ambient, compiled_of
from .compiled_potential import CompiledPotential
from .constrained import Constrained
from .dynamics import Dynamics, decay
from .fresh_rows import FreshRows
from .gauge_fixed import GaugeFixed
from .given import GivenBatches
from .on_slice import OnSlice
from .process import Process
from .risk import Risk
from .sgd import SGD
from .slices import Slice
from .soft_slice import SoftSlice

__all__ = [
    "SGD",
    "Ambient",
    "CompiledPotential",
    "Constrained",
    "Dynamics",
    "FreshRows",
    "GaugeFixed",
    "GivenBatches",
    "OnSlice",
    "Process",
    "Risk",
    "Slice",
    "SoftSlice",
    "compiled_of",
    "decay",
]
