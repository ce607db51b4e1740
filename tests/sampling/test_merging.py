"""Runs of parts of the walkers, put together, are the run of all of them to the bit; whatever is no part is refused."""

from __future__ import annotations

from itertools import pairwise

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import InvalidArgumentError

MODEL = lib.models.scalar_product()
OBSERVE = {
    "theta": (lib.Histogram(bins=37, range=(-1.0, 1.5), every=3), lib.Moments(every=2, order=3), lib.Trace(every=13)),
    "where": lib.States(at=(60, 110)),
}
JOB = {"temperature": 0.1, "step_size": 0.01, "steps": 130, "burn_in": 30, "rng": 5, "progress": False}


def part(first: int, last: int, **changes) -> lib.Run:
    return lib.sample(MODEL, **({"observe": OBSERVE} | JOB | changes), walkers=slice(first, last))


def cut_at(*bounds: int, **changes) -> list[lib.Run]:
    return [part(*both, **changes) for both in pairwise(bounds)]


def assert_same(run: lib.Run, reference: lib.Run) -> None:
    assert run.settings == reference.settings
    assert (run.steps, run.interrupted, run.origin) == (reference.steps, reference.interrupted, reference.origin)
    assert run.notes == reference.notes
    pairs = zip((run.states, *run.progressed.kept), (reference.states, *reference.progressed.kept), strict=True)
    for ours, theirs in pairs:
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.tobytes() == theirs.tobytes()
    assert [run[name] for name in run] == [reference[name] for name in reference]


class TestParts:
    @pytest.mark.parametrize("bounds", [(0, 300), (0, 1, 300), (0, 64, 128, 300), (0, 37, 99, 100, 250, 300)])
    @pytest.mark.parametrize("scheme", ["euler-maruyama", "mala"])
    def test_of_any_sizes_are_the_whole(self, bounds, scheme) -> None:
        whole = part(0, 300, scheme=scheme)
        merged = lib.merge(cut_at(*bounds, scheme=scheme))
        assert_same(merged, whole)
        assert merged.acceptance == whole.acceptance
        np.testing.assert_array_equal(merged.stuck_walkers, whole.stuck_walkers)

    def test_may_come_in_any_order_and_from_files(self, tmp_path) -> None:
        for number, run in enumerate(cut_at(0, 100, 200, 300)):
            run.save(tmp_path / f"{(number * 2) % 3}.npz")
        assert_same(lib.merge(map(lib.load, sorted(tmp_path.glob("*.npz")))), part(0, 300))

    def test_need_not_begin_at_walker_0(self) -> None:
        assert_same(lib.merge(cut_at(41, 100, 333)), part(41, 333))

    def test_of_parts_are_parts(self) -> None:
        ab, cd = lib.merge(cut_at(0, 50, 100)), lib.merge(cut_at(100, 150, 200))
        assert_same(lib.merge([cd, ab]), part(0, 200))

    def test_that_started_where_the_user_said(self) -> None:
        initial = np.linspace(-1.0, 1.0, 400).reshape(200, 2)
        merged = lib.merge([part(a, a + 100, initial=initial[a : a + 100]) for a in (0, 100)])
        whole = part(0, 200, initial=initial)
        np.testing.assert_array_equal(merged.states, whole.states)
        assert merged["theta"] == whole["theta"]

    def test_in_single_precision(self) -> None:
        assert_same(lib.merge(cut_at(0, 70, 300, dtype="float32")), part(0, 300, dtype="float32"))

    @pytest.mark.parametrize("dynamics", [lib.GaugeFixed(level=0.5), lib.SoftSlice(stiffness=3.0), lib.Constrained()])
    def test_on_slices(self, dynamics) -> None:
        assert_same(lib.merge(cut_at(0, 70, 200, dynamics=dynamics)), part(0, 200, dynamics=dynamics))

    def test_whose_pieces_are_absorbed(self) -> None:
        model = lib.models.scalar_product(target=0.3)
        job = JOB | {"temperature": 0.5, "steps": 400, "dynamics": lib.GaugeFixed(at_zero="absorb")}
        parts = [lib.sample(model, **job, walkers=slice(a, a + 100)) for a in (0, 100)]
        whole = lib.sample(model, **job, walkers=200)
        np.testing.assert_array_equal(lib.merge(parts).absorption_times, whole.absorption_times)
        assert np.isfinite(whole.absorption_times).any()

    def test_go_on_as_one(self) -> None:
        merged = lib.merge(cut_at(0, 100, 300)).resume(70, progress=False)
        assert_same(merged, part(0, 300, steps=200))

    def test_are_compared_as_one(self) -> None:
        job = {
            "steps": 3000,
            "burn_in": 1000,
            "scheme": "mala",
            "step_size": 0.3,
            "dynamics": lib.Ambient(weight_decay=0.1),
        }
        merged = lib.merge(cut_at(0, 500, 1000, **job))
        assert merged.seconds > 0
        law = lib.density(MODEL, "theta", dynamics=job["dynamics"], temperature=0.1)
        assert lib.compare(merged["theta"][0], law).pvalue > 1e-3


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "what"),
        [
            ({"rng": 6}, "key of the noise"),
            ({"step_size": 0.02}, "step_size is 0.01 and not 0.02"),
            ({"temperature": 0.2}, "temperature is 0.1 and not 0.2"),
            ({"burn_in": 29}, "burn_in is 30 and not 29"),
            ({"dynamics": lib.SoftSlice(stiffness=3.0)}, "dynamics is"),
            ({"steps": 131}, "130 steps were made and not 131"),
            ({"observe": {}}, "observe is"),
            ({"dtype": "float32"}, "dtype is 'float64' and not 'float32'"),
        ],
    )
    def test_parts_of_another_run(self, changes, what) -> None:
        with pytest.raises(
            InvalidArgumentError, match=f"walkers 0 to 99 and of walkers 100 to 199 are no parts.*{what}"
        ):
            lib.merge([part(0, 100), part(100, 200, **changes)])

    def test_another_model(self) -> None:
        other = lib.sample(lib.models.scalar_product(target=2.0), **JOB, observe=OBSERVE, walkers=slice(100, 200))
        with pytest.raises(InvalidArgumentError, match="in the first, the model's "):
            lib.merge([part(0, 100), other])

    @pytest.mark.parametrize(
        ("ranges", "what"),
        [
            ([(0, 100), (150, 200)], r"walkers 100 to 149 are in none of the runs.*slice\(100, 150\)"),
            ([(0, 100), (99, 200)], "share walkers"),
            ([(0, 100), (0, 100)], "share walkers"),
        ],
    )
    def test_gaps_and_doubles(self, ranges, what) -> None:
        with pytest.raises(InvalidArgumentError, match=what):
            lib.merge([part(*both) for both in ranges])

    @pytest.mark.parametrize(
        ("runs", "what"),
        [
            (None, "runs=None is no list"),
            ([], "runs is empty"),
            (["a.npz"], "is no Run; load files"),
            ([None], "is no Run"),
        ],
    )
    def test_what_is_no_run(self, runs, what) -> None:
        with pytest.raises(InvalidArgumentError, match=what):
            lib.merge(runs)
