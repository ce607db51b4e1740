"""Figure 4: a 20 x 20 matrix of rank 2 of which a fifth of the entries is seen, as U Vᵀ with 20 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...display import colour
from .arms import Arm, Array, Matched, Problem, looks
from .balance_of_pairs import control_figures, differing, drift, off, pair_views
from .bands import band, drawing, drifts, extremes
from .descent import Descent, Draw, alone, examples
from .experiment import Difference, Experiment, Measured, Plan
from .published import draw_published, published

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..._core import Examples

__all__ = ["Completion"]

SIZE, SIGMA, SEEN, RATE = 20, (15.0, 5.0), 0.2, 1e-3
STARTS = {"u": 0.11, "v": 0.10}
PUBLISHED = (7.44, 2.02, 1.62)
"""The largest singular values in the published arrays, which have twice of them."""

FREEDOM = 2 * (2 * SIZE - 2)
"""Degrees of freedom of a matrix of rank 2."""

RECOVERED = 0.1

MATCHED, DECAY, SHORT = 10_000, 5e-3, 100_000
"""After which iteration the temperature of a control is matched; the weight decay of another, for the paper's loss; how
long these are."""

CONTROLS = {
    "whole": "all seen entries in every step",
    "decay": f"weight decay {DECAY}",
    "langevin": "all seen entries and isotropic noise",
}

BESIDE = {"langevin": "with isotropic noise of the same size"}
"""The control that the sentence names."""


class Completion(Experiment):
    """Matrix completion by SGD, in which half of the seen entries, drawn anew, are in a batch."""

    name = "fig4"
    title = "Matrix completion: singular values and ratios of columns"
    claim = "singular values of U Vᵀ grow to match 15 and 5, the others remain near zero"
    steps = 500_000
    quick_steps = 3_000
    published = needed = ("masked",)
    differences: ClassVar[tuple[Difference, ...]] = (
        Difference("panel a", "singular values of U Vᵀ", "twice of them; only two drawn", "all, and twice of two"),
        Difference("loss", "MSE over the drawn entries", "their sum / 400, 10 times slower", "code: its curve"),
        Difference("masks", "20 % of entries, 50 % of those", "Bernoulli(0.2) once, Bernoulli(0.5) each step", "code"),
        Difference("initial values", "both N(0, 0.1²)", "U 0.11, V 0.10", "code: the published start has ratio 1.14"),
        Difference("orientation", "U V with V r × n in (73), U Vᵀ in (52)", "V r × n", "V n × r: columns of both"),
    )

    def draw(self, rng: np.random.Generator, plan: Plan) -> dict[str, Array]:
        """Return the matrix, which entries are seen (1, else 0), and initial U and V, columns being pairs."""
        left, right = (np.linalg.qr(rng.normal(size=(SIZE, len(SIGMA))))[0] for _ in range(2))
        order = rng.uniform(size=(SIZE, SIZE))
        # The text has just a fifth of the entries, the code each with that probability.
        bound = np.quantile(order, SEEN) if plan.is_text else SEEN
        starts = dict.fromkeys(STARTS, 0.1) if plan.is_text else STARTS
        return {
            "target": (left * SIGMA) @ right.T,
            "seen": (order < bound).astype(float),
            **{f"initial_{side}": scale * rng.normal(size=(SIZE, SIZE)) for side, scale in starts.items()},
        }

    def arms(self, problem: Mapping[str, Array], plan: Plan) -> tuple[Arm, ...]:
        """Return SGD with masks, and controls; without masks it is half of the sum over all seen entries, its mean."""
        scale = SIZE**2 / (problem["seen"].sum() / 2) if plan.is_text else 1.0
        short = looks(plan.scaled(SHORT))
        main = Descent(
            name="masked",
            loss=Entries(is_masked=True),
            learning_rate=RATE * scale,
            looks=looks(plan.steps, (MATCHED, SHORT)),
        )
        whole = replace(main, name="whole", loss=Entries(is_masked=False))
        heat = Matched.of(main, MATCHED, partial(_temperature, rate=main.learning_rate))
        return (
            main,
            whole,
            replace(main, name="decay", decay=DECAY, looks=short),
            replace(whole, name="langevin", matched=heat, looks=short),
        )

    def start(self, arm: Arm, problem: Mapping[str, Array]) -> Array:
        """Return U and V, row by row."""
        return np.concatenate([problem["initial_u"].ravel(), problem["initial_v"].ravel()])

    def views(self, arm: Arm, problem: Mapping[str, Array], states: Array) -> dict[str, Array]:
        """Return singular values, ratios |U_a| / |V_a|, and mean squared errors of seen and of other entries.

        That of others is relative: 1 is as good as knowing nothing.
        """
        u, v = (half.reshape(len(states), SIZE, SIZE) for half in np.split(states, 2, axis=1))
        product, seen = u @ v.swapaxes(1, 2), problem["seen"] > 0.0
        squares = (product - problem["target"]) ** 2
        norms = ((v**2).sum(axis=1), (u**2).sum(axis=1))
        first = ((problem["initial_v"] ** 2).sum(axis=0), (problem["initial_u"] ** 2).sum(axis=0))
        return {
            **pair_views(*norms, *first),
            "rest": _resting_ratios(problem, states[-1]),
            "sigma": np.linalg.svd(product, compute_uv=False),
            "fit": squares[:, seen].mean(axis=1),
            "unseen": squares[:, ~seen].mean(axis=1) / np.mean(problem["target"][~seen] ** 2),
            "count": np.array(seen.sum(), dtype=float),
        }

    def measured(self, arrays: Mapping[str, Array], plan: Plan) -> list[Measured]:
        """Return singular values beside the published ones, errors, and ratios with what their imbalance predicts."""
        is_published = plan.steps == self.steps and not plan.is_text
        sigma = arrays["masked.sigma"][:, -1]
        found = [
            Measured(f"singular value {place + 1} of U Vᵀ at the end", sigma[:, place], value if is_published else None)
            for place, value in enumerate(PUBLISHED)
        ]
        return [
            *found,
            *(
                Measured("  the first, without masks", sigma[:, -1, 0])
                for name, sigma in arrays.items()
                if name == "whole.sigma"
            ),
            Measured("seen entries", arrays["masked.count"]),
            Measured("mean squared error of seen entries at the end", arrays["masked.fit"][:, -1]),
            Measured("error of other entries over their mean square", arrays["masked.unseen"][:, -1]),
            Measured(
                "median ratio |U_a| / |V_a| at the start",
                np.median(arrays["masked.first_ratio"], axis=1),
                None if plan.is_text else 1.137,
            ),
            Measured("median ratio at the end", np.median(arrays["masked.ratio"][:, -1], axis=1)),
            Measured("  largest distance from the ratio predicted from q(0)", off(arrays, "masked")),
            Measured("  at the noise equilibrium of the final state", np.median(arrays["masked.rest"], axis=1)),
            Measured("  change of the imbalances, sum |q - q(0)| / sum |q(0)|", drift(arrays, "masked")),
            *control_figures(arrays, "masked", CONTROLS),
            *(
                Measured(f"{called}: error of other entries at the end", arrays[f"{arm}.unseen"][:, -1])
                for arm, called in CONTROLS.items()
                if f"{arm}.unseen" in arrays
            ),
        ]

    def sentence(self, arrays: Mapping[str, Array], plan: Plan) -> str:
        """Return whether the matrix is recovered."""
        unseen, sigma = arrays["masked.unseen"][:, -1], np.median(arrays["masked.sigma"][:, -1], axis=0)
        recovered = int(np.sum(unseen < RECOVERED))
        said = "There is no recovery" if recovered == 0 else f"{recovered} of {len(unseen)} seeds recover the matrix"
        kept, whole = float(np.median(off(arrays, "masked"))), ""
        if "whole.sigma" in arrays:
            gap = float(np.median(np.abs(arrays["masked.sigma"] - arrays["whole.sigma"])[:, -1, 0]))
            whole = f"Without masks the first singular value differs by {gap:.2g}: noise is not what decides. "
        count, wrong = float(np.median(arrays["masked.count"])), 100.0 * float(np.median(unseen))
        return (
            f"{said} after {plan.steps} iterations: with {count:.0f} observations for {FREEDOM} degrees of freedom the "
            f"largest singular values are {sigma[0]:.3g} and {sigma[1]:.3g}, not 15 and 5 (twice of them "
            f"{2 * sigma[0]:.3g} and {2 * sigma[1]:.3g}), and unseen entries are wrong by {wrong:.0f} % of their mean "
            f"square. {whole}Ratios of columns are off what q(0) predicts by "
            f"{kept:.2g}{differing(arrays, 'masked', BESIDE)}."
        )

    def figure(self, arrays: Mapping[str, Array], plan: Plan) -> Figure:
        """Draw all singular values, twice the two largest, errors, ratios, and how controls change imbalances."""
        paper = drawing(11.0, 8.0)
        values, errors, ratios, moved = paper.subplots(2, 2).flat
        drifts(moved, arrays, "masked", CONTROLS)
        steps = arrays["masked.steps"]
        for place in range(SIZE):
            color = colour(place) if place < 2 else "0.6"
            label = f"σ{place + 1}" if place < 2 else "others" if place == 2 else None
            band(values, steps, arrays["masked.sigma"][:, :, place], color=color, label=label)
        for place, truth in enumerate(SIGMA):
            twice, color = 2.0 * arrays["masked.sigma"][:, :, place], colour(place)
            band(values, steps, twice, color=color, label=f"2σ{place + 1}", style=":")
            values.axhline(truth, color=color, ls="--", lw=0.8)
        values.set(ylabel="singular values; dashed: truth")
        saved = {} if plan.is_text else published(self.name)
        if "twice_sigma" in saved:
            saved["twice_sigma"] = saved["twice_sigma"][:, : len(SIGMA)]
        draw_published(values, saved, "twice_sigma")
        draw_published(ratios, saved, "ratios")
        band(errors, steps, arrays["masked.fit"], color=colour(0), label="seen entries, mean squared error")
        band(errors, steps, arrays["masked.unseen"], color=colour(3), label="other entries, over their mean square")
        errors.axhline(1.0, color="0.5", ls=":", label="knowing nothing")
        errors.set(yscale="log", ylabel="error")
        extremes(ratios, steps, arrays["masked.ratio"], "columns")
        ratios.axhline(1.0, color="black", lw=0.8, ls="--", label="balanced")
        ratios.set(yscale="log", ylabel="|column of U| / |column of V|")
        ratios.set_ylim(top=1.5 * ratios.get_ylim()[1])  # for the legend
        for ax in (values, errors, ratios, moved):
            ax.set(xscale="log", xlabel="iteration")
            ax.legend(fontsize="x-small", frameon=False, loc="upper right" if ax is ratios else "best")
            ax.spines[["top", "right"]].set_visible(False)
        return paper


def _resting_ratios(problem: Problem, state: Array) -> Array:
    """Return |U_a| / |V_a| where the noise of masks comes to rest under the scalings of columns.

    Gradients by U_a are residuals of masked entries times V_a, and the other way round. Along (U_a e^t, V_a e^-t) their
    noise is S_u e^-2t + S_v e^2t, least at e^4t = S_u / S_v. All of GL(20), which does not commute, may do more.
    """
    u, v = state.reshape(2, SIZE, SIZE)
    squares = problem["seen"] * (u @ v.T - problem["target"]) ** 2
    by_u, by_v = (squares @ v**2).sum(axis=0), (squares.T @ u**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((u**2).sum(axis=0) / (v**2).sum(axis=0) * by_u / by_v))


def _temperature(problem: Problem, state: Array, *, rate: float) -> float:
    """Return T = eta tr(S) / (2 dim), S the covariance of the gradient of a batch.

    A mask is 0 or 1 with equal probability, of variance 1/4; what it multiplies is the gradient of r² / 400, r being
    the residual of an entry.
    """
    u, v = state.reshape(2, SIZE, SIZE)
    squares = (
        np.add.outer((u**2).sum(axis=1), (v**2).sum(axis=1)) * ((u @ v.T - problem["target"]) * 2.0 / SIZE**2) ** 2
    )
    return float(rate * (problem["seen"] * squares).sum() / (8.0 * state.size))


@dataclass(frozen=True, kw_only=True)
class Entries:
    """sum_k m_k (T_k - target_k)² / 400 over seen entries k, T = U Vᵀ.

    Parameters
    ----------
    is_masked : bool
        Whether m_k is 0 or 1 with equal probability, drawn anew at every step; else it is the mean of that.
    """

    is_masked: bool
    is_joint: bool = False

    def form(self, problems: Sequence[Problem], first: int, decay: float) -> Examples:
        """Return the closed form: vectors are the rows of U, then those of V."""
        del first
        seen = problems[0]["seen"] > 0.0
        targets, order = problems[0]["target"][seen], np.arange(2 * SIZE**2).reshape(2 * SIZE, SIZE)
        pairs = [(i, SIZE + j) for i, j in np.argwhere(seen).tolist()]
        masks = (0.5, targets.tolist()) if self.is_masked else None
        factor = (2.0 if self.is_masked else 1.0) / SIZE**2
        row = alone(order, factor=factor, decay=decay, factors=(pairs, masks))
        if self.is_masked:
            return examples(row, np.zeros((1, len(pairs))), inputs=[1.0] * len(pairs), law="uniform")
        return examples(row, targets[:, None], scale=1.0)

    def gradient(self, problems: Sequence[Problem], x: Array, draw: Draw) -> Array:
        """Return the gradient."""
        seen, target = problems[0]["seen"] > 0.0, problems[0]["target"]
        weights = np.zeros((len(x), SIZE, SIZE))
        weights[:, seen] = (draw("uniform", int(seen.sum())) < 0.5) if self.is_masked else 0.5
        u, v = np.moveaxis(x.reshape(-1, 2, SIZE, SIZE), 1, 0)
        slopes = 2.0 * weights * (u @ v.swapaxes(1, 2) - target) / SIZE**2
        return np.stack([slopes @ v, slopes.swapaxes(1, 2) @ u], axis=1).reshape(x.shape)
