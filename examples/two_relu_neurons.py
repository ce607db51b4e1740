"""Two ReLU neurons, a relu(u x) + b relu(-x), fitted to relu in two points: how sharp their bend at 0 is."""

import sys
from typing import Any

import langevin_ib as lib
import sympy

# Describe: relu(s u) = s relu(u) for s > 0, so (u, a) -> (s u, a / s) changes nothing.
u, a, b, t = lib.parameters("u a b t")
left, right = (a * sympy.Max(u * x, 0) + b * sympy.Max(-x, 0) for x in (-1, 1))
model = lib.Model(
    parameters=(u, a, b),
    predictor={"left": left, "right": right},
    loss=(left**2 + (right - 1) ** 2) / 2,
    symmetry=lib.Scaling({u: +1, a: -1}),
    confinement=(u**2 + a**2 + b**2) / 4,
    observables={"bend": left + right},
)
# Derive: the law of the bend; and the naive one, exp(-loss / T) of outputs that are parameters themselves.
y, z = lib.parameters("y z")
plain = lib.Model(parameters=(y, z), predictor={"bend": y + z}, loss=(y**2 + (z - 1) ** 2) / 2)
setting: dict[str, Any] = {"dynamics": lib.Ambient(), "temperature": 0.25}
law, naive = (lib.density(each, "bend", **setting) for each in (model, plain))
# Sample by a scheme whose steps leave no bias, and compare.
walk: dict[str, Any] = {"scheme": "mala", "step_size": 0.1, "steps": 4000, "burn_in": 500, "walkers": 1024}
keep: dict[str, Any] = {"bend": lib.Histogram(bins=80, range=law.interval(0.999), every=5)}
run = lib.sample(model, **setting, **walk, rng=1, observe=keep)
found, rival = (lib.compare(run["bend"], each) for each in (law, naive))
# On the slice u² - a² = 1, u = cosh t, a = sinh t: a step, then along the orbit back to it. The law's measure is dt db.
chart = {u: sympy.cosh(t), a: sympy.sinh(t)}
flat = lib.Model(parameters=(t, b), predictor={"bend": (left + right).subs(chart)}, loss=model.potential().subs(chart))
walk = {"step_size": 1e-3, "steps": 40_000, "burn_in": 4000, "walkers": 1024, "initial": [1.0, 0.0, 0.0]}
slice_law = lib.density(flat, "bend", **setting)
setting["dynamics"] = lib.GaugeFixed(level=0.5)
held = lib.sample(model, **setting, **walk, rng=2, observe=keep)
on_slice, rival_on_slice = (lib.compare(held["bend"], each) for each in (slice_law, naive))
print(found, rival, on_slice, rival_on_slice, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["bend"], law, rivals={"naive: no orbit volume": naive}).figure.figure.savefig(sys.argv[1])
