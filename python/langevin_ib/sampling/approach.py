"""The approach: a part of the burn-in in which MALA leads walkers to where they belong, before it refuses any."""

from __future__ import annotations

from dataclasses import replace

from .files import Checkpoint
from .loop import Settings

__all__ = ["with_approach"]


def with_approach(settings: Settings, saved: Checkpoint | None = None) -> Settings:
    """Return the settings of a run with the steps of its approach.

    That is half of the burn-in, under ``mala``: the other half forgets what the approach did not weigh. A run that
    was begun without one goes on without.

    Parameters
    ----------
    settings : Settings
        The run, without an approach.
    saved : Checkpoint, optional
        The file of the same run, if there is one.
    """
    if not settings.is_metropolis:
        return settings
    if saved is not None and saved.found is not None and saved.found["settings"].is_metropolis:
        return replace(settings, approach=min(saved.found["settings"].approach, settings.burn_in))
    return replace(settings, approach=settings.burn_in // 2)
