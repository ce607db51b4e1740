"""Regression on groups of columns: a group's vector times a number, so that a whole group vanishes or stays."""

import sys

import langevin_ib as lib
import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(3)
n, groups = 80, [list(range(4 * g, 4 * g + 4)) for g in range(40)]
X = rng.standard_normal((n, 160))
truth = np.zeros(160)
for g in (3, 17, 30):
    truth[groups[g]] = rng.standard_normal(4)
y = X @ truth + 0.1 * rng.standard_normal(n)

by_groups = lib.design.group_sparsity(groups).fit(X, y)
one_by_one = lib.design.sparsity().fit(X, y)

found = [g for g, columns in enumerate(groups) if np.linalg.norm(by_groups.weights[columns]) > 0.1]
error, alone = (float(np.linalg.norm(fit.weights - truth) / np.linalg.norm(truth)) for fit in (by_groups, one_by_one))
print(f"{by_groups}\ngroups {found}, relative error {error:.3f}; without groups {alone:.3f}")
if len(sys.argv) > 1:
    figure, axes = plt.subplots()
    for label, weights in {"truth": truth, "groups": by_groups.weights, "no groups": one_by_one.weights}.items():
        axes.plot([np.linalg.norm(weights[columns]) for columns in groups], "o-", label=label, alpha=0.6)
    axes.set(xlabel="group", ylabel="norm of its weights")
    axes.legend()
    figure.savefig(sys.argv[1])
