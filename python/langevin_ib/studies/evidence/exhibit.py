"""What exhibits have in common: a problem that is drawn, arms that solve it, what was expected, what came of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np

from ...display import colour
from ..experiments import Array, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Exhibit", "Views", "draw_errors", "median", "relative_error"]

Views: TypeAlias = dict[str, Array]


class Exhibit(ABC):
    """One figure of the evidence.

    Attributes
    ----------
    name, title : str
        How it is called, and what it is.
    expectation : str
        What was expected of it, written down before it was run.
    arms : mapping from str to str
        The ways to solve the problem, and how they are called.
    peers : mapping from str to str
        Arms by libraries that may not be there: the names of their modules.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    expectation: ClassVar[str]
    arms: ClassVar[Mapping[str, str]]
    peers: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def settings(self, *, quick: bool) -> str:
        """Return what was set, in words: it stands on the figure."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, *, quick: bool) -> Views:
        """Return the arrays of a seed's problem."""

    @abstractmethod
    def solve(self, arm: str, problem: Views, done: Mapping[str, Views], *, key: int, quick: bool) -> Views:
        """Return what is kept of an arm.

        Parameters
        ----------
        arm : str
            Which one.
        problem : dict from str to array
            What was drawn.
        done : mapping from str to dict
            What earlier arms of this seed came to.
        key : int
            For random numbers of this arm and seed.
        quick : bool
            Whether it is for a first look.
        """

    @abstractmethod
    def measured(self, arrays: Mapping[str, Array]) -> list[Measured]:
        """Return measured figures; `arrays` are views by "arm.view", seeds first."""

    @abstractmethod
    def sentence(self, arrays: Mapping[str, Array]) -> str:
        """Return in one plain sentence what came of it."""

    @abstractmethod
    def figure(self, arrays: Mapping[str, Array]) -> Figure:
        """Draw it."""

    def present(self, arrays: Mapping[str, Array], view: str) -> dict[str, str]:
        """Return the arms that have a view, and how they are called."""
        return {arm: called for arm, called in self.arms.items() if f"{arm}.{view}" in arrays}


def relative_error(w: Array, truth: Array) -> Array:
    """Return |w - truth| / |truth| over the last axis."""
    return np.asarray(np.linalg.norm(w - truth, axis=-1) / np.linalg.norm(truth))


def median(arrays: Mapping[str, Array], name: str) -> float:
    """Return the median over seeds."""
    return float(np.median(arrays[name]))


def draw_errors(ax: Axes, arrays: Mapping[str, Array], view: str, arms: Mapping[str, str]) -> None:
    """Draw a row of points for each arm, a point a seed, with a bar at the median."""
    for place, arm in enumerate(arms):
        values = arrays[f"{arm}.{view}"]
        ax.plot(values, place + np.linspace(-0.2, 0.2, len(values)), "o", ms=3, color=colour(place), alpha=0.6)
        ax.plot([np.median(values)] * 2, [place - 0.3, place + 0.3], color=colour(place), lw=2)
    ax.set_yticks(range(len(arms)), list(arms.values()), fontsize="small")
    ax.set(xscale="log", ylim=(len(arms) - 0.5, -0.5))
