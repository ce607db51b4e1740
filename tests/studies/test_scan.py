"""Scan: a grid of runs against laws as one Dataset; what fails fails alone, and Ctrl-C keeps what is done."""

from __future__ import annotations

import builtins
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import langevin_ib as lib
import numpy as np
import pytest
import xarray
from langevin_ib.errors import InvalidArgumentError

MODEL = lib.models.scalar_product()
SETTINGS = {
    "dynamics": lib.GaugeFixed(0.5),
    "observe": {"theta": lib.Histogram(bins=40, range=(-2.0, 4.0), every=10)},
    "step_size": 0.02,
    "steps": 2000,
    "burn_in": 500,
    "walkers": 256,
    "rng": 1,
    "progress": False,
}
GRID = {"temperature": [0.1, 0.3], "level": [0.5, 1.0]}


def scanned(over=GRID, model=MODEL, **changes) -> xarray.Dataset:
    return lib.scan(model, over, **(SETTINGS | changes))


WHOLE = scanned()


def test_every_point_agrees_with_its_law() -> None:
    assert dict(WHOLE.sizes) == {"temperature": 2, "level": 2, "observable": 1}
    assert (WHOLE["status"] == "done").all()
    # By chance one of 250 such scans fails.
    assert (WHOLE["pvalue"] > 1e-3).all()
    far = abs(WHOLE["mean"] - WHOLE["law_mean"]) / WHOLE["mean_error"]
    assert (far < 6).all()
    assert (WHOLE["law_error"] < 1e-9).all()


def test_a_point_is_the_run_that_its_values_say() -> None:
    law = lib.density(MODEL, "theta", dynamics=lib.GaugeFixed(1.0), temperature=0.3)
    point = WHOLE.sel(temperature=0.3, level=1.0, observable="theta")
    assert float(point["law_mean"]) == law.mean()
    assert float(point["law_std"]) == law.std()
    assert float(point["step_size"]) == 0.02


def test_another_process_would_be_seen() -> None:
    model = lib.Model(parameters=MODEL.parameters, predictor=MODEL.predictor, loss=MODEL.loss)
    wrong = scanned({"temperature": [0.3]}, model=model, dynamics=lib.Ambient(weight_decay=0.3))
    assert (
        abs(float(wrong["mean"].squeeze()) - float(WHOLE["law_mean"].sel(temperature=0.3, level=0.5).squeeze())) > 0.1
    )


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_point_has_the_same_bits_whoever_samples_it(kind) -> None:
    context = get_context("spawn")
    pool = ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(1, mp_context=context)
    with pool:
        other = scanned(executor=pool)
    xarray.testing.assert_identical(other.drop_vars("seconds"), WHOLE.drop_vars("seconds"))


def test_what_is_refused_is_refused_alone() -> None:
    found = scanned({"temperature": [0.3], "level": [0.0, 0.5]})
    assert "no stationary law" in str(found["status"].values[0, 0])
    assert np.isnan(found["mean"].values[0, 0])
    assert found["status"].values[0, 1] == "done"
    unstable = scanned({"step_size": [0.02, 50.0]}, temperature=0.3, scheme="euler-maruyama")
    assert str(unstable["status"].values[1]).startswith("diverged")
    assert unstable["status"].values[0] == "done"


def test_a_law_that_is_unknown_leaves_the_run() -> None:
    found = scanned({"temperature": [0.1]}, dynamics=lib.Ambient(), observe={"norm": SETTINGS["observe"]["theta"]})
    assert "no law of norm" in str(found["status"].values[0])
    assert np.isfinite(found["mean"]).all()
    assert np.isnan(found["pvalue"]).all()


def test_axes_may_be_arguments_of_a_function() -> None:
    def made(target: float) -> lib.Model:
        return lib.models.scalar_product(target=target)

    found = scanned({"target": [0.2, 0.9]}, model=made, temperature=0.1)
    assert found["law_mean"].values[0, 0] < found["law_mean"].values[1, 0]


def test_without_laws_there_are_runs() -> None:
    found = scanned(law=False, steps=600)
    assert np.isnan(found["pvalue"]).all()
    assert np.isfinite(found["mean"]).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"over": {}}, "over must map"),
        ({"over": {"colour": [1]}}, "'colour'.* is no axis"),
        ({"over": {"temperature": []}}, "must be a sequence"),
        ({"over": {"temperature": 0.1}}, "must be a sequence"),
        ({"observe": {"theta": lib.Moments()}}, "observe must map"),
        ({"dynamics": 3}, "dynamics must be"),
        ({"steps": -5}, "steps"),
    ],
)
def test_what_is_wrong_everywhere_is_an_error(changes, said) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        scanned(**changes)


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C as Python hears it by itself, also where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press(made: int, whole: int) -> None:
    if made > whole // 2:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("heard")
def test_ctrl_c_ends_all_of_it_and_keeps_what_was_done() -> None:
    with pytest.warns(lib.SamplingInterrupted, match="ended the scan after 2 of 4 points"):
        found = scanned(progress=press, law=False)
    assert found["status"].values.ravel().tolist() == ["done", "done", "not reached", "not reached"]
    assert found.attrs["interrupted"] == 1
    np.testing.assert_array_equal(found["mean"][0], scanned(law=False)["mean"][0])


@pytest.mark.usefixtures("heard")
def test_ctrl_c_ends_what_others_work_on() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.warns(lib.SamplingInterrupted, match="ended the scan after 3 of 4"):
        found = scanned(progress=press, law=False, executor=pool)
    assert sorted(found["status"].values.ravel().tolist()) == ["done", "done", "done", "not reached"]


def test_progress_counts_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    scanned(progress=lambda made, whole: told.append((made, whole)), law=False)
    made = [each for each, _ in told]
    assert made == sorted(made)
    assert told[-1] == (4 * 2000 * 256, 4 * 2000 * 256)


def test_without_xarray_the_error_says_what_to_install(monkeypatch) -> None:
    real = builtins.__import__

    def without_xarray(name, *rest, **options):
        if name == "xarray":
            raise ModuleNotFoundError("No module named 'xarray'", name=name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_xarray)
    with pytest.raises(ImportError, match="pip install xarray"):
        scanned()
