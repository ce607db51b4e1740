"""`langevin-ib info`: versions and machine, for bug reports; and whether this installation computes what it should."""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import time
from importlib.metadata import PackageNotFoundError, version

from .. import __version__, _core
from .status import FAILED, PASSED

__all__ = ["run"]

_PACKAGES = ("numpy", "scipy", "sympy", "matplotlib")
_OPTIONAL = ("xarray", "arviz", "scikit-learn", "numba", "dask")

STATES = "ce72901b3c96ef5ff7920832865075fbe9aea32493039ca72e14145429ddc16f"
"""The SHA-256 of the states of the run of the self-check."""


def run(parsed: argparse.Namespace) -> int:
    """Print what is known, check if asked for, and return the exit status."""
    found = {
        "langevin-ib": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        ", ".join(_PACKAGES): ", ".join(map(version, _PACKAGES)),
        "also there": ", ".join(filter(None, map(_known, _OPTIONAL))) or "nothing optional",
        "instruction sets": ", ".join(_core.levels()),
        "threads": str(_core.cpu_count()),
    }
    checks = _checks() if parsed.check else {}
    passed = all(good for good, _ in checks.values())
    if parsed.json:
        said = {name: {"passed": good, "found": what} for name, (good, what) in checks.items()}
        print(json.dumps(found | ({"checks": said, "passed": passed} if checks else {}), indent=2))
        return PASSED if passed else FAILED
    found |= {name: f"{'ok' if good else 'FAILED'}: {what}" for name, (good, what) in checks.items()}
    width = max(map(len, found))
    for name, value in found.items():
        print(f"{name:<{width}}  {value}")
    if checks:
        print("all as it should be" if passed else "SELF-CHECK FAILED: please report it with the lines above")
    return PASSED if passed else FAILED


def _known(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""


def _checks() -> dict[str, tuple[bool, str]]:
    """Return what was checked, whether it is right, and what was found."""
    # Not for those who only want to know the version.
    from ..comparison import compare  # noqa: PLC0415
    from ..laws import density  # noqa: PLC0415
    from ..models import scalar_product  # noqa: PLC0415
    from ..observe import Histogram  # noqa: PLC0415
    from ..process import Ambient  # noqa: PLC0415
    from ..sampling import sample  # noqa: PLC0415

    def states(level: str, threads: int) -> str:
        run = sample(
            scalar_product(),
            temperature=0.1,
            step_size=0.01,
            steps=500,
            walkers=1000,
            rng=0,
            level=level,
            threads=threads,
            progress=False,
        )
        return hashlib.sha256(run.states.astype("<f8").tobytes()).hexdigest()

    digests = {states(level, threads) for level in _core.levels() for threads in (1, 2)}
    start = time.perf_counter()
    dynamics, observe = Ambient(weight_decay=0.3), {"theta": Histogram(bins=60, range=(-2.0, 3.0), every=5)}
    run = sample(
        scalar_product(),
        dynamics=dynamics,
        temperature=0.3,
        scheme="mala",
        step_size=0.2,
        steps=4000,
        burn_in=500,
        walkers=1024,
        rng=0,
        observe=observe,
        progress=False,
    )
    rate = run.walker_steps / (time.perf_counter() - start)
    law = density(scalar_product(), "theta", dynamics=dynamics, temperature=0.3)
    right = compare(run["theta"], law).pvalue
    wrong = compare(run["theta"], density(scalar_product(), "theta", dynamics=dynamics, temperature=0.33)).pvalue
    return {
        "bits": (digests == {STATES}, f"{len(digests)} result of all instruction sets, {min(digests)[:16]}..."),
        "law": (right >= 1e-3, f"p = {right:.3g} for K0's law of u v"),
        "another law": (wrong < 1e-6, f"p = {wrong:.2g} for that of another temperature"),
        "speed": (True, f"{rate:.2g} walker-steps per second"),
    }
