"""Laws are values: pickled, copied or sent to another process they come back with the same numbers, to the bit."""

import copy
import math
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import scipy.stats
import sympy
from langevin_ib import Density, models
from langevin_ib.laws.families.torus import TorusLaw
from langevin_ib.laws.request import LawRequest
from langevin_ib.model.expressions import compiled, compiled_together
from langevin_ib.process import Process
from law_numbers import normal_weight, numbers_of, numbers_of_all

T = 0.3
PRODUCT = models.scalar_product()
NEURON = models.relu_neuron(2)
AMBIENT = lib.Ambient(weight_decay=0.3)


def of_product(observable: str, dynamics: Any = AMBIENT, **more: Any) -> Density:
    return lib.density(PRODUCT, observable, dynamics=dynamics, temperature=T, **more)


def of_one_parameter() -> Density:
    (w,) = lib.parameters("w")
    x, y, i = sympy.IndexedBase("x"), sympy.IndexedBase("y"), sympy.Idx("i")
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=9), "y": rng.normal(size=9)}
    loss = sympy.Sum(sympy.Abs(x[i] * w - y[i]), (i, 0, 8))
    model = lib.Model(parameters=(w,), predictor={"w": w}, loss=loss, data=data)
    return lib.density(model, "w", dynamics=lib.Ambient(), temperature=T)


def of_level_sets(function: Callable[[Any, Any], Any]) -> Density:
    u, v = lib.parameters("u v")
    model = lib.Model(parameters=(u, v), predictor={"f": function(u, v)}, loss=u**2 + v**4)
    return lib.density(model, "f", dynamics=lib.Ambient(), temperature=T)


def of_matrix(observable: str) -> Density:
    base = models.matrix_factorization(4, 3, 2, group="gl")
    loss = sum(t**2 for t in base.predictor.values()) / 2
    model = lib.Model(
        parameters=base.parameters,
        predictor=dict(base.predictor),
        loss=loss,
        symmetry=base.symmetry,
        observables=dict(base.observables),
    )
    return lib.density(model, observable, dynamics=lib.GaugeFixed(0.0), temperature=T)


def of_torus() -> Density:
    model = models.scalar_product(3)
    request = LawRequest(process=Process(model, lib.GaugeFixed((0.4, 0.3)), T), observable="theta")
    torus = TorusLaw.recognise(request)
    assert torus is not None
    return torus.density()


def of_lambda() -> Density:
    return Density.from_log_weight(lambda x: -np.abs(x - 1.0), name="a law", reference="d x", breaks=[1.0])


LAWS: dict[str, Callable[[], Density]] = {
    "closed form": lambda: of_product("theta"),
    "pushed forward": lambda: of_product("theta", method="quadrature"),
    "imbalance": lambda: of_product("imbalance"),
    "norm": lambda: of_product("norm"),
    "u": lambda: of_product("u"),
    "soft slice": lambda: of_product("theta", lib.SoftSlice(2.0)),
    "slice": lambda: of_product("theta", lib.GaugeFixed(0.5)),
    "size on a slice": lambda: of_product("norm", lib.GaugeFixed(0.5)),
    "shell": lambda: of_product("theta", lib.Ambient(), given=("imbalance", -0.2, 0.3)),
    "given itself": lambda: of_product("theta").conditioned([(-1.0, 0.2), (0.5, math.inf)]),
    "neuron": lambda: lib.density(NEURON, "z0", dynamics=lib.GaugeFixed(0.5), temperature=T),
    "chain": lambda: lib.density(models.scalar_product(3), "theta", dynamics=lib.GaugeFixed((0.4, 0.3)), temperature=T),
    "torus": of_torus,
    "norm of a matrix": lambda: of_matrix("norm"),
    "angle of a matrix": lambda: of_matrix("angle"),
    "one parameter": of_one_parameter,
    "level sets": lambda: of_level_sets(lambda u, v: u * v + 1),
    "a quotient": lambda: of_level_sets(lambda u, v: u / v),
    "a bounded function": lambda: of_level_sets(lambda u, v: 1 / (1 + sympy.exp(-u * v))),
    "a function that turns": lambda: of_level_sets(lambda u, v: u / (1 + u**2)),
    "Gaussian": lambda: lib.density(models.harmonic(dim=2), "x0", dynamics=lib.Ambient(), temperature=T),
    "curve": lambda: lib.density(PRODUCT, "u", dynamics=lib.GaugeFixed(0.5), temperature=T),
    "time of absorption": lambda: lib.absorption_time(PRODUCT, 1.0, temperature=T).time,
    "survivors": lambda: lib.absorption_time(PRODUCT, -1.0, temperature=T).survivors,
    "a function of a module": lambda: Density.from_log_weight(normal_weight, name="a law", reference="d x"),
    "scipy": lambda: Density.from_scipy(scipy.stats.t(5.0), name="a law", reference="d x"),
}
RIVALS = {
    "product": lambda: lib.rivals(PRODUCT, "theta", dynamics=AMBIENT, temperature=T),
    "block": lambda: lib.rivals(PRODUCT, "theta", dynamics=lib.GaugeFixed(0.5), temperature=T),
    "chain": lambda: lib.rivals(models.scalar_product(3), "theta", dynamics=lib.GaugeFixed((0.4, 0.3)), temperature=T),
}
law_of = cache(lambda name: LAWS[name]())


