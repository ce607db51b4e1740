"""Laws by sampling: within their stated error of those that have a formula, and refused where draws do not suffice."""

from __future__ import annotations

import pickle
from functools import cache

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError
from langevin_ib.laws.request import LawRequest
from langevin_ib.laws.sampled.batches import Batches
from langevin_ib.laws.sampled.draws import DrawnValues
from langevin_ib.process import Process

PRODUCT = lib.models.scalar_product(target=1.0)
T = 0.3
U, V = lib.parameters("u v")
UNEQUAL = lib.Model(
    parameters=(U, V), predictor={"z": U**2 * V}, loss=(U**2 * V - 1) ** 2 / 2, symmetry=lib.Scaling({U: 1, V: -2})
)


def square(components):
    return sum(component**2 for component in components) / 2


@cache
def sampled(name: str) -> lib.Density:
    model, observable, dynamics, given = LAWS[name]
    # Seconds of a busy machine are no part of what is tested.
    return lib.density(
        model, observable, dynamics=dynamics, temperature=T, given=given, method="sampling", timeout=None
    )


LAWS = {
    "ambient": (PRODUCT, "theta", lib.Ambient(weight_decay=0.1), None),
    "shell": (PRODUCT, "theta", lib.Ambient(weight_decay=0.3), ("imbalance", -0.5, 0.5)),
    "slice": (PRODUCT, "theta", lib.GaugeFixed(level=-0.5), None),
    "rigid, other weights": (UNEQUAL, "z", lib.Constrained(level=0.5), None),
    "chain": (lib.models.scalar_product(depth=3), "theta", lib.GaugeFixed(level=(0.4, 0.3)), None),
    "neuron": (lib.models.relu_neuron(3, loss=square), "strength", lib.Constrained(level=0.3, fixman=True), None),
}


@pytest.mark.long
@pytest.mark.parametrize("name", LAWS)
def test_it_is_the_law_by_formula_within_its_error(name) -> None:
    """Formulas come from other changes of variables; the error is exceeded less than once in a thousand laws."""
    model, observable, dynamics, given = LAWS[name]
    formula = lib.density(model, observable, dynamics=dynamics, temperature=T, given=given)
    law = sampled(name)
    x = formula.ppf(np.linspace(1e-3, 1.0 - 1e-3, 3001))
    assert np.abs(law.cdf(x) - formula.cdf(x)).max() < law.error < 0.01
    assert law.mean() == pytest.approx(formula.mean(), abs=0.01)
    assert law.std() == pytest.approx(formula.std(), rel=0.02)
    assert (law.method, law.observable, law.reference) == ("sampling", observable, formula.reference)


def test_another_law_is_farther_away_than_its_error() -> None:
    rigid = lib.density(PRODUCT, "theta", dynamics=lib.Constrained(level=0.5), temperature=T)
    law = sampled("slice")
    x = rigid.ppf(np.linspace(1e-3, 1.0 - 1e-3, 301))
    assert np.abs(law.cdf(x) - rigid.cdf(x)).max() > 5 * law.error


def test_runs_agree_with_a_law_that_has_no_formula() -> None:
    """A deep linear network with two hidden units: exact walkers, and draws that know of no walkers."""
    a, b, c, d = lib.parameters("a b c d")
    model = lib.Model(
        parameters=(a, b, c, d),
        predictor={"f": a * c + b * d},
        loss=(a * c + b * d - 1) ** 2 / 2,
        symmetry=(lib.Scaling({a: 1, c: -1}), lib.Scaling({b: 1, d: -1})),
        confinement=(a**2 + b**2 + c**2 + d**2) / 20,
    )
    settings = {"temperature": T, "observe": {"f": lib.Histogram(bins=100, range=(-3.0, 4.0))}, "progress": False}
    walk = {"scheme": "mala", "step_size": 0.1, "steps": 1500, "burn_in": 300, "walkers": 2048, "rng": 1}
    run, rigid = (
        lib.sample(model, dynamics=lib.Constrained(level=0.4, fixman=fixman), **settings, **walk)
        for fixman in (True, False)
    )
    law = lib.density(model, "f", dynamics=lib.GaugeFixed(level=0.4), temperature=T, method="sampling", timeout=None)
    assert lib.compare(run["f"], law).consistent()
    assert lib.compare(rigid["f"], law).pvalue < 1e-6


