"""A report as one page that needs nothing else: verdict, table, figures; for phones and paper, light and dark."""

from __future__ import annotations

import io
import os
import platform
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from ..display import BAD, GOOD
from ..errors import ArchiveError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Part", "require_place", "this_command", "write_report"]

_STYLE = (
    ":root{color-scheme:light dark;--e:#8884}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:72rem;overflow-wrap:anywhere}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-top:1px solid var(--e);padding-top:1rem}"
    ".verdict{font-size:1.1rem;border-left:.4rem solid var(--e);padding-left:.8rem}.good,.bad{font-weight:bold}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}.all{overflow-wrap:normal}"
    "td,th{padding:.15rem .6rem;border-bottom:1px solid var(--e);text-align:left;vertical-align:top}"
    f"p.good,td.good{{border-left:.4rem solid {GOOD}}}p.bad,td.bad{{border-left:.4rem solid {BAD}}}"
    "figure{margin:1rem 0}figure svg{width:100%;height:auto;min-width:34rem}svg text{fill:currentColor}"
    "figcaption,footer{font-size:.85rem;opacity:.8}footer{margin-top:2rem}code{background:#8882;padding:.1em .3em}"
    "@media print{:root{color-scheme:light}figure svg{min-width:0}section{break-inside:avoid}.wide{overflow:visible}}"
)


@dataclass(frozen=True)
class Part:
    """One section of a report.

    Parameters
    ----------
    name : str
        How the table calls it.
    title : str
        What it is about.
    verdict : str
        What came of it, in words.
    good : bool or None
        Whether that is as it should be; None where nothing is judged.
    cells : sequence of str
        Its line of the table, after its name.
    facts : sequence of (str, str)
        Law, measure or mechanism, settings, seed, timing: names and values, under the figure.
    figure : callable
        Draws it.
    command : str
        What makes it again.
    """

    name: str
    title: str
    verdict: str
    good: bool | None
    cells: Sequence[str]
    facts: Sequence[tuple[str, str]]
    figure: Callable[[], Figure]
    command: str


def write_report(
    path: Path, *, title: str, verdict: str, good: bool | None, head: Sequence[str], parts: Sequence[Part], command: str
) -> None:
    """Write a report to a file, which is replaced in one instant.

    Parameters
    ----------
    path : Path
        Where.
    title, verdict : str
        What it is, and what came of all of it.
    good : bool or None
        Whether that is as it should be.
    head : sequence of str
        The columns of the table after the names.
    parts : sequence of Part
        Lines of the table, and sections.
    command : str
        What makes the whole report again.

    Raises
    ------
    ArchiveError
        If the system refuses; what was there before is still there.
    """
    sections = "".join(_section(number, part) for number, part in enumerate(parts))
    lines = "".join(
        f'<tr><td class="{_mark(part.good)}"><a href="#p{number}">{escape(part.name)}</a></td>{_cells(part.cells)}</tr>'
        for number, part in enumerate(parts)
    )
    headline = "".join(f"<th>{escape(each)}</th>" for each in ("", *head))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head><body><main>'
        f'<h1>{escape(title)}</h1><p class="verdict {_mark(good)}">{escape(verdict)}</p>'
        f'<p>Made by <code>{escape(command)}</code></p><div class="wide all"><table><thead><tr>{headline}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>{sections}</main><footer>{escape(_made_with())}</footer></body></html>\n"
    )
    _replace(path, page)


def _mark(good: bool | None) -> str:
    return "" if good is None else "good" if good else "bad"


def _cells(cells: Iterable[str]) -> str:
    return "".join(f"<td>{escape(each)}</td>" for each in cells)


def _section(number: int, part: Part) -> str:
    facts = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in part.facts)
    return (
        f'<section id="p{number}"><h2>{escape(part.name)}: {escape(part.title)}</h2>'
        f'<p class="verdict {_mark(part.good)}">{escape(part.verdict)}</p>'
        f'<figure><div class="wide">{_svg(part.figure(), f"p{number}")}</div>'
        f"<figcaption>Again: <code>{escape(part.command)}</code></figcaption></figure>"
        f'<div class="wide"><table>{facts}</table></div></section>'
    )


def _svg(figure: Figure, name: str) -> str:
    """Return a figure as SVG whose lines and letters have the colour of the page."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and only needed where there is something to draw

    # Names inside must not be those of other figures of the page.
    style: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": name, "font.family": ["DejaVu Sans"]}
    with mpl.rc_context(style), io.StringIO() as file:
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<svg [^>]*viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" role="img">', text, count=1)
    text = re.sub(r"<g id=\"[^\"]*\">", "<g>", re.sub(r"#0{6}\b", "currentColor", text))
    return re.sub(r"font: ([0-9.]+px) 'DejaVu Sans'", r"font: \1 'DejaVu Sans',Verdana,sans-serif", text)


def _made_with() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("langevin-ib", "numpy", "scipy", "sympy", "matplotlib"))
    machine = f"{platform.platform()}, {_core.levels()[-1]}, {_core.cpu_count()} threads"
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {packages}; Python {platform.python_version()}; {machine}"


def this_command(*changed: str) -> str:
    """Return the command that is running; or, with arguments, another one of this program."""
    return shlex.join(["langevin-ib", *(changed or sys.argv[1:])])


def require_place(path: Path) -> None:
    """Make the folder of a report and see that files can be made there.

    Raises
    ------
    ArchiveError
        If they cannot, which should be known before hours of work and not after.
    """
    try:
        if path.exists() and not path.is_file():
            # The page would take its place, even that of /dev/stdout.
            raise OSError(0, "it is a folder" if path.is_dir() else "it is a device or a pipe, and no file")
        folder = path.resolve().parent
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refused(path, error) from error


def _replace(path: Path, text: str) -> None:
    part: Any = None
    path = path.resolve()  # what is replaced is the file and not a link to it
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".part", delete=False) as file:
            part = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # As other files of this user are.
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)
        part.replace(path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        if part is not None:
            with suppress(OSError):
                part.unlink()


def _refused(path: Path, error: OSError) -> ArchiveError:
    said = error.strerror or str(error)
    return ArchiveError(f"cannot write the report {path}: {said}; make room or give another path to --report")
