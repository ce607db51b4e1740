"""The command line: exit statuses, messages for people, and files that can be read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points

import langevin_ib as lib
import pytest
from langevin_ib.__main__ import main
from langevin_ib.commands.pace import paced
from langevin_ib.studies import validation
from langevin_ib.studies.experiments import CODE, FIGURES, TEXT
from langevin_ib.studies.validation import CASES, Case

NAME = "product-ambient"


@pytest.fixture
def short(monkeypatch) -> None:
    """Make every case short: a third of a second."""
    case = replace(CASES[NAME], step_size=0.05, time=60.0, burn_in=40.0, walkers=16_384)
    monkeypatch.setattr(validation, "CASES", {NAME: case})


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
        assert main(["validate", "--only", "nothing"]) == 2
        said = capsys.readouterr()
        assert "'nothing'" in said.err
        assert NAME in said.err
        assert said.out == ""

    def test_cases_are_listed(self, capsys) -> None:
        assert main(["validate", "--list"]) == 0
        assert capsys.readouterr().out.split() == list(CASES)

    def test_help_names_the_figures_and_variants_that_there_are(self, capsys) -> None:
        with pytest.raises(SystemExit):
            main(["reproduce", "--help"])
        said = capsys.readouterr().out
        first, *_, last = FIGURES
        assert f"{first} to {last}, or all" in said
        assert f"{{{CODE},{TEXT}}}" in said

    @pytest.mark.parametrize("command", [[], ["validate"], ["reproduce"], ["info"]])
    def test_help_teaches(self, command, capsys) -> None:
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        said = capsys.readouterr().out
        assert said.count(f"\n  langevin-ib {' '.join(command)}".rstrip()) >= 2
        assert "0 if all is as it should be, 1 if a check failed, 2 if it cannot be done, 130 after Ctrl-C" in said

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


FIGURE = ["reproduce", "fig5", "--quick", "--steps", "200", "--json", "--no-progress", "--out"]


class TestJson:
    @pytest.mark.usefixtures("short")
    def test_a_validation_is_one_document(self, tmp_path, capsys) -> None:
        assert main(["validate", "--json", "--no-progress", "--out", str(tmp_path)]) == 0
        said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert said["passed"] is True
        assert [row["case"] for row in said["rows"]] == [NAME]

    def test_a_reproduction_too_and_its_report(self, tmp_path, capsys) -> None:
        page = tmp_path / "page.html"
        assert main([*FIGURE, str(tmp_path), "--report", str(page)]) == 0
        (said,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert said["figure"] == "fig5"
        html = page.read_text(encoding="utf-8")
        assert html.count("<svg") == 1
        assert "langevin-ib reproduce fig5 --seeds 16 --variant code --seed 0 --steps 200 --quick" in html

    @pytest.mark.parametrize("controls", [True, False])
    def test_controls_may_be_left_out(self, tmp_path, capsys, controls) -> None:
        more = [] if controls else ["--no-controls"]
        assert main([*FIGURE, str(tmp_path), *more]) == 0
        (said,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert any("temperature" in what["what"] for what in said["measured"]) == controls

    def test_a_design_too_and_its_report(self, tmp_path, capsys) -> None:
        page = tmp_path / "page.html"
        arguments = ["design", "groups", "--quick", "--seeds", "1", "--json", "--no-progress", "--out", str(tmp_path)]
        assert main([*arguments, "--report", str(page)]) == 0
        (said,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert said["figure"] == "groups"
        html = page.read_text(encoding="utf-8")
        assert html.count("<svg") == 1
        assert "langevin-ib design groups --seeds 1" in html

    def test_info_is_one_document(self, capsys) -> None:
        assert main(["info", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["langevin-ib"] == lib.__version__


class TestSelfCheck:
    def test_this_installation_is_all_right(self, capsys) -> None:
        assert main(["info", "--check"]) == 0
        assert capsys.readouterr().out.endswith("all as it should be\n")

    def test_other_bits_would_be_seen(self, capsys, monkeypatch) -> None:
        monkeypatch.setattr("langevin_ib.commands.info.STATES", "0" * 64)
        assert main(["info", "--check", "--json"]) == 1
        said = json.loads(capsys.readouterr().out)
        assert said["checks"]["bits"]["passed"] is False
        assert said["checks"]["law"]["passed"] is True


class TestPace:
    def test_it_says_how_long_it_will_take(self, capsys, monkeypatch) -> None:
        now = iter([0.0, 0.0, 30.0, 7200.0])
        monkeypatch.setattr("langevin_ib.commands.pace.time.monotonic", lambda: next(now))
        monkeypatch.setattr("langevin_ib.commands.pace.somebody_looks", lambda: True)
        assert list(paced([1, 2, 3], ["a", "b", "c"], silent=False)) == [1, 2, 3]
        assert capsys.readouterr().err.splitlines() == [
            "[1/3] a: 0 min 00 s so far",
            "[2/3] b: 0 min 30 s so far, about 1 min 00 s left",
            "[3/3] c: 2 h 0 min so far, about 1 h 0 min left",
        ]

    def test_nobody_is_told_who_does_not_look(self, capsys) -> None:
        assert list(paced([1, 2], ["a", "b"], silent=False)) == [1, 2]
        assert capsys.readouterr().err == ""


def test_who_asks_for_the_version_does_not_wait_for_formulas() -> None:
    code = (
        "import sys; from langevin_ib.__main__ import main; main(['info'])\n"
        "print([name for name in ('sympy', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert done.stdout.endswith("[]\n")


@pytest.mark.skipif(os.name != "posix", reason="closes a pipe")
def test_a_reader_that_has_had_enough_is_no_error_in_print() -> None:
    command = f"{sys.executable} -m langevin_ib validate --list | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert done.stdout.strip() == NAME
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="closes what the shell has opened")
def test_nobody_who_listens_is_no_error_either() -> None:
    done = subprocess.run(f"{sys.executable} -m langevin_ib validate --list >&-", shell=True, check=True, timeout=60)
    assert done.returncode == 0


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
