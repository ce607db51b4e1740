"""Diagnostics: R-hat and effective samples are those of ArviZ, and a run that has not equilibrated is seen as such."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.sampling.convergence import (
    effective_bulk,
    effective_tail,
    potential_scale_reduction,
    ranked,
    split_rhat,
)
from scipy import stats

HARMONIC = lib.models.harmonic()
WALK = {"temperature": 0.5, "step_size": 0.1, "walkers": 256, "rng": 2, "progress": False}
ALL = (lib.Trace(every=20), lib.Moments(every=20), lib.Histogram(range=(-4.0, 4.0), every=20))


def sampled(model=HARMONIC, **changes) -> lib.Run:
    return lib.sample(model, **(WALK | changes))


def chains(count: int, draws: int, correlation: float, seed: int = 0) -> np.ndarray:
    """Stationary autoregressive chains of unit variance."""
    noise = np.random.default_rng(seed).normal(size=(draws, count))
    x = [noise[0]]
    for row in noise[1:]:
        x.append(correlation * x[-1] + (1.0 - correlation**2) ** 0.5 * row)
    return np.array(x).T


CASES = [(4, 100, 0.5), (4, 101, 0.9), (8, 1000, 0.95), (2, 50, -0.5), (64, 30, 0.8), (1, 400, 0.3), (4, 7, 0.3)]


class TestFormulas:
    @pytest.mark.parametrize(("count", "draws", "correlation"), CASES)
    @pytest.mark.parametrize("shape", ["normal", "heavy", "rounded", "shifted"])
    def test_are_those_of_arviz(self, count, draws, correlation, shape) -> None:
        base = pytest.importorskip("arviz_stats.base")
        x = chains(count, draws, correlation)
        x = {"normal": x, "heavy": x**5, "rounded": np.round(x), "shifted": x + np.arange(count)[:, None]}[shape]
        settings = {"chain_axis": 0, "draw_axis": 1}
        expected = (
            base.array_stats.ess(x, method="bulk", **settings),
            base.array_stats.ess(x, method="tail", prob=(0.05, 0.95), **settings),
        )
        np.testing.assert_allclose((effective_bulk(x), effective_tail(x)), expected, rtol=1e-10)
        if count > 1:
            # Of one chain ArviZ gives none, though its halves can be compared.
            expected = base.array_stats.rhat(x, method="rank", **settings)
            assert split_rhat(x) == pytest.approx(expected, rel=1e-10)

    def test_r_hat_by_hand(self) -> None:
        """Within: (1 + 1) / 2 = 1; the means 1 and 4 have variance 4.5; sqrt(2/3 + 4.5)."""
        x = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
        assert potential_scale_reduction(x) == pytest.approx((2 / 3 + 4.5) ** 0.5)

    def test_ranks_are_normal_scores(self) -> None:
        x = np.array([[3.0, 1.0], [1.0, 2.0]])
        expected = stats.norm.ppf((stats.rankdata(x, axis=None) - 0.375) / 4.25).reshape(2, 2)
        np.testing.assert_allclose(ranked(x), expected)

    @pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
    def test_effective_samples_of_an_autoregression(self, correlation) -> None:
        """n (1 - a) / (1 + a) for the mean; ranks differ little. Measured over seeds: within 10 %."""
        x = chains(64, 2000, correlation)
        assert effective_bulk(x) == pytest.approx(x.size * (1 - correlation) / (1 + correlation), rel=0.1)
        assert split_rhat(x) < 1.01

    def test_what_does_not_vary_has_no_r_hat(self) -> None:
        assert np.isnan(split_rhat(np.ones((4, 10))))
        assert split_rhat(np.repeat([[1.0], [2.0]], 10, axis=1)) == np.inf


class TestEquilibrated:
    """The harmonic well: correlation times of 10 steps, runs of 20,000."""

    @pytest.mark.parametrize("scheme", ["euler-maruyama", "mala"])
    @pytest.mark.parametrize("seed", range(3))
    def test_nothing_is_remarked(self, scheme, seed) -> None:
        run = sampled(steps=20_000, burn_in=500, observe={"x": ALL}, scheme=scheme, rng=seed)
        assert run.notes == ()
        found = run.diagnostics()
        assert len(found) == len(found["x"]) == 3
        trace, moments, histogram = found
        assert [row.kept for row in found] == ["trace", "moments", "histogram"]
        assert max(row.rhat for row in found) < 1.03
        assert max(row.drift for row in found) < 5.0
        # Draws are 20 steps apart and correlated by exp(-2): 256 walkers times 975 draws times tanh(1).
        expected = 256 * 975 * np.tanh(1.0)
        assert trace.effective_bulk == pytest.approx(expected, rel=0.1)
        # The spread of 256 walkers, and of 64 groups, tells a variance to 9 and 18 %: four of these.
        assert moments.effective_bulk == pytest.approx(expected, rel=0.36)
        assert histogram.effective_bulk == pytest.approx(expected, rel=0.72)
        assert trace.effective_tail > 0.3 * expected

    def test_it_prints_as_a_table(self) -> None:
        run = sampled(steps=2000, burn_in=500, observe={"x": ALL}, scheme="mala")
        lines = repr(run.diagnostics()).splitlines()
        assert lines[0].split() == ["observable", "kept", "R-hat", "ess", "bulk", "ess", "tail", "drift"]
        assert [line.split()[:2] for line in lines[1:4]] == [["x", kept] for kept in ("trace", "moments", "histogram")]
        assert lines[4].startswith("acceptance of walkers: ")
        least, median, most = run.diagnostics().acceptance
        assert (least, median, most) == tuple(np.quantile(run.walker_acceptance, [0.0, 0.5, 1.0]))

    def test_a_run_that_kept_nothing_has_nothing_to_say(self) -> None:
        run = sampled(steps=10)
        assert (len(run.diagnostics()), run.notes) == (0, ())

    @pytest.mark.parametrize("walkers", [1, 2, 7, 100])
    @pytest.mark.parametrize("steps", [1, 2, 4, 9])
    def test_short_runs_of_few_walkers_say_what_they_can(self, walkers, steps) -> None:
        observers = (lib.Trace(every=1), lib.Moments(), lib.Moments(order=1), lib.Histogram(range=(-4.0, 4.0)))
        run = sampled(steps=steps, walkers=walkers, observe={"x": observers})
        assert len(run.diagnostics()) == 4
        repr(run.diagnostics())

    def test_it_is_the_same_however_the_run_was_made(self) -> None:
        reference = sampled(steps=300, observe={"x": ALL}, walkers=300)
        for machine in ({"threads": 2, "block": 32}, {"level": lib.levels()[0]}):
            run = sampled(steps=300, observe={"x": ALL}, walkers=300, **machine)
            assert run.notes == reference.notes
            assert repr(run.diagnostics()) == repr(reference.diagnostics())


def escaping() -> tuple[lib.Model, lib.Dynamics]:
    """Two products that cancel, a b - c d, on rigid slices: exp(-L/T) dS is |z|^(-1/2) each, of infinite mass."""
    a, b, c, d = lib.parameters("a b c d")
    model = lib.Model(
        parameters=(a, b, c, d),
        predictor={"theta": a * b - c * d, "z": a * b},
        loss=(a * b - c * d - 1) ** 2 / 2,
        symmetry=(lib.Scaling({a: 1, b: -1}), lib.Scaling({c: 1, d: -1})),
        observables={"norm": a**2 + b**2 + c**2 + d**2},
    )
    return model, lib.Constrained(level=0.5)


class TestNot:
    @pytest.mark.parametrize("kept", ALL, ids=lambda spec: type(spec).__name__)
    def test_a_start_far_out_that_shows_is_remarked(self, kept) -> None:
        run = sampled(lib.models.harmonic(stiffness=0.01), steps=400, initial=10.0, observe={"x": kept})
        assert any(note.startswith("diagnostics: drift of x (") for note in run.notes)

    @pytest.mark.parametrize("kept", [lib.Moments(), lib.Histogram(range=(-4.0, 14.0))], ids=["moments", "histogram"])
    def test_some_of_many_walkers_show_it_too(self, kept, monkeypatch) -> None:
        settings = {"steps": 400, "walkers": 2000, "observe": {"x": kept}}
        looked = lib.sampling.diagnostics._diagnoses
        monkeypatch.setattr("langevin_ib.sampling.diagnostics.MOST_WALKERS_FOR_REMARKS", 500)
        run = sampled(lib.models.harmonic(stiffness=0.01), initial=10.0, **settings)
        assert any(note.startswith("diagnostics: drift of x (") for note in run.notes)
        few, all_ = looked(run, 2**14, 5)[0], looked(run, 2**14, 1)[0]
        assert 0.2 < few.drift / all_.drift < 1.0
        # Control: what has equilibrated is not remarked by a few walkers either.
        assert sampled(**settings).notes == ()

    @pytest.mark.parametrize("kept", ALL, ids=lambda spec: type(spec).__name__)
    def test_two_wells_that_nobody_leaves_are_remarked(self, kept) -> None:
        """(x² - 1)² at T = .05: each walker sees one well only. Nothing drifts, and R-hat says so."""
        (x,) = lib.parameters("x")
        wells = lib.Model(parameters=(x,), predictor={"x": x}, loss=2 * (x**2 - 1) ** 2)
        run = sampled(wells, temperature=0.05, step_size=0.01, steps=20_000, burn_in=2000, observe={"x": kept})
        row = run.diagnostics()["x"][0]
        assert row.rhat > 1.5
        assert not row.drift > 5.0
        assert any(note.startswith("diagnostics: R-hat of x (") for note in run.notes)

    @pytest.mark.parametrize("kept", ["trace", "moments", "histogram"])
    def test_walkers_that_escape_are_seen(self, kept) -> None:
        model, dynamics = escaping()
        spec = {
            "trace": lib.Trace(every=100),
            "moments": lib.Moments(every=10),
            "histogram": lib.Histogram(range=(0.0, 100.0), every=10),
        }[kept]
        run = sampled(model, dynamics=dynamics, step_size=0.01, steps=20_000, burn_in=2000, observe={"norm": spec})
        assert run.diagnostics()["norm"][0].rhat > 1.1
        assert any("norm" in note and "escape" in note for note in run.notes)

    def test_remarks_of_a_longer_run_take_the_place_of_those_before(self, tmp_path) -> None:
        path = tmp_path / "run.npz"
        run = sampled(steps=60, initial=30.0, observe={"x": lib.Trace(every=1)}, checkpoint=path)
        assert run.notes
        assert lib.load(path).notes == run.notes
        longer = lib.load(path).resume(60_000, progress=False)
        assert len(longer.notes) < len(run.notes)

    def test_what_has_nothing_to_converge_to_is_left_alone(self) -> None:
        descent = sampled(steps=50, temperature=0.0, initial=1.0, observe={"x": ALL})
        absorbed = sampled(
            lib.models.scalar_product(),
            dynamics=lib.GaugeFixed(at_zero="absorb"),
            step_size=0.01,
            steps=500,
            observe={"theta": lib.Trace(every=5)},
        )
        assert descent.notes == absorbed.notes == ()
