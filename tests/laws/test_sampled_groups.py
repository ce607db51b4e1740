"""Laws by sampling on slices of GL(r), of turned scalings and translations, and by chains where parameters are many."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import NotNormalizableError, UnsupportedModelError
from langevin_ib.geometry import log_det
from langevin_ib.laws.sampled.chains import FAMILIES, GROUPS, disagreement
from langevin_ib.laws.sampled.chart import SliceChart
from langevin_ib.laws.sampled.factored import FactoredChart
from langevin_ib.model.expressions import compiled
from langevin_ib.process import Process

T = 0.3
LEVELS = {"gl": (0.3, 0.2, -0.25), "diagonal": (0.3, -0.25)}


def square(entries):
    return sum(entry**2 for entry in entries) / 2


def law_of(model, observable, dynamics, temperature=T, method="sampling"):
    # Seconds of a busy machine are no part of what is tested.
    return lib.density(model, observable, dynamics=dynamics, temperature=temperature, method=method, timeout=None)


def factorization(group: str, *sizes: int) -> lib.Model:
    return lib.models.matrix_factorization(*(sizes or (3, 2, 2)), group=group, loss=square)


def farthest(law, formula) -> float:
    x = formula.ppf(np.linspace(1e-3, 1.0 - 1e-3, 2001))
    return float(np.abs(law.cdf(x) - formula.cdf(x)).max())


@cache
def angle(group: str):
    return law_of(factorization(group), "angle", lib.GaugeFixed())


@pytest.mark.long
@pytest.mark.parametrize("group", ["gl", "diagonal"])
def test_matrices_of_rank_two_have_the_law_of_the_formula(group) -> None:
    """By Wishart's density and by an integral over frames; and the law of the other group is farther than the error."""
    law, other = angle(group), {"gl": "diagonal", "diagonal": "gl"}[group]
    formula, rival = (law_of(factorization(name), "angle", lib.GaugeFixed(), method="auto") for name in (group, other))
    assert farthest(law, formula) < law.error < 0.015
    assert farthest(law, rival) > 3 * law.error


@pytest.mark.long
def test_turned_scalings_have_the_law_of_the_formula() -> None:
    model = lib.models.diagonal_network(5, target=np.linspace(0.0, 1.0, 5))
    law, formula = (law_of(model, "w4", lib.GaugeFixed(-0.3), method=method) for method in ("sampling", "auto"))
    assert farthest(law, formula) < law.error < 0.015


@pytest.mark.long
def test_translations_have_the_law_without_them() -> None:
    """On a - 2 b = 1 the law of a is that of a model in the coordinate t along the slice."""
    u, v, a, b, t = lib.parameters("u v a b t")
    loss = (u * v - 1) ** 2 / 2 + (a - 2 * b - u * v) ** 2
    model = lib.Model(
        parameters=(u, v, a, b),
        predictor={"f": u * v, "gap": a - 2 * b},
        loss=loss,
        symmetry=(lib.Scaling({u: 1, v: -1}), lib.Translation({a: 2, b: 1})),
        observables={"a": a},
        confinement=a**2 / 2,
    )
    # The slice is where 2 a + b = 1.
    there = {a: (2 - t) / 5, b: (1 + 2 * t) / 5}
    along = lib.Model(
        parameters=(u, v, t),
        predictor={"f": u * v, "t": t},
        loss=loss.subs(there),
        symmetry=lib.Scaling({u: 1, v: -1}),
        observables={"a": there[a]},
        confinement=there[a] ** 2 / 2,
    )
    law, same = (
        law_of(which, "a", lib.Constrained(level=level, fixman=True))
        for which, level in ((model, (0.3, 1.0)), (along, 0.3))
    )
    assert farthest(law, same) < law.error + same.error


class TestMeasuresByBruteForce:
    """Points of R**10 near a slice, by rejection: the measure delta(chi - c) dx as it is defined, at any level.

    exp(-|x|²/2) is not invariant, so all of the slice counts. An eighth of a shell's width squared is what a law in it
    is off by, some thousandths; with 10**4 points a distance of more than .027 has a probability of 10**-6.
    """

    @staticmethod
    def near(group: str) -> tuple[lib.Model, np.ndarray]:
        model = replace(
            lib.models.matrix_factorization(3, 2, 2, group=group, loss=lambda t: 0 * t[0]),
            confinement=square(lib.models.matrix_factorization(3, 2, 2).parameters),
        )
        rng, kept, width = np.random.default_rng(7), [], 0.2 if group == "gl" else 0.06
        chi = [compiled(each, model.parameters) for each in model.constraints()]
        for _ in range(10):
            x = rng.normal(size=(400_000, model.dim))
            for each, level in zip(chi, LEVELS[group], strict=True):
                x = x[np.abs(each(*x.T) - level) < width]
            kept.append(x)
        return model, np.concatenate(kept)

    @pytest.mark.long
    @pytest.mark.parametrize(("group", "fixman"), [("gl", True), ("diagonal", False)])
    def test_delta_and_surface_measure(self, group, fixman) -> None:
        model, x = self.near(group)
        values = compiled(model.observable("norm"), model.parameters)(*x.T)
        order = np.argsort(values)
        # dS is (det G)**(1/2) times the other measure.
        both = {True: np.ones(len(x)), False: np.exp(log_det(model, x) / 2)}
        law = law_of(model, "norm", lib.Constrained(level=LEVELS[group], fixman=fixman), 1.0)
        right, wrong = (
            np.abs(law.cdf(values[order]) - np.cumsum(both[each][order]) / both[each].sum()).max()
            for each in (fixman, not fixman)
        )
        assert len(x) > 5_000
        assert right < 0.027 + law.error < wrong


