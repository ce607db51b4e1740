"""The evidence: targets on a few draws, seeds that do not depend on others, Ctrl-C, files, and missing libraries."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.__main__ import main
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.studies.evidence import EXHIBITS

QUICK = {"quick": True, "progress": False}


@pytest.fixture(autouse=True)
def no_peers(monkeypatch) -> None:
    """Libraries that may be installed are not there: tests mean the same everywhere."""
    module = sys.modules[lib.evidence.__module__]
    monkeypatch.setattr(module, "find_spec", lambda name: None if name in ("celer", "skglm") else find_spec(name))


@pytest.mark.long
@pytest.mark.parametrize("name", EXHIBITS)
def test_figures_are_made_drawn_and_written(name, tmp_path, capsys) -> None:
    assert main(["design", name, "--quick", "--no-progress", "--out", str(tmp_path)]) == 0
    said, exhibit = capsys.readouterr().out, EXHIBITS[name]
    facts = json.loads((tmp_path / f"design-{name}.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert facts["expectation"] == exhibit.expectation
    for each in (exhibit.expectation, facts["sentence"], facts["settings"]):
        assert each in said
    assert facts["missing"] == sorted(set(exhibit.peers.values()))
    assert all(np.isfinite(each["values"]).all() for each in facts["measured"])
    with np.load(tmp_path / f"design-{name}.npz") as arrays:
        assert {key.partition(".")[0] for key in arrays} == set(exhibit.arms) - set(exhibit.peers)
        assert all(len(arrays[key]) == 1 for key in arrays)
    assert (tmp_path / f"design-{name}.png").read_bytes().startswith(b"\x89PNG")


def test_settings_what_was_expected_and_who_is_missing_stand_on_the_figure() -> None:
    made = lib.evidence("groups", seeds=1, **QUICK)
    title = made.figure().get_suptitle().replace("\n", " ")
    for each in (made.exhibit.settings(quick=True), made.exhibit.expectation, "1 seeds", "left out: celer"):
        assert each in title


class TestTargets:
    @pytest.mark.long
    def test_differences_with_a_free_offset(self) -> None:
        arrays = lib.evidence("tv", seeds=3, progress=False).arrays
        assert np.median(arrays["decay.error"]) <= 0.0025
        assert np.median(arrays["decay.error"]) <= 1.5 * np.median(arrays["lasso.error"])

    def test_low_rank_and_the_nuclear_norm_beside_it(self) -> None:
        arrays = lib.evidence("lowrank", seeds=2, progress=False).arrays
        assert np.median(arrays["flow.error"]) <= 0.08
        assert np.median(arrays["norm.error"]) > 2.0 * np.median(arrays["flow.error"])
        assert np.allclose(arrays["norm.sigma"], arrays["decay.sigma"], atol=0.3)

    def test_weight_decay_is_basis_pursuit_and_the_group_lasso(self) -> None:
        phase = EXHIBITS["phase"]
        problem = phase.draw(np.random.default_rng(0), quick=True)
        decay, pursuit = (phase.solve(arm, problem, {}, key=0, quick=True) for arm in ("decay", "pursuit"))
        assert np.allclose(decay["error"], pursuit["error"], atol=0.01)
        assert lib.evidence("groups", seeds=1, **QUICK).arrays["decay.gap"].max() <= 1e-6


def test_a_seed_is_the_same_whoever_else_is_there(monkeypatch) -> None:
    module = sys.modules[lib.evidence.__module__]
    monkeypatch.setattr(module, "QUICK_SEEDS", 2)
    one, two = (lib.evidence("groups", seeds=count, **QUICK).arrays for count in (1, 2))
    for name, values in one.items():
        assert np.array_equal(values[0], two[name][0])
    assert not np.array_equal(two["decay.w"][0], two["decay.w"][1])


def test_ctrl_c_keeps_the_seeds_that_are_done(monkeypatch, tmp_path) -> None:
    exhibit = EXHIBITS["tv"]
    solve, calls = type(exhibit).solve, []

    def stopped(self, arm, *rest, **more):
        calls.append(arm)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return solve(self, arm, *rest, **more)

    monkeypatch.setattr(type(exhibit), "solve", stopped)
    made = lib.evidence("tv", seeds=3, progress=False, out=tmp_path)
    assert (made.interrupted, made.seeds) == (True, (0,))
    assert len(made.arrays["decay.error"]) == 1
    assert json.loads((tmp_path / "design-tv.json").read_text(encoding="utf-8"))["interrupted"] is True
    calls[:] = [""] * 7
    with pytest.raises(KeyboardInterrupt):
        lib.evidence("tv", seeds=3, progress=False)


def test_progress_counts_arms_and_seeds() -> None:
    seen = []
    lib.evidence("lowrank", quick=True, progress=lambda made, whole: seen.append((made, whole)))
    assert seen == [(k, 5) for k in range(1, 6)]


@pytest.mark.parametrize(
    ("changes", "said"), [({"figure": "fig2"}, "phase, tv"), ({"seeds": 0}, "seeds"), ({"out": 3}, "folder")]
)
def test_wrong_arguments_are_refused(changes, said) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        lib.evidence(**{"figure": "tv", "progress": False, **changes})
