"""A LoRA adapter B·A on frozen weights W: which updates of an entry it prefers, beside free training of all entries."""

import sys

import langevin_ib as lib
import sympy

# Describe: W + B A is to become `wanted`; (B, A) -> (s B, A / s) changes nothing but the weight decay.
b0, b1, a0, a1 = lib.parameters("b0 b1 a0 a1")
B, A = sympy.Matrix([b0, b1]), sympy.Matrix([[a0, a1]])
frozen, wanted = sympy.Matrix([[1, 0], [0, 1]]), sympy.Matrix([[2, 1], [0, 1]])


def loss(update):
    """Return half the squared distance of W + update from what is wanted."""
    return sum(entry**2 for entry in frozen + update - wanted) / 2


model = lib.Model(
    parameters=(b0, b1, a0, a1),
    predictor={f"d{i}{j}": (B * A)[i, j] for i in range(2) for j in range(2)},
    loss=loss(B * A),
    symmetry=lib.Scaling({b0: +1, b1: +1, a0: -1, a1: -1}),
    confinement=(b0**2 + b1**2 + a0**2 + a1**2) / 10,
)
# Derive: the law of the update of the first entry; and that of full fine-tuning, where all four entries are free.
d = lib.parameters("d00 d01 d10 d11")
full = lib.Model(parameters=d, predictor={str(x): x for x in d}, loss=loss(sympy.Matrix(2, 2, d)))
setting = {"dynamics": lib.Ambient(), "temperature": 0.25}
law, free = lib.density(model, "d00", **setting), lib.density(full, "d00", **setting)
# Sample and compare.
grid = lib.Histogram(bins=80, range=law.interval(0.999), every=5)
run = lib.sample(
    model, **setting, step_size=0.1, steps=4000, burn_in=500, walkers=2048, scheme="mala", rng=1, observe={"d00": grid}
)
agreement, rejection = lib.compare(run["d00"], law), lib.compare(run["d00"], free)
print(agreement, rejection, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["d00"], law, rivals={"full fine-tuning": free}).figure.savefig(sys.argv[1])
