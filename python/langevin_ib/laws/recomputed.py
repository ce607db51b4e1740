"""Objects whose cached properties are not pickled along, but computed again where they are wanted."""

from __future__ import annotations

from typing import Any

__all__ = ["Recomputed"]


class Recomputed:
    """Base of dataclasses that are pickled as their fields: what is cached beside them may be functions."""

    def __getstate__(self) -> dict[str, Any]:
        fields: dict[str, Any] = getattr(self, "__dataclass_fields__", {})
        return {name: getattr(self, name) for name in fields}
