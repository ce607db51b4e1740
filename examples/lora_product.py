"""A LoRA adapter B·A of rank one beside frozen weights: what becomes of an entry that training wants to move."""

import sys
from typing import Any

import langevin_ib as lib
import sympy

# Describe: frozen + B A should become `wanted`; (B, A) -> (s B, A / s) changes nothing.
b0, b1, a0, a1 = lib.parameters("b0 b1 a0 a1")
update = sympy.Matrix([b0, b1]) * sympy.Matrix([[a0, a1]])
frozen, wanted = sympy.Matrix([[1, 0], [0, 1]]), sympy.Matrix([[2, 1], [0, 1]])
model = lib.Model(
    parameters=(b0, b1, a0, a1),
    predictor={"d00": update[0, 0], "d01": update[0, 1], "d10": update[1, 0], "d11": update[1, 1]},
    loss=sum(entry**2 for entry in frozen + update - wanted) / 2,
    symmetry=lib.Scaling({b0: +1, b1: +1, a0: -1, a1: -1}),
    confinement=(b0**2 + b1**2 + a0**2 + a1**2) / 4,
)
# Derive: the law of the change of the first entry; and that of full fine-tuning, where the four changes are parameters.
d = lib.parameters("d00 d01 d10 d11")
loss = sum(entry**2 for entry in frozen + sympy.Matrix(2, 2, d) - wanted) / 2
full = lib.Model(parameters=d, predictor={str(entry): entry for entry in d}, loss=loss)
setting: dict[str, Any] = {"dynamics": lib.Ambient(), "temperature": 0.25}
law, naive = (lib.density(each, "d00", **setting) for each in (model, full))
# Sample by a scheme whose steps leave no bias, and compare.
walk: dict[str, Any] = {"scheme": "mala", "step_size": 0.1, "steps": 4000, "burn_in": 500, "walkers": 1024}
keep: dict[str, Any] = {"d00": lib.Histogram(bins=80, range=law.interval(0.999), every=5)}
run = lib.sample(model, **setting, **walk, rng=1, observe=keep)
found, rival = (lib.compare(run["d00"], each) for each in (law, naive))
print(found, rival, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["d00"], law, rivals={"full fine-tuning": naive}).figure.figure.savefig(sys.argv[1])
