"""Slices in coordinates without constraints: each group of constraints is solved for parameters of its own.

`steps` has the ways in which that is done. What they are solved for are parameters that no other constraint has, or
none that is left once others have been solved; so the slice is parameterised by y in R**dim, one step after another.
Where symmetric generators are not diagonal all of this is done in the orthogonal coordinates in which they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ...geometry import Frame, constraint_numbers, flat_part, frame_of, general_linear
from ...model import Form, Linear, Translation, numeric
from ...process import Slice
from .steps import Constraints, Factors, Lengths, Shifts, Step, log_det_of

__all__ = ["SliceChart"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SliceChart:
    """A slice {chi = level}, and the weight in coordinates y in R**dim that its points have.

    Parameters
    ----------
    steps : tuple of Step
        In the order in which they are taken.
    frame : Frame
        The coordinates in which they are.
    forms : tuple of Form
        The constraints, if the measure is that of surface, dS, and not delta(chi - c) dx = (det G)**(-1/2) dS.
    """

    steps: tuple[Step, ...]
    frame: Frame
    forms: tuple[Form, ...]

    @classmethod
    def of(cls, place: Slice, *, is_rigid: bool, is_near: bool) -> SliceChart:
        """Solve the constraints of a slice; `is_near` for y that are near x, where that can be had.

        Raises
        ------
        UnsupportedModelError
            If they are of a kind that is not known, or cannot be solved one by one.
        """
        model = place.model
        if model.slice is not None:
            raise _unsupported("the slice is one of your own")
        frame = frame_of(model)
        left, steps = _blocks(place, frame, is_near=is_near), []
        while left:
            taken = [set().union(*(other.touched for other in left if other is not each)) for each in left]
            found = ((each, each.solved(beside)) for each, beside in zip(left, taken, strict=True))
            block, step = next(((block, step) for block, step in found if step is not None), (None, None))
            if block is None or step is None:
                raise _unsupported("no constraint has parameters of its own that it could be solved for at this level")
            left.remove(block)
            steps.append(step)
        # What was solved first depends on what is set by those after it.
        return cls(tuple(reversed(steps)), frame, model.forms() if is_rigid else ())

    @property
    def dim(self) -> int:
        """The number of coordinates."""
        return self.frame.dim

    def point(self, y: FloatArray) -> FloatArray:
        """Return the points of the slice, shape (n, dim), at coordinates y; NaN where there is none."""
        return self._placed(y)[0]

    def placed(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return them, and the logs of their weights w.r.t. dy, without exp(-V/T); -inf where there is no point."""
        x, logs = self._placed(y)
        if self.forms:
            logs = logs + _log_det(self.forms, np.where(np.isfinite(x), x, 1.0)) / 2.0
        return x, np.where(np.isfinite(logs), logs, -np.inf)

    def _placed(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        # Columns are contiguous: everything goes by them.
        y = np.asfortranarray(y)
        x, logs = y.copy(order="F"), np.zeros(len(y))
        with np.errstate(all="ignore"):
            for step in self.steps:
                logs += step.place(x, y)
        return (np.asfortranarray(x @ self.frame.matrix.T) if self.frame.turns else x), logs


def _blocks(place: Slice, frame: Frame, *, is_near: bool) -> list[Constraints]:
    """Return what has to be solved, in y."""
    model, levels = place.model, place.levels
    matrices, numbers = model.generator_matrices(), constraint_numbers(model)
    flat = flat_part(model.symmetries, model.parameters)
    blocks: list[Constraints] = [
        Lengths(np.array(frame.weights(matrices[number]), dtype=np.float64), levels[numbers[number]], is_near)
        for number in flat
    ]
    turned = {i for turn in frame.turns for i in turn.places}
    shifts: list[int] = []
    first = 0
    for symmetry in model.symmetries:
        places = range(first, first + len(symmetry.matrices(model.parameters)))
        first += len(places)
        if isinstance(symmetry, Translation):
            shifts += places
        elif isinstance(symmetry, Linear) and places[0] not in flat:
            own = [numbers[number] for number in places if number in numbers]
            if own:  # a compact group has no constraints
                blocks.append(_factors(place, symmetry, own, turned))
    if shifts:
        offsets = [model.generator_offsets()[number] for number in shifts]
        directions = np.array([[float(offset[i, 0]) for i in range(model.dim)] for offset in offsets])
        blocks.append(Shifts(frame.vectors(directions), np.array([levels[numbers[number]] for number in shifts])))
    return blocks


def _factors(place: Slice, symmetry: Linear, own: Sequence[int], turned: set[int]) -> Factors:
    model = place.model
    found = general_linear(symmetry.matrices(model.parameters), tuple(own))
    if found is None:
        raise _unsupported(f"{symmetry!r} is none of all of GL(r) on pairs of matrices (U, V) -> (U g, V g**-T)")
    block = Factors.of(found, [numeric(model.forms()[a].matrix) for a in own], [place.levels[a] for a in own])
    if turned & block.touched:
        raise _unsupported("GL(r) moves parameters on which other generators are symmetric and not diagonal")
    return block


def _log_det(forms: Sequence[Form], x: FloatArray) -> FloatArray:
    """Return log det G of constraints at points."""
    gradients = [numeric(form.matrix) @ x.T + numeric(form.slope).toarray() for form in forms]
    moved = [set(np.flatnonzero(gradient.any(axis=1)).tolist()) for gradient in gradients]
    none = np.zeros(len(x))
    gram = [
        [sum((one[i] * other[i] for i in both & own), none) for other, own in zip(gradients, moved, strict=True)]
        for one, both in zip(gradients, moved, strict=True)
    ]
    return log_det_of(gram)


def _unsupported(reason: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        "method='sampling' knows slices of scalings, of symmetric generators that commute, of translations and of "
        f"GL(r): {reason}. Sample the process twice, by GaugeFixed and by Constrained(level, fixman=True) with 'mala', "
        "and compare the two runs"
    )
