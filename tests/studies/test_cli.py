"""The command line: exit statuses, messages for people, and files that can be read back."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points

import langevin_ib as lib
import pytest
from langevin_ib import __main__ as cli
from langevin_ib.__main__ import main
from langevin_ib.studies.validation import CASES, Case

NAME = "product-ambient"


@pytest.fixture
def short(monkeypatch) -> None:
    """Make every case short: a third of a second."""
    case = replace(CASES[NAME], step_size=0.05, time=60.0, burn_in=40.0, walkers=16_384)
    monkeypatch.setattr(cli, "CASES", {NAME: case})


def misused(capsys, *arguments: str) -> str:
    """What is said about arguments that cannot be parsed."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


class TestValidate:
    def test_quick_passes_and_writes_a_figure_and_numbers(self, tmp_path, capsys) -> None:
        out = tmp_path / "new" / "folder"
        assert main(["validate", "--quick", "--only", NAME, "--no-progress", "--out", str(out)]) == 0
        said = capsys.readouterr()
        assert "all as it should be" in said.out
        assert said.err == ""
        assert sorted(path.name for path in out.iterdir()) == [f"{NAME}.json", f"{NAME}.png"]
        for path in out.iterdir():
            assert str(path) in said.out
        assert (out / f"{NAME}.png").read_bytes().startswith(b"\x89PNG")
        numbers = json.loads((out / f"{NAME}.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
        assert numbers["passed"] is True
        assert 0.0 <= numbers["comparison"]["pvalue"] <= 1.0
        assert all(rival["pvalue"] < 1e-6 for rival in numbers["rivals"].values())

    @pytest.mark.usefixtures("short")
    def test_seed_and_threads_are_passed_on(self, tmp_path) -> None:
        found = []
        for seed, threads in (("1", "1"), ("1", "2"), ("2", "1")):
            arguments = ["validate", "--only", NAME, "--seed", seed, "--threads", threads, "--out", str(tmp_path)]
            assert main(arguments) == 0
            found.append(json.loads((tmp_path / f"{NAME}.json").read_text(encoding="utf-8")))
        assert [numbers["threads"] for numbers in found] == [1, 2, 1]
        assert found[0]["comparison"] == found[1]["comparison"]
        assert found[0]["comparison"]["pvalue"] != found[2]["comparison"]["pvalue"]

    @pytest.mark.usefixtures("short")
    def test_a_wrong_law_fails(self, tmp_path, capsys, monkeypatch) -> None:
        right = Case.law
        monkeypatch.setattr(Case, "law", lambda self: right(replace(self, temperature=1.05 * self.temperature)))
        assert main(["validate", "--out", str(tmp_path)]) == 1
        said = capsys.readouterr().out
        assert "FAILED: a right law" in said
        assert said.endswith(f"VALIDATION FAILED: {NAME}\n")
        assert json.loads((tmp_path / f"{NAME}.json").read_text(encoding="utf-8"))["passed"] is False

    @pytest.mark.usefixtures("short")
    def test_a_rival_that_is_not_rejected_fails(self, tmp_path, capsys, monkeypatch) -> None:
        rivals = Case.rivals
        monkeypatch.setattr(Case, "rivals", lambda self: rivals(self) | {"the same": self.law()})
        assert main(["validate", "--out", str(tmp_path)]) == 1
        said = capsys.readouterr().out
        assert "NOT REJECTED" in said
        assert "  ok: " in said

    @pytest.mark.parametrize("where", ["file", "file/below"])
    def test_a_folder_that_cannot_be_made_is_known_before_sampling(self, where, tmp_path, capsys, monkeypatch) -> None:
        (tmp_path / "file").write_text("in the way", encoding="utf-8")
        monkeypatch.setattr(Case, "validate", lambda *_, **__: pytest.fail("sampled"))
        assert main(["validate", "--quick", "--out", str(tmp_path / where)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("langevin-ib: ")
        assert "file" in said.err
        assert "Traceback" not in said.err

    @pytest.mark.usefixtures("short")
    def test_a_file_that_cannot_be_written(self, tmp_path, capsys) -> None:
        (tmp_path / f"{NAME}.png").mkdir()
        assert main(["validate", "--no-progress", "--out", str(tmp_path)]) == 2
        assert f"{NAME}.png" in capsys.readouterr().err

    @pytest.mark.usefixtures("short")
    def test_wrong_numbers_of_threads(self, tmp_path, capsys) -> None:
        for threads in ("0", "100000"):
            assert main(["validate", "--threads", threads, "--out", str(tmp_path)]) == 2
            assert "threads must lie between 1 and" in capsys.readouterr().err

    @pytest.mark.parametrize("how", ["none", "raised"])
    def test_ctrl_c_ends_with_130(self, how, tmp_path, capsys, monkeypatch) -> None:
        def validate(*_: object, **__: object) -> None:
            if how == "raised":
                raise KeyboardInterrupt

        monkeypatch.setattr(Case, "validate", validate)
        assert main(["validate", "--out", str(tmp_path)]) == 130
        assert "as it should be" not in capsys.readouterr().out


class TestArguments:
    def test_unknown_case(self, capsys) -> None:
        said = misused(capsys, "validate", "--only", "nothing")
        assert "'nothing'" in said
        assert NAME in said

    @pytest.mark.parametrize("option", ["--seed", "--threads"])
    @pytest.mark.parametrize("value", ["-1", "x", "1.5", "", "1e3"])
    def test_numbers_that_are_none(self, option, value, capsys) -> None:
        said = misused(capsys, "validate", f"{option}={value}")
        assert f"{value!r} is not a natural number" in said

    @pytest.mark.parametrize("arguments", [[], ["nothing"], ["validate", "--nothing"], ["info", "extra"]])
    def test_unknown_words(self, arguments, capsys) -> None:
        assert "usage: langevin-ib" in misused(capsys, *arguments)

    @pytest.mark.parametrize("arguments", [["--help"], ["validate", "--help"], ["info", "--help"], ["--version"]])
    def test_help_and_version(self, arguments, capsys) -> None:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert "langevin-ib" in capsys.readouterr().out


def test_info_is_what_a_bug_report_needs(capsys) -> None:
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    for part in (lib.__version__, *lib.levels(), "python", "numpy", "threads"):
        assert part in said


def test_the_installed_command_is_this_one() -> None:
    (command,) = entry_points(group="console_scripts", name="langevin-ib")
    assert command.load() is main


def test_the_command_ends_with_its_status() -> None:
    module = [sys.executable, "-m", "langevin_ib"]
    done = subprocess.run([*module, "info"], capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert lib.__version__ in done.stdout
    done = subprocess.run([*module, "validate", "--out", __file__], capture_output=True, check=False)
    assert done.returncode == 2
