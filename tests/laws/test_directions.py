"""Laws that know few directions of a long vector: neurons with many inputs and weight normalisations."""

from __future__ import annotations

from collections.abc import Callable

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import Ambient, Constrained, GaugeFixed
from langevin_ib.errors import UnsupportedModelError
from langevin_ib.laws.families.known_directions import known_directions
from langevin_ib.laws.integrals import Sphere
from numpy.typing import NDArray
from scipy.special import iv, kv

Array = NDArray[np.float64]

T, LEVEL = 0.3, 0.5
PROBES = (0.1, 0.4, 0.7, 0.95)


def neuron(target: list[float], **content: object) -> lib.Model:
    """Return z = v u with the loss |z - target|²/2, the strength |z| and v |u|."""
    u, (v,) = lib.parameters(" ".join(f"u{i}" for i in range(len(target)))), lib.parameters("v")
    z, length = [v * x for x in u], sympy.sqrt(sympy.Add(*(x**2 for x in u)))
    return lib.Model(
        parameters=(*u, v),
        predictor={f"z{i}": each for i, each in enumerate(z)},
        loss=sympy.Add(*((a - b) ** 2 for a, b in zip(z, target, strict=True))) / 2,
        symmetry=lib.Scaling({**dict.fromkeys(u, 1), v: -1}),
        observables={"s": sympy.sqrt(v**2) * length, "signed": v * length},
        **content,
    )


NODES, SHARES = np.polynomial.legendre.leggauss(200)


def below(at: float, dim: int, radial: Callable[[Array], Array] = np.ones_like, top: float = 6.0) -> float:
    """Return the mass of z0 <= at and |z| <= top of exp(-|z - e1|²/2T) rho(s) ds dn.

    Here s = |z|, z0 = s mu, and dn is (1 - mu²)**((dim - 3)/2) dmu.
    """
    # Where s > |at| the angles end at arcsin(at/s); s = |at| + r² takes the root there away.
    edge = min(abs(at), top)
    inner = edge / 2 * (1 + NODES)
    root = np.sqrt(top - edge) / 2 * (1 + NODES)
    outer = edge + root**2
    masses = [(inner, edge / 2 * SHARES), (outer, np.sqrt(top - edge) * root * SHARES)]
    return sum(float((share * radial(s)) @ _over_angles(s, at, dim)) for s, share in masses)


def _over_angles(s: Array, at: float, dim: int) -> Array:
    # In mu = sin(phi) the weight is cos(phi)**(dim - 2).
    half = (np.arcsin(np.clip(at / s, -1.0, 1.0))[:, None] + np.pi / 2) / 2
    phi = -np.pi / 2 + half * (1.0 + NODES)
    loss = (s[:, None] ** 2 - 2 * s[:, None] * np.sin(phi) + 1) / 2
    return np.asarray((np.exp(-loss / T) * np.cos(phi) ** (dim - 2)) @ SHARES * half[:, 0])


def log_radial(dynamics: object, dim: int, s: Array) -> Array:
    """Return the log of the density of the strength per solid angle, as docs/theory.md has it."""
    if isinstance(dynamics, Ambient):
        return (dim - 1) / 2 * np.log(s) + np.log(kv((dim - 1) / 2, dynamics.weight_decay * s / T))
    ratio = (LEVEL + np.hypot(LEVEL, s)) / s
    power = 0.25 if not dynamics.fixman else 0.5
    return (dim - 1) / 2 * np.log(s) + (dim - 1) / 2 * np.log(ratio) - power * np.log(LEVEL**2 + s**2)


@pytest.mark.long
@pytest.mark.parametrize(
    ("dim", "dynamics"),
    [(4, Ambient(weight_decay=0.4)), (4, Constrained(LEVEL)), (7, Constrained(LEVEL, fixman=True))],
)
def test_neurons_with_many_inputs_and_a_loss_that_knows_one_direction(dim: int, dynamics: object) -> None:
    def radial(s: Array) -> Array:
        return np.exp(log_radial(dynamics, dim, s))

    model, total = neuron([1.0] + [0.0] * (dim - 1)), below(9.0, dim, radial)
    z0, size = (lib.density(model, name, dynamics=dynamics, temperature=T) for name in ("z0", "s"))
    for p in PROBES:
        assert below(float(z0.ppf(p)), dim, radial) / total == pytest.approx(p, abs=2e-6)
        assert below(9.0, dim, radial, top=float(size.ppf(p))) / total == pytest.approx(p, abs=2e-6)


