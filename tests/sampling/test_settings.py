"""Settings: plain checked numbers that decide a run, and what they need of the machine."""

from __future__ import annotations

from dataclasses import replace

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.observe import GROUPS
from langevin_ib.process import Process
from langevin_ib.sampling.loop import settings as module
from langevin_ib.sampling.loop.settings import Machine, Settings

TRACE, MOMENTS, HISTOGRAM = lib.Trace(every=10), lib.Moments(), lib.Histogram(range=(0.0, 1.0))

PROCESS = Process(lib.models.scalar_product(), lib.Ambient(), 0.5)

SETTINGS = Settings(
    step_size=0.01,
    steps=100,
    burn_in=20,
    walkers=(0, 1000),
    key=2**64 + 7,
    scheme="mala",
    dtype="float64",
    noise="native",
    observe=(("x", TRACE), ("x", HISTOGRAM)),
)


def test_settings_are_values() -> None:
    assert replace(SETTINGS) == SETTINGS
    assert hash(replace(SETTINGS)) == hash(SETTINGS)
    assert replace(SETTINGS, key=8) != SETTINGS
    with pytest.raises(AttributeError):
        SETTINGS.steps = 5  # type: ignore[misc] # that it is refused is what is tested


def test_settings_hold_plain_numbers() -> None:
    wide = replace(SETTINGS, step_size=np.float64(0.01), steps=np.int8(100), burn_in=np.uint8(20), dtype=np.float64)
    assert wide == SETTINGS
    assert repr(wide) == repr(SETTINGS)


@pytest.mark.parametrize(
    ("made", "every", "expected"),
    [
        (0, 1, 0),
        (20, 1, 0),
        (21, 1, 1),
        (100, 1, 80),
        (29, 10, 0),
        (30, 10, 1),
        (99, 10, 7),
        (100, 10, 8),
        (100, 81, 0),
    ],
)
def test_observations_count_from_the_end_of_the_burn_in(made, every, expected) -> None:
    assert SETTINGS.observations(lib.Trace(every=every), made) == expected


def test_provenance_tells_where_a_result_comes_from() -> None:
    provenance = replace(SETTINGS, walkers=(100, 1000)).provenance(PROCESS, "x", TRACE, 57)
    assert provenance.walkers == 900
    assert provenance.observations == 3
    assert provenance.key == (7, 1)
    assert (provenance.scheme, provenance.step_size, provenance.temperature) == ("mala", 0.01, 0.5)


class TestMemory:
    """A request that cannot fit is refused before anything is allocated, and the message says what takes the room."""

    @pytest.fixture
    def one_gigabyte(self, monkeypatch) -> None:
        sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**18}
        monkeypatch.setattr(module.os, "sysconf", sizes.__getitem__, raising=False)

    @pytest.mark.parametrize(
        ("walkers", "observe", "largest"),
        [
            (10**9, (), "states"),
            (10**6, (("x", lib.Trace(every=1)),), "observe['x']"),
            (10**7, (("x", MOMENTS), ("y", lib.Moments(order=4))), "observe['y']"),
            (10, (("x", TRACE), ("y", lib.Histogram(bins=10**6, range=(0, 1)))), "observe['y']"),
            (10, (("x", TRACE), *(("x", lib.Histogram(bins=10**5, range=(0, 1))),) * 10), "observe['x']"),
        ],
        ids=["states", "trace", "moments", "histogram", "many"],
    )
    @pytest.mark.usefixtures("one_gigabyte")
    def test_too_much_is_refused(self, walkers, observe, largest) -> None:
        wanted = replace(SETTINGS, walkers=(0, walkers), observe=observe)
        with pytest.raises(InvalidArgumentError, match="this machine has 1 GiB") as caught:
            wanted.require_memory(dim=1, threads=2)
        assert f"most goes to {largest}: take fewer walkers (now {walkers})" in str(caught.value)

    @pytest.mark.usefixtures("one_gigabyte")
    def test_single_precision_needs_half(self) -> None:
        wanted = replace(SETTINGS, walkers=(0, 60_000_000), observe=())
        with pytest.raises(InvalidArgumentError):
            wanted.require_memory(dim=1, threads=1)
        replace(wanted, dtype="float32").require_memory(dim=1, threads=1)

    def test_what_is_reasonable_is_let_through(self) -> None:
        replace(SETTINGS, walkers=(0, 100_000)).require_memory(dim=2, threads=4)


def test_memory_does_not_grow_with_steps() -> None:
    few = replace(SETTINGS, observe=(("x", HISTOGRAM), ("x", MOMENTS)))
    replace(few, steps=2**60).require_memory(dim=2, threads=2)


class TestMachine:
    def test_defaults_are_all_threads_and_the_best_level(self) -> None:
        machine = Machine.checked(None, None, 64)
        assert machine.threads >= 1
        assert machine.level_name == lib.levels()[-1]

    @pytest.mark.parametrize("level", lib.levels())
    def test_a_level_can_be_forced(self, level) -> None:
        assert Machine.checked(2, level, 64) == Machine(threads=2, level=level, block=64)
        assert Machine.checked(2, level, 64).level_name == level

    def test_the_slowest_level_is_everywhere(self) -> None:
        assert lib.levels()[0] == "portable"


def test_groups_are_as_many_for_every_run() -> None:
    """Else the histograms of a run's shards could not be added."""
    for walkers in (1, 10, 64, 100, slice(3, 5), slice(70, 71)):
        run = lib.sample(
            lib.models.harmonic(),
            temperature=0.5,
            step_size=0.01,
            steps=5,
            walkers=walkers,
            observe={"x": HISTOGRAM},
            progress=False,
        )
        assert run["x"].groups == GROUPS
        assert run["x"].total == 5 * run.settings.count
