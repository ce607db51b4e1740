"""What holds for all tests: none of them leaves a process behind, not even one whose parent has died."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from children import adopt_orphans, children

PATIENCE = 10.0  # seconds: those who are about to end may


@pytest.fixture(scope="session", autouse=True)
def _orphans_are_ours() -> None:
    """Have those whose parent dies become children of the test runner, so that they are seen."""
    adopt_orphans()


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left(_orphans_are_ours: None) -> Iterator[None]:
    before = children()
    yield
    deadline = time.monotonic() + PATIENCE
    while (left := children().keys() - before.keys()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"processes were left behind: {[told for pid, told in children().items() if pid in left]}"
