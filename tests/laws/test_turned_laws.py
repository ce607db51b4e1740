"""Laws of diagonal networks and of models with translations, against integrals that are written here."""

from __future__ import annotations

from collections.abc import Callable

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import Ambient, Constrained, GaugeFixed, SoftSlice, models
from langevin_ib.errors import NotNormalizableError
from langevin_ib.laws import identities
from numpy.typing import NDArray
from scipy.integrate import quad

Array = NDArray[np.float64]

T, LEVEL = 0.3, 0.4
NETWORK = models.diagonal_network(1)
A, B, U, V = lib.parameters("a b u v")
PROBES = (0.1, 0.3, 0.5, 0.7, 0.9)

STEP = 0.008
SIDE = np.arange(-6.0, 6.0, STEP) + STEP / 2.0
PLANE_U, PLANE_V = np.meshgrid(SIDE, SIDE)
"""The midpoint rule in the plane, whose error for smooth weights that vanish at its edges is far below 1e-6."""


def in_plane(weight: Array, values: Array, at: float) -> float:
    """Return the probability that a function of the plane is below a number."""
    return float(weight[values <= at].sum() / weight.sum())


def on_line(weight: Callable[[float], float], at: float, low: float = -7.0, high: float = 9.0) -> float:
    def mass(a: float, b: float) -> float:
        return quad(weight, a, b, points=[0.0] if a < 0.0 < b else None, limit=400, epsabs=1e-13)[0]

    return mass(low, at) / mass(low, high)


@pytest.mark.parametrize(
    ("dynamics", "power"),
    [(GaugeFixed(LEVEL), -0.5), (Constrained(LEVEL, fixman=True), -0.5), (Constrained(LEVEL), -0.25)],
)
def test_entries_on_a_slice(dynamics: object, power: float) -> None:
    """|d(u² - v², u v)/d(u, v)| = 2 (u² + v²) = 2 sqrt(w² + 4 c²)."""
    law = lib.density(NETWORK, "w0", dynamics=dynamics, temperature=T)
    for p in PROBES:
        at = float(law.ppf(p))
        assert on_line(lambda w: np.exp(-((w - 1) ** 2) / (2 * T)) * (w**2 + 4 * LEVEL**2) ** power, at) == (
            pytest.approx(p, abs=1e-9)
        )


@pytest.mark.parametrize("name", ["w0", "u0", "imbalance0", "norm"])
@pytest.mark.parametrize("dynamics", [Ambient(weight_decay=0.5), SoftSlice(stiffness=2.0, weight_decay=0.1)])
def test_laws_in_the_plane(name: str, dynamics: Ambient | SoftSlice) -> None:
    loss = (PLANE_U**2 - PLANE_V**2 - 1) ** 2 / 2 + dynamics.weight_decay / 2 * (PLANE_U**2 + PLANE_V**2)
    weight = np.exp(-(loss + getattr(dynamics, "stiffness", 0.0) / 2 * (PLANE_U * PLANE_V) ** 2) / T)
    values = {
        "w0": PLANE_U**2 - PLANE_V**2,
        "u0": PLANE_U,
        "imbalance0": 2 * PLANE_U * PLANE_V,
        "norm": PLANE_U**2 + PLANE_V**2,
    }[name]
    law = lib.density(NETWORK, name, dynamics=dynamics, temperature=T)
    for p in PROBES:
        # What lies within a cell of the edge is counted as a whole: a few thousandths.
        assert in_plane(weight, values, float(law.ppf(p))) == pytest.approx(p, abs=4e-3)
    mean = float((weight * values).sum() / weight.sum())
    assert law.mean() == pytest.approx(mean, abs=1e-5)


def test_a_logit_of_a_softmax_whose_shift_is_declared() -> None:
    """In turned coordinates both exponents have the shift in them, of which rounding is all that is left far out."""
    loss = sympy.log(sympy.exp(A) + sympy.exp(B)) - A
    both = lib.Model(parameters=(A, B), predictor={"gap": A - B}, loss=loss, symmetry=lib.Translation({A: 1, B: 1}))
    law = lib.density(both, "a", dynamics=Ambient(weight_decay=0.5), temperature=T)
    weight = np.exp(-(np.logaddexp(PLANE_U, PLANE_V) - PLANE_U + (PLANE_U**2 + PLANE_V**2) / 4) / T)
    for p in PROBES:
        assert in_plane(weight, PLANE_U, float(law.ppf(p))) == pytest.approx(p, abs=4e-3)


