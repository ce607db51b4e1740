"""Laws on slices, near them and in shells, against integrals over the plane or along the slice that know no theta."""

import math
import sys
from typing import Any

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import sympy
from langevin_ib import models
from langevin_ib.errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError
from langevin_ib.laws.density import density
from langevin_ib.laws.families.block_measure import BlockMeasure, log_kve
from langevin_ib.laws.families.torus import TorusLaw
from langevin_ib.laws.line.distribution import Density
from langevin_ib.laws.request import LawRequest
from langevin_ib.laws.virial import identities
from langevin_ib.model.model import Model, Scaling, parameters
from langevin_ib.process import Ambient, Constrained, GaugeFixed, Process, SoftSlice

T = 0.3
UV = models.scalar_product()
Q = np.linspace(0.002, 0.998, 167)


def block(m: int, n: int, loss: Any = lambda s, z: (s - 1) ** 2 / 2) -> Model:
    """A block (m, n) with a loss of the strength s, or of the products z_i = a_i b_0."""
    a, b = (parameters(f"{name}:{size}") for name, size in (("a", m), ("b", n)))
    p, q = (sympy.Add(*(x**2 for x in side)) for side in (a, b))
    strength = sympy.sqrt(p * q)
    return Model(
        parameters=a + b,
        predictor={f"z{i}": x * b[0] for i, x in enumerate(a)},
        loss=loss(strength, [x * b[0] for x in a]),
        symmetry=Scaling(dict.fromkeys(a, 1) | dict.fromkeys(b, -1)),
        observables={"strength": strength, "imbalance": p - q, "size": p + q},
    )


def four(z: Any) -> Any:
    """A loss that knows all directions of U, and one of V."""
    return sum(k * x**2 for k, x in enumerate(z, start=1))


