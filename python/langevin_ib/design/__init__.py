"""Inverse design: name the bias that you want, get the parameterisation, and know which mechanism gives it.

Recipes: `sparsity`, `group_sparsity`, `low_rank`, `nonnegative`, `simplex`, `concave`. Mechanisms: `WeightDecay` and
`GradientFlow` without a temperature, and the dynamics of the package. Operators from weights to features:
`differences`, `total_variation`, `cosine`, `fourier`, `haar`, `laplacian`, `graph_gradient`. Shapes for `concave`:
`mcp`, `scad`, `log_sum`, `cauchy`, `huber`, `power`. `reach` tells which of them give a penalty, and which cannot.
`Recipe.fit` fits weights to data, and so does `DesignedRegressor`, in scikit-learn's manner and with its help.
"""

from typing import Any

from .coefficient import Coefficient
from .fit import Fit, Path
from .mechanisms import GradientFlow, WeightDecay
from .operator import Operator
from .operators import cosine, differences, fourier, graph_gradient, haar, identity, laplacian, total_variation
from .potential import NoPotential, WeightPotential
from .reach import Reach, Reached, reach
from .recipe import Recipe
from .recipes import concave, group_sparsity, low_rank, nonnegative, simplex, sparsity
from .shapes import cauchy, huber, log_sum, mcp, power, scad
from .verified import Verified

__all__ = [
    "Coefficient",
    "DesignedRegressor",
    "Fit",
    "GradientFlow",
    "NoPotential",
    "Operator",
    "Path",
    "Reach",
    "Reached",
    "Recipe",
    "Verified",
    "WeightDecay",
    "WeightPotential",
    "cauchy",
    "concave",
    "cosine",
    "differences",
    "fourier",
    "graph_gradient",
    "group_sparsity",
    "haar",
    "huber",
    "identity",
    "laplacian",
    "log_sum",
    "low_rank",
    "mcp",
    "nonnegative",
    "power",
    "reach",
    "scad",
    "simplex",
    "sparsity",
    "total_variation",
]


def __getattr__(name: str) -> Any:
    # The one name that needs an extra: it is imported when it is asked for.
    if name == "DesignedRegressor":
        from .regressor import DesignedRegressor  # noqa: PLC0415 - scikit-learn may not be there, and is slow to import

        return DesignedRegressor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
