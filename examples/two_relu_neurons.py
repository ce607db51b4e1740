"""Two ReLU neurons, f(x) = a relu(u x) + b relu(v x), fitted to relu(x) in the points 1 and -1."""

import sys

import langevin_ib as lib
import sympy

# Describe: relu(s u) = s relu(u) for s > 0, so (u, a) -> (s u, a / s) changes nothing.
u, v, a, b = lib.parameters("u v a b")


def f(x):
    """Return the output of the two neurons."""
    return a * sympy.Max(u * x, 0) + b * sympy.Max(v * x, 0)


model = lib.Model(
    parameters=(u, v, a, b),
    predictor={"left": f(-1), "right": f(1)},
    loss=(f(-1) ** 2 + (f(1) - 1) ** 2) / 2,
    symmetry=lib.Scaling({u: +1, a: -1}),
    confinement=(u**2 + v**2 + a**2 + b**2) / 4,
    observables={"bend": f(-1) + f(1)},
)
left, right = lib.parameters("left right")
bare = lib.Model(
    parameters=(left, right), predictor={"left": left, "right": right}, loss=(left**2 + (right - 1) ** 2) / 2,
    observables={"bend": left + right},
)
setting = {"dynamics": lib.Ambient(), "temperature": 0.25}
law, naive = (lib.density(each, "bend", **setting) for each in (model, bare))
grid = lib.Histogram(bins=80, range=law.interval(0.999), every=5)
run = lib.sample(
    model, **setting, step_size=0.1, steps=4000, burn_in=500, walkers=2048, scheme="mala", rng=1, observe={"bend": grid}
)
print(lib.compare(run["bend"], law), lib.compare(run["bend"], naive), sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["bend"], law, rivals={"naive: no orbit volume": naive}).figure.savefig(sys.argv[1])
