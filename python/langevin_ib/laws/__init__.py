"""The law of a process: densities with their measures, rivals, virial identities, absorption."""

from .absorption import absorption_time
from .density import density
from .line import Density
from .rivals import rivals
from .virial import Identity, identities

__all__ = [
    "Density",
    "Identity",
    "absorption_time",
    "density",
    "identities",
    "rivals",
]
