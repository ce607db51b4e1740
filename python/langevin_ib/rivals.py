"""The wrong laws that a validation has to reject on the very run on which it accepts the right one."""

from __future__ import annotations

import math

import numpy as np

from .checks import checked_real
from .distribution import Density
from .dynamics import Ambient
from .errors import InvalidArgumentError, NotNormalizableError
from .model import Model
from .product_law import Product
from .quadrature import LogWeight
from .temperature import resolve_temperature
from .theory import density

__all__ = ["rivals"]


def rivals(
    model: Model,
    observable: str,
    *,
    dynamics: Ambient,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    cutoff: float | None = None,
) -> dict[str, Density]:
    """Return wrong laws of the predictor theta = u v, all with respect to dtheta, for comparison with `density`.

    * "no correction": exp(-L/T).
    * "half exponent": |theta|**(-1/2) exp(-L/T), which is arXiv 2601.06597 (6)-(7) read literally, as a density w.r.t.
      dtheta. (It is the density w.r.t. the surface measure of the slice u**2 = v**2 of that slice's law.)
    * "slice law": |theta|**(-1) exp(-L/T), the law on the slice u**2 = v**2 transported to dtheta. It has infinite mass
      at 0 and is conditioned on |theta| > cutoff.
    * "temperature +5 %": the right formula at 1.05 T.

    Parameters
    ----------
    model, observable, dynamics, beta, sigma, temperature
        As for `density`; the model has to be the product model and the observable its predictor.
    cutoff : float, optional
        For "slice law"; positive; by default a tenth of the standard deviation of the right law.

    Returns
    -------
    dict of str to Density
        By the names above. A rival that has infinite mass itself (for a loss that is bounded, say) is left out.

    Raises
    ------
    InvalidArgumentError
        If an argument is wrong or the model is another one.
    NotNormalizableError
        If the right law does not exist.
    """
    T = resolve_temperature(beta, sigma, temperature)
    product = Product.recognise(model) if isinstance(model, Model) else None
    if product is None or product.kind(model.observable(observable)) != "theta":
        raise InvalidArgumentError(
            f"rivals are known for the predictor u v of the product model, not for observable={observable!r}"
        )
    right = density(model, observable, dynamics=dynamics, temperature=T)
    reach = right.std() / 10.0 if cutoff is None else checked_real("cutoff", cutoff, minimum=0.0, open_end=True)
    loss = product.loss_function()

    def power_law(exponent: float) -> LogWeight:
        def log_weight(theta: np.ndarray) -> np.ndarray:
            with np.errstate(divide="ignore"):
                prefactor = -exponent * np.log(np.abs(theta)) if exponent else 0.0
            return prefactor - loss(theta) / T

        return log_weight

    outside = ((-math.inf, -reach), (reach, math.inf))
    formulas = {
        "no correction": (0.0, "exp(-L/T)", None),
        "half exponent": (0.5, "|theta|^(-1/2) exp(-L/T)", None),
        "slice law": (1.0, "|theta|^(-1) exp(-L/T)", outside),
    }
    laws: dict[str, Density] = {}
    for key, (exponent, formula, given) in formulas.items():
        name = f"{formula.replace('theta', observable)}, T = {T:.12g}"
        try:
            laws[key] = Density.from_log_weight(
                power_law(exponent), name=name, reference=right.reference, method="closed form", given=given
            )
        except NotNormalizableError:
            continue
    laws["temperature +5 %"] = density(model, observable, dynamics=dynamics, temperature=1.05 * T)
    return laws
