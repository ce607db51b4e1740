"""The law of a process: densities with their measures, rivals, virial identities, absorption, noise equilibria."""

from .absorption import absorption_time
from .density import density
from .families import log_copies as log_copies
from .families import product_weight as product_weight
from .imbalance import ImbalanceBudget, imbalance_budget
from .imbalance import ratio_of_sides as ratio_of_sides
from .line import Density
from .noise_equilibrium import NoiseEquilibrium, noise_equilibrium
from .rivals import rivals
from .virial import Identity, identities

__all__ = [
    "Density",
    "Identity",
    "ImbalanceBudget",
    "NoiseEquilibrium",
    "absorption_time",
    "density",
    "identities",
    "imbalance_budget",
    "noise_equilibrium",
    "rivals",
]
