"""Deblur a signal that is constant in pieces: weight decay on a product whose features are its differences."""

import sys

import langevin_ib as lib
import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(1)
n = 120
signal = 5.0 + np.repeat([0.0, 2.0, -1.0, 1.0], [30, 20, 40, 30])
blur = np.exp(-((np.arange(n)[:, None] - np.arange(n)) ** 2) / (2 * 3.0**2))
blur /= blur.sum(axis=1, keepdims=True)
seen = blur @ signal + 0.05 * rng.standard_normal(n)

# The kernel of the differences, the height of the signal, is free.
recipe = lib.design.sparsity(lib.design.differences(n))
fit = recipe.fit(blur, seen, strength=0.003)
ridge = np.linalg.solve(blur.T @ blur + 0.01 * np.eye(n), blur.T @ seen)

error, of_ridge = (float(np.mean((w - signal) ** 2)) for w in (fit.weights, ridge))
print(f"{fit}\nmean squared error {error:.4f}, of a ridge regression {of_ridge:.4f}")
if len(sys.argv) > 1:
    figure, axes = plt.subplots()
    axes.plot(signal, color="0.7", lw=4, label="signal")
    axes.plot(seen, ".", color="0.5", label="seen")
    axes.plot(ridge, label="ridge regression")
    axes.plot(fit.weights, label="features are differences")
    axes.legend()
    figure.savefig(sys.argv[1])
