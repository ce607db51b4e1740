"""Short runs of u v that choose their step themselves, unless a test says otherwise."""

from __future__ import annotations

import langevin_ib as lib

SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")
PRODUCT, AMBIENT = lib.models.scalar_product(), lib.Ambient(weight_decay=0.5)
SETTINGS = {"temperature": 0.2, "walkers": 200, "steps": 400, "rng": 7, "threads": 1, "progress": False}


def sampled(model=PRODUCT, **changes) -> lib.Run:
    return lib.sample(model, **(SETTINGS | {"dynamics": AMBIENT, "step_size": "auto"} | changes))
