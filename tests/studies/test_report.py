"""The report: one page without a network, verdict first, whole in a browser at any width, replaced in one instant."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from langevin_ib.__main__ import main
from langevin_ib.commands import design
from langevin_ib.commands import reproduce as command
from langevin_ib.errors import ArchiveError
from langevin_ib.studies import validation
from langevin_ib.studies.report import Part, require_place, write_report
from matplotlib.figure import Figure

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NAME = "product-ambient"


def drawn() -> Figure:
    figure = Figure(figsize=(11.0, 4.0))
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], label="a < b & c")
    ax.set_title("$\\theta = u v$")
    ax.legend()
    return figure


HOSTILE = Part(
    name="a-row-with-a-name-that-is-longer-than-a-phone-is-wide-and-has-no-space",
    title="<script>console.error('in a title')</script>",
    verdict="It FAILED & that is said.",
    good=False,
    cells=("x" * 200, "<b>", "1e-300"),
    facts=[("key", "0x" + "f" * 200), ("<i>", "&amp;")],
    figure=drawn,
    command="langevin-ib validate --only '<row>'",
)


def written(path: Path, *parts: Part) -> str:
    command = "langevin-ib validate --out " + "y" * 300
    write_report(
        path, title="A & B", verdict="not <all> right", good=False, head=("a", "b", "c"), parts=parts, command=command
    )
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """A report of a short row, made on the command line."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patched:
        case = replace(validation.CASES[NAME], step_size=0.05, time=60.0, burn_in=40.0, walkers=16_384)
        patched.setattr(validation, "CASES", {NAME: case})
        patched.setattr(sys, "argv", ["langevin-ib", "validate", "--report", "page.html"])
        path = folder / "page.html"
        assert main(["validate", "--no-progress", "--out", str(folder), "--report", str(path)]) == 0
    return path


