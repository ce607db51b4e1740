"""Reproducible: equal seeds give equal bits whatever the threads, levels, blocks and shards; inputs stay the same."""

from __future__ import annotations

import itertools

import langevin_ib as lib
import numpy as np
import pytest

MODELS = {"product": (lib.models.scalar_product(), "theta"), "harmonic": (lib.models.harmonic(dim=3), "x1")}
SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")
PRECISIONS = [("float64", "native"), ("float64", "single"), ("float32", "native")]
WALKERS = 200  # no multiple of any block

OBSERVERS = (lib.Histogram(bins=37, range=(-1.0, 1.5), every=3), lib.Moments(every=2, order=3), lib.Trace(every=50))


def sampled(model="product", **changes) -> lib.Run:
    chosen, observable = MODELS[model]
    settings = {
        "temperature": 0.1,
        "step_size": 0.01,
        "steps": 230,
        "burn_in": 30,
        "walkers": WALKERS,
        "rng": 5,
        "threads": 1,
        "progress": False,
        "observe": {observable: OBSERVERS},
    }
    return lib.sample(chosen, **(settings | changes))


def arrays(run: lib.Run) -> list[np.ndarray]:
    histogram, moments, trace = run[next(iter(run))]
    return [run.states, histogram.raw_counts, moments.sums, trace.values]


def assert_same_bits(run: lib.Run, reference: lib.Run) -> None:
    for ours, theirs in zip(arrays(run), arrays(reference), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()
    assert run.acceptance == reference.acceptance


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("model", MODELS)
def test_same_bits_on_every_machine(model, scheme, dtype, noise) -> None:
    # Enough work that the core wakes the threads asked for.
    what = {"model": model, "scheme": scheme, "dtype": dtype, "noise": noise, "walkers": 3 * WALKERS}
    reference = sampled(**what, level="portable")
    assert np.isfinite(reference.states).all()
    assert np.unique(reference.states[:, 0]).size == 3 * WALKERS
    machines = [{"threads": threads} for threads in (2, 3, 4)]
    machines += [{"level": level} for level in lib.levels()]
    machines += [{"block": block} for block in (32, 33, 96, 1024)]
    machines += [{"threads": 3, "block": 32, "level": lib.levels()[0]}]
    for machine in machines:
        assert_same_bits(sampled(**what, **machine), reference)


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("cuts", [(0, 100, 200), (0, 7, 16, 17, 63, 64, 65, 130, 200), (0, 1, 200)])
def test_shards_are_the_whole(cuts, scheme, dtype, noise) -> None:
    what = {"scheme": scheme, "dtype": dtype, "noise": noise}
    whole = arrays(sampled(**what))
    parts = [sampled(**what, walkers=slice(a, b)) for a, b in itertools.pairwise(cuts)]
    states, counts, sums, values = zip(*map(arrays, parts), strict=True)
    assert np.concatenate(states).tobytes() == whole[0].tobytes()
    assert np.concatenate(sums).tobytes() == whole[2].tobytes()
    assert np.concatenate(values).tobytes() == whole[3].tobytes()
    assert np.array_equal(sum(counts), whole[1])
    # The results themselves add up, too, as merging shards is what they are for.
    merged = parts[0]["theta"][0]
    for part in parts[1:]:
        merged = merged + part["theta"][0]
    assert merged == sampled(**what)["theta"][0]


def test_a_shard_far_out_is_a_shard() -> None:
    first = 2**40 - 40
    both = sampled(walkers=slice(first, first + 40))
    apart = [sampled(walkers=slice(first, first + 9)), sampled(walkers=slice(first + 9, first + 40))]
    assert np.array_equal(both.states, np.concatenate([run.states for run in apart]))
    assert not np.array_equal(both.states, sampled(walkers=40).states)


def test_shards_start_from_their_part_of_the_initial_states() -> None:
    initial = np.linspace(-1.0, 1.0, 2 * WALKERS).reshape(WALKERS, 2)
    whole = sampled(initial=initial)
    part = sampled(initial=initial[50:90], walkers=slice(50, 90))
    assert np.array_equal(part.states, whole.states[50:90])


def test_what_is_observed_does_not_change_the_walk() -> None:
    assert np.array_equal(sampled(observe=None).states, sampled().states)


def test_steps_do_not_depend_on_how_many_follow() -> None:
    short = sampled(steps=130)
    long = sampled(steps=230, observe={"theta": lib.Trace(every=1)}, burn_in=0)
    np.testing.assert_array_equal(short.states.prod(axis=1), np.asarray(long["theta"])[:, 129])


class TestSeeds:
    def test_an_integer_is_a_seed(self) -> None:
        assert_same_bits(sampled(rng=3), sampled(rng=3))
        assert not np.array_equal(sampled(rng=3).states, sampled(rng=4).states)

    def test_whatever_numpy_takes_is_a_seed(self) -> None:
        reference = sampled(rng=3)
        for same in (np.int64(3), np.random.SeedSequence(3), np.random.PCG64(3), np.random.default_rng(3)):
            assert_same_bits(sampled(rng=same), reference)

    def test_a_generator_advances(self) -> None:
        generator = np.random.default_rng(3)
        first, second = sampled(rng=generator), sampled(rng=generator)
        assert_same_bits(first, sampled(rng=3))
        assert first.settings.key != second.settings.key
        assert not np.array_equal(first.states, second.states)

    def test_a_bit_generator_advances(self) -> None:
        bits = np.random.PCG64(3)
        assert not np.array_equal(sampled(rng=bits).states, sampled(rng=bits).states)

    def test_a_seed_sequence_stays_as_it_is(self) -> None:
        sequence = np.random.SeedSequence([1, 2])
        assert_same_bits(sampled(rng=sequence), sampled(rng=sequence))
        assert sequence.n_children_spawned == 0

    def test_numpys_global_generator_is_left_alone(self) -> None:
        np.random.seed(1)  # noqa: NPY002 - the global generator is what is looked at
        before = np.random.get_state()[1].copy()  # noqa: NPY002 - as above
        sampled(rng=None)
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002 - as above

    def test_no_seed_is_a_new_seed_every_time(self) -> None:
        keys = {sampled(rng=None, steps=40, observe=None).settings.key for _ in range(5)}
        assert len(keys) == 5

    def test_all_128_bits_of_the_key_count(self) -> None:
        keys = [sampled(rng=seed, steps=40, observe=None).settings.key for seed in range(20)]
        assert all(key >> 64 and key & (2**64 - 1) for key in keys)
        assert max(key.bit_length() for key in keys) > 120


def start_of(initial, **changes) -> np.ndarray:
    """Where walkers were one tiny noiseless step ago, to the last bits."""
    still = {"temperature": 0.0, "step_size": 1e-300, "steps": 1, "burn_in": 0, "walkers": 4, "observe": None}
    return sampled(**(still | changes), initial=initial).states


ROWS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])


