"""A model under a dynamics: what drives the walkers, and where they may go."""

from .compiled_potential import CompiledPotential
from .dynamics import Ambient, Constrained, Dynamics, GaugeFixed, SoftSlice, compiled_of, levels_of

__all__ = [
    "Ambient",
    "CompiledPotential",
    "Constrained",
    "Dynamics",
    "GaugeFixed",
    "SoftSlice",
    "compiled_of",
    "levels_of",
]
