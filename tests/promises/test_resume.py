"""One noise, whatever the arrangement: a run saved, loaded and resumed at any step is the run made at once."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import ArchiveError, DivergenceError, InvalidArgumentError
from langevin_ib.process import Process

MODELS = {"product": (lib.models.scalar_product(target=0.7), "theta"), "harmonic": (lib.models.harmonic(dim=3), "x1")}
SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")
PRECISIONS = [("float64", "native"), ("float64", "single"), ("float32", "native")]
OBSERVERS = (lib.Histogram(bins=37, range=(-1.0, 1.5), every=3), lib.Moments(every=2, order=3), lib.Trace(every=13))
STEPS = 230


def sampled(model="product", **changes) -> lib.Run:
    chosen, observable = MODELS[model]
    settings = {
        "temperature": 0.1,
        "step_size": 0.01,
        "steps": STEPS,
        "burn_in": 30,
        "walkers": 200,
        "rng": 5,
        "threads": 1,
        "progress": False,
        "observe": {observable: OBSERVERS},
    }
    return lib.sample(chosen, **(settings | changes))


def assert_same(run: lib.Run, reference: lib.Run) -> None:
    assert run.model == reference.model
    assert run.dynamics == reference.dynamics
    assert run.settings == reference.settings
    assert (run.steps, run.progressed.accepted) == (reference.steps, reference.progressed.accepted)
    arrays = zip((run.states, *run.progressed.kept), (reference.states, *reference.progressed.kept), strict=True)
    for ours, theirs in arrays:
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert ours.tobytes() == theirs.tobytes()
    if reference.steps > reference.settings.burn_in + 13:
        assert [run[name] for name in run] == [reference[name] for name in reference]


def stopped(after: int, **changes) -> lib.Run:
    """A run that Ctrl-C ends once so many steps are made, or soon after."""

    def press(made: int, steps: int) -> None:
        if made >= after:
            raise KeyboardInterrupt

    with pytest.warns(lib.SamplingInterrupted):
        return sampled(**changes, progress=press)


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("model", MODELS)
def test_a_run_made_in_two_is_the_run_made_at_once(tmp_path, model, scheme, dtype, noise) -> None:
    what = {"model": model, "scheme": scheme, "dtype": dtype, "noise": noise}
    whole = sampled(**what)
    for cut in (43, 100, 101, STEPS - 1):
        first = sampled(**what, steps=cut)
        first.save(tmp_path / "run.npz")
        loaded = lib.load(tmp_path / "run.npz")
        assert_same(loaded, first)
        assert_same(loaded.resume(STEPS - cut, progress=False), whole)


def test_a_run_made_in_many_is_the_run_made_at_once(tmp_path) -> None:
    run = sampled(steps=50)
    for steps in (1, 2, 64, 13, 100):
        run.save(tmp_path / "run.npz")
        run = lib.load(tmp_path / "run.npz").resume(steps, progress=False)
    assert_same(run, sampled())


@pytest.mark.parametrize("level", lib.levels())
@pytest.mark.parametrize("threads", [1, 3])
def test_the_machine_may_change_on_the_way(level, threads) -> None:
    # Enough walkers that the core wakes the threads asked for, in either part.
    first = sampled(walkers=600, steps=101, threads=2, level=lib.levels()[0], block=32)
    last = first.resume(STEPS - 101, threads=threads, level=level, block=96, progress=False)
    assert_same(last, sampled(walkers=600))


def test_every_other_setting_goes_on() -> None:
    what = {"dynamics": lib.Ambient(weight_decay=0.3), "walkers": slice(70, 133), "substeps": 3, "initial": [0.5, -0.5]}
    assert_same(sampled(**what, steps=77).resume(STEPS - 77, progress=False), sampled(**what))


class TestInterrupted:
    def test_it_goes_on_to_its_end(self, tmp_path) -> None:
        run = stopped(50, steps=10**5, walkers=64)
        assert 0 < run.steps < 10**5
        run.save(tmp_path / "run.npz")
        loaded = lib.load(tmp_path / "run.npz")
        assert loaded.interrupted
        assert loaded.steps == run.steps
        finished = loaded.resume(progress=False)
        assert not finished.interrupted
        assert_same(finished, sampled(steps=10**5, walkers=64))

    def test_within_the_burn_in(self, tmp_path) -> None:
        what = {"steps": 10**5, "burn_in": 9 * 10**4, "walkers": 64}
        run = stopped(1, **what)
        run.save(tmp_path / "run.npz")
        assert_same(lib.load(tmp_path / "run.npz").resume(progress=False), sampled(**what))

    def test_or_by_as_many_steps_as_are_wanted(self) -> None:
        run = stopped(50, steps=10**5, walkers=64)
        longer = run.resume(100, progress=False)
        assert_same(longer, sampled(steps=run.steps + 100, walkers=64))

    def test_ctrl_c_while_it_is_resumed(self) -> None:
        def press(made: int, steps: int) -> None:
            raise KeyboardInterrupt

        with pytest.warns(lib.SamplingInterrupted):
            run = sampled(steps=100).resume(10**6, progress=press)
        assert run.interrupted
        assert 100 < run.steps < 10**6
        assert_same(run.resume(7, progress=False), sampled(steps=run.steps + 7))


def test_a_finished_run_has_nothing_left_to_do() -> None:
    run = sampled()
    assert_same(run.resume(progress=False), run)


def test_the_run_before_stays_as_it_is() -> None:
    run = sampled(steps=100)
    before = [array.copy() for array in (run.states, *run.progressed.kept)]
    run.resume(50, progress=False)
    for now, then in zip((run.states, *run.progressed.kept), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_progress_goes_on_where_it_was() -> None:
    told = []
    sampled(steps=100).resume(10**5, progress=lambda made, steps: told.append((made, steps)))
    assert told == sorted(told)
    assert told[0][0] > 100
    assert told[-1] == (100 + 10**5, 100 + 10**5)


def test_time_and_notes_go_on(tmp_path) -> None:
    run = sampled(step_size="auto", burn_in=0)
    run.save(tmp_path / "run.npz")
    longer = lib.load(tmp_path / "run.npz").resume(10, progress=False)
    # Remarks on convergence are made anew.
    assert longer.notes[0] == run.notes[0]
    assert "step_size='auto' took" in run.notes[0]
    assert longer.seconds > run.seconds > 0.0


@pytest.mark.parametrize("steps", [0, -1, 1.5, "10", True])
def test_a_number_of_steps_that_is_none(steps) -> None:
    with pytest.raises(InvalidArgumentError, match="steps"):
        sampled().resume(steps)


def test_a_runaway_is_found_where_the_whole_run_finds_it() -> None:
    # V = x²/2 at h = 2.5 multiplies every x by -1.5: it runs away, but not at once.
    what = {"model": "harmonic", "step_size": 2.5, "burn_in": 0}
    with pytest.raises(DivergenceError) as whole:
        sampled(**what, steps=2000)
    with pytest.raises(DivergenceError) as resumed:
        sampled(**what, steps=333).resume(2000, progress=False)
    assert (resumed.value.walker, resumed.value.step) == (whole.value.walker, whole.value.step)
    assert whole.value.step > 333


def test_a_model_that_no_file_can_hold_is_refused_before_anything_is_written(tmp_path) -> None:
    run = sampled()
    object.__setattr__(run, "process", Process(run.model, object(), 0.1))
    with pytest.raises(ArchiveError, match="object"):
        run.save(tmp_path / "run.npz")
    assert not list(tmp_path.iterdir())
