"""Weight normalisation, g w/|w|: the direction of w has no scale, and the gain pulls the weights towards 0."""

import sys

import langevin_ib as lib
import sympy

# Describe: the loss sees the effective weights g w/|w| alone, so w -> s w changes nothing.
g, x, y = lib.parameters("g x y")
left, right = g * x / sympy.sqrt(x**2 + y**2), g * y / sympy.sqrt(x**2 + y**2)


def loss(left, right):
    """Return half the squared distance of the weights from (1, 0)."""
    return ((left - 1) ** 2 + right**2) / 2


model = lib.Model(
    parameters=(g, x, y),
    predictor={"left": left, "right": right},
    loss=loss(left, right),
    symmetry=lib.Scaling({x: 1, y: 1}),
    confinement=(x**2 + y**2) / 2,
)
# Derive: the law of an effective weight; and the naive one, exp(-loss / T) of weights that are parameters themselves.
weights = lib.parameters("left right")
plain = lib.Model(parameters=weights, predictor={str(w): w for w in weights}, loss=loss(*weights))
setting = {"dynamics": lib.Ambient(), "temperature": 0.25}
law, naive = lib.density(model, "left", **setting), lib.density(plain, "left", **setting)
# Sample and compare.
grid = lib.Histogram(bins=80, range=law.interval(0.999), every=5)
run = lib.sample(
    model, **setting, step_size=0.1, steps=4000, burn_in=500, walkers=2048, scheme="mala", rng=1, observe={"left": grid}
)
agreement, rejection = lib.compare(run["left"], law), lib.compare(run["left"], naive)
print(agreement, rejection, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["left"], law, rivals={"naive: no orbit volume": naive}).figure.savefig(sys.argv[1])
