"""How far a command with several parts is, and when it will be done."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from ..deadline import somebody_looks

__all__ = ["paced"]

T = TypeVar("T")


def paced(parts: Sequence[T], names: Sequence[str], *, silent: bool) -> Iterator[T]:
    """Yield parts one by one, and say on a terminal before each how far it is, and how long it may still take."""
    start = time.monotonic()
    for done, (part, name) in enumerate(zip(parts, names, strict=True)):
        if not silent and len(parts) > 1 and somebody_looks():
            spent = time.monotonic() - start
            left = f", about {_said(spent / done * (len(parts) - done))} left" if done else ""
            print(f"[{done + 1}/{len(parts)}] {name}: {_said(spent)} so far{left}", file=sys.stderr, flush=True)
        yield part


def _said(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest:02d} s"
