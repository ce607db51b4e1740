"""Exceptions, runs and results travel to other processes, whatever else has been imported there or here."""

from __future__ import annotations

import copy
import copyreg
import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib import errors
from langevin_ib.errors import DivergenceError, InvalidArgumentError, LangevinError
from scipy import stats

DYNAMICS = lib.Ambient(weight_decay=0.1)
SETTINGS = {"temperature": 0.1, "rng": 1, "progress": False}
RUNAWAY = {"step_size": 2.5, "steps": 5000, "walkers": 128}
NAMED = {
    "InvarianceError": {"generator": "g", "residual": "r"},
    "DivergenceError": {"walker": 3, "step": 4, "cause": "no return"},
}
ERRORS = {name: (getattr(errors, name), NAMED.get(name, {})) for name in errors.__all__}


@pytest.fixture(params=["plain", "with tblib"], autouse=True)
def pickling(request) -> Iterator[None]:
    """Pickle as Python does, and as it does once anybody has imported dask."""
    before = copyreg.dispatch_table.copy()
    if request.param == "with tblib":
        reason = "NOT TESTED: tblib is not installed (pip install 'langevin-ib[test]')"
        pytest.importorskip("tblib.pickling_support", reason=reason).install()
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(before)


def there_and_back(value):
    return pickle.loads(pickle.dumps(value))


class NamelessError(Exception):
    """What no pickle can hold, as it holds a function without a name."""

    def __init__(self) -> None:
        super().__init__(lambda: None)


def raised(kind: type[LangevinError], named: dict) -> LangevinError:
    """Return an error as the package raises them: in the place of another one, which is hidden."""
    try:
        try:
            raise NamelessError
        except NamelessError:
            raise kind("what, where; the remedy", **named) from None
    except LangevinError as error:
        error.add_note("a note")
        return error


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("way", [there_and_back, copy.copy, copy.deepcopy])
def test_errors(name, way) -> None:
    kind, named = ERRORS[name]
    error = raised(kind, named)
    back = way(error)
    assert type(back) is kind
    assert str(back) == "what, where; the remedy"
    assert vars(back) == {**named, "__notes__": ["a note"]}


def test_what_hides_nothing_keeps_its_cause() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        raise InvalidArgumentError("the whole") from ValueError("the part")
    # With `raise ... from`, Python hides the context, which is the same as the cause if it is anything.
    assert str(there_and_back(caught.value)) == "the whole"
    assert str(caught.value.__cause__) == "the part"


def test_an_error_with_the_run_that_could_not_be_saved() -> None:
    error = errors.ArchiveError("the disk is full")
    error.run = run()
    assert np.array_equal(there_and_back(error).run.states, error.run.states)


def test_what_is_really_raised() -> None:
    causes = (
        lambda: lib.sample(lib.models.harmonic(), **SETTINGS, **RUNAWAY),
        lambda: lib.sample(lib.models.harmonic(), **SETTINGS, **RUNAWAY | {"steps": lambda: None}),
        lambda: lib.Model(parameters=lib.parameters("u v"), predictor=lambda: None, loss=None),
        lambda: lib.models.scalar_product(loss=lambda z: object()),
        lambda: lib.density(lib.models.scalar_product(), "theta", dynamics=lib.Ambient(), temperature=0.1),
        lambda: lib.load("there is no such file"),
        lambda: lib.Histogram(range=(lambda: None, 1)),
    )
    for cause in causes:
        with pytest.raises(LangevinError) as caught:
            cause()
        back = there_and_back(caught.value)
        assert type(back) is type(caught.value)
        assert str(back) == str(caught.value)
        assert {k: v for k, v in vars(back).items() if k != "run"} == vars(caught.value)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_an_error_comes_back_from_a_worker() -> None:
    start = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with pytest.raises(DivergenceError) as here:
        lib.sample(lib.models.harmonic(), **SETTINGS, **RUNAWAY)
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(start)) as pool,
        pytest.raises(DivergenceError) as there,
    ):
        lib.sample(lib.models.harmonic(), **SETTINGS, **RUNAWAY, executor=pool, shards=2)
    assert str(there.value) == str(here.value)


def run() -> lib.Run:
    observe = {"theta": (lib.Histogram(range=(-1.0, 2.0)), lib.Moments(), lib.Trace(every=10))}
    what = {"dynamics": DYNAMICS, "step_size": 0.01, "steps": 200, "walkers": 128, "observe": observe}
    return lib.sample(lib.models.scalar_product(), **SETTINGS, **what)


def test_runs_and_their_results() -> None:
    here = run()
    there = there_and_back(here)
    assert (there.settings, there.machine, there.notes) == (here.settings, here.machine, here.notes)
    assert there.states.tobytes() == here.states.tobytes()
    assert [there[name] for name in there] == [here[name] for name in here]
    assert there_and_back(here["theta"]) == here["theta"]
    assert np.array_equal(there.resume(250, progress=False).states, here.resume(250, progress=False).states)


def test_comparisons() -> None:
    model, observe = lib.models.harmonic(), {"x": lib.Histogram(range=(-1.5, 1.5))}
    run = lib.sample(model, **SETTINGS, step_size=0.01, steps=400, burn_in=300, walkers=640, observe=observe)
    law = lib.Density.from_scipy(stats.norm(scale=0.1**0.5), name="normal", reference="dx")
    found = lib.compare(run["x"], law)
    assert repr(there_and_back(found)) == repr(found)