@pytest.mark.long
def test_the_direction_need_not_be_that_of_a_component() -> None:
    """Turned by an orthogonal matrix: s stays as it is, and components are those of a turned vector, in the mean."""
    target = np.array([0.6, 0.0, 0.64, -0.48])
    assert np.linalg.norm(target) == pytest.approx(1.0)
    turned, plain = neuron(target.tolist()), neuron([1.0, 0.0, 0.0, 0.0])
    dynamics = GaugeFixed(LEVEL)
    one, other = (lib.density(model, "s", dynamics=dynamics, temperature=T) for model in (turned, plain))
    np.testing.assert_allclose(one.ppf(PROBES), other.ppf(PROBES), rtol=1e-9)
    along = lib.density(plain, "z0", dynamics=dynamics, temperature=T).mean()
    component = lib.density(turned, "z3", dynamics=dynamics, temperature=T)
    assert component.mean() == pytest.approx(along * target[3], abs=1e-8)


def test_the_strength_with_the_sign_of_v() -> None:
    s, signed = (
        lib.density(neuron([1.0, 0.0, 0.0, 0.0]), name, dynamics=GaugeFixed(LEVEL), temperature=T)
        for name in ("s", "signed")
    )
    assert float(signed.cdf(0.0)) == pytest.approx(0.5, abs=1e-10)
    np.testing.assert_allclose(signed.cdf(s.ppf(PROBES)), [(1 + p) / 2 for p in PROBES], atol=1e-9)


def test_losses_that_know_more_are_refused() -> None:
    u, (v,) = lib.parameters("u0 u1 u2 u3 u4"), lib.parameters("v")
    loss = sympy.Add(*((i + 1) * (v * x) ** 2 for i, x in enumerate(u))) / 10
    model = lib.Model(
        parameters=(*u, v),
        predictor={"z0": u[0] * v},
        loss=loss,
        symmetry=lib.Scaling({**dict.fromkeys(u, 1), v: -1}),
    )
    with pytest.raises(UnsupportedModelError, match="4 angles"):
        lib.density(model, "z0", dynamics=GaugeFixed(LEVEL), temperature=T)


class TestKnownDirections:
    def test_of_none_of_one_and_of_two(self) -> None:
        target = [0.5, 0.0, -1.0, 0.0, 0.25]
        model = neuron(target)
        (found,) = known_directions(model, model.parameters[:5])
        unit = np.array(target) / np.linalg.norm(target)
        np.testing.assert_allclose(np.abs(np.array(found) @ unit), 1.0, atol=1e-12)
        two = self._changed(model, model.loss + (model.predictor["z1"] ** 2 * model.predictor["z3"] ** 2))
        assert known_directions(two, model.parameters[:5]) is None
        two = self._changed(model, model.loss + model.predictor["z1"] ** 4)
        plane = np.array(known_directions(two, model.parameters[:5]))
        assert plane.shape == (2, 5)
        np.testing.assert_allclose(np.linalg.norm(plane @ np.stack([unit, np.eye(5)[1]]).T, axis=0), 1.0, atol=1e-12)
        none = self._changed(model, sympy.Add(*(z**2 for z in model.predictor.values())))
        assert known_directions(none, model.parameters[:5]) == ()

    def test_a_small_part_of_the_loss_counts(self) -> None:
        model = neuron([1.0, 0.0, 0.0, 0.0])
        for part in (sympy.Rational(1, 10**7) * model.predictor["z2"] ** 3, sympy.Max(0, model.predictor["z2"] - 900)):
            found = known_directions(self._changed(model, model.loss + part), model.parameters[:4])
            assert found is None or len(found) == 2

    @staticmethod
    def _changed(model: lib.Model, loss: sympy.Expr) -> lib.Model:
        return lib.Model(parameters=model.parameters, predictor=model.predictor, loss=loss, symmetry=model.symmetries)


@pytest.mark.parametrize("dim", [4, 5, 9])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_rules_on_spheres_integrate_plane_waves(dim: int, count: int) -> None:
    """The integral of exp(a . x) is (2 pi)**(d/2) I_{d/2-1}(|a|) |a|**(1 - d/2); at a = 0 it is the area."""
    basis = np.linalg.qr(np.random.default_rng(3).normal(size=(dim, dim)))[0][:count]
    nodes, weights = Sphere(dim, tuple(map(tuple, basis.tolist()))).rule(32)
    np.testing.assert_allclose(np.linalg.norm(nodes, axis=1), 1.0, atol=1e-13)
    a = np.array([1.7, -0.6])[:count] @ basis
    length = max(float(np.linalg.norm(a)), 1e-8)
    expected = (2 * np.pi) ** (dim / 2) * iv(dim / 2 - 1, length) * length ** (1 - dim / 2)
    assert float(weights @ np.exp(nodes @ a)) == pytest.approx(expected, rel=1e-11)


