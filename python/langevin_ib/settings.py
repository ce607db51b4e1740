"""The settings of a run: everything that decides its numbers, and the machine, which decides only how fast they come."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from .checks import checked_int, checked_real
from .errors import InvalidArgumentError
from .observe import Histogram, Moments, Provenance, Spec, Trace

__all__ = ["DTYPES", "NOISES", "SCHEMES", "Machine", "Settings"]

SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")
DTYPES = ("float64", "float32")
NOISES = ("native", "single")

GROUPS = 64
"""Histograms are kept apart for this many groups of walkers; their spread gives the error bars."""

MAX_WALKERS = 2**40
MAX_STEPS = 2**62


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a run. Two runs with equal settings and initial states are equal to the bit.

    Parameters
    ----------
    temperature : float
        T = sigma²/beta, >= 0.
    step_size : float
        h > 0, in units of time.
    steps : int
        Steps of the whole run, the burn-in among them.
    burn_in : int
        Observers look at the states after steps burn_in + every, burn_in + 2 every, ...
    walkers : (int, int)
        The numbers of the first walker and of the one after the last.
    key : int
        The 128-bit key of the noise.
    scheme, dtype, noise : str
        See `SCHEMES`, `DTYPES` and `NOISES`.
    observe : tuple of (str, Spec)
        What is kept, in the order of the results.
    """

    temperature: float
    step_size: float
    steps: int
    burn_in: int
    walkers: tuple[int, int]
    key: int
    scheme: str
    dtype: str
    noise: str
    observe: tuple[tuple[str, Spec], ...]

    def __post_init__(self) -> None:
        checked_real("step_size", self.step_size, minimum=0.0, open_end=True)
        steps = checked_int("steps", self.steps, minimum=1, maximum=MAX_STEPS)
        burn_in = checked_int("burn_in", self.burn_in, minimum=0, maximum=MAX_STEPS)
        if burn_in >= steps:
            raise InvalidArgumentError(f"burn_in={burn_in} leaves none of the steps={steps} to observe; take more steps")
        for name, value, known in (("scheme", self.scheme, SCHEMES), ("dtype", self.dtype, DTYPES), ("noise", self.noise, NOISES)):
            if value not in known:
                raise InvalidArgumentError(f"{name}={value!r} is unknown; choose one of {', '.join(map(repr, known))}")
        if self.scheme == "mala" and self.temperature == 0.0:
            raise InvalidArgumentError("scheme='mala' needs a positive temperature: at T = 0 it would accept no uphill step")
        for name, spec in self.observe:
            if self.observations(spec) == 0:
                raise InvalidArgumentError(
                    f"observe[{name!r}]: {spec} never looks, as only steps - burn_in = {steps - burn_in} steps are observed"
                )

    @property
    def count(self) -> int:
        """The number of walkers."""
        return self.walkers[1] - self.walkers[0]

    @property
    def groups(self) -> int:
        """The number of groups of walkers that histograms are kept for."""
        return min(GROUPS, self.walkers[1])

    def observations(self, spec: Spec, steps: int | None = None) -> int:
        """Return how often a spec has looked at each walker once `steps` steps (by default all) have been made."""
        made = self.steps if steps is None else steps
        return max(made - self.burn_in, 0) // spec.every

    def provenance(self, name: str, spec: Spec, steps: int) -> Provenance:
        """Return what a filled result has to know of the run, `steps` steps into it."""
        return Provenance(
            observable=name,
            scheme=self.scheme,
            step_size=self.step_size,
            temperature=self.temperature,
            walkers=self.count,
            observations=self.observations(spec, steps),
            key=(self.key & (2**64 - 1), self.key >> 64),
        )

    def require_memory(self, dim: int, threads: int) -> None:
        """Raise if the run cannot fit into this machine's memory.

        Raises
        ------
        InvalidArgumentError
            If states and observers together need more than the machine has.
        """
        itemsize = np.dtype(self.dtype).itemsize
        # States exist as the caller's array, as the core's blocks and as the result; what observers keep by walker, twice.
        needs = {"states": 3 * self.count * dim * itemsize}
        for name, spec in self.observe:
            match spec:
                case Trace():
                    size = 2 * self.count * self.observations(spec) * itemsize
                case Moments():
                    size = 2 * self.count * spec.order * 8
                case Histogram():
                    size = (self.groups + 1) * (spec.bins + 3) * (8 + 4 * threads)
            needs[f"observe[{name!r}]"] = size
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else math.inf
        if sum(needs.values()) > available:
            largest = max(needs, key=needs.__getitem__)
            raise InvalidArgumentError(
                f"the run needs {sum(needs.values()) / 2**30:.3g} GiB and this machine has {available / 2**30:.3g} GiB; most "
                f"goes to {largest}: take fewer walkers (now {self.count}), larger every= or fewer bins"
            )


@dataclass(frozen=True)
class Machine:
    """How a run is computed; no number depends on it.

    Parameters
    ----------
    threads : int
        Threads to use; by default as many as the machine runs at once.
    level : str, optional
        Instruction set, one of `levels()`; by default the best.
    block : int
        Walkers that one thread moves together.
    """

    threads: int
    level: str | None = None
    block: int = 64

    @classmethod
    def checked(cls, threads: Any, level: Any, block: Any) -> Machine:
        """Return the machine that a user asked for.

        Raises
        ------
        InvalidArgumentError
            If this machine is not so.
        """
        if level is not None and level not in _core.levels():
            raise InvalidArgumentError(f"level={level!r} is not one of this machine's: {', '.join(_core.levels())}")
        return cls(
            threads=_core.cpu_count() if threads is None else checked_int("threads", threads, minimum=1, maximum=1024),
            level=level,
            block=checked_int("block", block, minimum=32, maximum=65_536),
        )

    @property
    def level_name(self) -> str:
        """The instruction set in use."""
        return self.level or _core.levels()[-1]
