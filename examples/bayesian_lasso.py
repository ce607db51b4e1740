"""A weight that is two products, u v + p q: under weight decay it has the lasso's posterior, as one it has not."""

import sys
from typing import Any

import langevin_ib as lib
import sympy

# Describe: a weight z = u v + p q that should be 1, and each product with its scaling.
u, v, p, q, z = lib.parameters("u v p q z")
model = lib.Model(
    parameters=(u, v, p, q),
    predictor={"z": u * v + p * q},
    loss=(u * v + p * q - 1) ** 2 / 2,
    symmetry=(lib.Scaling({u: +1, v: -1}), lib.Scaling({p: +1, q: -1})),
)
decay, T = 0.3, 0.2
# Derive: the posterior of the lasso, exp(-(loss + decay |z|) / T), of a weight that is one parameter; the law of the
# sum of products, which is the same; and that of one product.
plain = lib.Model(parameters=(z,), predictor={"z": z}, loss=(z - 1) ** 2 / 2 + decay * sympy.Abs(z))
single = lib.Model(parameters=(u, v), predictor={"z": u * v}, loss=(u * v - 1) ** 2 / 2)
lasso = lib.density(plain, "z", dynamics=lib.Ambient(), temperature=T)
setting: dict[str, Any] = {"dynamics": lib.Ambient(weight_decay=decay), "temperature": T}
law, of_one = (lib.density(each, "z", **setting) for each in (model, single))
assert abs(law.cdf(0.5) - lasso.cdf(0.5)) < 1e-10
# Sample by a scheme whose steps leave no bias, and compare.
walk: dict[str, Any] = {"scheme": "mala", "step_size": 0.1, "steps": 6000, "burn_in": 500, "walkers": 1024}
keep = {"z": lib.Histogram(bins=80, range=law.interval(0.999), every=5)}
run = lib.sample(model, **setting, **walk, rng=1, observe=keep)
found, rival = (lib.compare(run["z"], each) for each in (lasso, of_one))
print(found, rival, sep="\n\n")
if len(sys.argv) > 1:
    lib.plot.density(run["z"], lasso, rivals={"one product": of_one}).figure.figure.savefig(sys.argv[1])
