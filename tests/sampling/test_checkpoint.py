"""Interruptible: a checkpointed run has the bits of any other; the same call goes on with it, and no other call."""

from __future__ import annotations

from pathlib import Path

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import ArchiveError, DivergenceError, InvalidArgumentError
from langevin_ib.sampling.files import checkpoint as checkpoint_module
from langevin_ib.sampling.files.archive import DamagedFile

MODEL = lib.models.scalar_product()
ENDLESS = 5 * 10**6
OBSERVE = {"theta": (lib.Histogram(bins=50, range=(-1.0, 3.0), every=5), lib.Moments(every=3), lib.Trace(every=50))}


def sampled(**changes) -> lib.Run:
    settings = {"temperature": 0.1, "step_size": 0.01, "steps": 2000, "burn_in": 10, "walkers": 300, "rng": 8}
    return lib.sample(MODEL, **({"threads": 1, "progress": False, "observe": OBSERVE} | settings | changes))


def is_same(run: lib.Run, reference: lib.Run) -> bool:
    pairs = zip((run.states, *run.progressed.kept), (reference.states, *reference.progressed.kept), strict=True)
    same = all(ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes() for ours, theirs in pairs)
    return same and (run.settings, run.progressed.accepted) == (reference.settings, reference.progressed.accepted)


@pytest.mark.parametrize("scheme", ["euler-maruyama", "leimkuhler-matthews", "mala"])
@pytest.mark.parametrize("every", [1999, 700, 64, None])
def test_a_checkpointed_run_is_the_run(tmp_path, scheme, every) -> None:
    path = tmp_path / "run.npz"
    reference = sampled(scheme=scheme)
    assert is_same(sampled(scheme=scheme, checkpoint=path, checkpoint_every=every), reference)
    assert is_same(lib.load(path), reference)
    # Once more: all of it comes from the file.
    assert is_same(sampled(scheme=scheme, checkpoint=path, checkpoint_every=every), reference)
    if every is not None:
        assert lib.load(f"{path}.previous").steps == 2000 // every * every


def test_without_a_number_of_steps_it_is_written_by_the_clock(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint_module, "SECONDS", 0.0)
    monkeypatch.setattr("langevin_ib.sampling.segments.FIRST", 300 * 400)
    path = tmp_path / "run.npz"
    assert is_same(sampled(checkpoint=path), sampled())
    assert 0 < lib.load(f"{path}.previous").steps < 2000


class TestTheSameCallAgain:
    """Whatever stopped a run, the same call goes on with it."""

    def cut_short(self, path: Path, **changes) -> int:
        def fail(made: int, steps: int) -> None:
            if made >= 500:
                raise ZeroDivisionError("in the callback")

        with pytest.raises(ZeroDivisionError, match="in the callback"):
            sampled(checkpoint=path, checkpoint_every=100, **(changes | {"progress": fail}))
        steps = lib.load(path).steps
        assert 500 <= steps <= 2000
        return steps

    def test_after_an_exception_in_the_callback(self, tmp_path) -> None:
        self.cut_short(tmp_path / "run.npz")
        assert is_same(sampled(checkpoint=tmp_path / "run.npz", checkpoint_every=100), sampled())

    def test_from_a_seed_that_nobody_named(self, tmp_path) -> None:
        self.cut_short(tmp_path / "run.npz", rng=None)
        key = lib.load(tmp_path / "run.npz").settings.key
        run = sampled(checkpoint=tmp_path / "run.npz", rng=None)
        assert run.settings.key == key
        generator = np.random.Generator(np.random.PCG64(8))
        assert sampled(rng=generator).settings.key != key

    def test_on_another_machine_and_with_other_intervals(self, tmp_path) -> None:
        self.cut_short(tmp_path / "run.npz")
        level = lib.levels()[0]
        run = sampled(checkpoint=tmp_path / "run.npz", checkpoint_every=333, threads=2, level=level, block=32)
        assert is_same(run, sampled())

    def test_from_given_states(self, tmp_path) -> None:
        initial = np.linspace(-1.0, 1.0, 600).reshape(300, 2)
        self.cut_short(tmp_path / "run.npz", initial=initial)
        assert is_same(sampled(checkpoint=tmp_path / "run.npz", initial=initial), sampled(initial=initial))

    def test_with_more_steps(self, tmp_path) -> None:
        self.cut_short(tmp_path / "run.npz")
        assert is_same(sampled(checkpoint=tmp_path / "run.npz", steps=3000), sampled(steps=3000))

    def test_from_the_file_before_if_the_last_one_is_damaged(self, tmp_path) -> None:
        path = tmp_path / "run.npz"
        self.cut_short(path)
        earlier = lib.load(f"{path}.previous").steps
        path.write_bytes(path.read_bytes()[:-7])
        with pytest.warns(DamagedFile):
            run = sampled(checkpoint=path, checkpoint_every=10_000)
        assert is_same(run, sampled())
        # The damaged file did not push out the good one.
        assert lib.load(f"{path}.previous").steps == earlier

    def test_resume_writes_and_goes_on_too(self, tmp_path) -> None:
        first = sampled(steps=300)
        path = tmp_path / "run.npz"

        def fail(made: int, steps: int) -> None:
            if made >= 900:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            first.resume(1700, checkpoint=path, checkpoint_every=100, progress=fail)
        assert lib.load(path).steps >= 900
        assert is_same(first.resume(1700, checkpoint=path, progress=False), sampled())
        assert is_same(lib.load(path), sampled())

    def test_resume_into_the_file_it_came_from(self, tmp_path) -> None:
        path = tmp_path / "run.npz"
        for initial in (None, [0.5, 0.5]):
            sampled(steps=300, initial=initial).save(path)
            lib.load(path).resume(1700, checkpoint=path, checkpoint_every=500, progress=False)
            assert is_same(lib.load(path), sampled(initial=initial))


