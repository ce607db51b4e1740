"""What a family of laws is: it recognises what is asked, answers, and knows the wrong laws beside the right one."""

from __future__ import annotations

from typing import Protocol, Self

from ..line import Density
from ..request import LawRequest

__all__ = ["Family"]


class Family(Protocol):
    """The laws of one kind of model, by formulas of their own; a line in `FAMILIES` or `IN_PLANE` makes it known."""

    @classmethod
    def recognise(cls, request: LawRequest) -> Self | None:
        """Return what answers a request, or None if it is about something else."""

    def density(self) -> Density:
        """Return the law that was asked for.

        Raises
        ------
        NotNormalizableError
            If its mass is infinite.
        UnsupportedModelError, InvalidArgumentError
            If it is not known, or not by the method that was asked for.
        """

    def rivals(self, cutoff: float | None = None) -> dict[str, Density] | None:
        """Return wrong laws of the same observable by name, without that at another temperature.

        Parameters
        ----------
        cutoff : float, optional
            For a rival of infinite mass at 0: the distance from there within which it is left out.

        Returns
        -------
        dict of str to Density, or None
            None where none are known.
        """
