"""Sampling: what is exact is exact, results have the promised shapes, and unstable runs end with walker and step."""

from __future__ import annotations

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import DivergenceError, LangevinError

SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")
START = np.array([[1.0, -2.0], [0.5, 0.25], [3.0, 0.0]])


def sampled(model=None, **changes) -> lib.Run:
    settings = {"step_size": 0.01, "steps": 100, "walkers": 64, "rng": 1, "threads": 1, "progress": False}
    if not {"beta", "sigma"} & set(changes):
        settings["temperature"] = 0.5
    return lib.sample(lib.models.harmonic() if model is None else model, **(settings | changes))


class TestGradientDescent:
    """T = 0: no noise at all, and a recursion that can be written down."""

    @pytest.mark.parametrize("scheme", ["euler-maruyama", "leimkuhler-matthews"])
    @pytest.mark.parametrize(("k", "h"), [(1.0, 0.01), (3.0, 0.1), (2.5, 0.7)])
    def test_harmonic(self, scheme, k, h) -> None:
        """x_n = (1 - k h)^n x_0."""
        model = lib.models.harmonic(stiffness=k, dim=2)
        run = sampled(model, temperature=0, step_size=h, steps=50, walkers=3, initial=START, scheme=scheme)
        np.testing.assert_allclose(run.states, (1.0 - k * h) ** 50 * START, rtol=1e-13)

    def test_weight_decay_adds_to_the_stiffness(self) -> None:
        model, dynamics = lib.models.harmonic(stiffness=2.0, dim=2), lib.Ambient(weight_decay=0.5)
        run = sampled(model, dynamics=dynamics, temperature=0.0, walkers=3, initial=START)
        np.testing.assert_allclose(run.states, (1.0 - 2.5 * 0.01) ** 100 * START, rtol=1e-13)

    def test_single_precision(self) -> None:
        model = lib.models.harmonic(dim=2)
        run = sampled(model, temperature=0, walkers=3, initial=START, dtype="float32")
        assert run.states.dtype == np.float32
        np.testing.assert_allclose(run.states, 0.99**100 * START, rtol=1e-5)

    @pytest.mark.parametrize("weight_decay", [0.0, 0.3])
    def test_product(self, weight_decay) -> None:
        h, target = 0.01, 0.7
        model, dynamics = lib.models.scalar_product(target=target), lib.Ambient(weight_decay=weight_decay)
        run = sampled(model, dynamics=dynamics, temperature=0, steps=100, walkers=3, initial=START)
        u, v = START.T
        for _ in range(100):
            error = u * v - target
            u, v = u - h * (error * v + weight_decay * u), v - h * (error * u + weight_decay * v)
        np.testing.assert_allclose(run.states, np.stack([u, v], axis=1), rtol=1e-12, atol=1e-14)

    def test_the_flow_conserves_the_imbalance(self) -> None:
        """d(u² - v²)/dt = 0 under L = f(u v); a step of h changes it by O(h²)."""
        change = []
        for h in (0.01, 0.005):
            run = sampled(
                lib.models.scalar_product(), temperature=0, step_size=h, steps=round(2 / h), walkers=3, initial=START
            )
            imbalance = [x[:, 0] ** 2 - x[:, 1] ** 2 for x in (START, run.states)]
            change.append(np.abs(imbalance[1] - imbalance[0]).max())
        assert change[1] / change[0] == pytest.approx(0.5, rel=0.1)


