"""Acceptance of single walkers: counted exactly however a run is made, kept in files, and who is stuck is named."""

from __future__ import annotations

import itertools
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import ArchiveError, InvalidArgumentError
from langevin_ib.sampling.loop import Acceptance, stuck_walkers
from scipy import stats

# From N(0, 1) some are; counts are exact all the same.
pytestmark = pytest.mark.filterwarnings("ignore:.* walkers were stuck")

PRODUCT = lib.models.scalar_product()
CHAIN = lib.models.scalar_product(4)
WALK = {
    "dynamics": lib.Ambient(weight_decay=0.5),
    "temperature": 0.2,
    "step_size": 0.6,
    "steps": 150,
    "walkers": 100,
    "rng": 3,
    "scheme": "mala",
    "progress": False,
}


def sampled(model=PRODUCT, **changes) -> lib.Run:
    return lib.sample(model, **(WALK | changes))


def counted(path: np.ndarray, begin: int) -> np.ndarray:
    """Count along paths (walkers, steps) of an observable: accepted, refused by now, most refused after `begin` steps.

    Every accepted proposal changes the observable, but with a probability of about 1e-16.
    """
    rows = []
    for x in path:
        moved = (np.diff(x) != 0.0).tolist()
        refused = most = 0
        for step, has_moved in enumerate(moved):
            if step == begin:
                most = 0
            refused = 0 if has_moved else refused + 1
            most = max(most, refused)
        rows.append((sum(moved), refused, most))
    return np.array(rows)


