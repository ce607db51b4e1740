"""What can be had: for a wanted penalty the recipes and mechanisms that give it, exactly, in a limit, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..checks import checked_real, shown
from ..errors import InvalidArgumentError
from .recipe import Recipe
from .recipes import concave, group_sparsity, low_rank, sparsity
from .shapes import cauchy, huber, log_sum, mcp, power, scad

__all__ = ["Reach", "Reached", "reach"]

_DECAY, _WARM, _FLOW = "WeightDecay(lam)", "Ambient(weight_decay=lam) at T", "GradientFlow(scale)"
_LABELS, _SLICE, _LEVEL, _RIGID = "SGD(label_noise=...)", "GaugeFixed()", "GaugeFixed(level=c)", "Constrained()"

_STEPS = "step size and noise: eta s²/(4 B), for standardised columns"
_NO_SLICE = "noise on a slice makes logarithms: no threshold, no bound at 0, nothing convex"
_ERRORS = "up to 1/log(1/scale), or scale^(K - 2) for a depth K > 2"
_PAIR = [[0, 1]]  # any group shows what groups are


@dataclass(frozen=True)
class Reach:
    """One way to a penalty, or why it is none.

    Attributes
    ----------
    recipe : Recipe
        The parameterisation.
    mechanism : str
        What has to run.
    how : {"exact", "limit", "no"}
        How near it comes.
    why : str
        The penalty that it gives, or what is in the way.
    dial : str
        What the strength is set by; empty where there is nothing to set.
    """

    recipe: Recipe
    mechanism: str
    how: str
    why: str
    dial: str = ""

    def __str__(self) -> str:
        dial = f"; strength: {self.dial}" if self.dial else ""
        return f"{self.how:5}  {self.recipe.name}, {self.recipe.block.words}, {self.mechanism}: {self.why}{dial}"


class Reached(tuple[Reach, ...]):
    """The rows about one penalty, the exact ones first; printed as a table."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self))


def reach(penalty: str | Callable[..., Any], *, strength: float | None = None) -> Reached:
    """Return what is known about the ways to a penalty.

    Parameters
    ----------
    penalty : str or callable
        "l1", "lp", "log", "log-sum", "mcp", "scad", "huber", "group", "nuclear", "schatten", or a function of t = z² as
        for `concave`.
    strength : float, optional
        The coefficient that is wanted. Where it is no dial, as for "log", the row names the two nearest rungs.

    Returns
    -------
    Reached
        A tuple of `Reach`.

    Raises
    ------
    InvalidArgumentError
        If the name is unknown, or the function is not concave in z².

    Examples
    --------
    >>> print(reach("mcp")[0])
    exact  concave, u g(v) for the penalty Piecewise((sqrt(t) - t/6, t < 9), (3/2, True)), t = z², WeightDecay(lam): \
lam MCP, by z = u v / sqrt(l² - v²/gamma); strength: lam
    """
    wanted = None if strength is None else checked_real("strength", strength, minimum=0.0, open_end=True)
    if callable(penalty):
        rows = [_by_decay(concave(penalty), "lam psi(z²)")]
    elif isinstance(penalty, str) and penalty in _KNOWN:
        rows = _KNOWN[penalty](wanted)
    else:
        raise InvalidArgumentError(
            f"penalty={shown(penalty)} is unknown; choose one of {', '.join(_KNOWN)}, or a function of t"
        )
    order = {"exact": 0, "limit": 1, "no": 2}
    return Reached(sorted(rows, key=lambda row: order[row.how]))


def _by_decay(recipe: Recipe, why: str) -> Reach:
    return Reach(recipe, _DECAY, "exact", why, "lam")


def _l1(_: float | None) -> list[Reach]:
    two = sparsity(copies=2)
    return [
        _by_decay(sparsity(), "lam |z|, a convex problem in z in spite of the parameterisation"),
        Reach(two, _WARM, "exact", "the law exp(-(L + lam |z|)/T): the posterior of the lasso", "lam"),
        Reach(sparsity(), _LABELS, "exact", "2 m |z|, m the mean square of a column", _STEPS),
        Reach(sparsity(), _FLOW, "limit", f"basis pursuit as scale -> 0, {_ERRORS}", "the time at which it is stopped"),
        Reach(sparsity(), _LEVEL, "no", _NO_SLICE),
    ]


def _lp(p: float | None) -> list[Reach]:
    shape = power(0.5 if p is None else min(p, 2.0))
    return [
        _by_decay(concave(shape), "lam |z|^p for any 0 < p <= 2 (strength= is taken for p here)"),
        _by_decay(sparsity(depth=3), "(lam K/2) |z|^(2/K): p = 2/K of depth K, p = 2/3 here"),
        Reach(sparsity(depth=3), _LABELS, "exact", "K m |z|^(2 - 2/K): p = 4/3 here, denser with depth", _STEPS),
        Reach(sparsity(depth=3), _FLOW, "no", "l1 as scale -> 0 for every depth; only the rate changes"),
        Reach(sparsity(depth=3), _SLICE, "no", _NO_SLICE),
    ]


