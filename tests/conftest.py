"""What holds for all tests: the same numbers in any order and everywhere, and no process that is left behind."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from children import adopt_orphans, children
from hypothesis import settings

PATIENCE = 10.0  # seconds: those who are about to end may

# Examples are a function of the test, and a loaded machine is no fault of it.
settings.register_profile("the same everywhere", deadline=None, derandomize=True, database=None)
settings.load_profile("the same everywhere")


@pytest.fixture(autouse=True)
def _numbers_of_its_own(request: pytest.FixtureRequest) -> None:
    """Let what a test draws from its module's generator depend on its name, and not on the tests before it."""
    rng = getattr(request.module, "RNG", None)
    if isinstance(rng, np.random.Generator):
        rng.bit_generator.state = np.random.default_rng(zlib.crc32(request.node.name.encode())).bit_generator.state


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
