"""Singular values: the tape's rotations against LAPACK where it is hard, in runs, in losses, in files and in digits."""

from __future__ import annotations

import langevin_ib as lib
import mpmath
import numpy as np
import pytest
import sympy
from langevin_ib import program as package
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.model.expressions import compiled, read_tree, tree_of, values_of
from langevin_ib.program import Program, evaluate

T = 0.3


def matrix_of(rows: int, columns: int) -> tuple[tuple[sympy.Symbol, ...], sympy.Matrix]:
    names = lib.parameters(" ".join(f"a{i}_{j}" for i in range(rows) for j in range(columns)))
    return names, sympy.Matrix(rows, columns, names)


def hard(rows: int, columns: int) -> np.ndarray:
    """Matrices with equal, nearly equal, vanishing and widely spread singular values, rows and columns; of signs; 0."""
    rng, count = np.random.default_rng(5), 200
    few = min(rows, columns)
    left, right = (np.linalg.qr(rng.normal(size=(count, size, few)))[0] for size in (rows, columns))
    spectra = [
        np.ones((count, few)),
        1.0 + 1e-8 * rng.normal(size=(count, few)),
        np.where(np.arange(few) < few // 2, 1.0, 0.0) * np.ones((count, 1)),
        10.0 ** rng.uniform(-16.0, 0.0, (count, few)),
    ]
    plain = rng.normal(size=(count, rows, columns))
    return np.concatenate(
        [
            *((left * spectrum[:, None]) @ right.swapaxes(1, 2) for spectrum in spectra),
            plain,
            plain * 10.0 ** rng.uniform(-8.0, 8.0, (count, 1, columns)),
            plain * 10.0 ** rng.uniform(-8.0, 8.0, (count, rows, 1)),
            np.sign(plain),
            np.ones((1, rows, columns)),
            np.zeros((1, rows, columns)),
        ]
    )


def farthest(rows: int, columns: int, dtype: type = np.float64) -> float:
    """Return the largest error of the tapes of the first and the last, as a share of the largest singular value."""
    names, matrix = matrix_of(rows, columns)
    points = hard(rows, columns).astype(dtype)
    exact = np.linalg.svd(points.astype(np.float64), compute_uv=False)
    flat = points.reshape(len(points), -1)
    size = np.maximum(exact[:, 0], np.finfo(np.float64).tiny)
    values = lib.singular_values(matrix)
    return max(
        float((np.abs(evaluate(Program(names, values[k]).value, flat)[:, 0] - exact[:, k]) / size).max())
        for k in (0, -1)
    )


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 3), (5, 3), (2, 4), (6, 6)])
def test_the_tape_has_the_singular_values_of_lapack(rows, columns) -> None:
    assert farthest(rows, columns) < 3e-14


def test_in_single_precision_too() -> None:
    assert farthest(4, 3, np.float32) < 1e-5


@pytest.fixture
def few_sweeps(monkeypatch):
    """Rotate less often, in tapes that nobody has made before or finds afterwards."""
    package.program._cached_unit.cache_clear()
    monkeypatch.setattr(package.singular, "_SWEEPS", (0, 0, 1, 3))
    yield
    package.program._cached_unit.cache_clear()


@pytest.mark.usefixtures("few_sweeps")
def test_fewer_sweeps_would_not_do() -> None:
    assert farthest(3, 3) > 1e-9


def test_a_run_keeps_them_at_rank_three() -> None:
    model = lib.models.matrix_factorization(5, 4, 3, group="gl")
    names = ["sigma1", "sigma2", "sigma3"]
    run = lib.sample(
        model,
        dynamics=lib.GaugeFixed(),
        temperature=T,
        walkers=32,
        steps=40,
        step_size=0.01,
        rng=0,
        progress=False,
        observe={**{name: lib.Trace(every=10) for name in names}, "state": lib.States(every=10)},
    )
    x = run["state"].values
    u, v = x[..., :15].reshape(*x.shape[:-1], 5, 3), x[..., 15:].reshape(*x.shape[:-1], 4, 3)
    exact = np.linalg.svd(u @ v.swapaxes(-1, -2), compute_uv=False)
    for k, name in enumerate(names):
        np.testing.assert_allclose(run[name].values, exact[..., k], rtol=1e-12, atol=1e-13)


def test_a_loss_of_them_has_their_derivative() -> None:
    """The gradient of the nuclear norm is U Vᵀ; so tape, NumPy's evaluation and finite differences agree."""
    names, matrix = matrix_of(3, 3)
    nuclear = sum(lib.singular_values(matrix))
    points = np.random.default_rng(0).normal(size=(20, 9))
    left, _, right = np.linalg.svd(points.reshape(-1, 3, 3))
    exact = (left @ right).reshape(-1, 9)
    np.testing.assert_allclose(evaluate(Program(names, nuclear).gradient, points), exact, atol=1e-10)
    slopes = [values_of(sympy.diff(nuclear, name), dict(zip(names, points.T, strict=True)), {}) for name in names]
    np.testing.assert_allclose(np.transpose(slopes), exact, atol=1e-12)


def test_a_model_may_be_regularised_by_them() -> None:
    model = lib.models.matrix_factorization(
        4, 2, 2, group="gl", loss=lambda t: sum(lib.singular_values(t)) + sum(x**2 for x in t)
    )
    run = lib.sample(
        model,
        dynamics=lib.GaugeFixed(),
        temperature=T,
        walkers=8,
        steps=20,
        step_size=0.005,
        rng=0,
        progress=False,
        observe={"norm": lib.Trace(every=20)},
    )
    assert np.isfinite(run["norm"].values).all()


class TestManners:
    names, matrix = matrix_of(2, 2)
    first, second = lib.singular_values(matrix)

    def test_digits_files_and_what_is_not_finite(self) -> None:
        at = dict(zip(self.names, (1, 2, 3, 4), strict=True))
        with mpmath.workdps(40):
            exact = mpmath.sqrt(15 - mpmath.sqrt(221))
            assert abs(mpmath.mpf(str(self.second.subs(at).evalf(40))) - exact) < mpmath.mpf(10) ** -38
        assert read_tree(tree_of(self.second)) == self.second
        values = compiled(self.first, self.names)(np.array([1.0, np.nan, np.inf]), 0.0, 0.0, -2.0)
        np.testing.assert_array_equal(values, [2.0, np.nan, np.nan])

    @pytest.mark.parametrize("matrix", [sympy.zeros(9, 9), sympy.zeros(0, 3), 3, "no matrix", [[1, 2], [3]]])
    def test_no_matrix_or_one_too_large(self, matrix) -> None:
        with pytest.raises(InvalidArgumentError, match=r"singular values|needs a matrix"):
            lib.singular_values(matrix)
