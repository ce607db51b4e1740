"""Code that is not an expression drives the walkers through a C function."""

# ruff: noqa: PLR0917 # the signature is C's

import ctypes
import pickle
from pathlib import Path

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import ArchiveError, DivergenceError, InvalidArgumentError
from langevin_ib.process.compiled_potential import SIGNATURE
from scipy import LowLevelCallable

DOUBLES = ctypes.POINTER(ctypes.c_double)
PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_int64, DOUBLES, DOUBLES, DOUBLES, ctypes.c_void_p)
ADDRESSES = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
WRONG = ctypes.CFUNCTYPE(ctypes.c_double, *6 * [ctypes.c_double])
NOTHING = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, *ADDRESSES)
SWAPPED = ctypes.CFUNCTYPE(ctypes.c_int32, *ADDRESSES, ctypes.c_int64, ctypes.c_int64)
SETTINGS = {"temperature": 0.1, "step_size": 0.02, "steps": 60, "walkers": 70, "rng": 2, "threads": 1}
MODEL = lib.models.scalar_product(target=1.0)
DYNAMICS = lib.Ambient(weight_decay=0.1)


def arrays(walkers, dim, x, gradient):
    return (np.ctypeslib.as_array(pointer, (dim, walkers)) for pointer in (x, gradient))


@PROTOTYPE
def product(walkers, dim, x, gradient, value, _):
    """(u v - 1)²/2, through Python: ctypes takes the lock by itself."""
    (u, v), slopes = arrays(walkers, dim, x, gradient)
    error = u * v - 1.0
    slopes[0], slopes[1] = error * v, error * u
    if value:
        np.ctypeslib.as_array(value, (walkers,))[:] = error**2 / 2
    return 0


@PROTOTYPE
def failing(walkers, dim, x, gradient, value, _):
    return 7


@PROTOTYPE
def nowhere(walkers, dim, x, gradient, value, _):
    _, slopes = arrays(walkers, dim, x, gradient)
    slopes[:] = np.nan
    return 0


def sample(potential, **changed):
    return lib.sample(MODEL, dynamics=DYNAMICS, potential=potential, **(SETTINGS | changed))


