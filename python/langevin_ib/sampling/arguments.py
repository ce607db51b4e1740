"""The arguments of `sample` that say which walkers, which noise and which observers are meant, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..checks import checked_int, shown
from ..errors import InvalidArgumentError
from ..model import Model
from ..observe import KINDS, Observer
from .loop import MAX_WALKERS

__all__ = ["checked_observers", "checked_walkers"]


def checked_walkers(walkers: Any) -> tuple[int, int]:
    """Return the numbers of the first walker and of the one after the last."""
    if not isinstance(walkers, slice):
        return 0, checked_int("walkers", walkers, minimum=1, maximum=MAX_WALKERS)
    if walkers.stop is None or not (walkers.step is None or (isinstance(walkers.step, int) and walkers.step == 1)):
        raise InvalidArgumentError(f"walkers={walkers!r}: give an int, or slice(a, b) without a step")
    first = 0 if walkers.start is None else walkers.start
    start = checked_int("walkers.start", first, minimum=0, maximum=MAX_WALKERS)
    stop = checked_int("walkers.stop", walkers.stop, minimum=0, maximum=MAX_WALKERS)
    if start >= stop:
        raise InvalidArgumentError(f"walkers={walkers!r} is empty; give slice(a, b) with a < b")
    return start, stop


def checked_observers(model: Model, observe: Any) -> tuple[tuple[str, Observer], ...]:
    """Return what is observed as pairs of a name and an observer, in order."""
    if observe is None:
        return ()
    known = ", ".join(kind.__name__ for kind in KINDS)
    if not isinstance(observe, Mapping):
        raise InvalidArgumentError(f"observe must map names to observers ({known}), got {shown(observe)}")
    pairs = []
    for name, specs in observe.items():
        if specs == ():
            raise InvalidArgumentError(f"observe[{name!r}] = () keeps nothing; name what to keep, or leave it out")
        for spec in specs if isinstance(specs, tuple) else (specs,):
            if not isinstance(spec, Observer):
                raise InvalidArgumentError(f"observe[{name!r}] must be one of {known}, got {shown(spec)}")
            _check_name(model, name, spec)
            pairs.append((name, spec))
    return tuple(pairs)


def _check_name(model: Model, name: Any, spec: Observer) -> None:
    if not spec.is_of_states:
        model.observable(name)
    elif not isinstance(name, str) or not name or name in model.observable_names:
        raise InvalidArgumentError(
            f"observe[{name!r}] = {spec!r} keeps whole states; give it a name that is no observable's, such as 'states'"
        )
    if spec.condition is not None:
        model.observable(spec.condition[0])
