"""SoftSlice, GaugeFixed and Constrained keep every promise of a run: bits, resuming, errors by name, no correction."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import _core
from langevin_ib.errors import DivergenceError, InvalidArgumentError, UnsupportedModelError
from langevin_ib.process import Process
from langevin_ib.sampling.loop.bound import bound_of

UV = lib.models.scalar_product(target=1.0)
CHAIN = lib.models.scalar_product(target=1.0, depth=3)
GL = lib.models.matrix_factorization(4, 3, 2, group="gl")
DIAGONAL = lib.models.matrix_factorization(3, 3, 2, group="diagonal")


def names(model: lib.Model) -> list[str]:
    return list(map(str, model.parameters))


CASES = {
    "soft": (UV, lib.SoftSlice(stiffness=3.0, weight_decay=0.1), "euler-maruyama"),
    "soft lm": (UV, lib.SoftSlice(stiffness=3.0, weight_decay=0.1), "leimkuhler-matthews"),
    "soft mala": (CHAIN, lib.SoftSlice(stiffness=3.0, weight_decay=0.1), "mala"),
    "block": (UV, lib.GaugeFixed(level=0.5), "euler-maruyama"),
    "absorbed": (UV, lib.GaugeFixed(at_zero="absorb"), "euler-maruyama"),
    "chain": (CHAIN, lib.GaugeFixed(level=(0.4, 0.3)), "euler-maruyama"),
    "columns": (DIAGONAL, lib.GaugeFixed(level=0.2), "euler-maruyama"),
    "gl": (GL, lib.GaugeFixed(), "euler-maruyama"),
    "rigid": (CHAIN, lib.Constrained(level=(0.4, 0.3)), "euler-maruyama"),
    "rigid mala": (UV, lib.Constrained(level=0.5, fixman=True), "mala"),
}
PRECISIONS = [("float64", "native"), ("float64", "single"), ("float32", "native")]


def sampled(case: str, **changes) -> lib.Run:
    model, dynamics, scheme = CASES[case]
    first = names(model)[0]
    settings = {
        "dynamics": dynamics,
        "scheme": scheme,
        "temperature": 0.3,
        "step_size": 0.01,
        "steps": 150,
        "burn_in": 5,
        "walkers": 170,
        "rng": 5,
        "threads": 1,
        "progress": False,
        "observe": {
            first: (lib.Histogram(bins=20, range=(-2.0, 2.0), every=3), lib.Moments(order=2), lib.Trace(every=10))
        },
    }
    return lib.sample(model, **(settings | changes))


def arrays(run: lib.Run) -> list[np.ndarray]:
    histogram, moments, trace = run[next(iter(run))]
    times = [run.absorption_times] if run.dynamics == lib.GaugeFixed(at_zero="absorb") else []
    return [run.states, histogram.raw_counts, moments.sums, trace.values, *times]


def same(one: lib.Run, other: lib.Run) -> bool:
    return one.acceptance == other.acceptance and all(
        a.tobytes() == b.tobytes() for a, b in zip(arrays(one), arrays(other), strict=True)
    )


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
@pytest.mark.parametrize("case", CASES)
def test_bits_do_not_depend_on_the_machine(case, dtype, noise):
    what = {"dtype": dtype, "noise": noise, "walkers": 400}
    reference = sampled(case, **what)
    assert np.isfinite(reference.states).all()
    machines = [{"level": level} for level in lib.levels()[:-1]]
    machines += [{"threads": 3, "block": 32}, {"block": 97}]
    assert all(same(sampled(case, **what, **machine), reference) for machine in machines)


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_is_cut_saved_pickled_and_resumed_is_the_run(case, tmp_path):
    whole = sampled(case)
    for cut in (15, 64, 100):
        part = sampled(case, steps=cut)
        part.save(tmp_path / "run.npz")
        loaded = lib.load(tmp_path / "run.npz")
        assert loaded.dynamics == part.dynamics
        assert same(loaded, part)
        assert same(loaded.resume(steps=150 - cut), whole)
        assert same(pickle.loads(pickle.dumps(part)).resume(steps=150 - cut), whole)


@pytest.mark.parametrize("case", CASES)
def test_a_run_with_checkpoints_is_the_run(case, tmp_path):
    kept = sampled(case, checkpoint=tmp_path / "run.npz", checkpoint_every=37)
    assert same(kept, sampled(case))
    assert same(sampled(case, checkpoint=tmp_path / "run.npz"), kept)


@pytest.mark.parametrize("case", CASES)
def test_shards_are_the_whole(case):
    whole = sampled(case)
    with ThreadPoolExecutor(2) as executor:
        assert same(sampled(case, executor=executor, shards=4), whole)
    parts = [sampled(case, walkers=slice(a, b)) for a, b in pairwise((0, 7, 64, 170))]
    assert np.concatenate([part.states for part in parts]).tobytes() == whole.states.tobytes()


def chi(model: lib.Model, states: np.ndarray) -> np.ndarray:
    function = sympy.lambdify(model.parameters, list(model.constraints()))
    return np.stack([np.broadcast_to(c, len(states)) for c in function(*states.T)], axis=1)


@pytest.mark.parametrize("case", ["block", "chain", "columns", "gl", "rigid", "rigid mala"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_walkers_stay_on_the_slice(case, dtype):
    run = sampled(case, dtype=dtype)
    off = np.abs(chi(run.model, run.states.astype(float)) - np.array(run.dynamics.level))
    assert off.max() < (1e-10 if dtype == "float64" else 2e-4)


@pytest.mark.parametrize("case", ["block", "chain", "columns", "gl"])
def test_the_way_along_the_orbit_is_that_of_balance_and_leaves_the_predictor(case):
    """`balance` shares no code with the core: it works on the group, by Newton's method in NumPy."""
    model, dynamics, _ = CASES[case]
    states = np.random.default_rng(2).normal(size=(200, model.dim))
    found = _core.lead(bound_of(Process(model, dynamics, 0.1)), states)
    np.testing.assert_allclose(found, lib.balance(model, states, level=dynamics.level), rtol=0, atol=2e-12)
    for component in model.predictor.values():
        function = sympy.lambdify(model.parameters, component)
        np.testing.assert_allclose(function(*found.T), function(*states.T), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("rows", "columns"), [((3, 4), 3), ((6, 5), 4)])
