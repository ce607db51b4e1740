"""Guess entries of a table that are missing: two factors under weight decay, on real measurements."""

import langevin_ib as lib
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
