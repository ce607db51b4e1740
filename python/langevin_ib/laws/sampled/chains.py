"""Chains where a mixture cannot follow a weight: many, short, and in four families that know nothing of each other.

Each family starts from a population of its own (`cooled`, from all scales at once). Its chains go by differences of two
members of an archive, the family as it was at some time: a Metropolis step with a symmetric proposal that has the shape
of the weight (ter Braak and Vrugt, Stat. Comput. 18 (2008) 435). As long as the archive is not touched, chains are
independent given their archive. They are judged as families: by whether all agree, and the earlier half of the time
with the later one (nested R-hat: Margossian, Hoffman, Sountsov, Riou-Durand, Vehtari and Gelman, arXiv 2110.13017).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..confirmation import LogWeight, cooled

__all__ = ["FAMILIES", "GROUPS", "Chains", "disagreement"]

FloatArray = NDArray[np.float64]

FAMILIES, GROUPS = 4, 8
"""Families, and groups of each whose sums are kept apart."""

_POPULATION = 1024
_KINDS = (*["all"] * 10, *["some"] * 2, "jump", "flip", *["curved"] * 2)
"""Of proposals, as often as they are here: differences in all coordinates, in some, at their whole length, changes of
signs, and differences in asinh(x / scale), where what falls off like a power is as easy to follow as an exponential."""

_LENGTHS = np.array([0.7, 0.45, 0.3])


@dataclass
class Chains:
    """The chains, family after family.

    Parameters
    ----------
    log_weight : callable
        See `LogWeight`.
    x : array, shape (d, FAMILIES * population)
        Where they are, column by column.
    rng : numpy.random.Generator
        What they draw from.
    """

    log_weight: LogWeight
    x: FloatArray
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self._logs = self.log_weight(self.x.T)
        self._first = np.arange(self.x.shape[1]) // _POPULATION * _POPULATION
        self.refresh()

    @classmethod
    def started(
        cls, log_weight: LogWeight, guide: LogWeight | None, dim: int, rng: np.random.Generator
    ) -> Chains | None:
        """Return chains where the weight is; None if it was nothing wherever it was looked at."""
        families = []
        for _ in range(FAMILIES):
            points = cooled(log_weight if guide is None else guide, dim, _POPULATION, rng)
            inside = None if points is None else np.flatnonzero(np.isfinite(log_weight(points)))
            if points is None or inside is None or not inside.size:
                return None
            families.append(points[inside[np.arange(_POPULATION) % inside.size]])
        return cls(log_weight, np.ascontiguousarray(np.concatenate(families).T), rng)

    def refresh(self) -> None:
        """Make the families as they are their archives."""
        self._archive = self.x.copy()
        self._scale = np.maximum(np.median(np.abs(self.x), axis=1, keepdims=True), 1e-150)
        self._curved = np.arcsinh(self._archive / self._scale)

    def go(self, steps: int) -> None:
        """Propose so many moves for every chain."""
        for kind in self.rng.choice(_KINDS, steps):
            match kind:
                case "flip":
                    fresh = self.x * np.where(self.rng.random(self.x.shape) < 1.5 / len(self.x), -1.0, 1.0)
                    self._accept(fresh, 0.0)
                case "curved":
                    change = self._difference(self._curved)
                    fresh = self._scale * np.sinh(np.arcsinh(self.x / self._scale) + self._lengths() * change)
                    self._accept(fresh, self._log_stretch(fresh) - self._log_stretch(self.x))
                case "jump":
                    self._accept(self.x + self._difference(self._archive), 0.0)
                case "some":
                    kept = self.rng.random(self.x.shape) < self.rng.choice([1.5 / len(self.x), 0.3])
                    length = 2.38 / np.sqrt(2.0 * np.maximum(kept.sum(axis=0), 1))
                    self._accept(self.x + length * kept * self._difference(self._archive), 0.0)
                case _:
                    self._accept(self.x + self._lengths() * self._difference(self._archive), 0.0)

    def looked_at(self, steps: int, every: int) -> Iterator[FloatArray]:
        """Go on, and yield where the chains are, shape (chains, d), after every so many steps."""
        for _ in range(steps // every):
            self.go(every)
            yield self.x.T

    def _difference(self, archive: FloatArray) -> FloatArray:
        """Return for each chain the difference of two members of its family."""
        one, other = (self._first + self.rng.integers(_POPULATION, size=self.x.shape[1]) for _ in range(2))
        return np.asarray(archive[:, one] - archive[:, other])

    def _lengths(self) -> FloatArray:
        return np.asarray(2.38 / math.sqrt(2.0 * len(self.x)) * self.rng.choice(_LENGTHS, self.x.shape[1]))

    def _accept(self, fresh: FloatArray, log_volume: FloatArray | float) -> None:
        logs = self.log_weight(fresh.T)
        taken = np.log(self.rng.random(len(logs))) < logs - self._logs + log_volume
        self.x, self._logs = np.where(taken, fresh, self.x), np.where(taken, logs, self._logs)

    def _log_stretch(self, x: FloatArray) -> FloatArray:
        """Return the log of dx / d asinh(x / scale)."""
        return np.asarray(np.log1p(np.square(x / self._scale)).sum(axis=0) / 2.0)


def disagreement(below: FloatArray) -> tuple[float, float]:
    """Return by how many standard errors families differ from all, and halves of the time from each other, at most.

    Parameters
    ----------
    below : array, shape (2, FAMILIES * GROUPS, places)
        For each half of the time and each group the share of values up to some places.
    """
    whole = below.mean(axis=0).reshape(FAMILIES, GROUPS, -1)
    families = whole.mean(axis=1)
    within = np.square(whole - families[:, None]).sum(axis=(0, 1)) / (FAMILIES * (GROUPS - 1))
    error = np.sqrt(within / GROUPS * (1.0 - 1.0 / FAMILIES))
    change = below[1] - below[0]
    spread = change.std(axis=0, ddof=1) / math.sqrt(change.shape[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.abs(families - families.mean(axis=0)) / error
        drift = np.abs(change.mean(axis=0)) / spread
    return float(np.nanmax(between, initial=0.0)), float(np.nanmax(drift, initial=0.0))
