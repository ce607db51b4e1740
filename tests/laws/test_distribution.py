"""A Density behaves like a frozen scipy.stats distribution, shapes and edges included."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from langevin_ib.errors import InfiniteMomentError, InvalidArgumentError
from langevin_ib.laws.line import Normal
from langevin_ib.laws.line.distribution import Density

INF = math.inf
NORMAL = scipy.stats.norm(0.5, 2.0)
LABELS = {"name": "a law", "reference": "d x"}


def weighted(**settings: Any) -> Density:
    return Density.from_log_weight(lambda x: NORMAL.logpdf(x) + 3.0, **(LABELS | settings))


LAWS = [weighted(), *(Density.from_scipy(law, **LABELS) for law in (NORMAL, Normal(0.5, 2.0)))]


@pytest.mark.parametrize("law", LAWS, ids=["weight", "scipy", "ours"])
class TestMannersOfScipy:
    @pytest.mark.parametrize("method", ["pdf", "logpdf", "cdf", "sf"])
    @pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
    def test_functions_of_x(self, law: Density, method: str, shape: tuple[int, ...]) -> None:
        x = np.linspace(-5, 5, int(np.prod(shape))).reshape(shape)
        result = getattr(law, method)(x)
        assert np.shape(result) == shape
        np.testing.assert_allclose(result, getattr(NORMAL, method)(x), rtol=1e-12)

    @pytest.mark.parametrize("method", ["ppf", "isf"])
    def test_functions_of_q(self, law: Density, method: str) -> None:
        q = np.array([[0.0, 1e-10, 0.3], [0.5, 0.9, 1.0]])
        np.testing.assert_allclose(getattr(law, method)(q), getattr(NORMAL, method)(q), rtol=1e-11)
        assert np.isnan(getattr(law, method)([-0.1, 1.1, np.nan])).all()

    def test_numbers(self, law: Density) -> None:
        assert law.mean() == pytest.approx(0.5, abs=1e-12)
        assert law.var() == pytest.approx(4.0, abs=1e-11)
        assert law.std() == pytest.approx(2.0, abs=1e-11)
        assert law.median() == pytest.approx(0.5, abs=1e-11)
        assert law.interval(0.9) == pytest.approx(NORMAL.interval(0.9), abs=1e-10)
        assert law.support() == (-INF, INF)
        assert law.expect(np.cos) == pytest.approx(math.cos(0.5) * math.exp(-2.0), abs=1e-8)
        assert isinstance(law.mean(), float)

    def test_edges(self, law: Density) -> None:
        np.testing.assert_array_equal(law.pdf([-INF, INF]), [0.0, 0.0])
        np.testing.assert_array_equal(law.cdf([-INF, INF]), [0.0, 1.0])
        np.testing.assert_array_equal(law.sf([-INF, INF]), [1.0, 0.0])
        assert all(np.isnan(getattr(law, m)(np.nan)) for m in ("pdf", "logpdf", "cdf", "sf", "ppf", "isf"))

    def test_samples_follow_the_law_and_the_seed(self, law: Density) -> None:
        x = law.rvs(20_000, rng=7)
        assert scipy.stats.kstest(x, NORMAL.cdf).pvalue > 1e-4  # false alarm once in 10 000 seeds; the seed is fixed
        np.testing.assert_array_equal(x, law.rvs(20_000, rng=np.random.default_rng(7)))
        assert law.rvs((2, 3), rng=1).shape == (2, 3)
        assert np.shape(law.rvs(rng=1)) == ()

    def test_conditioning(self, law: Density) -> None:
        part = law.conditioned([(1.0, INF), (-2.0, -1.0)])
        assert part.given == ((-2.0, -1.0), (1.0, INF))
        assert part.support() == (-2.0, INF)
        mass = NORMAL.cdf(-1.0) - NORMAL.cdf(-2.0) + NORMAL.sf(1.0)
        np.testing.assert_allclose(
            part.pdf([-1.5, 0.0, 2.0]), np.array([1, 0, 1]) * NORMAL.pdf([-1.5, 0, 2]) / mass, rtol=1e-12
        )
        left = (NORMAL.cdf(-1.0) - NORMAL.cdf(-2.0)) / mass
        np.testing.assert_allclose(part.cdf([-3.0, -1.0, 0.0, 1.0, INF]), [0, left, left, left, 1], atol=1e-13)
        q = np.linspace(0.01, 0.99, 50)
        np.testing.assert_allclose(part.cdf(part.ppf(q)), q, atol=1e-11)
        twice = part.conditioned([(0.0, 3.0)])
        assert twice.given == ((1.0, 3.0),)
        assert twice.cdf(2.0) == pytest.approx(
            (NORMAL.cdf(2) - NORMAL.cdf(1)) / (NORMAL.cdf(3) - NORMAL.cdf(1)), abs=1e-12
        )


def test_a_singularity_has_infinite_density_and_no_nan() -> None:
    law = Density.from_log_weight(lambda x: -0.5 * np.log(np.abs(x)) - x**2, **LABELS)
    assert law.pdf(0.0) == INF
    assert law.cdf(0.0) == pytest.approx(0.5, abs=1e-13)
    assert np.isfinite(law.pdf([1e-300, -1e-300])).all()


def test_outside_of_the_support() -> None:
    law = weighted(support=(0.0, 4.0))
    np.testing.assert_array_equal(law.pdf([-1.0, 5.0, INF]), [0, 0, 0])
    np.testing.assert_array_equal(law.cdf([-1.0, 0.0, 4.0, 5.0]), [0, 0, 1, 1])
    np.testing.assert_array_equal(law.sf([-1.0, 0.0, 4.0, 5.0]), [1, 1, 0, 0])
    np.testing.assert_array_equal(law.ppf([0.0, 1.0]), [0.0, 4.0])


def test_moments_that_do_not_exist() -> None:
    law = Density.from_log_weight(scipy.stats.cauchy.logpdf, **LABELS)
    for name in ("mean", "var", "std"):
        with pytest.raises(
            InfiniteMomentError, match=r"does not exist: .* \|x\|\*\*-a with a = 2, and it needs a > [23]"
        ):
            getattr(law, name)()
    assert law.median() == pytest.approx(0.0, abs=1e-13)


def test_it_says_what_it_is() -> None:
    law = weighted(method="closed form").conditioned([(0.0, 1.0)])
    assert (law.name, law.reference, law.method) == ("a law", "d x", "closed form")
    assert repr(law) == "<Density a law given (0, 1), with respect to d x, closed form, cdf within 1e-13>"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"support": (1.0, 0.0)}, "lo < hi"),
        ({"support": (0.0, np.nan)}, "lo < hi"),
        ({"support": 3}, "pair"),
        ({"support": (1.0, 1.0 + 1e-12)}, "too narrow"),
        ({"given": [(0.0, 2.0), (1.0, 3.0)]}, "overlap"),
        ({"given": [(5.0, 6.0)], "support": (0.0, 1.0)}, "does not meet"),
        ({"given": []}, "does not meet"),
        ({"singularities": (np.inf,)}, "finite"),
    ],
)
def test_bad_intervals_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        weighted(**settings)


def test_other_bad_arguments_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="frozen"):
        Density.from_scipy(3.0, **LABELS)
    with pytest.raises(InvalidArgumentError, match="logpdf"):
        Density.from_scipy(scipy.stats.poisson(3.0), **LABELS)
    for confidence in (1.1, -1.0, [0.5, 2.0]):
        with pytest.raises(InvalidArgumentError, match="confidence"):
            weighted().interval(confidence)
