"""A head of attention with softmax and values: no formula is known, and two processes that share nothing agree."""

import dataclasses
import sys
from typing import Any

import langevin_ib as lib
import numpy as np

# Describe: eight sequences of three tokens, of which the head is to return the first entry; for each column of Q and K
# (Q_a, K_a) -> (s Q_a, K_a / s) changes nothing. Softmax is bounded, so a confinement keeps the scores from growing.
sequences = np.random.default_rng(0).normal(size=(8, 3, 2)) / 2
model = lib.models.attention(2, 2, data=(sequences, sequences[:, 0, 0]))
model = dataclasses.replace(model, confinement=sum(x**2 for x in model.parameters) / 5)
keep: dict[str, Any] = {"norm0": lib.Histogram(bins=100, range=(0.0, 6.0), every=5)}
setting: dict[str, Any] = {"model": model, "temperature": 0.3, "walkers": 2048, "observe": keep}
# Sample: by the loss alone and back along the orbits, at h and h / 2 along the same Brownian paths...
coarse, fine = (
    lib.sample(**setting, dynamics=lib.GaugeFixed(level=0.3), step_size=h, substeps=m, steps=n, burn_in=n // 4, rng=1)
    for h, m, n in [(0.02, 2, 1200), (0.01, 1, 2400)]
)
# ... and held on the slice, without an error of the step, with Fixman's correction and without.
exact, rigid = (
    lib.sample(
        **setting,
        dynamics=lib.Constrained(level=0.3, fixman=fixman),
        scheme="mala",
        step_size=0.03,
        steps=1000,
        burn_in=200,
        rng=rng,
    )
    for fixman, rng in [(True, 2), (False, 3)]
)
# Compare, extrapolated to h = 0.
found, rival = (lib.compare(coarse["norm0"], run["norm0"], finer=fine["norm0"]) for run in (exact, rigid))
print(found, rival, sep="\n\n")
if len(sys.argv) > 1:
    shown = {"gauge-fixed": fine["norm0"], "with Fixman's term": exact["norm0"]}
    lib.plot.runs(shown).figure.figure.savefig(sys.argv[1])
