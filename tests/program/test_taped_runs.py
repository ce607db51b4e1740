"""A model that has no closed-form kernel runs as a tape: in the same loop, with the same promises."""

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib import _core
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError
from langevin_ib.process import Process
from langevin_ib.sampling.loop import Driver, driver

U, V = lib.parameters("u v")
SCHEMES = ("euler-maruyama", "leimkuhler-matthews", "mala")
PRECISIONS = (("float64", "native"), ("float64", "single"), ("float32", "native"))


def neuron() -> lib.Model:
    """A confined logistic neuron on some data."""
    x, y = sympy.IndexedBase("X"), sympy.IndexedBase("y")
    i = sympy.Idx("i", 5)
    margin = y[i] * U * (V * x[i, 0] + x[i, 1])
    source = np.random.default_rng(3)
    return lib.Model(
        parameters=(U, V),
        predictor={"w": U * V},
        loss=sympy.Sum(sympy.log(1 + sympy.exp(-margin)), (i, 0, 4)),
        confinement=(U**4 + V**4) / 4,
        observables={"angle": sympy.atan(U / (1 + V**2)), "norm": sympy.sqrt(U**2 + V**2)},
        data={"X": source.standard_normal((5, 2)), "y": np.array([1.0, -1.0, 1.0, 1.0, -1.0])},
    )


SETTINGS = {"temperature": 0.3, "step_size": 0.02, "steps": 150, "burn_in": 30, "walkers": 200, "rng": 4}
OBSERVE = {
    "w": lib.Histogram(bins=40, range=(-2.0, 2.0), every=3),
    "angle": (lib.Moments(order=2), lib.Trace(every=50)),
    "u": lib.Trace(every=60),
}


def same(one, other) -> bool:
    """Whether two runs agree to the bit, with all that they kept."""
    return (
        np.array_equal(one.states, other.states)
        and np.array_equal(one["w"].to_numpy()[0], other["w"].to_numpy()[0])
        and np.array_equal(one["u"].values, other["u"].values)
        and np.array_equal(one["angle"][0].sums, other["angle"][0].sums)
        and np.array_equal(one["angle"][1].values, other["angle"][1].values)
    )


@pytest.fixture
def as_a_tape(monkeypatch) -> Iterator[Callable[[], None]]:
    """What hides the closed forms; the drivers that are made meanwhile are not left to other tests."""

    def hide() -> None:
        monkeypatch.setattr(driver, "kernel_of", lambda model: None)
        monkeypatch.setattr(driver, "watchable", lambda model, name, kernel: None)
        driver._made.cache_clear()

    yield hide
    driver._made.cache_clear()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
def test_the_product_model_moves_like_its_own_tape(as_a_tape, scheme, dtype, noise):
    """The two round their sums in another order, and nothing else: a wrong weight decay is seen at once."""
    settings = SETTINGS | {"scheme": scheme, "dtype": dtype, "noise": noise}
    model = lib.models.scalar_product(target=1.0)
    closed = lib.sample(model, dynamics=lib.Ambient(weight_decay=0.1), **settings)
    as_a_tape()
    assert Driver.of(Process(model, lib.Ambient(), 0.1)).is_taped
    taped, wrong = (lib.sample(model, dynamics=lib.Ambient(weight_decay=w), **settings) for w in (0.1, 0.1001))
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    assert np.abs(taped.states - closed.states).max() < tolerance
    assert np.abs(wrong.states - closed.states).max() > (1e-6 if dtype == "float64" else 0)


@pytest.mark.parametrize("level", _core.levels())
def test_the_gradient_of_the_product_model_is_that_of_its_tape_to_two_ulps(as_a_tape, level):
    """One step of h = 1 at T = 0 shows the gradient, to the ulps of its largest term."""
    model = lib.models.scalar_product(target=1.0)
    states = np.random.default_rng(0).standard_normal((500, 2))
    settings = {"temperature": 0.0, "step_size": 1.0, "steps": 1, "walkers": 500, "level": level, "initial": states}
    closed = lib.sample(model, dynamics=lib.Ambient(weight_decay=0.1), **settings).states
    as_a_tape()
    taped = lib.sample(model, dynamics=lib.Ambient(weight_decay=0.1), **settings).states
    largest = np.abs(states).max(axis=1) * (1.0 + np.abs(states.prod(axis=1) - 1.0))
    assert (np.abs(closed - taped) <= 2.0 * np.spacing(largest)[:, None]).all()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
def test_taped_runs_do_not_depend_on_the_arrangement(scheme, dtype, noise, tmp_path):
    settings = SETTINGS | {"scheme": scheme, "dtype": dtype, "noise": noise, "observe": OBSERVE}
    model = neuron()
    one = lib.sample(model, threads=1, **settings)
    for level in _core.levels():
        assert same(one, lib.sample(model, threads=1, level=level, **settings)), level
    for block in (32, 96, 4096):
        assert same(one, lib.sample(model, threads=2, block=block, **settings)), block
    with ThreadPoolExecutor(2) as executor:
        assert same(one, lib.sample(model, executor=executor, shards=3, **settings))
    half = lib.sample(model, threads=1, **(settings | {"steps": 100}))
    half.save(tmp_path / "half.npz")
    loaded = lib.load(tmp_path / "half.npz")
    assert loaded.model == model
    assert same(one, loaded.resume(steps=50))