class TestNoise:
    def test_one_step_is_drift_plus_diffusion(self) -> None:
        """x' - (1 - k h) x is normal with variance 2 T h: five standard errors, a false alarm in a million runs."""
        h, T, walkers = 0.1, 0.5, 100_000
        run = sampled(lib.models.harmonic(stiffness=2.0), step_size=h, steps=1, walkers=walkers, initial=[1.0])
        noise = run.states[:, 0] - 0.8
        assert abs(noise.mean()) < 5 * (2 * T * h / walkers) ** 0.5
        assert abs(noise.var() / (2 * T * h) - 1.0) < 5 * (2 / walkers) ** 0.5

    def test_beta_and_sigma_are_a_temperature(self) -> None:
        reference = sampled(temperature=0.4)
        assert np.array_equal(sampled(beta=10.0, sigma=2.0).states, reference.states)
        assert np.array_equal(sampled(beta=2.5).states, reference.states)
        assert sampled(beta=2.0, sigma=0.0).process.temperature == 0.0

    def test_walkers_and_coordinates_are_independent(self) -> None:
        run = sampled(lib.models.harmonic(dim=4), step_size=1.0, steps=1, walkers=20_000)
        correlation = np.corrcoef(np.hstack([run.states[:-1], run.states[1:]]).T) - np.eye(8)
        assert np.abs(correlation).max() < 5.5 / 20_000**0.5

    def test_acceptance_is_near_one_for_small_steps_and_falls(self) -> None:
        acceptance = [sampled(scheme="mala", step_size=h, steps=500).acceptance for h in (0.01, 0.5, 1.5)]
        assert acceptance[0] > 0.99
        assert 0.0 < acceptance[2] < acceptance[1] < acceptance[0] <= 1.0
        assert sampled().acceptance is None


