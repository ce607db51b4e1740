"""Figure 2: a layer of 16 ReLU neurons that learns from a teacher, and why its norms balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...display import colour
from .arms import Arm, Array, Matched, Problem, looks
from .balance_of_pairs import control_figures, differing, drift, effect, off, pair_views, unbalanced
from .bands import band, drawing, drifts, extremes
from .descent import Descent
from .experiment import Difference, Experiment, Measured, Plan
from .published import draw_published, published
from .rectified import Layer, MeanLayer, noise_of_rows, population_loss

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ReluLayer"]

INPUTS, NEURONS, BATCH = 3, 16, 8
RATE, NOISE, UNBALANCE = 5e-5, 0.1, 1.2
TEACHER, STUDENT = 1.5, 0.05
"""Standard deviations of the weights of the teacher, and of the student at first."""

REST_NEURONS, REST_RATE, REST_NOISE, REST_STEPS = 4, 2e-3, 1.0, 2_000_000
"""A configuration in which noise on labels does bring neurons to rest: batches of one, a large step, much noise."""

AXIS, CAPTION = 40_000, 30_000
"""Where the published picture ends, and where its caption calls the ratios balanced."""

DECAY, PACE = 0.02, 2
"""The weight decay of a control, for the paper's loss; how many iterations one along the exact gradient stands for.

