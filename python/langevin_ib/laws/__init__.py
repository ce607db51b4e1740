"""The law of a process: densities with their measures, rivals, virial identities, absorption, noise equilibria."""

from .absorption import absorption_time
from .density import density
from .line import Density
from .noise_equilibrium import NoiseEquilibrium, noise_equilibrium
from .rivals import rivals
from .virial import Identity, identities

__all__ = [
    "Density",
    "Identity",
    "NoiseEquilibrium",
    "absorption_time",
    "density",
    "identities",
    "noise_equilibrium",
    "rivals",
]