class TestCharts:
    @pytest.mark.parametrize(
        ("model", "dynamics"),
        [
            (factorization("gl", 4, 4, 3), lib.GaugeFixed()),
            (factorization("gl", 4, 3, 3), lib.Constrained(level=(0.3, 0.1, -0.2, 0.2, 0.4, 0.5))),
            (factorization("diagonal", 4, 3, 3), lib.GaugeFixed(level=(0.3, -0.2, 0.0))),
            (lib.models.diagonal_network(3), lib.GaugeFixed(level=0.2)),
            (lib.models.attention(3, 2, group="gl", loss=lambda forms: square(forms[0])), lib.GaugeFixed()),
        ],
    )
    def test_points_are_on_the_slice(self, model, dynamics) -> None:
        place = Process.of(model, dynamics, temperature=T).slice
        charts = [SliceChart.of(place, is_rigid=rigid, is_near=False) for rigid in (False, True)]
        factored = FactoredChart.of(place, is_rigid=False)
        for chart in (*charts, *([] if factored is None else [factored])):
            x, logs = chart.placed(np.random.default_rng(0).normal(size=(500, chart.dim)))
            x = x[np.isfinite(logs)]
            assert len(x) > 50
            for chi, level in zip(model.constraints(), place.levels, strict=True):
                size = np.square(x).max(axis=1)
                assert np.abs((compiled(chi, model.parameters)(*x.T) - level) / size).max() < 1e-8
        y = np.random.default_rng(1).normal(size=(200, model.dim))
        x, plain = charts[0].placed(y)
        seen = np.isfinite(plain)
        np.testing.assert_allclose(
            (charts[1].placed(y)[1] - plain)[seen], log_det(model, x[seen]) / 2, rtol=1e-6, atol=1e-6
        )


def test_families_that_agree_and_families_that_do_not() -> None:
    """Of 400 sets of independent shares none is off by 6 errors (1 in 10**4); one that drifts, or stays apart, is."""
    rng = np.random.default_rng(3)
    shares = rng.normal(0.5, 0.01, (400, 2, FAMILIES * GROUPS, 5))
    assert max(max(disagreement(each)) for each in shares) < 6.0
    shares[0, :, :GROUPS] += 0.05
    shares[1, 1] += 0.02
    assert disagreement(shares[0])[0] > 6.0
    assert disagreement(shares[1])[1] > 6.0


class TestRefusals:
    def test_a_slice_that_leaves_more_free(self) -> None:
        a, b, c, d, e, f, g, h, i = x = lib.parameters("a b c d e f g h i")
        product = {"p": a * g + c * h + e * i, "q": b * g + d * h + f * i}
        model = lib.Model(
            parameters=x,
            predictor=product,
            loss=square(product.values()),
            symmetry=lib.Scaling({**dict.fromkeys((a, b), 1), g: -1}),
        )
        with pytest.raises(UnsupportedModelError, match=r"14 more symmetries that are not compact.*group='gl'"):
            law_of(model, "p", lib.GaugeFixed(level=0.3))

    def test_square_matrices_at_level_zero(self) -> None:
        model = factorization("gl", 3, 3, 3)
        with pytest.raises(NotNormalizableError, match=r"infinite mass at zero of .*another level"):
            law_of(model, "norm", lib.Constrained(fixman=True))

    def test_a_slice_of_ones_own(self) -> None:
        u, v = lib.parameters("u v")
        own = lib.Model(
            parameters=(u, v),
            predictor={"z": u * v},
            loss=(u * v - 1) ** 2,
            symmetry=lib.Scaling({u: 1, v: -1}),
            slice={"side": v - 1},
        )
        with pytest.raises(UnsupportedModelError, match=r"one of your own.*compare the two runs"):
            law_of(own, "z", lib.Constrained(level=0.0))

    def test_levels_that_rotations_change(self) -> None:
        """For those that they do not, and for walkers that stay on the slice, there is a law."""
        model = factorization("gl", 4, 3, 2)
        with pytest.raises(UnsupportedModelError, match=r"no multiple of 1.*Constrained"):
            law_of(model, "norm", lib.GaugeFixed(level=(0.3, 0.0, 0.2)))
        with pytest.raises(UnsupportedModelError, match=r"GL\(r\) at level 0, only.*has the law of this level"):
            lib.sample(
                model,
                dynamics=lib.GaugeFixed(level=(0.3, 0.0, 0.3)),
                temperature=T,
                rng=0,
                steps=1,
                step_size=0.01,
                walkers=2,
            )

    def test_a_value_that_is_taken_with_a_probability(self) -> None:
        """A rectified unit is off for a share of the parameters."""
        (x,) = lib.parameters("x")
        unit = lib.Model(parameters=(x,), predictor={"f": sympy.Max(0, x + 1)}, loss=x**2 / 2)
        with pytest.raises(UnsupportedModelError, match=r"is 0 with a probability of 0\.03"):
            law_of(unit, "f", lib.Ambient())