numbers = cache(lambda name: numbers_of(law_of(name)))


@pytest.mark.long
@pytest.mark.parametrize("name", LAWS)
def test_laws_come_back_as_they_were(name: str) -> None:
    law = law_of(name)
    once = pickle.loads(pickle.dumps(law, pickle.HIGHEST_PROTOCOL))
    assert numbers_of(pickle.loads(pickle.dumps(once, 2))) == numbers(name)
    assert copy.copy(law) is law
    assert copy.deepcopy({"law": law})["law"] is law


@pytest.mark.parametrize("name", RIVALS)
def test_so_do_rivals(name: str) -> None:
    laws = RIVALS[name]()
    assert len(laws) >= 4
    back = pickle.loads(pickle.dumps(laws))
    for key, law in laws.items():
        assert numbers_of(back[key]) == numbers_of(law)


@pytest.mark.long
def test_and_in_another_process() -> None:
    names = list(LAWS)
    laws = [law_of(name) for name in names]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(numbers_of_all, laws).result(timeout=600)
    for name, found in zip(names, there, strict=True):
        assert found == numbers(name), name


def test_what_cannot_be_pickled_is_kept_as_panels() -> None:
    """The distribution function and its kin stay as they are, the density keeps some 12 digits."""
    law = of_lambda()
    back = pickle.loads(pickle.dumps(law))
    x = np.concatenate([law.ppf(np.linspace(0.0, 1.0, 401)), [0.0, 1.0, 30.0, -600.0]])
    for name in ("cdf", "sf", "logcdf"):
        np.testing.assert_array_equal(getattr(back, name)(x), getattr(law, name)(x))
    np.testing.assert_array_equal(back.rvs(1000, rng=1), law.rvs(1000, rng=1))
    finite = x[np.isfinite(x)]
    np.testing.assert_allclose(back.logpdf(finite), law.logpdf(finite), rtol=1e-10, atol=1e-11)
    assert back.mean() == law.mean()
    part, same = (each.conditioned([(0.5, 3.0)]) for each in (law, back))
    np.testing.assert_allclose(same.cdf(x), part.cdf(x), rtol=0, atol=1e-12)
    assert pickle.dumps(pickle.loads(pickle.dumps(back))) == pickle.dumps(back)


def test_functions_of_expressions_can_be_pickled() -> None:
    u, v = lib.parameters("u v")
    x, i = sympy.IndexedBase("x"), sympy.Idx("i")
    data = {"x": np.arange(3.0)}
    points = np.random.default_rng(0).normal(size=(2, 50))
    expression = sympy.Sum(sympy.exp(x[i] * u) - v, (i, 0, 2)) + sympy.sin(u * v)
    one, several = compiled(expression, [u, v], data), compiled_together([u * v, expression], [u, v], data)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one))(*points), one(*points))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(several))(*points), several(*points))
