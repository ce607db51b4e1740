"""One entry of a tensor in CP form, a⊗b⊗c: three factors lean harder towards 0 than the loss on the entry says."""

import sys

import langevin_ib as lib
import sympy

# Describe: the loss sees the entry a b c alone, so (a, b, c) -> (s a, b / s, c) changes nothing.
a, b, c = lib.parameters("a b c")
model = lib.Model(
    parameters=(a, b, c),
    predictor={"entry": a * b * c},
    loss=(a * b * c - 1) ** 2 / 2,
    symmetry=lib.Scaling({a: +1, b: -1}),
    confinement=sympy.Rational(1, 4) * (a**2 + b**2 + c**2),
)
# Derive: the law of the entry; and the naive one, exp(-loss / T) of an entry that is a parameter itself.
(entry,) = lib.parameters("entry,")
bare = lib.Model(parameters=(entry,), predictor={"entry": entry}, loss=(entry - 1) ** 2 / 2)
setting = {"dynamics": lib.Ambient(), "temperature": 0.25}
law, naive = lib.density(model, "entry", **setting), lib.density(bare, "entry", **setting)
# Sample: all three factors, by a scheme whose steps leave no bias.
grid = lib.Histogram(bins=80, range=law.interval(0.999), every=5)
run = lib.sample(
    model, **setting, step_size=0.1, steps=4000, burn_in=500, walkers=2048, scheme="mala", rng=1, observe={"entry": grid}
)
# Compare.
agreement, rejection = lib.compare(run["entry"], law), lib.compare(run["entry"], naive)
print(agreement, rejection, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["entry"], law, rivals={"naive: no orbit volume": naive}).figure.savefig(sys.argv[1])
