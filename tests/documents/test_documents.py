"""What docs/ and its companions show as Python runs, block after block, and prints what stands below it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "RELEASING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# The last one is the site's: which pages stand where.
LANGUAGES = {"python", "text", "sh", "{toctree}"}


def blocks(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in FENCED.finditer(text)]


def run(text: str, capsys: Any) -> None:
    """Run the Python of a document in one namespace; a block of text after a block of Python is what that prints."""
    namespace: dict[str, Any] = {}
    found = blocks(text)
    for (language, code), (next_language, shown) in zip(found, [*found[1:], ("", "")], strict=False):
        if language == "python":
            exec(compile(code, "document", "exec"), namespace)
            printed = capsys.readouterr().out
            assert not printed or next_language == "text", "what is printed is shown"
            if next_language == "text":
                assert printed == shown


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_python_runs_and_prints_what_is_shown(path, capsys) -> None:
    run(path.read_text(encoding="utf-8"), capsys)


@pytest.mark.parametrize("path", [ROOT / "README.md", *DOCUMENTS], ids=lambda path: path.stem)
def test_a_block_says_what_it_is(path) -> None:
    text = path.read_text(encoding="utf-8")
    assert {language for language, _ in blocks(text)} <= LANGUAGES
    assert text.count("```") == 2 * len(blocks(text)), "a block within a list would not be run"


def test_every_page_is_among_these_and_those_of_the_readme_run_elsewhere() -> None:
    ours = {ROOT / "README.md", *DOCUMENTS}
    assert {path for path in ROOT.glob("*.md")} <= ours
    assert {path for folder in ("docs", "examples") for path in (ROOT / folder).rglob("*.md")} <= ours
    assert [language for language, _ in blocks((ROOT / "README.md").read_text(encoding="utf-8"))].count("python") == 3


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("```python\nsample(model, ...)\n```\n", NameError),
        ("```python\nsample(model, **...\n```\n", SyntaxError),
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", AssertionError),
        ("```python\nprint(1)\n```\n", AssertionError),
    ],
)
def test_a_block_that_is_wrong_would_be_seen(text, error, capsys) -> None:
    with pytest.raises(error):
        run(text, capsys)


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda path: path.stem)
def test_the_tools_that_one_needs_are_those_that_the_build_asks_for(path) -> None:
    (rust,) = re.findall(
        r'^rust-version = "(.*)"$', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    (python,) = re.findall(
        r'^requires-python = ">=(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert f"You need CPython {python} or newer and Rust {rust} or newer" in path.read_text(encoding="utf-8")