class TestAnotherRun:
    """A file that holds another run is refused by name, and left as it is."""

    @pytest.fixture
    def path(self, tmp_path) -> Path:
        sampled(checkpoint=tmp_path / "run.npz")
        return tmp_path / "run.npz"

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"rng": 9}, "rng"),
            ({"step_size": 0.02}, "step_size is 0.01 and not 0.02"),
            ({"temperature": 0.2}, "temperature is 0.1 and not 0.2"),
            ({"burn_in": 11}, "burn_in is 10 and not 11"),
            ({"walkers": 301}, "walkers"),
            ({"walkers": slice(1, 301)}, "walkers"),
            ({"scheme": "mala"}, "scheme is 'euler-maruyama' and not 'mala'"),
            ({"dtype": "float32"}, "dtype"),
            ({"noise": "single"}, "noise"),
            ({"substeps": 2}, "substeps"),
            ({"observe": None}, "observe"),
            ({"dynamics": lib.Ambient(weight_decay=0.5)}, "dynamics"),
            ({"initial": 0.0}, "started elsewhere"),
            ({"steps": 1000}, "holds 2000 steps of this run; ask for steps >= 2000"),
        ],
        ids=str,
    )
    def test_of_other_settings(self, path, changes, complaint) -> None:
        before = path.read_bytes()
        with pytest.raises(ArchiveError, match=complaint) as caught:
            sampled(**changes, checkpoint=path)
        assert str(path) in str(caught.value)
        assert path.read_bytes() == before

    def test_of_another_model(self, path) -> None:
        other = lib.models.scalar_product(target=2.0)
        settings = {"temperature": 0.1, "step_size": 0.01, "steps": 2000, "burn_in": 10, "walkers": 300, "rng": 8}
        with pytest.raises(ArchiveError, match=r"the model's loss is \(u\*v - 1\)\*\*2/2 and not \(u\*v - 2\)\*\*2/2"):
            lib.sample(other, **settings, observe=OBSERVE, checkpoint=path)

    def test_from_other_states_of_the_same_shape(self, tmp_path) -> None:
        initial = np.ones((300, 2))
        sampled(initial=initial, checkpoint=tmp_path / "a")
        initial[299, 1] += 2e-16 * 2
        with pytest.raises(ArchiveError, match="started elsewhere"):
            sampled(initial=initial, checkpoint=tmp_path / "a")

    @pytest.mark.parametrize("content", [b"", b"hello", None])
    def test_or_no_run_at_all(self, tmp_path, content) -> None:
        path = tmp_path / "data.npz"
        if content is None:
            np.savez(path, x=np.arange(3))
        else:
            path.write_bytes(content)
        before = path.read_bytes()
        with pytest.raises(ArchiveError, match=r"data\.npz (is empty|was not written by langevin_ib)"):
            sampled(checkpoint=path)
        assert path.read_bytes() == before


def test_a_runaway_does_not_touch_the_last_checkpoint(tmp_path) -> None:
    # V = x²/2 at h = 2.5 multiplies every x by -1.5: it runs away after hundreds of steps.
    what = {"temperature": 0.1, "step_size": 2.5, "steps": 5000, "walkers": 64, "rng": 1, "threads": 1}
    model, path = lib.models.harmonic(), tmp_path / "run.npz"
    with pytest.raises(DivergenceError) as whole:
        lib.sample(model, **what, progress=False)
    with pytest.raises(DivergenceError) as cut:
        lib.sample(model, **what, progress=False, checkpoint=path, checkpoint_every=100)
    assert str(cut.value) == str(whole.value)
    assert (cut.value.walker, cut.value.step) == (whole.value.walker, whole.value.step)
    last = lib.load(path)
    assert last.steps == (whole.value.step - 1) // 100 * 100
    assert np.isfinite(last.states).all()


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        ({"checkpoint": "{}/gone/run.npz"}, ArchiveError, "No such file or directory"),
        ({"checkpoint": "{}"}, InvalidArgumentError, "is a folder"),
        ({"checkpoint": 3}, InvalidArgumentError, "checkpoint=3 is no path"),
        ({"checkpoint_every": 10}, InvalidArgumentError, "without checkpoint="),
        ({"checkpoint": "{}/a", "checkpoint_every": 0}, InvalidArgumentError, "checkpoint_every"),
        ({"checkpoint": "{}/a", "checkpoint_every": 1.5}, InvalidArgumentError, "checkpoint_every"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_before_the_first_step(tmp_path, arguments, error, complaint) -> None:
    filled = {name: str(tmp_path) + value[2:] if isinstance(value, str) else value for name, value in arguments.items()}
    with pytest.raises(error, match=complaint):
        sampled(**filled, steps=ENDLESS)
