"""A normalised weight, θ = g w/|w|: the length of w has no effect, and the gain draws both components towards 0."""

import sys
from typing import Any

import langevin_ib as lib
import sympy

# Describe: the loss sees the two components of g w/|w| alone, so w -> s w changes nothing.
g, x, y = lib.parameters("g x y")
theta = g * sympy.Matrix([x, y]) / sympy.sqrt(x**2 + y**2)
model = lib.Model(
    parameters=(g, x, y),
    predictor={"theta0": theta[0], "theta1": theta[1]},
    loss=((theta[0] - 1) ** 2 + theta[1] ** 2) / 2,
    symmetry=lib.Scaling({x: 1, y: 1}),
    confinement=(x**2 + y**2) / 2,
)
# Derive: the law of a component; and the naive one, exp(-loss / T) of components that are parameters themselves.
p, q = lib.parameters("p q")
plain = lib.Model(parameters=(p, q), predictor={"theta0": p, "theta1": q}, loss=((p - 1) ** 2 + q**2) / 2)
setting: dict[str, Any] = {"dynamics": lib.Ambient(), "temperature": 0.25}
law, naive = (lib.density(each, "theta0", **setting) for each in (model, plain))
# Sample by a scheme whose steps leave no bias, and compare.
walk: dict[str, Any] = {"scheme": "mala", "step_size": 0.01, "steps": 16000, "burn_in": 500, "walkers": 1024}
keep: dict[str, Any] = {"theta0": lib.Histogram(bins=80, range=law.interval(0.999), every=5)}
run = lib.sample(model, **setting, **walk, rng=1, observe=keep)
found, rival = (lib.compare(run["theta0"], each) for each in (law, naive))
# With a spring of energy |w|⁴ / 4 beside the confinement: it pulls towards the slice |w|² = 0.
setting["dynamics"] = lib.SoftSlice(stiffness=2.0)
held = lib.sample(model, **setting, **walk, rng=2, observe=keep)
slice_law = lib.density(model, "theta0", **setting)
on_slice, rival_on_slice = (lib.compare(held["theta0"], each) for each in (slice_law, naive))
print(found, rival, on_slice, rival_on_slice, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["theta0"], law, rivals={"naive: no orbit volume": naive}).figure.figure.savefig(sys.argv[1])
