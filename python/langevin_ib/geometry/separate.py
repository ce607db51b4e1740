"""The factors of a group that do not share parameters: what is computed for each of them stays small."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ..algebra import numeric
from ..errors import UnsupportedModelError
from ..model import Model

__all__ = ["Factor", "factors_of_group"]

IntArray = NDArray[np.int64]
Matrices = tuple[scipy.sparse.csr_array, ...]


@dataclass(frozen=True)
class Factor:
    """Generators that move parameters of their own.

    Parameters
    ----------
    parameters : array of int
        The places of the parameters.
    constraints : array of int
        Which canonical constraints are functions of them.
    generators, symmetric : tuple of sparse arrays
        The generators and the matrices of the constraints, restricted to these parameters.
    """

    parameters: IntArray
    constraints: IntArray
    generators: Matrices
    symmetric: Matrices


@lru_cache(maxsize=32)
def factors_of_group(model: Model) -> tuple[Factor, ...]:
    """Return the factors in the order of their first generators; each has a generator at least."""
    generators = [numeric(matrix) for matrix in model.generator_matrices()]
    try:
        symmetric = [numeric(matrix) for matrix in model.noncompact_matrices()]
    except UnsupportedModelError:
        # There is no canonical slice; orbits there are all the same.
        symmetric = []
    # All parameters that one generator moves belong together.
    touched = [np.unique(np.concatenate(matrix.nonzero())) for matrix in generators]
    rows = np.concatenate([places[:-1] for places in touched])
    columns = np.concatenate([places[1:] for places in touched])
    links = scipy.sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(model.dim, model.dim))
    _, label = connected_components(links, directed=False)
    of_generator, of_constraint = (
        np.array([label[m.nonzero()[0][0]] for m in each], dtype=np.int64) for each in (generators, symmetric)
    )
    factors = []
    for which in dict.fromkeys(of_generator.tolist()):
        places, chosen = np.flatnonzero(label == which), np.flatnonzero(of_constraint == which)
        inside = tuple(_restricted(generators[a], places) for a in np.flatnonzero(of_generator == which))
        factors.append(Factor(places, chosen, inside, tuple(_restricted(symmetric[a], places) for a in chosen)))
    return tuple(factors)


def _restricted(matrix: scipy.sparse.csr_array, places: IntArray) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(matrix[places][:, places])
