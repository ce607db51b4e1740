"""Products of two factors under gradient descent: the smaller they start, the sparser the weights that fit all data."""

import sys

import langevin_ib as lib
import matplotlib.pyplot as plt
import numpy as np

# Describe: 100 weights w = u ∘ v, of which 4 are not 0, and 40 rows without noise: many weights fit them exactly.
rng = np.random.default_rng(0)
truth = np.zeros(100)
truth[[7, 30, 55, 80]] = [1.0, -1.5, 2.0, 0.8]
X = rng.normal(size=(40, 100))
model = lib.models.hadamard(100, data=(X, X @ truth))
# Train by gradient descent on all rows, from factors of three sizes, eight seeds each.
errors, weights = {}, {}
for size in (1.0, 0.1, 0.01):
    start = size * rng.normal(size=(8, model.dim))
    run = lib.sample(model, dynamics=lib.SGD(), step_size=0.05, steps=20_000, walkers=8, rng=0, initial=start)
    weights[size] = run.states[:, ::2] * run.states[:, 1::2]  # u0, v0, u1, v1, ...
    errors[size] = float(np.median(np.linalg.norm(weights[size] - truth, axis=1) / np.linalg.norm(truth)))
    print(f"factors of size {size:4}: relative error {errors[size]:.3f}, |w|₁ {np.abs(weights[size][0]).sum():.2f}")
print(f"the truth: |w|₁ {np.abs(truth).sum():.2f}")
if len(sys.argv) > 1:
    figure, axes = plt.subplots()
    for size, found in weights.items():
        axes.plot(found[0], "o", ms=4, alpha=0.7, label=f"factors of size {size}")
    axes.plot(truth, "k_", ms=12, label="truth")
    axes.set(xlabel="weight", ylabel="value")
    axes.legend()
    figure.savefig(sys.argv[1])
