"""Geometry in a constant metric g = L Lᵀ is Euclidean geometry in y = Lᵀ x."""

from __future__ import annotations

import functools

import langevin_ib as lib
import numpy as np
import pytest
import scipy.linalg
import sympy
from langevin_ib import geometry
from langevin_ib.errors import UnsupportedModelError
from langevin_ib.model.algebra import numeric
from metric_reference import CASES, in_y, numbers, points, spd

CONDITIONS = [10.0, 1e8]
# At 1e8 the last digits of a skewed metric decide which generators are symmetric in y, and nothing can be compared.
PAIRS = [(name, condition) for name in CASES for condition in CONDITIONS if (name, condition) != ("gl, skewed", 1e8)]


@functools.cache
def case(name, condition):
    """Return a model, a metric, the model written in y, and L by LAPACK."""
    model, build = CASES[name]
    metric = build(condition)
    return model, metric, *in_y(model, metric)


def close(found, wanted, condition):
    """Compare to rounding, which goes through L twice."""
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=1e-10 * condition**0.5, atol=1e-13 * condition**0.5 * scale)


@pytest.mark.parametrize(("name", "condition"), PAIRS)
class TestChangeOfVariables:
    def test_constraints_are_functions_of_y(self, name, condition) -> None:
        model, metric, other, lower = case(name, condition)
        x = points(model)
        ours, theirs = model.constraints(metric=metric), other.constraints()
        assert len(ours) == len(theirs)
        for chi, psi in zip(ours, theirs, strict=True):
            found, wanted = numbers(chi, model, x), numbers(psi, other, x @ lower)
            np.testing.assert_allclose(found, wanted, atol=1e-12 * condition * np.abs(wanted).max())

    def test_gram_matrices(self, name, condition) -> None:
        model, metric, other, lower = case(name, condition)
        x = points(model)
        close(geometry.orbit_gram(model, x, metric=metric), geometry.orbit_gram(other, x @ lower), condition)
        found = geometry.log_det(model, x, of="H", metric=metric)
        close(found, geometry.log_det(other, x @ lower, of="H"), condition)
        for function in (geometry.constraint_gram, geometry.coupling, geometry.dual_gram):
            close(function(model, x, metric=metric), function(other, x @ lower), condition)
        close(geometry.log_det(model, x, metric=metric), geometry.log_det(other, x @ lower), condition)

    def test_the_canonical_slice_is_orthogonal(self, name, condition) -> None:
        model, metric, _, _ = case(name, condition)
        x = points(model)
        report = geometry.slice_report(model, x, metric=metric)
        assert report.transversal
        assert report.orthogonal
        assert report.identity_holds
        np.testing.assert_array_equal(
            report.orbit_dimension, geometry.slice_report(model, x, x_chi(model)).orbit_dimension
        )
        without = geometry.slice_report(model, x, model.constraints(metric=metric))
        assert not without.orthogonal

    def test_balance_is_that_of_y(self, name, condition) -> None:
        model, metric, other, lower = case(name, condition)
        x = points(model)
        for level in (0.0, 0.3) if "gl" not in name else (0.0,):
            found = lib.balance(model, x, level, metric=metric)
            close(found @ lower, lib.balance(other, x @ lower, level), condition)
            for component in model.predictor.values():
                wanted = numbers(component, model, x)
                np.testing.assert_allclose(numbers(component, model, found), wanted, atol=1e-10 * condition**0.5)

    def test_no_point_of_an_orbit_is_shorter_than_the_balanced_one(self, name, condition) -> None:
        """Products of exponentials of random generators, which share no code with either way of balancing."""
        model, metric, _, _ = case(name, condition)
        rng = np.random.default_rng(3)
        generators = np.stack([numeric(a).toarray() for a in model.generator_matrices()])
        x = lib.balance(model, points(model, 1), metric=metric)[0]
        least = x @ metric @ x
        for size in (1e-3, 0.1, 1.0):
            for _ in range(6):
                g = scipy.linalg.expm(np.tensordot(size * rng.normal(size=len(generators)), generators, 1))
                assert (g @ x) @ metric @ (g @ x) >= least * (1.0 - 1e-12 * condition**0.5)
        euclidean = lib.balance(model, x)
        assert euclidean @ metric @ euclidean > least * 1.001


