"""An arm that runs in the core, in the closed form of its loss, which is stated and checked before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ...checks import key_of
from ...errors import DivergenceError
from .arms import Arm, Array, Order, Problem

if TYPE_CHECKING:
    from ..._core import Examples, Request, _Alone

__all__ = ["Descent", "Draw", "Loss", "alone", "examples"]

TOLERANCE = 1e-9
"""The largest share of a gradient by which its closed form may be off what NumPy makes of it."""

Draw = Callable[[str, int], Array]
"""Returns so many normals of a stream for every seed; of "uniform", the uniform numbers that inputs are."""


class Loss(Protocol):
    """The paper's loss, as the core has it and as NumPy has it.

    Attributes
    ----------
    is_joint : bool
        Whether the core takes seeds with problems of their own together.
    """

    @property
    def is_joint(self) -> bool:
        """Whether it does."""
        ...

    def form(self, problems: Sequence[Problem], first: int, decay: float) -> Examples:
        """Return the closed form for the problems of seeds from `first` on, with a weight decay."""
        ...

    def gradient(self, problems: Sequence[Problem], x: Array, draw: Draw) -> Array:
        """Return the gradient at x, shape (seeds, dim), of the batch that is drawn, without the decay."""
        ...


@dataclass(frozen=True, kw_only=True)
class Descent(Arm):
    """x' = x - eta (gradient + decay x) + sqrt(2 T eta) R, what `sample` does under `SGD`.

    Where a formula has hundreds of parameters, SymPy takes longer for it than the core for all of the training. So here
    the closed form is stated, and every run compares its first gradient with one that is written out in NumPy.

    Parameters
    ----------
    loss : Loss
        What is trained, and how batches are drawn.
    decay : float
        The weight decay.
    """

    loss: Loss
    decay: float = 0.0

    @property
    def is_joint(self) -> bool:
        """Whether seeds with problems of their own are trained at the same time."""
        return self.loss.is_joint

    def train(self, order: Order) -> Array:
        """Return the states at the looks, shape (seeds, looks, dim).

        Raises
        ------
        RuntimeError
            If the closed form is wrong.
        """
        initial = np.ascontiguousarray(order.initial, dtype=np.float64)
        heat = order.temperatures[0]
        assert (order.temperatures == heat).all()
        plain = self._request(order, [1]) | {"step_size": 1.0}
        self._require_right(order, initial, initial - self._made(plain, initial, None)[:, 0])
        request = self._request(order, list(self.looks)) | {"temperature": float(heat)}
        report = order.progress
        return self._made(request, initial, (lambda made: report(made, self.steps)) if callable(report) else None)

    def _require_right(self, order: Order, x: Array, found: Array) -> None:
        key, walkers = key_of(order.root), (order.walkers.start, order.walkers.stop)

        def draw(stream: str, count: int) -> Array:
            if stream == "uniform":
                words = _core.words(key, walkers, (0, 1), count, stream="input")[:, 0, :count] >> np.uint64(12)
                return np.asarray((words + 0.5) * 2.0**-52)
            return np.asarray(_core.normals(key, walkers, (0, 1), count, stream=stream)[:, 0, :count])

        with np.errstate(over="ignore", invalid="ignore"):
            wanted = self.loss.gradient(order.problems, x, draw) + self.decay * x
            gap, size = np.abs(found - wanted).max(axis=1), np.abs(x).max(axis=1) + np.abs(wanted).max(axis=1)
            # Who runs away at once is told so by the run.
            wrong = (gap > TOLERANCE * size) & np.isfinite(gap) & np.isfinite(size)
        if wrong.any():
            raise RuntimeError(
                f"{self.name}: the core's closed form is off the gradient in NumPy by {gap[wrong].max():.3g}; do not "
                "use what it gives, and report your processor"
            )

    def _request(self, order: Order, when: list[int]) -> Request:
        return {
            "potential": self.loss.form(order.problems, order.walkers.start, self.decay),
            "bound": None,
            "metric": None,
            "scheme": "euler-maruyama",
            "noise": "native",
            "temperature": 0.0,
            "step_size": self.learning_rate,
            "key": key_of(order.root),
            "substeps": 1,
            "walkers": (order.walkers.start, order.walkers.stop),
            "steps": (0, when[-1]),
            "burn_in": 0,
            "approach": 0,
            "observe": [("x0", when, "states", (), None)],
            "groups": 1,
            "threads": 1,
            "level": None,
            "block": 32,
        }

    def _made(self, request: Request, initial: Array, report: Callable[[int], Any] | None) -> Array:
        """Return the states that the core has kept.

        Raises
        ------
        DivergenceError
            If a seed ran away.
        """
        try:
            _, kept, _, _, _, stopped = _core.sample(request, initial, [np.empty(0)], report, None)
        except _core.DivergedError as error:
            _, walker, step, cause, *_ = error.args
            raise DivergenceError(
                f"seed {walker} ran away by iteration {step}; take a smaller learning rate",
                walker=walker,
                step=step,
                cause=cause,
            ) from None
        if stopped is not None:
            raise stopped
        return np.asarray(kept[0], dtype=np.float64).reshape(len(initial), -1, initial.shape[1])


def alone(order: NDArray[np.int_], *, factor: float, decay: float, **further: Any) -> _Alone:
    """Return a closed form that moves seeds one by one.

    Parameters
    ----------
    order : array of int, shape (vectors, length)
        The numbers of the coordinates of each vector.
    factor, decay : float
        What multiplies half of the squares, and the weight decay.
    **further
        What else the form is made of.
    """
    form: Any = {"order": order.ravel().tolist(), "length": order.shape[1], "factor": factor, "decay": decay}
    made: _Alone = form | {"lasso": 0.0, "factors": None, "taught": None} | further
    return made


def examples(row: Any, table: Array, **further: Any) -> Examples:
    """Return all rows of a table, seen at every step, and the mean over them; or `further` other things."""
    nothing = [0.0] * table.shape[1]
    plain: Any = {"rest": None, "row": row, "table": table, "labels": nothing, "inputs": nothing, "law": "normal"}
    made: Examples = plain | {"batch": ("full", 0, 0.0), "scale": 1.0 / len(table), "given": None} | further
    return made
