"""Basis pursuit against the conditions of a minimum, and against linear programming."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from langevin_ib.studies.experiments.pursuit import basis_pursuit


def problem(seed: int, rows: int = 25, columns: int = 60, *, cumulated: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    if cumulated:
        x = x @ np.tril(np.ones((columns, columns)))
    truth = np.zeros(columns)
    truth[:40:10] = 2.0, -1.0, 1.5, 0.7
    return x, x @ truth + 0.1 * rng.normal(size=rows)


class TestBasisPursuit:
    @pytest.mark.parametrize("cumulated", [False, True])
    @pytest.mark.parametrize("free", [(), (0,), (0, 3)])
    @pytest.mark.parametrize("seed", range(5))
    def test_it_is_the_lasso_of_that_misfit(self, seed, free, cumulated) -> None:
        x, y = problem(seed, cumulated=cumulated)
        w = basis_pursuit(x, y, 0.01, free=free)
        residual = y - x @ w
        assert np.mean(residual**2) == pytest.approx(0.01, rel=1e-9)
        pull = x.T @ residual
        held = np.isin(np.arange(60), free)
        level = np.abs(pull[~held]).max()
        np.testing.assert_allclose(pull[held], 0.0, atol=1e-9 * level)
        moved = (w != 0.0) & ~held
        assert 0 < moved.sum() < 25
        # The conditions of Karush, Kuhn and Tucker.
        np.testing.assert_allclose(pull[moved], level * np.sign(w[moved]), rtol=1e-8)

    @pytest.mark.parametrize("seed", range(5))
    def test_without_noise_it_is_a_linear_program(self, seed) -> None:
        x, y = problem(seed)
        found = scipy.optimize.linprog(np.ones(120), A_eq=np.hstack([x, -x]), b_eq=y)
        w = basis_pursuit(x, y, 0.0)
        np.testing.assert_allclose(x @ w, y, atol=1e-9)
        assert np.abs(w).sum() == pytest.approx(found.fun, rel=1e-8)
        # Least squares of the least 2-norm is something else.
        assert np.abs(np.linalg.pinv(x) @ y).sum() > 1.05 * found.fun

    def test_what_needs_no_weights_has_none(self) -> None:
        x, y = problem(0)
        np.testing.assert_array_equal(basis_pursuit(x, y, 2.0 * np.mean(y**2)), np.zeros(60))

    def test_columns_may_be_there_twice_or_be_sums_of_others(self) -> None:
        x, y = problem(1)
        alone = basis_pursuit(x, y, 0.01)
        many = np.hstack([x, -x[:, :40], (x[:, :10] + x[:, 10:20]) / 2])
        w = basis_pursuit(many, y, 0.01)
        assert np.mean((y - many @ w) ** 2) == pytest.approx(0.01, rel=1e-9)
        assert np.abs(w).sum() == pytest.approx(np.abs(alone).sum(), rel=1e-8)

    def test_frequencies_that_the_rows_cannot_tell_apart_are_no_failure(self) -> None:
        times = np.linspace(0.0, 1.0, 64)[::2]
        x = np.cos(2.0 * np.pi * np.outer(times, np.arange(64)))
        y = x[:, 3] + np.random.default_rng(2).normal(size=32)
        w = basis_pursuit(x, y, 0.01)
        assert np.mean((y - x @ w) ** 2) == pytest.approx(0.01, rel=1e-6)
