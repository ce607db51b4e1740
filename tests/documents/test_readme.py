"""What README.md and its companions say is true: the commands, the example, the outputs, the map and every link."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import langevin_ib
import matplotlib as mpl
import numpy as np
import pytest
from langevin_ib import __main__ as cli
from langevin_ib.studies import validation

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    *(path.name for path in ROOT.glob("*.md")),
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]

RUN, TEST = "pip install . && langevin-ib validate", "pip install '.[test]' && pytest"


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_the_first_screen_has_two_commands() -> None:
    first_screen = README[: README.index("![")]
    assert [block.strip() for block in blocks("sh", first_screen)] == [RUN, TEST]
    assert len(first_screen.splitlines()) < 25
    assert blocks("sh") == blocks("sh", first_screen)


def test_the_example_prints_what_is_shown(tmp_path, monkeypatch, capsys) -> None:
    example = blocks("python")[0]
    code = [line for line in example.splitlines() if line and not line.startswith("#")]
    assert len(code) <= 20
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    Path("example.py").write_text(example, encoding="utf-8")
    runpy.run_path("example.py")
    mpl.pyplot.close("all")
    assert capsys.readouterr().out == blocks("text")[0]
    assert Path("theta.png").read_bytes().startswith(b"\x89PNG")


def test_the_loss_of_your_own_runs() -> None:
    own = {"lib": langevin_ib}
    exec(blocks("python")[1], own)
    run = own["run"]
    assert np.isfinite(run.states).all()
    counts, _ = run["imbalance"].to_numpy()
    assert counts.sum() > 0.9 * 256 * 2000


def test_the_slice_example_prints_what_it_says(capsys) -> None:
    example = blocks("python")[2]
    exec(example, {"lib": langevin_ib})
    said = re.findall(r"^print\(.*\)  # (.*)$", example, flags=re.MULTILINE)
    assert len(said) == 2
    assert capsys.readouterr().out.splitlines() == said


def test_validate_prints_the_rows_that_are_shown(tmp_path, capsys) -> None:
    def rows(output: str) -> list[str]:
        return [re.split(r"\s{2,}", line.strip())[0] for line in output.splitlines() if "written to" not in line]

    asked = ["validate", "--only", "product-ambient", "--quick", "--no-progress", "--out", str(tmp_path / "out")]
    assert cli.main(asked) == 0
    printed, shown = capsys.readouterr().out, blocks("text")[1]
    numbers = re.compile(r"^without extrapolation p = .*")
    assert [numbers.sub("", row) for row in rows(printed)] == [numbers.sub("", row) for row in rows(shown)]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"product-ambient.png", "product-ambient.json"}


def test_the_thresholds_are_those_of_the_code() -> None:
    assert validation.ALPHA == 1e-3
    assert validation.REJECTION == 1e-6
    assert "p ≥ 0.001 and every rival p < 10⁻⁶" in README


def test_the_map_names_every_folder() -> None:
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.*"))}
    mapped = {path.split("/")[0] for path in re.findall(r"^\| \[`([^`]+)`\]", README, flags=re.MULTILINE)}
    assert {f for f in folders - ignored if not f.startswith(".") and not f.endswith(".egg-info")} == mapped - {".ci"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), f"{document}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_in_backticks_exists(document) -> None:
    for name in re.findall(
        r"`((?:rust|python|tests|benches|docs|\.ci)/[\w./-]*)`", (ROOT / document).read_text(encoding="utf-8")
    ):
        assert (ROOT / name).exists(), f"{document}: {name}"


def test_the_figure_is_a_picture_of_sensible_size() -> None:
    (figure,) = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    picture = (ROOT / figure).read_bytes()
    assert picture.startswith(b"\x89PNG")
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert width >= 1200
    assert height >= 500
    assert len(picture) < 400_000


def test_ci_finds_the_test_command_on_a_line_of_its_own() -> None:
    assert TEST in README.splitlines()


def test_the_citation_has_this_version_and_the_paper() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, flags=re.MULTILINE).group(1) == langevin_ib.__version__
    assert "arXiv:2601.06597" in citation
    assert f"## [{langevin_ib.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_whole_check_runs_all_folders_of_tests_a_second_time() -> None:
    check = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (command,) = (line for line in check.splitlines() if "-m pytest" in line)
    assert command.endswith('--random-order --random-order-seed="$seed" -m "not long"')  # and no folder