def test_larger_general_linear_groups_find_their_way(rows, columns):
    (m, n), r = rows, columns
    model = lib.models.matrix_factorization(m, n, r, group="gl")
    states = np.random.default_rng(0).normal(size=(100, model.dim))
    found = _core.lead(bound_of(Process(model, lib.GaugeFixed(), 0.1)), states)
    U, V = found[:, : m * r].reshape(-1, m, r), found[:, m * r :].reshape(-1, n, r)
    before = states[:, : m * r].reshape(-1, m, r) @ states[:, m * r :].reshape(-1, n, r).swapaxes(1, 2)
    np.testing.assert_allclose(U.swapaxes(1, 2) @ U, V.swapaxes(1, 2) @ V, rtol=0, atol=1e-11)
    np.testing.assert_allclose(U @ V.swapaxes(1, 2), before, rtol=0, atol=1e-11)


@pytest.mark.parametrize("case", ["chain", "gl", "columns"])
def test_the_way_of_a_walker_does_not_depend_on_its_neighbours(case):
    model, dynamics, _ = CASES[case]
    bound = bound_of(Process(model, dynamics, 0.1))
    states = np.random.default_rng(2).normal(size=(33, model.dim))
    together = _core.lead(bound, states)
    # A neighbour that finds no way at all, and one from very far away.
    states[1], states[2] = 0.0, states[2] * np.geomspace(1e-6, 1e6, model.dim)
    disturbed = _core.lead(bound, states)
    assert disturbed[3:].tobytes() == together[3:].tobytes()
    assert np.isnan(disturbed[1]).any()
    assert _core.lead(bound, states[:1]).tobytes() == together[:1].tobytes()