class TestObservers:
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize(
        "model", [lib.models.scalar_product(), lib.models.harmonic(dim=2)], ids=["product", "harmonic"]
    )
    def test_every_observer_sees_the_same_path(self, model, dtype) -> None:
        """A trace of every step holds all: the others must follow from it, looking after burn_in + every, ..."""
        for name in model.observable_names:
            specs = (
                lib.Trace(every=1),
                lib.Trace(every=7),
                lib.Moments(every=7, order=4),
                lib.Histogram(bins=10, range=(-1.0, 1.0), every=7),
            )
            run = sampled(model, observe={name: specs}, steps=103, burn_in=20, walkers=70, dtype=dtype)
            path, thinned, moments, histogram = run[name]
            seen = np.asarray(path)[:, 6::7]
            assert seen.shape == (70, 11)
            assert path.values.dtype == dtype
            np.testing.assert_array_equal(np.asarray(thinned), seen)
            powers = np.stack([(seen.astype(float) ** k).sum(axis=1) for k in (1, 2, 3, 4)], axis=1)
            np.testing.assert_allclose(moments.sums, powers, rtol=1e-12 if dtype == "float64" else 1e-5, atol=1e-6)
            counts, edges = np.histogram(seen.astype(float), bins=10, range=(-1.0, 1.0))
            # NumPy counts the upper end into the last bin; no value lies on it.
            np.testing.assert_array_equal(histogram.to_numpy()[0], counts)
            np.testing.assert_allclose(histogram.to_numpy()[1], edges, atol=1e-15)
            assert histogram.underflow == (seen < -1.0).sum()
            assert histogram.overflow == (seen >= 1.0).sum()
            assert histogram.invalid == 0
            by_group = [(np.abs(seen[g::64]) < 1.0).sum() for g in range(64)]
            np.testing.assert_array_equal(histogram.group_counts.sum(axis=1), by_group)

    @pytest.mark.parametrize("level", lib.levels())
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("span", [(0.0, 1.0), (-1.0, 2.5), (0.1, 0.7), (1e6, 1e6 + 1.0), (-1e60, 1e60)])
    def test_counts_are_those_of_numpy_to_the_last_digit_of_an_edge(self, span, dtype, level) -> None:
        """Walkers stand still on the edges and on the numbers beside them."""
        (x,) = lib.parameters("x")
        still = lib.Model(parameters=(x,), predictor={"x": x}, loss=0 * x)
        spec = lib.Histogram(bins=70, range=span)
        edges = np.linspace(*span, spec.bins + 1)
        near = edges[np.abs(edges) < 1e17].astype(dtype)
        values = np.concatenate(
            [near, np.nextafter(near, -np.inf, dtype=dtype), np.nextafter(near, np.inf, dtype=dtype)]
        )
        run = sampled(
            still,
            temperature=0.0,
            steps=1,
            initial=values[:, None],
            walkers=len(values),
            observe={"x": spec},
            dtype=dtype,
            level=level,
        )
        expected, _ = np.histogram(values.astype(np.float64), edges)
        # NumPy counts the upper end itself into the last bin.
        expected[-1] -= (values == edges[-1]).sum()
        np.testing.assert_array_equal(run["x"].to_numpy()[0], expected)
        assert run["x"].underflow == (values < edges[0]).sum()
        assert run["x"].overflow == (values >= edges[-1]).sum()

    def test_a_condition_holds_from_its_lower_end_to_below_its_upper_one_in_single_precision(self) -> None:
        (x,) = lib.parameters("x")
        still = lib.Model(parameters=(x,), predictor={"x": x}, loss=0 * x)
        near = np.array([0.1, 0.3, 0.7], dtype=np.float32)
        values = np.concatenate([near, np.nextafter(near, np.float32(-1)), np.nextafter(near, np.float32(1))])
        for lo, hi in [(0.1, 0.3), (0.3, 0.7), (0.1, np.inf), (-np.inf, 0.7)]:
            run = sampled(
                still,
                temperature=0.0,
                steps=1,
                initial=values[:, None],
                walkers=len(values),
                dtype="float32",
                observe={"x": lib.Histogram(bins=1, range=(0.0, 1.0), given=("x", lo, hi))},
            )
            doubles = values.astype(np.float64)
            assert run["x"].total == ((lo <= doubles) & (doubles < hi)).sum()

    @pytest.mark.parametrize("cut", [1, 40])
    def test_a_variance_far_from_zero_keeps_its_digits(self, cut) -> None:
        (x,) = lib.parameters("x")
        far = lib.Model(parameters=(x,), predictor={"x": x}, loss=(x - 10**8) ** 2 / 2)
        observe = {"x": (lib.Moments(), lib.Trace(every=1))}
        settings = {"temperature": 1.0, "step_size": 0.1, "burn_in": 30, "initial": 1e8, "observe": observe}
        run = sampled(far, steps=cut, **settings | ({"burn_in": 0} if cut < 30 else {})).resume(200)
        moments, trace = run["x"]
        assert moments.var() == pytest.approx(np.var(trace), rel=1e-6)
        assert moments.mean() == pytest.approx(np.mean(trace), rel=1e-14)
        assert np.array_equal(moments.pivots, trace.values[:, 0])

    def test_observables_are_those_of_the_model(self) -> None:
        observe = dict.fromkeys(("u", "v", "theta", "imbalance", "norm"), lib.Trace(every=100))
        run = sampled(lib.models.scalar_product(), observe=observe, walkers=5)
        u, v = run.states.T
        for name, value in {"u": u, "v": v, "theta": u * v, "imbalance": u**2 - v**2, "norm": u**2 + v**2}.items():
            np.testing.assert_allclose(np.asarray(run[name])[:, -1], value, rtol=1e-13, atol=1e-15)

    def test_names_are_the_models_own(self) -> None:
        a, b = lib.parameters("a b")
        model = lib.Model(
            parameters=(a, b),
            predictor={"p": a * b},
            loss=(a * b - 2) ** 2 / 2,
            symmetry=lib.Scaling({a: 1, b: -1}),
            observables={"minus": -(b**2) + a**2},
        )
        run = sampled(model, observe={"minus": lib.Trace(every=100), "b": lib.Trace(every=100)})
        np.testing.assert_allclose(np.asarray(run["minus"])[:, 0], run.states[:, 0] ** 2 - run.states[:, 1] ** 2)
        np.testing.assert_array_equal(np.asarray(run["b"])[:, 0], run.states[:, 1])


