"""docs/files.md names every key that a saved file has, whatever the run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import langevin_ib as lib
import numpy as np
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
NAMED = {re.sub(r"_0$|NAME$|\.0$", "", name) for name in re.findall(r"`([a-z_]+(?:\.0|[0-9]|NAME)?)`", PAGE)}
SETTINGS = {"step_size": 0.01, "steps": 40, "walkers": 8, "rng": 1, "progress": False}


def product(**changes) -> lib.Run:
    return lib.sample(lib.models.scalar_product(), **({"temperature": 0.1} | SETTINGS | changes))


def learnt() -> lib.Run:
    batches = lib.GivenBatches(rows=np.zeros((40, 2), dtype=np.int64))
    model = lib.models.diagonal_network(2, data=(np.ones((6, 2)), np.ones(6)))
    return lib.sample(model, dynamics=lib.SGD(given=batches), **SETTINGS)


RUNS = {
    "product": lambda: product(
        observe={"theta": (lib.Trace(at=[1, 5]), lib.Moments()), "u": lib.Histogram(bins=2, range=(0, 1))}
    ),
    "mala": lambda: product(scheme="mala"),
    "learnt": learnt,
    "absorbed": lambda: product(dynamics=lib.GaugeFixed(level=0.0, at_zero="absorb")),
}


@pytest.mark.parametrize("kind", RUNS)
def test_every_key_is_named(kind, tmp_path) -> None:
    RUNS[kind]().save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as file:
        header = json.loads(file["langevin_ib"].tobytes())
        arrays = {re.sub(r"_\d+$|(?<=^data_)[A-Za-z]+$|\.\d+$", "", name) for name in file.files}
    assert {*header, *header["settings"]["fields"], *header["machine"], *header["system"], *arrays} <= NAMED


def test_a_key_that_is_not_named_would_be_seen() -> None:
    assert "acceptances" not in NAMED
