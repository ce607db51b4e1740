"""The promises of the tests: Ctrl-C is heard wherever they are started, no process is left, order decides nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from children import adopt_orphans, answers_of, children, end_group

PROCESSES = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="NOT TESTED: reads /proc")
RNG = np.random.default_rng()

HERE = str(Path(__file__).parent)
DEAF = {
    "ignored": "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})",
}
PRESS = """
import children, json
children.hear_ctrl_c()
try:
    children.press_ctrl_c()
    signal.sigtimedwait({signal.SIGUSR1}, 5)
except KeyboardInterrupt:
    print(json.dumps("heard"))
"""


@PROCESSES
@pytest.mark.parametrize("how", DEAF)
def test_a_child_hears_ctrl_c_whatever_the_runner_was_told(how) -> None:
    program = f"import signal, sys\nsys.path.insert(0, {HERE!r})\n{DEAF[how]}\n{PRESS}"
    assert answers_of("-c", program, timeout=60) == "heard"


@PROCESSES
def test_whatever_a_script_started_ends_with_it() -> None:
    sleeper = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    with pytest.raises(subprocess.TimeoutExpired):
        answers_of("-c", sleeper + "import time; time.sleep(600)", timeout=2)
    assert not [told for told in children().values() if "sleep(600)" in told]


@PROCESSES
def test_an_orphan_is_seen() -> None:
    adopt_orphans()
    program = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(601)'])"
    parent = subprocess.Popen([sys.executable, "-c", program], start_new_session=True, encoding="utf-8")
    assert parent.wait(timeout=60) == 0
    left = [pid for pid, told in children().items() if "sleep(601)" in told]
    end_group(parent)
    assert len(left) == 1
    # The runner is its parent now, and so the one who has to ask how it ended.
    deadline = time.monotonic() + 10
    while os.waitpid(left[0], os.WNOHANG)[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left[0] not in children()


@pytest.mark.parametrize("which", ["one", "another"])
def test_what_is_drawn_does_not_depend_on_the_tests_before(which) -> None:
    assert RNG.uniform() == {"one": 0.08958586554282522, "another": 0.54316524340755}[which]


def test_examples_are_the_same_everywhere() -> None:
    assert hypothesis.settings().derandomize
    assert hypothesis.settings().deadline is None
