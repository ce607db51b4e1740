"""`GivenBatches`: batches that were drawn elsewhere, step by step: to replay a run, or to check a step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import real_array, shown
from ..errors import InvalidArgumentError
from .risk import Risk

__all__ = ["GivenBatches", "checked_given", "require_fit"]


@dataclass(frozen=True, eq=False, repr=False)
class GivenBatches:
    """Batches given as arrays, for `SGD(given=...)`: what each walker sees at each step, from step 0 on.

    Arrays have an axis of steps and one of places in the batch, and before them one of walkers, by their numbers,
    unless all walkers see the same. A run makes at most so many steps.

    Parameters
    ----------
    rows : array_like of int, shape (steps, B) or (walkers, steps, B), optional
        The numbers of the rows; a sum from i = a on has the rows 0, 1, ... all the same. By default all rows, in order.
    weights : array_like, shape (steps, B) or (walkers, steps, B), optional
        How much each row of the batch counts: 0 and 1 for a mask, which `rows` is then left out for. Needs the
        `normalisation` of `SGD`.
    label_noise : mapping from str to array_like, shape (steps, B) or (walkers, steps, B), optional
        What is added to arrays of the data, in place of noise that is drawn. Shape (walkers, steps, B, k) for an array
        of which a row uses k entries, in the order of their names.

    Raises
    ------
    InvalidArgumentError
        If nothing is given, or an argument is not as described.

    Examples
    --------
    >>> GivenBatches(rows=[[0, 3], [1, 1]])
    GivenBatches(rows (1, 2, 2))
    """

    rows: Any = None
    weights: Any = None
    label_noise: Any = None

    def __post_init__(self) -> None:
        if self.rows is not None:
            object.__setattr__(self, "rows", _frozen(_whole("rows", self.rows)))
        if self.weights is not None:
            object.__setattr__(self, "weights", _frozen(_with_walkers("weights", _finite("weights", self.weights))))
        object.__setattr__(self, "label_noise", _checked_noise(self.label_noise))
        if self.rows is None and self.weights is None and not self.label_noise:
            raise InvalidArgumentError("GivenBatches() gives nothing; give rows=, weights= or label_noise=")
        if len({array.shape[1:3] for array in self._arrays.values()}) > 1:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in self._arrays.items())
            raise InvalidArgumentError(f"GivenBatches: {shapes} are not as many steps and places in the batch")
        if len(self._walkers) > 1:
            raise InvalidArgumentError(
                f"GivenBatches: arrays are for {sorted(self._walkers)} walkers; give as many in each"
            )

    @property
    def steps(self) -> int:
        """For how many steps there are batches."""
        return int(next(iter(self._arrays.values())).shape[1])

    @property
    def size(self) -> int:
        """Rows in a batch."""
        return int(next(iter(self._arrays.values())).shape[2])

    @property
    def walkers(self) -> int | None:
        """For how many walkers; None if all see the same."""
        return next(iter(self._walkers), None)

    @property
    def _walkers(self) -> set[int]:
        return {len(array) for array in self._arrays.values()} - {1}

    @cached_property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        named = {"rows": self.rows, "weights": self.weights}
        arrays = {name: array for name, array in named.items() if array is not None}
        return arrays | {f"label_noise[{name!r}]": array for name, array in self.label_noise}

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return all arrays, to be kept beside a description."""
        return tuple(self._arrays.values())

    @cached_property
    def digest(self) -> str:
        """A hash of all that is given, the same in every process."""
        state = hashlib.blake2b(digest_size=16)
        for name, array in self._arrays.items():
            state.update(f"{name}{array.shape}".encode())
            state.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        return state.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GivenBatches) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"GivenBatches({', '.join(f'{name} {array.shape}' for name, array in self._arrays.items())})"


def checked_given(given: Any, label_noise: Any) -> GivenBatches | None:
    """Return batches that are given, once it is known that they are some, and not noisy in two ways.

    Raises
    ------
    InvalidArgumentError
        If they are not.
    """
    if given is None:
        return None
    if not isinstance(given, GivenBatches):
        raise InvalidArgumentError(f"given must be GivenBatches(rows=...), got {shown(given)}")
    if given.label_noise and label_noise:
        raise InvalidArgumentError("label_noise is given and to be drawn as well; leave it out of one of them")
    return given


def require_fit(given: GivenBatches, risk: Risk) -> None:
    """Check that given batches are of rows of a risk.

    Raises
    ------
    InvalidArgumentError
        If a row is not there, there is no such array, or a row uses more or fewer entries of it.
    """
    count = len(risk.table)
    if given.rows is not None and given.rows.max() >= count:
        place = np.argwhere(given.rows >= count)[0].tolist()
        raise InvalidArgumentError(
            f"rows: {given.rows[tuple(place)]} at {place} (walker, step, place), but rows are 0 to {count - 1}"
        )
    if given.rows is None and given.size != count:
        raise InvalidArgumentError(
            f"{given!r} without rows= is for all {count} rows in order, not for {given.size}; give rows="
        )
    risk.require_labels([name for name, _ in given.label_noise])
    for name, array in given.label_noise:
        used = np.count_nonzero(risk.noise({name: 1.0}))
        if array.shape[3] != used:
            raise InvalidArgumentError(
                f"label_noise[{name!r}] has {array.shape[3]} numbers a row, which uses {used} entries of it; give "
                f"shape {'(walkers, steps, B, k)' if used > 1 else '(steps, B) or (walkers, steps, B)'}"
            )


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    # An array over bytes cannot be made writeable again.
    return np.frombuffer(array.tobytes(), dtype=array.dtype).reshape(array.shape)


def _with_walkers(name: str, array: NDArray[Any], *, entries: bool = False) -> NDArray[Any]:
    """Return an array with an axis of walkers, and with one of entries if there may be such."""
    if entries and array.ndim in {2, 3}:
        array = array[..., np.newaxis]
    wanted = 3 + entries
    if array.ndim == wanted - 1:
        array = array[np.newaxis]
    if array.ndim != wanted or array.size == 0:
        raise InvalidArgumentError(
            f"{name} has shape {array.shape}; give (steps, B), or (walkers, steps, B), and none of them zero"
        )
    return array


def _finite(name: str, value: Any) -> NDArray[np.float64]:
    array = real_array(name, value).astype(np.float64)
    if not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise InvalidArgumentError(f"{name} holds {array[tuple(place)]} at {place}; give finite numbers")
    return array


def _whole(name: str, value: Any) -> NDArray[np.int64]:
    array = real_array(name, value)
    if array.dtype.kind not in "iu" or (array.size and (array.min() < 0 or array.max() >= 2**31)):
        raise InvalidArgumentError(
            f"{name} of dtype {array.dtype} must be numbers of rows: integers from 0 on, numpy.asarray({name}, int)"
        )
    return _with_walkers(name, array.astype(np.int64))


def _checked_noise(noise: Any) -> tuple[tuple[str, NDArray[np.float64]], ...]:
    if noise is None:
        return ()
    pairs = dict(noise) if isinstance(noise, tuple) else noise
    if not isinstance(pairs, Mapping) or not all(isinstance(name, str) for name in pairs):
        raise InvalidArgumentError(f"label_noise must map names of arrays to arrays, got {shown(noise)}")
    found = []
    for name, value in sorted(pairs.items()):
        what = f"label_noise[{name!r}]"
        array = _finite(what, value)
        has_entries = array.ndim == 4
        found.append((name, _frozen(array if has_entries else _with_walkers(what, array, entries=True))))
    return tuple(found)
