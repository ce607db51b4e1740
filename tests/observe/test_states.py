"""`States`, and looks at given steps: what is kept, when, and that no arrangement of the run changes a bit of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.errors import InvalidArgumentError

AT = (1, 2, 5, 17, 18, 60, 90)
U, V = lib.parameters("u v")
MODELS = {
    "closed form": (lib.models.scalar_product(target=0.7), lib.Ambient(weight_decay=0.2)),
    "tape": (
        lib.Model(parameters=(U, V), predictor={"theta": U * V}, loss=sympy.log(1 + (U * V) ** 2) + U**2 + V**2),
        lib.Ambient(),
    ),
    "slice": (lib.models.scalar_product(target=0.7), lib.GaugeFixed(level=0.5)),
    "rigid": (lib.models.scalar_product(target=0.7), lib.Constrained(level=0.5)),
}
SETTINGS = {"temperature": 0.3, "step_size": 0.01, "steps": 100, "burn_in": 10, "walkers": 100, "rng": 3}
OBSERVE = {
    "states": (lib.States(at=AT), lib.States(every=7)),
    "u": (lib.Trace(at=AT), lib.Trace(every=7)),
    "v": (lib.Trace(at=AT), lib.Trace(every=7)),
}


def sampled(name: str = "closed form", **changes) -> lib.Run:
    model, dynamics = MODELS[name]
    return lib.sample(model, dynamics=dynamics, progress=False, **(SETTINGS | {"observe": OBSERVE} | changes))


def bits(run: lib.Run) -> list[bytes]:
    return [kept.tobytes() for kept in run.progressed.kept]


class TestValues:
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("name", MODELS)
    def test_states_are_the_coordinates(self, name, dtype) -> None:
        run = sampled(name, dtype=dtype)
        for states, u, v in zip(run["states"], run["u"], run["v"], strict=True):
            assert states.values.dtype == np.dtype(dtype)
            np.testing.assert_array_equal(states.values, np.stack([u.values, v.values], axis=2))

    @pytest.mark.parametrize("scheme", ["euler-maruyama", "leimkuhler-matthews", "mala"])
    def test_they_are_those_of_runs_that_end_there(self, scheme) -> None:
        run = sampled(scheme=scheme, step_size=0.05)
        at, every = run["states"]
        for states in (at, every):
            for step, values in zip(states.steps, states.values.swapaxes(0, 1), strict=True):
                shorter = sampled(scheme=scheme, step_size=0.05, steps=10 + int(step), observe={})
                np.testing.assert_array_equal(shorter.states, values)

    def test_steps_and_times_count_from_the_end_of_the_burn_in(self) -> None:
        at, every = sampled()["states"]
        assert at.steps.tolist() == list(AT)
        assert every.steps.tolist() == list(range(7, 91, 7))
        np.testing.assert_allclose(at.times, 0.01 * np.array(AT))
        assert np.asarray(at).shape == (100, len(AT), 2)
        assert repr(at) == "StatesResult(100 walkers × 7 draws of 2 coordinates, at 7 steps from 1 to 90)"

    def test_looks_beyond_the_end_are_not_made_until_the_run_goes_on(self) -> None:
        run = sampled(observe={"u": lib.Trace(at=[5, 50, 500])}, steps=70)
        assert run["u"].steps.tolist() == [5, 50]
        longer = run.resume(500, progress=False)
        assert longer["u"].steps.tolist() == [5, 50, 500]
        np.testing.assert_array_equal(longer["u"].values[:, :2], run["u"].values)


class TestArrangements:
    @pytest.mark.parametrize("name", MODELS)
    def test_no_bit_depends_on_the_arrangement(self, name, tmp_path) -> None:
        whole = sampled(name)
        for changes in ({"threads": 1}, {"threads": 2, "block": 32}, *({"level": level} for level in lib.levels())):
            assert bits(sampled(name, **changes)) == bits(whole), changes
        with ThreadPoolExecutor(2) as executor:
            assert bits(sampled(name, executor=executor, shards=3)) == bits(whole)
        for cut in (17, 18, 28, 99):
            sampled(name, steps=cut).save(tmp_path / "run.npz")
            assert bits(lib.load(tmp_path / "run.npz").resume(100 - cut, progress=False)) == bits(whole)

    def test_a_shard_of_the_walkers_has_theirs(self) -> None:
        part, whole = sampled(walkers=slice(32, 71)), sampled()
        np.testing.assert_array_equal(part["states"][0].values, whole["states"][0].values[32:71])


class TestRequests:
    def test_steps_are_put_in_order_each_once(self) -> None:
        assert lib.States(at=np.array([9, 3, 3])) == lib.States(at=[3, 9])
        assert hash(lib.Trace(at=[1, 2])) == hash(lib.Trace(at=(2, 1)))
        assert repr(lib.Trace(at=range(1, 100))) == "Trace(at=[1, 2, ..., 99], 99 steps)"

    @pytest.mark.parametrize("kind", [lib.Trace, lib.States])
    @pytest.mark.parametrize(
        "arguments",
        [{}, {"every": 1, "at": [1]}, {"at": []}, {"at": [0]}, {"at": [1.5]}, {"at": 3}, {"at": ["a"]}, {"every": 0}],
    )
    def test_what_says_not_when_is_refused(self, kind, arguments) -> None:
        with pytest.raises(InvalidArgumentError):
            kind(**arguments)

    @pytest.mark.parametrize("name", ["u", "theta", "", 3])
    def test_states_have_a_name_of_their_own(self, name) -> None:
        with pytest.raises(InvalidArgumentError, match="give it a name that is no observable's"):
            sampled(observe={name: lib.States(every=10)})

    def test_a_look_that_never_comes_is_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"observe\['u'\].* never looks.*look earlier"):
            sampled(observe={"u": lib.Trace(at=[91])})
