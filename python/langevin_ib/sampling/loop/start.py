"""Where walkers start: at the states that were asked for, or at normals drawn from the key; moved to the slice."""

from __future__ import annotations

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
        drawn = _core.normals(settings.key, settings.walkers, (0, 1), model.dim, stream="initial", dtype=settings.dtype)
        return drawn.reshape(shape)
    states = real_array(f"initial, of shape (), (dim,) = ({model.dim},) or (walkers, dim) = {shape},", initial)
    try:
        # A column (walkers, 1) would broadcast, too, but hardly mean that all coordinates are equal.
        if states.ndim > 0 and states.shape[-1] != model.dim:
            raise ValueError(f"shape {states.shape}")
        with np.errstate(over="ignore"):
            states = np.array(np.broadcast_to(states, shape), dtype=settings.dtype, order="C")
    except ValueError as error:
        given = getattr(initial, "shape", type(initial).__name__)
        raise InvalidArgumentError(
            f"initial ({given}) must be real numbers of shape (), (dim,) = ({model.dim},) or (walkers, dim) = {shape}: "
            f"{error}"
        ) from None
    # Not walker by walker, which takes ten times as long: NaN is neither below nor above.
    if states.size and not (-REACH[settings.dtype] < states.min() and states.max() < REACH[settings.dtype]):
        walker = int(np.argmin((np.abs(states) < REACH[settings.dtype]).all(axis=1)))
        raise InvalidArgumentError(
            f"initial: walker {walker} starts at {states[walker].tolist()}; in {settings.dtype} every coordinate must "
            f"be finite and below {REACH[settings.dtype]:g}"
        )
    return states
