"""Run: what comes back is a mapping of results that pickles, prints itself and leaves as an ArviZ-like tree."""

from __future__ import annotations

import builtins
import copy
import json
import pickle

import langevin_ib as lib
import numpy as np
import pytest
import xarray
from langevin_ib.errors import InvalidArgumentError

MODEL = lib.models.scalar_product()
OBSERVE = {
    "theta": lib.Histogram(bins=20, range=(-1.0, 3.0), every=10),
    "imbalance": (lib.Trace(every=10), lib.Moments(every=10)),
    "u": lib.Trace(every=10),
}


def sampled(**changes) -> lib.Run:
    settings = {"temperature": 0.1, "step_size": 0.01, "steps": 100, "burn_in": 20, "walkers": 12, "rng": 1}
    return lib.sample(MODEL, **({"observe": OBSERVE, "threads": 1, "progress": False} | settings | changes))


RUN = sampled()


class TestMapping:
    def test_names_are_those_that_were_asked_for(self) -> None:
        assert list(RUN) == ["theta", "imbalance", "u"]
        assert len(RUN) == 3
        assert "theta" in RUN
        assert "v" not in RUN
        assert 1 not in RUN

    def test_items_are_filled_results(self) -> None:
        assert isinstance(RUN["theta"], lib.HistogramResult)
        assert isinstance(RUN["u"], lib.TraceResult)
        trace, moments = RUN["imbalance"]
        assert isinstance(trace, lib.TraceResult)
        assert isinstance(moments, lib.MomentsResult)
        for result in (RUN["theta"], RUN["u"], trace, moments):
            assert result.provenance.observations == 8
            assert result.provenance.walkers == 12

    @pytest.mark.parametrize("name", ["v", "", None, 3])
    def test_what_was_not_observed_is_refused(self, name) -> None:
        with pytest.raises(InvalidArgumentError, match=r"only 'theta', 'imbalance', 'u'; name it in observe="):
            RUN[name]

    def test_a_run_may_observe_nothing(self) -> None:
        run = sampled(observe=None)
        assert (list(run), len(run)) == ([], 0)
        with pytest.raises(InvalidArgumentError, match="only nothing"):
            run["theta"]

    def test_results_cannot_be_overwritten(self) -> None:
        for result in (RUN["theta"].raw_counts, RUN["u"].values, RUN["imbalance"][1].sums):
            with pytest.raises(ValueError, match="read-only"):
                result[0, 0] = 1
        with pytest.raises(AttributeError):
            RUN.seconds = 0.0  # type: ignore[misc] # that it is refused is what is tested


def test_states_and_numbers() -> None:
    assert RUN.states.shape == (12, 2)
    assert RUN.states.dtype == np.float64
    assert (RUN.steps, RUN.walker_steps, RUN.acceptance, RUN.interrupted) == (100, 1200, None, False)
    assert RUN.seconds > 0.0
    assert sampled(scheme="mala").acceptance == pytest.approx(1.0, abs=0.05)


def test_repr_tells_what_was_run() -> None:
    text = repr(RUN)
    for part in (
        "12 walkers",
        "100 steps",
        "h = 0.01",
        "T = 0.1",
        "euler-maruyama",
        "theta, imbalance, u",
        "walker-steps/s",
    ):
        assert part in text
    assert "interrupted" not in text
    assert "observed" not in repr(sampled(observe=None))


class TestPickling:
    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))])
    def test_a_copy_is_the_same_run(self, duplicate) -> None:
        twin = duplicate(RUN)
        assert (twin.model, twin.dynamics, twin.settings, twin.machine) == (
            MODEL,
            RUN.dynamics,
            RUN.settings,
            RUN.machine,
        )
        assert np.array_equal(twin.states, RUN.states)
        assert repr(twin) == repr(RUN)
        for name in RUN:
            assert twin[name] == RUN[name]

    @pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
    def test_every_protocol(self, protocol) -> None:
        assert pickle.loads(pickle.dumps(RUN, protocol))["theta"] == RUN["theta"]