@pytest.mark.parametrize(("name", "condition"), [each for each in PAIRS if each[0] != "gl, skewed"])
@pytest.mark.parametrize("wrt", ["surface", "predictor", "slice coordinate"])
def test_effective_losses_are_those_of_y(name, condition, wrt) -> None:
    model, metric, other, lower = case(name, condition)
    try:
        ours = lib.effective_loss(model, wrt=wrt, temperature=0.7, metric=metric)
    except UnsupportedModelError:
        with pytest.raises(UnsupportedModelError):
            lib.effective_loss(model, wrt=wrt, temperature=0.7)
        return
    x = lib.balance(model, points(model), 0.0 if "gl" in name else 0.3, metric=metric)
    theirs = lib.effective_loss(other, wrt=wrt, temperature=0.7)
    np.testing.assert_allclose(ours.bias_at(x), theirs.bias_at(x @ lower), atol=1e-10 * condition**0.5)
    if ours.bias is not None:
        np.testing.assert_allclose(ours.bias_at(x), numbers(ours.bias, model, x), rtol=1e-9, atol=1e-13 * condition)
    assert "in the metric" in ours.reference or ours.reference[:2] in {"dz", "dt", "ar"}
    plain = lib.effective_loss(model, wrt=wrt, temperature=0.7)
    assert ours != plain
    euclidean = plain.bias_at(x)
    assert np.ptp(ours.bias_at(x) - euclidean) > 1e-3


@pytest.mark.parametrize(("name", "condition"), [each for each in PAIRS if each[0] != "gl, skewed"])
def test_formulas_are_the_numbers(name, condition) -> None:
    model, metric, _, _ = case(name, condition)
    x = points(model, 3)
    formulas = geometry.symbolic(model, metric=metric)
    for matrix, function in (
        (formulas.H, geometry.orbit_gram),
        (formulas.M, geometry.coupling),
        (formulas.G, geometry.constraint_gram),
    ):
        found = np.stack([numbers(entry, model, x) for entry in matrix], axis=-1).reshape(3, *matrix.shape)
        wanted = function(model, x, metric=metric)
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-14 * condition * np.abs(wanted).max())
    if not formulas.log_det.has(sympy.Determinant):
        wanted = geometry.log_det(model, x, metric=metric)
        np.testing.assert_allclose(numbers(formulas.log_det, model, x), wanted, atol=1e-13 * condition)
    assert formulas.constraints == model.constraints(metric=metric)


def x_chi(model):
    """A constraint that is none of the canonical ones."""
    a, b, *_ = model.parameters
    return (a**2 + sympy.sin(b) - a * b, *model.parameters[2:4])[: len(model.constraints())]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("name", ["product", "chain", "gl"])
class TestAnyMetric:
    """With constraints of one's own the metric may couple whatever it likes."""

    def test_constraints_of_ones_own(self, name, condition) -> None:
        model = CASES[name][0]
        metric = spd(model.dim, condition)
        other, lower = in_y(model, metric)
        x, chi = points(model), x_chi(model)
        back = np.linalg.inv(lower.T)
        to_y = {
            p: sympy.Add(*(float(e) * y for e, y in zip(row, other.parameters, strict=True)))
            for p, row in zip(model.parameters, back, strict=True)
        }
        psi, y = tuple(c.xreplace(to_y) for c in chi), x @ lower
        for function in (geometry.constraint_gram, geometry.dual_gram):
            close(function(model, x, chi, metric=metric), function(other, y, psi), condition)
        np.testing.assert_array_equal(geometry.coupling(model, x, chi, metric=metric), geometry.coupling(model, x, chi))
        close(geometry.log_det(model, x, chi, metric=metric), geometry.log_det(other, y, psi), condition)
        ours, theirs = geometry.slice_report(model, x, chi, metric=metric), geometry.slice_report(other, y, psi)
        for what in ("values", "angle", "residual", "identity_gap"):
            np.testing.assert_allclose(getattr(ours, what), getattr(theirs, what), atol=1e-11 * condition**0.5)
        assert not ours.orthogonal

    def test_orbits_that_the_metric_couples(self, name, condition) -> None:
        """Scalings of separate parameters have orthogonal orbits, but not in a metric that couples those."""
        model = CASES["hadamard" if name == "product" else name][0]
        metric = spd(model.dim, condition)
        other, lower = in_y(model, metric)
        x = points(model)
        found = geometry.log_det(model, x, of="H", metric=metric)
        close(found, geometry.log_det(other, x @ lower, of="H"), condition)
        np.testing.assert_allclose(
            found, np.linalg.slogdet(geometry.orbit_gram(model, x, metric=metric))[1], atol=1e-9 * condition**0.5
        )

    def test_derivatives_along_an_orthonormal_frame(self, name, condition) -> None:
        """G is the Gram matrix of the derivatives along the columns of L⁻ᵀ, here by differences."""
        model = CASES[name][0]
        metric = spd(model.dim, condition)
        x, chi = points(model), x_chi(model)
        step = 1e-5 * condition**-0.25
        frame = step * np.linalg.inv(np.linalg.cholesky(metric))
        slopes = np.stack(
            [
                np.stack([numbers(c, model, x + h) - numbers(c, model, x - h) for h in frame], axis=-1) / (2 * step)
                for c in chi
            ],
            axis=-2,
        )
        wanted = slopes @ slopes.swapaxes(1, 2)
        scale = np.abs(wanted).max()
        found = geometry.constraint_gram(model, x, chi, metric=metric)
        np.testing.assert_allclose(found, wanted, atol=2e-6 * scale)
        assert np.abs(geometry.constraint_gram(model, x, chi) - wanted).max() > 0.01 * scale
