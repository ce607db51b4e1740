"""The wrong laws that a validation has to reject on the very run on which it accepts the right one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..checks import shown
from ..deadline import DEFAULT_TIMEOUT, within
from ..errors import InvalidArgumentError
from ..model import Model
from ..process import Dynamics, Process
from .density import confirmed
from .line import Density
from .remedies import RUNS
from .request import Given, LawRequest
from .simplified import simplified
from .symmetric import family_in_plane, family_of_symmetry

__all__ = ["rivals"]


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
    timeout: float | None = DEFAULT_TIMEOUT,
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
    they are exactly is in `laws.families.wrong_laws` and in the `name` of each.

    Parameters
    ----------
    model, observable, dynamics, beta, sigma, temperature, given
        As for `density`.
    cutoff : float, optional
        For "slice law"; positive; by default a tenth of the standard deviation of the right law.
    timeout : float or None
        The seconds after which they are refused, all together; None for no limit.

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
    OutOfTimeError
        If it takes longer than `timeout`; an UnsupportedModelError, too.
    """
    process = Process.of(model, dynamics, beta=beta, sigma=sigma, temperature=temperature)
    request = LawRequest(process=process, observable=observable, given=given)
    return within(
        timeout,
        lambda: _rivals(request, cutoff),
        what=f"a set of rivals of the law of {shown(observable)}",
        remedy=RUNS,
    )


def _rivals(request: LawRequest, cutoff: float | None) -> dict[str, Density]:
    # The right law has to exist for its rivals to mean anything.
    right = confirmed(request)
    simple = simplified(request)
    family = family_of_symmetry(simple) or family_in_plane(simple)
    laws = None if family is None else family.rivals(cutoff)
    if laws is None:
        raise InvalidArgumentError(
            f"rivals are known for theta, the strength, the product of a chain and singular values, not for "
            f"observable={request.observable!r}"
        )
    hotter = replace(request.process, temperature=1.05 * request.T)
    laws["temperature +5 %"] = confirmed(replace(request, process=hotter))
    return {key: replace(law, observable=request.observable) for key, law in laws.items() if _differ(right, law)}


def _differ(right: Density, law: Density) -> bool:
    probabilities = np.linspace(0.02, 0.98, 49)
    return bool(np.max(np.abs(law.cdf(right.ppf(probabilities)) - probabilities)) > 1e-6)
