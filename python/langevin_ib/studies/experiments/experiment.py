"""What the paper's experiments have in common: a problem that is drawn, arms that train on it, what is made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .arms import Arm, Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CODE", "TEXT", "Difference", "Experiment", "Measured", "Plan", "quartiles"]

CODE, TEXT = "code", "text"
"""The two readings of an experiment: what the published code did, and what the text says."""


@dataclass(frozen=True)
class Plan:
    """How much of an experiment is run, and in which reading.

    Parameters
    ----------
    steps : int
        Iterations of the figure; arms of another length are scaled alike.
    share : float
        Those over the published ones.
    variant : str
        "code" or "text".
    """

    steps: int
    share: float
    variant: str

    @property
    def is_text(self) -> bool:
        """Whether the text is taken at its word."""
        return self.variant == TEXT

    def scaled(self, steps: int) -> int:
        """Return the length of an arm whose published length is given."""
        return max(1, round(steps * self.share))


@dataclass(frozen=True)
class Difference:
    """A point in which the paper's text, caption and code disagree.

    Parameters
    ----------
    point, text, code : str
        What it is about, and what each says.
    chosen : str
        Which one is the default here, and what speaks for it.
    """

    point: str
    text: str
    code: str
    chosen: str


@dataclass(frozen=True)
class Measured:
    """A figure of the paper, measured for every seed.

    Parameters
    ----------
    what : str
        What is measured, and when.
    values : array, shape (seeds,)
        nan for a seed whose arm diverged.
    published : float, optional
        What the paper, or its saved arrays, have.
    """

    what: str
    values: Array
    published: float | None = None

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median, upper quartile over seeds."""
        low, middle, high = quartiles(self.values[:, None])[:, 0].tolist()
        return low, middle, high

    @property
    def quantile(self) -> float | None:
        """The share of seeds below the published value, ties counted half."""
        if self.published is None or not np.isfinite(self.values).any():
            return None
        below, same = self.values < self.published, self.values == self.published
        return float((below.sum() + 0.5 * same.sum()) / np.isfinite(self.values).sum())


class Experiment(ABC):
    """One figure: how its problem is drawn, which arms train on it, what is measured and drawn.

    Attributes
    ----------
    name, title, claim : str
        How it is called, what it is, and what the paper says of it.
    steps, quick_steps : int
        Its published iterations, and those of a quick look.
    seed_of : str
        Prefix of the arrays that belong to a seed alone, not to the problem: its initial values.
    together : int
        How many seeds are taken at a time: arms that can train several at once are quicker so.
    published : tuple of str
        The arms of the publication; all others are controls.
    needed : tuple of str
        Arms without which nothing can be said, drawn or compared.
    differences : tuple of Difference
        Where text, caption and code disagree.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    claim: ClassVar[str]
    steps: ClassVar[int]
    quick_steps: ClassVar[int]
    seed_of: ClassVar[str] = "initial"
    together: ClassVar[int] = 1
    published: ClassVar[tuple[str, ...]]
    needed: ClassVar[tuple[str, ...]]
    differences: ClassVar[tuple[Difference, ...]]

    @abstractmethod
    def draw(self, rng: np.random.Generator, plan: Plan) -> dict[str, Array]:
        """Return the arrays of one seed: the problem, and initial values, whose names start with `seed_of`."""

    @abstractmethod
    def arms(self, problem: Mapping[str, Array], plan: Plan) -> tuple[Arm, ...]:
        """Return what trains on a problem."""

    @abstractmethod
    def start(self, arm: Arm, problem: Mapping[str, Array]) -> Array:
        """Return where an arm starts, shape (dim,)."""

    @abstractmethod
    def views(self, arm: Arm, problem: Mapping[str, Array], states: Array) -> dict[str, Array]:
        """Return what is kept of an arm of one seed, from its states of shape (looks, dim)."""

    @abstractmethod
    def measured(self, arrays: Mapping[str, Array], plan: Plan) -> list[Measured]:
        """Return measured figures beside published ones; `arrays` are views by "arm.view", seeds first."""

    @abstractmethod
    def sentence(self, arrays: Mapping[str, Array], plan: Plan) -> str:
        """Return in one plain sentence which effect the run shows."""

    @abstractmethod
    def figure(self, arrays: Mapping[str, Array], plan: Plan) -> Figure:
        """Draw the paper's figure with bands over seeds."""


def quartiles(values: Array) -> Array:
    """Return lower quartile, median and upper quartile over the first axis, shape (3, ...), of what is no nan."""
    found = np.full((3, *values.shape[1:]), np.nan)
    some = ~np.isnan(values).all(axis=0)
    found[:, some] = np.nanquantile(values[:, some], [0.25, 0.5, 0.75], axis=0)
    return found