class TestStart:
    """Walkers are laid out in pieces, between which Ctrl-C is heard."""

    @pytest.mark.parametrize(
        ("dynamics", "initial"),
        [(None, None), (None, [1.0, 0.5]), (None, np.arange(86.0).reshape(43, 2) / 86), (lib.GaugeFixed(0.5), None)],
    )
    def test_pieces_make_the_same_start(self, monkeypatch, dynamics, initial) -> None:
        settings = {"dynamics": dynamics, "initial": initial, "walkers": slice(5, 48), "dtype": "float32", "steps": 3}
        whole = sampled(lib.models.scalar_product(), **settings)
        for room in ("start", "bound"):
            monkeypatch.setattr(f"langevin_ib.sampling.loop.{room}.AT_ONCE", 20)
        pieces = sampled(lib.models.scalar_product(), **settings)
        assert pieces.states.tobytes() == whole.states.tobytes()

    def test_in_pieces_the_walker_off_the_slice_is_named(self, monkeypatch) -> None:
        monkeypatch.setattr("langevin_ib.sampling.loop.bound.AT_ONCE", 20)
        initial = np.ones((64, 2))
        initial[45] = 0.0
        with pytest.raises(LangevinError, match="walker 45 starts at u = 0, v = 0"):
            sampled(lib.models.scalar_product(), dynamics=lib.Constrained(0.5), initial=initial)


class TestDivergence:
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("scheme", ["euler-maruyama", "leimkuhler-matthews"])
    def test_an_unstable_step_names_the_walker_and_the_step(self, scheme, dtype) -> None:
        """Walkers at rest stay, the one that is off grows by |1 - k h| = 2 a step until it crosses the bound."""
        bound = 1e100 if dtype == "float64" else 1e18
        initial = np.zeros((100, 1))
        initial[77] = 1.0
        for threads in (1, 2):
            with pytest.raises(DivergenceError, match=r"walker 77 .* smaller step_size") as caught:
                sampled(
                    temperature=0,
                    step_size=3.0,
                    steps=1000,
                    walkers=100,
                    initial=initial,
                    dtype=dtype,
                    scheme=scheme,
                    threads=threads,
                )
            assert caught.value.walker == 77
            assert caught.value.step == int(np.ceil(np.log2(bound)))
            assert isinstance(caught.value, LangevinError)
            assert isinstance(caught.value, ArithmeticError)

    def test_the_first_walker_is_the_same_on_every_machine(self) -> None:
        found = set()
        for machine in ({"threads": 1}, {"threads": 3}, {"block": 32}, {"block": 512}, {"level": lib.levels()[0]}):
            with pytest.raises(DivergenceError) as caught:
                sampled(lib.models.scalar_product(), step_size=1.5, steps=5000, walkers=500, **machine)
            found.add((caught.value.walker, caught.value.step))
        assert len(found) == 1

    def test_walkers_are_counted_over_the_whole_run(self) -> None:
        # One step multiplies by 1 - 5.
        settings = {"step_size": 5.0, "temperature": 0.0, "steps": 10}
        with pytest.raises(DivergenceError) as caught:
            sampled(walkers=slice(1000, 1003), initial=np.array([[0.0], [9e99], [9e99]]), **settings)
        assert (caught.value.walker, caught.value.step) == (1001, 1)

    def test_overflow_of_single_precision_is_caught(self) -> None:
        settings = {"temperature": 0.0, "step_size": 1e-3, "initial": [1e10, 1e10], "steps": 3}
        model = lib.models.scalar_product()
        with pytest.raises(DivergenceError):
            sampled(model, **settings, dtype="float32")
        with pytest.raises(DivergenceError):
            sampled(lib.models.harmonic(), temperature=1e60, dtype="float32")

    def test_a_run_after_a_divergence_is_sound(self) -> None:
        reference = sampled().states
        with pytest.raises(DivergenceError):
            sampled(step_size=5.0, steps=2000)
        assert np.array_equal(sampled().states, reference)

    def test_mala_refuses_what_would_diverge(self) -> None:
        with pytest.warns(lib.StuckWalkers, match="MALA refused up to 200 proposals in a row"):
            run = sampled(lib.models.scalar_product(), step_size=10.0, scheme="mala", steps=200)
        assert np.isfinite(run.states).all()
        assert run.acceptance < 0.2
