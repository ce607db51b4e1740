"""Figure 1: the law of u v on slices, by a quadrature that is written out here."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest


@pytest.fixture(scope="module")
def made():
    return lib.reproduce("fig1", seeds=4, steps=1500, progress=False)


@pytest.mark.parametrize(("arm", "level"), [("near", 0.25), ("far", 1.0)])
def test_walkers_are_on_the_slice_and_follow_its_law(made, arm, level) -> None:
    places = made.arrays[f"{arm}.places"].reshape(-1, 2)
    np.testing.assert_allclose((places[:, 0] ** 2 - places[:, 1] ** 2) / 2, level, rtol=0, atol=1e-12)
    theta = np.linspace(-4.0, 6.0, 20_001)
    weight = np.exp(-((theta - 1.0) ** 2) / 0.6)
    law = weight / np.sqrt(level**2 + theta**2)
    mean, square = (np.sum(power * law) / np.sum(law) for power in (theta, theta**2))
    # Means of 1000 independent walkers: one of 8 is farther off than 4 errors in 1 of 2000 such tests.
    assert np.abs(made.arrays[f"{arm}.theta"] - mean).max() < 4.0 * np.sqrt((square - mean**2) / 1000)
    # The mean without the geometric term, 1, is.
    assert np.abs(made.arrays[f"{arm}.theta"] - 1.0).min() > 4.0 * np.sqrt(0.3 / 1000)


def test_the_sentence_counts_what_was_rejected(made) -> None:
    assert made.arrays["near.p"].min() > 1e-4
    assert made.arrays["far.rival"].max() < 1e-3
    assert "rejected in 8" in made.sentence
    assert "rejected in 0 of 8 runs" in made.sentence
