"""Two groups on one loss: whether noise respects mixtures of columns or scalings alone decides singular values."""

import sys
from typing import Any

import langevin_ib as lib

# Describe: T = U Vᵀ of rank 2. The loss knows |T| alone, and is invariant under (U A, V A⁻ᵀ) for all A; declared are
# all of them, GL(2), or the diagonal ones, a scaling for each pair of columns.
mixed, scaled = (
    lib.models.matrix_factorization(4, 3, 2, group=group, loss=lambda matrix: matrix.norm() ** 2 / 2)
    for group in ("gl", "diagonal")
)
# Derive: the laws of atan2(σ₂, σ₁) for walkers that are taken back to UᵀU = VᵀV, or to columns of equal norms.
setting: dict[str, Any] = {"dynamics": lib.GaugeFixed(level=0.0), "temperature": 0.3}
law, other = (lib.density(each, "angle", **setting) for each in (mixed, scaled))
# Sample at h and h / 2 along the same Brownian paths, and compare, extrapolated to h = 0.
walk: dict[str, Any] = {
    "walkers": 2048,
    "rng": 1,
    "observe": {"angle": lib.Histogram(bins=40, range=(0.0, 0.8), every=10)},
}
coarse, fine = (
    lib.sample(mixed, **setting, **walk, step_size=h, substeps=m, steps=round(40 / h), burn_in=round(16 / h))
    for h, m in [(0.01, 2), (0.005, 1)]
)
found, rival = (lib.compare(coarse["angle"], each, finer=fine["angle"]) for each in (law, other))
print(found, rival, sep="\n\n")
if len(sys.argv) > 1:
    axes = lib.plot.density(fine["angle"], law, rivals={"law of the diagonal group": other})
    axes.figure.figure.savefig(sys.argv[1])
