"""Writes the gallery, docs/gallery: each script of examples/ is run with a path for its figure, and shown with both."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from plain_docstrings import escaped
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

EXAMPLES = Path(__file__).parents[2] / "examples"
# Folders of examples/ with their headings.
SECTIONS = {".": "Laws", "training": "Training", "design": "Inverse design"}


def run(script: Path, figure: Path, output: Path) -> None:
    """Run a script unless its figure is newer; what it printed, and how long it took, is kept beside the figure."""
    if output.exists() and figure.exists() and output.stat().st_mtime > script.stat().st_mtime:
        return
    began, printed, arguments = time.monotonic(), io.StringIO(), sys.argv
    # In this process: half of a script's time would go into importing what is here already.
    sys.argv = [str(script), str(figure)]
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(script), run_name="__main__")
    except Exception as error:
        raise ExtensionError(f"the example failed; repeat it with `python {script} {figure}`", error) from error
    finally:
        sys.argv = arguments
        pyplot.close("all")
    output.write_text(f"{printed.getvalue()}\n(in {time.monotonic() - began:.1f} s)\n", encoding="utf-8")


def told(script: Path) -> tuple[str, str]:
    """Return the title of a script and the sentence that it begins with."""
    sentence = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    return re.split(r"[,:]", sentence, maxsplit=1)[0].rstrip("."), sentence


def page(script: Path) -> str:
    """Return the page of a script: what it is about, its figure, its text, and what it prints."""
    title, sentence = told(script)
    title, name = escaped(title), script.stem
    return f"""{title}
{"=" * len(title)}

{escaped(sentence)}

.. image:: {name}.svg
   :alt: {title}

.. literalinclude:: /../examples/{script.relative_to(EXAMPLES).as_posix()}
   :language: python

It prints

.. literalinclude:: {name}.txt
"""


def index(sections: dict[str, list[Path]]) -> str:
    """Return the page with all figures."""
    parts = ["Gallery\n=======\n\nEach is a script that one may run, `langevin_ib` and public names alone.\n"]
    parts[0] = parts[0].replace("`", "``")
    for heading, scripts in sections.items():
        parts.append(f"{heading}\n{'-' * len(heading)}\n")
        parts += [
            f".. figure:: {path.stem}.svg\n   :target: {path.stem}.html\n   :figclass: thumbnail\n"
            f"   :alt: {escaped(told(path)[0])}\n\n   :doc:`{path.stem}`\n"
            for path in scripts
        ]
        parts.append(".. toctree::\n   :hidden:\n\n" + "".join(f"   {path.stem}\n" for path in scripts))
    return "\n".join(parts)


def write(app: Sphinx) -> None:
    """Run what is to be run, and write the pages."""
    mpl.use("Agg")
    folder = Path(app.srcdir) / "gallery"
    folder.mkdir(exist_ok=True)
    sections = {heading: sorted((EXAMPLES / each).glob("*.py")) for each, heading in SECTIONS.items()}
    for script in (path for scripts in sections.values() for path in scripts):
        run(script, folder / f"{script.stem}.svg", folder / f"{script.stem}.txt")
        (folder / f"{script.stem}.rst").write_text(page(script), encoding="utf-8")
    (folder / "index.rst").write_text(index(sections), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write them before Sphinx looks for pages."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
