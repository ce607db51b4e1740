"""The settings of a run: everything that decides its numbers, and the machine, which decides how fast they come."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _core
from ...checks import checked_int, checked_real, one_of
from ...errors import InvalidArgumentError
from ...observe import Extent, Histogram, Observer, Provenance
from ...process import Process
from ...schemes import SCHEMES

__all__ = ["DTYPES", "NOISES", "REACH", "Machine", "Settings"]

DTYPES = ("float64", "float32")
NOISES = ("native", "single")

REACH = {"float64": 1e100, "float32": 1e18}
"""A coordinate beyond this has run away; its square can still be represented."""

MAX_WALKERS = 2**40
MAX_STEPS = 2**62
MAX_SUBSTEPS = 1024


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a run. Two runs with equal settings and initial states are equal to the bit.

    Parameters
    ----------
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
    observe : tuple of (str, Observer)
        What is kept, in the order of the results.
    substeps : int
        Finer steps whose normalised sum is the noise of one step; see `sample`.
    approach : int
        Under ``mala``, so many steps of the burn-in lead walkers to where they belong before it refuses any.
    """

    step_size: float
    steps: int
    burn_in: int
    walkers: tuple[int, int]
    key: int
    scheme: str
    dtype: str
    noise: str
    observe: tuple[tuple[str, Observer], ...]
    substeps: int = 1
    approach: int = 0

    def __post_init__(self) -> None:
        plain = {
            "step_size": checked_real("step_size", self.step_size, minimum=0.0, open_end=True),
            "steps": checked_int("steps", self.steps, minimum=1, maximum=MAX_STEPS),
            "burn_in": checked_int("burn_in", self.burn_in, minimum=0, maximum=MAX_STEPS),
            "scheme": one_of("scheme", self.scheme, tuple(SCHEMES)),
            "dtype": one_of("dtype", _dtype_name(self.dtype), DTYPES),
            "noise": one_of("noise", self.noise, NOISES),
            "substeps": checked_int("substeps", self.substeps, minimum=1, maximum=MAX_SUBSTEPS),
            "approach": checked_int("approach", self.approach, minimum=0, maximum=MAX_STEPS),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        if self.steps * self.substeps >= 2**63:
            raise InvalidArgumentError(
                f"steps={self.steps} times substeps={self.substeps} is more than the noise can address; take fewer of "
                "either"
            )
        if self.burn_in >= self.steps:
            raise InvalidArgumentError(
                f"burn_in={self.burn_in} leaves none of the steps={self.steps} to observe; take more steps"
            )
        if self.approach > (self.burn_in if self.is_metropolis else 0):
            raise InvalidArgumentError(
                f"approach={self.approach} is a part of the burn-in (burn_in={self.burn_in}) of 'mala', not of "
                f"{self.scheme!r}; take at most that"
            )
        for name, spec in self.observe:
            if self.observations(spec) == 0:
                raise InvalidArgumentError(
                    f"observe[{name!r}]: {spec} never looks, as only steps - burn_in = {self.steps - self.burn_in} "
                    "steps are observed; take more steps or look earlier"
                )

    @property
    def is_metropolis(self) -> bool:
        """Whether the scheme may refuse steps."""
        return SCHEMES[self.scheme].is_metropolis

    @property
    def count(self) -> int:
        """The number of walkers."""
        return self.walkers[1] - self.walkers[0]

    def observations(self, spec: Observer, steps: int | None = None) -> int:
        """Return how often an observer has looked once `steps` steps (by default all) have been made."""
        return spec.looks((self.steps if steps is None else steps) - self.burn_in)

    def extent(self, dim: int, spec: Observer, steps: int | None = None) -> Extent:
        """Return what decides how much an observer keeps, of walkers of `dim` coordinates, after so many steps."""
        return Extent(self.count, dim, self.dtype, self.observations(spec, steps))

    def require_motion(self, process: Process) -> None:
        """Refuse a scheme that cannot follow the process, what it has no batches for, and steps that are none.

        The last would silently round to zero.

        Raises
        ------
        InvalidArgumentError
            The message says why, and what to take.
        """
        if self.scheme not in process.dynamics.schemes:
            raise InvalidArgumentError(
                f"scheme={self.scheme!r} does not go with {type(process.dynamics).__name__}: {process.dynamics.why}"
            )
        process.dynamics.require_steps(self.steps, self.walkers[1])
        tiny = float(np.finfo(self.dtype).tiny)
        h, T = self.step_size, process.temperature
        if self.is_metropolis and T == 0.0:
            raise InvalidArgumentError(
                f"scheme={self.scheme!r} needs temperature > 0: at T = 0 it would accept no uphill step; take "
                "'euler-maruyama'"
            )
        needed = {"step_size": h} | ({"temperature": T, "2 * temperature * step_size": 2.0 * T * h} if T > 0.0 else {})
        for name, value in needed.items():
            if value < tiny:
                raise InvalidArgumentError(
                    f"{name} = {value:.3g} is too small for dtype={self.dtype!r}, whose smallest normal number is "
                    f"{tiny:.3g}; rescale the loss"
                )

    def provenance(self, process: Process, name: str, spec: Observer, steps: int) -> Provenance:
        """Return what a filled result has to know of the run, `steps` steps into it."""
        return Provenance(
            observable=name,
            scheme=self.scheme,
            step_size=self.step_size,
            temperature=process.temperature,
            walkers=self.count,
            observations=self.observations(spec, steps),
            key=Provenance.halves(self.key),
            # Whole states have no formula, and a compiled potential has none.
            described=process.model.described(name) if isinstance(spec, Histogram) and not process.compiled else "",
        )

    def require_memory(self, dim: int, threads: int) -> None:
        """Raise if the run cannot fit into this machine's memory.

        Raises
        ------
        InvalidArgumentError
            If states and observers together need more than the machine has.
        """
        itemsize = np.dtype(self.dtype).itemsize
        # States exist as the initial array, as the core's blocks and as the result.
        needs = {"states": 3 * self.count * dim * itemsize}
        for name, spec in self.observe:
            size = spec.bytes(self.extent(dim, spec), threads)
            needs[f"observe[{name!r}]"] = needs.get(f"observe[{name!r}]", 0) + size
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else math.inf
        if sum(needs.values()) > available:
            largest = max(needs, key=needs.__getitem__)
            raise InvalidArgumentError(
                f"the run needs {sum(needs.values()) / 2**30:.3g} GiB, this machine has {available / 2**30:.3g} GiB; "
                f"most goes to {largest}: take fewer walkers (now {self.count}), larger every= or fewer bins"
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
    block: int = 256

    @classmethod
    def checked(cls, threads: Any, level: Any, block: Any) -> Machine:
        """Return the machine that a user asked for.

        Raises
        ------
        InvalidArgumentError
            If this machine is not so.
        """
        return cls(
            threads=_core.cpu_count() if threads is None else checked_int("threads", threads, minimum=1, maximum=1024),
            level=None if level is None else one_of("level", level, tuple(_core.levels())),
            block=checked_int("block", block, minimum=32, maximum=65_536),
        )

    @property
    def level_name(self) -> str:
        """The instruction set in use."""
        return self.level or _core.levels()[-1]


def _dtype_name(dtype: Any) -> Any:
    """Return the name of a NumPy dtype or scalar type such as `numpy.float32`, and anything else as it is."""
    return np.dtype(dtype).name if isinstance(dtype, (type, np.dtype)) and dtype in (np.float64, np.float32) else dtype
