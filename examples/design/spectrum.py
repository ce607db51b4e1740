"""Fill the gaps of a signal with few frequencies: each is a group, cosine and sine, so that no phase is preferred."""

import sys

import langevin_ib as lib
import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(2)
n = 128
time = np.arange(n)
signal = 2.0 * np.cos(2 * np.pi * 5 * time / n + 0.4) + np.sin(2 * np.pi * 19 * time / n + 1.0)
seen = rng.permutation(n)[:40]
noisy = signal[seen] + 0.05 * rng.standard_normal(40)

matrix, frequencies = lib.design.fourier(n)
recipe = lib.design.group_sparsity(frequencies, operator=matrix)
fit = recipe.fit(np.eye(n)[seen], noisy, strength=0.02)

error = float(np.linalg.norm(fit.weights - signal) / np.linalg.norm(signal))
found = sorted(k for k, rows in enumerate(frequencies) if np.linalg.norm(fit.features[rows]) > 1.0)
print(f"{fit}\nfrequencies {found}, relative error {error:.3f} from {len(seen)} of {n} values")
if len(sys.argv) > 1:
    figure, axes = plt.subplots()
    axes.plot(signal, color="0.7", lw=4, label="signal")
    axes.plot(seen, noisy, "o", label="seen")
    axes.plot(fit.weights, label="few frequencies")
    axes.set(xlabel="time")
    axes.legend()
    figure.savefig(sys.argv[1])
