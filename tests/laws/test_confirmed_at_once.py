"""Lattices confirm right laws and no wrong one: planted errors of exponents, levels and factors, by families."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import scipy.stats
import sympy
from langevin_ib.laws.confirmation import Target, quick
from langevin_ib.laws.confirmation.blocks import BlockLattices, _Block
from langevin_ib.laws.confirmation.quick import is_confirmed_at_once
from langevin_ib.laws.confirmation.rules import LineByLine
from langevin_ib.laws.density import _density, _target
from langevin_ib.laws.line import Density
from langevin_ib.laws.request import LawRequest
from langevin_ib.laws.simplified import simplified
from langevin_ib.process import Process

T = 0.3
X = lib.parameters("a b c d")
BALL = sum(x**2 for x in X)
UV, CHAIN, FIVE = (lib.models.scalar_product(depth) for depth in (2, 3, 5))
NEURON = lib.models.relu_neuron(3, loss=lambda z: sum(each**2 for each in z) / 2)
SPHERE = lib.Model(parameters=X, predictor={"r": BALL}, loss=(BALL - 1) ** 2 / 4)
COPIES = lib.Model(
    parameters=X, predictor={"w": X[0] * X[1] + X[2] * X[3]}, loss=(X[0] * X[1] + X[2] * X[3] - 1) ** 2 / 2
)


def vectors(copies: int, size: int, target: float = 1.0) -> lib.Model:
    """Return the sum of so many vectors times numbers, and its length."""
    rows = [lib.parameters(" ".join(f"{name}{k}" for k in range(copies))) for name in "sabc"[: size + 1]]
    z = [sum(s * v for s, v in zip(rows[0], row, strict=True)) for row in rows[1:]]
    loss = sum((each - target / k) ** 2 for k, each in enumerate(z, start=1)) / 2
    return lib.Model(
        parameters=tuple(x for row in rows for x in row),
        predictor={f"z{k}": each for k, each in enumerate(z)},
        loss=loss,
        observables={"length": sympy.sqrt(sum(each**2 for each in z))},
    )


DECAY = lib.Ambient(weight_decay=0.1)
SLICE, RIGID = lib.GaugeFixed(0.5), lib.Constrained(0.5)

FAMILIES: dict[str, tuple[lib.Model, str, Any]] = {
    "theta": (UV, "theta", DECAY),
    "u": (UV, "u", DECAY),
    "imbalance": (UV, "imbalance", DECAY),
    "norm": (UV, "norm", DECAY),
    "soft": (UV, "theta", lib.SoftSlice(stiffness=3.0)),
    "slice": (UV, "theta", SLICE),
    "rigid": (UV, "theta", RIGID),
    "rigid norm": (UV, "norm", RIGID),
    "chain": (CHAIN, "theta", lib.GaugeFixed((0.4, 0.3))),
    "depth 3": (CHAIN, "theta", DECAY),
    "depth 5": (FIVE, "theta", DECAY),
    "hadamard on a slice": (lib.models.hadamard(2, target=[1.0, 0.5]), "z1", SLICE),
    "hadamard": (lib.models.hadamard(2, target=[1.0, 0.5]), "z1", DECAY),
    "diagonal network": (lib.models.diagonal_network(1), "w0", SLICE),
    "copies": (COPIES, "w", DECAY),
    "vectors": (vectors(3, 2), "length", lib.Ambient(weight_decay=0.45)),
    "longer vectors": (vectors(2, 3), "length", DECAY),
    "nine of ten are normal": (lib.models.harmonic(stiffness=2.0, dim=10), "x0", lib.Ambient()),
    "neuron": (NEURON, "strength", lib.GaugeFixed(0.1)),
    "sphere": (SPHERE, "r", lib.Ambient()),
    "harmonic": (lib.models.harmonic(stiffness=2.0, dim=3), "x0", lib.Ambient()),
}
"""The model, the observable and the process of a law."""

ON_SLICES = [name for name, (_, _, dynamics) in FAMILIES.items() if isinstance(dynamics, lib.GaugeFixed)]


def asked(name: str, **changes: Any) -> LawRequest:
    """Return the request of a family, its process changed."""
    model, observable, dynamics = FAMILIES[name]
    process = Process(model, changes.pop("dynamics", dynamics), changes.pop("temperature", T))
    return LawRequest(process=process, observable=observable)


def law_and_target(name: str, **changes: Any) -> tuple[Density, Target]:
    """Return the law of a family and what it should be one of."""
    request = simplified(asked(name, **changes))
    target = _target(request)
    assert target is not None
    return _density(request), target


def at_once(law: Any, target: Target, seed: int = 1) -> bool:
    """Return whether lattices confirm a law."""
    return is_confirmed_at_once(law, target, np.random.default_rng(seed))


@pytest.fixture(autouse=True)
def _nothing_is_known() -> Iterator[None]:
    """Each test begins without structures that another one has confirmed."""
    quick._KNOWN.clear()
    yield
    quick._KNOWN.clear()


class Tilted:
    """A law with another exponent: its density times |x|**power, by its quantiles."""

    def __init__(self, law: Density, power: float) -> None:
        shares = np.linspace(0.0, 1.0, 20_002)[1:-1]
        self.error, self.places = law.error, np.asarray(law.ppf(shares))
        weights = np.abs(self.places) ** power
        self.below = (np.cumsum(weights) - weights / 2.0) / weights.sum()

    def cdf(self, x: Any) -> Any:
        return np.interp(x, self.places, self.below, left=0.0, right=1.0)


class Scaled:
    """The law of a multiple, or of the value and a shift."""

    def __init__(self, law: Density, factor: float, shift: float = 0.0) -> None:
        self.law, self.factor, self.shift, self.error = law, factor, shift, law.error

    def cdf(self, x: Any) -> Any:
        return self.law.cdf((np.asarray(x) - self.shift) / self.factor)


@pytest.mark.long
@pytest.mark.parametrize("name", FAMILIES)
def test_right_laws_are_confirmed_and_planted_errors_are_not(name: str) -> None:
    """Another exponent, a factor of 2, a shift, a temperature 20 % off; what is off by 2 % is never confirmed."""
    law, target = law_and_target(name)
    assert any(at_once(law, target, seed) for seed in (1, 2))
    wrong: dict[str, Any] = {
        "exponent": Tilted(law, 0.5),
        "another exponent": Tilted(law, -0.3),
        "factor": Scaled(law, 2.0),
        "shift": Scaled(law, 1.0, float(law.ppf(0.53) - law.ppf(0.5))),
        "temperature": law_and_target(name, temperature=1.2 * T)[0],
    }
    places = law.ppf(np.linspace(0.02, 0.98, 97))
    for which, each in wrong.items():
        off = float(np.abs(np.asarray(each.cdf(places)) - law.cdf(places)).max())
        assert off < 0.02 or not at_once(each, target), (which, off)
    assert sum(np.abs(np.asarray(each.cdf(places)) - law.cdf(places)).max() > 0.02 for each in wrong.values()) >= 4


@pytest.mark.parametrize("name", ON_SLICES)
def test_on_slices_another_measure_and_another_level_are_not_confirmed(name: str) -> None:
    """The exponent of det G is wrong by one half, or the level by .2."""
    law, target = law_and_target(name)
    levels = np.atleast_1d(np.asarray(FAMILIES[name][2].level))
    fitting = levels if levels.size > 1 else float(levels[0])
    places = law.ppf(np.linspace(0.02, 0.98, 97))
    seen = 0
    for dynamics in (lib.Constrained(fitting), lib.GaugeFixed(fitting + 0.2)):
        wrong = law_and_target(name, dynamics=dynamics)[0]
        if np.abs(wrong.cdf(places) - law.cdf(places)).max() > 0.02:
            seen += 1
            assert not at_once(wrong, target)
    assert seen


def test_other_numbers_of_a_structure_that_is_known() -> None:
    """What was confirmed once is looked at less closely, and wrong laws with other numbers are seen as before."""
    assert at_once(*law_and_target("theta"))
    (known,) = quick._KNOWN.values()
    for T_, target in ((0.05, 1.0), (1.5, -3.0), (0.3, 40.0)):
        model = lib.models.scalar_product(target=target)
        request = LawRequest(process=Process(model, DECAY, T_), observable="theta")
        law, what = _density(request), _target(request)
        assert what is not None
        assert any(at_once(law, what, seed) for seed in (1, 2))
        tilted, places = Tilted(law, 0.5), law.ppf(np.linspace(0.02, 0.98, 97))
        assert np.abs(tilted.cdf(places) - law.cdf(places)).max() < 0.02 or not at_once(tilted, what)
        other = _density(replace(request, process=Process(model, DECAY, 1.3 * T_)))
        assert not at_once(other, what)
    assert isinstance(known, quick.LineByLine)


@pytest.mark.long
@pytest.mark.parametrize("name", ["depth 3", "depth 5", "hadamard", "copies", "chain", "hadamard on a slice"])
def test_lines_and_sheets_that_are_known(name: str) -> None:
    """At temperatures far from the first one right laws are confirmed, and those of another temperature are not."""
    assert at_once(*law_and_target(name))
    (known,) = quick._KNOWN.values()
    on_slice = name in ON_SLICES
    assert isinstance(known, quick.SheetBySheet if on_slice else LineByLine)
    for T_ in (0.05, 1.5):
        law, target = law_and_target(name, temperature=T_)
        assert any(at_once(law, target, seed) for seed in (1, 2))
        assert not at_once(law_and_target(name, temperature=1.3 * T_)[0], target)
        places = law.ppf(np.linspace(0.02, 0.98, 97))
        tilted = Tilted(law, 0.3)
        assert np.abs(tilted.cdf(places) - law.cdf(places)).max() < 0.02 or not at_once(tilted, target)


def test_data_and_structures_of_their_own_are_not_mistaken() -> None:
    """Exponents, signs, levels of other signs, parameters and rows of data make another structure."""
    u, v = lib.parameters("u v")
    first = Target((u * v - 1) ** 2 / 2 + 2 * u**2, u * v, (u, v), {}, 0.3)
    assert quick.structure(first) == quick.structure(replace(first, potential=(u * v - 7) ** 2 / 3 + 5 * u**2))
    for potential in (
        (u * v + 1) ** 2 / 2 + 2 * u**2,
        (u * v - 1) ** 4 / 2 + 2 * u**2,
        (u * v - 1) ** 2 / 2 + 2 * v**2,
    ):
        assert quick.structure(first) != quick.structure(replace(first, potential=potential))
    assert quick.structure(first) != quick.structure(replace(first, observable=u + v))
    assert quick.structure(replace(first, data={"y": np.zeros(3)})) is None


def test_lines_are_taken_where_all_is_a_parabola_and_nowhere_else() -> None:
    """A kink far out, a fourth power and a condition are no parabolas."""
    a, b, c = lib.parameters("a b c")
    square = (a**2 + b**2 + c**2) / 2
    taken = partial(LineByLine.of, rng=np.random.default_rng(3))
    plain = Target(square + (a * b * c - 1) ** 2, a * b * c, (a, b, c), {}, 1.0)
    assert taken(plain) is not None
    assert taken(replace(plain, potential=square + (a**4 + b**4 + c**4))) is None
    assert taken(replace(plain, potential=square + sum(sympy.Max(0, x - 2) for x in (a, b, c)))) is None
    assert taken(replace(plain, observable=a**2 + b**2 + c**2)) is None
    assert taken(replace(plain, condition=(a, 0.0, 1.0))) is None


def test_of_many_parameters_most_are_normal_given_the_others() -> None:
    """Vectors given the numbers that they are multiplied by; where all is one product there is no such block."""
    _, target = law_and_target("vectors")
    block = _Block.largest(target.log_weight(), 9)
    assert block is not None
    assert [str(target.parameters[i]) for i in block.outside] == ["s0", "s1", "s2"]
    assert len(block.coupled) == 6  # within one component
    seven = lib.models.scalar_product(depth=7)
    request = LawRequest(process=Process(seven, DECAY, T), observable="theta")
    assert _Block.largest(_target(request).log_weight(), 7) is None  # type: ignore[union-attr]


@pytest.mark.long
@pytest.mark.parametrize("name", ["vectors", "longer vectors"])
@pytest.mark.parametrize("known", [False, True])
def test_in_blocks_no_wrong_law_of_vectors_is_confirmed(name: str, known: bool) -> None:
    """One copy more or less, no orbits, another power of the length, half the loss, another decay; twice, if known."""
    law, target = law_and_target(name)
    if known:
        assert at_once(law, target)
    model, observable, dynamics = FAMILIES[name]
    halved = lib.Model(
        parameters=model.parameters, predictor=model.predictor, loss=model.loss / 2, observables=model.observables
    )
    process = Process(model, lib.Ambient(weight_decay=1.15 * dynamics.weight_decay), T)
    wrong = {
        **lib.rivals(model, observable, dynamics=dynamics, temperature=T),
        "power": Tilted(law, 0.3),
        "half the loss": _density(LawRequest(process=Process(halved, dynamics, T), observable=observable)),
        "decay": _density(LawRequest(process=process, observable=observable)),
        "length": Scaled(law, 1.03),
    }
    places = law.ppf(np.linspace(0.02, 0.98, 97))
    for which, each in wrong.items():
        off = float(np.abs(np.asarray(each.cdf(places)) - law.cdf(places)).max())
        assert off < 0.012 or not any(at_once(each, target, seed) for seed in (1, 2, 3)), (which, off)
    assert sum(np.abs(np.asarray(each.cdf(places)) - law.cdf(places)).max() > 0.02 for each in wrong.values()) >= 5


def test_in_blocks_what_is_no_parabola_where_it_was_looked_weighs_what_it_is_written_as() -> None:
    """Walls at 6 and a law that does not know of them: points have the weight of V, and not of the parabola."""
    x = lib.parameters(" ".join(f"x{k}" for k in range(8)))
    wall = sum(40 * sympy.Max(0, each - 6) ** 2 for each in x[1:])
    free = Target(sum(each**2 for each in x) / 32 + wall, x[1] + x[2], x, {}, 1.0)
    normal = Density.from_scipy(scipy.stats.norm(0.0, math.sqrt(32.0)), name="law", reference="d x")
    found = BlockLattices.about(free.log_weight(), 8, np.random.default_rng(1))
    assert found is not None
    assert not at_once(normal, free)
    assert at_once(normal, replace(free, potential=free.potential - wall))
    points, logs = found.draw(16, 8192, np.random.default_rng(2))
    weights = np.exp(logs - logs.max())
    mean = float((weights * points[:, 1]).sum() / weights.sum())
    line = np.linspace(-60.0, 12.0, 200_001)
    density = np.exp(-(line**2) / 32 - 40 * np.maximum(0.0, line - 6) ** 2)
    assert abs(mean - (line * density).sum() / density.sum()) < 0.05