@pytest.fixture(scope="module")
def path() -> np.ndarray:
    """The path of u v, the start included."""
    run = sampled(observe={"theta": lib.Trace(every=1)})
    # Of a step so small that rounding swallows it, which is said.
    with pytest.warns(UserWarning, match="take a larger step_size"):
        start = sampled(steps=1, step_size=1e-300).states
    return np.concatenate([start.prod(axis=1, keepdims=True), np.asarray(run["theta"])], axis=1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_counts_are_those_of_the_path(dtype) -> None:
    run = sampled(observe={"theta": lib.Trace(every=1)}, dtype=dtype, initial=[1.0, 0.25])
    path = np.concatenate([np.full((100, 1), 0.25), np.asarray(run["theta"])], axis=1)
    expected = counted(path, 0)
    assert len(np.unique(expected[:, 0])) > 5
    np.testing.assert_array_equal(run.progressed.acceptance.counts, expected)
    assert run.acceptance == expected[:, 0].sum() / (150 * 100)
    np.testing.assert_array_equal(run.walker_acceptance, expected[:, 0] / 150)


def test_refusals_count_again_where_the_burn_in_ends_but_a_row_of_them_goes_on(path) -> None:
    """Told by a run without an approach, so that the path is the same: a burn-in of 1 has one of 0 steps."""
    run = sampled(burn_in=1)
    np.testing.assert_array_equal(run.progressed.acceptance.counts, counted(path, 1))
    # Later ends need settings of their own, as half of a burn-in would be an approach.
    settings = lib.sample(PRODUCT, **WALK).settings
    assert settings.approach == 0


MACHINES = [{"threads": 3, "block": 32}, {"block": 4096}, *({"level": level} for level in lib.levels())]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("burn_in", [0, 60])
@pytest.mark.parametrize("dynamics", [WALK["dynamics"], lib.Constrained(0.5, fixman=True)], ids=["free", "rigid"])
def test_counts_do_not_depend_on_how_a_run_is_made(burn_in, dynamics, dtype, tmp_path) -> None:
    run = {"burn_in": burn_in, "dtype": dtype, "dynamics": dynamics}
    whole = sampled(**run)
    expected = whole.progressed.acceptance.counts
    assert 0.0 < whole.acceptance < 1.0
    assert whole.acceptance == expected[:, 0].sum() / (100 * (150 - burn_in // 2))

    for machine in MACHINES:
        other = sampled(**run, **machine)
        assert other.states.tobytes() == whole.states.tobytes(), machine
        np.testing.assert_array_equal(other.progressed.acceptance.counts, expected, err_msg=str(machine))
    for cut in (1, 29, 30, 31, 60, 61, 100):
        if cut <= burn_in:
            continue
        first = sampled(**run, steps=cut)
        first.save(tmp_path / "run.npz")
        resumed = lib.load(tmp_path / "run.npz").resume(150 - cut, progress=False)
        assert resumed.states.tobytes() == whole.states.tobytes(), cut
        np.testing.assert_array_equal(resumed.progressed.acceptance.counts, expected, err_msg=f"cut at {cut}")
    with ThreadPoolExecutor(2) as executor:
        farmed = sampled(**run, executor=executor, shards=3, checkpoint=tmp_path / "farm.npz", checkpoint_every=25)
    assert farmed.states.tobytes() == whole.states.tobytes()
    np.testing.assert_array_equal(farmed.progressed.acceptance.counts, expected)
    parts = [sampled(**run, walkers=slice(a, b)) for a, b in itertools.pairwise((0, 33, 64, 100))]
    np.testing.assert_array_equal(np.concatenate([p.progressed.acceptance.counts for p in parts]), expected)
    np.testing.assert_array_equal(lib.load(tmp_path / "farm.npz").progressed.acceptance.counts, expected)


def test_a_checkpoint_within_the_approach_is_gone_on_with(tmp_path) -> None:
    """Ctrl-C and kills come at any step: the file of 10 of 40 steps of approach is a run like any other."""
    run = {"burn_in": 80, "checkpoint": tmp_path / "run.npz", "checkpoint_every": 10}
    whole = sampled(burn_in=80)

    class StoppedError(Exception):
        pass

    def stop(made: int, steps: int) -> None:
        if made >= 10:
            raise StoppedError

    with pytest.raises(StoppedError):
        sampled(**run, progress=stop)
    half = lib.load(tmp_path / "run.npz")
    assert (half.steps, half.settings.approach, half.acceptance) == (10, 40, None)
    assert half.diagnostics().acceptance is None
    again = sampled(**run)
    assert again.states.tobytes() == whole.states.tobytes()
    np.testing.assert_array_equal(again.progressed.acceptance.counts, whole.progressed.acceptance.counts)


def test_other_schemes_count_nothing() -> None:
    run = sampled(scheme="euler-maruyama", step_size=0.05)
    assert run.acceptance is run.walker_acceptance is run.progressed.acceptance is None
    assert len(run.stuck_walkers) == 0


@pytest.mark.parametrize("change", ["missing", "negative", "too many", "of another shape"])
def test_counts_that_cannot_be_are_refused_where_a_file_has_them(change, tmp_path, monkeypatch) -> None:
    run = sampled()
    counts = run.progressed.acceptance.counts.copy()
    match change:
        case "negative":
            counts[3, 2] = -1
        case "too many":
            counts[3, 0] += 10**6
        case "of another shape":
            counts = counts[:, :2]
    acceptance = Acceptance(counts)
    # The total is written beside them.
    monkeypatch.setattr(Acceptance, "total", run.progressed.accepted)
    path = tmp_path / "run.npz"
    written = replace(run.progressed, acceptance=None if change == "missing" else acceptance)
    replace(run, progressed=written).save(path)
    with pytest.raises(ArchiveError, match="cannot be understood"):
        lib.load(path)


class TestStuck:
    """The depth-4 chain from N(0, 1), where V is so steep that a step of 0.05 is refused for ever."""

    RUN: ClassVar = {"model": CHAIN, "dynamics": lib.Ambient(weight_decay=0.1), "temperature": 0.1, "step_size": 0.05}

    def test_stuck_walkers_are_named_with_the_remedy(self) -> None:
        with pytest.warns(
            lib.StuckWalkers, match=r"walkers were stuck \(number .*smaller step_size.*burn_in="
        ) as caught:
            run = sampled(**self.RUN, steps=3000, walkers=256, observe={"theta": lib.Trace(every=1)})
        assert len(caught) == 1
        assert caught[0].filename == __file__
        path = np.asarray(run["theta"])
        never = np.flatnonzero((path == path[:, :1]).all(axis=1))
        assert len(never) > 0
        assert set(never) <= set(run.stuck_walkers)
        assert (run.walker_acceptance[never] == 0.0).all()
        assert any("were stuck" in note for note in run.notes)
        named = re.search(r"number ([\d, ]+)", str(caught[0].message))
        assert {int(number) for number in named[1].rstrip(", ").split(", ")} <= set(run.stuck_walkers.tolist())

    def test_of_a_part_of_the_walkers_they_have_their_own_numbers(self) -> None:
        with pytest.warns(lib.StuckWalkers):
            whole = sampled(**self.RUN, steps=1000, walkers=256)
        first = int(whole.stuck_walkers[0])
        with pytest.warns(lib.StuckWalkers, match=f"number {first}"):
            part = sampled(**self.RUN, steps=1000, walkers=slice(first, first + 32))
        assert part.stuck_walkers[0] == first

    def test_compare_refuses_groups_that_they_have_spread(self) -> None:
        observe = {"theta": lib.Histogram(range=(-3.0, 3.0))}
        with pytest.warns(lib.StuckWalkers):
            run = sampled(**self.RUN, steps=1000, walkers=256, observe=observe)
        law = lib.Density.from_scipy(stats.norm(), name="normal", reference="d theta")
        with pytest.raises(InvalidArgumentError, match=r"256 walkers of which .* were stuck"):
            lib.compare(run["theta"], law)
        assert run["theta"].provenance.stuck == len(run.stuck_walkers)
        both = run["theta"] + run["theta"]
        assert both.provenance.stuck == 2 * len(run.stuck_walkers)
        # The control: the same walkers under a step that they can make.
        free = sampled(**(self.RUN | {"step_size": 1e-4}), steps=1000, walkers=256, observe=observe)
        assert lib.compare(free["theta"], law).pvalue < 1e-3

    def test_a_burn_in_sets_them_free(self) -> None:
        run = sampled(**self.RUN, steps=9000, burn_in=8000, walkers=256)
        assert len(run.stuck_walkers) == 0
        assert run.walker_acceptance.min() > 0.5

    def test_resuming_says_so_again(self, tmp_path) -> None:
        with pytest.warns(lib.StuckWalkers):
            run = sampled(**self.RUN, steps=1000, walkers=256)
        run.save(tmp_path / "run.npz")
        with pytest.warns(lib.StuckWalkers):
            longer = lib.load(tmp_path / "run.npz").resume(1000, progress=False)
        assert sum("were stuck" in note for note in longer.notes) == 1

    def test_a_step_that_nobody_can_make(self) -> None:
        with pytest.warns(lib.StuckWalkers, match=r"100 of 100 walkers were stuck .* median walker accepts 0%"):
            sampled(step_size=1e6)


@pytest.mark.parametrize("dim", [1, 2, 30])
@pytest.mark.parametrize("acceptance", [0.99, 0.6, 0.2])
@pytest.mark.parametrize("steps", [1, 10, 100, 3000])
def test_walkers_that_are_only_refused_are_not_called_stuck(dim, acceptance, steps) -> None:
    """On a harmonic V acceptance hardly depends on the place: a false alarm is less likely than 1e-9 each."""
    h = {0.99: 0.1, 0.6: 1.2, 0.2: 1.8}[acceptance] / dim ** (1 / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = sampled(lib.models.harmonic(dim=dim), dynamics=None, step_size=h, steps=steps, walkers=500, initial=0.3)
    assert len(run.stuck_walkers) == 0


class TestRule:
    """What counts as stuck, on counts by hand: 64 walkers, 1000 steps of which 900 accepted."""

    SETTINGS = sampled(steps=1000, walkers=64).settings

    def stuck(self, longest: int, *, accepted: int = 900, steps: int = 1000, burn_in: int = 0) -> list[int]:
        counts = np.tile(np.array([accepted, 0, 5], dtype=np.int64), (64, 1))
        counts[7] = (0, longest, longest)
        settings = replace(self.SETTINGS, steps=steps, burn_in=burn_in)
        return stuck_walkers(Acceptance(counts), settings, steps).tolist()

    def test_a_quarter_of_what_was_observed_is_too_long(self) -> None:
        assert self.stuck(250) == [7]
        assert self.stuck(249) == []

    def test_only_what_was_observed_counts(self) -> None:
        assert self.stuck(100, burn_in=900, accepted=900) == [7]
        assert self.stuck(30, burn_in=900) == [7]

    def test_a_stay_that_the_acceptance_of_the_others_explains_is_none(self) -> None:
        """log(64,000) / -log(1 - .02) = 548 steps: five times that is longer than the run; only never is too long."""
        assert self.stuck(999, accepted=20) == []
        assert self.stuck(1000, accepted=20) == [7]

    def test_in_few_steps_nobody_is_stuck_whom_chance_may_have_kept(self) -> None:
        assert self.stuck(10, accepted=9, steps=10) == []
        assert self.stuck(20, accepted=18, steps=20) == [7]
