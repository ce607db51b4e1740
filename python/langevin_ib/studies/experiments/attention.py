"""Figure 3: a softmax head that learns from a teacher, and the ratios of the columns of W_Q and W_K."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...display import colour
from .arms import Arm, Array, Matched, Problem, looks
from .balance_of_pairs import control_figures, differing, drift, effect, off, pair_views, unbalanced
from .bands import band, drawing, drifts, extremes
from .descent import Descent
from .experiment import Difference, Experiment, Measured, Plan
from .head import Head, gradients_of_rows, output, shared
from .published import draw_published, published

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Attention"]

TOKENS, SHAPE = 8, (3, 16, 8)
"""Tokens in a sequence; W_Q, W_K and W_V, each from 16 entries of a token to 8 columns."""

BATCH, RATE, NOISE, UNBALANCE = 16, 1e-3, 0.02, 1.2
TEACHER, STUDENT = 0.75, 0.1
"""Standard deviations of the weights of the teacher, and of the student at first."""

LARGE, DECAY = 128, 0.05
"""Sequences in the large batch; the weight decay of that control, for the paper's loss."""

FIFTH, TENTH = 5, 10

AXIS, FINAL = 40_000, 300_000
"""Where the published picture ends, and where the published loss was measured."""

PUBLISHED = {500: (0.0368, 5.318), 50_000: (0.9353, 1.0122)}
"""Least and largest ratio after so many iterations in the published arrays, of one seed."""

PUBLISHED_LOSS = 0.458
"""The mean of the last 50 published losses of batches."""

ROWS = 256
"""Fresh sequences, the same for all, on which losses are measured; noise is measured on eight times as many."""

CONTROLS = {
    "clean": "no label noise",
    "decay": f"weight decay {DECAY}",
    "large": f"batches of {LARGE}, no label noise",
    "langevin": "the same and isotropic noise",
}

BESIDE = {"clean": "without label noise"}
"""The control that the sentence names."""


