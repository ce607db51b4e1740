"""What a study came to: arrays over seeds, measured figures, a sentence, a picture, and the files of all of these."""

from __future__ import annotations

import json
import platform
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
import sympy

from ...checks import shown
from ...errors import InvalidArgumentError
from .arms import Array
from .experiment import Measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Made", "checked_folder"]


def checked_folder(out: Any) -> Path | None:
    """Return the folder for the files of a study, made if need be; None if none is wanted.

    Raises
    ------
    InvalidArgumentError
        If it is no path.
    OSError
        If it cannot be made: that should be known before the work, not after.
    """
    if out is None:
        return None
    if not isinstance(out, (str, Path)):
        raise InvalidArgumentError(f"out must be a path of a folder, got {shown(out)}")
    Path(out).mkdir(parents=True, exist_ok=True)
    return Path(out)


class Made(ABC):
    """Arrays, seeds first, of a study that was done with many seeds, and what can be said of them.

    Attributes
    ----------
    seeds : tuple of int
        The seeds that are done, fewer than were asked for if `interrupted`.
    arrays : mapping from str to array
        What was kept, by "arm.view", seeds first.
    interrupted : bool
        Whether Ctrl-C ended it.
    seconds : float
        How long it took.
    """

    seeds: tuple[int, ...]
    arrays: Mapping[str, Array]
    interrupted: bool
    seconds: float

    @property
    @abstractmethod
    def stem(self) -> str:
        """How its files are called."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is."""

    @property
    @abstractmethod
    def measured(self) -> Sequence[Measured]:
        """Measured figures."""

    @property
    @abstractmethod
    def sentence(self) -> str:
        """Which effect it shows, computed from the run."""

    @abstractmethod
    def figure(self) -> Figure:
        """Return the picture, with bands over seeds."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return what was run, as JSON-ready values."""

    def rows(self) -> list[str]:
        """Return measured figures as lines for terminals, after a headline."""
        measured = self.measured
        width = max([len(each.what) for each in measured], default=0)
        is_published = any(each.published is not None for each in measured)
        lines = [f"  {'measured':<{width}}  {'quartiles over seeds':<30}  {'published (its quantile)' * is_published}"]
        for each in measured:
            said = " / ".join(f"{value:.4g}" for value in each.quartiles)
            known = "" if each.published is None else f"{each.published:.4g} ({each.quantile:.2f})"
            lines.append(f"  {each.what:<{width}}  {said:<30}  {known}")
        return [line.rstrip() for line in lines]

    def summary(self) -> dict[str, Any]:
        """Return everything but the arrays as JSON-ready values."""
        return {
            **self.facts(),
            "seeds": list(self.seeds),
            "interrupted": self.interrupted,
            "seconds": self.seconds,
            "measured": [
                {
                    "what": each.what,
                    "values": [float(value) if np.isfinite(value) else None for value in each.values],
                    "published": each.published,
                    "quantile": each.quantile,
                }
                for each in self.measured
            ],
            "sentence": self.sentence,
            "versions": {
                "langevin-ib": version("langevin-ib"),
                "python": platform.python_version(),
                "numpy": np.__version__,
                "scipy": scipy.__version__,
                "sympy": sympy.__version__,
            },
        }

    def write(self, folder: Path) -> list[Path]:
        """Write figure, arrays and JSON into a folder, which is made if need be; return the files.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        folder.mkdir(parents=True, exist_ok=True)
        picture, arrays, data = (folder / f"{self.stem}{suffix}" for suffix in (".png", ".npz", ".json"))
        self.figure().savefig(picture, dpi=150)
        with arrays.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **self.arrays)
        data.write_text(json.dumps(self.summary(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return [picture, arrays, data]
