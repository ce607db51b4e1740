"""The factors of a group that do not share parameters: what is computed for each of them stays small.

Translations are in none of them: where there is a canonical slice, they are orthogonal to all that moves by matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ..errors import UnsupportedModelError
from ..model import Metric, Model, is_translation, numeric, self_adjoint_parts

__all__ = ["Factor", "factors_of_group"]

IntArray = NDArray[np.int64]
Matrices = tuple[scipy.sparse.csr_array, ...]


@dataclass(frozen=True)
class Factor:
    """Generators that move parameters of their own, which a metric does not couple to others.

    Parameters
    ----------
    parameters : array of int
        The places of the parameters, those among them that do not move but are coupled by the metric.
    constraints : array of int
        Which canonical constraints are functions of them.
    generators, symmetric : tuple of sparse arrays
        The generators and the matrices of the constraints, restricted to these parameters.
    sources : tuple of (int, bool)
        From which of these generators each constraint comes, and whether that one is self-adjoint.
    metric : Metric or None
        The metric of these parameters.
    """

    parameters: IntArray
    constraints: IntArray
    generators: Matrices
    symmetric: Matrices
    sources: tuple[tuple[int, bool], ...]
    metric: Metric | None


@lru_cache(maxsize=32)
def factors_of_group(model: Model, metric: Metric | None = None) -> tuple[Factor, ...]:
    """Return the factors in the order of their first generators; each has a generator at least."""
    linear = tuple(matrix for matrix in model.generator_matrices() if not is_translation(matrix))
    if not linear:
        return ()
    generators = [numeric(matrix) for matrix in linear]
    try:
        forms = dict(enumerate(numeric(form.matrix) for form in model.forms(metric=metric)))
        forms = {number: matrix for number, matrix in forms.items() if matrix.nnz}
        sources = self_adjoint_parts(linear, metric)
    except UnsupportedModelError:
        # There is no canonical slice; orbits there are all the same.
        forms, sources = {}, ()
    symmetric, numbers = list(forms.values()), np.array(list(forms), dtype=np.int64)
    # All parameters that one generator moves belong together.
    touched = [np.unique(np.concatenate(matrix.nonzero())) for matrix in generators]
    rows = np.concatenate([places[:-1] for places in touched])
    columns = np.concatenate([places[1:] for places in touched])
    links = scipy.sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(model.dim, model.dim))
    if metric is not None:
        links = links + scipy.sparse.csr_array(metric.matrix != 0.0)
    _, label = connected_components(links, directed=False)
    of_generator, of_constraint = (
        np.array([label[m.nonzero()[0][0]] for m in each], dtype=np.int64) for each in (generators, symmetric)
    )
    factors = []
    for which in dict.fromkeys(of_generator.tolist()):
        places, chosen = np.flatnonzero(label == which), np.flatnonzero(of_constraint == which)
        own = np.flatnonzero(of_generator == which).tolist()
        factors.append(
            Factor(
                parameters=places,
                constraints=numbers[chosen],
                generators=tuple(_restricted(generators[a], places) for a in own),
                symmetric=tuple(_restricted(symmetric[a], places) for a in chosen),
                sources=tuple((own.index(sources[a][0]), sources[a][1]) for a in chosen),
                metric=None if metric is None else metric.restricted(places),
            )
        )
    return tuple(factors)


def _restricted(matrix: scipy.sparse.csr_array, places: IntArray) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(matrix[places][:, places])
