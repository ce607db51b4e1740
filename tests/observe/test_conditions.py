"""A histogram under a condition counts what the trace of both observables says, in every arrangement."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import scipy.special
import scipy.stats
import sympy
from langevin_ib import Ambient, Histogram, Model, Run, Trace, levels, load, models, sample
from langevin_ib.comparison import compare
from langevin_ib.errors import InvalidArgumentError
from langevin_ib.laws.line.distribution import Density
from numpy.typing import NDArray

MODEL = models.scalar_product()
DYNAMICS = Ambient(weight_decay=0.3)
GIVEN = ("imbalance", -0.25, 0.5)
SPEC = Histogram(bins=12, range=(-0.5, 2.0), given=GIVEN)


def run(model: Model = MODEL, *, spec: Histogram = SPEC, steps: int = 60, **arrangement: Any) -> Run:
    observe = {"theta": (spec, Trace(every=1)), "imbalance": Trace(every=1)}
    settings = {"temperature": 0.2, "step_size": 0.02, "burn_in": 5, "walkers": 200, "rng": 3}
    return sample(model, dynamics=DYNAMICS, steps=steps, observe=observe, **settings | arrangement)


def expected(found: Run) -> tuple[NDArray[np.int64], int]:
    """Counts of all walkers together, from the traces."""
    theta, imbalance = found["theta"][1].values, found["imbalance"].values
    held = (imbalance >= GIVEN[1]) & (imbalance < GIVEN[2])
    inside = np.digitize(theta[held], np.linspace(*SPEC.range, SPEC.bins + 1))
    return np.bincount(inside, minlength=SPEC.bins + 2), int((~held).sum())


@pytest.mark.parametrize("loss", [None, lambda theta: sympy.sqrt(1 + (theta - 1) ** 2)], ids=["closed form", "tape"])
def test_counts_are_those_of_the_traces(loss: object) -> None:
    found = run(models.scalar_product(loss=loss))
    histogram = found["theta"][0]
    counts, elsewhere = expected(found)
    assert histogram.slot_counts.sum(axis=0).tolist() == counts.tolist()
    assert histogram.elsewhere == elsewhere > 1000
    assert histogram.total == counts.sum() > 1000
    assert histogram.group_looks.sum() == 200 * 55


@pytest.mark.parametrize(
    "arrangement", [{"threads": 2}, {"block": 32}, *({"level": level} for level in levels())], ids=str
)
def test_no_arrangement_changes_a_count(arrangement: dict[str, object]) -> None:
    plain, other = run()["theta"][0], run(**arrangement)["theta"][0]
    assert np.array_equal(plain.raw_counts, other.raw_counts)


def test_resumed_and_saved_runs_count_on(tmp_path: Path) -> None:
    whole = run()["theta"][0]
    run(steps=23).save(tmp_path / "run.npz")
    resumed = load(tmp_path / "run.npz").resume(steps=37)["theta"][0]
    assert resumed == whole
    assert pickle.loads(pickle.dumps(whole)) == whole


def test_one_end_may_be_infinite_and_then_the_rest_is_elsewhere() -> None:
    below, above = (
        run(spec=Histogram(bins=12, range=(-0.5, 2.0), given=given))["theta"][0]
        for given in (("imbalance", -np.inf, 0.1), ("imbalance", 0.1, np.inf))
    )
    assert below.total == above.elsewhere > 0
    assert above.total == below.elsewhere > 0


def test_a_shell_of_the_ambient_process_has_the_shells_law_and_not_the_unconditioned_one() -> None:
    """Given |u² - v²| <= 2 eps: a factor 2 asinh(eps / |theta|), and the weight decay under it."""
    T, decay, eps = 0.2, 0.3, 0.25
    found = sample(
        MODEL,
        dynamics=Ambient(weight_decay=decay),
        temperature=T,
        step_size=0.05,
        steps=6000,
        burn_in=500,
        walkers=1024,
        rng=7,
        scheme="mala",
        observe={"theta": Histogram(bins=60, range=(-1.0, 2.6), every=5, given=("imbalance", -2 * eps, 2 * eps))},
    )["theta"]

    def log_weight(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        # The integral of exp(-decay sqrt(q² + 4 theta²) / (2 T)) / sqrt(q² + 4 theta²) over q = u² - v², in s with
        # q = 2 |theta| sinh s, by Gauss-Legendre.
        size = np.abs(theta)[..., None]
        with np.errstate(divide="ignore"):
            end = np.arcsinh(eps / size)
        nodes, weights = np.polynomial.legendre.leggauss(80)
        s = end * (nodes + 1) / 2
        inner = (weights * np.exp(-decay * size * np.cosh(s) / T)).sum(axis=-1) * end[..., 0]
        return np.log(inner) - (theta - 1) ** 2 / (2 * T)

    law = Density.from_log_weight(log_weight, name="shell", reference="d theta", support=(-np.inf, np.inf))
    whole = Density.from_log_weight(
        lambda theta: np.log(scipy.special.k0(decay * np.abs(theta) / T)) - (theta - 1) ** 2 / (2 * T),
        name="no shell",
        reference="d theta",
        support=(-np.inf, np.inf),
    )
    assert compare(found, law).pvalue > 1e-4
    assert compare(found, whole).pvalue < 1e-6


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (("imbalance", 1.0, 1.0), "holds nowhere"),
        (("imbalance", 0.0, np.nan), "hi of given"),
        ("imbalance", "is no condition"),
        (("imbalance", 0.0), "is no condition"),
        ((3, 0.0, 1.0), "is no condition"),
    ],
)
def test_conditions_that_mean_nothing_are_refused(given: object, match: str) -> None:
    with pytest.raises(InvalidArgumentError, match=match):
        Histogram(bins=3, range=(0, 1), given=given)


def test_unknown_observables_and_conditions_that_never_held_are_named() -> None:
    with pytest.raises(InvalidArgumentError, match="unknown observable 'q'"):
        run(spec=Histogram(bins=3, range=(0, 1), given=("q", 0, 1)))
    never = run(spec=Histogram(bins=3, range=(0, 1), given=("imbalance", 50, 60)))["theta"][0]
    law = Density.from_scipy(scipy.stats.norm(), name="normal", reference="d theta")
    with pytest.raises(InvalidArgumentError, match="its condition given = "):
        compare(never, law)


@pytest.mark.parametrize(
    ("model", "observable", "dynamics"),
    [
        (lib.models.scalar_product(), "theta", lib.Ambient(0.3)),
        (lib.models.scalar_product(), "u", lib.Ambient(0.3)),
        (lib.models.scalar_product(), "u", lib.SoftSlice(stiffness=3.0)),
        (lib.models.scalar_product(), "theta", lib.GaugeFixed(level=0.5)),
        (lib.models.relu_neuron(2), "w0", lib.Ambient(0.3)),
        (lib.models.hadamard(2), "u0", lib.Ambient(0.3)),
        (lib.models.harmonic(dim=2), "x0", lib.Ambient()),
    ],
)
def test_a_law_given_the_observable_itself_is_the_law_conditioned(model, observable, dynamics) -> None:
    law = lib.density(model, observable, dynamics=dynamics, temperature=0.3)
    lo, median, hi = (float(law.ppf(p)) for p in (0.2, 0.4, 0.8))
    given = lib.density(model, observable, dynamics=dynamics, temperature=0.3, given=(observable, lo, hi))
    assert given.cdf(lo) == 0.0
    assert given.cdf(hi) == 1.0
    assert given.cdf(median) == pytest.approx(1.0 / 3.0, abs=1e-6)


def test_a_histogram_and_a_law_given_the_observable_itself_belong_together() -> None:
    model, given = lib.models.scalar_product(), ("theta", 0.2, 0.9)
    system = {"dynamics": lib.Ambient(0.3), "temperature": 0.3}
    keep = {"theta": lib.Histogram(bins=14, range=(0.2, 0.9), every=20, given=given)}
    settings = {"step_size": 0.02, "steps": 4000, "burn_in": 1000, "walkers": 2048, "rng": 4, "progress": False}
    run = lib.sample(model, scheme="mala", observe=keep, **system, **settings)
    # A right law is called wrong in one of a thousand seeds; the law without its condition is no law of this histogram.
    assert lib.compare(run["theta"], lib.density(model, "theta", given=given, **system)).consistent(1e-3)
    assert not lib.compare(run["theta"], lib.density(model, "theta", **system)).consistent(1e-3)
