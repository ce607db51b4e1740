"""The temperature T = sigma**2 / beta, from either of the two ways in which a user may state it."""

from __future__ import annotations

import math

from .checks import checked_real, shown
from .errors import InvalidArgumentError

__all__ = ["resolve_temperature"]


def resolve_temperature(
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    *,
    allow_zero: bool = False,
) -> float:
    """Return T = sigma**2 / beta, the temperature of dx = -grad V dt + sqrt(2 T) dW.

    Parameters
    ----------
    beta : float, optional
        Inverse temperature of the noise, positive.
    sigma : float, optional
        Amplitude of the noise, positive; 1 if only `beta` is given.
    temperature : float, optional
        T itself, instead of `beta` and `sigma`; never together with them.
    allow_zero : bool
        Whether T = 0 (plain gradient descent) is acceptable, as it is for a process but not for a law.

    Returns
    -------
    float
        T, positive (or zero if `allow_zero`) and finite.

    Raises
    ------
    InvalidArgumentError
        If the temperature is given twice, not at all, or is out of range.

    Examples
    --------
    >>> resolve_temperature(beta=10.0)
    0.1
    >>> resolve_temperature(beta=10.0, sigma=2.0)
    0.4
    """
    if temperature is not None:
        if beta is not None or sigma is not None:
            raise InvalidArgumentError(
                f"temperature={shown(temperature)} was given together with beta={shown(beta)}, sigma={shown(sigma)}; "
                "T = sigma**2 / beta, so give either temperature or beta (and sigma), not both"
            )
        return checked_real("temperature", temperature, minimum=0.0, open_end=not allow_zero)
    if beta is None:
        given = "no temperature was given" if sigma is None else f"sigma={shown(sigma)} was given without beta"
        raise InvalidArgumentError(f"{given}; give beta= (and sigma=, 1 by default) or temperature=")
    beta = checked_real("beta", beta, minimum=0.0, open_end=True)
    sigma = checked_real("sigma", 1.0 if sigma is None else sigma, minimum=0.0, open_end=not allow_zero)
    resolved = sigma * (sigma / beta)
    if not math.isfinite(resolved) or (resolved == 0.0 and sigma > 0.0):
        raise InvalidArgumentError(
            f"sigma**2 / beta is out of the range of doubles for sigma={sigma!r}, beta={beta!r}; rescale the loss"
        )
    return resolved
