"""Time the lasso as weight decay of products against celer's coordinate descent, and print the ratios.

    pip install -e '.[evidence]'; python benches/lasso.py [--draws N] [--rounds N]

200 rows, 500 columns, 20 of them with weights; independent columns, and columns with a common part. celer is warm: it
is called until it is quickest. Both end at a duality gap of 1e-6 or less, and have to agree. A ratio is that of the
least times of as many calls of both, turn by turn; the largest of all draws is printed. For one core set
OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import time

import langevin_ib as lib
import numpy as np
from celer import Lasso

STRENGTHS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
ROWS, COLUMNS, SUPPORT, NOISE = 200, 500, 20, 0.5


def ratio(seed: int, strength: float, common: float, rounds: int) -> tuple[float, float, float]:
    """Return the least times of celer and of ours in seconds, and how far the weights differ."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((ROWS, COLUMNS)) + common * rng.standard_normal((ROWS, 1))
    w = np.zeros(COLUMNS)
    w[rng.permutation(COLUMNS)[:SUPPORT]] = 2.0 * rng.standard_normal(SUPPORT)
    y = X @ w + NOISE * rng.standard_normal(ROWS)
    recipe, lam = lib.design.sparsity(), strength * float(np.abs(X.T @ y).max()) / ROWS
    peer, times = Lasso(alpha=lam, fit_intercept=False, tol=5e-7), ([], [])
    for _ in range(rounds):
        for kept, run in zip(times, (lambda: peer.fit(X, y), lambda: recipe.fit(X, y, strength=strength)), strict=True):
            before = time.perf_counter()
            found = run()
            kept.append(time.perf_counter() - before)
    assert found.gap <= 1e-6
    return min(times[0]), min(times[1]), float(np.abs(found.weights - peer.coef_).max())


def main() -> None:
    """Print a row for each strength."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=6)
    asked = parser.parse_args()
    print("columns      strength  celer ms  ours ms  ratio (largest)  largest difference of weights")
    for name, common in (("independent", 0.0), ("alike", 0.7)):
        for strength in STRENGTHS:
            rows = np.array([ratio(seed, strength, common, asked.rounds) for seed in range(asked.draws)])
            celer, ours, apart = rows.T
            ratios = ours / celer
            print(
                f"{name:<12} {strength:<8g}  {1e3 * np.median(celer):<8.2f}  {1e3 * np.median(ours):<7.1f}  "
                f"{np.median(ratios):<5.1f} ({ratios.max():.1f})     {apart.max():.1e}"
            )


if __name__ == "__main__":
    main()
