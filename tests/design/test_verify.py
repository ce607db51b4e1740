"""The designed law is that of a process in which no penalty was put; a wrong one is found out."""

from __future__ import annotations

from dataclasses import replace

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib import design
from langevin_ib.design.layout import Alike
from langevin_ib.errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError


@pytest.mark.parametrize(
    ("recipe", "dynamics"),
    [
        (design.sparsity(), lib.GaugeFixed(level=0.5)),
        (design.sparsity(copies=2), lib.Ambient(weight_decay=0.3)),
        (design.sparsity(depth=3), lib.Ambient(weight_decay=0.3)),
        (design.sparsity(), lib.SoftSlice(stiffness=3.0)),
        (design.group_sparsity([[0, 1]], copies=3), lib.Ambient(weight_decay=0.3)),
        (design.group_sparsity([[0, 1, 2]]), lib.GaugeFixed(level=-0.4)),
    ],
)
def test_a_run_confirms_the_design_and_rejects_its_rivals(recipe, dynamics) -> None:
    """A right design fails once in a thousand runs."""
    found = recipe.verify(dynamics, steps=4_000 if isinstance(dynamics, lib.GaugeFixed) else 3_000, rng=7)
    assert found.passed, str(found)
    assert str(found).endswith("as designed")
    assert len(found.rivals) >= 1


def test_a_wrong_law_would_be_seen(monkeypatch) -> None:
    """The law of two copies, of a run with one."""
    two, law = Alike(design.sparsity(copies=2).block), design.Recipe.law
    monkeypatch.setattr(
        design.Recipe, "law", lambda recipe, *args, **more: law(replace(recipe, layout=two), *args, **more)
    )
    found = design.sparsity().verify(lib.Ambient(weight_decay=0.3), steps=2_000, rng=7)
    assert not found.passed
    assert found.comparison.pvalue < 1e-6
    assert str(found).endswith("NOT AS DESIGNED")


def test_the_posterior_of_the_group_lasso_takes_one_copy_more_than_the_vector_is_long() -> None:
    """Three copies of a vector of two have the law exp(-(L + lam |z|)/T), and two copies another."""
    recipe, dynamics, T = design.group_sparsity([[0, 1]], copies=3), lib.Ambient(weight_decay=0.3), 0.3
    found = recipe.verify(dynamics, steps=3_000, temperature=T, rng=7)
    lasso = lib.Density.from_log_weight(
        lambda r: np.log(r) - (r**2 / 2.0 + 0.3 * r) / T, name="group lasso", reference="d |z|", support=(0.0, np.inf)
    )
    assert found.law.mean() == pytest.approx(lasso.mean(), rel=1e-9)
    assert found.passed, str(found)
    two = design.group_sparsity([[0, 1]], copies=2).verify(dynamics, steps=3_000, temperature=T, rng=7)
    assert two.passed, str(two)
    assert two.rivals["one copy more"].pvalue < 1e-6


def test_what_cannot_be_verified_is_refused() -> None:
    with pytest.raises(NotNormalizableError, match="kappa = 1"):
        design.sparsity().verify(lib.GaugeFixed())
    with pytest.raises(UnsupportedModelError, match="only products"):
        design.nonnegative().verify(lib.Ambient(weight_decay=0.1))
    with pytest.raises(InvalidArgumentError, match="steps"):
        design.sparsity().verify(lib.GaugeFixed(level=0.1), steps=3)
