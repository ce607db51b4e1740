"""What hist, boost-histogram, UHI and ArviZ make of results: they take them as they are, errors included.

None of them is needed to use langevin_ib, and together they are larger than all else that its tests need: they come
with the extra `dev`, and where one is missing its tests are skipped.
"""

from __future__ import annotations

import pickle
import warnings
from types import ModuleType

import langevin_ib as lib
import matplotlib as mpl
import numpy as np
import pytest
import xarray
from langevin_ib.observe import HistogramResult, Provenance

OBSERVE = {"theta": (lib.Histogram(bins=12, range=(-1.0, 2.0)), lib.Trace(every=10)), "u": lib.Trace(every=10)}
SETTINGS = {"temperature": 0.1, "step_size": 0.01, "steps": 2000, "burn_in": 100, "rng": 1, "progress": False}
RUN = lib.sample(lib.models.scalar_product(), walkers=8, observe=OBSERVE, **SETTINGS)
HISTOGRAM: HistogramResult = RUN["theta"][0]


def imported(name: str) -> ModuleType:
    with warnings.catch_warnings():
        # ArviZ announces its next version whenever it is imported.
        warnings.simplefilter("ignore")
        module: ModuleType = pytest.importorskip(name)
    return module


class TestHistograms:
    @pytest.mark.parametrize("kind", ["hist.Hist", "boost_histogram.Histogram"])
    def test_a_result_becomes_the_same_histogram(self, kind) -> None:
        package, name = kind.split(".")
        histogram = getattr(imported(package), name)(HISTOGRAM)
        np.testing.assert_array_equal(histogram.values(), HISTOGRAM.values())
        np.testing.assert_array_equal(histogram.variances(), HISTOGRAM.variances())
        np.testing.assert_array_equal(histogram.values(flow=True), HISTOGRAM.values(flow=True))
        np.testing.assert_array_equal(histogram.variances(flow=True), HISTOGRAM.variances(flow=True))
        np.testing.assert_allclose(histogram.axes[0].edges, HISTOGRAM.edges, rtol=1e-15, atol=1e-15)
        assert histogram.axes[0].__dict__["label"] == "theta"
        # The errors pay for autocorrelation: they are no Poisson errors.
        assert histogram.variances().sum() > 2.0 * histogram.values().sum()

    def test_hist_knows_the_observable_by_its_name(self) -> None:
        histogram = imported("hist").Hist(HISTOGRAM)
        assert histogram.axes[0].name == "theta"
        assert histogram[{"theta": 3}].value == HISTOGRAM.values()[3]

    def test_a_name_that_is_none_becomes_a_label(self) -> None:
        origin = Provenance("time of absorption", "euler-maruyama", 0.01, 0.1, walkers=6, observations=5, key=(1, 2))
        result = HistogramResult(lib.Histogram(bins=2, range=(0, 1)), origin, np.ones((3, 5), dtype=np.int64))
        axis = imported("hist").Hist(result).axes[0]
        assert (axis.name, axis.label) == ("", "time of absorption")

    def test_one_group_has_counts_and_no_variances(self) -> None:
        one = HistogramResult(HISTOGRAM.spec, HISTOGRAM.provenance, HISTOGRAM.raw_counts.sum(axis=0, keepdims=True))
        histogram = imported("boost_histogram").Histogram(one)
        np.testing.assert_array_equal(histogram.values(), HISTOGRAM.values())
        assert np.isnan(histogram.variances()).all()

    def test_uhi_finds_its_protocol_kept(self) -> None:
        uhi = imported("uhi.typing.plottable")
        assert isinstance(HISTOGRAM, uhi.PlottableHistogram)
        assert isinstance(HISTOGRAM.axes[0], uhi.PlottableAxisGeneric)
        assert isinstance(HISTOGRAM.axes[0].traits, uhi.PlottableTraits)
        assert imported("uhi.numpy_plottable").ensure_plottable_histogram(HISTOGRAM) is HISTOGRAM

    def test_uhi_finds_its_schema_kept(self) -> None:
        imported("fastjsonschema")
        json, schema = imported("json"), imported("uhi.schema")
        written = json.dumps(HISTOGRAM._to_uhi_(), default=imported("uhi.io.json").default)
        schema.validate({"theta": json.loads(written)})

    def test_tails_stand_beside_the_bins(self) -> None:
        values = HISTOGRAM.values(flow=True)
        assert values.tolist() == [HISTOGRAM.underflow, *HISTOGRAM.values(), HISTOGRAM.overflow]
        np.testing.assert_array_equal(HISTOGRAM.variances(flow=True)[1:-1], HISTOGRAM.variances())
        np.testing.assert_array_equal(HISTOGRAM.counts(flow=True), values)


