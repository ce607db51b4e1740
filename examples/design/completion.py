"""Guess entries of a table that are missing: two factors under weight decay, on real measurements."""

import sys

import langevin_ib as lib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

rng = np.random.default_rng(4)
table = load_wine().data[::3]  # 60 wines, 13 measurements
table = (table - table.mean(axis=0)) / table.std(axis=0)
places = rng.permutation(table.size)
seen, missing = places[: table.size * 7 // 10], places[table.size * 7 // 10 :]

recipe = lib.design.low_rank(table.shape, rank=13)
fit = recipe.fit(np.eye(table.size)[seen], table.ravel()[seen], strength=0.2)

error = float(np.sqrt(np.mean((fit.weights - table.ravel())[missing] ** 2)))
of_means = float(np.sqrt(np.mean(table.ravel()[missing] ** 2)))
print(f"{fit}\nroot mean squared error {error:.3f} of {missing.size} missing entries, {of_means:.3f} of column means")
if len(sys.argv) > 1:
    figure, axes = plt.subplots()
    axes.axline((0, 0), slope=1, color="0.7")
    axes.plot(table.ravel()[missing], fit.weights[missing], ".", label="entries that were missing")
    axes.set(xlabel="measured", ylabel="guessed", title="Entries in standard deviations of their column")
    axes.legend()
    figure.savefig(sys.argv[1])
