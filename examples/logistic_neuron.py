"""A logistic neuron with a gain, P(y = ±1 | x) = σ(y g (w x + b)), on data that are summed over in the loss."""

import sys

import langevin_ib as lib
import numpy as np
import sympy

# Describe: the loss sees the slope g w and the offset g b alone, so (g, w, b) -> (s g, w / s, b / s) changes nothing.
rng = np.random.default_rng(0)
inputs = rng.normal(size=20)
data = {"X": inputs, "Y": np.where(rng.random(20) < 1 / (1 + np.exp(-2 * inputs)), 1, -1)}
X, Y, i = sympy.IndexedBase("X"), sympy.IndexedBase("Y"), sympy.Idx("i", 20)


def loss(slope, offset):
    """Return the sum of the cross entropies of all rows."""
    return sympy.Sum(sympy.log(1 + sympy.exp(-Y[i] * (slope * X[i] + offset))), (i, 0, 19))


g, w, b = lib.parameters("g w b")
model = lib.Model(
    parameters=(g, w, b),
    predictor={"slope": g * w, "offset": g * b},
    loss=loss(g * w, g * b),
    symmetry=lib.Scaling({g: +1, w: -1, b: -1}),
    confinement=(g**2 + w**2 + b**2) / 4,
    data=data,
)
# Derive
plain = lib.parameters("slope offset")
bare = lib.Model(parameters=plain, predictor={str(p): p for p in plain}, loss=loss(*plain), data=data)
setting = {"dynamics": lib.Ambient(), "temperature": 1.0}
law, naive = (lib.density(each, "slope", **setting) for each in (model, bare))
grid = lib.Histogram(bins=80, range=law.interval(0.999), every=5)
run = lib.sample(
    model, **setting, step_size=0.1, steps=4000, burn_in=500, walkers=2048, scheme="mala", rng=1, observe={"slope": grid}
)
print(lib.compare(run["slope"], law), lib.compare(run["slope"], naive), sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["slope"], law, rivals={"naive: no orbit volume": naive}).figure.savefig(sys.argv[1])
