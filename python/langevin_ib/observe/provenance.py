"""Where a filled result comes from: enough to know what it may be compared, merged or extrapolated with."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import InvalidArgumentError

__all__ = ["Provenance"]


@dataclass(frozen=True)
class Provenance:
    """The settings of the run behind a filled result.

    Parameters
    ----------
    observable : str
        The name of the observable.
    scheme : str
        The name of the time-stepping scheme, for instance "euler-maruyama".
    step_size : float
        The step h, in units of time.
    temperature : float
        T = sigma²/beta.
    walkers : int
        The number of independent walkers that were observed.
    observations : int
        The number of observations of each walker.
    key : (int, int) or None
        The two 64-bit halves of the key of the noise, the lower one first; None for counts that were made elsewhere.
    stuck : int
        How many of the walkers stayed at one point for much of the run, so that they say nothing of the law.
    described : str
        A digest of what was observed of what: of the parameters, the potential of the model, its data and the formula
        of the observable; empty if nobody knows, as of counts that were made elsewhere.
    """

    observable: str
    scheme: str
    step_size: float
    temperature: float
    walkers: int
    observations: int
    key: tuple[int, int] | None
    stuck: int = 0
    described: str = ""

    @staticmethod
    def halves(key: int) -> tuple[int, int]:
        """Return the two halves of a 128-bit key, the lower one first."""
        return key & (2**64 - 1), key >> 64

    def require_same(self, other: Provenance, *names: str, remedy: str) -> None:
        """Raise if the two differ in one of the named settings.

        Parameters
        ----------
        other : Provenance
            What to compare with.
        *names : str
            The fields that have to be equal; without any, all.
        remedy : str
            What the user should do instead; ends the message.

        Raises
        ------
        InvalidArgumentError
            If a setting differs; the message names it and both values.
        """
        for name in names or [field.name for field in fields(self)]:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise InvalidArgumentError(f"the two results differ in {name}: {mine!r} and {theirs!r}; {remedy}")
