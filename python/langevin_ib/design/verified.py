"""`Recipe.verify`: the parameterisation is run, with nothing put in, and compared with the designed law and rivals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from ..checks import checked_int, checked_real, checked_rng
from ..comparison import Comparison, compare
from ..errors import NotNormalizableError, UnsupportedModelError
from ..laws import Density
from ..model import Model
from ..observe import Histogram, HistogramResult
from ..process import Dynamics, GaugeFixed
from ..sampling import sample
from .blocks import Factors
from .designed_law import compiled_loss
from .layout import Alike, Grouped

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["Verified", "verified"]

ALPHA, REJECTION = 1e-3, 1e-6
"""A right law has a larger p-value than the first in 999 of 1000 runs; a rival is rejected below the second."""

_BINS = 120
_WALKERS = 4_096
_CARE = 4.0
_SEEN = "size"  # of vectors
_STEP = 0.01  # of GaugeFixed, which is compared at h and h/2


@dataclass(frozen=True)
class Verified:
    """What came of it.

    Attributes
    ----------
    law : Density
        The designed law.
    comparison : Comparison
        The run against it.
    rivals : mapping of str to Comparison
        The run against other laws.
    """

    law: Density
    comparison: Comparison
    rivals: Mapping[str, Comparison]

    @property
    def passed(self) -> bool:
        """Whether the designed law survives and every rival is rejected."""
        return self.comparison.pvalue >= ALPHA and all(each.pvalue < REJECTION for each in self.rivals.values())

    def __str__(self) -> str:
        rows = [f"{self.law.name}: p = {self.comparison.pvalue:.3g}"]
        rows += [f"  rival: {name}: p = {each.pvalue:.2g}" for name, each in self.rivals.items()]
        return "\n".join([*rows, "as designed" if self.passed else "NOT AS DESIGNED"])


def verified(recipe: Recipe, dynamics: Dynamics, *, loss: Any, temperature: Any, steps: Any, rng: Any) -> Verified:
    """Return it; `Recipe.verify` says what is what."""
    block = recipe.block
    if not isinstance(block, Factors) or not isinstance(recipe.layout, Alike | Grouped):
        raise UnsupportedModelError(
            f"only products are verified, not {block.words}; sample recipe.model(...) and compare it with "
            "recipe.law(...)"
        )
    size = block.features
    T = checked_real("temperature", temperature, minimum=0.0, open_end=True)
    steps = checked_int("steps", steps, minimum=1_000, maximum=10**9)
    if loss is None:
        # That of a vector has no tip at 0.
        loss = (lambda z: (z - 1) ** 2 / 2) if size == 1 else (lambda r: r**2 / 2)
    law = recipe.law(dynamics, loss=loss, temperature=T)
    ends = (float(law.ppf(1e-4)), float(law.isf(1e-4)))
    rivals = _rivals(recipe, dynamics, loss, T)
    one = replace(recipe, operator=None, layout=_one(block))
    model = one.model(lambda w: loss(w[0] if size == 1 else sympy.sqrt(sympy.Add(*(x**2 for x in w)))), weights=size)
    if size > 1:
        model = replace(model, observables={_SEEN: sympy.sqrt(sympy.Add(*(z**2 for z in model.predictor.values())))})
    process: dict[str, Any] = {"dynamics": dynamics, "temperature": T, "rng": int(checked_rng(rng).integers(2**62))}
    coarse, finer = _runs(model, process, steps, ends)
    against = {name: compare(coarse, rival, finer=finer) for name, rival in rivals.items()}
    return Verified(law, compare(coarse, law, finer=finer), against)


def _runs(
    model: Model, process: dict[str, Any], steps: int, ends: tuple[float, float]
) -> tuple[HistogramResult, HistogramResult | None]:
    """Return the histogram of a run without an error of the step; or of two, at h and h/2, along the same noise."""
    is_exact = not isinstance(process["dynamics"], GaugeFixed)
    # Not far from where the law is: from far away a step that is right there is refused.
    start = np.random.default_rng(process["rng"]).uniform(-1.0, 1.0, (_WALKERS, model.dim))
    found: list[HistogramResult] = []
    for half in (1,) if is_exact else (1, 2):
        # Strides count steps, and the finer run looks at the same times.
        histogram = Histogram(bins=_BINS, range=ends, every=max(1, steps // 200) * half)
        if is_exact:
            # Where factors are large, deep products are steeper than where the pilot went.
            way: dict[str, Any] = {"scheme": "mala", "step_size": "auto"}
            pilot = sample(model, steps=10, walkers=256, initial=start[:256], progress=False, **process, **way)
            way["step_size"] = pilot.settings.step_size / _CARE
        else:
            way = {"step_size": _STEP / half, "substeps": 2 // half}
        run = sample(
            model,
            steps=steps * half,
            burn_in=steps * half // 4,
            walkers=_WALKERS,
            initial=start,
            observe={_SEEN if _SEEN in model.observables else "z0": histogram},
            progress=False,
            **process,
            **way,
        )
        found.extend(run[name] for name in run)
    return found[0], found[1] if len(found) > 1 else None


def _rivals(recipe: Recipe, dynamics: Dynamics, loss: Any, T: float) -> dict[str, Density]:
    """Return the law of the loss alone, and those of one factor or one copy more, where they exist."""
    block = recipe.block
    assert isinstance(block, Factors)  # or it would have been refused
    others = {"one copy more": replace(block, copies=block.copies + 1)} if block.depth == 2 else {}
    if block.copies == 1:
        others["one factor more"] = replace(block, depth=block.depth + 1)
    compiled = compiled_loss(loss)
    size = block.features
    alone = Density.from_log_weight(
        lambda z: -compiled(z) / T + (size - 1) * np.log(np.abs(z)),
        name="exp(-L/T)",
        reference="d z" if size == 1 else "d |z|",
        support=(-np.inf if size == 1 else 0.0, np.inf),
    )
    found = {"no penalty": alone}
    for name, other in others.items():
        try:
            found[name] = replace(recipe, layout=_one(other)).law(dynamics, loss=loss, temperature=T)
        except (NotNormalizableError, UnsupportedModelError):
            continue
    return found


def _one(block: Factors) -> Alike | Grouped:
    """Return the layout of one such block."""
    whole = (tuple(range(block.features)),)
    return Alike(block) if block.features == 1 else Grouped(whole, block.depth, block.copies)
