"""Distribution functions by brute force: Gauss-Legendre panels in log|x|, and inner integrals by the trapezoidal rule.

It shares nothing with the package: no adaptivity, no tables, no logarithms of weights. Panels are so short, and reach
so far, that the laws that tests ask about are right to 14 digits; inner variables are chosen so that integrands die
out at both ends, where the trapezoidal rule converges geometrically.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_NODES, _SHARES = np.polynomial.legendre.leggauss(20)


def cumulative(
    weight: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    *,
    deepest: float = -44.0,
    highest: float = 5.5,
    width: float = 0.5,
) -> np.ndarray:
    """Return the probability of values <= x, for a weight w.r.t. dx on the line, singular at most at 0."""
    masses, edges = {}, {}
    for sign in (-1.0, 1.0):
        own = np.log(np.abs(x[np.sign(x) == sign]))
        edges[sign] = np.unique(np.concatenate([np.arange(deepest, highest, width), [highest], own]))
        centre, half = (edges[sign][1:] + edges[sign][:-1]) / 2, np.diff(edges[sign]) / 2
        y = centre[:, None] + half[:, None] * _NODES
        values = weight(sign * np.exp(y).ravel()).reshape(y.shape) * np.exp(y)
        masses[sign] = (values @ _SHARES) * half
    total = masses[-1.0].sum() + masses[1.0].sum()
    with np.errstate(divide="ignore"):
        at = np.log(np.abs(x))
    below = [
        masses[-1.0][edges[-1.0][:-1] >= y - 1e-13].sum()
        if value < 0.0
        else masses[-1.0].sum() + masses[1.0][edges[1.0][1:] <= y + 1e-13].sum()
        for value, y in zip(x, at, strict=True)
    ]
    return np.array(below) / total


def over(function: Callable[[np.ndarray, np.ndarray], np.ndarray], t: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function x -> integral of function(x, t) dt over an even grid of t."""
    step = t[1] - t[0]

    def integral(x: np.ndarray) -> np.ndarray:
        parts = [function(part[:, None], t[None]).sum(axis=1) * step for part in np.array_split(x, 1 + x.size // 1000)]
        return np.concatenate(parts)

    return integral