class TestManners:
    def test_quantiles_and_probabilities_are_inverse(self) -> None:
        law, q = sampled("ambient"), np.linspace(0.001, 0.999, 999)
        np.testing.assert_allclose(law.cdf(law.ppf(q)), q, atol=1e-4)
        np.testing.assert_allclose(law.sf(law.isf(q)), q, atol=1e-4)
        assert np.all(np.diff(law.cdf(np.linspace(-5.0, 5.0, 1001))) >= 0.0)
        assert law.cdf([-np.inf, np.inf]).tolist() == [0.0, 1.0]
        assert np.isnan(law.ppf(1.5))

    def test_the_density_integrates_to_the_probabilities(self) -> None:
        law = sampled("ambient")
        x = np.linspace(*law.interval(0.99), 20_001)
        areas = np.concatenate([[0.0], np.cumsum((law.pdf(x)[1:] + law.pdf(x)[:-1]) / 2 * np.diff(x))])
        np.testing.assert_allclose(areas, law.cdf(x) - law.cdf(x[0]), atol=1e-3)

    def test_it_draws_conditions_travels_and_says_what_it_is(self) -> None:
        law = sampled("ambient")
        assert law.rvs(20_000, rng=0).mean() == pytest.approx(law.mean(), abs=0.03)
        part = law.conditioned([(0.0, 1.0)])
        assert part.error > law.error
        assert part.cdf([0.0, 1.0]).tolist() == pytest.approx([0.0, 1.0], abs=1e-3)
        again = pickle.loads(pickle.dumps(law))
        np.testing.assert_array_equal(again.cdf(np.linspace(-1.0, 2.0, 50)), law.cdf(np.linspace(-1.0, 2.0, 50)))
        assert repr(law).endswith("sampling, cdf within 1e-02>")

    def test_the_same_call_gives_the_same_law(self) -> None:
        model, observable, dynamics, _ = LAWS["slice"]
        again = lib.density(model, observable, dynamics=dynamics, temperature=T, method="sampling", timeout=None)
        np.testing.assert_array_equal(
            again.cdf(np.linspace(-1.0, 2.0, 50)), sampled("slice").cdf(np.linspace(-1, 2, 50))
        )

    def test_an_average_that_few_draws_make_is_refused(self) -> None:
        values = np.sort(np.random.default_rng(0).standard_cauchy(2**16))
        with pytest.raises(UnsupportedModelError, match="few of the draws"):
            DrawnValues(values).mean()
        assert DrawnValues(values).expect(np.tanh) == pytest.approx(0.0, abs=0.02)


class TestRefusals:
    @staticmethod
    def ask(model, observable, dynamics, **more) -> lib.Density:
        return lib.density(model, observable, dynamics=dynamics, temperature=T, method="sampling", timeout=None, **more)

    def test_an_infinite_mass_along_orbits(self) -> None:
        with pytest.raises(NotNormalizableError, match="infinite mass"):
            self.ask(PRODUCT, "theta", lib.Ambient())

    def test_an_observable_without_a_density(self) -> None:
        model = lib.models.harmonic()
        (x,) = model.parameters
        step = lib.Model(
            parameters=(x,), predictor=model.predictor, loss=model.loss, observables={"step": sympy.sign(x)}
        )
        with pytest.raises(UnsupportedModelError, match="few values"):
            self.ask(step, "step", lib.Ambient())

    @staticmethod
    def judged(log_weights, distances) -> None:
        """Have 32 batches of draws judged, whose values are normal."""
        process = Process.of(PRODUCT, lib.Ambient(0.1), temperature=T)
        batches = Batches(LawRequest(process=process, observable="theta", method="sampling"), 2.5e-3)
        rng = np.random.default_rng(0)
        for _ in range(32):
            batches.add(
                rng.normal(size=4096), distances(rng.normal(size=4096)) ** 2, log_weights(rng.normal(size=4096))
            )
        batches.law()

    def test_draws_of_which_few_have_all_the_weight(self) -> None:
        self.judged(lambda z: 0.5 * z, lambda z: 1.0 + z**2)
        with pytest.raises(UnsupportedModelError, match=r"worth .* of equal weight"):
            self.judged(lambda z: 5.0 * z, lambda z: 1.0 + z**2)

    def test_a_mass_that_is_spread_over_all_scales(self) -> None:
        for escape in (lambda z: np.exp(np.abs(10.0 * z)), lambda z: np.exp(-np.abs(10.0 * z))):
            with pytest.raises(UnsupportedModelError, match="escape to infinity or to a singularity"):
                self.judged(lambda z: 0.5 * z, escape)

    def test_an_unknown_method(self) -> None:
        with pytest.raises(InvalidArgumentError, match="'sampling'"):
            lib.density(PRODUCT, "theta", dynamics=lib.Ambient(0.1), temperature=T, method="guessing")