def test_one_entry_of_several_and_a_shell() -> None:
    one = lib.density(NETWORK, "w0", dynamics=GaugeFixed(LEVEL), temperature=T)
    third = lib.density(models.diagonal_network(3), "w2", dynamics=GaugeFixed((2.0, 1.0, LEVEL)), temperature=T)
    probes = np.linspace(-1, 3, 9)
    np.testing.assert_allclose(third.cdf(probes), one.cdf(probes), atol=1e-11)
    shell = lib.density(NETWORK, "w0", dynamics=Ambient(), temperature=T, given=("imbalance0", -0.3, 0.3))
    weight = np.exp(-((PLANE_U**2 - PLANE_V**2 - 1) ** 2) / (2 * T)) * (np.abs(2 * PLANE_U * PLANE_V) <= 0.3)
    # Far out the shell is thin, and the sum over cells no good: both are looked at where |u|, |v| < 6.
    assert in_plane(weight, PLANE_U**2 - PLANE_V**2, float(shell.ppf(0.5))) == pytest.approx(0.5, abs=4e-3)


def test_what_has_infinite_mass_is_refused() -> None:
    with pytest.raises(NotNormalizableError, match="infinite mass"):
        lib.density(NETWORK, "w0", dynamics=Ambient(), temperature=T)
    with pytest.raises(NotNormalizableError, match="infinite mass"):
        lib.density(NETWORK, "w0", dynamics=GaugeFixed(), temperature=T)
    with pytest.raises(NotNormalizableError, match=r"translations \(a \+ \(1\) s, b \+ \(1\) s\)"):
        lib.density(logits(), "p", dynamics=Ambient(), temperature=T)


def logits() -> lib.Model:
    odds = sympy.log(1 + sympy.exp(B - A))
    return lib.Model(
        parameters=(A, B),
        predictor={"d": A - B, "p": 1 / (1 + sympy.exp(B - A))},
        loss=odds / 5 + (A - B) ** 2 / 2,
        symmetry=lib.Translation({A: 1, B: 1}),
        observables={"sum": A + B},
    )


def log_odds(d: float) -> float:
    return float(np.logaddexp(0.0, -d) / 5.0 + d**2 / 2.0)


ON_SLICES = [GaugeFixed(LEVEL), Constrained(LEVEL), Constrained(LEVEL, fixman=True), SoftSlice(stiffness=3.0)]


@pytest.mark.parametrize(
    "dynamics", [*ON_SLICES, Ambient(weight_decay=0.5), SoftSlice(stiffness=3.0, weight_decay=0.5)]
)
def test_logits_whatever_fixes_their_sum(dynamics: object) -> None:
    """The coordinate along the translation is independent: a² + b² = (s² + d²)/2, and d has (decay/4) d² of it."""
    decay = getattr(dynamics, "weight_decay", 0.0)
    law = lib.density(logits(), "d", dynamics=dynamics, temperature=T)
    share = lib.density(logits(), "p", dynamics=dynamics, temperature=T)
    for p in PROBES:
        at = float(law.ppf(p))
        assert on_line(lambda d: np.exp(-(log_odds(d) + decay / 4 * d**2) / T), at) == pytest.approx(p, abs=1e-9)
        assert float(share.cdf(1.0 / (1.0 + np.exp(-at)))) == pytest.approx(p, abs=1e-7)


def test_what_a_translation_moves_has_a_law_too() -> None:
    """On the slice a = (c + d)/2; under a spring a + b is Gaussian, with the variance T/stiffness."""
    d, a = (lib.density(logits(), name, dynamics=GaugeFixed(LEVEL), temperature=T) for name in ("d", "a"))
    np.testing.assert_allclose(a.cdf((LEVEL + d.ppf(PROBES)) / 2), PROBES, atol=1e-9)
    total = lib.density(logits(), "sum", dynamics=SoftSlice(stiffness=3.0), temperature=T)
    assert total.std() == pytest.approx(np.sqrt(T / 3.0), rel=1e-6)


