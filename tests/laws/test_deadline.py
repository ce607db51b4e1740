"""A budget of time: work is stopped wherever it is, nothing is raised afterwards, and everything goes on as before."""

from __future__ import annotations

import contextlib
import cProfile
import itertools
import pickle
import sys
import threading
import time
from typing import Any

import pytest
import sympy
from langevin_ib.deadline import within
from langevin_ib.errors import InvalidArgumentError, OutOfTimeError, UnsupportedModelError

WORDS = {"what": "the answer", "remedy": "ask for another one"}


def forever() -> None:
    while True:
        sum(range(100))


def test_what_is_in_time_is_returned() -> None:
    assert within(5.0, lambda: 42, **WORDS) == 42
    assert within(None, lambda: 42, **WORDS) == 42
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 / 0, **WORDS)


def test_what_is_late_is_refused_with_the_remedy_and_in_time() -> None:
    began = time.monotonic()
    with pytest.raises(OutOfTimeError, match=r"the answer was not found within 0\.2 s; .* timeout=, or ask for anoth"):
        within(0.2, forever, **WORDS)
    assert time.monotonic() - began < 2.0
    assert not [each for each in threading.enumerate() if "deadline" in each.name]


def test_the_refusal_is_one_of_the_kinds_that_users_catch() -> None:
    error = OutOfTimeError("too late")
    assert isinstance(error, UnsupportedModelError)
    assert isinstance(error, TimeoutError)
    assert str(pickle.loads(pickle.dumps(error))) == "too late"


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), "10", True])
def test_a_budget_that_is_no_positive_number_is_refused(timeout: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout"):
        within(timeout, lambda: 42, **WORDS)


def test_a_budget_of_years_is_one() -> None:
    assert within(1e12, lambda: 42, **WORDS) == 42


@pytest.mark.parametrize(("outer", "inner", "owner"), [(0.1, 5.0, "outer"), (5.0, 0.1, "inner")])
def test_budgets_nest_and_the_one_that_ends_first_counts(outer: float, inner: float, owner: str) -> None:
    def work() -> None:
        within(inner, forever, what="the inner answer", remedy="wait")

    with pytest.raises(OutOfTimeError, match=f"the {owner} answer"):
        within(outer, work, what="the outer answer", remedy="wait")


def test_an_inner_refusal_that_is_caught_leaves_the_outer_budget_running() -> None:
    def work() -> str:
        with pytest.raises(OutOfTimeError):
            within(0.05, forever, what="the inner answer", remedy="wait")
        forever()
        return "never"

    with pytest.raises(OutOfTimeError, match="the outer answer"):
        within(0.4, work, what="the outer answer", remedy="wait")


def test_handlers_of_ordinary_errors_do_not_see_it() -> None:
    def work() -> None:
        while True:
            with contextlib.suppress(Exception):
                forever()

    with pytest.raises(OutOfTimeError):
        within(0.1, work, **WORDS)


def test_what_swallows_it_once_is_stopped_the_second_time() -> None:
    swallowed = []

    def work() -> None:
        try:
            forever()
        except BaseException as error:
            swallowed.append(error)
        forever()

    with pytest.raises(OutOfTimeError):
        within(0.1, work, **WORDS)
    assert len(swallowed) == 1


def test_an_end_within_a_finaliser_is_not_told_and_comes_again(monkeypatch: Any) -> None:
    heard: list[Any] = []
    hook = heard.append
    monkeypatch.setattr("sys.unraisablehook", hook)

    class Slow:
        def __del__(self) -> None:
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                pass

    class Wrong:
        def __del__(self) -> None:
            raise ZeroDivisionError

    def work() -> None:
        Slow()
        Wrong()
        forever()

    with pytest.raises(OutOfTimeError):
        within(0.1, work, **WORDS)
    assert [each.exc_type for each in heard] == [ZeroDivisionError]
    assert sys.unraisablehook is hook


def test_it_works_in_every_thread_and_stops_only_its_own() -> None:
    found: dict[int, Any] = {}

    def run(number: int) -> None:
        try:
            found[number] = within(0.2 if number % 2 else 20.0, lambda: worked(number), **WORDS)
        except OutOfTimeError as error:
            found[number] = error

    def worked(number: int) -> int:
        began = time.monotonic()
        while number % 2 or time.monotonic() - began < 0.5:
            sum(range(100))
        return number

    threads = [threading.Thread(target=run, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[k] for k in (0, 2, 4)] == [0, 2, 4]
    assert all(isinstance(found[k], OutOfTimeError) for k in (1, 3, 5))


def test_nothing_is_raised_after_it_has_returned_however_close_the_end_was() -> None:
    """Work that ends about when its budget does, 150 times: either the answer or the refusal, and no third."""
    outcomes = []
    for k in range(150):
        end = time.monotonic() + 0.03

        def work(end: float = end) -> int:
            while time.monotonic() < end:
                pass
            return 42

        try:
            outcomes.append(within(0.001 + 4e-4 * (k % 100), work, **WORDS))
        except OutOfTimeError:
            outcomes.append(None)
        for _ in range(50):  # here one that comes late would be raised
            sum(range(10))
    assert set(outcomes) == {42, None}


def test_a_profiler_may_look_on() -> None:
    """An exception that is taken back, and not received, leaves a flag on which profiled code spins for ever."""
    profile = cProfile.Profile()
    profile.enable()
    try:
        for k in range(30):
            with contextlib.suppress(OutOfTimeError):
                within(0.001 + 1e-5 * k, lambda: [sum(range(10)) for _ in range(2000)], **WORDS)
    finally:
        profile.disable()


def test_sympy_goes_on_after_it_was_stopped_in_the_middle() -> None:
    x = sympy.symbols("x:8")
    stopped = 0
    for k in range(25):
        hard = sympy.Mul(*(sum(x) + x[j % 8] ** j + k for j in range(9)))
        try:
            within(0.02, lambda hard=hard: sympy.factor(sympy.expand(hard)), **WORDS)
        except OutOfTimeError:
            stopped += 1
    assert stopped == 25
    y = sympy.Symbol("y", positive=True)
    assert sympy.factor(sympy.expand((x[0] + x[1]) ** 3)) == (x[0] + x[1]) ** 3
    assert sympy.sqrt(y**2) == y
    assert sympy.integrate(sympy.exp(-(y**2)), (y, 0, sympy.oo)) == sympy.sqrt(sympy.pi) / 2


def test_on_a_terminal_there_is_a_bar_after_two_seconds(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("langevin_ib.deadline.somebody_looks", lambda: True)
    monkeypatch.setattr("langevin_ib.deadline._SILENT", 0.5)
    within(5.0, lambda: None, **WORDS)
    assert capsys.readouterr().err == ""
    for timeout in (60.0, None):
        within(timeout, lambda: time.sleep(5.0), **WORDS)
        assert "the answer: " in capsys.readouterr().err


def test_a_million_steps_of_python_are_not_slowed_down() -> None:
    """A watch costs a thread and no more: well below a millisecond."""
    began = time.process_time()
    for _ in itertools.repeat(None, 100):
        within(10.0, lambda: None, **WORDS)
    assert time.process_time() - began < 1.0
