"""What changes the imbalance along training: exact for gradient descent, right in the mean for SGD; and refusals."""

from __future__ import annotations

import dataclasses

import langevin_ib as lib
import numpy as np
import pytest
import scipy.stats
from langevin_ib.errors import InvalidArgumentError, UnsupportedModelError

SOURCE = np.random.default_rng(20261130)
INPUTS = SOURCE.normal(size=(30, 2))
LABELS = np.maximum(INPUTS @ [1.0, 0.5], 0.0) - np.maximum(INPUTS @ [-0.3, 0.8], 0.0) + 0.2 * SOURCE.normal(size=30)
NET = lib.models.relu_network(2, 2, data=(INPUTS, LABELS))
ETA = 0.1


def trained(dynamics, *, walkers=1, steps=60, every=1):
    run = lib.sample(
        NET,
        dynamics=dynamics,
        step_size=ETA,
        steps=steps,
        walkers=walkers,
        rng=3,
        initial=np.tile([0.9, 0.4, -0.5, 0.8, 0.6, -0.9], (walkers, 1)),
        observe={"state": lib.States(every=every)},
        progress=False,
    )["state"]
    return run, lib.imbalance_budget(NET, run.values, run.steps, dynamics=dynamics, step_size=ETA)


@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_gradient_descent_has_no_other_cause_than_its_steps_and_the_weight_decay(decay) -> None:
    """q changes step by step by the rate at the state before: the trapezoidal rule, moved by half a step."""
    _, budget = trained(lib.SGD(weight_decay=decay))
    assert np.all(budget.batches == 0.0)
    assert np.all(budget.labels == 0.0)
    rates = np.diff(budget.finite_steps + budget.weight_decay, axis=1)
    change = np.diff(budget.imbalance, axis=1)
    # The rule's piece is the mean of this step's change and of the next one's.
    np.testing.assert_allclose((change[:, :-1] + change[:, 1:]) / 2.0, rates[:, :-1], rtol=2e-9, atol=1e-14)


@pytest.mark.long
def test_sgd_changes_the_imbalance_in_the_mean_as_expected() -> None:
    """What is left over has the mean 0: z-tests of 600 seeds, false alarm once in 10^4; without a cause it has not."""
    dynamics = lib.SGD(batch_size=2, label_noise={"y": 2.0})
    _, budget = trained(dynamics, walkers=600, steps=8)
    # The first rate counts half in the rule and wholly in truth, the last one the other way round.
    pieces = np.diff(budget.expected, axis=1)
    left = budget.imbalance[:, -2] - budget.expected[:, -2] - (pieces[:, 0] - pieces[:, -1]) / 2.0

    def pvalue(rest) -> float:
        return float(scipy.stats.ttest_1samp(rest, 0.0, axis=0).pvalue.min())

    assert pvalue(left) > 1e-4
    assert pvalue(left + budget.labels[:, -2]) < 1e-6
    assert pvalue(left + budget.batches[:, -2]) < 1e-6


def test_ratios_are_those_of_the_two_sides_and_follow_from_the_first_imbalance() -> None:
    states, budget = trained(lib.SGD())
    places = {str(x): i for i, x in enumerate(NET.parameters)}
    w = states.values[..., [[places["w00"], places["w01"]], [places["w10"], places["w11"]]]]
    v = states.values[..., [places["v0"], places["v1"]]]
    np.testing.assert_allclose(budget.ratio, np.abs(v) / np.linalg.norm(w, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(budget.imbalance, (w**2).sum(axis=-1) - v**2, rtol=1e-12)
    np.testing.assert_allclose(budget.predicted_ratio[:, 0], budget.ratio[:, 0], rtol=1e-12)
    rho = (w**2).sum(axis=-1) + v**2
    q = budget.imbalance[:, :1]
    with np.errstate(invalid="ignore"):  # where norms have become too small for the first imbalance
        predicted = np.sqrt((rho - q) / (rho + q))
    np.testing.assert_allclose(budget.predicted_ratio, predicted, rtol=1e-12)


def test_bad_arguments() -> None:
    states, sgd = np.ones((3, 6)), lib.SGD()
    with pytest.raises(InvalidArgumentError, match="3 increasing whole numbers"):
        lib.imbalance_budget(NET, states, [1, 2], dynamics=sgd, step_size=0.1)
    for wrong in ([3, 2, 1], [1, 1, 2], [0.5, 1, 2], [1, 2, np.nan], "abc"):
        with pytest.raises(InvalidArgumentError):
            lib.imbalance_budget(NET, states, wrong, dynamics=sgd, step_size=0.1)
    for points in (np.ones(6), np.ones((0, 6)), np.ones((3, 5)), np.full((3, 6), np.nan)):
        with pytest.raises(InvalidArgumentError):
            lib.imbalance_budget(NET, points, [1, 2, 3], dynamics=sgd, step_size=0.1)
    with pytest.raises(InvalidArgumentError, match="must be SGD"):
        lib.imbalance_budget(NET, states, [1, 2, 3], dynamics=lib.Ambient(), step_size=0.1)
    with pytest.raises(InvalidArgumentError, match="step_size"):
        lib.imbalance_budget(NET, states, [1, 2, 3], dynamics=sgd, step_size=0.0)
    odd = dataclasses.replace(NET, confinement=NET.parameters[0] ** 4)
    with pytest.raises(UnsupportedModelError, match="no weight decay"):
        lib.imbalance_budget(odd, states, [1, 2, 3], dynamics=sgd, step_size=0.1)