def _posterior(found: xarray.Dataset | xarray.DataTree) -> xarray.Dataset | xarray.DataTree:
    return found if "theta" in found else found["posterior"]


class TestArviZ:
    def test_its_functions_take_the_tree_as_it_is(self) -> None:
        az = imported("arviz")
        tree = RUN.to_datatree()
        assert isinstance(tree, xarray.DataTree)
        assert set(az.summary(tree).index) == {"theta", "u"}
        for function in (az.ess, az.rhat):
            assert np.isfinite(_posterior(function(tree))["theta"]).all()

    def test_its_effective_samples_are_those_of_the_plain_arrays(self) -> None:
        az = imported("arviz")
        found = az.ess(RUN.to_datatree())
        assert float(_posterior(found)["theta"]) == pytest.approx(float(az.ess(np.asarray(RUN["theta"][1]))))

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ArviZ's own, of the latest matplotlib
    def test_its_plots_take_the_tree_as_it_is(self) -> None:
        az = imported("arviz")
        mpl.use("Agg")
        az.plot_trace(RUN.to_datatree())
        mpl.pyplot.close("all")

    def test_the_tree_is_still_a_tree(self) -> None:
        imported("arviz")
        tree = RUN.to_datatree()
        assert tree.groups == ("/", "/posterior", "/sample_stats")
        assert list(tree.children) == ["posterior", "sample_stats"]
        assert tree["posterior/theta"].dims == ("chain", "draw")
        xarray.testing.assert_identical(pickle.loads(pickle.dumps(tree)), tree)
        assert not hasattr(tree, "prior")
        assert tree["posterior"].attrs["inference_library"] == "langevin_ib"
        plain = tree["posterior"].to_dataset()
        assert type(plain) is xarray.Dataset
        xarray.testing.assert_identical(plain["theta"], tree["posterior/theta"])

    def test_it_finds_statistics_and_warm_up(self) -> None:
        az = imported("arviz")
        tree = RUN.to_datatree(warmup=500)
        assert set(az.summary(tree).index) == {"theta", "u"}
        after = az.ess(np.asarray(RUN["theta"][1])[:, 50:])
        assert float(_posterior(az.ess(tree))["theta"]) == pytest.approx(float(after))
        assert not az.convert_to_dataset(tree, group="sample_stats")["diverging"].any()
        assert az.extract(tree, group="warmup_posterior").sizes["sample"] == 8 * 50


class TestArviZOfManyPackages:
    """ArviZ from 1.0 on is made of these three, of which Python 3.11 gets the last versions before 1.0."""

    def test_its_functions_take_the_tree_as_it_is(self) -> None:
        base, stats = imported("arviz_base"), imported("arviz_stats")
        tree = RUN.to_datatree(warmup=500)
        assert set(stats.summary(tree).index) == {"theta", "u"}
        theta = np.asarray(RUN["theta"][1])[:, 50:]
        for function in (stats.ess, stats.rhat):
            assert float(_posterior(function(tree))["theta"]) == pytest.approx(float(function(theta)))
        assert not base.convert_to_dataset(tree, group="sample_stats")["diverging"].any()
        assert base.extract(tree, group="warmup_posterior").sizes["sample"] == 8 * 50

    def test_its_plots_take_the_tree_as_it_is(self) -> None:
        plots = imported("arviz_plots")
        plots.plot_trace(RUN.to_datatree(), backend="none")
