"""Surviving: files that an earlier version wrote are read, and the runs in them go on to the same bits."""

from __future__ import annotations

from pathlib import Path

import langevin_ib as lib
import numpy as np
import pytest
from saved.write import HALF, WHOLE, cases

FOLDER = Path(__file__).parents[1] / "saved" / "version_0_1"
CASES = cases()


def bits(run: lib.Run) -> list[tuple[str, tuple[int, ...], bytes]]:
    """All numbers that a run holds."""
    absorbed = () if run.progressed.absorbed is None else (run.progressed.absorbed,)
    arrays = (run.states, *run.progressed.kept, *absorbed)
    return [(str(array.dtype), array.shape, array.tobytes()) for array in arrays]


# Two walkers of "mala_single" are, which version 0.1 did not see.
@pytest.mark.filterwarnings("ignore:2 of 96 walkers were stuck")
@pytest.mark.parametrize("name", CASES)
def test_a_saved_run_is_read_and_goes_on_to_the_same_bits(name) -> None:
    half, whole = (lib.load(FOLDER / f"{name}.{part}.npz") for part in ("half", "whole"))
    assert (half.steps, whole.steps) == (HALF, WHOLE)
    assert half.model == CASES[name]["model"]
    resumed = half.resume(WHOLE - HALF, progress=False)
    assert bits(resumed) == bits(whole)
    assert resumed.progressed.accepted == whole.progressed.accepted
    assert resumed.settings == whole.settings


@pytest.mark.parametrize("name", CASES)
def test_what_was_saved_is_what_numpy_reads(name) -> None:
    path = FOLDER / f"{name}.whole.npz"
    with np.load(path) as arrays:
        assert np.array_equal(arrays["states"], lib.load(path).states)


def test_another_run_has_other_bits() -> None:
    """The negative control: one step more is seen."""
    half, whole = (lib.load(FOLDER / f"ambient.{part}.npz") for part in ("half", "whole"))
    assert bits(half.resume(WHOLE - HALF + 1, progress=False)) != bits(whole)
