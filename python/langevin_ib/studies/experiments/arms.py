"""Arms of an experiment: single training runs, and what they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...progress import Progress

__all__ = ["Arm", "Array", "Matched", "Order", "Problem", "looks"]

Array = NDArray[np.float64]
Problem = Mapping[str, Array]


@dataclass(frozen=True)
class Matched:
    """A temperature that is matched to the noise of another arm's gradients.

    Parameters
    ----------
    to : str
        The other arm, which was trained before.
    place : int
        At which of its looks its noise is taken.
    temperature : callable
        Of a problem and a state: T = eta tr(S) / (2 dim), S the covariance of a batch's gradient, for the paper's loss.
    """

    to: str
    place: int
    temperature: Callable[[Problem, Array], float]

    @classmethod
    def of(cls, arm: Arm, at: int, temperature: Callable[[Problem, Array], float]) -> Matched:
        """Return what is matched to an arm after an iteration of the figure; after its last one if it is shorter."""
        return cls(arm.name, min(int(np.searchsorted(arm.clock, at)), len(arm.looks) - 1), temperature)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked of an arm.

    Parameters
    ----------
    walkers : range
        The seeds.
    root : int
        From which all random numbers come.
    problems : sequence of mapping from str to array
        Of each seed.
    initial : array, shape (seeds, dim)
        Where each starts.
    temperatures : array, shape (seeds,)
        Of isotropic noise, for the paper's loss.
    progress : bool or callable
        As for `sample`.
    """

    walkers: range
    root: int
    problems: Sequence[Problem]
    initial: Array
    temperatures: Array
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Arm(ABC):
    """One training run of an experiment.

    Parameters
    ----------
    name : str
        What it is called in results.
    learning_rate : float
        That of the paper, whose loss is a mean of squares without a half.
    looks : tuple of int
        The iterations after which the state is kept, increasing; the last is the length.
    pace : int
        How many iterations of the figure one of these stands for: it has so many times their learning rate.
    heat : float
        The temperature of isotropic noise beside the gradient, for the paper's loss.
    matched : Matched, optional
        In its place, where the temperature has to be found.
    """

    name: str
    learning_rate: float
    looks: tuple[int, ...]
    pace: int = 1
    heat: float = 0.0
    matched: Matched | None = None

    @property
    def steps(self) -> int:
        """How many iterations it makes."""
        return self.looks[-1]

    @property
    def clock(self) -> tuple[int, ...]:
        """The iterations of the figure at its looks."""
        return tuple(self.pace * look for look in self.looks)

    @property
    def is_joint(self) -> bool:
        """Whether seeds with problems of their own are trained at the same time."""
        return False

    @abstractmethod
    def train(self, order: Order) -> Array:
        """Return the states at the looks, shape (seeds, looks, dim).

        Raises
        ------
        DivergenceError
            If a seed ran away.
        KeyboardInterrupt
            After Ctrl-C.
        """


def looks(steps: int, extra: Sequence[int] = (), *, count: int = 120) -> tuple[int, ...]:
    """Return iterations to look at, evenly in their logarithm, and those of `extra` that are within reach."""
    even: Any = np.unique(np.rint(np.geomspace(1, steps, count)).astype(int))
    return tuple(sorted({*even.tolist(), *(look for look in extra if look <= steps), steps}))
