"""SGD in the loop: what every walker sees and does, against plain Python; and one noise, whatever the arrangement."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from batches_reference import batch, walk
from descent_reference import by_differences, by_torch
from langevin_ib import _core
from langevin_ib.errors import DivergenceError, InvalidArgumentError
from langevin_ib.process import Process
from scipy import stats

ROWS = 7
RNG = np.random.default_rng(0)
X, Y = np.random.default_rng(1).normal(size=(ROWS, 2)), np.random.default_rng(2).normal(size=ROWS)
KINDS = {
    "draws": lib.SGD(3),
    "distinct": lib.SGD(3, replace=False),
    "all distinct": lib.SGD(ROWS, replace=False),
    "epochs": lib.SGD(3, epochs=True),
    "mask": lib.SGD(inclusion=0.4),
    "mask with a normalisation": lib.SGD(inclusion=0.4, normalisation=5.0, label_noise={"y": 0.3}),
    "always": lib.SGD(inclusion=1.0, normalisation=9.0),
    "label noise": lib.SGD(label_noise={"y": 0.3}, weight_decay=0.2),
    "both": lib.SGD(3, label_noise={"y": 0.3}, weight_decay=0.2),
    "gradient descent": lib.SGD(weight_decay=0.2),
}


def model() -> lib.Model:
    """(X0 a + X1 a b - y)²/2, its mean over rows, and something beside that."""
    a, b = lib.parameters("a b")
    i, x, y = sympy.Idx("i", ROWS), sympy.IndexedBase("X"), sympy.IndexedBase("y")
    mean = sympy.Sum((x[i, 0] * a + x[i, 1] * a * b - y[i]) ** 2, (i, 0, ROWS - 1)) / (2 * ROWS)
    return lib.Model(
        parameters=(a, b),
        predictor={"a": a},
        loss=mean + a**4 / 10,
        confinement=b**2 / 5,
        data={"X": X, "y": Y},
    )


MODEL = model()


def gradient(x, row, noise):
    error = X[row, 0] * x[0] + X[row, 1] * x[0] * x[1] - Y[row] - noise
    return error * np.array([X[row, 0] + X[row, 1] * x[1], X[row, 1] * x[0]])


def rest(x):
    return np.array([0.4 * x[0] ** 3, 0.4 * x[1]])


def sampled(sgd: lib.SGD, **changes) -> lib.Run:
    settings = {"step_size": 0.05, "steps": 9, "walkers": slice(5, 45), "rng": 1, "initial": [0.3, 0.7], "threads": 1}
    return lib.sample(MODEL, dynamics=sgd, progress=False, **(settings | changes))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_walker_makes_the_documented_steps(kind, dtype) -> None:
    run = sampled(KINDS[kind], dtype=dtype)
    what = {"start": [0.3, 0.7], "count": ROWS, "gradient": gradient, "rest": rest}
    expected = [walk(KINDS[kind], run.settings, w, **what) for w in range(5, 45)]
    tolerance = 1e-14 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(run.states, expected, rtol=0, atol=tolerance)
    if KINDS[kind].is_noisy and kind not in {"always", "all distinct"}:
        assert len(np.unique(run.states[:, 0])) > 35
    # A rival that must fail: the batch of the step after.
    other = lib.sample(
        MODEL,
        dynamics=KINDS[kind],
        step_size=0.05,
        steps=9,
        walkers=slice(6, 46),
        rng=1,
        initial=[0.3, 0.7],
        progress=False,
    )
    if len(np.unique(run.states[:, 0])) > 1:
        assert np.abs(other.states - expected).max() > 1e-3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", KINDS)
def test_same_bits_on_every_machine_and_however_a_run_is_cut(kind, dtype, tmp_path) -> None:
    what = {"steps": 30, "walkers": 300, "dtype": dtype, "observe": {"a": lib.Trace(every=7)}}
    whole = sampled(KINDS[kind], **what, level="portable")
    bits = whole.states.tobytes(), whole["a"].values.tobytes()
    machines = [{"level": level} for level in lib.levels()] + [{"block": block} for block in (32, 96, 1024)]
    for machine in [*machines, {"threads": 3, "block": 64}]:
        run = sampled(KINDS[kind], **what, **machine)
        assert (run.states.tobytes(), run["a"].values.tobytes()) == bits, machine
    part = sampled(KINDS[kind], **(what | {"walkers": slice(150, 220)}))
    assert part.states.tobytes() == whole.states[150:220].tobytes()
    for cut in (1, 8, 23):
        first = sampled(KINDS[kind], **(what | {"steps": cut, "observe": None}))
        first.save(tmp_path / "run.npz")
        loaded = lib.load(tmp_path / "run.npz")
        assert loaded.dynamics == KINDS[kind]
        assert loaded.resume(30 - cut, progress=False).states.tobytes() == whole.states.tobytes()


def test_shards_give_the_same_bits() -> None:
    what = {"steps": 40, "walkers": 200}
    with ThreadPoolExecutor(2) as pool:
        sharded = sampled(KINDS["both"], **what, executor=pool, shards=4)
    assert sharded.states.tobytes() == sampled(KINDS["both"], **what).states.tobytes()


def test_many_threads_find_the_same_bits_in_a_run_that_is_long_enough_for_them() -> None:
    what = {"steps": 400, "walkers": 512, "block": 32}
    one = sampled(KINDS["epochs"], **what)
    assert sampled(KINDS["epochs"], **what, threads=4).states.tobytes() == one.states.tobytes()


def test_ctrl_c_keeps_what_is_done_and_the_rest_is_the_same_to_the_bit() -> None:
    def press(made: int, steps: int) -> None:
        if 0 < made < steps:
            raise KeyboardInterrupt

    what = {"steps": 40_000, "walkers": 200}
    with pytest.warns(lib.SamplingInterrupted):
        run = lib.sample(
            MODEL, dynamics=KINDS["epochs"], step_size=0.05, rng=1, initial=[0.3, 0.7], progress=press, **what
        )
    assert 0 < run.steps < 40_000
    assert run.resume(progress=False).states.tobytes() == sampled(KINDS["epochs"], **what).states.tobytes()


def test_processes_travel() -> None:
    given = lib.SGD(given=lib.GivenBatches(rows=[[1, 2]] * 9, label_noise={"y": np.ones((9, 2))}))
    for sgd in (KINDS["both"], given):
        process = Process.of(MODEL, sgd)
        assert pickle.loads(pickle.dumps(process)) == process
        assert hash(pickle.loads(pickle.dumps(sgd))) == hash(sgd)


def test_large_batches_are_made_ready_in_pieces_that_change_no_bit() -> None:
    rows = 3000
    x, y = RNG.normal(size=(rows, 3)), RNG.normal(size=rows)
    net = lib.models.relu_neuron(3, data=(x, y))
    what = {"step_size": 0.1, "steps": 3, "rng": 0, "progress": False, "threads": 1}
    sgd = lib.SGD(2001, label_noise={"y": 0.5})
    small, large = (lib.sample(net, dynamics=sgd, walkers=96, block=block, **what) for block in (32, 96))
    assert small.states.tobytes() == large.states.tobytes()
    full = lib.sample(net, dynamics=lib.SGD(rows, replace=False), walkers=32, **what)
    descent = lib.sample(net, temperature=0.0, walkers=32, **what)
    np.testing.assert_allclose(full.states, descent.states, rtol=1e-12)


def test_walkers_see_the_same_rows_in_single_precision() -> None:
    single, double = (sampled(KINDS["distinct"], dtype=dtype) for dtype in ("float32", "float64"))
    np.testing.assert_allclose(single.states, double.states, atol=1e-6)


def test_a_temperature_adds_the_noise_of_langevin_dynamics() -> None:
    still, warm = sampled(KINDS["draws"], steps=1), sampled(KINDS["draws"], steps=1, temperature=0.3)
    normals = _core.normals(warm.settings.key, (5, 45), (0, 1), 2)[:, 0]
    np.testing.assert_allclose(warm.states - still.states, np.sqrt(2 * 0.3 * 0.05) * normals, rtol=1e-12, atol=1e-15)


# Each of the three compares counts with an exact law; a right generator fails one of them with probability 1e-4.
LIMIT = 1e-4


def test_distinct_rows_are_a_uniform_subset() -> None:
    subsets = [tuple(sorted(batch(lib.SGD(2, replace=False), 99, w, 3, 4))) for w in range(3000)]
    counts = np.unique(subsets, axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > LIMIT
    # The rows of draws with replacement are none.
    pairs = [tuple(sorted(batch(lib.SGD(2), 99, w, 3, 4))) for w in range(3000)]
    assert len(set(pairs)) == 10


def test_orders_are_uniform_permutations() -> None:
    sgd = lib.SGD(1, epochs=True)
    orders = [tuple(batch(sgd, 99, w, 4 * epoch + k, 4)[0] for k in range(4)) for w in range(1500) for epoch in (0, 1)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > LIMIT


def test_masks_are_independent_coins() -> None:
    sgd = lib.SGD(inclusion=0.3)
    sizes = [len(batch(sgd, 99, w, 5, 6)) for w in range(3000)]
    expected = 3000 * stats.binom.pmf(np.arange(7), 6, 0.3)
    counts = np.bincount(sizes, minlength=7)
    assert stats.chisquare([*counts[:5], counts[5:].sum()], [*expected[:5], expected[5:].sum()]).pvalue > LIMIT


def test_divergence_names_the_seed_the_step_and_a_stable_step() -> None:
    with pytest.raises(DivergenceError, match=r"walker \d+ diverged at step \d+.*step_size=[\d.e-]+ is stable"):
        sampled(KINDS["draws"], step_size=50.0, steps=200)


class TestGivenBatches:
    """A run that sees what another one saw is that run; and arrays mean what they say."""

    @pytest.mark.parametrize("kind", [kind for kind, sgd in KINDS.items() if sgd.is_noisy])
    def test_a_replayed_run_has_the_same_bits(self, kind, tmp_path) -> None:
        sgd = KINDS[kind]
        run = sampled(sgd)
        seen = run.batches()
        assert (seen.steps, seen.walkers) in {(9, 45), (9, None)}
        divisor = None if sgd.inclusion is None else sgd.normalisation or sgd.inclusion * ROWS
        again = lib.SGD(given=seen, weight_decay=sgd.weight_decay, normalisation=divisor)
        replay = sampled(again, rng=99)
        assert replay.states.tobytes() == run.states.tobytes()
        assert replay.batches() == seen
        half = sampled(again, rng=99, steps=4)
        half.save(tmp_path / "half.npz")
        loaded = lib.load(tmp_path / "half.npz")
        assert loaded.dynamics == again
        assert loaded.resume(5, progress=False).states.tobytes() == run.states.tobytes()

    def test_rows_weights_and_noise_are_those_of_the_arrays(self) -> None:
        rng = np.random.default_rng(7)
        rows, weights, noise = rng.integers(0, ROWS, (3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
        given = lib.GivenBatches(rows=rows, weights=weights, label_noise={"y": noise})
        run = sampled(lib.SGD(given=given, normalisation=1.7), steps=3, walkers=2)
        x = np.array([0.3, 0.7])
        for step in range(3):
            each = [weights[step, k] * gradient(x, rows[step, k], noise[step, k]) for k in range(4)]
            x = x - 0.05 * (np.sum(each, axis=0) / 1.7 + rest(x))
        np.testing.assert_allclose(run.states, [x, x], rtol=1e-13)

    def test_what_counts_nothing_may_be_anything(self) -> None:
        a = lib.parameters("a")[0]
        i, y = sympy.Idx("i", 2), sympy.IndexedBase("y")
        odd = lib.Model(
            parameters=(a,),
            predictor={"a": a},
            loss=sympy.Sum(sympy.exp(y[i] * a), (i, 0, 1)),
            data={"y": [0.5, 709.0]},
        )
        given = lib.GivenBatches(weights=np.tile([1.0, 0.0], (5, 1)))
        run = lib.sample(
            odd,
            dynamics=lib.SGD(given=given, normalisation=1.0),
            step_size=0.1,
            steps=5,
            walkers=4,
            rng=0,
            initial=-1.0,
            progress=False,
        )
        walker = -1.0
        for _ in range(5):
            walker -= 0.1 * 2 * 0.5 * np.exp(0.5 * walker)
        np.testing.assert_allclose(run.states, walker, rtol=1e-13)

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ({}, "gives nothing"),
            ({"rows": [[0.5]]}, "integers from 0 on"),
            ({"rows": [[-1]]}, "integers from 0 on"),
            ({"rows": [1, 2]}, "give \\(steps, B\\)"),
            ({"rows": np.empty((0, 3), int)}, "none of them zero"),
            ({"weights": [[np.nan]]}, "weights holds nan at \\[0, 0\\]"),
            ({"rows": [[0, 1]], "weights": [[1.0]]}, "not as many steps and places"),
            ({"rows": np.zeros((2, 3, 1), int), "weights": np.ones((4, 3, 1))}, "as many in each"),
            ({"label_noise": [1.0]}, "must map names"),
        ],
    )
    def test_wrong_arrays_are_refused(self, arguments, reason) -> None:
        with pytest.raises(InvalidArgumentError, match=reason):
            lib.GivenBatches(**arguments)

    @pytest.mark.parametrize(
        ("given", "others", "reason"),
        [
            ({"rows": [[ROWS]] * 9}, {}, "but rows are 0 to 6"),
            ({"rows": [[1]] * 8}, {}, "is for 8 steps, not steps=9"),
            ({"rows": np.ones((44, 9, 1), int)}, {}, "not for walker 44"),
            ({"weights": np.ones((9, 3))}, {"normalisation": 1.0}, "is for all 7 rows in order"),
            ({"weights": np.ones((9, ROWS))}, {}, "weights need normalisation="),
            ({"rows": [[1]] * 9}, {"batch_size": 2}, "two ways to draw a batch"),
            ({"rows": [[1]] * 9}, {"normalisation": 2.0}, "weights only"),
            ({"label_noise": {"z": np.ones((9, ROWS))}}, {}, "'z' is no array"),
            ({"label_noise": {"X": np.ones((9, ROWS))}}, {}, "uses 2 entries"),
            ({"label_noise": {"y": np.ones((9, ROWS))}}, {"label_noise": {"y": 0.1}}, "given and to be drawn as well"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, given, others, reason) -> None:
        with pytest.raises(InvalidArgumentError, match=reason):
            sampled(lib.SGD(given=lib.GivenBatches(**given), **others))

    def test_only_sgd_draws_batches(self) -> None:
        with pytest.raises(InvalidArgumentError, match="draws no batches"):
            sampled(lib.SGD()).batches()
        with pytest.raises(InvalidArgumentError, match="is for 9 steps, not steps=10"):
            sampled(lib.SGD(given=lib.GivenBatches(rows=[[1]] * 9))).resume(1, progress=False)


@pytest.mark.parametrize(("differentiate", "tolerance"), [(by_differences, 1e-8), (by_torch, 1e-12)])
def test_a_training_step_is_the_gradient_of_the_loss_as_it_is_written(differentiate, tolerance) -> None:
    """One step of a network, with batches, label noise and weight decay."""
    rng = np.random.default_rng(3)
    x, y, start = rng.normal(size=(20, 3)), rng.normal(size=20), rng.normal(size=(8, 20))
    rows, noise = rng.integers(0, 20, (8, 1, 4)), rng.normal(size=(8, 1, 4))
    given = lib.GivenBatches(rows=rows, label_noise={"y": noise})
    what = {"step_size": 0.1, "steps": 1, "walkers": 8, "rng": 0, "initial": start, "progress": False}
    run = lib.sample(
        lib.models.relu_network(3, 5, data=(x, y)), dynamics=lib.SGD(given=given, weight_decay=0.2), **what
    )
    for walker in range(8):

        def loss(theta, library, walker=walker):
            layer = theta.reshape(5, 4)
            inputs, labels = (library.asarray(z) for z in (x[rows[walker, 0]], y[rows[walker, 0]] + noise[walker, 0]))
            hidden = inputs @ layer[:, :3].T
            output = (hidden * (hidden > 0)) @ layer[:, 3]
            return ((output - labels) ** 2).mean() / 2 + 0.1 * (theta**2).sum()

        moved = start[walker] - 0.1 * differentiate(loss, start[walker])
        np.testing.assert_allclose(run.states[walker], moved, rtol=tolerance, atol=tolerance)
