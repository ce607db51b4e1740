"""Draws docs/images/training.png, finite_data.png and sgd_in_time.png: what SGD's exact laws say, and what runs do.

Run `python docs/scripts/training.py`; about a minute on one core. It prints what docs/training.md quotes.
"""

from __future__ import annotations

import itertools
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


def transients(axes: Axes) -> None:
    """Draw the second moment on the way to rest, from two starts."""
    model, eta, size, steps = line(), 0.1, 2, 60
    a = 1 - 2 * eta + eta**2 * (1 + 2 / size)
    rest, k = eta * SPREAD**2 / (2 * size - eta * (size + 2)), np.arange(steps + 1)
    for start, color in ((1.0, "C0"), (0.0, "C3")):
        run = lib.sample(
            model,
            dynamics=lib.SGD(size, label_noise={"y": SPREAD}),
            step_size=eta,
            steps=steps,
            walkers=WALKERS,
            rng=round(3 + start),
            initial=start,
            observe={"w": lib.Trace(every=3)},
            progress=False,
        )
        squares = run["w"].values ** 2
        axes.plot(k, a**k * start**2 + (1 - a**k) * rest, color=color, lw=1.2, label=f"from {start:g}")
        axes.errorbar(
            k[3::3], squares.mean(0), squares.std(0) / np.sqrt(WALKERS), color=color, ls="", marker="o", ms=3, capsize=2
        )
    axes.set(xlabel="step k", ylabel="E w²", yscale="log", ylim=(rest / 30, 1.5))
    axes.set_title(f"On the way, η = {eta}, B = {size}", fontsize=9)
    axes.legend(frameon=False)


def correlations(axes: Axes) -> None:
    """Draw the correlations over time at rest, (1 - η h)^k for each eigenvalue h of the inputs' covariance."""
    eta, size, scales = 0.2, 4, (1.0, 0.5)
    w = lib.parameters("w:2")
    i, X, y = sympy.Idx("i", 10), sympy.IndexedBase("X"), sympy.IndexedBase("y")
    loss = sympy.Sum((sum(w[j] * s * X[i, j] for j, s in enumerate(scales)) - y[i]) ** 2, (i, 0, 9)) / 20
    fresh = lib.Fresh(inputs={"X": (2,)}, labels={"y": sympy.S.Zero}, rows=10)
    model = lib.Model(
        parameters=w, predictor={"w": w[0]}, loss=loss, observables={"first": w[0], "second": w[1]}, data=fresh
    )
    lags = np.arange(0, 41, 4)
    run = lib.sample(
        model,
        dynamics=lib.SGD(size, label_noise={"y": SPREAD}),
        step_size=eta,
        steps=340,
        walkers=WALKERS,
        rng=5,
        initial=0.0,
        observe={name: lib.Trace(at=300 + lags) for name in ("first", "second")},
        progress=False,
    )
    for name, scale, color in (("first", scales[0], "C0"), ("second", scales[1], "C3")):
        values = run[name].values
        products = values[:, :1] * values
        level, error = products.mean(0), products.std(0) / np.sqrt(WALKERS)
        grid = np.arange(41)
        axes.plot(grid, (1 - eta * scale**2) ** grid, color=color, lw=1.2, label=f"h = {scale**2:g}")
        axes.errorbar(lags, level / level[0], error / level[0], color=color, ls="", marker="o", ms=3, capsize=2)
    axes.set(xlabel="lag k", ylabel="correlation of w", ylim=(-0.05, 1.05))
    axes.set_title(f"At rest, in two dimensions, η = {eta}, B = {size}", fontsize=9)
    axes.legend(frameon=False)


def epochs(axes: Axes) -> None:
    """Draw the second moment within an epoch: all orders are enumerated for the lines."""
    rng, rows, eta = np.random.default_rng(3), 4, 0.15
    x, y = rng.normal(size=rows), rng.normal(size=rows)
    w, i, X, Y = lib.parameters("w")[0], sympy.Idx("i", rows), sympy.IndexedBase("X"), sympy.IndexedBase("y")
    model = lib.Model(
        parameters=(w,),
        predictor={"w": w},
        loss=sympy.Sum((w * X[i] - Y[i]) ** 2, (i, 0, rows - 1)) / (2 * rows),
        data={"X": x, "y": y},
    )
    least = x @ y / (x @ x)
    a, b = 1 - eta * x**2, eta * x * (y - least * x)
    # E e and E e**2 after j steps are linear in those before the epoch.
    after = []
    for order in itertools.permutations(range(rows)):
        slope, offset, path = 1.0, 0.0, [(1.0, 0.0)]
        for row in order:
            slope, offset = a[row] * slope, a[row] * offset + b[row]
            path.append((slope, offset))
        after.append(path)
    slopes, offsets = np.moveaxis(np.array(after), 2, 0)
    mean = offsets[:, -1].mean() / (1 - slopes[:, -1].mean())
    square = (2 * mean * (slopes * offsets)[:, -1].mean() + (offsets**2)[:, -1].mean()) / (
        1 - (slopes**2)[:, -1].mean()
    )
    exact = (slopes**2).mean(0) * square + 2 * (slopes * offsets).mean(0) * mean + (offsets**2).mean(0)
    steps = rows * 60
    settings = {"step_size": eta, "steps": steps + rows, "walkers": WALKERS, "initial": least, "progress": False}
    ways = {
        "a new order every epoch": (lib.SGD(1, epochs=True), "C0", exact),
        "with replacement": (lib.SGD(1), "C3", None),
    }
    h, m, r = np.mean(x**2), np.mean(x**4), np.mean((x * (y - least * x)) ** 2)
    for name, (sgd, color, line_) in ways.items():
        run = lib.sample(
            model, dynamics=sgd, rng=11, observe={"w": lib.Trace(at=np.arange(steps, steps + rows + 1))}, **settings
        )
        squares = (run["w"].values - least) ** 2
        levels = np.full(rows + 1, r / (2 * h / eta - m)) if line_ is None else line_
        axes.plot(range(rows + 1), levels, color=color, lw=1.2, label=name)
        axes.errorbar(
            range(rows + 1),
            squares.mean(0),
            squares.std(0) / np.sqrt(WALKERS),
            color=color,
            ls="",
            marker="o",
            ms=4,
            capsize=2,
        )
    axes.set(xlabel="steps since the epoch began", ylabel="E (w − w*)²", ylim=(0.0, None), xticks=range(rows + 1))
    axes.set_title(f"At rest on {rows} rows, one in a batch, η = {eta}", fontsize=9)
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
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.9), layout="constrained")
    transients(left)
    correlations(middle)
    epochs(right)
    figure.savefig(images / "sgd_in_time.png", dpi=130)


if __name__ == "__main__":
    main()
