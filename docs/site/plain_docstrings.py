"""Lets docstrings be what they are, text with formulas: |x|**2 is neither a substitution nor strong emphasis."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

CODE = re.compile(r"(``.*?``|`[^`]*`)")
BEFORE_NUMPYDOC = 400


def escaped(line: str) -> str:
    """Escape what reStructuredText would take for markup, outside of backticks and but for the bullets of lists."""
    bullet, text = re.match(r"(\s*(?:\* )?)(.*)", line, flags=re.DOTALL).groups()
    return bullet + "".join(
        part if CODE.fullmatch(part) else re.sub(r"([|*\\]|_(?=\W|$))", r"\\\1", part) for part in CODE.split(text)
    )


def escape(_app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Escape a docstring in place, but for examples and for literal blocks, which are shown as they are."""
    literal_from: int | None = None
    example = False
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if literal_from is not None and line.strip() and indent <= literal_from:
            literal_from = None
        if literal_from is None and not example:
            lines[number] = escaped(line)
            if line.rstrip().endswith("::"):
                literal_from = indent


def setup(app: Sphinx) -> dict[str, Any]:
    """Do so before numpydoc reads them."""
    app.connect("autodoc-process-docstring", escape, priority=BEFORE_NUMPYDOC)
    return {"parallel_read_safe": True}
