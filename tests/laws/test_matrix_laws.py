"""Laws of singular values: against conditioned exact samples, integrals over directions, and each other."""

import math
from dataclasses import replace
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.stats
import sympy
from langevin_ib import models
from langevin_ib.errors import NotNormalizableError, UnsupportedModelError
from langevin_ib.laws.density import density
from langevin_ib.laws.families.matrix import MatrixLaw, log_diagonal_factor
from langevin_ib.laws.integrals.log_table import tabulated
from langevin_ib.laws.request import LawRequest
from langevin_ib.laws.rivals import rivals
from langevin_ib.model.model import Model
from langevin_ib.process import Constrained, GaugeFixed, Process


@cache
def factorisation(m: int, n: int, group: str, *, decay: float = 0.0, share: float = 0.5, rank: int = 2) -> Model:
    base = models.matrix_factorization(m, n, rank, group=group)
    return Model(
        parameters=base.parameters,
        predictor=dict(base.predictor),
        loss=share * sum(t**2 for t in base.predictor.values()),
        symmetry=base.symmetry,
        confinement=decay / 2 * sum(x**2 for x in base.parameters),
        observables=dict(base.observables),
    )


@pytest.mark.parametrize("process", [GaugeFixed(0.0), Constrained(0.0)])
def test_the_four_laws_of_gl2_have_the_moments_of_the_joint_law(process: Any) -> None:
    """A sum over the plane of both singular values, with the density as the formula reads."""
    model = factorisation(4, 3, "gl")
    s1, s2 = (np.linspace(0.0, 7.0, 1401)[1:] - 0.0025 for _ in range(2))
    s1, s2 = s1[:, None], s2[None, :]
    weight = np.where(s1 > s2, (s1 - s2) * np.sqrt(s1 * s2), 0.0) * np.exp(-(s1**2 + s2**2) / 2)
    weight = weight * (np.sqrt(s1 * s2 * (s1 + s2)) if isinstance(process, Constrained) else 1.0)
    forms = {
        "norm": np.hypot(s1, s2),
        "angle": np.arctan2(s2, s1 + 0 * s2),
        "sigma1": s1 + 0 * s2,
        "sigma2": s2 + 0 * s1,
    }
    for name, form in forms.items():
        exact = float(np.sum(form * weight) / np.sum(weight))
        assert density(model, name, dynamics=process, temperature=1.0).mean() == pytest.approx(exact, abs=1e-4), name


@pytest.mark.long
def test_gl2_against_exact_samples_conditioned_on_the_slice() -> None:
    """Gaussian U and V, weighed by exp(-L/T) by rejection and conditioned on U^T U being near to V^T V.

    What the width 0.25 of the condition biases is of second order. False-alarm rate 1e-4; the seed is fixed.
    """
    source, kept = np.random.default_rng(20260108), []
    for _ in range(12):
        u, v = (source.standard_normal((400_000, rows, 2)) for rows in (4, 3))
        p, q = (np.einsum("nik,nil->nkl", x, x) for x in (u, v))
        near = np.max(np.abs(p - q)[:, [0, 0, 1], [0, 1, 1]], axis=1) < 0.25
        p, q = p[near], q[near]
        squares, product = np.einsum("nij,nji->n", p, q), np.sqrt(np.linalg.det(p) * np.linalg.det(q))
        alive = source.random(squares.size) < np.exp(-0.05 * squares)
        kept.append(np.stack([squares, product])[:, alive])
    squares, product = np.concatenate(kept, axis=1)
    root, gap = np.sqrt(squares + 2 * product), np.sqrt(np.maximum(squares - 2 * product, 0.0))
    angle = np.arctan2(root - gap, root + gap)
    assert angle.size > 1500
    model = factorisation(4, 3, "gl", decay=1.0, share=0.05)
    settings: dict[str, Any] = {"dynamics": GaugeFixed(0.0), "temperature": 1.0}
    for name, values in {"norm": np.sqrt(squares), "angle": angle}.items():
        assert scipy.stats.kstest(values, density(model, name, **settings).cdf).pvalue > 1e-4, name
    for name, wrong in rivals(model, "norm", **settings).items():
        if name != "temperature +5 %":  # 5 % in T take more samples than these
            assert scipy.stats.kstest(np.sqrt(squares), wrong.cdf).pvalue < 1e-6, name


def test_the_diagonal_group_has_another_law_that_of_columns() -> None:
    """T = s_1 a_1 b_1^T + s_2 a_2 b_2^T with density prod s_j^((m+n-4)/2): E angle by a sum over ratio and cosines.

    The radius is integrated out: with D = m + n - 2, int R^(D-1) exp(-R^2 t^2/2) dR is t^-D up to a constant.
    """
    m, n = 4, 3
    grid = (np.arange(140) + 0.5) / 140
    # Squeezed towards the corners, where columns cancel.
    x = np.tanh(6.0 * (2.0 * grid - 1.0))
    phi, a, b = (grid * math.pi / 2)[:, None, None], x[None, :, None], x[None, None, :]
    volume = (1 - a**2) ** ((m - 3) / 2 + 1) * (1 - b**2) ** ((n - 3) / 2 + 1)
    half = np.sin(2 * phi)
    size = 1 + half * a * b
    weight = volume * half ** ((m + n - 4) / 2) * size ** (-(m + n - 2) / 2)
    product = half / 2 * np.sqrt((1 - a**2) * (1 - b**2))
    angle = np.arcsin(np.clip(2 * product / size, 0, 1)) / 2
    exact = float(np.sum(angle * weight) / np.sum(weight))
    settings: dict[str, Any] = {"dynamics": GaugeFixed(0.0), "temperature": 1.0}
    diagonal, full = (density(factorisation(m, n, g), "angle", **settings).mean() for g in ("diagonal", "gl"))
    assert diagonal == pytest.approx(exact, abs=2e-3)
    assert abs(full - exact) > 0.03


