"""Draws docs/images/training.png and finite_data.png: stationary variances of SGD, and what batches do to an imbalance.

Run `python docs/scripts/training.py`; about a minute on one core. It prints what docs/training.md quotes.
"""

from __future__ import annotations

from pathlib import Path

import langevin_ib as lib
import matplotlib.pyplot as plt
import numpy as np
import sympy
from matplotlib.axes import Axes

SPREAD, WALKERS = 1.0, 20_000
ROWS, SIZE = 12, 4
BATCHES = {1: ((0.02, 0.1, 0.2, 0.3), "C3"), 2: ((0.02, 0.2, 0.4, 0.6), "C0"), 8: ((0.02, 0.4, 0.8, 1.2), "C2")}

ETA, BATCH, LABELS, START, TIMES = 0.1, 4, 0.3, (1.6, 0.625), np.arange(0, 20_001, 400)


def line() -> lib.Model:
    """Least squares in one dimension, on Gaussian inputs that are drawn afresh and labels that are noise."""
    w = lib.parameters("w")[0]
    i, X, y = sympy.Idx("i", 10), sympy.IndexedBase("X"), sympy.IndexedBase("y")
    loss = sympy.Sum((w * X[i] - y[i]) ** 2, (i, 0, 9)) / 20
    fresh = lib.Fresh(inputs={"X": ()}, labels={"y": sympy.S.Zero}, rows=10)
    return lib.Model(parameters=(w,), predictor={"w": w}, loss=loss, data=fresh)


def product() -> lib.Model:
    """(u v x - y)²/2 on rows that u v = 1 fits."""
    u, v = lib.parameters("u v")
    i, X, y = sympy.Idx("i", 2), sympy.IndexedBase("X"), sympy.IndexedBase("y")
    signs = np.array([1.0, -1.0])
    return lib.Model(
        parameters=(u, v),
        predictor={"theta": u * v},
        loss=sympy.Sum((u * v * X[i] - y[i]) ** 2, (i, 0, 1)) / 4,
        symmetry=lib.Scaling({u: 1, v: -1}),
        observables={"q": u**2 - v**2},
        data={"X": signs, "y": signs},
    )


def variances(axes: Axes) -> None:
    """Draw the stationary variance against the learning rate: runs, the exact law, and that of continuous time."""
    model = line()
    for size, (etas, color) in BATCHES.items():
        grid = np.linspace(0.005, 1.1 * etas[-1], 200)
        axes.plot(grid, grid * SPREAD**2 / (2 * size - grid * (size + 2)), color=color, lw=1.2, label=f"B = {size}")
        axes.plot(grid, grid * SPREAD**2 / (2 * size), color=color, lw=1, ls=":")
        for eta in etas:
            run = lib.sample(
                model,
                dynamics=lib.SGD(size, label_noise={"y": SPREAD}),
                step_size=eta,
                steps=round(20 / eta),
                walkers=WALKERS,
                rng=[size, round(1000 * eta)],
                initial=0.0,
                progress=False,
            )
            squares = run.states[:, 0] ** 2
            error = squares.std() / np.sqrt(WALKERS)
            exact = eta * SPREAD**2 / (2 * size - eta * (size + 2))
            print(f"B = {size}, eta = {eta}: {squares.mean():.5f}({error:.5f}), exact {exact:.5f}")
            axes.errorbar(eta, squares.mean(), error, color=color, marker="o", ms=4, capsize=2)
    axes.set(xscale="log", yscale="log", xlabel="learning rate η", ylabel="stationary variance of w")
    axes.set_title("Least squares, fresh N(0, 1) inputs, label noise 1", fontsize=9)
    axes.legend(frameon=False)


