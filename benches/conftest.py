"""What the benches share: the job at full or smoke size, and a loud word about everybody who could not be measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from peers import Contender, Job, missing


@pytest.fixture
def job(request: pytest.FixtureRequest) -> Job:
    """The job; with --benchmark-disable a tiny one, to see that everything runs."""
    if request.config.getoption("benchmark_disable"):
        return Job(walkers=256, steps=20)
    return Job(steps=1_000)


@pytest.fixture
def present() -> Any:
    """A check that skips a contender who is not installed."""

    def check(contender: Contender) -> None:
        if not contender.installed:
            pytest.skip(f"NOT MEASURED: {contender.requires} is not installed (pip install '.[bench]')")

    return check


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the peers that were left out, so that no comparison looks complete when it is not."""
    if missing():
        terminalreporter.section("NOT MEASURED", yellow=True)
        for line in missing():
            terminalreporter.line(line)