def test_orbits_from_far_away_find_their_way():
    scales = np.exp(np.random.default_rng(1).uniform(-11, 11, size=(300, 2)))
    scales = np.column_stack([scales, 1.0 / scales.prod(axis=1)])
    states = np.random.default_rng(2).normal(size=(300, 3))
    bound = bound_of(Process(CHAIN, lib.GaugeFixed(level=(0.4, 0.3)), 0.1))
    np.testing.assert_allclose(_core.lead(bound, states * scales), _core.lead(bound, states), rtol=1e-9)


def test_at_zero_temperature_the_predictor_descends_with_the_metric_of_the_slice():
    """One step of theta = u v: (u - h L' v) (v - h L' u), with u² + v² = 2 sqrt(c² + theta²)."""
    h, c, theta = 0.05, 0.5, 0.3
    run = sampled("block", temperature=0.0, step_size=h, steps=40, initial=(1.0, 0.3), walkers=3, observe=None)
    for _ in range(40):
        slope = theta - 1.0
        theta = theta * (1.0 + h**2 * slope**2) - h * slope * 2.0 * np.hypot(c, theta)
    np.testing.assert_allclose(run.states.prod(axis=1), theta, rtol=1e-13)


def test_one_step_from_balance_has_the_exact_moments():
    """E theta' = theta (1 - h L')², Var theta' = 4 T h theta (1 - h L')² + 4 T² h² at level 0; to 5 standard errors."""
    h, T, theta, n = 0.01, 0.3, 1.7, 200_000
    settings = {"temperature": T, "step_size": h, "steps": 1, "burn_in": 0, "walkers": n, "observe": None}
    after = sampled("absorbed", **settings, initial=(theta**0.5, theta**0.5)).states.prod(axis=1)
    kept = (1.0 - h * (theta - 1.0)) ** 2
    mean, variance = theta * kept, 4 * T * h * theta * kept + 4 * T**2 * h**2
    assert abs(after.mean() - mean) < 5 * (variance / n) ** 0.5
    assert abs(after.var() / variance - 1.0) < 5 * (2.0 / n) ** 0.5
    assert abs(after.mean() - theta) > 5 * (variance / n) ** 0.5


def test_gauge_fixing_adds_nothing_to_the_loss():
    assert lib.GaugeFixed(level=0.5).potential(UV) == UV.loss
    assert lib.Constrained(level=0.5).potential(UV) == UV.loss
    u, v = UV.parameters
    fixman = lib.Constrained(level=0.5, fixman=True).potential(UV, temperature=0.5)
    assert sympy.expand(fixman - UV.loss - sympy.log(u**2 + v**2) / 4) == 0