def finite(axes: Axes) -> None:
    """Draw the stationary variance on finite data for three ways to draw batches: runs, and exact laws."""
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=ROWS), rng.normal(size=ROWS)
    w, i, X, Y = lib.parameters("w")[0], sympy.Idx("i", ROWS), sympy.IndexedBase("X"), sympy.IndexedBase("y")
    loss = sympy.Sum((w * X[i] - Y[i]) ** 2, (i, 0, ROWS - 1)) / (2 * ROWS)
    model = lib.Model(parameters=(w,), predictor={"w": w}, loss=loss, data={"X": x, "y": y})
    least = x @ y / (x @ x)
    h, m, r = np.mean(x**2), np.mean(x**4), np.mean((x * (y - least * x)) ** 2)
    less = (ROWS - SIZE) / (SIZE * (ROWS - 1))
    ways = {
        "with replacement": (lib.SGD(SIZE), "C3", 1 / SIZE, m - h**2),
        "masks": (lib.SGD(inclusion=SIZE / ROWS), "C0", (1 - SIZE / ROWS) / SIZE, m),
        "without replacement": (lib.SGD(SIZE, replace=False), "C2", less, m - h**2),
    }
    grid = np.linspace(0.01, 0.42, 200)
    for name, (sgd, color, f, spread) in ways.items():
        variance = f * r / (2 * h / grid - h**2 - f * spread)
        axes.plot(grid, variance, color=color, lw=1.2, label=name)
        for eta in (0.05, 0.2, 0.4):
            settings = {"step_size": eta, "steps": round(15 / eta), "walkers": WALKERS, "rng": round(100 * eta)}
            run = lib.sample(model, dynamics=sgd, initial=least, progress=False, **settings)
            squares = (run.states[:, 0] - least) ** 2
            error, exact = squares.std() / np.sqrt(WALKERS), f * r / (2 * h / eta - h**2 - f * spread)
            print(f"{name}, eta = {eta}: {squares.mean():.5f}({error:.5f}), exact {exact:.5f}")
            axes.errorbar(eta, squares.mean(), error, color=color, marker="o", ms=4, capsize=2)
    axes.set(xlabel="learning rate η", ylabel="stationary variance of w")
    axes.set_title(f"Least squares on {ROWS} rows, {SIZE} in a batch", fontsize=9)
    axes.legend(frameon=False)


def imbalances(axes: Axes) -> None:
    """Draw the imbalance of u v along SGD with label noise, and along Langevin dynamics at the matched temperature."""
    model, (u, v) = product(), START
    rho = u**2 + v**2
    temperature = ETA * LABELS**2 / BATCH * rho / 4
    what = {"step_size": ETA, "steps": int(TIMES[-1]), "walkers": 256, "initial": START, "progress": False, "rng": 1}
    observe = {"q": lib.Trace(at=TIMES[1:])}
    sgd = lib.sample(model, dynamics=lib.SGD(BATCH, label_noise={"y": LABELS}), observe=observe, **what)
    langevin = lib.sample(model, temperature=temperature, observe=observe, **what)
    start = u**2 - v**2
    for run, color, label in (
        (langevin, "C1", f"Langevin, T = {temperature:.2g}"),
        (sgd, "C0", "SGD with label noise"),
    ):
        q = np.concatenate([np.full((256, 1), start), run["q"].values], axis=1)
        low, middle, high = np.quantile(q, (0.16, 0.5, 0.84), axis=0)
        axes.fill_between(TIMES, low, high, color=color, alpha=0.25, lw=0)
        axes.plot(TIMES, middle, color=color, lw=1.2, label=label)
        print(f"{label}: q = {q[:, 1].mean():.4f}({q[:, 1].std():.4f}) after {TIMES[1]} steps")
    rate = 2 * ETA**2 * LABELS**2 / BATCH / (2 - ETA * rho)
    axes.plot(TIMES, start * np.exp(-rate * TIMES), color="k", lw=1, ls="--", label="2η²s²/(B(2 − ηρ)) a step")
    axes.set(xlabel="steps", ylabel="q = u² − v²")
    axes.set_title("u v = 1, s = 0.3, η = 0.1, B = 4; bands: 68 % of 256 seeds", fontsize=9)
    axes.legend(frameon=False, loc="lower left")


def main() -> None:
    """Sample, print and draw."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    variances(left)
    imbalances(right)
    images = Path(__file__).parents[1] / "images"
    figure.savefig(images / "training.png", dpi=130)
    figure, axes = plt.subplots(figsize=(5.4, 3.8), layout="constrained")
    finite(axes)
    figure.savefig(images / "finite_data.png", dpi=130)


if __name__ == "__main__":
    main()
