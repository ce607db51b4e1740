"""`SGD`: stochastic gradient descent, in which each walker sees a batch of rows of its own at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy

from ..checks import checked_int, checked_real, shown
from ..errors import InvalidArgumentError
from ..model import Model
from .dynamics import Dynamics, decay
from .fresh_rows import FreshRows
from .given import GivenBatches, checked_given, require_fit
from .risk import Risk

__all__ = ["MOST_ROWS", "SGD"]

MOST_ROWS = 2**17
"""The most random numbers that a walker has at a step for its batch, and for the noise on labels."""


@dataclass(frozen=True, repr=False)
class SGD(Dynamics):
    r"""Stochastic gradient descent: at every step each walker, a seed, sees a batch of rows of its own.

    x' = x - eta (gradient of the batch's mean loss + gradient of what is no part of the mean + weight_decay x), with
    eta the `step_size` of `sample`. The model's loss must be a mean over rows of its data, see `Risk`. A temperature
    may be added: x' then has the increment sqrt(2 T eta) R as well, which is stochastic-gradient Langevin dynamics; if
    none is given, there is none.

    Parameters
    ----------
    batch_size : int, optional
        Rows in a batch, B. None is the full batch, in order: gradient descent.
    replace : bool
        Whether a row can be in a batch more than once.
    label_noise : mapping from str to float, optional
        To every entry of these arrays fresh noise N(0, s²) is added in every batch. Kept as a tuple of pairs.
    weight_decay : float
        The coefficient of |x|**2 / 2; >= 0.
    epochs : bool
        Whether each walker goes through the rows in a random order of its own, a new one in each epoch. An epoch has
        n // B steps; rows that are left over are not seen in it. `replace` is then of no account. A thread keeps the
        orders of a block of walkers, 4 bytes for each row and walker.
    inclusion : float, optional
        In place of `batch_size`: each row is in the batch with this probability, 0 < p <= 1, independently of others.
    normalisation : float, optional
        With `inclusion`, or weights that are given: what the sum over the batch is divided by. By default that is the
        expected size p n, which makes the batch's loss unbiased; weights need one. The sum is that of the rows' losses,
        whose mean over all n rows is the model's loss.
    given : GivenBatches, optional
        Batches that were drawn elsewhere, in place of `batch_size` and `inclusion`. Their rows are those of the model's
        data, also where it has `Fresh` ones.

    Raises
    ------
    InvalidArgumentError
        If an argument is not as described, or two of them contradict each other.

    Examples
    --------
    >>> SGD(batch_size=8, label_noise={"y": 0.1})
    SGD(batch_size=8, replace=True, label_noise=(('y', 0.1),), weight_decay=0.0, epochs=False)
    """

    schemes: ClassVar[tuple[str, ...]] = ("euler-maruyama",)
    why: ClassVar[str] = "a step of SGD is one step along the gradient of a batch; take 'euler-maruyama', the default"
    default_temperature: ClassVar[float | None] = 0.0
    lawless: ClassVar[str] = (
        "SGD has no law of the form exp(-V / T): its noise is that of batches. Take Ambient(...) for the law of "
        "Langevin dynamics with the same loss"
    )

    batch_size: int | None = None
    replace: bool = True
    label_noise: Any = None
    weight_decay: float = 0.0
    epochs: bool = False
    inclusion: float | None = None
    normalisation: float | None = None
    given: GivenBatches | None = None

    def __post_init__(self) -> None:
        plain: dict[str, Any] = {
            "label_noise": _checked_noise(self.label_noise),
            "weight_decay": checked_real("weight_decay", self.weight_decay, minimum=0.0),
        }
        for name in ("replace", "epochs"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise InvalidArgumentError(f"{name} must be True or False, got {shown(getattr(self, name))}")
            plain[name] = bool(getattr(self, name))
        if self.batch_size is not None:
            plain["batch_size"] = checked_int("batch_size", self.batch_size, minimum=1, maximum=MOST_ROWS)
        for name in ("inclusion", "normalisation"):
            if getattr(self, name) is not None:
                plain[name] = checked_real(name, getattr(self, name), minimum=0.0, open_end=True)
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        self._require_one_way()

    def _require_one_way(self) -> None:
        ways = {
            "batch_size": self.batch_size,
            "inclusion": self.inclusion,
            "given": checked_given(self.given, self.label_noise),
        }
        said = [f"{name}={shown(way)}" for name, way in ways.items() if way is not None]
        if len(said) > 1:
            raise InvalidArgumentError(f"{' and '.join(said)} are two ways to draw a batch; give one of them")
        if self.epochs and self.batch_size is None:
            other = f"{said[0]} is another way to draw a batch; it" if said else "it"
            raise InvalidArgumentError(
                f"epochs=True needs batch_size=, how many rows of the order a step takes: {other} has no such size"
            )
        weighted = self.given is not None and self.given.weights is not None
        if self.normalisation is None and weighted:
            raise InvalidArgumentError("weights need normalisation=, what the weighted sum over a batch is divided by")
        if self.normalisation is not None and self.inclusion is None and not weighted:
            raise InvalidArgumentError(
                f"normalisation={self.normalisation:g} goes with inclusion= or weights only; batches of one size are "
                "averaged"
            )
        if self.inclusion is not None and self.inclusion > 1.0:
            raise InvalidArgumentError(f"inclusion={self.inclusion:g} is a probability; take 0 < inclusion <= 1")

    @property
    def is_noisy(self) -> bool:
        """Whether a step sees anything else than all rows as they are."""
        ways = (self.batch_size, self.inclusion, self.given)
        return any(way is not None for way in ways) or bool(self.label_noise)

    def potential(self, model: Model, temperature: float | None = None) -> sympy.Expr:
        """Return V = L + confinement + (weight_decay / 2) |x|**2, whose gradient is that of the full batch."""
        del temperature
        return model.potential() + decay(self.weight_decay, model)

    def require(self, model: Model) -> None:
        """Check that batches of the model can be drawn so.

        Raises
        ------
        InvalidArgumentError, UnsupportedModelError
            If its loss is no mean over rows, there are too few or too many of them, or what is to be noisy is no label.
        """
        if model.fresh is not None:
            self._require_fresh(model)
        if not self.is_noisy:
            return
        risk = Risk.of(model)
        risk.require_labels([name for name, _ in self.label_noise])
        rows = len(risk.table)
        if self.batch_size is not None and (not self.replace or self.epochs) and self.batch_size > rows:
            raise InvalidArgumentError(
                f"batch_size={self.batch_size} is more than the {rows} rows of the data; take at most that, or "
                "replace=True"
            )
        if self.given is not None:
            require_fit(self.given, risk)
        if (self.epochs or self.inclusion is not None) and rows > MOST_ROWS:
            raise InvalidArgumentError(
                f"{rows} rows are more than can be shuffled or masked at a step, {MOST_ROWS}; take batch_size="
            )
        most = self.given.size if self.given is not None else self.batch_size or rows
        noisy = np.count_nonzero(risk.noise(dict(self.label_noise)))
        if noisy * most > MOST_ROWS:
            raise InvalidArgumentError(
                f"label_noise of {noisy} entries in each of {most} rows is more than {MOST_ROWS}, which can be drawn "
                "at a step; take a smaller batch_size"
            )

    def _require_fresh(self, model: Model) -> None:
        if self.given is not None:
            return
        if self.batch_size is None or self.epochs or not self.replace:
            raise InvalidArgumentError(
                f"{self!r} draws from a list of rows, and those of this model are drawn afresh: there is no full "
                "batch, and no row comes twice. Take SGD(batch_size=...), with label_noise= as needed"
            )
        FreshRows.of(model, self.label_noise)
        assert model.fresh is not None
        if len(model.fresh.symbols) * self.batch_size > MOST_ROWS:
            raise InvalidArgumentError(
                f"batch_size={self.batch_size} rows of {len(model.fresh.symbols)} inputs are more than {MOST_ROWS} "
                "numbers, which can be drawn at a step; take a smaller batch_size"
            )

    def require_steps(self, steps: int, walkers: int) -> None:
        """Check that batches are given for so many steps, and for walkers up to such a number.

        Raises
        ------
        InvalidArgumentError
            If there are fewer.
        """
        given = self.given
        if given is not None and given.steps < steps:
            raise InvalidArgumentError(f"{given!r} is for {given.steps} steps, not steps={steps}; give more of them")
        if given is not None and given.walkers is not None and given.walkers < walkers:
            raise InvalidArgumentError(
                f"{given!r} is for walkers 0 to {given.walkers - 1}, not for walker {walkers - 1}; give more of them"
            )


def _checked_noise(noise: Any) -> tuple[tuple[str, float], ...]:
    """Return names of arrays with the standard deviations of their noise, in the order of the names."""
    if noise is None:
        return ()
    pairs = dict(noise) if isinstance(noise, tuple) else noise
    if not isinstance(pairs, Mapping) or not all(isinstance(name, str) for name in pairs):
        raise InvalidArgumentError(
            f'label_noise must map names of arrays to standard deviations, such as {{"y": 0.1}}, got {shown(noise)}'
        )
    checked = ((name, checked_real(f"label_noise[{name!r}]", s, minimum=0.0)) for name, s in sorted(pairs.items()))
    return tuple((name, s) for name, s in checked if s > 0.0)
