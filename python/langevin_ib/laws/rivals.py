"""The wrong laws that a validation has to reject on the very run on which it accepts the right one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_real
from ..errors import InvalidArgumentError, NotNormalizableError
from ..model import Model
from ..process import Ambient, Dynamics, Process
from .density import density
from .families import Product
from .line import Density
from .request import Given, LawRequest
from .slice_rivals import slice_rivals

__all__ = ["rivals"]

FloatArray = NDArray[np.float64]


def rivals(
    model: Model,
    observable: str,
    *,
    dynamics: Dynamics,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    given: Given | None = None,
    cutoff: float | None = None,
) -> dict[str, Density]:
    """Return wrong laws of an observable, for comparison with `density`; all w.r.t. the measure of the right one.

    For theta = u v under `Ambient` with weight decay:

    * "no correction": exp(-L/T).
    * "half exponent": |theta|**(-1/2) exp(-L/T), which is arXiv 2601.06597 (6)-(7) read literally, as a density w.r.t.
      dtheta. (It is the density w.r.t. the surface measure of the slice u**2 = v**2 of that slice's law.)
    * "slice law": |theta|**(-1) exp(-L/T), the law on the slice u**2 = v**2 transported to dtheta. It has infinite mass
      at 0 and is conditioned on |theta| > cutoff.
    * "temperature +5 %": the right formula at 1.05 T.

    For the others (theta or the strength of a block, the product of a chain, the singular values of a factorisation, on
    slices, in shells and with stiffness): "no correction", "half exponent", "double exponent" of the right correction,
    "equation (6)" read literally, "temperature +5 %", and, for GL(2), "compact generators" and "Haar quotient"; what
    they are exactly is in `slice_rivals` and in the `name` of each.

    Parameters
    ----------
    model, observable, dynamics, beta, sigma, temperature, given
        As for `density`.
    cutoff : float, optional
        For "slice law"; positive; by default a tenth of the standard deviation of the right law.

    Returns
    -------
    dict of str to Density
        By the names above. A rival that has infinite mass itself (for a loss that is bounded, say) is left out, and so
        is one that is the right law (the direction of a vector may not depend on the temperature).

    Raises
    ------
    InvalidArgumentError
        If an argument is wrong or the model is another one.
    NotNormalizableError
        If the right law does not exist.
    """
    process = Process.of(model, dynamics, beta=beta, sigma=sigma, temperature=temperature)
    T = process.temperature
    if given is not None or not isinstance(dynamics, Ambient):
        return _of_symmetry(process, observable, given)
    product = Product.recognise(model)
    if product is None and model.symmetry is not None:
        return _of_symmetry(process, observable, given)
    if product is None or product.kind(model.observable(observable)) != "theta":
        raise InvalidArgumentError(
            f"rivals are known for the predictor u v of the product model, not for observable={observable!r}"
        )
    right = density(model, observable, dynamics=dynamics, temperature=T)
    reach = right.std() / 10.0 if cutoff is None else checked_real("cutoff", cutoff, minimum=0.0, open_end=True)
    loss = product.loss_function()

    outside = ((-math.inf, -reach), (reach, math.inf))
    formulas = {
        "no correction": (0.0, "exp(-L/T)", None),
        "half exponent": (0.5, "|theta|^(-1/2) exp(-L/T)", None),
        "slice law": (1.0, "|theta|^(-1) exp(-L/T)", outside),
    }
    laws: dict[str, Density] = {}
    for key, (exponent, formula, where) in formulas.items():
        name = f"{formula.replace('theta', observable)}, T = {T:.12g}"
        weight = partial(_log_power_law, loss, T, exponent)
        try:
            laws[key] = Density.from_log_weight(
                weight, name=name, reference=right.reference, method="closed form", given=where
            )
        except NotNormalizableError:
            continue
    laws["temperature +5 %"] = density(model, observable, dynamics=dynamics, temperature=1.05 * T)
    return _of_observable(observable, laws)


def _log_power_law(
    loss: Callable[[FloatArray], FloatArray], T: float, exponent: float, theta: FloatArray
) -> FloatArray:
    with np.errstate(divide="ignore"):
        prefactor = -exponent * np.log(np.abs(theta)) if exponent else 0.0
    return prefactor - loss(theta) / T


def _of_symmetry(process: Process, observable: str, given: Given | None) -> dict[str, Density]:
    model, dynamics, T = process.model, process.dynamics, process.temperature
    # The right law has to exist for its rivals to mean anything.
    right = density(model, observable, dynamics=dynamics, temperature=T, given=given)
    laws = slice_rivals(LawRequest(process=process, observable=observable, given=given))
    if laws is None:
        raise InvalidArgumentError(
            f"rivals are known for theta, the strength, the product of a chain and singular values, not for "
            f"observable={observable!r}"
        )
    laws["temperature +5 %"] = density(model, observable, dynamics=dynamics, temperature=1.05 * T, given=given)
    return _of_observable(observable, {key: law for key, law in laws.items() if _differ(right, law)})


def _of_observable(name: str, laws: Mapping[str, Density]) -> dict[str, Density]:
    return {key: replace(law, observable=name) for key, law in laws.items()}


def _differ(right: Density, law: Density) -> bool:
    probabilities = np.linspace(0.02, 0.98, 49)
    return bool(np.max(np.abs(law.cdf(right.ppf(probabilities)) - probabilities)) > 1e-6)