def _log(strength: float | None) -> list[Reach]:
    soft = "the level is a scale: smooth below it, and log|z| beyond"
    return [
        Reach(
            sparsity(),
            _SLICE,
            "exact",
            "kappa T log|z|, kappa = 2 - 2/K; no law, infinite mass at 0",
            _rungs(2, strength),
        ),
        Reach(sparsity(), _RIGID, "exact", "kappa T log|z|, kappa = 1 - 1/K; proper", _rungs(1, strength)),
        Reach(sparsity(), _LEVEL, "limit", f"(T/2) log(c² + z²): {soft}", "T, if it is a dial"),
        Reach(concave(cauchy(0.01)), _DECAY, "limit", f"(lam/2) log(1 + z²/c²): {soft}", "lam"),
        Reach(sparsity(), _DECAY, "no", "log|z| is not bounded below at 0, and half of a square is"),
    ]


def _log_sum(_: float | None) -> list[Reach]:
    return [
        _by_decay(concave(log_sum()), "lam log(1 + |z|/scale)"),
        Reach(
            sparsity(),
            _LEVEL,
            "exact",
            "in its smooth form (T/2) log(c² + z²), of scale c; a proper law",
            "T, if it is a dial",
        ),
        Reach(sparsity(), _SLICE, "limit", "log|z| as the scale goes to 0"),
        Reach(sparsity(), _FLOW, "no", "its potential is convex, and tends to |z|"),
    ]


def _flat(name: str, shape: Any, why: str) -> list[Reach]:
    return [
        _by_decay(concave(shape), why),
        Reach(
            concave(shape),
            _WARM,
            "no",
            f"exp(-P/T) of {name} is no mixture of Gaussians, which are all that u g(v) has",
        ),
        Reach(sparsity(), _LEVEL, "no", _NO_SLICE),
    ]


def _mcp(_: float | None) -> list[Reach]:
    return _flat("MCP", mcp(), "lam MCP, by z = u v / sqrt(l² - v²/gamma)")


def _scad(_: float | None) -> list[Reach]:
    return _flat("SCAD", scad(), "lam SCAD, by a g(v) that is computed")


def _huber(_: float | None) -> list[Reach]:
    return _flat("Huber's penalty", huber(), "lam times Huber's penalty, by a g(v) that is computed")


def _group(_: float | None) -> list[Reach]:
    pair = group_sparsity(_PAIR)
    return [
        _by_decay(pair, "lam |z_g|; there is no sqrt(d_g), put it into the columns if you want it"),
        Reach(
            group_sparsity(_PAIR, copies=3), _WARM, "exact", "with d + 1 copies the posterior of the group lasso", "lam"
        ),
        Reach(pair, _LABELS, "exact", "2 sqrt(d) m |z_g|, for columns of one mean square m", _STEPS),
        Reach(pair, _FLOW, "no", "its metric is the Hessian of no function; only while directions stand still"),
        Reach(pair, _SLICE, "no", "((d + 1)/2) T log|z_g|: a spike for d < 3 only, for d > 3 a hole at 0"),
    ]


def _nuclear(_: float | None) -> list[Reach]:
    matrix = low_rank((2, 2), 2, group="gl")
    return [
        _by_decay(matrix, "lam times the nuclear norm, wherever rank= is no less than that of the minimiser"),
        Reach(matrix, _FLOW, "no", "no norm at all: the rank grows one by one (Li, Luo and Lyu, ICLR 2021)"),
        Reach(matrix, _SLICE, "no", "logarithms of singular values and of their sums s_i + s_j"),
    ]


def _schatten(_: float | None) -> list[Reach]:
    matrix = low_rank((2, 2), 2, group="gl")
    return [
        _by_decay(matrix, "p = 1, the nuclear norm"),
        Reach(matrix, f"{_DECAY}, p = 2/K < 1", "no", "K matrices would give (lam K/2) sum s^(2/K); low_rank has two"),
        Reach(matrix, _SLICE, "no", "logarithms of singular values and of their sums s_i + s_j"),
    ]


def _rungs(j: int, strength: float | None) -> str:
    """Return which exponents j (1 - 1/K) there are, or the two that are next to a wanted one."""
    ladder = {depth: j * (1 - Fraction(1, depth)) for depth in range(2, 13)}
    if strength is None:
        return f"none but the depth: kappa = {', '.join(map(str, list(ladder.values())[:3]))}, ..."
    below = [depth for depth, kappa in ladder.items() if kappa <= strength]
    above = [depth for depth, kappa in ladder.items() if kappa > strength]
    near = [*below[-1:], *above[:1]]
    names = " and ".join(f"{ladder[depth]} (depth {depth})" for depth in near)
    exact = any(float(ladder[depth]) == strength for depth in near)
    return f"a rung: {names}" if exact else f"no dial; the nearest rungs are {names}"


_KNOWN: Mapping[str, Callable[[float | None], list[Reach]]] = {
    "l1": _l1,
    "lp": _lp,
    "log": _log,
    "log-sum": _log_sum,
    "mcp": _mcp,
    "scad": _scad,
    "huber": _huber,
    "group": _group,
    "nuclear": _nuclear,
    "schatten": _schatten,
}
