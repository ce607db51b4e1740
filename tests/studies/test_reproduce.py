"""`reproduce` and `langevin-ib reproduce`: promises, files, bad input, exit codes, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
from functools import cache

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.__main__ import main
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.studies.experiments import FIGURES, descent, explain

SHORT = {"steps": 30, "progress": False}

ARMS = 7
"""Those of Figure 5, controls among them."""


@cache
def short(name: str):
    """A figure of one seed and few iterations."""
    return lib.reproduce(name, seeds=1, **SHORT)


class TestPromises:
    def test_a_seed_is_the_same_whoever_else_is_there(self) -> None:
        one, three = (lib.reproduce("fig5", seeds=count, **SHORT).arrays for count in (1, 3))
        for name in one:
            if not name.endswith(".steps"):
                np.testing.assert_array_equal(one[name][0], three[name][0])
        assert not np.array_equal(three["baseline.weights"][0], three["baseline.weights"][1])

    def test_a_seed_of_a_shared_problem_too(self) -> None:
        given = {"teacher": np.ones((16, 4)), "control": np.ones((4, 4))}
        one, three = (lib.reproduce("fig2", seeds=count, data=given, **SHORT).arrays for count in (1, 3))
        for name in one:
            if not name.endswith(".steps"):
                np.testing.assert_array_equal(one[name][0], three[name][0])
        assert not np.array_equal(three["noisy.ratio"][0], three["noisy.ratio"][1])

    def test_another_rng_is_another_draw(self) -> None:
        first, second = (lib.reproduce("fig5", seeds=1, rng=rng, **SHORT).arrays for rng in (0, 1))
        assert not np.array_equal(first["baseline.weights"], second["baseline.weights"])

    def test_given_arrays_are_used_and_seeds_then_differ_in_initial_values_alone(self) -> None:
        labels = np.linspace(-1.0, 1.0, 32)
        given = {"t": np.linspace(0.0, 0.9, 32), "y": labels, "w_true": np.zeros(64)}
        made = lib.reproduce("fig5", seeds=2, data=given, **SHORT)
        assert made.given == ("t", "w_true", "y")
        np.testing.assert_allclose(made.arrays["hadamard.train"][:, 0], np.mean(labels**2), rtol=1e-2)
        assert not np.array_equal(made.arrays["hadamard.weights"][0], made.arrays["hadamard.weights"][1])


class TestProgressAndInterruption:
    def test_progress_counts_all_arms_and_seeds(self) -> None:
        told: list[tuple[int, int]] = []
        lib.reproduce("fig5", seeds=2, steps=30, progress=lambda made, steps: told.append((made, steps)))
        made = [each for each, _ in told]
        assert {steps for _, steps in told} == {2 * ARMS * 30}
        assert made == sorted(made)
        assert made[-1] == 2 * ARMS * 30

    def test_what_is_done_is_kept(self, monkeypatch) -> None:
        right = descent.Descent.train

        def stopped(self, order):
            if order.walkers.start > 0:
                raise KeyboardInterrupt
            return right(self, order)

        monkeypatch.setattr(descent.Descent, "train", stopped)
        made = lib.reproduce("fig5", seeds=4, **SHORT)
        assert made.interrupted
        assert made.seeds == (0,)
        assert ", interrupted" in str(made)
        monkeypatch.undo()
        whole = lib.reproduce("fig5", seeds=1, **SHORT).arrays
        np.testing.assert_array_equal(made.arrays["l1.weights"], whole["l1.weights"])

    @pytest.mark.skipif(
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler,
        reason="Ctrl-C is ignored, or somebody else's",
    )
    def test_ctrl_c_within_a_run_keeps_the_seeds_that_are_done(self) -> None:
        steps, sent = 10_000, []

        def press(made: int, _: int) -> None:
            # Of the runs that are under way, those of the first seed began first, and one of them is the last to end.
            if made > 1.5 * ARMS * steps and not sent:
                sent.append(made)
                os.kill(os.getpid(), signal.SIGINT)

        made = lib.reproduce("fig5", seeds=3, steps=steps, progress=press)
        assert made.interrupted
        assert made.seeds in ((0,), (0, 1))

    def test_nothing_done_is_an_interruption(self, monkeypatch) -> None:
        def stopped(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(descent.Descent, "train", stopped)
        with pytest.raises(KeyboardInterrupt):
            lib.reproduce("fig5", seeds=4, **SHORT)


class TestBadInput:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"figure": "fig7"}, "figure='fig7' cannot be made; those that can are fig"),
            ({"figure": 5}, "cannot be made"),
            ({"seeds": 0}, "seeds must lie between"),
            ({"steps": 0}, "steps must lie between"),
            ({"variant": "caption"}, "variant='caption' is unknown; choose one of 'code', 'text'"),
            ({"rng": "x"}, "rng='x'"),
            ({"out": 3}, "out must be a path of a folder, got 3"),
            ({"data": 3}, "data must map names to arrays"),
            ({"data": {"X": np.zeros(3)}}, "is none of the arrays of fig5, which are t, y, w_true"),
            ({"data": {"y": np.zeros(3)}}, r"shape \(32,\), got an array of \(3,\)"),
            ({"data": {"y": np.full(32, np.nan)}}, "finite"),
            ({"data": {"y": ["a"] * 32}}, "real numbers"),
        ],
    )
    def test_is_refused_with_the_remedy(self, changes, said) -> None:
        with pytest.raises(InvalidArgumentError, match=said):
            lib.reproduce(**{"figure": "fig5", "seeds": 1, **SHORT, **changes})

    def test_arrays_that_cannot_be_written_to_and_are_not_contiguous(self) -> None:
        times = np.linspace(0.0, 1.0, 64)[::2]
        times.flags.writeable = False
        made = lib.reproduce("fig5", seeds=1, data={"t": times}, **SHORT)
        plain = lib.reproduce("fig5", seeds=1, data={"t": times.copy()}, **SHORT)
        np.testing.assert_array_equal(made.arrays["l1.weights"], plain.arrays["l1.weights"])


class TestCommandLine:
    @pytest.mark.parametrize("variant", ["code", "text"])
    def test_writes_figure_arrays_and_settings(self, tmp_path, capsys, variant) -> None:
        out = tmp_path / "new"
        arguments = ["reproduce", "fig5", "--seeds", "2", "--steps", "20", "--variant", variant, "--no-progress"]
        assert main([*arguments, "--out", str(out)]) == 0
        said = capsys.readouterr().out
        stem = "fig5" if variant == "code" else "fig5-text"
        assert sorted(path.name for path in out.iterdir()) == [f"{stem}.json", f"{stem}.npz", f"{stem}.png"]
        assert (out / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        numbers = json.loads((out / f"{stem}.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
        assert numbers["seeds"] == [0, 1]
        assert numbers["variant"] == variant
        assert numbers["sentence"] in said
        assert numbers["versions"]["langevin-ib"] == lib.__version__
        with np.load(out / f"{stem}.npz") as saved:
            assert saved["baseline.weights"].shape == (2, 64)

    def test_explains_and_runs_nothing(self, tmp_path, capsys, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["reproduce", "all", "--explain"]) == 0
        said = capsys.readouterr().out
        for name in FIGURES:
            assert explain(name) in said
        assert list(tmp_path.iterdir()) == []

    def test_unknown_figures_are_refused_by_name(self, capsys, tmp_path) -> None:
        for command in ("reproduce", "design"):
            assert main([command, "fig7", "--out", str(tmp_path / "out")]) == 2
            assert "figure='fig7' cannot be made; those that can are" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_an_interrupted_run_is_written_and_ends_with_130(self, capsys, tmp_path, monkeypatch) -> None:
        right = descent.Descent.train

        def stopped(self, order):
            if order.walkers.start > 0:
                raise KeyboardInterrupt
            return right(self, order)

        monkeypatch.setattr(descent.Descent, "train", stopped)
        arguments = ["reproduce", "fig5", "--steps", "20", "--no-progress", "--out", str(tmp_path)]
        assert main(arguments) == 130
        assert "1 seeds" in capsys.readouterr().out
        assert json.loads((tmp_path / "fig5.json").read_text(encoding="utf-8"))["interrupted"] is True


class TestEveryFigure:
    @pytest.mark.parametrize("name", list(FIGURES))
    def test_measures_and_draws_and_says_what_it_shows(self, name) -> None:
        made = short(name)
        assert made.measured
        assert all(each.values.shape == (1,) for each in made.measured)
        assert made.sentence.endswith(".")
        assert made.figure().axes
        assert all(len(values) == 1 for key, values in made.arrays.items() if not key.endswith(".steps"))
        assert FIGURES[name].differences


class TestPublishedCurves:
    """Drawn where an environment variable names the authors' arrays, which are not part of the project."""

    VARIABLE = "LANGEVIN_IB_PUBLISHED"
    CURVES = (
        ("fig2", {"losses": 1, "ratios": 16}, 4),
        ("fig4", {"twice_sigma": 20, "ratios": 20}, 5),
        ("fig5", {"test_l1": 1}, 1),
    )

    @staticmethod
    def black(made) -> int:
        """How many lines of the published style there are."""
        axes = made.figure().axes
        return sum(line.get_linestyle() == "-." and line.get_color() == "black" for ax in axes for line in ax.lines)

    @pytest.mark.parametrize(("name", "curves", "count"), CURVES)
    def test_are_drawn_over_the_bands(self, name, curves, count, tmp_path, monkeypatch) -> None:
        arrays = {f"{name}_{each}": np.ones((3, columns)).squeeze() for each, columns in curves.items()}
        np.savez(tmp_path / "saved.npz", **arrays, **{f"{name}_steps": np.array([1, 10, 30])})
        monkeypatch.delenv(self.VARIABLE, raising=False)
        made = short(name)
        assert self.black(made) == 0
        monkeypatch.setenv(self.VARIABLE, str(tmp_path / "saved.npz"))
        # Largest, median and least of several; the two singular values that were published.
        assert self.black(made) == count

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path, monkeypatch) -> None:
        (tmp_path / "saved.npz").write_text("nothing", encoding="utf-8")
        made = short("fig5")
        for path in (tmp_path / "saved.npz", tmp_path / "none.npz"):
            monkeypatch.setenv(self.VARIABLE, str(path))
            with pytest.raises(lib.errors.ArchiveError, match=f"{self.VARIABLE}=.*unset it"):
                made.figure()