class TestZero:
    def test_who_is_absorbed_stays_there(self):
        run = sampled("absorbed", steps=300, initial=(0.3, 0.3))
        times = run.absorption_times
        dead = np.isfinite(times)
        assert times.shape == (170,)
        assert 50 < dead.sum() < 170
        assert not run.states[dead].any()
        assert (run.states[~dead] != 0.0).all()
        assert np.allclose(np.round(times[dead] / 0.01), times[dead] / 0.01, rtol=0, atol=1e-6)

    def test_the_time_is_that_of_the_first_zero(self):
        run = sampled("absorbed", steps=500, burn_in=0, initial=(0.3, 0.3), observe={"theta": lib.Trace(every=1)})
        alive = np.asarray(run["theta"]) != 0.0
        first = np.where(alive.all(axis=1), np.inf, (np.argmin(alive, axis=1) + 1) * 0.01)
        np.testing.assert_array_equal(run.absorption_times, first)

    def test_nobody_is_absorbed_before_the_first_step(self):
        started = sampled("absorbed", steps=15)
        assert started.absorption_times.shape == (170,)

    def test_pieces_are_absorbed_one_by_one(self):
        model = lib.models.hadamard(3, depth=2, target=[0.0, 0.5, 1.0])
        settings = {"temperature": 0.3, "step_size": 0.01, "steps": 400, "walkers": 200, "rng": 1, "progress": False}
        run = lib.sample(model, dynamics=lib.GaugeFixed(at_zero="absorb"), **settings)
        dead = np.isfinite(run.absorption_times)
        assert dead.shape == (200, 3)
        z = np.stack([sympy.lambdify(model.parameters, z)(*run.states.T) for z in model.predictor.values()], axis=1)
        assert ((z == 0.0) == dead).all()
        assert 0 < dead.sum() < dead.size

    def test_an_error_names_walker_and_step(self):
        absorbed = sampled("absorbed", steps=2000, initial=(0.3, 0.3)).absorption_times
        with pytest.raises(DivergenceError, match=r"reached zero at step .* at_zero='absorb'") as caught:
            sampled("absorbed", dynamics=lib.GaugeFixed(at_zero="error"), steps=2000, initial=(0.3, 0.3))
        assert caught.value.step == round(absorbed.min() / 0.01)
        assert caught.value.walker == int(np.argmin(absorbed))
        assert caught.value.cause == "reached zero"
        assert "step_size" not in str(caught.value)

    @pytest.mark.parametrize("model", [UV, CHAIN, lib.models.hadamard(2, depth=2)])
    def test_products_of_numbers_need_a_decision(self, model):
        with pytest.raises(InvalidArgumentError, match="at_zero='absorb' or at_zero='error'"):
            bound_of(Process(model, lib.GaugeFixed(), 0.1))

    def test_a_decision_without_need_is_refused(self):
        for model, level in [(UV, 0.5), (GL, 0.0), (lib.models.relu_neuron(3), 0.0)]:
            with pytest.raises(InvalidArgumentError, match="at_zero='absorb' has no effect"):
                bound_of(Process(model, lib.GaugeFixed(level=level, at_zero="absorb"), 0.1))

    def test_an_edge_of_the_slice_is_refused(self):
        with pytest.raises(UnsupportedModelError, match="can vanish together"):
            bound_of(Process(CHAIN, lib.GaugeFixed(level=(0.0, -0.3)), 0.1))
        bound_of(Process(CHAIN, lib.GaugeFixed(level=(0.0, 0.3)), 0.1))

    def test_square_matrices_have_no_law(self):
        with pytest.raises(UnsupportedModelError, match="no stationary law"):
            bound_of(Process(lib.models.matrix_factorization(2, 2, 2, group="gl"), lib.GaugeFixed(), 0.1))

    def test_slow_convergence_is_a_warning(self):
        settings = {"temperature": 0.3, "step_size": 0.01, "steps": 2, "walkers": 2, "rng": 1, "progress": False}
        with pytest.warns(UserWarning, match=r"O\(sqrt\(h\)\)"):
            lib.sample(lib.models.relu_neuron(2), dynamics=lib.GaugeFixed(), **settings)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            lib.sample(lib.models.relu_neuron(3), dynamics=lib.GaugeFixed(), **settings)

    @pytest.mark.parametrize("neurons", [1, 4, 7])
    def test_of_many_neurons_it_is_one_warning_that_names_them(self, neurons):
        settings = {"temperature": 0.3, "step_size": 0.01, "steps": 2, "walkers": 2, "rng": 1, "progress": False}
        with pytest.warns(UserWarning, match=r"O\(sqrt\(h\)\)") as caught:
            lib.sample(lib.models.relu_network(2, neurons), dynamics=lib.GaugeFixed(), **settings)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        message = str(caught[0].message)
        assert all(f"v{i})" in message for i in range(min(neurons, 4)))
        assert ("(7 pieces)" in message) == (neurons == 7)


