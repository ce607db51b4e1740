"""A model of each kind of symmetry."""

import numpy as np
from langevin_ib import models
from langevin_ib.model.expressions import compiled

MODELS = {
    "product": models.scalar_product(),
    "chain": models.scalar_product(4),
    "hadamard": models.hadamard(2, 3),
    "neuron": models.relu_neuron(3),
    "columns": models.matrix_factorization(3, 2, 2),
    "gl": models.matrix_factorization(3, 2, 2, group="gl"),
    "heads": models.attention(2, 2, 2, group="gl"),
    "cumulated": models.total_variation(3),
}


def numbers(expression, model, x):
    return compiled(expression, model.parameters)(*np.moveaxis(np.asarray(x), -1, 0))
