"""How two runs differ, so that an error can name it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from ...checks import shown
from ...model import Model
from .description import content_hash
from .snapshot import Snapshot

__all__ = ["differences"]


def differences(there: Snapshot, here: Snapshot) -> Iterator[str]:
    """Yield how two runs differ in what decides a step: process, settings and start, but not in how many steps."""
    if there.process.model != here.process.model:
        yield from _between("the model's ", _parts(there.model), _parts(here.model))
    for name in ("dynamics", "temperature"):
        yield from _between("", {name: getattr(there.process, name)}, {name: getattr(here.process, name)})
    yield from _between("", _decisive(there), _decisive(here))
    if there.origin != here.origin:
        yield "the walkers started elsewhere (initial)"


def _between(whose: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    for name, value in there.items():
        if value != here[name]:
            yield f"{whose}{name} is {shown(value)} and not {shown(here[name])}"


def _parts(model: Model) -> dict[str, Any]:
    values = {field.name: getattr(model, field.name) for field in fields(model)}
    values["data"] = {name: content_hash(array) for name, array in model.data.items()}
    # The order of constraints is part of what they are.
    values["slice"] = None if model.slice is None else tuple(model.slice.items())
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _decisive(snapshot: Snapshot) -> dict[str, Any]:
    """Return the settings that decide the numbers of each step; how many steps there are does not."""
    values = {field.name: getattr(snapshot.settings, field.name) for field in fields(snapshot.settings)}
    del values["steps"]
    values["rng (the key of the noise)"] = hex(values.pop("key"))
    return values
