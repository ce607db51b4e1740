"""Ready-made models: the paper's, and an exactly solvable one to measure everything else against.

Products: `scalar_product`, `hadamard`, `diagonal_network`, `total_variation`. Neurons: `relu_neuron`, `relu_network`.
Matrices: `column_pair`, `matrix_factorization`, `attention`. Without symmetry: `harmonic`.
"""

from .heads import attention
from .matrices import column_pair, matrix_factorization
from .neurons import relu_network, relu_neuron
from .products import diagonal_network, hadamard, harmonic, scalar_product, total_variation

__all__ = [
    "attention",
    "column_pair",
    "diagonal_network",
    "hadamard",
    "harmonic",
    "matrix_factorization",
    "relu_network",
    "relu_neuron",
    "scalar_product",
    "total_variation",
]
