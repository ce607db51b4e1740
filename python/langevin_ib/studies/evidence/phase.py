"""How many nonzero weights can be found from fewer measurements than weights: standard solvers, decay, flows, noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.optimize import linprog

from ...design import concave, mcp, sparsity
from ...display import colour
from ...observe import States
from ...process import SGD, GaugeFixed
from ...sampling import sample
from ..experiments import Array, Measured, drawing
from .exhibit import Exhibit, Views, median, relative_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Phase"]

Solver = Callable[[Array, Array, int], Array]

ROWS, COLUMNS = 50, 100
SIZES, QUICK_SIZES = np.arange(8, 29, 4), np.array([8, 20])

CLOSE = 0.05
"""Weights are found if their relative error is smaller."""

STRENGTH = 1e-4
"""Of weight decay, as a share of the least that finds nothing: there is no noise in the labels."""

SHAPE = mcp(0.1, 3.0)
"""The penalty of u g(v); flat beyond 0.3."""

SCALES, STEPS, RATE = {2: 1e-4, 3: 1e-2}, 100_000, 0.01
"""Where flows begin, by depth, and how long they are followed; with the loss |X w - y|²/(2 n)."""

LEVEL, HEATS, EACH, WALKERS, COOL = 1e-3, np.geomspace(0.03, 1e-5, 4), 8_000, 8, 0.015
"""Of noise on a slice: its level, temperatures one after the other, steps at each, walkers, and the size of steps."""

ROUNDS, SOFT = 5, 0.1
"""Of reweighting: how often, and what is added to |w|."""


class Phase(Exhibit):
    """Weights with Gaussian entries that are found, without noise in the labels."""

    name = "phase"
    title = "How many weights can be found from fewer measurements"
    expectation = (
        "reweighted l1 and MCP get furthest, then basis pursuit and orthogonal matching pursuit; weight decay of depth "
        "2 is basis pursuit, concave decay is beyond it; descents are behind it, depth 3 most; noise on a slice is "
        "behind reweighted l1 and costs most"
    )
    arms: ClassVar[Mapping[str, str]] = {
        "pursuit": "basis pursuit",
        "reweighted": "reweighted l1",
        "matching": "orthogonal matching pursuit",
        "skglm": "MCP, skglm",
        "decay": "weight decay, depth 2",
        "deeper": "weight decay, depth 3",
        "shaped": "weight decay, MCP by u g(v)",
        "flow": f"descent, depth 2, from {SCALES[2]:g}",
        "slower": f"descent, depth 3, from {SCALES[3]:g}",
        "noise": f"noise at level {LEVEL:g}",
    }
    peers: ClassVar[Mapping[str, str]] = {"skglm": "skglm"}

    def settings(self, *, quick: bool) -> str:
        """Return what was set."""
        steps = STEPS // 20 if quick else STEPS
        return (
            f"{ROWS} x {COLUMNS} Gaussian measurements without noise, found: |w - truth| < {CLOSE:g} |truth|; decay at "
            f"{STRENGTH:g} of lambda_max; descents of {steps} steps of {RATE:g} from all factors but one at the scale; "
            f"noise: {WALKERS} walkers, {EACH // 20 if quick else EACH} steps of {COOL:g} at each of {len(HEATS)} "
            f"temperatures {HEATS[0]:g} ... {HEATS[-1]:g}, the best by its own penalty"
        )

    def draw(self, rng: np.random.Generator, *, quick: bool) -> Views:
        """Return measurements, and a signal for each size."""
        sizes = QUICK_SIZES if quick else SIZES
        signals = np.zeros((len(sizes), COLUMNS))
        for signal, size in zip(signals, sizes, strict=True):
            signal[rng.permutation(COLUMNS)[:size]] = rng.standard_normal(size)
        return {"X": rng.standard_normal((ROWS, COLUMNS)), "signals": signals, "sizes": sizes.astype(float)}

    def solve(self, arm: str, problem: Views, done: Mapping[str, Views], *, key: int, quick: bool) -> Views:
        """Return relative errors, whether they are small and the largest entries the support, and the sizes."""
        X, solver = problem["X"], _solvers(quick=quick)[arm]
        supports, errors = [], []
        for number, truth in enumerate(problem["signals"]):
            w = solver(X, X @ truth, key + number)
            size = int(np.count_nonzero(truth))
            supports.append(float(set(np.argsort(np.abs(w))[-size:]) == set(np.flatnonzero(truth))))
            errors.append(relative_error(w, truth))
        found = (np.array(errors) < CLOSE).astype(float)
        return {"found": found, "support": np.array(supports), "error": np.array(errors), "sizes": problem["sizes"]}

    def measured(self, arrays: Mapping[str, Array]) -> list[Measured]:
        """Return up to which size weights are found, and supports, seed by seed."""
        return [
            Measured(f"{what} found up to k, {called}", _reach(arrays, arm, view))
            for view, what in (("found", "weights"), ("support", "supports"))
            for arm, called in self.present(arrays, view).items()
        ]

    def sentence(self, arrays: Mapping[str, Array]) -> str:
        """Return the order."""
        means = {arm: float(np.mean(_reach(arrays, arm))) for arm in self.present(arrays, "found")}
        order = sorted(means, key=lambda arm: -means[arm])
        said = ", ".join(f"{self.arms[arm]} {means[arm]:.1f}" for arm in order)
        wrong = median({"e": arrays["decay.error"] - arrays["pursuit.error"]}, "e")
        return (
            f"Half of the weights are found up to k = {said}. Weight decay of depth 2 has the error of basis pursuit "
            f"up to {abs(wrong):.1g}."
        )

    def figure(self, arrays: Mapping[str, Array]) -> Figure:
        """Draw the share that is found: standard solvers and decay, and some of them beside flows and noise."""
        paper = drawing(9.5, 6.2)
        panels = paper.subplots(1, 2, sharey=True)
        descents = ("flow", "slower", "noise")
        for arm, called in self.present(arrays, "found").items():
            sizes, share = arrays[f"{arm}.sizes"][0], arrays[f"{arm}.found"].mean(axis=0)
            error = np.sqrt(share * (1.0 - share) / len(arrays[f"{arm}.found"]))
            for number, ax in enumerate(panels):
                if arm in ("pursuit", "reweighted") or (arm in descents) == bool(number):
                    style = "--" if arm in ("pursuit", "reweighted", "matching", "skglm") else "-"
                    said = " / ".join(f"{_reach(arrays, arm, view).mean():.1f}" for view in ("found", "support"))
                    shade = colour(len(ax.lines))
                    ax.plot(sizes, share, style, color=shade, label=f"{called}: {said}")
                    ax.fill_between(sizes, share - error, share + error, color=shade, alpha=0.15, linewidth=0.0)
        for ax in panels:
            ax.set(xticks=sizes, xlabel="k, the number of weights that are not zero", ylim=(-0.03, 1.03))
            ax.legend(
                fontsize="x-small",
                frameon=False,
                title="found up to k / support found up to k",
                title_fontsize="x-small",
                loc="upper center",
                bbox_to_anchor=(0.5, -0.15),
            )
            ax.spines[["top", "right"]].set_visible(False)
        panels[0].set(ylabel="share that is found; areas here: standard errors")
        return paper


def _reach(arrays: Mapping[str, Array], arm: str, view: str = "found") -> Array:
    """Return the k at which finding ends, by the number of sizes at which there was success (Spearman-Kärber)."""
    sizes, found = arrays[f"{arm}.sizes"][0], arrays[f"{arm}.{view}"]
    gap = sizes[1] - sizes[0]
    return np.asarray(sizes[0] - gap / 2.0 + gap * found.sum(axis=1))


def _solvers(*, quick: bool) -> dict[str, Solver]:
    share = 20 if quick else 1
    return {
        "pursuit": lambda X, y, _: _pursuit(X, y, np.ones(X.shape[1])),
        "reweighted": _reweighted,
        "matching": _matching,
        "skglm": _by_skglm,
        "decay": partial(_decayed, sparsity()),
        "deeper": partial(_decayed, sparsity(depth=3)),
        "shaped": partial(_decayed, concave(SHAPE)),
        "flow": partial(_descended, 2, STEPS // share),
        "slower": partial(_descended, 3, STEPS // share),
        "noise": partial(_annealed, EACH // share),
    }


def _pursuit(X: Array, y: Array, weights: Array) -> Array:
    """Return the w of least sum weights |w| with X w = y, by linear programming."""
    found = linprog(np.concatenate([weights] * 2), A_eq=np.hstack([X, -X]), b_eq=y, bounds=(0, None), method="highs")
    return np.asarray(found.x[: X.shape[1]] - found.x[X.shape[1] :])


def _reweighted(X: Array, y: Array, _: int) -> Array:
    """Return that of Candès, Wakin and Boyd (2008)."""
    w = _pursuit(X, y, np.ones(X.shape[1]))
    for _ in range(ROUNDS):
        w = _pursuit(X, y, 1.0 / (np.abs(w) + SOFT))
    return w


def _matching(X: Array, y: Array, _: int) -> Array:
    """Return least squares on columns that are taken one by one, each the most correlated with what is left."""
    taken: list[int] = []
    w, residual = np.zeros(X.shape[1]), y
    while len(taken) < len(y) and np.linalg.norm(residual) > 1e-9 * np.linalg.norm(y):
        taken.append(int(np.argmax(np.abs(X.T @ residual) / np.linalg.norm(X, axis=0))))
        part = np.linalg.lstsq(X[:, taken], y, rcond=None)[0]
        residual = y - X[:, taken] @ part
    w[taken] = part
    return w


def _by_skglm(X: Array, y: Array, _: int) -> Array:
    """Return the end of a path of MCP, each begun where the last one ended."""
    from skglm import MCPRegression  # noqa: PLC0415 - it may not be there

    largest = float(np.abs(X.T @ y).max()) / len(y)
    solver: Any = MCPRegression(gamma=3.0, fit_intercept=False, warm_start=True)
    for alpha in largest * np.geomspace(1.0, 1e-3, 30):
        w = solver.set_params(alpha=alpha).fit(X, y).coef_
    return np.asarray(w)


def _decayed(recipe: Any, X: Array, y: Array, _: int) -> Array:
    return np.asarray(recipe.fit(X, y, strength=STRENGTH).weights)


def _descended(depth: int, steps: int, X: Array, y: Array, key: int) -> Array:
    """Return what gradient descent on all factors comes to, in the core."""
    recipe = sparsity(depth=depth)
    run = sample(
        recipe.model((X, y)),
        dynamics=SGD(),
        step_size=RATE,
        steps=steps,
        walkers=1,
        rng=key,
        initial=recipe.init(SCALES[depth], X.shape[1])[None],
        observe={"x": States(at=[steps])},
        progress=False,
    )
    return np.asarray(recipe.parameterize(run["x"].values[0, -1]))


def _annealed(steps: int, X: Array, y: Array, key: int) -> Array:
    """Return the walker of least sum log(c² + z²) after noise on a slice that is cooled, if it fits best or as well."""
    recipe = sparsity()
    model = recipe.model((X, y))
    states = np.repeat(recipe.init(np.sqrt(2.0 * LEVEL), X.shape[1])[None], WALKERS, axis=0)
    for number, heat in enumerate(HEATS):
        run = sample(
            model,
            dynamics=GaugeFixed(level=-LEVEL),
            temperature=float(heat),
            step_size=COOL,
            steps=steps,
            walkers=WALKERS,
            rng=key + (number << 64),
            initial=states,
            observe={"x": States(at=[steps])},
            progress=False,
        )
        states = run["x"].values[:, -1].astype(np.float64)
    w = recipe.parameterize(states)
    misfit = ((w @ X.T - y) ** 2).mean(axis=1)
    score = np.log(LEVEL**2 + w**2).sum(axis=1) + np.where(misfit > 10.0 * misfit.min(), np.inf, 0.0)
    return np.asarray(w[int(np.argmin(score))])
