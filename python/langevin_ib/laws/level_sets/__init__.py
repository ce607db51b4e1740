"""Any function of few parameters, by quadrature over the sets on which it is constant."""

from .gibbs import Gibbs
from .pushforward import pushed_forward

__all__ = [
    "Gibbs",
    "pushed_forward",
]