class Words(HTMLParser):
    """The text of a page, and what it refers to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.references, self.tags = [], [], set()
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.references += [value for name, value in attrs if name in {"src", "href", "xlink:href", "data"}]

    def handle_data(self, data) -> None:
        self.words.append(data)


class TestThePage:
    def test_it_says_what_a_reader_needs(self, page) -> None:
        html = page.read_text(encoding="utf-8")
        text = " ".join(Words(html).words)
        assert text.index("all as it should be: 1 of 1 rows") < text.index(NAME)
        for part in ("d theta", "ambient Gibbs law", "seed", "key", "walker-steps in", "numpy", "rival: slice law"):
            assert part in text
        assert "langevin-ib validate --report page.html" in text
        assert f"langevin-ib validate --only {NAME} --seed 0" in text
        assert html.count("<svg") == 1

    def test_it_refers_to_nothing_outside(self, page, tmp_path) -> None:
        for html in (page.read_text(encoding="utf-8"), written(tmp_path / "page.html", HOSTILE)):
            found = Words(html)
            assert all(each.startswith(("#", "data:")) for each in found.references)
            assert not found.tags & {"script", "img", "iframe", "object", "embed"}
            assert "url(" not in html.replace("url(#", "")
            assert "@import" not in html

    def test_what_it_is_told_is_text(self, tmp_path) -> None:
        html = written(tmp_path / "page.html", HOSTILE)
        words = " ".join(Words(html).words)
        for said in (HOSTILE.title, HOSTILE.verdict, "not <all> right", "A & B", "&amp;"):
            assert said in words
        assert "<b>" not in html

    def test_figures_have_the_colour_of_the_page_and_names_of_their_own(self, tmp_path) -> None:
        html = written(tmp_path / "page.html", HOSTILE, replace(HOSTILE, name="again"))
        assert "#000000" not in html
        names = re.findall(r'id="([^"]+)"', html)
        assert len(names) == len(set(names))
        for used in re.findall(r'(?:url\(|href=")#([^)"]+)', html):
            assert used in names

    def test_after_ctrl_c_it_has_the_rows_that_were_done(self, tmp_path, monkeypatch, capsys) -> None:
        case = replace(validation.CASES[NAME], step_size=0.05, time=60.0, burn_in=40.0, walkers=16_384)
        monkeypatch.setattr(validation, "CASES", {NAME: case, "second": replace(case, name="second"), "third": case})
        validate = validation.Case.validate

        def pressed(self, **options):
            if self.name == "second":
                raise KeyboardInterrupt
            return validate(self, **options)

        monkeypatch.setattr(validation.Case, "validate", pressed)
        path = tmp_path / "page.html"
        assert main(["validate", "--no-progress", "--out", str(tmp_path), "--report", str(path)]) == 130
        said = " ".join(Words(path.read_text(encoding="utf-8")).words)
        assert "INTERRUPTED: 1 of 1 rows, and 2 not reached" in said
        assert "all as it should be" not in said + capsys.readouterr().out
        assert not (tmp_path / "overview.png").exists()

    def test_so_has_that_of_figures(self, tmp_path, monkeypatch) -> None:
        real = command.reproduce
        monkeypatch.setattr(command, "FIGURES", ("fig5", "fig6"))

        def pressed(name, **options):
            if name == "fig6":
                raise KeyboardInterrupt
            return real(name, **options)

        monkeypatch.setattr(command, "reproduce", pressed)
        path = tmp_path / "page.html"
        asked = ["reproduce", "all", "--quick", "--steps", "200", "--no-progress", "--out", str(tmp_path)]
        assert main([*asked, "--report", str(path)]) == 130
        assert "1 of 2 figures, interrupted" in " ".join(Words(path.read_text(encoding="utf-8")).words)

    def test_so_has_that_of_inverse_design(self, tmp_path, monkeypatch) -> None:
        real = design.evidence

        def pressed(name, **options):
            if name == "tv":
                raise KeyboardInterrupt
            return real(name, **options)

        monkeypatch.setattr(design, "EXHIBITS", ("groups", "tv"))
        monkeypatch.setattr(design, "evidence", pressed)
        path = tmp_path / "page.html"
        asked = ["design", "all", "--quick", "--no-progress", "--out", str(tmp_path)]
        assert main([*asked, "--report", str(path)]) == 130
        assert "1 of 2 figures, interrupted" in " ".join(Words(path.read_text(encoding="utf-8")).words)


class TestTheFile:
    def test_the_one_before_is_replaced_at_once_and_has_the_usual_permissions(self, tmp_path) -> None:
        path = tmp_path / "page.html"
        path.write_text("before", encoding="utf-8")
        written(path, HOSTILE)
        other = tmp_path / "other"
        other.write_text("", encoding="utf-8")
        assert path.stat().st_mode == other.stat().st_mode
        assert sorted(each.name for each in tmp_path.iterdir()) == ["other", "page.html"]

    def test_a_link_to_the_one_before_stays_a_link(self, tmp_path) -> None:
        page, link = tmp_path / "page.html", tmp_path / "latest.html"
        link.symlink_to(page)
        require_place(link)
        written(link, HOSTILE)
        assert link.is_symlink()
        assert page.is_file()

    @pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
    def test_a_full_disk_leaves_the_one_before(self, tmp_path) -> None:
        path = tmp_path / "page.html"
        path.write_text("before", encoding="utf-8")
        code = (
            "import resource, sys; from pathlib import Path; from langevin_ib.studies.report import write_report\n"
            "from langevin_ib.errors import ArchiveError\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
            "try: write_report(Path(sys.argv[1]), title='', verdict='', good=None, head=(), parts=(), command='')\n"
            "except ArchiveError as error: print(error)\n"
        )
        said = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, encoding="utf-8", check=True
        )
        assert "cannot write the report" in said.stdout
        assert "make room" in said.stdout
        assert path.read_text(encoding="utf-8") == "before"
        assert [each.name for each in tmp_path.iterdir()] == ["page.html"]

    def test_where_it_cannot_be_is_known_before_the_work(self, tmp_path, monkeypatch, capsys) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        for path in (tmp_path, tmp_path / "file" / "page.html"):
            with pytest.raises(ArchiveError, match="cannot write the report"):
                require_place(path)
        monkeypatch.setattr(validation.Case, "validate", lambda *_, **__: pytest.fail("sampled"))
        arguments = ["validate", "--only", NAME, "--out", str(tmp_path / "out"), "--report", str(tmp_path)]
        assert main(arguments) == 2
        assert "cannot write the report" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="makes a pipe")
def test_devices_and_pipes_are_not_replaced(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to(os.devnull)
    for path in (tmp_path / "pipe", tmp_path / "device"):
        with pytest.raises(ArchiveError, match="a device or a pipe, and no file"):
            require_place(path)


def browsed(path: Path, width: int, *options: str) -> subprocess.CompletedProcess[str]:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--v=0"]
    profile = f"--user-data-dir={path.parent / 'profile'}"
    command = [BROWSER, *flags, profile, f"--window-size={width},900", *options, path.as_uri()]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True)


def widths(path: Path, width: int) -> tuple[int, int]:
    """Return how wide a page is, and how wide what is in it; in a frame, as windows are no narrower than 500 pixels."""
    html = escape(path.read_text(encoding="utf-8"))
    framed = (
        f"<iframe id=f style='width:{width}px;height:900px;border:0' srcdoc='{html}'></iframe>"
        "<script>f.onload=()=>{document.title=[f.contentWindow.innerWidth,"
        "f.contentDocument.documentElement.scrollWidth].join()}</script>"
    )
    copy = path.with_name(f"framed-{width}.html")
    copy.write_text(f"<!doctype html><meta charset=utf-8><title>?</title>{framed}", encoding="utf-8")
    inside, content = re.search(r"<title>(\d+),(\d+)</title>", browsed(copy, 1600, "--dump-dom").stdout).groups()
    return int(inside), int(content)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
class TestInABrowser:
    @pytest.mark.parametrize("width", [400, 1400])
    def test_a_report_fits_and_shows_something(self, page, width, tmp_path) -> None:
        inside, content = widths(page, width)
        assert (inside, content) == (width, width)
        picture = tmp_path / "picture.png"
        assert "CONSOLE" not in browsed(page, width, f"--screenshot={picture}").stderr
        pixels = matplotlib.image.imread(picture)[..., :3]
        assert pixels.shape[1] == width
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
        assert (pixels.std(axis=(1, 2)) > 0.02).mean() > 0.2

    @pytest.mark.parametrize("width", [400, 1400])
    def test_so_does_one_of_long_words(self, width, tmp_path) -> None:
        written(tmp_path / "page.html", HOSTILE)
        assert widths(tmp_path / "page.html", width) == (width, width)
        assert "CONSOLE" not in browsed(tmp_path / "page.html", width, "--dump-dom").stderr

    def test_it_is_dark_where_that_is_preferred(self, page, tmp_path) -> None:
        brightness = []
        for name, options in (("light", []), ("dark", ["--blink-settings=preferredColorScheme=0"])):
            browsed(page, 800, f"--screenshot={tmp_path / name}.png", *options)
            brightness.append(float(np.median(matplotlib.image.imread(tmp_path / f"{name}.png")[..., :3])))
        assert brightness[0] > 0.9
        assert brightness[1] < 0.2

    def test_errors_and_what_is_too_wide_would_be_seen(self, tmp_path) -> None:
        path = tmp_path / "page.html"
        wrong = "<script>console.error('wrong')</script><div style='width:2000px'>wide</div></body>"
        path.write_text(written(path, HOSTILE).replace("</body>", wrong), encoding="utf-8")
        inside, content = widths(path, 400)
        assert content > inside
        assert "CONSOLE" in browsed(path, 400, "--dump-dom").stderr