class Attention(Experiment):
    """A head of attention, a student of a teacher of its size, with fresh sequences and noise on labels, by SGD."""

    name = "fig3"
    title = "Attention: |column of W_Q| / |column of W_K| under SGD"
    claim = "noise drives the norms of the columns of queries and keys to balance"
    steps = 50_000
    quick_steps = 500
    published = needed = ("noisy",)
    differences: ClassVar[tuple[Difference, ...]] = (
        Difference(
            "loss",
            "‖Ŷ − Y‖_F²: 64 times the learning rate",
            "mean over 16 · 8 · 8",
            "code: the norm is another regime, which noise rules",
        ),
        Difference(
            "scaling",
            "query matrix globally scaled",
            "W_Q of the teacher × (4 + 4|z|), of the student × (1 + |z|)/4, after the unbalance; W_K, W_V as drawn",
            "code",
        ),
        Difference("unbalance", "W_Q × s, W_K / s in (65)", "the same: W_Q over W_K rises with the column", "both"),
        Difference("picture", "5e4 iterations", "5e4; the axis ends at 4e4", "5e4"),
        Difference("loss 0.068", "accuracy", "after 3e5, on 1600 fresh noisy sequences", "shown with --steps 300000"),
        Difference("precision", "unstated", "float32", "float64: the statistics are the same"),
    )

    def draw(self, rng: np.random.Generator, plan: Plan) -> dict[str, Array]:
        """Return the weights (W_Q, W_K, W_V) of teacher and student."""
        del plan
        teacher, student = (scale * rng.normal(size=SHAPE) for scale in (TEACHER, STUDENT))
        s = unbalanced(SHAPE[2], UNBALANCE)
        large, small = np.abs(rng.normal(size=2))
        teacher[0] *= 4.0 + 4.0 * large
        student[0] *= s * (1.0 + small) / 4.0
        student[1] /= s
        return {"teacher": teacher, "initial": student}

    def arms(self, problem: Mapping[str, Array], plan: Plan) -> tuple[Arm, ...]:
        """Return training as published, and controls; a fifth as long with weight decay, a tenth with large batches."""
        rate = RATE * TOKENS * SHAPE[2] if plan.is_text else RATE
        times, early = looks(plan.steps, (500, AXIS)), looks(max(1, plan.steps // TENTH))
        head = Head(tokens=TOKENS, batch=BATCH, noise=NOISE)
        noisy = Descent(name="noisy", loss=head, learning_rate=rate, looks=times)
        fifth = looks(max(1, plan.steps // FIFTH))
        heat = Matched.of(noisy, early[-1], partial(_temperature, rate=rate))
        large = replace(noisy, name="large", loss=Head(tokens=TOKENS, batch=LARGE), looks=early)
        return (
            noisy,
            replace(noisy, name="clean", loss=replace(head, noise=0.0)),
            replace(noisy, name="decay", looks=fifth, decay=DECAY),
            large,
            replace(large, name="langevin", matched=heat),
        )

    def start(self, arm: Arm, problem: Mapping[str, Array]) -> Array:
        """Return the student."""
        return problem["initial"].ravel()

    def views(self, arm: Arm, problem: Mapping[str, Array], states: Array) -> dict[str, Array]:
        """Return ratios, imbalances and predicted ratios, the loss, and the ratios at the noise equilibrium."""
        views = pair_views(*_squares(states), *_squares(problem["initial"].reshape(1, -1)))
        views = {name: view[0] if name.startswith("first") else view for name, view in views.items()}
        tokens, labels = _sample(problem, ROWS)
        made = (output(tokens, shared(state[None], SHAPE))[0] for state in states)
        views["loss"] = np.array([np.mean((each - labels) ** 2) for each in made]) + NOISE**2
        if arm.name == "noisy":
            views["rest"] = _resting_ratios(problem, states[-1])
            views["heat"] = np.array(_temperature(problem, states[-1], rate=arm.learning_rate))
        return views

    def measured(self, arrays: Mapping[str, Array], plan: Plan) -> list[Measured]:
        """Return losses and ratios beside the published ones, and what the imbalance predicts."""
        end, is_code = plan.steps, not plan.is_text
        known = {50_000: PUBLISHED_LOSS, FINAL: 0.068}.get(end) if is_code else None
        ratio, rest = arrays["noisy.ratio"], arrays["noisy.rest"]
        found = []
        for step, (least, largest) in PUBLISHED.items():
            if step <= end:
                seen = ratio[:, int(np.searchsorted(arrays["noisy.steps"], step))]
                published = (least, largest) if is_code else (None, None)
                found.append(Measured(f"least ratio after {step} iterations", seen.min(axis=1), published[0]))
                found.append(Measured(f"largest ratio after {step} iterations", seen.max(axis=1), published[1]))
        return [
            *found,
            Measured(f"loss after {end} iterations", arrays["noisy.loss"][:, -1], known),
            Measured("ratio of the median column at the end", np.median(ratio[:, -1], axis=1)),
            Measured("  at the noise equilibrium of the final state, least column", rest.min(axis=1)),
            Measured("  the same, largest column", rest.max(axis=1)),
            Measured("  largest distance from the ratio predicted from q(0)", off(arrays, "noisy")),
            Measured("  change of the imbalances, sum |q - q(0)| / sum |q(0)|", drift(arrays, "noisy")),
            *control_figures(arrays, "noisy", CONTROLS),
        ]

    def sentence(self, arrays: Mapping[str, Array], plan: Plan) -> str:
        """Return whether ratios follow the growth of norms at a kept imbalance, or noise."""
        regime = (
            " The sum over entries is another regime: steps 64 times as long, in which the noise of batches moves "
            "imbalances."
            if plan.is_text
            else ""
        )
        return f"{effect(arrays, 'noisy', 'columns')}{differing(arrays, 'noisy', BESIDE)}.{regime}"

    def figure(self, arrays: Mapping[str, Array], plan: Plan) -> Figure:
        """Draw ratios, what the imbalance predicts of them, the loss, and how controls change imbalances."""
        paper = drawing(11.0, 7.0)
        ratios, kept, losses, moved = paper.subplots(2, 2).flat
        steps = arrays["noisy.steps"]
        extremes(ratios, steps, arrays["noisy.ratio"], "columns")
        ratios.axhline(1.0, color="black", lw=0.8, ls="--", label="balanced")
        rest = arrays["noisy.rest"]
        ratios.axhspan(
            float(np.nanmedian(rest.min(axis=1))),
            float(np.nanmedian(rest.max(axis=1))),
            color="0.5",
            alpha=0.2,
            linewidth=0.0,
            zorder=0,
            label="noise equilibria of columns",
        )
        saved = {} if plan.is_text else published(self.name)
        draw_published(ratios, saved, "ratios")
        draw_published(losses, saved, "losses")
        ratios.set(xscale="log", yscale="log", ylabel="|column of W_Q| / |column of W_K|")
        for what, other, color in (("1", 1.0, colour(0)), ("what q(0) predicts", arrays["noisy.predicted"], colour(3))):
            band(kept, steps, np.abs(arrays["noisy.ratio"] - other).max(axis=2), color=color, label=f"from {what}")
        kept.set(xscale="log", yscale="log", ylabel="largest distance of a ratio")
        band(losses, steps, arrays["noisy.loss"], color=colour(0), label="SGD, fresh sequences")
        losses.axhline(NOISE**2, color="0.5", ls=":", label="noise alone")
        losses.set(xscale="log", yscale="log", ylabel="loss")
        drifts(moved, arrays, "noisy", CONTROLS)
        for ax in (ratios, kept, losses, moved):
            ax.set_xlabel("iteration")
            ax.legend(fontsize="x-small", frameon=False)
            ax.spines[["top", "right"]].set_visible(False)
        # Between the curves, none of which "best" sees.
        ratios.legend(fontsize="x-small", frameon=False, loc="lower left", bbox_to_anchor=(0.01, 0.16))
        return paper


def _squares(states: Array) -> tuple[Array, Array]:
    """Return the squared norms of the columns of W_K, and of W_Q."""
    squares = (states.reshape(-1, *SHAPE) ** 2).sum(axis=2)
    return squares[:, 1], squares[:, 0]


def _sample(problem: Problem, rows: int) -> tuple[Array, Array]:
    """Return sequences, the same for all problems, and what the teacher makes of them."""
    tokens = np.random.default_rng(0).normal(size=(1, rows, TOKENS, SHAPE[1]))
    return tokens, output(tokens, shared(problem["teacher"].reshape(1, -1), SHAPE))[0]


def _noise(problem: Problem, state: Array) -> Array:
    """Return the variances of the gradient of a sequence with a noisy label, by every weight, shape (3, d, r)."""
    tokens, labels = _sample(problem, 8 * ROWS)
    made, scores, sides = output(tokens, shared(state[None], SHAPE))
    labels += NOISE * np.random.default_rng(1).normal(size=labels.shape)
    rows = gradients_of_rows(tokens, made - labels, scores, sides)[0]
    _, d, r = SHAPE
    return np.moveaxis(rows.var(axis=0).reshape(d, 3, r), 1, 0)


def _temperature(problem: Problem, state: Array, *, rate: float) -> float:
    """Return T = eta tr(S) / (2 dim), S the covariance of the gradient of a batch."""
    return float(rate * _noise(problem, state).mean() / (2.0 * BATCH))


def _resting_ratios(problem: Problem, state: Array) -> Array:
    """Return |column of W_Q| / |column of W_K| where the noise of gradients comes to rest on the orbit of a state.

    Along (q e^t, k e^-t) the noise of the gradients is S_q e^-2t + S_k e^2t, least at e^4t = S_q / S_k.
    """
    keys, queries = _squares(state)
    noise = _noise(problem, state).sum(axis=1)
    return np.asarray(np.sqrt(queries[0] / keys[0] * noise[0] / noise[1]))