def weight_normalisation(target: list[float]) -> lib.Model:
    """Return z = g w/|w| with the loss |z - target|²/2."""
    w, (g,) = lib.parameters(" ".join(f"w{i}" for i in range(len(target)))), lib.parameters("g")
    z = [g * x / sympy.sqrt(sympy.Add(*(y**2 for y in w))) for x in w]
    return lib.Model(
        parameters=(g, *w),
        predictor={f"z{i}": each for i, each in enumerate(z)},
        loss=sympy.Add(*((a - b) ** 2 for a, b in zip(z, target, strict=True))) / 2,
        symmetry=lib.Scaling(dict.fromkeys(w, 1)),
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("dim", "dynamics"),
    [(2, GaugeFixed(2.0)), (3, Constrained(0.5)), (5, Constrained(0.5, fixman=True))],
)
def test_weight_normalisation(dim: int, dynamics: object) -> None:
    """Whatever the radius of the sphere and the correction, the law is exp(-L/T) dg dn: |z|**(1 - d) dz."""
    model = weight_normalisation([1.0] + [0.0] * (dim - 1))
    law = lib.density(model, "z0", dynamics=dynamics, temperature=T)
    total = below(1e9, dim)
    for p in PROBES:
        assert below(float(law.ppf(p)), dim) / total == pytest.approx(p, abs=2e-6)
    g = lib.density(model, "g", dynamics=dynamics, temperature=T)
    assert float(g.cdf(0.0)) == pytest.approx(0.5, abs=1e-9)
    assert g.mean() == pytest.approx(0.0, abs=1e-9)


def test_neither_neurons_nor_other_powers_of_the_length() -> None:
    """Weight normalisation is none of the laws of a neuron: that of level 0 has |z|**(-(d + 1)/2)."""
    model, other = weight_normalisation([1.0, 0.0]), neuron([1.0, 0.0])
    right = lib.density(model, "z0", dynamics=GaugeFixed(2.0), temperature=T)
    wrong = lib.density(other, "z0", dynamics=GaugeFixed(), temperature=T)
    assert abs(float(wrong.cdf(right.ppf(0.5))) - 0.5) > 0.05


def on_a_sphere(dim: int) -> lib.Model:
    """Return a loss that knows three components of the direction n = w/|w|."""
    w = lib.parameters(" ".join(f"w{i}" for i in range(dim)))
    n = [x / sympy.sqrt(sympy.Add(*(y**2 for y in w))) for x in w]
    return lib.Model(
        parameters=w,
        predictor={"n0": n[0], "n1": n[1]},
        loss=(n[0] - sympy.Rational(1, 2)) ** 2 + n[0] * n[1] + sympy.Rational(3, 10) * n[2],
        symmetry=lib.Scaling(dict.fromkeys(w, 1)),
    )


def sphere_loss(n: Array) -> Array:
    return np.asarray((n[0] - 0.5) ** 2 + n[0] * n[1] + 0.3 * n[2])


@pytest.mark.parametrize("dim", [3, 4])
def test_directions_under_a_loss_that_does_not_know_the_length(dim: int) -> None:
    """Points of a Gaussian sample, weighted: within 4.9 standard errors, one false alarm in a million."""
    n = np.random.default_rng(5).normal(size=(dim, 400_000))
    n /= np.linalg.norm(n, axis=0)
    weight = np.exp(-sphere_loss(n) / T)
    for name, values in (("n0", n[0]), ("n1", n[1]), ("w2", 2.0 * n[2])):
        law = lib.density(on_a_sphere(dim), name, dynamics=GaugeFixed(2.0), temperature=T)
        mean = float((weight * values).sum() / weight.sum())
        error = float(np.sqrt((weight**2 * (values - mean) ** 2).sum()) / weight.sum())
        assert abs(law.mean() - mean) < 4.9 * error
        flat = float(values.mean())
        assert abs(law.mean() - flat) > 20.0 * error
        below = values <= float(law.ppf(0.3))
        share = float((weight * below).sum() / weight.sum())
        assert abs(share - 0.3) < 4.9 * float(np.sqrt((weight**2 * (below - share) ** 2).sum()) / weight.sum())


def test_no_correction_belongs_to_a_sphere() -> None:
    """Rigid, with Fixman's term and gauge-fixed, and on spheres of any radius, it is the same law."""
    laws = [
        lib.density(on_a_sphere(3), "n0", dynamics=dynamics, temperature=T)
        for dynamics in (GaugeFixed(2.0), GaugeFixed(0.1), Constrained(1.0), Constrained(1.0, fixman=True))
    ]
    for law in laws[1:]:
        np.testing.assert_allclose(law.ppf(PROBES), laws[0].ppf(PROBES), atol=1e-10)