@pytest.fixture(autouse=True)
def _without_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the first integrations are compared with others; `test_confirmation` has the second, for seconds a law."""
    monkeypatch.setattr(sys.modules[density.__module__], "require_confirmation", lambda *_: None)


def law(model: Model, observable: str, dynamics: Any, temperature: float = T, **more: Any) -> Density:
    return density(model, observable, dynamics=dynamics, temperature=temperature, **more)


def along_hyperbola(function: Any, level: float, *, rigid: bool, extra: Any = lambda u, v: 0.0) -> float:
    """E f on u = +-sqrt(2c) cosh a, v = sqrt(2c) sinh a: (det G)^(-1/2) dS = da, and dS = sqrt(2c cosh 2a) da."""
    a = np.linspace(-8.0, 8.0, 40_001)
    u, v = (math.sqrt(2.0 * level) * f(a) for f in (np.cosh, np.sinh))
    weight = np.exp(-((u * v - 1) ** 2 / 2 + extra(u, v)) / T) * (np.sqrt(u**2 + v**2) if rigid else 1.0)
    return float(np.sum(function(u, v) * weight) / np.sum(weight))


@pytest.mark.parametrize(
    ("dynamics", "rigid"),
    [(GaugeFixed(0.5), False), (Constrained(0.5, fixman=True), False), (Constrained(0.5), True)],
)
def test_uv_on_a_slice_against_the_integral_along_it(dynamics: Any, rigid: bool) -> None:
    theta, size = law(UV, "theta", dynamics), law(UV, "norm", dynamics)
    for function in (lambda x: x, lambda x: np.cos(3 * x), lambda x: x**4):
        exact = along_hyperbola(lambda u, v, f=function: f(u * v), 0.5, rigid=rigid)
        assert theta.expect(function) == pytest.approx(exact, abs=1e-10)
    assert size.mean() == pytest.approx(along_hyperbola(lambda u, v: u**2 + v**2, 0.5, rigid=rigid), rel=1e-8)
    wrong = along_hyperbola(lambda u, v: u * v, 0.5, rigid=not rigid)
    assert abs(theta.mean() - wrong) > 0.05
    assert (theta.reference, "c = 0.5" in theta.name) == ("d theta", True)


def test_a_level_means_the_value_of_chi_whatever_the_weights() -> None:
    u, v = parameters("u v")
    doubled = Model(
        parameters=(u, v), predictor={"z": u * v}, loss=(u * v - 1) ** 2 / 2, symmetry=Scaling({u: 2, v: -2})
    )
    np.testing.assert_allclose(
        law(doubled, "z", GaugeFixed(1.0)).ppf(Q), law(UV, "theta", GaugeFixed(0.5)).ppf(Q), atol=1e-10
    )
    np.testing.assert_allclose(
        law(doubled, "z", SoftSlice(1.0)).ppf(Q), law(UV, "theta", SoftSlice(4.0)).ppf(Q), atol=1e-10
    )


def in_the_plane(function: Any, m: int, n: int, confinement: Any, inside: Any = lambda a, b: 1.0) -> float:
    """E f(a, b) for a = |U|, b = |V| by the midpoint rule with the volume a^(m-1) b^(n-1) da db."""
    grid = np.linspace(0.0, 6.0, 1201)
    grid = (grid[1:] + grid[:-1]) / 2.0
    a, b = grid[:, None], grid[None, :]
    weight = a ** (m - 1) * b ** (n - 1) * np.exp(-((a * b - 1) ** 2 / 2 + confinement(a, b)) / T) * inside(a, b)
    return float(np.sum(weight * function(a, b)) / np.sum(weight))


@pytest.mark.parametrize(
    ("m", "n", "dynamics", "confinement"),
    [
        (2, 1, SoftSlice(3.0), lambda a, b: 3.0 / 8 * (a**2 - b**2) ** 2),
        (4, 3, SoftSlice(3.0), lambda a, b: 3.0 / 8 * (a**2 - b**2) ** 2),
        (2, 1, SoftSlice(3.0, weight_decay=0.2), lambda a, b: 3.0 / 8 * (a**2 - b**2) ** 2 + 0.1 * (a**2 + b**2)),
        (4, 3, Ambient(0.5), lambda a, b: 0.25 * (a**2 + b**2)),
        (2, 2, Ambient(0.5), lambda a, b: 0.25 * (a**2 + b**2)),
    ],
)
def test_blocks_against_the_integral_over_both_lengths(m: int, n: int, dynamics: Any, confinement: Any) -> None:
    model = block(m, n)
    for name, function in {"strength": lambda a, b: a * b, "imbalance": lambda a, b: a**2 - b**2}.items():
        exact = in_the_plane(function, m, n, confinement)
        assert law(model, name, dynamics).mean() == pytest.approx(exact, abs=1e-4), name


@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 2)])
def test_a_shell_against_the_integral_over_both_lengths(m: int, n: int) -> None:
    """In t = log(a/b) and s = a b the shell is |2 s sinh t| < 0.4: an integral of its own, without asinh."""
    s, t = np.linspace(0.0, 4.0, 4001)[1:] - 0.0005, np.linspace(-12.0, 12.0, 6001)
    inside = np.abs(2.0 * s[:, None] * np.sinh(t)) < 0.4
    # uv: both signs of theta; a block: s > 0 alone.
    loss = (s - 1) ** 2 / 2
    volume = s ** ((m + n - 2) / 2) * (np.exp((m - n) / 2 * t) * inside).sum(axis=1)
    strength = law(block(m, n), "strength", Ambient(), given=("imbalance", -0.4, 0.4))
    exact = float(np.sum(s * np.exp(-loss / T) * volume) / np.sum(np.exp(-loss / T) * volume))
    assert strength.mean() == pytest.approx(exact, abs=2e-3)
    assert strength.given is None
    assert "given -0.4 <= imbalance < 0.4" in strength.name


@pytest.mark.parametrize(
    "settings", [{"stiffness": 2.0}, {"weight_decay": 0.3}, {"window": (-0.4, 0.4)}, {"window": (0.1, 0.7)}]
)
@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 1), (4, 3), (2, 5)])
def test_bessel_and_shell_forms_are_the_integral_over_the_orbit(m: int, n: int, settings: dict[str, Any]) -> None:
    s = np.geomspace(1e-4, 30.0, 25)
    closed, numerical = (
        BlockMeasure(m=m, n=n, temperature=T, numerical=flag, **settings).log_strength(s) for flag in (False, True)
    )
    np.testing.assert_allclose(closed, numerical, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 1), (2, 5)])
@pytest.mark.parametrize("temperature", [0.3, 1e-3])
@pytest.mark.parametrize(
    "settings",
    [
        {"weight_decay": 0.3, "window": (-0.5, 0.5)},
        {"weight_decay": 0.3, "stiffness": 2.0},
        {"stiffness": 2.0, "window": (-0.1, 0.3)},
        {"weight_decay": 1e-4, "window": (50.0, 51.0)},
        {"weight_decay": 0.1, "window": (1e-3, math.inf)},
    ],
)
def test_the_table_of_an_orbit_is_the_integral(m: int, n: int, temperature: float, settings: dict[str, Any]) -> None:
    """Strengths from 1e-260 to 1e11, beyond the end of the table; digits are lost where the log itself is large."""
    s = np.exp(np.concatenate([np.linspace(-600.0, -30.0, 40), np.linspace(-30.0, 25.0, 400)]))
    tabled, direct = (
        BlockMeasure(m=m, n=n, temperature=temperature, numerical=flag, **settings).log_strength(s)
        for flag in (False, True)
    )
    np.testing.assert_allclose(tabled, direct, rtol=1e-12, atol=3e-10)
    np.testing.assert_allclose(tabled[s > 1e-8], direct[s > 1e-8], rtol=1e-12, atol=1e-11)


def test_soft_slices_by_quadrature_agree_with_the_formula() -> None:
    by = {method: law(UV, "theta", SoftSlice(3.0), method=method) for method in ("auto", "quadrature")}
    np.testing.assert_allclose(by["quadrature"].cdf(by["auto"].ppf(Q)), Q, atol=1e-10, rtol=0)


def test_where_dimensions_differ_by_two_soft_shell_and_slice_laws_coincide() -> None:
    """And nowhere else: for m - n = 1 they differ, which is the control."""
    for m, n, same in ((3, 1, True), (2, 4, True), (2, 1, False)):
        model = block(m, n)
        laws = [law(model, "strength", SoftSlice(kappa)) for kappa in (0.5, 40.0)]
        laws += [law(model, "strength", Ambient(), given=("imbalance", -2 * eps, 2 * eps)) for eps in (0.05, 0.7)]
        slice_law = law(model, "strength", GaugeFixed(0.0))
        distances = [float(np.max(np.abs(each.cdf(slice_law.ppf(Q)) - Q))) for each in laws]
        assert max(distances) < 1e-12 if same else max(distances) > 1e-3


@pytest.mark.parametrize(("m", "n"), [(2, 1), (3, 1), (5, 1), (4, 3), (2, 2)])
def test_virial_of_the_slice(m: int, n: int) -> None:
    """E[s L'(s)] = T (m + n - 2)/2 on the slice, and one half more for each constraint on its surface."""
    strength = law(block(m, n), "strength", GaugeFixed(0.0))
    assert strength.expect(lambda s: s * (s - 1)) == pytest.approx(T * (m + n - 2) / 2, rel=1e-11)
    surface = law(block(m, n), "strength", Constrained(0.0))
    assert surface.expect(lambda s: s * (s - 1)) == pytest.approx(T * (m + n - 1) / 2, rel=1e-11)


@pytest.mark.parametrize(("m", "n"), [(3, 1), (2, 2)])
def test_virial_of_the_generator(m: int, n: int) -> None:
    """Weight decay lam: E[|U|**2 - |V|**2] = T (m - n)/lam."""
    assert law(block(m, n), "imbalance", Ambient(0.4)).mean() == pytest.approx(T * (m - n) / 0.4, abs=1e-9)


def test_identities_say_what_the_laws_have() -> None:
    model = block(3, 1)
    a = model.parameters
    point = dict(zip(a, (sympy.Rational(k + 2, 3) for k in range(4)), strict=True))
    (cone,) = identities(model, dynamics=GaugeFixed(0.0), temperature=T)
    s = sympy.Symbol("s")
    # x . grad V is 2 s L'(s)
    strength = model.observable("strength").xreplace(point)
    assert float((cone.expression.xreplace(point) - (2 * s * (s - 1)).subs(s, strength)).evalf()) == pytest.approx(0.0)
    assert cone.value == pytest.approx(2 * T)
    assert identities(model, dynamics=GaugeFixed(0.5), temperature=T) == ()
    (rigid,) = identities(model, dynamics=Constrained(0.0), temperature=T)
    assert rigid.value == pytest.approx(3 * T)
    dilation, generator = identities(model, dynamics=Ambient(0.4), temperature=T)
    assert sympy.expand(generator.expression - sympy.Float(0.4) * model.observable("imbalance")) == 0
    assert (dilation.value, generator.value) == (pytest.approx(4 * T), pytest.approx(2 * T))


def test_the_joint_density_on_a_slice_of_two_dimensions_is_the_product_of_those_of_blocks() -> None:
    """Newton on the orbit and a 4 x 4 determinant, at points from 1e-12 to 5, for a loss that mixes both."""
    base = models.hadamard(2)
    z0, z1 = base.predictor.values()
    model = Model(
        parameters=base.parameters,
        predictor=dict(base.predictor),
        loss=(z0 + z1 - 1) ** 2 / 2 + (z0 - z1) ** 2 / 8,
        symmetry=base.symmetry,
    )
    z = np.array([[0.3, -1.0], [1e-12, 2.0], [-5.0, 1e-7], [0.8, 0.8]])
    mixed = (z.sum(axis=1) - 1) ** 2 / 2 + (z[:, 0] - z[:, 1]) ** 2 / 8
    for process, share in ((GaugeFixed((0.5, 0.2)), 0.5), (Constrained((0.5, 0.2)), 0.25)):
        torus = TorusLaw.recognise(LawRequest(process=Process(model, process, T), observable="z0"))
        assert torus is not None
        exact = -mixed / T - share * np.log((0.25 + z[:, 0] ** 2) * (0.04 + z[:, 1] ** 2))
        values = torus.log_density(z)
        np.testing.assert_allclose(values - values[0], exact - exact[0], atol=1e-11)


def test_a_confinement_that_is_no_function_of_theta_counts_on_the_slice() -> None:
    """V need not be invariant: u**4/10 on u**2 - v**2 = 1, against the integral along the slice."""
    u, v = UV.parameters
    model = Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=UV.loss,
        symmetry=UV.symmetry,
        confinement=u**4 / 10,
    )
    exact = along_hyperbola(lambda x, y: x * y, 0.5, rigid=False, extra=lambda x, y: x**4 / 10)
    for method in ("auto", "quadrature"):
        assert law(model, "theta", GaugeFixed(0.5), method=method).mean() == pytest.approx(exact, abs=1e-9)


