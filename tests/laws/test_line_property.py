"""Random potentials on the line, of kinks, jumps, powers, poles and narrow wells: no law is off by more than it says.

mpmath integrates the Gibbs weight between the places that the potential is made of, with 25 digits.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

(W,) = lib.parameters("w")


@dataclass(frozen=True)
class Term:
    """A term of a potential, in units of T, as a function of z = (w - centre) / scale."""

    kind: str
    place: float
    size: float
    width: float = 1.0

    def symbolic(self, z: sympy.Expr) -> sympy.Expr:
        d = z - self.place
        match self.kind:
            case "power":
                return self.size * sympy.Abs(d) ** sympy.nsimplify(self.width)
            case "hinge":
                return self.size * sympy.Max(0, d)
            case "step":
                return sympy.Piecewise((self.size, d < 0), (0, True))
            case "pole":
                return self.size * sympy.log(sympy.Abs(d))
        return -self.size * sympy.exp(-((d / self.width) ** 2))

    def number(self, z: Any) -> Any:
        d = z - mpmath.mpf(self.place)
        match self.kind:
            case "power":
                return self.size * abs(d) ** mpmath.mpf(self.width)
            case "hinge":
                return self.size * max(mpmath.mpf(0), d)
            case "step":
                return self.size if d < 0 else 0
            case "pole":
                return self.size * mpmath.log(abs(d)) if d else mpmath.mpf(0)
        return -self.size * mpmath.exp(-((d / mpmath.mpf(self.width)) ** 2))

    def places(self) -> list[float]:
        reach = [0.0] if self.kind != "well" else [k * self.width for k in (-8, -2, 0, 2, 8)]
        return [self.place + r for r in reach]


# All numbers are dyadic, so that the formula of the model is the one that is integrated here, to the last digit.
places = st.integers(-40, 40).map(lambda k: k / 8.0)


def dyadic(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(math.ceil(16 * low), math.floor(16 * high)).map(lambda k: k / 16.0)


terms = st.one_of(
    st.builds(Term, st.just("hinge"), places, dyadic(0.1, 50.0)),
    st.builds(Term, st.just("step"), places, dyadic(-5.0, 5.0)),
    st.builds(Term, st.just("pole"), places, dyadic(-2.5, 0.7)),
    st.builds(Term, st.just("power"), places, dyadic(0.1, 5.0), st.sampled_from([0.5, 1.0, 1.5, 3.0])),
    st.builds(Term, st.just("well"), places, dyadic(1.0, 12.0), st.integers(0, 20).map(lambda k: 2.0**-k)),
)
confinement = st.builds(Term, st.just("power"), places, dyadic(0.2, 3.0), st.sampled_from([1.0, 2.0, 4.0]))


def exact(potential: list[Term], points: np.ndarray, to_z: Any) -> list[float]:
    """The distribution function at points w, by adding up integrals between all places; to_z maps exactly."""
    at = [to_z(w) for w in points]
    confined = potential[0]
    reach = (mpmath.mpf(150) / confined.size) ** (1 / mpmath.mpf(confined.width)) + 60
    edges = {-reach, reach, *at, *(mpmath.mpf(p) for term in potential for p in term.places())}
    edges |= {mpmath.mpf(k) for k in range(-8, 9, 2)}
    edges = sorted(edge for edge in edges if -reach <= edge <= reach)
    lowest = min(sum(t.number(e + mpmath.mpf("1e-9")) for t in potential) for e in edges)

    def weight(z: Any) -> Any:
        return mpmath.exp(lowest - sum(t.number(z) for t in potential))

    masses = [mpmath.quad(weight, [a, b], maxdegree=6) for a, b in itertools.pairwise(edges)]
    total = mpmath.fsum(masses)
    return [float(mpmath.fsum(m for m, b in zip(masses, edges[1:], strict=True) if b <= z) / total) for z in at]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=confinement,
    others=st.lists(terms, min_size=1, max_size=4),
    scale=st.integers(-20, 20).map(lambda k: 2.0**k),
    shift=st.sampled_from([0.0, 0.0, 1.0, -300.0]),
    temperature=st.sampled_from([0.0625, 1.0, 16.0]),
)
def test_no_law_is_off_by_more_than_it_says(
    first: Term, others: list[Term], scale: float, shift: float, temperature: float
) -> None:
    potential = [first, *others]
    # Poles at one place add up.
    if any(sum(t.size for t in others if t.kind == "pole" and t.place == p) > 0.75 for p in {t.place for t in others}):
        return
    z = (W - sympy.Float(shift, 17)) / sympy.Float(scale, 17)
    loss = temperature * sympy.Add(*(term.symbolic(z) for term in potential))
    model = lib.Model(parameters=(W,), predictor={"w": W}, loss=loss)
    law = lib.density(model, "w", dynamics=lib.Ambient(), temperature=temperature)
    points = np.unique(np.concatenate([law.ppf([1e-4, 0.2, 0.5, 0.9]), shift + scale * np.array([-1.0, 0.3, 2.0])]))
    with mpmath.workdps(25):
        right = exact(potential, points, lambda w: (mpmath.mpf(float(w)) - mpmath.mpf(shift)) / mpmath.mpf(scale))
    # Far from 0 doubles are so far apart that nobody knows where a narrow well is.
    assert shift or law.error < 1e-9
    off = np.abs(law.cdf(points) - right)
    # A value of w is only one to rounding, and so is the potential there.
    assert off.max() <= law.error, (law.error, off)


def test_the_judge_sees_a_wrong_law() -> None:
    potential = [Term("power", 0.0, 0.5, 2.0), Term("hinge", 1.0, 3.0)]
    with mpmath.workdps(25):
        right = exact(potential, np.array([0.0, 1.0]), mpmath.mpf)
        wrong = exact([*potential, Term("well", 0.5, 5.0, 1e-4)], np.array([0.0, 1.0]), mpmath.mpf)
    assert abs(right[1] - wrong[1]) > 1e-6
    left = 0.5 * math.erf(1.0 / math.sqrt(2.0)) + 0.5
    tail = math.exp(-0.5) * math.sqrt(math.pi / 2.0) * math.exp(8.0) * math.erfc(4.0 / math.sqrt(2.0))
    assert right[1] == pytest.approx(left / (left + tail / math.sqrt(2.0 * math.pi)), rel=1e-14)
