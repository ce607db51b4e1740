"""Plotting: what is drawn lies where the data and the law are, on the axes that were passed in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pytest
from langevin_ib import plot
from langevin_ib.comparison.compare import compare
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.observe import Histogram, HistogramResult, Provenance
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy import stats

INF = float("inf")


@dataclass(frozen=True)
class Law:
    """A scipy distribution with the names that a comparison asks for."""

    frozen: object
    given: tuple[tuple[float, float], ...] | None = None
    name: str = "a law whose name is long enough that it has to be broken"
    reference: str = "d theta"

    def pdf(self, x: ArrayLike) -> NDArray[np.float64]:
        return self.frozen.pdf(x)

    def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
        return self.frozen.cdf(x)

    def support(self) -> tuple[float, float]:
        return self.frozen.support()


class Singular:
    """The law of a product of two uniform variables, -log|x| / 2, infinite at zero."""

    def pdf(self, x: ArrayLike) -> NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            return np.where(np.abs(x) < 1, -np.log(np.abs(x)) / 2, 0.0)

    def cdf(self, x: ArrayLike) -> NDArray[np.float64]:
        x = np.clip(x, -1, 1)
        return 0.5 + np.where(x == 0, 0.0, x - x * np.log(np.abs(np.where(x == 0, 1.0, x)))) / 2

    def support(self) -> tuple[float, float]:
        return -1.0, 1.0


def filled(values: NDArray[np.float64], lo: float = -3.0, hi: float = 3.0, step_size: float = 0.1) -> HistogramResult:
    raw = [[np.sum(v < lo), *np.histogram(v, 40, (lo, hi))[0], np.sum(v > hi), 0] for v in values]
    origin = Provenance("theta", "euler-maruyama", step_size, 1.0, len(values), values.shape[1], (1, 2))
    return HistogramResult(Histogram(bins=40, range=(lo, hi)), origin, np.array(raw, dtype=np.int64))


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture
def histogram() -> HistogramResult:
    return filled(np.random.default_rng(1).normal(size=(64, 500)))


NORMAL = Law(stats.norm())


def labels(ax) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in ax.get_legend().get_texts()]


def test_it_draws_on_the_axes_that_were_passed(ax, histogram) -> None:
    assert plot.density(histogram, NORMAL, ax=ax) is ax
    assert ax.get_xlabel() == "theta"
    assert ax.get_ylabel() == "density with respect to d theta"
    assert ax.get_xlim() == (-3.0, 3.0)
    assert labels(ax) == ["sampled, h = 0.1", "± standard error", NORMAL.name]


def test_the_steps_are_the_density_and_the_band_its_error(ax, histogram) -> None:
    plot.density(histogram, NORMAL, ax=ax)
    steps = [patch.get_data() for patch in ax.patches]
    assert any(np.array_equal(step.values, histogram.density()) for step in steps)
    upper = histogram.density() + histogram.density_error()
    lower = histogram.density() - histogram.density_error()
    assert any(np.array_equal(s.values, upper) and np.array_equal(s.baseline, lower) for s in steps)


def test_the_line_is_the_density_of_the_law(ax, histogram) -> None:
    plot.density(histogram, NORMAL, ax=ax)
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_ydata(), stats.norm.pdf(line.get_xdata()), rtol=1e-12)


def test_a_singularity_is_drawn_as_its_mean_and_flattens_nothing(ax) -> None:
    rng = np.random.default_rng(2)
    histogram = filled(rng.uniform(-1, 1, (64, 500)) * rng.uniform(size=(64, 500)), -1.0, 1.0)
    plot.density(histogram, Law(Singular()), ax=ax)
    x, heights = ax.lines[0].get_data()
    assert np.isfinite(heights).all()
    half = 0.5 * (x[1] - x[0])
    # The mean of -log|x| / 2 over (-half, half).
    assert heights[len(heights) // 2] == pytest.approx((1 - np.log(half)) / 2)
    assert ax.get_ylim()[1] < 2 * histogram.density().max()


def test_a_conditioned_law_is_scaled_to_the_histogram(ax, histogram) -> None:
    conditioned = Law(stats.truncnorm(-INF, -0.6), given=((-INF, -0.6),))
    plot.density(histogram, conditioned, ax=ax)
    x, y = ax.lines[0].get_data()
    # Scaled by the observed fraction below -0.6, which is the probability of it up to the sampling error.
    np.testing.assert_allclose(y[x < -0.61], stats.norm.pdf(x[x < -0.61]), rtol=0.05)
    assert not y[x > -0.59].any()


def test_rivals_and_a_finer_run_are_drawn(ax, histogram) -> None:
    finer = filled(np.random.default_rng(3).normal(size=(64, 500)), step_size=0.05)
    rivals = {"5 % hotter": Law(stats.norm(0, 1.025)), "flat": Law(stats.uniform(-3, 6))}
    plot.density(histogram, NORMAL, ax=ax, finer=finer, rivals=rivals)
    assert labels(ax)[2:] == ["h = 0.05", NORMAL.name, "5 % hotter", "flat"]
    assert len(ax.lines) == 3
    assert len({line.get_color() for line in ax.lines}) == 3


def test_a_law_higher_than_the_histogram_stays_visible(ax, histogram) -> None:
    plot.density(histogram, Law(stats.norm(0, 0.8)), ax=ax)
    assert ax.get_ylim()[1] > stats.norm.pdf(0, 0, 0.8)


def test_empty_and_single_group_histograms_can_be_drawn(ax, histogram) -> None:
    one_group = HistogramResult(histogram.spec, histogram.provenance, histogram.raw_counts[:1])
    plot.density(one_group, NORMAL, ax=ax)
    assert "± standard error" not in labels(ax)
    empty = HistogramResult(histogram.spec, histogram.provenance, np.zeros_like(histogram.raw_counts))
    plot.density(empty, NORMAL, ax=Figure().subplots()).figure.canvas.draw()


def test_a_ratio_is_the_sampled_probability_over_that_of_the_base(ax, histogram) -> None:
    base = Law(stats.norm(0, 1.5))
    assert plot.ratio(histogram, NORMAL, base, ax=ax, rivals={"the base itself": base}) is ax
    assert labels(ax) == [NORMAL.name, "the base itself", "sampled, h = 0.1"]
    law, rival = ax.lines
    np.testing.assert_allclose(
        law.get_ydata(), stats.norm.pdf(law.get_xdata()) / stats.norm.pdf(law.get_xdata(), 0, 1.5)
    )
    np.testing.assert_allclose(rival.get_ydata(), 1.0)
    bars = ax.containers[0].lines[2][1].get_segments()  # vertical: (x, lower), (x, upper)
    x, y = np.mean(bars, axis=1).T
    width = 6.0 / 40
    below = stats.norm.cdf(x + width / 2, 0, 1.5) - stats.norm.cdf(x - width / 2, 0, 1.5)
    counts = histogram.values()[np.round((x + 3.0 - width / 2) / width).astype(int)]
    np.testing.assert_allclose(y, counts / histogram.total / below)
    assert len(x) < 40  # the tails are not known well enough


def test_a_ratio_of_two_runs_is_extrapolated_to_step_zero(ax, histogram) -> None:
    finer = filled(np.random.default_rng(4).normal(size=(64, 500)), step_size=0.05)
    plot.ratio(histogram, NORMAL, NORMAL, ax=ax, finer=finer)
    middle = 2.0 * finer.density()[20] - histogram.density()[20]
    below = (stats.norm.cdf(0.15) - 0.5) / 0.15
    heights = [np.mean(bar, axis=0)[1] for bar in ax.containers[0].lines[2][1].get_segments()]
    assert any(height == pytest.approx(middle / below) for height in heights)
    assert labels(ax)[-1] == "sampled, extrapolated to h = 0"
    with pytest.raises(InvalidArgumentError, match="other bins"):
        plot.ratio(histogram, NORMAL, NORMAL, finer=filled(np.zeros((64, 5)), lo=-1.0))


def test_residuals_are_the_z_of_the_comparison(ax, histogram) -> None:
    result = compare(histogram, NORMAL)
    assert plot.residuals(result, ax) is ax
    bars = ax.patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], result.z)
    np.testing.assert_allclose([bar.get_x() for bar in bars[1:]], result.intervals[1:, 0])
    assert all(np.isfinite(bar.get_width()) and bar.get_width() > 0 for bar in bars)
    assert ax.get_xlabel() == "theta"


def test_residuals_of_two_cells_have_finite_bars(ax, histogram) -> None:
    plot.residuals(compare(histogram, NORMAL, bins=2), ax)
    assert [bar.get_width() for bar in ax.patches] == [1.0, 1.0]


@pytest.mark.parametrize("style", ["default", "dark_background", "grayscale", "ggplot", "classic"])
def test_every_style_renders(style, histogram, tmp_path) -> None:
    with matplotlib.style.context(style):
        figure = Figure()
        upper, lower = figure.subplots(2, 1)
        plot.density(histogram, NORMAL, ax=upper, rivals={"hot": Law(stats.norm(0, 1.1))})
        plot.residuals(compare(histogram, NORMAL), lower)
        figure.savefig(tmp_path / "figure.png", dpi=40)
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_without_axes_new_ones_are_made(histogram) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415 # after the backend is chosen

    first, second = plot.density(histogram, NORMAL), plot.residuals(compare(histogram, NORMAL))
    assert first.figure is not second.figure
    pyplot.close("all")


def test_importing_the_module_does_not_import_matplotlib() -> None:
    code = "import sys; from langevin_ib.plot import density; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_cannot_be_drawn_is_refused(ax, histogram) -> None:
    with pytest.raises(InvalidArgumentError, match="histogram is a list"):
        plot.density([1, 2], NORMAL, ax=ax)
    with pytest.raises(InvalidArgumentError, match="finer is a str"):
        plot.density(histogram, NORMAL, ax=ax, finer="x")
    with pytest.raises(InvalidArgumentError, match="not a law"):
        plot.density(histogram, stats.norm(), ax=ax)
    with pytest.raises(InvalidArgumentError, match="hot = "):
        plot.density(histogram, NORMAL, ax=ax, rivals={"hot": stats.norm()})
    with pytest.raises(InvalidArgumentError, match=r"base = .* is conditioned"):
        plot.ratio(histogram, NORMAL, Law(stats.truncnorm(0, INF), given=((0, INF),)), ax=ax)
    with pytest.raises(InvalidArgumentError, match="comparison is a float"):
        plot.residuals(1.0, ax)


class TestRuns:
    HISTOGRAM = filled(np.random.default_rng(0).standard_normal((64, 100)))

    def test_every_run_has_its_line_and_its_label(self, tmp_path) -> None:
        ax = plot.runs({"one": self.HISTOGRAM, "other": self.HISTOGRAM})
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "other"]
        assert ax.get_xlabel() == self.HISTOGRAM.provenance.observable
        ax.figure.savefig(tmp_path / "runs.png")

    @pytest.mark.parametrize("wrong", [{}, ["one"], "one", {"one": 3}, None])
    def test_what_is_no_mapping_of_histograms_is_refused(self, wrong) -> None:
        with pytest.raises(InvalidArgumentError, match="histogram"):
            plot.runs(wrong)

    def test_different_observables_are_refused(self) -> None:
        other = replace(self.HISTOGRAM, provenance=replace(self.HISTOGRAM.provenance, observable="another"))
        with pytest.raises(InvalidArgumentError, match="one observable at a time"):
            plot.runs({"one": self.HISTOGRAM, "other": other})
