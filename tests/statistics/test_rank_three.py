"""Singular values at rank three: a law by sampling, walkers of the loop, and an integral over their density."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest

T = 0.3
MODEL = lib.models.matrix_factorization(4, 4, 3, group="gl", loss=lambda t: sum(x**2 for x in t) / 2)


def last_of_three(x: np.ndarray, *, squares: bool = False) -> np.ndarray:
    """Return P(sigma3 <= x) by a sum over prod (s_i - s_j) exp(-sum s_i²/2T); or, with squares, the Haar quotient's.

    The first is Wishart's density on UᵀU = VᵀV, to the power (m + n)/2 - r - 1 = 0 of the product.
    """
    s = (np.arange(160) + 0.5) * 3.6 / 160
    a, b, c = np.meshgrid(s, s, s, indexing="ij")
    power = 2 if squares else 1
    repulsion = np.abs((a**power - b**power) * (a**power - c**power) * (b**power - c**power))
    weight = repulsion * np.exp(-(a**2 + b**2 + c**2) / 2 / T)
    last = np.minimum(np.minimum(a, b), c)
    mass = np.bincount(np.rint(last.ravel() / s[0] / 2 - 0.5).astype(int), weight.ravel(), minlength=160)
    return np.interp(x, np.append(0.0, s + s[0]), np.append(0.0, np.cumsum(mass) / mass.sum()))


@pytest.mark.long
def test_the_last_one_has_wisharts_law_by_chains_and_by_walkers() -> None:
    """A right law is farther than its error once in 10**3; the walkers' test rejects one in 10**3 right ones."""
    law = lib.density(MODEL, "sigma3", dynamics=lib.GaugeFixed(), temperature=T, method="sampling", timeout=None)
    x = np.linspace(0.0, 1.5, 301)
    assert np.abs(law.cdf(x) - last_of_three(x)).max() < law.error < 0.02
    assert np.abs(law.cdf(x) - last_of_three(x, squares=True)).max() > 3 * law.error
    coarse, fine = (
        lib.sample(
            MODEL,
            dynamics=lib.GaugeFixed(),
            temperature=T,
            walkers=2048,
            step_size=step,
            steps=int(6.0 / step),
            burn_in=int(4.0 / step),
            rng=2,
            substeps=substeps,
            progress=False,
            observe={"sigma3": lib.Histogram(bins=60, range=(0.0, 1.5), every=10 // substeps)},
        )
        for step, substeps in ((0.01, 2), (0.005, 1))
    )
    assert lib.compare(coarse["sigma3"], law, finer=fine["sigma3"]).consistent()
