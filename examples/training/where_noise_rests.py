"""A linear neuron v w·x with noise on its labels: SGD comes to rest where its noise does, and not at |w| = |v|."""

import sys

import langevin_ib as lib
import matplotlib.pyplot as plt
import numpy as np
import sympy

# Describe: a mean over 64 rows, which the neuron fits exactly; (v, w) -> (s v, w / s) changes nothing.
inputs = np.random.default_rng(0).normal(size=(64, 2)) * [1.7, 0.6]
v, w0, w1 = lib.parameters("v w0 w1")
X, y, i = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Idx("i", 64)
neuron = lib.Model(
    parameters=(v, w0, w1),
    predictor={"z0": v * w0, "z1": v * w1},
    loss=sympy.Sum((v * (w0 * X[i, 0] + w1 * X[i, 1]) - y[i]) ** 2, (i, 0, 63)) / 128,
    symmetry=lib.Scaling({v: +1, w0: -1, w1: -1}),
    observables={"ratio": sympy.sqrt(w0**2 + w1**2) / v},
    data={"X": inputs, "y": inputs @ [1.0, -0.5]},
)
# Derive: where the noise of batches of one row leaves it alone, and where the norm is least.
sgd, fit = lib.SGD(1, label_noise={"y": 1.0}), np.array([1.0, 1.0, -0.5])
at_rest, at_balance = lib.noise_equilibrium(neuron, fit, dynamics=sgd).x, lib.balance(neuron, fit)
rest, balanced = (float(np.linalg.norm(x[1:]) / x[0]) for x in (at_rest, at_balance))
# Train from both sides, 64 seeds each.
starts = np.repeat([fit * [s, 1 / s, 1 / s] for s in (1.3, 0.7)], 64, axis=0)
keep = {"ratio": lib.Trace(every=600)}
run = lib.sample(neuron, dynamics=sgd, step_size=0.01, steps=60_000, walkers=128, initial=starts, rng=0, observe=keep)
ratios = run["ratio"].values.reshape(2, 64, -1)
ends = [float(np.median(each[:, -10:])) for each in ratios]
print(f"|w| / |v| at rest {rest:.3f}, balanced {balanced:.3f}; after training {ends[0]:.3f} and {ends[1]:.3f}")
if len(sys.argv) > 1:
    axes = plt.figure().add_subplot(xlabel="steps", ylabel="|w| / |v|")
    for each in ratios:
        axes.fill_between(run["ratio"].steps, *np.quantile(each, [0.1, 0.9], axis=0), color="C0", alpha=0.4)
    axes.axhline(rest, color="C1", label="noise equilibrium")
    axes.axhline(balanced, color="C3", ls="--", label="balance")
    axes.legend(title="80 % of 64 seeds each")
    plt.savefig(sys.argv[1])