def test_observables_are_tapes_too():
    run = lib.sample(neuron(), **(SETTINGS | {"observe": {"angle": lib.Trace(every=1), "norm": lib.Trace(every=1)}}))
    u, v = run.states.T
    np.testing.assert_allclose(run["angle"].values[:, -1], np.arctan(u / (1 + v**2)), rtol=1e-15)
    np.testing.assert_allclose(run["norm"].values[:, -1], np.hypot(u, v), rtol=1e-15)


@pytest.mark.parametrize("scheme", ["leimkuhler-matthews", "mala"])
def test_the_law_of_one_parameter_comes_out(scheme):
    """V = log cosh + quartic, by quadrature; false-alarm rate 1e-4, and a law 10 % too warm must be refused."""
    (x,) = lib.parameters("x,")
    model = lib.Model(parameters=(x,), predictor={"x": x}, loss=2 * sympy.log(sympy.cosh(x - 1)), confinement=x**4 / 8)
    run = lib.sample(
        model, temperature=0.5, step_size=0.02 if scheme != "mala" else 0.3, steps=6000, burn_in=500, walkers=1024,
        rng=9, scheme=scheme, observe={"x": lib.Histogram(bins=50, range=(-2.0, 3.0))},
    )  # fmt: skip
    laws = [lib.density(model, "x", dynamics=lib.Ambient(), temperature=T) for T in (0.5, 0.55)]
    assert lib.compare(run["x"], laws[0]).consistent(alpha=1e-4)
    assert not lib.compare(run["x"], laws[1]).consistent(alpha=1e-6)


@pytest.mark.parametrize(
    ("loss", "start", "words"),
    [
        (1 / U + U**2, [0.0, 1.0], ["walker 0", "division by zero", "u"]),
        (sympy.log(U) + U**2, [-1.0, 1.0], ["walker 0", "logarithm of a negative number", "u"]),
        (sympy.sqrt(U - 2) + V**2, [1.0, 1.0], ["square root of a negative number", "u - 2"]),
        (sympy.exp(1000 * U) + V**2, [1.0, 1.0], ["overflow", "1000*u"]),
    ],
)
def test_a_start_where_the_gradient_does_not_exist_is_refused(loss, start, words):
    model = lib.Model(parameters=(U, V), predictor={"u": U}, loss=loss)
    with pytest.raises(InvalidArgumentError) as caught:
        lib.sample(model, temperature=0.1, step_size=0.01, steps=5, walkers=3, initial=start)
    for word in words:
        assert word in str(caught.value)


def test_an_unsupported_function_is_named():
    model = lib.Model(parameters=(U,), predictor={"u": U}, loss=sympy.gamma(U**2 + 1))
    with pytest.raises(UnsupportedModelError, match="gamma"):
        lib.sample(model, temperature=0.1, step_size=0.01, steps=5, walkers=3)


def test_auto_steps_by_the_measured_curvature():
    """V = (u² + 9 v²)/2 written so that it is a tape: the largest curvature is 9."""
    model = lib.Model(parameters=(U, V), predictor={"u": U}, loss=(U**2 + 9 * V**2) / 2)
    assert Driver.of(Process(model, lib.Ambient(), 0.1)).is_taped
    run = lib.sample(model, temperature=0.1, step_size="auto", steps=5, walkers=8)
    assert run.settings.step_size == pytest.approx(0.05 / 9.0, rel=1e-6)


def test_auto_steps_by_power_iteration_in_many_dimensions():
    x = sympy.symbols("x:60", real=True)
    loss = sum(sympy.cosh(a - b) for a, b in zip(x[1:], x[:-1], strict=True)) + sum(a**2 for a in x) / 2
    model = lib.Model(parameters=x, predictor={"x0": x[0]}, loss=loss)
    run = lib.sample(model, temperature=1e-6, step_size="auto", steps=5, walkers=8, initial=np.zeros(60))
    exact = 1.0 + 2.0 - 2.0 * np.cos(np.pi * 59 / 60)
    assert 0.05 / run.settings.step_size == pytest.approx(exact, rel=0.03)


def test_a_driver_is_the_same_in_every_process():
    models = neuron(), pickle.loads(pickle.dumps(neuron()))
    one, other = (Driver.of(Process(model, lib.Ambient(), 0.1)).potential for model in models)
    for mine, theirs in zip(one, other, strict=True):
        assert np.array_equal(mine["code"], theirs["code"])
        assert np.array_equal(mine["constants"], theirs["constants"])