Controls with exact gradients end where the published picture does."""

CONTROLS = {
    "clean": "no label noise",
    "decay": f"weight decay {DECAY}",
    "exact": "exact gradient",
    "langevin": "the same and isotropic noise",
}

BESIDE = {"clean": "without label noise", "langevin": "with isotropic noise of the same size"}
"""The controls that the sentence names."""


class ReluLayer(Experiment):
    """A shallow ReLU student of a teacher of its size, with fresh inputs and noise on labels, by SGD."""

    name = "fig2"
    title = "ReLU layer: |v| / |w| of every neuron under SGD"
    claim = "noise drives the norms of incoming and outgoing weights of each neuron to balance"
    steps = 500_000
    quick_steps = 20_000
    together = 16
    published = needed = ("noisy",)
    differences: ClassVar[tuple[Difference, ...]] = (
        Difference(
            "loss",
            "(ŷ − y)², batch unstated",
            "mean over the batch of 8",
            "code: the sum has 0.2 at 4e4, published 1.0",
        ),
        Difference("accuracy", "loss 6.3e-2", "800 fresh noisy samples of one seed", "the exact mean over all inputs"),
        Difference("unbalance", "exponents over r_k in (62), over h in (63)", "h; rows of W × s, v / s", "code"),
        Difference("time", "balanced since epoch 3e4", "iterations; there are no epochs", "iterations"),
        Difference("picture", "the columns of W", "the rows of W, every 10 iterations up to 4e4", "rows, to the end"),
        Difference("precision", "unstated", "float32", "float64: the statistics are the same"),
    )

    def draw(self, rng: np.random.Generator, plan: Plan) -> dict[str, Array]:
        """Return teacher and student, and those of the control; rows are neurons, (w0, w1, w2, v)."""
        del plan
        student = STUDENT * rng.normal(size=(NEURONS, INPUTS + 1))
        return {
            "teacher": TEACHER * rng.normal(size=(NEURONS, INPUTS + 1)),
            "control": rng.normal(size=(REST_NEURONS, INPUTS + 1)),
            "initial": _unbalanced(student),
        }

    def arms(self, problem: Mapping[str, Array], plan: Plan) -> tuple[Arm, ...]:
        """Return training with noise on labels, controls, and the configuration in which that noise does decide."""
        del problem
        times = looks(plan.steps, (10, CAPTION, AXIS))
        rate = RATE * BATCH if plan.is_text else RATE
        layer = Layer(teacher="teacher", batch=BATCH, noise=NOISE)
        noisy = Descent(name="noisy", loss=layer, learning_rate=rate, looks=times)
        heat = Matched.of(noisy, AXIS, partial(_temperature, rate=rate))
        exact = Descent(
            name="exact",
            loss=MeanLayer(),
            learning_rate=PACE * rate,
            pace=PACE,
            looks=looks(max(1, plan.scaled(AXIS) // PACE)),
        )
        return (
            noisy,
            replace(noisy, name="clean", loss=replace(layer, noise=0.0)),
            replace(noisy, name="decay", decay=DECAY),
            exact,
            replace(exact, name="langevin", matched=heat),
            Descent(
                name="control",
                loss=Layer(teacher="control", batch=1, noise=REST_NOISE),
                learning_rate=REST_RATE,
                looks=looks(plan.scaled(REST_STEPS)),
            ),
        )

    def start(self, arm: Arm, problem: Mapping[str, Array]) -> Array:
        """Return the student; that of the control is its teacher, unbalanced."""
        start = _unbalanced(problem["control"]) if arm.name == "control" else problem["initial"]
        return start.ravel()

    def views(self, arm: Arm, problem: Mapping[str, Array], states: Array) -> dict[str, Array]:
        """Return ratios, imbalances and predicted ratios, the exact loss, and the ratios at the noise equilibrium."""
        teacher = problem["control" if arm.name == "control" else "teacher"]
        neurons = states.reshape(len(states), -1, INPUTS + 1)
        first = self.start(arm, problem).reshape(-1, INPUTS + 1)
        noise = {"clean": 0.0, "control": REST_NOISE}.get(arm.name, NOISE)
        views = pair_views(*_squares(neurons), *_squares(first))
        views["loss"] = np.array([population_loss(each, teacher) for each in neurons]) + noise**2
        if arm.name in ("noisy", "control"):
            views["rest"] = _resting_ratios(arm.name, teacher, states[-1])
        return views

    def measured(self, arrays: Mapping[str, Array], plan: Plan) -> list[Measured]:
        """Return losses and ratios beside the published ones, and what the imbalance predicts."""
        end, is_code = plan.steps, not plan.is_text
        found = [
            Measured("largest ratio at the start", arrays["noisy.first_ratio"].max(axis=1), 3.6 if is_code else None),
        ]
        for step, what, value in ((CAPTION, "least ratio", 0.925), (AXIS, "loss", 1.007)):
            if step <= end:
                view = arrays["noisy.loss" if what == "loss" else "noisy.ratio"][:, _at(arrays, step)]
                seen = view if view.ndim == 1 else view.min(axis=1)
                found.append(Measured(f"{what} after {step} iterations", seen, value if is_code else None))
        final = 0.063 if is_code and end == self.steps else None
        return [
            *found,
            Measured(f"loss after {end} iterations", arrays["noisy.loss"][:, -1], final),
            Measured("ratio of the median neuron at the end", np.median(arrays["noisy.ratio"][:, -1], axis=1)),
            Measured("  at the noise equilibrium of the final state", np.median(arrays["noisy.rest"], axis=1)),
            Measured("  largest distance from the ratio predicted from q(0)", off(arrays, "noisy")),
            Measured("  change of the imbalances, sum |q - q(0)| / sum |q(0)|", drift(arrays, "noisy")),
            *control_figures(arrays, "noisy", CONTROLS),
            *(
                Measured("control: ratio of the median neuron, to 1/sqrt(3) = 0.577", np.median(ratio[:, -1], axis=1))
                for name, ratio in arrays.items()
                if name == "control.ratio"
            ),
        ]

    def sentence(self, arrays: Mapping[str, Array], plan: Plan) -> str:
        """Return whether ratios follow the growth of norms at a kept imbalance, or noise."""
        said = f"{effect(arrays, 'noisy', 'neurons')}{differing(arrays, 'noisy', BESIDE)}"
        if "control.ratio" in arrays:
            rest = float(np.median(arrays["control.ratio"][:, -1]))
            said += f"; the control is at {rest:.3f} where label noise predicts 0.577"
        return f"{said}."

    def figure(self, arrays: Mapping[str, Array], plan: Plan) -> Figure:
        """Draw ratios, what the imbalance predicts of them, how controls change it, the loss, and the last control."""
        paper = drawing(15.0, 7.0)
        ratios, kept, moved, losses, control, nothing = paper.subplots(2, 3).flat
        nothing.set_axis_off()
        drifts(moved, arrays, "noisy", CONTROLS)
        steps = arrays["noisy.steps"]
        extremes(ratios, steps, arrays["noisy.ratio"], "neurons")
        ratios.axhline(
            float(np.nanmedian(arrays["noisy.rest"])), color="0.5", ls=":", label="noise equilibrium, median"
        )
        saved = {} if plan.is_text else published(self.name)
        draw_published(ratios, saved, "ratios")
        draw_published(losses, saved, "losses")
        ratios.axvline(AXIS, color="0.8", lw=0.8)
        ratios.set(xscale="log", yscale="log", ylabel="|v| / |w|")
        others: dict[str, tuple[Any, str]] = {
            "1": (1.0, colour(0)),
            "what q(0) predicts": (arrays["noisy.predicted"], colour(3)),
        }
        if "clean.ratio" in arrays:
            others["the run without label noise"] = arrays["clean.ratio"], colour(4)
        for what, (other, color) in others.items():
            band(kept, steps, np.abs(arrays["noisy.ratio"] - other).max(axis=2), color=color, label=f"from {what}")
        kept.set(xscale="log", yscale="log", ylabel="largest distance of a ratio")
        band(losses, steps, arrays["noisy.loss"], color=colour(0), label="all inputs, noise included")
        losses.axhline(NOISE**2, color="0.5", ls=":", label="noise alone")
        losses.set(xscale="log", yscale="log", ylabel="loss")
        if "control.ratio" in arrays:
            extremes(control, arrays["control.steps"], arrays["control.ratio"], "neurons")
        control.axhline(INPUTS**-0.5, color="0.5", ls=":", label="noise equilibrium, 1/sqrt(3)")
        control.set(xscale="log", yscale="log", ylabel="control: |v| / |w|")
        for ax in (ratios, control):
            ax.axhline(1.0, color="black", lw=0.8, ls="--", label="balanced")
        for ax in (ratios, kept, moved, losses, control):
            ax.set_xlabel("iteration")
            ax.legend(fontsize="x-small", frameon=False)
            ax.spines[["top", "right"]].set_visible(False)
        return paper


def _unbalanced(neurons: Array) -> Array:
    """Return neurons (w, v) as (s w, v / s)."""
    s = unbalanced(len(neurons), UNBALANCE)[:, None]
    return np.concatenate([neurons[:, :-1] * s, neurons[:, -1:] / s], axis=1)


def _squares(neurons: Array) -> tuple[Array, Array]:
    """Return |w|² and v²."""
    squares: Array = neurons**2
    return squares[..., :-1].sum(axis=-1), squares[..., -1]


def _resting_ratios(arm: str, teacher: Array, state: Array) -> Array:
    """Return |v| / |w| where the noise of gradients comes to rest on the orbit of a state.

    Along (w e^t, v e^-t) the noise of the gradients is S_w e^-2t + S_v e^2t, least at e^4t = S_w / S_v.
    """
    neurons = state.reshape(-1, INPUTS + 1)
    (up, down), (by_w, by_v) = (
        _squares(neurons),
        noise_of_rows(neurons, teacher, REST_NOISE if arm == "control" else NOISE),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(down / up * by_v / by_w))


def _at(arrays: Mapping[str, Array], step: int) -> int:
    return int(np.searchsorted(arrays["noisy.steps"], step))


def _temperature(problem: Problem, state: Array, *, rate: float) -> float:
    """Return T = eta tr(S) / (2 dim), S the covariance of the gradient of a batch."""
    noise = sum(float(each.sum()) for each in noise_of_rows(state.reshape(-1, INPUTS + 1), problem["teacher"], NOISE))
    return rate * noise / (2.0 * BATCH * state.size)
