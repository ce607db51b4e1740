"""Mechanisms: what runs. A penalty is one of a parameterisation *and* of a mechanism; the same u v has five of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from ..checks import checked_real, shown
from ..errors import InvalidArgumentError
from ..process import Dynamics

__all__ = ["GradientFlow", "Mechanism", "WeightDecay", "checked_mechanism"]


@dataclass(frozen=True)
class WeightDecay:
    """The minimiser of L(h(x)) + (lam / 2) |x|²: training with weight decay to the end, without noise.

    Its penalty on z is that of the smallest |x| that makes z, min {(lam / 2) |x|² : h(x) = z} (Hoff, Comput. Stat. Data
    Anal. 115 (2017) 186); for a product of K factors (lam K / 2) |z|^(2/K).

    Parameters
    ----------
    lam : float
        The coefficient of |x|²/2, in units of loss per squared parameter; positive.

    Raises
    ------
    InvalidArgumentError
        If it is no such number.
    """

    lam: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "lam", checked_real("lam", self.lam, minimum=0.0, open_end=True))


@dataclass(frozen=True)
class GradientFlow:
    """Gradient flow without noise and decay, from `Recipe.init`: z = 0, with factors of this size.

    Of the points that fit it finds the one of the smallest potential Phi, where there is one: Phi'' = 1 / |grad z|² on
    the slice that the flow keeps to (Woodworth et al., COLT 2020). See `Recipe.potential`.

    Parameters
    ----------
    scale : float
        The size alpha of the factors that do not begin at zero; positive.

    Raises
    ------
    InvalidArgumentError
        If it is no such number.
    """

    scale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", checked_real("scale", self.scale, minimum=0.0, open_end=True))


Mechanism: TypeAlias = WeightDecay | GradientFlow | Dynamics


def checked_mechanism(value: Any) -> Mechanism:
    """Return what was given as a mechanism.

    Raises
    ------
    InvalidArgumentError
        If it is none: without a mechanism a penalty has no value.
    """
    if isinstance(value, WeightDecay | GradientFlow | Dynamics):
        return value
    raise InvalidArgumentError(
        f"under={shown(value)} is no mechanism, and without one a penalty has no value; give design.WeightDecay(lam), "
        "design.GradientFlow(scale) or a dynamics: GaugeFixed(level), Constrained(level), SoftSlice(stiffness), "
        "Ambient(weight_decay), SGD(label_noise=...)"
    )
