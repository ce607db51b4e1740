"""An entry a b c of a tensor in CP form, a⊗b⊗c: three factors hold it at 0 far more often than its loss would."""

import sys
from typing import Any

import langevin_ib as lib

# Describe: the loss sees the entry alone, so (a, b, c) -> (s a, s b, c / s²) changes nothing.
a, b, c, entry = lib.parameters("a b c entry")
model = lib.Model(
    parameters=(a, b, c),
    predictor={"entry": a * b * c},
    loss=(a * b * c - 1) ** 2 / 2,
    symmetry=lib.Scaling({a: +1, b: +1, c: -2}),
    confinement=(a**2 + b**2 + c**2) / 20,
)
# Derive: the law of the entry; and the naive one, exp(-loss / T) of an entry that is a parameter itself.
plain = lib.Model(parameters=(entry,), predictor={"entry": entry}, loss=(entry - 1) ** 2 / 2)
setting: dict[str, Any] = {"dynamics": lib.Ambient(), "temperature": 0.1}
law, naive = (lib.density(each, "entry", timeout=60, **setting) for each in (model, plain))
# Sample by a scheme whose steps leave no bias, and compare.
walk: dict[str, Any] = {"scheme": "mala", "step_size": 0.1, "steps": 4000, "burn_in": 500, "walkers": 1024}
keep: dict[str, Any] = {"entry": lib.Histogram(bins=80, range=law.interval(0.999), every=5)}
run = lib.sample(model, **setting, **walk, rng=1, observe=keep)
found, rival = (lib.compare(run["entry"], each) for each in (law, naive))
# On the slice a² + b² - 2 c² = 1: a step, then along the orbit back to it. Nothing is added to the loss.
setting["dynamics"] = lib.GaugeFixed(level=0.5)
held = lib.sample(model, **setting, step_size=1e-3, steps=40_000, burn_in=4000, walkers=1024, rng=2, observe=keep)
slice_law = lib.density(model, "entry", method="sampling", **setting)
on_slice, rival_on_slice = (lib.compare(held["entry"], each) for each in (slice_law, naive))
print(found, rival, on_slice, rival_on_slice, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["entry"], law, rivals={"naive: no orbit volume": naive}).figure.figure.savefig(sys.argv[1])
