"""Which of the laws with a formula it is that was asked for."""

from __future__ import annotations

from .families import FAMILIES, IN_PLANE, Family, TorusLaw
from .request import LawRequest

__all__ = ["family_in_plane", "family_of_symmetry"]


def family_of_symmetry(request: LawRequest) -> Family | None:
    """Return what knows the law of a model with a symmetry, or None.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        As `density` says.
    """
    # The quadrature behind the formulas comes first where it is asked for.
    order: tuple[type[Family], ...] = (TorusLaw, *FAMILIES) if request.method == "quadrature" else FAMILIES
    return _first(order, request)


def family_in_plane(request: LawRequest) -> Family | None:
    """Return what knows the law of a process in all parameters, or None."""
    return _first(IN_PLANE, request)


def _first(families: tuple[type[Family], ...], request: LawRequest) -> Family | None:
    return next((law for law in (family.recognise(request) for family in families) if law is not None), None)