class TestInterrupted:
    """What a run holds when it was stopped, here by its callback."""

    @staticmethod
    def stopped(**changes) -> lib.Run:
        def stop(made: int, steps: int) -> None:
            raise KeyboardInterrupt

        with pytest.warns(lib.SamplingInterrupted, match="interrupted after"):
            return sampled(steps=2**50, walkers=100, progress=stop, **changes)

    def test_results_hold_what_was_seen(self) -> None:
        run = self.stopped(observe={name: OBSERVE[name] for name in ("theta",)})
        assert 20 < run.steps < 2**50
        assert run["theta"].provenance.observations == (run.steps - 20) // 10
        assert run["theta"].total == 100 * ((run.steps - 20) // 10)
        assert f"interrupted after {run.steps:,} of" in repr(run)

    def test_before_the_first_look_there_is_no_result(self) -> None:
        run = self.stopped(burn_in=2**40, observe={"theta": (OBSERVE["theta"], lib.Moments(), lib.Trace(every=2**49))})
        assert "theta" in run
        with pytest.raises(InvalidArgumentError, match=f"'theta' has not been looked at.* after {run.steps} steps"):
            run["theta"]
        with pytest.raises(InvalidArgumentError, match="has not been looked at"):
            run.to_datatree()
        assert run.states.shape == (100, 2)

    def test_between_burn_in_and_first_look_there_is_no_result(self) -> None:
        run = self.stopped(observe={"theta": lib.Trace(every=2**49)})
        with pytest.raises(InvalidArgumentError, match=f"the first look is after step {2**49 + 20}"):
            run["theta"]

    def test_it_pickles(self) -> None:
        run = self.stopped(observe=None)
        assert repr(pickle.loads(pickle.dumps(run))) == repr(run)


class TestDataTree:
    def test_traces_are_chain_by_draw(self) -> None:
        run = sampled(observe={"theta": lib.Trace(every=10), "u": lib.Trace(every=10)}, walkers=slice(5, 17))
        tree = run.to_datatree()
        assert isinstance(tree, xarray.DataTree)
        posterior = tree["posterior"]
        assert set(posterior.data_vars) == {"theta", "u"}
        for name in ("theta", "u"):
            assert posterior[name].dims == ("chain", "draw")
            np.testing.assert_array_equal(posterior[name].values, run[name].values)
        np.testing.assert_array_equal(posterior["chain"], np.arange(5, 17))
        np.testing.assert_array_equal(posterior["draw"], run["u"].steps)

    def test_traces_of_different_strides_have_draws_of_their_own(self) -> None:
        run = sampled(observe={"theta": lib.Trace(every=10), "u": lib.Trace(every=5)})
        posterior = run.to_datatree()["posterior"]
        assert posterior["theta"].dims == ("chain", "draw_theta")
        assert posterior["u"].dims == ("chain", "draw_u")
        assert posterior["u"].shape == (12, 16)

    def test_several_traces_of_one_observable_have_names_of_their_own(self) -> None:
        run = sampled(observe={"theta": (lib.Trace(every=10), lib.Trace(every=20)), "u": lib.Trace(every=20)})
        posterior = run.to_datatree()["posterior"]
        assert set(posterior.data_vars) == {"theta_every_10", "theta_every_20", "u"}
        np.testing.assert_array_equal(posterior["theta_every_20"].values, run["theta"][1].values)

    def test_traces_beside_other_results(self) -> None:
        posterior = RUN.to_datatree()["posterior"]
        assert set(posterior.data_vars) == {"imbalance", "u"}
        np.testing.assert_array_equal(posterior["imbalance"].values, RUN["imbalance"][0].values)

    def test_settings_go_along(self) -> None:
        attributes = RUN.to_datatree()["posterior"].attrs
        assert attributes["inference_library"] == "langevin_ib"
        assert attributes["step_size"] == 0.01
        assert attributes["temperature"] == 0.1
        assert attributes["sampling_time"] == RUN.seconds
        assert (attributes["tuning_steps"], attributes["steps"]) == (20, 100)
        assert int(attributes["key"], 16) == RUN.settings.key
        assert json.loads(attributes["settings"])["fields"]["walkers"] == [0, 12]
        # NetCDF holds no other kinds.
        assert {type(value) for value in attributes.values()} <= {str, int, float}

    def test_of_each_chain_there_is_how_often_it_moved_and_when_it_was_absorbed(self) -> None:
        run = sampled(scheme="mala", observe={"u": lib.Trace(every=10)})
        stats = run.to_datatree()["sample_stats"]
        np.testing.assert_array_equal(stats["acceptance_rate"], run.walker_acceptance)
        assert stats["stuck"].dims == ("chain",)
        assert stats["diverging"].dims == ("chain", "draw")
        assert not stats["diverging"].any()
        absorbed = sampled(dynamics=lib.GaugeFixed(level=0.0, at_zero="absorb"), observe={"theta": lib.Trace(every=10)})
        times = absorbed.to_datatree()["sample_stats"]["absorption_time"]
        np.testing.assert_array_equal(times, absorbed.absorption_times)

    def test_warm_up_stands_apart(self) -> None:
        run = sampled(scheme="mala", observe={"u": lib.Trace(every=10), "theta": lib.Trace(every=20)})
        tree = run.to_datatree(warmup=40)
        values = np.asarray(run["u"])
        np.testing.assert_array_equal(tree["posterior"]["u"], values[:, 4:])
        np.testing.assert_array_equal(tree["warmup_posterior"]["u"], values[:, :4])
        np.testing.assert_array_equal(tree["warmup_posterior"]["theta"], np.asarray(run["theta"])[:, :2])
        together = RUN.to_datatree(warmup=40)
        assert together["warmup_sample_stats"]["diverging"].sizes == {"chain": 12, "draw": 4}
        assert "warmup_posterior" not in RUN.to_datatree()
        with pytest.raises(InvalidArgumentError, match="warmup"):
            RUN.to_datatree(warmup=80)

    def test_a_run_without_traces_is_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"observe with Trace\(every=...\)"):
            sampled(observe={"theta": OBSERVE["theta"]}).to_datatree()

    def test_without_xarray_the_error_says_what_to_install(self, monkeypatch) -> None:
        real = builtins.__import__

        def without_xarray(name, *rest, **options):
            if name == "xarray":
                raise ModuleNotFoundError("No module named 'xarray'", name=name)
            return real(name, *rest, **options)

        monkeypatch.setattr(builtins, "__import__", without_xarray)
        with pytest.raises(ImportError, match="pip install xarray"):
            RUN.to_datatree()
