"""A logistic neuron with a gain, P(y | x) = σ(y g w x), and its loss on data: how steep the neuron becomes."""

import sys
from typing import Any

import langevin_ib as lib
import numpy as np
import sympy

# Describe: the loss sees the slope g w alone, so (g, w) -> (s g, w / s) changes nothing.
rng = np.random.default_rng(0)
inputs = rng.normal(size=20)
data = {"X": inputs, "Y": np.where(rng.random(20) < 1 / (1 + np.exp(-2 * inputs)), 1, -1)}
X, Y, i = sympy.IndexedBase("X"), sympy.IndexedBase("Y"), sympy.Idx("i", 20)
g, w, slope = lib.parameters("g w slope")
loss = sympy.Sum(sympy.log(1 + sympy.exp(-Y[i] * slope * X[i])), (i, 0, 19))
model = lib.Model(
    parameters=(g, w),
    predictor={"slope": g * w},
    loss=loss.subs(slope, g * w),
    symmetry=lib.Scaling({g: +1, w: -1}),
    confinement=(g**2 + w**2) / 4,
    data=data,
)
# Derive: the law of the slope; and the naive one, exp(-loss / T) of a slope that is a parameter itself.
plain = lib.Model(parameters=(slope,), predictor={"slope": slope}, loss=loss, data=data)
setting: dict[str, Any] = {"dynamics": lib.Ambient(), "temperature": 1.0}
law, naive = (lib.density(each, "slope", **setting) for each in (model, plain))
# Sample by a scheme whose steps leave no bias, and compare.
walk: dict[str, Any] = {"scheme": "mala", "step_size": 0.1, "steps": 4000, "burn_in": 500, "walkers": 1024}
keep: dict[str, Any] = {"slope": lib.Histogram(bins=80, range=law.interval(0.999), every=5)}
run = lib.sample(model, **setting, **walk, rng=1, observe=keep)
found, rival = (lib.compare(run["slope"], each) for each in (law, naive))
# On the slice g² - w² = 1: a step, then along the orbit back to it. Nothing is added to the loss.
setting["dynamics"] = lib.GaugeFixed(level=0.5)
held = lib.sample(model, **setting, step_size=2e-3, steps=20_000, burn_in=2000, walkers=1024, rng=2, observe=keep)
on_slice, rival_on_slice = (lib.compare(held["slope"], p) for p in (lib.density(model, "slope", **setting), naive))
print(found, rival, on_slice, rival_on_slice, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["slope"], law, rivals={"naive: no orbit volume": naive}).figure.figure.savefig(sys.argv[1])