def test_translations_beside_scalings() -> None:
    """The logits do not meet u v, whose law on {u² - v² = 2 c} is exp(-L/T)/sqrt(c² + theta²) dtheta."""
    model = lib.Model(
        parameters=(A, B, U, V),
        predictor={"theta": U * V, "d": A - B},
        loss=(U * V - 1) ** 2 / 2 + (A - B) ** 2 / 2,
        symmetry=(lib.Translation({A: 1, B: 1}), lib.Scaling({U: 1, V: -1})),
    )
    law = lib.density(model, "theta", dynamics=GaugeFixed((0.7, LEVEL)), temperature=T)
    for p in PROBES:
        expected = on_line(lambda z: np.exp(-((z - 1) ** 2) / (2 * T)) / np.hypot(LEVEL, z), float(law.ppf(p)))
        assert expected == pytest.approx(p, abs=1e-9)


def product_beside_logits(coupled: int = 0) -> lib.Model:
    """Return u v beside two logits, of which the loss knows a difference alone, if it does not couple them."""
    loss = (U * V - 1) ** 2 / 2 + (A - 2 * B) ** 2 / 2 + coupled * (A - 2 * B) * U * V
    symmetry = (lib.Scaling({U: 1, V: -1}), lib.Translation({A: 2, B: 1}))
    return lib.Model(
        parameters=(U, V, A, B), predictor={"theta": U * V, "gap": A - 2 * B}, loss=loss, symmetry=symmetry
    )


def test_what_is_gaussian_and_not_asked_for_is_left_out() -> None:
    """The law of u v is that of u v alone; coupled to the logits it is another one, and as exact."""
    decay = Ambient(weight_decay=0.4)
    law = lib.density(product_beside_logits(), "theta", dynamics=decay, temperature=T)
    alone = lib.density(models.scalar_product(), "theta", dynamics=decay, temperature=T)
    places = alone.ppf(np.array(PROBES))
    assert np.abs(law.cdf(places) - PROBES).max() < 1e-11
    coupled = lib.density(product_beside_logits(coupled=1), "theta", dynamics=decay, temperature=T)
    assert np.abs(coupled.cdf(places) - PROBES).max() > 0.02
    # Without its Gaussian, whose mean depends on u v: min over the gap of lam |y|^2/2 + gap^2/2 + gap u v.
    keep = 1.0 / (1.0 + 0.4 / 5.0)
    weight = (PLANE_U * PLANE_V - 1.0) ** 2 / 2.0 - keep * (PLANE_U * PLANE_V) ** 2 / 2.0
    weight = np.exp(-(weight + 0.2 * (PLANE_U**2 + PLANE_V**2)) / T)
    for at in places:
        assert abs(coupled.cdf(at) - in_plane(weight, PLANE_U * PLANE_V, at)) < 2e-3


@pytest.mark.parametrize("dynamics", [GaugeFixed(), Constrained(), Constrained(fixman=True)])
def test_the_virial_on_the_slice_of_a_translation(dynamics: object) -> None:
    """x . grad V is d V'(d) there, whose mean is T by parts: one dimension is left."""
    (identity,) = identities(logits(), dynamics=dynamics, temperature=T)
    assert identity.value == pytest.approx(T, rel=1e-12)
    law = lib.density(logits(), "d", dynamics=dynamics, temperature=T)
    slope = sympy.lambdify((A, B), identity.expression)
    assert law.expect(lambda d: slope(d / 2, -d / 2)) == pytest.approx(T, rel=1e-9)


def test_refusals_say_turned_coordinates_in_those_of_the_model() -> None:
    """What they are is read off the message: their product is (u² - v²)/2, and their squares add up to u² + v²."""
    with pytest.raises(NotNormalizableError) as refusal:
        lib.density(NETWORK, "w0", dynamics=Ambient(), temperature=T)
    text = str(refusal.value)
    assert "|y_u0| = infinity" in text
    first, second = (sympy.sympify(each.split(" = ")[1]) for each in text.split("; here ")[1].split(" and "))
    u, v = sympy.symbols("u0 v0")
    assert sympy.expand(first * second) == (u**2 - v**2) / 2
    assert sympy.expand(first**2 + second**2) == u**2 + v**2
    with pytest.raises(NotNormalizableError) as refusal:
        lib.density(models.scalar_product(), "theta", dynamics=Ambient(), temperature=T)
    assert "here" not in str(refusal.value)
