"""A density as people see it: one line, and a card with a small plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...display import card, curve
from ...errors import LangevinError

if TYPE_CHECKING:
    from .distribution import Density

__all__ = ["card_of_density", "text_of_density"]


def text_of_density(law: Density) -> str:
    """Return the repr of a density."""
    said = f"{_name(law)}, with respect to {law.reference}, {law.method}"
    return f"<Density {said}, cdf within {_within(law)}>"


def card_of_density(law: Density) -> str:
    """Return HTML: the law in words, its measure, how well it is known, and how it looks."""
    rows = [("law", _name(law)), ("with respect to", law.reference), ("from", law.method)]
    rows += [("distribution function", f"right to {_within(law)}")]
    figure = ""
    try:
        lo, middle, hi = law.ppf([0.005, 0.5, 0.995]).tolist()
        rows += [("median, and 99 % in", f"{middle:.4g}, [{lo:.4g}, {hi:.4g}]")]
        x = np.linspace(lo, hi, 121)
        figure = curve(x, law.pdf(x), law.observable or "x")
    except (LangevinError, ArithmeticError, ValueError):
        # What a law refuses to say is left out where nobody asked for it.
        pass
    return card(f"Density of {law.observable}" if law.observable else "Density", rows, figure=figure)


def _name(law: Density) -> str:
    given = "" if law.given is None else f" given {' or '.join(f'({lo:g}, {hi:g})' for lo, hi in law.given)}"
    return law.name + given


def _within(law: Density) -> str:
    # In powers of ten, so that it reads the same on every machine.
    return f"{10.0 ** math.ceil(math.log10(max(law.error, 1e-13))):.0e}"
