"""What `import langevin_ib` costs a new process, beside the interpreter alone and the packages that stand behind it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

CODE = {
    "nothing": "pass",
    "langevin_ib": "import langevin_ib",
    "a model": "import langevin_ib; langevin_ib.Model",
    "all public names": "from langevin_ib import *",
    "numpy": "import numpy",
    "sympy": "import sympy",
    "scipy.stats": "import scipy.stats",
}


@pytest.mark.parametrize("what", CODE)
def test_import(what: str, benchmark: Any) -> None:
    benchmark.group = "a process that imports"
    benchmark.pedantic(
        subprocess.run, ([sys.executable, "-c", CODE[what]],), {"check": True}, rounds=5, warmup_rounds=1
    )