class TestStart:
    def test_initial_states_are_moved_along_their_orbits(self):
        run = sampled("block", temperature=0.0, step_size=1e-30, steps=1, burn_in=0, initial=(4.0, 0.25), observe=None)
        np.testing.assert_allclose(run.states.prod(axis=1), 1.0, rtol=1e-14)

    @pytest.mark.parametrize(
        ("case", "point"), [("block", (0.0, 1.0)), ("absorbed", (1.0, 0.0)), ("absorbed", (0.0, 0.0))]
    )
    def test_who_never_meets_the_slice_is_named(self, case, point):
        initial = np.ones((170, 2))
        initial[7] = point
        with pytest.raises(InvalidArgumentError, match=r"walker 7 starts at .* does not meet"):
            sampled(case, initial=initial)

    def test_the_tip_of_a_rigid_slice_is_no_start(self):
        with pytest.raises(InvalidArgumentError, match=r"walker 0 .* no way along its normals"):
            sampled("rigid mala", initial=(0.0, 0.0))


class TestRefusals:
    @pytest.mark.parametrize("scheme", ["leimkuhler-matthews", "mala"])
    def test_gauge_fixing_is_of_first_order_whatever_the_scheme(self, scheme):
        with pytest.raises(InvalidArgumentError, match=r"first order .* Constrained\(level, fixman=True\)"):
            sampled("block", scheme=scheme)

    def test_noise_is_not_carried_between_tangent_spaces(self):
        with pytest.raises(InvalidArgumentError, match="tangent space"):
            sampled("rigid", scheme="leimkuhler-matthews")

    def test_levels_are_one_for_each_constraint(self):
        with pytest.raises(InvalidArgumentError, match="3 numbers, but the model has 2 constraints"):
            sampled("chain", dynamics=lib.GaugeFixed(level=(1, 2, 3)))

    def test_a_slice_that_orbits_do_not_reach(self):
        u, v = lib.parameters("u v")
        model = lib.Model(parameters=(u, v), predictor={"z": v}, loss=v**2, symmetry=lib.Scaling({u: 1}))
        with pytest.raises(InvalidArgumentError, match="do not reach"):
            bound_of(Process(model, lib.GaugeFixed(level=-1.0), 0.1))
        states = _core.lead(
            bound_of(Process(model, lib.GaugeFixed(level=2.0), 0.1)), np.array([[1e-5, 3.0], [7.0, 1.0]])
        )
        np.testing.assert_allclose(states, [[2.0, 3.0], [2.0, 1.0]], rtol=1e-15)

    def test_groups_that_are_neither_scalings_nor_general_linear(self):
        x, y, z = lib.parameters("x y z")
        boosts = [[[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0], [1, 0, 0]]]
        lorentz = lib.Linear([*boosts, [[0, 0, 0], [0, 0, -1], [0, 1, 0]]])
        square = x**2 - y**2 - z**2
        model = lib.Model(parameters=(x, y, z), predictor={"s": square}, loss=square**2, symmetry=lorentz)
        with pytest.raises(UnsupportedModelError, match="take Constrained"):
            bound_of(Process(model, lib.GaugeFixed(level=1.0), 0.1))
        assert bound_of(Process(model, lib.Constrained(level=1.0), 0.1)) is not None

    def test_constraints_that_are_too_many(self):
        """In one block, in all, and none of both."""
        with pytest.raises(UnsupportedModelError, match="hang together"):
            bound_of(Process(lib.models.scalar_product(18), lib.Constrained(level=0.5), 0.1))
        with pytest.raises(UnsupportedModelError, match="derivatives of 160 constraints"):
            bound_of(Process(lib.models.hadamard(160), lib.Constrained(level=0.5), 0.1))
        bound = bound_of(Process(lib.models.hadamard(20), lib.Constrained(level=0.5), 0.1))
        assert bound is not None
        assert bound[2] == [1] * 20

    def test_general_linear_groups_at_other_levels(self):
        with pytest.raises(UnsupportedModelError, match=r"no multiple of 1.*\(c on the diagonal of C, 0 elsewhere\)"):
            bound_of(Process(GL, lib.GaugeFixed(level=0.5), 0.1))
        with pytest.raises(UnsupportedModelError, match=r"level 0, only.*Constrained\(level, fixman=True\)"):
            bound_of(Process(GL, lib.GaugeFixed(level=(0.5, 0.0, 0.5)), 0.1))

    def test_a_slice_law_of_infinite_mass(self):
        with pytest.raises(InvalidArgumentError, match="infinite mass at zero"):
            bound_of(Process(UV, lib.Constrained(fixman=True), 0.1))
        assert bound_of(Process(UV, lib.Constrained(), 0.1)) is not None

    def test_models_without_symmetry(self):
        for dynamics in (lib.SoftSlice(1.0), lib.GaugeFixed(1.0), lib.Constrained(1.0)):
            with pytest.raises(InvalidArgumentError, match="constraints"):
                lib.sample(
                    lib.models.harmonic(dim=2), dynamics=dynamics, temperature=1, step_size=0.1, steps=1, walkers=1
                )

    def test_compiled_potentials(self):
        with pytest.raises(InvalidArgumentError, match="Ambient dynamics only"):
            sampled("block", potential=object())

    @pytest.mark.parametrize("make", [
        lambda: lib.SoftSlice(0.0), lambda: lib.SoftSlice(1.0, weight_decay=-1), lambda: lib.GaugeFixed(np.nan),
        lambda: lib.GaugeFixed("x"), lambda: lib.GaugeFixed(()), lambda: lib.GaugeFixed(at_zero="x"),
        lambda: lib.Constrained((0.0, np.inf)), lambda: lib.Constrained(fixman=1),
    ])  # fmt: skip
    def test_arguments_are_checked(self, make):
        with pytest.raises(InvalidArgumentError):
            make()

    def test_absorption_times_of_other_dynamics(self):
        with pytest.raises(InvalidArgumentError, match="absorbs no walkers"):
            _ = sampled("block").absorption_times

    def test_a_step_too_large_for_the_curvature_of_the_slice_is_named(self):
        with pytest.raises(DivergenceError, match=r"found no way back to the slice at step .* scheme='mala'") as caught:
            sampled("rigid", step_size=30.0, temperature=1.0, observe=None, burn_in=0)
        assert caught.value.cause == "no projection"


