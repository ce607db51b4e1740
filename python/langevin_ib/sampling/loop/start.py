"""Where walkers start: at the states that were asked for, or at normals drawn from the key; moved to the slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import _core
from ...checks import real_array
from ...errors import InvalidArgumentError
from ...model import Model
from .driver import Driver
from .settings import REACH, Settings

__all__ = ["starting_states"]

AT_ONCE = 2**20
"""So many numbers are laid out before Ctrl-C is heard."""


def starting_states(initial: ArrayLike | None, driver: Driver, settings: Settings) -> NDArray[Any]:
    """Return the initial states in the run's dtype, where the dynamics wants them; never the caller's own array.

    Parameters
    ----------
    initial : array_like, shape (), (dim,) or (walkers, dim), optional
        Where the walkers start; by default at standard normals drawn from the key.
    driver : Driver
        What knows the way to the slice.
    settings : Settings
        The run.

    Returns
    -------
    array, shape (walkers, dim)

    Raises
    ------
    InvalidArgumentError
        If they are no real numbers of such a shape, out of range, or a walker finds no way to the slice.
    """
    model = driver.process.model
    return driver.brought(_given(initial, model, settings), first=settings.walkers[0])


def _given(initial: ArrayLike | None, model: Model, settings: Settings) -> NDArray[Any]:
    shape = (settings.count, model.dim)
    if initial is None:
        return _laid_out(settings, model.dim, lambda rows: _drawn(settings, model.dim, rows))
    named = f"initial, of shape (), (dim,) = ({model.dim},) or (walkers, dim) = {shape},"
    states = real_array(named, initial, code="initial")
    try:
        # A column (walkers, 1) would broadcast, too, but hardly mean that all coordinates are equal.
        if states.ndim > 0 and states.shape[-1] != model.dim:
            raise ValueError(f"shape {states.shape}")
        given = np.broadcast_to(states, shape)
    except ValueError as error:
        was = getattr(initial, "shape", type(initial).__name__)
        raise InvalidArgumentError(
            f"initial ({was}) must be real numbers of shape (), (dim,) = ({model.dim},) or (walkers, dim) = {shape}: "
            f"{error}"
        ) from None
    with np.errstate(over="ignore"):
        states = _laid_out(settings, model.dim, lambda rows: given[rows])
    # Not walker by walker, which takes ten times as long: NaN is neither below nor above.
    if states.size and not (-REACH[settings.dtype] < states.min() and states.max() < REACH[settings.dtype]):
        walker = int(np.argmin((np.abs(states) < REACH[settings.dtype]).all(axis=1)))
        raise InvalidArgumentError(
            f"initial: walker {walker} starts at {states[walker].tolist()}; in {settings.dtype} every coordinate must "
            f"be finite and below {REACH[settings.dtype]:g}"
        )
    return states


def _laid_out(settings: Settings, dim: int, part: Callable[[slice], NDArray[Any]]) -> NDArray[Any]:
    """Return all states, of which `part` gives some: in pieces, as Ctrl-C is heard between them."""
    states = np.empty((settings.count, dim), dtype=settings.dtype)
    piece = max(AT_ONCE // dim, 1)
    for start in range(0, settings.count, piece):
        rows = slice(start, min(start + piece, settings.count))
        states[rows] = part(rows)
    return states


def _drawn(settings: Settings, dim: int, rows: slice) -> NDArray[Any]:
    first = settings.walkers[0]
    walkers = (first + rows.start, first + rows.stop)
    return _core.normals(settings.key, walkers, (0, 1), dim, stream="initial", dtype=settings.dtype)[:, 0]
