"""Any function of few parameters, by quadrature over the sets on which it is constant."""

from .pushforward import pushed_forward

__all__ = [
    "pushed_forward",
]