@pytest.mark.parametrize("case", CASES)
def test_an_automatic_step_is_found(case):
    run = sampled(case, step_size="auto", steps=40, observe=None, initial=1.0 if case == "absorbed" else None)
    assert 1e-5 < run.settings.step_size < 1.0


def test_a_slice_of_ones_own_holds_walkers():
    u, v = lib.parameters("u v")
    own = lib.Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=(u * v - 1) ** 2 / 2,
        symmetry=lib.Scaling({u: 1, v: -1}),
        slice={"chi": sympy.log(1 + v**2)},
    )
    settings = {"temperature": 0.3, "step_size": 0.05, "steps": 50, "walkers": 64, "rng": 1, "progress": False}
    for scheme in ("euler-maruyama", "mala"):
        run = lib.sample(own, dynamics=lib.Constrained(level=0.5), scheme=scheme, **settings)
        np.testing.assert_allclose(np.log1p(run.states[:, 1] ** 2), 0.5, rtol=1e-10)
    with pytest.raises(UnsupportedModelError, match="slice of its own"):
        lib.sample(own, dynamics=lib.GaugeFixed(level=0.5), **settings)


def test_dynamics_are_values():
    for dynamics in (lib.SoftSlice(2), lib.GaugeFixed([0.5, 1]), lib.Constrained(1, fixman=True)):
        assert eval(repr(dynamics), vars(lib)) == dynamics == pickle.loads(pickle.dumps(dynamics))
        assert hash(dynamics) == hash(pickle.loads(pickle.dumps(dynamics)))
