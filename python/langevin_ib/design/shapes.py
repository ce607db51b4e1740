"""Penalties as functions of t = z², for `concave`: MCP, SCAD, log-sum, Cauchy, Huber and powers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import sympy

from ..checks import checked_real
from ..errors import InvalidArgumentError

__all__ = ["Shape", "cauchy", "huber", "log_sum", "mcp", "power", "scad"]

Shape = Callable[[sympy.Symbol], sympy.Expr]


def mcp(threshold: float = 1.0, gamma: float = 3.0) -> Shape:
    """Return l |z| - z²/(2 gamma) up to |z| = gamma l, and constant from there (Zhang, Ann. Statist. 38 (2010) 894).

    Its g is v/sqrt(l² - v²/gamma).
    """
    return partial(_mcp, _positive("threshold", threshold), _positive("gamma", gamma))


def scad(threshold: float = 1.0, a: float = 3.7) -> Shape:
    """Return the penalty of Fan and Li, J. Am. Stat. Assoc. 96 (2001) 1348; a > 2."""
    if checked_real("a", a) <= 2.0:
        raise InvalidArgumentError(f"a={a!r} must be larger than 2, or the penalty falls; 3.7 is usual")
    return partial(_scad, _positive("threshold", threshold), _positive("a", a))


def log_sum(scale: float = 1.0) -> Shape:
    """Return log(1 + |z|/scale), of Candès, Wakin and Boyd, J. Fourier Anal. Appl. 14 (2008) 877."""
    return partial(_log_sum, _positive("scale", scale))


def cauchy(scale: float = 1.0) -> Shape:
    """Return log(1 + z²/scale²)/2, which u v has on a slice of level `scale` as well, up to T."""
    return partial(_cauchy, _positive("scale", scale))


def huber(delta: float = 1.0) -> Shape:
    """Return z²/2 up to |z| = delta, and delta |z| - delta²/2 from there."""
    return partial(_huber, _positive("delta", delta))


def power(p: float) -> Shape:
    """Return |z|^p, 0 < p <= 2."""
    if checked_real("p", p, minimum=0.0, open_end=True) > 2.0:
        raise InvalidArgumentError(f"p={p!r} must not be larger than 2: |z|^p is not concave in z² beyond")
    return partial(_power, sympy.nsimplify(p) / 2)


def _positive(name: str, value: float) -> sympy.Expr:
    return sympy.nsimplify(checked_real(name, value, minimum=0.0, open_end=True))


def _mcp(threshold: sympy.Expr, gamma: sympy.Expr, t: sympy.Symbol) -> sympy.Expr:
    rising = threshold * sympy.sqrt(t) - t / (2 * gamma)
    return sympy.Piecewise((rising, t < (gamma * threshold) ** 2), (gamma * threshold**2 / 2, True))


def _scad(threshold: sympy.Expr, a: sympy.Expr, t: sympy.Symbol) -> sympy.Expr:
    z = sympy.sqrt(t)
    middle = (2 * a * threshold * z - t - threshold**2) / (2 * (a - 1))
    return sympy.Piecewise(
        (threshold * z, t < threshold**2),
        (middle, t < (a * threshold) ** 2),
        (threshold**2 * (a + 1) / 2, True),
    )


def _log_sum(scale: sympy.Expr, t: sympy.Symbol) -> sympy.Expr:
    return sympy.log(1 + sympy.sqrt(t) / scale)


def _cauchy(scale: sympy.Expr, t: sympy.Symbol) -> sympy.Expr:
    return sympy.log(1 + t / scale**2) / 2


def _huber(delta: sympy.Expr, t: sympy.Symbol) -> sympy.Expr:
    return sympy.Piecewise((t / 2, t < delta**2), (delta * sympy.sqrt(t) - delta**2 / 2, True))


def _power(half: sympy.Expr, t: sympy.Symbol) -> sympy.Expr:
    return t**half
