"""A potential that numba compiles: the loop calls it, and a formula of the same function gives the law."""

import sys
from typing import Any

import langevin_ib as lib
import numba

# Describe: four wells at (±1, ±1), as a formula.
x, y = lib.parameters("x y")
loss = (x**2 - 1) ** 2 + (y**2 - 1) ** 2
model = lib.Model(parameters=(x, y), predictor={"radius2": x**2 + y**2}, loss=loss)
doubles, size = numba.types.CPointer(numba.float64), numba.int64


# And as code for all walkers at once: gradient and, where it is asked for, value.
def wells(walkers: int, dim: int, places: Any, gradient: Any, value: Any, _: Any) -> int:  # noqa: D103 - above
    points, slopes = numba.carray(places, (dim, walkers)), numba.carray(gradient, (dim, walkers))
    values = numba.carray(value, (walkers,))
    for w in range(walkers):
        energy = 0.0
        for k in range(dim):
            slopes[k, w] = 4.0 * points[k, w] * (points[k, w] ** 2 - 1.0)
            energy += (points[k, w] ** 2 - 1.0) ** 2
        if values.ctypes.data != 0:  # MALA, used below, asks for it; for other schemes value is NULL
            values[w] = energy
    return 0


four_wells = numba.cfunc(numba.int32(size, size, doubles, doubles, doubles, numba.types.voidptr))(wells)
# Derive: the law of x² + y²; and that at a temperature that is five per cent wrong.
law, wrong = (lib.density(model, "radius2", dynamics=lib.Ambient(), temperature=T) for T in (0.3, 0.315))
# Sample the compiled function by a scheme whose steps leave no bias, and compare.
walk: dict[str, Any] = {"scheme": "mala", "step_size": 0.02, "steps": 4000, "burn_in": 500, "walkers": 1024}
keep: dict[str, Any] = {"radius2": lib.Histogram(bins=80, range=law.interval(0.999), every=5)}
run = lib.sample(model, potential=four_wells, temperature=0.3, dynamics=lib.Ambient(), **walk, rng=1, observe=keep)
found, rival = (lib.compare(run["radius2"], each) for each in (law, wrong))
print(found, rival, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["radius2"], law, rivals={"5 % hotter": wrong}).figure.figure.savefig(sys.argv[1])