LAYOUTS = {
    "contiguous": ROWS,
    "list": ROWS.tolist(),
    "Fortran order": np.asfortranarray(ROWS),
    "strided": np.repeat(ROWS, 2, axis=0)[::2],
    "negative strides": ROWS[::-1].copy()[::-1],
    "big-endian": ROWS.astype(">f8"),
    "without a mask": np.ma.array(ROWS),
    **{kind.__name__: ROWS.astype(kind) for kind in (np.float16, np.float32, np.longdouble, np.int64, np.uint8)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_initial_states_of_any_layout(layout) -> None:
    np.testing.assert_array_equal(start_of(LAYOUTS[layout]), ROWS)


@pytest.mark.parametrize(
    ("initial", "expected"),
    [([1.0, 2.0], [1.0, 2.0]), (np.array([[1, 2]]), [1.0, 2.0]), (3, [3.0, 3.0]), (np.float32(0.5), [0.5, 0.5])],
)
def test_one_start_for_all_walkers(initial, expected) -> None:
    np.testing.assert_array_equal(start_of(initial), np.broadcast_to(expected, (4, 2)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("given", [np.float64, np.float32])
def test_initial_states_are_never_modified(dtype, given) -> None:
    initial = np.linspace(-1.0, 1.0, 2 * WALKERS, dtype=given).reshape(WALKERS, 2)
    before = initial.copy()
    first = sampled(initial=initial, dtype=dtype)
    np.testing.assert_array_equal(initial, before)
    initial.flags.writeable = False
    second = sampled(initial=initial, dtype=dtype)
    assert_same_bits(first, second)
    assert not np.shares_memory(first.states, initial)


def test_the_default_start_is_standard_normal() -> None:
    """By default walkers start at independent standard normals of their own, whose mean and variance are right."""
    start = start_of(None, walkers=50_000)
    assert np.unique(start).size == start.size
    # Five standard errors: a false alarm less than once in a million.
    assert np.abs(start.mean(axis=0)).max() < 5 / 50_000**0.5
    assert np.abs(start.var(axis=0) - 1.0).max() < 5 * (2 / 50_000) ** 0.5
    # It is drawn apart from the noise of the steps, and does not depend on it.
    one_step = sampled("harmonic", steps=1, burn_in=0, observe=None, temperature=0.5, step_size=1.0, walkers=50_000)
    noise = one_step.states[:, :2]  # x' = x - x + noise
    assert (
        np.abs((noise * start_of(None, model="harmonic", walkers=50_000)[:, :2]).mean(axis=0)).max() < 5 / 50_000**0.5
    )