def chain(depth: int) -> Model:
    return models.scalar_product(depth)


@pytest.mark.parametrize("level", [(0.4, 0.3), (-0.2, 0.5), 0.5])
@pytest.mark.parametrize("process", [GaugeFixed, Constrained])
def test_chains_by_root_and_by_convex_optimisation_agree(level: Any, process: Any) -> None:
    """Closed form: the root of prod(t + d_i) = z**2 and e_{L-1}; quadrature: Newton on the orbit and a determinant."""
    closed, quadrature = (law(chain(3), "theta", process(level), method=m) for m in ("closed form", "quadrature"))
    assert (closed.method, quadrature.method) == ("closed form", "quadrature")
    x = np.concatenate([closed.ppf(Q), [1e-12, -1e-5]])
    np.testing.assert_allclose(quadrature.pdf(x), closed.pdf(x), rtol=1e-9)
    np.testing.assert_allclose(quadrature.cdf(x), closed.cdf(x), atol=1e-10, rtol=0)


def test_a_chain_against_the_integral_along_its_slice() -> None:
    """u3 is the coordinate: u2**2 = u3**2 + 0.6, u1**2 = u2**2 + 0.8; dS by finite differences of x(u3)."""
    w = np.linspace(-2.5, 2.5, 200_001)
    x = np.stack([np.sqrt(w**2 + 1.4), np.sqrt(w**2 + 0.6), w])
    speed = np.sqrt((np.gradient(x, w[1] - w[0], axis=1) ** 2).sum(axis=0))
    gram = np.stack([x[0] ** 2 + x[1] ** 2, x[1] ** 2 + x[2] ** 2])
    volume = speed / np.sqrt(gram[0] * gram[1] - x[1] ** 4)
    z = x.prod(axis=0)
    weight = volume * np.exp(-((z - 1) ** 2) / 2 / T)
    assert law(chain(3), "theta", GaugeFixed((0.4, 0.3))).mean() == pytest.approx(
        float(np.sum(z * weight) / np.sum(weight)), abs=1e-7
    )


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_uv_and_chains_of_level_zero_have_no_law_and_say_where_the_mass_goes(depth: int) -> None:
    power = 2 - 2 / depth
    with pytest.raises(NotNormalizableError, match=rf"escapes at 0.*a = {power:.3g}.*given=\('theta', lo, hi\)"):
        law(chain(depth), "theta", GaugeFixed(0.0))
    conditioned = law(chain(depth), "theta", GaugeFixed(0.0), given=("theta", 0.1, math.inf))
    x = np.array([0.2, 1.5])
    ratio = conditioned.pdf(x) / (x**-power * np.exp(-((x - 1) ** 2) / 2 / T))
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-12)
    # The uncorrected surface is another matter: |z|**(1/L - 1) can be integrated, sheet by sheet.
    rigid = law(chain(depth), "theta", Constrained(0.0), given=("theta", 0.0, math.inf))
    slope = np.diff(rigid.logpdf([1e-9, 1e-8])) / math.log(10.0)
    assert slope[0] == pytest.approx(1 / depth - 1, abs=1e-6)