@pytest.mark.parametrize("scheme", ["euler-maruyama", "leimkuhler-matthews", "mala"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_compiled_potential_moves_walkers_like_its_formula(scheme, dtype):
    expected = lib.sample(MODEL, dynamics=DYNAMICS, scheme=scheme, dtype=dtype, **SETTINGS)
    found = sample(product, scheme=scheme, dtype=dtype)
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    assert np.abs(found.states - expected.states).max() < tolerance
    undriven = lib.sample(lib.models.harmonic(dim=2), dynamics=DYNAMICS, scheme=scheme, dtype=dtype, **SETTINGS)
    assert np.abs(undriven.states - expected.states).max() > 0.1


@pytest.mark.parametrize("wrap", [lambda f: f, LowLevelCallable], ids=["ctypes", "scipy"])
def test_both_doors_lead_to_the_same_bits_whatever_the_arrangement(wrap):
    expected = sample(product)
    for arrangement in ({}, {"threads": 2, "block": 32}, {"block": 4096}):
        assert np.array_equal(sample(wrap(product), **arrangement).states, expected.states)


def test_a_numba_function_runs_without_the_lock():
    numba = pytest.importorskip("numba")
    types = numba.types
    signature = types.int32(
        types.int64, types.int64, types.CPointer(types.double), types.CPointer(types.double),
        types.CPointer(types.double), types.voidptr,
    )  # fmt: skip

    @numba.cfunc(signature)
    def gradient(walkers, dim, x, gradient, value, user_data):
        u, v = numba.carray(x, (2, walkers))
        slopes = numba.carray(gradient, (2, walkers))
        for w in range(walkers):
            error = u[w] * v[w] - 1.0
            slopes[0, w], slopes[1, w] = error * v[w], error * u[w]
        return 0

    for function in (gradient, LowLevelCallable(gradient.ctypes)):
        found = sample(function, threads=2, block=32)
        assert np.abs(found.states - sample(product).states).max() < 1e-12


def test_other_types_of_numba_are_refused():
    numba = pytest.importorskip("numba")
    real = numba.types.float64

    @numba.cfunc(real(real, real, real, real, real, real))
    def wrong(a, b, c, d, e, f):
        return 0.0

    with pytest.raises(InvalidArgumentError, match="float64 where it does not belong"):
        sample(wrong)


def test_the_function_of_the_example_runs_under_every_scheme():
    """Only MALA asks for values; for the others there is no room for them."""
    pytest.importorskip("numba")
    text = (Path(__file__).parents[2] / "examples" / "compiled_potential.py").read_text(encoding="utf-8")
    own: dict = {}
    exec(text.split("# Derive")[0], own)
    for scheme in ("mala", "euler-maruyama", "leimkuhler-matthews"):
        settings = SETTINGS | {"scheme": scheme, "step_size": 1e-3}
        code, formula = (
            lib.sample(own["model"], potential=each, **settings).states for each in (own["four_wells"], None)
        )
        assert np.allclose(code, formula, rtol=0.0, atol=1e-12)


def test_user_data_arrive():
    target = ctypes.c_double(3.0)

    @PROTOTYPE
    def well(walkers, dim, x, gradient, value, user_data):
        places, slopes = arrays(walkers, dim, x, gradient)
        slopes[:] = places - ctypes.cast(user_data, DOUBLES)[0]
        return 0

    function = LowLevelCallable(well, ctypes.cast(ctypes.pointer(target), ctypes.c_void_p))
    run = lib.sample(MODEL, potential=function, **(SETTINGS | {"temperature": 0.0, "step_size": 1.0, "steps": 1}))
    np.testing.assert_allclose(run.states, 3.0, rtol=1e-15)


def test_observables_come_from_the_model():
    run = sample(product, observe={"theta": lib.Trace(every=60)})
    np.testing.assert_allclose(run["theta"].values[:, -1], run.states.prod(axis=1), rtol=1e-15)


def test_a_code_ends_the_run_and_is_named():
    with pytest.raises(InvalidArgumentError, match="returned 7"):
        sample(failing)


def test_a_gradient_that_is_nan_is_a_walker_that_diverged():
    with pytest.raises(DivergenceError, match="walker 0 diverged at step 1"):
        sample(nowhere)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x, "no compiled function"),
        (42, "no compiled function"),
        ("sin", "no compiled function"),
        (ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: x), "takes 1 arguments"),
        (PROTOTYPE(0), "NULL"),
        (WRONG(lambda *_: 0.0), "c_double where it does not belong"),
        (LowLevelCallable(WRONG(lambda *_: 0.0)), "double where it does not belong"),
        (NOTHING(lambda *_: None), "void where it does not belong"),
        (SWAPPED(lambda *_: 0), r"\* where it does not belong"),
    ],
)
def test_what_is_no_such_function_is_refused(function, words):
    with pytest.raises(InvalidArgumentError, match=words):
        sample(function)


def test_such_a_run_goes_on_but_stays_in_the_process(tmp_path):
    whole, half = sample(product), sample(product, steps=30)
    assert np.array_equal(half.resume(steps=30).states, whole.states)
    with pytest.raises(ArchiveError, match="CompiledPotential"):
        half.save(tmp_path / "run.npz")
    assert not (tmp_path / "run.npz").exists()
    with pytest.raises(InvalidArgumentError, match="checkpoint"):
        sample(product, checkpoint=tmp_path / "run.npz")
    with pytest.raises(TypeError, match="this process"):
        pickle.dumps(half.dynamics)


def test_neither_step_nor_law_come_without_a_formula():
    with pytest.raises(InvalidArgumentError, match="give a number"):
        sample(product, step_size="auto")
    with pytest.raises(InvalidArgumentError, match="no law"):
        lib.density(MODEL, "theta", dynamics=lib.Ambient(compiled=product), temperature=0.1)


def test_the_signature_is_where_sample_says() -> None:
    assert "see Notes" in lib.sample.__doc__
    notes = lib.sample.__doc__.split("Notes\n")[1]
    assert SIGNATURE in notes
    assert "x[coordinate * walkers + walker]" in notes
