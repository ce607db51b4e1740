"""A model as people see it: one line, the rows of a card, and LaTeX; of many formulas, the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .expressions import as_latex, as_mathml, is_small, sketch

if TYPE_CHECKING:
    from .model import Model

__all__ = ["latex_of_model", "rows_of_model", "text_of_model"]

_SHOWN = 6
"""So many formulas of a kind are shown."""


def text_of_model(formulas: Mapping[str, Any], data: Mapping[str, NDArray[np.float64]]) -> str:
    """Return the repr of a model."""
    parts = [f"{name}={_text(value)}" for name, value in formulas.items()]
    arrays = ", ".join(f"{name!r}: <array {array.shape}>" for name, array in data.items())
    return f"Model({', '.join([*parts, f'data={{{arrays}}}'])})"


def rows_of_model(model: Model) -> list[tuple[str, str]]:
    """Return names, and text or MathML."""
    rows = [("parameters", _few(map(str, model.parameters))), ("loss", as_mathml(model.loss))]
    kinds = {"predictor": model.predictor, "observable": model.observables, "slice": model.slice or {}}
    for kind, mapping in kinds.items():
        rows += [(f"{kind} {name}", as_mathml(each)) for name, each in list(mapping.items())[:_SHOWN]]
        rows += [("", f"and {len(mapping) - _SHOWN} more")] if len(mapping) > _SHOWN else []
    rows += [("confinement", as_mathml(model.confinement))] if model.confinement != 0 else []
    rows += [("symmetry", _few(map(repr, model.symmetries)))] if model.symmetries else []
    return rows + [(f"data {name}", f"array of shape {array.shape}") for name, array in model.data.items()]


def latex_of_model(model: Model) -> str:
    """Return loss and predictor as an aligned formula."""
    lines = [rf"L &= {as_latex(model.loss)}"]
    for name, each in list(model.predictor.items())[:_SHOWN]:
        lines.append(rf"{sympy.latex(sympy.Symbol(name))} &= {as_latex(each)}")
    return r"$$\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}$$"


def _few(texts: Iterable[str]) -> str:
    found = list(texts)
    return ", ".join(found if len(found) <= 2 * _SHOWN else [*found[:_SHOWN], "...", found[-1]])


def _text(value: Any) -> str:
    """Return the repr of an argument; where an expression is large, what it is and how it begins."""
    if isinstance(value, Mapping):
        parts = [f"{name!r}: {_text(part)}" for name, part in value.items()]
        more = f", ... ({len(parts)} in all)" if len(parts) > 2 * _SHOWN else ""
        return f"{{{', '.join(parts if not more else parts[:_SHOWN])}{more}}}"
    return repr(value) if not isinstance(value, sympy.Expr) or is_small(value) else sketch(value)