def test_level_zero_of_a_neuron_is_normalisable_from_two_dimensions_on() -> None:
    for d in (2, 3, 5):
        s = np.array([1e-6, 1e-5])
        slope = np.diff(law(block(d, 1), "strength", GaugeFixed(0.0)).logpdf(s)) / math.log(10.0)
        assert slope[0] == pytest.approx((d - 3) / 2, abs=1e-4)


def test_components_of_a_neuron_have_the_moments_of_the_joint_law() -> None:
    """For a loss of |z|: E z_i**2 = E s**2 / d; of three dimensions z_i is uniform in (-s, s): F from that of s."""
    for d in (2, 3):
        model = block(d, 1)
        strength, z = law(model, "strength", GaugeFixed(0.0)), law(model, "z0", GaugeFixed(0.0))
        assert z.var() == pytest.approx((strength.var() + strength.mean() ** 2) / d, rel=1e-9)
    assert z.cdf(0.7) == pytest.approx(strength.expect(lambda s: np.clip((0.7 + s) / (2 * s), 0, 1)), abs=1e-5)


def test_a_neuron_whose_loss_knows_directions() -> None:
    """On the slice |w|**2 = v**2 + 2c, and delta(chi - c) dw dv = dv dphi: against sums over v and the angle of w."""
    model = block(2, 1, lambda s, z: ((z[0] - 1) ** 2 + 2 * (z[1] - 0.5) ** 2) / 2)
    v, phi = np.linspace(-4.0, 4.0, 1601)[:, None], np.arange(400) / 400 * 2 * math.pi
    w = np.sqrt(v**2 + 0.6)
    z0, z1 = v * w * np.cos(phi), v * w * np.sin(phi)
    weight = np.exp(-((z0 - 1) ** 2 + 2 * (z1 - 0.5) ** 2) / 2 / T)
    for name, function in {"z0": z0, "z1": z1, "strength": np.hypot(z0, z1)}.items():
        exact = float(np.sum(function * weight) / np.sum(weight))
        assert law(model, name, GaugeFixed(0.3)).mean() == pytest.approx(exact, abs=1e-5), name