@pytest.mark.parametrize("excess", [0, 1, 3])
def test_the_integral_over_the_orbit_of_columns_against_mpmath(excess: int) -> None:
    ratios = [1.0, 0.7, 1e-3, 1e-9]
    values = log_diagonal_factor(excess)(-np.log(np.array(ratios)))
    for ratio, value in zip(ratios, values, strict=True):
        with mpmath.workdps(25):
            r = mpmath.mpf(ratio)

            def integrand(t: Any, r: Any = r) -> Any:
                near, far = mpmath.exp(-t) + r * mpmath.exp(t), mpmath.exp(t) + r * mpmath.exp(-t)
                return (far / near) ** (mpmath.mpf(excess) / 4) / mpmath.sqrt(near * far)

            exact = float(mpmath.log(2 * mpmath.quad(integrand, [*range(-60, 61, 6)])))
            if excess == 0:
                assert exact == pytest.approx(float(mpmath.log(mpmath.pi / mpmath.agm(1, r))), rel=1e-12)
        assert value == pytest.approx(exact, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("group", ["gl", "diagonal"])
def test_shortcuts_for_a_loss_of_the_norm_are_the_integrals_over_the_other_quantity(group: str) -> None:
    """The right law and one of another measure, each against the quadrature that other losses need."""
    model, q = factorisation(4, 3, group), np.linspace(0.01, 0.99, 21)
    for observable in ("norm", "angle"):
        settings: dict[str, Any] = {"dynamics": GaugeFixed(0.0), "temperature": 0.3}
        request = LawRequest(process=Process(model, GaugeFixed(0.0), 0.3), observable=observable)
        law = MatrixLaw.recognise(request)
        assert law is not None
        for measure in (None, lambda first, gap, law=law: law.log_measure(first, gap) + 2.0 * first - gap):
            short = replace(law, measure=measure)
            weight = tabulated(short._norm, signs=(1.0,)) if observable == "norm" else short._tabulated_angle()[0]
            end = math.inf if observable == "norm" else math.pi / 4
            long = request.weighted(weight, support=(0.0, end))
            np.testing.assert_allclose(long.cdf(short.density().ppf(q)), q, rtol=1e-11)
        assert short.density().cdf(density(model, observable, **settings).median()) != pytest.approx(0.5, abs=1e-2)


def test_an_angle_has_no_law_where_the_norm_has_none() -> None:
    """Of a loss of the norm, by the short cut, and of one that is not."""
    base = models.matrix_factorization(3, 2, 2, group="gl")
    square = sum(t**2 for t in base.predictor.values())
    matrix = sympy.Matrix(3, 2, list(base.predictor.values()))
    for loss in (sympy.tanh(square), sympy.tanh(square) + sympy.tanh((matrix.T * matrix).det())):
        model = Model(
            parameters=base.parameters,
            predictor=dict(base.predictor),
            loss=loss,
            symmetry=base.symmetry,
            observables=dict(base.observables),
        )
        with pytest.raises(NotNormalizableError, match="infinity"):
            density(model, "angle", dynamics=GaugeFixed(0.0), temperature=1.0)


@pytest.mark.parametrize(("group", "constraints"), [("diagonal", 2), ("gl", 3)])
def test_virial_of_the_norm(group: str, constraints: int) -> None:
    """E[x . grad L] = 2 E|T|**2 = T (dim - 2k) for L = |T|**2/2 and k constraints."""
    model = factorisation(4, 3, group)
    norm = density(model, "norm", dynamics=GaugeFixed(0.0), temperature=0.7)
    assert norm.method == "closed form"
    assert 2 * norm.expect(lambda x: x**2) == pytest.approx(0.7 * (14 - 2 * constraints), rel=1e-11)


def test_norms_of_any_rank() -> None:
    model = factorisation(4, 3, "gl", rank=3)
    norm = density(model, "norm", dynamics=GaugeFixed(0.0), temperature=0.7)
    assert 2 * norm.expect(lambda x: x**2) == pytest.approx(0.7 * (21 - 12), rel=1e-11)


def test_square_matrices_of_full_rank_have_no_law_under_gl() -> None:
    """s_2**-1 at 0, the case of the paper's Figure 4; the diagonal group and the surface measure have one."""
    model = factorisation(2, 2, "gl")
    with pytest.raises(NotNormalizableError, match=r"escapes at 0.*a = 1 .*last singular value"):
        density(model, "sigma2", dynamics=GaugeFixed(0.0), temperature=1.0)
    assert density(model, "sigma2", dynamics=Constrained(0.0), temperature=1.0).mean() > 0.0


@pytest.mark.parametrize(
    ("model", "observable", "dynamics", "words"),
    [
        (factorisation(4, 3, "gl"), "T00", GaugeFixed(0.0), "no function of the singular values"),
        (factorisation(4, 3, "gl"), "norm", GaugeFixed(0.5), "level 0 only"),
        (factorisation(4, 3, "diagonal"), "angle", Constrained(0.0), "only the norm is known"),
        (models.matrix_factorization(3, 2, 2, group="gl"), "norm", GaugeFixed(0.0), "the loss is no function"),
    ],
)
def test_what_is_not_known_is_refused(model: Model, observable: str, dynamics: Any, words: str) -> None:
    with pytest.raises(UnsupportedModelError, match=words):
        density(model, observable, dynamics=dynamics, temperature=1.0)
