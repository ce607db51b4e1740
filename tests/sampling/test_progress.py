"""Progress: a function hears how far a run is, a bar appears where somebody looks, and silence is silent."""

from __future__ import annotations

import sys
import time
import types

import langevin_ib as lib
import numpy as np
import pytest
import tqdm.auto
from langevin_ib.errors import DivergenceError
from langevin_ib.progress import Reporter

MODEL = lib.models.scalar_product()


def sampled(progress, steps: int = 20_000, **changes) -> lib.Run:
    settings = {"temperature": 0.1, "step_size": 1e-3, "walkers": 500, "rng": 1, "threads": 1}
    return lib.sample(MODEL, steps=steps, progress=progress, **(settings | changes))


class Bar:
    """What is used of a tqdm bar."""

    made: list[Bar]

    def __init__(self, total: int, **_: object) -> None:
        self.total, self.n, self.closed = total, 0, False
        self.made.append(self)

    def update(self, by: int) -> None:
        self.n += by

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def bars(monkeypatch) -> list[Bar]:
    monkeypatch.setattr(Bar, "made", [], raising=False)
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    return Bar.made


class TestCallback:
    @pytest.mark.parametrize("threads", [1, 2])
    def test_hears_increasing_numbers_up_to_all_steps(self, threads) -> None:
        heard = []
        sampled(lambda made, steps: heard.append((made, steps)), threads=threads)
        made = [m for m, _ in heard]
        assert {steps for _, steps in heard} == {20_000}
        assert made == sorted(set(made))
        assert made[0] > 0
        assert made[-1] == 20_000
        assert len(made) > 1

    def test_is_called_about_20_times_a_second(self) -> None:
        times = []
        sampled(lambda made, steps: times.append(time.perf_counter()), steps=400_000)
        # Once epochs have adapted, and whatever else the machine does: not hundreds, and not one.
        assert 3 <= len(times) / (times[-1] - times[0]) <= 200

    def test_may_be_any_callable_and_return_anything(self) -> None:
        class Listener:
            def __call__(self, *heard: int) -> str:
                self.heard = heard
                return "ignored"

        listener = Listener()
        sampled(listener)
        assert listener.heard == (20_000, 20_000)

    def test_changes_nothing(self) -> None:
        assert np.array_equal(sampled(lambda *_: None).states, sampled(False).states)

    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, StopIteration, SystemExit, GeneratorExit])
    def test_what_it_raises_comes_through_and_the_next_run_works(self, error, threads) -> None:
        def fail(made: int, steps: int) -> None:
            raise error("no more")

        with pytest.raises(error, match="no more"):
            sampled(fail, threads=threads)
        assert np.array_equal(sampled(False, threads=threads).states, sampled(False).states)

    def test_keyboard_interrupt_from_it_is_ctrl_c(self) -> None:
        def stop(made: int, steps: int) -> None:
            if made > 5000:
                raise KeyboardInterrupt

        with pytest.warns(lib.SamplingInterrupted):
            run = sampled(stop)
        assert run.interrupted
        assert 5000 < run.steps < 20_000
        assert np.array_equal(run.states, sampled(False, steps=run.steps).states)

    def test_ctrl_c_after_the_last_step_loses_nothing_and_is_not_swallowed(self) -> None:
        def stop(made: int, steps: int) -> None:
            if made == steps:
                raise KeyboardInterrupt

        with pytest.warns(lib.SamplingInterrupted):
            run = sampled(stop)
        assert run.interrupted
        assert run.steps == 20_000


class TestBar:
    def test_appears_when_asked_for(self, bars) -> None:
        sampled(True)
        (bar,) = bars
        assert bar.total == bar.n == 20_000
        assert bar.closed

    def test_is_not_made_for_a_run_that_is_over_at_once(self, bars) -> None:
        sampled(True, steps=10)
        assert not bars

    @pytest.mark.parametrize("terminal", [False, True])
    def test_by_default_appears_on_a_terminal_only(self, terminal, bars, monkeypatch) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
        monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
        sampled(None)
        assert len(bars) == terminal

    def test_by_default_appears_in_a_notebook(self, bars, monkeypatch) -> None:
        monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
        sampled(None)
        assert len(bars) == 1

    def test_by_default_does_not_appear_without_a_standard_error(self, bars, monkeypatch) -> None:
        monkeypatch.setattr(sys, "stderr", None)
        sampled(None)
        assert not bars

    def test_false_is_silent_even_on_a_terminal(self, bars, monkeypatch, capfd) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        sampled(False)
        assert not bars
        assert capfd.readouterr() == ("", "")

    def test_is_closed_when_the_run_fails(self, bars) -> None:
        # A walker grows by a thousandth a step: it takes 230 000 of them to run away.
        settings = {"temperature": 0.1, "step_size": 2.001, "steps": 10**7, "walkers": 500, "rng": 1, "threads": 1}
        with pytest.raises(DivergenceError):
            lib.sample(lib.models.harmonic(), progress=True, **settings)
        (bar,) = bars
        assert bar.closed

    def test_is_a_real_one(self, capsys) -> None:
        with Reporter(True, 1000) as reporter:
            report = reporter.callback()
            report(100)
            time.sleep(0.6)  # bars wait half a second before they show
            report(400)
        shown = capsys.readouterr().err
        assert "40%" in shown
        assert "400/1.00k" in shown