def test_products_that_do_not_interact_are_products_uv() -> None:
    model = models.hadamard(2)
    for dynamics, alone in (
        (GaugeFixed((0.5, 0.2)), GaugeFixed(0.2)),
        (SoftSlice(2.0), SoftSlice(2.0)),
        (Ambient(0.3),) * 2,
    ):
        np.testing.assert_allclose(
            law(model, "z1", dynamics).ppf(Q), law(UV, "theta", alone).ppf(Q), rtol=1e-9, atol=1e-9
        )


def test_products_that_interact_against_a_sum_over_both() -> None:
    base = models.hadamard(2)
    (u0, v0, u1, v1), (z0, z1) = base.parameters, base.predictor.values()
    loss = (z0 + z1 - 1) ** 2 / 2 + (z0 - z1) ** 2 / 8
    model = Model(parameters=(u0, v0, u1, v1), predictor=dict(base.predictor), loss=loss, symmetry=base.symmetry)
    grid = np.linspace(-6.0, 6.0, 3001)
    x, y = grid[:, None], grid[None, :]
    weight = np.exp(-((x + y - 1) ** 2 / 2 + (x - y) ** 2 / 8) / T) / np.sqrt((0.25 + x**2) * (0.04 + y**2))
    exact = float(np.sum(x * weight) / np.sum(weight))
    assert law(model, "z0", GaugeFixed((0.5, 0.2))).mean() == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("nu", [0.0, 0.5, 1.5, 40.0, 500.0])
@pytest.mark.parametrize("log_x", [-650.0, -300.0, -5.0, 0.0, 3.0, 10.0, 20.0])
def test_bessel_functions_at_every_scale_against_mpmath(nu: float, log_x: float) -> None:
    with mpmath.workdps(30):
        x = mpmath.exp(mpmath.mpf(log_x))
        exact = float(mpmath.log(mpmath.besselk(nu, x)) + x) if log_x < 15 else 0.5 * (math.log(math.pi / 2) - log_x)
    if log_x >= 15:
        exact += (4 * nu**2 - 1) / 8 * math.exp(-log_x)
    assert log_kve(nu, np.array([log_x]))[0] == pytest.approx(exact, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    "settings",
    [{"level": 0.5}, {"level": -0.4, "rigid": True}, {"stiffness": 3.0, "weight_decay": 0.1}, {"window": (-0.1, 0.7)}],
)
def test_nothing_overflows(settings: dict[str, Any]) -> None:
    s = np.array([0.0, 1e-320, 1e-300, 1e-150, 1.0, 1e100, 1e150])
    values = BlockMeasure(m=3, n=2, temperature=1e-3, **settings).log_strength(s)
    assert not np.isnan(values).any()
    assert np.isfinite(values[1:5]).all()


@pytest.mark.parametrize(
    ("request_", "more", "error", "words"),
    [
        ((UV, "imbalance", GaugeFixed(0.5)), {}, InvalidArgumentError, "constant value 1 on the slice"),
        ((UV, "theta", SoftSlice(1.0)), {"given": ("norm", 0.0, 1.0)}, UnsupportedModelError, "condition on 'norm'"),
        ((UV, "theta", Ambient()), {"given": ("imbalance", -math.inf, 1.0)}, NotNormalizableError, "orbits"),
        ((UV, "theta", Ambient(0.1)), {"given": ("imbalance", 1.0, 1.0)}, InvalidArgumentError, "lo < hi"),
        ((UV, "theta", Ambient(0.1)), {"given": "imbalance"}, InvalidArgumentError, "given must be"),
        ((UV, "norm", SoftSlice(1.0)), {"method": "closed form"}, InvalidArgumentError, "no closed form"),
        ((chain(3), "theta", GaugeFixed((0.1, 0.2, 0.3))), {}, InvalidArgumentError, "3 numbers"),
        (
            (block(4, 3, lambda s, z: s**2 + four(z)), "strength", GaugeFixed(0.0)),
            {},
            UnsupportedModelError,
            "4 angles",
        ),
    ],
)
def test_what_is_not_known_is_refused(request_: Any, more: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        law(*request_, **more)


def test_a_model_without_symmetry_has_no_slice() -> None:
    with pytest.raises(InvalidArgumentError, match="needs constraints chi, and the model has none"):
        law(models.harmonic(), "x", GaugeFixed(0.0))


def test_a_jump_of_the_loss_is_where_a_multiple_of_the_product_has_it() -> None:
    u, v = lib.parameters("u v")
    jump = 0.30000007
    model = lib.Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=sympy.Piecewise((0, u * v < jump), (2.3, True)) + (u * v) ** 2 / 2,
        symmetry=lib.Scaling({u: 1, v: -1}),
        observables={"thrice": 3 * u * v},
    )
    one, three = (
        lib.density(model, name, dynamics=lib.GaugeFixed(0.4), temperature=0.3, timeout=60)
        for name in ("theta", "thrice")
    )
    assert three.cdf(3 * jump) == pytest.approx(one.cdf(jump), abs=1e-12)
