"""What becomes of pairs (U, V) under (s U, V / s) in training: ratio of norms, imbalance, the ratio it predicts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ... import laws
from .arms import Array
from .experiment import Measured

__all__ = ["WITHIN", "apart", "control_figures", "differing", "drift", "effect", "off", "pair_views", "unbalanced"]

WITHIN = 0.1
"""A ratio so near to 1 counts as balanced."""

Arrays = Mapping[str, Array]


def pair_views(up: Array, down: Array, first_up: Array, first_down: Array) -> dict[str, Array]:
    """Return views of pairs along training.

    Parameters
    ----------
    up, down : array, shape (looks, pairs)
        |U|² and |V|².
    first_up, first_down : array, shape (pairs,)
        The same before the first iteration.

    Returns
    -------
    dict
        "ratio" = |V| / |U|; "imbalance" q = |U|² - |V|²; "predicted", the ratio if q had stayed as it was at first,
        sqrt((rho - q_0) / (rho + q_0)) with rho = |U|² + |V|², nan where rho < |q_0|; all of shape (looks, pairs). And
        "first_imbalance" and "first_ratio", shape (pairs,).
    """
    q, first, rho = up - down, first_up - first_down, up + down
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "ratio": np.sqrt(down / up),
            "imbalance": q,
            "predicted": laws.ratio_of_sides(first, rho),
            "first_imbalance": first,
            "first_ratio": np.sqrt(first_down / first_up),
        }


def unbalanced(count: int, scale: float) -> Array:
    """Return factors exp(linspace(-scale, scale)) for U, and one over them for V, that unbalance pairs."""
    return np.exp(np.linspace(-scale, scale, count))


def off(arrays: Arrays, arm: str) -> Array:
    """Return the largest distance, over pairs, of a final ratio from that which q(0) predicts, shape (seeds,)."""
    return np.asarray(np.abs(arrays[f"{arm}.ratio"] - arrays[f"{arm}.predicted"])[:, -1].max(axis=1))


def drift(arrays: Arrays, arm: str, place: int = -1) -> Array:
    """Return sum |q - q(0)| / sum |q(0)| over pairs at a look, shape (seeds,)."""
    first = arrays[f"{arm}.first_imbalance"]
    moved = np.abs(arrays[f"{arm}.imbalance"][:, place] - first).sum(axis=1)
    return np.asarray(moved / np.abs(first).sum(axis=1))


def apart(arrays: Arrays, arm: str, main: str) -> Array:
    """Return the largest distance, over pairs, of final ratios from those of another arm at that time."""
    place = _place(arrays, arm, main)
    return np.asarray(np.abs(arrays[f"{arm}.ratio"][:, -1] - arrays[f"{main}.ratio"][:, place]).max(axis=1))


def _place(arrays: Arrays, arm: str, main: str) -> int:
    """Return the look of an arm that is nearest in time to the last one of another."""
    return int(np.argmin(np.abs(arrays[f"{main}.steps"] - arrays[f"{arm}.steps"][-1])))


def control_figures(arrays: Arrays, main: str, controls: Mapping[str, str]) -> list[Measured]:
    """Return, for controls that were run, by how much imbalances and ratios differ from those of the main arm.

    Parameters
    ----------
    arrays : mapping
        Views by "arm.view".
    main : str
        The arm that all are compared with, at the end of each.
    controls : mapping from str to str
        Arms, and what each is called.
    """
    found = []
    for arm, called in controls.items():
        if f"{arm}.ratio" not in arrays:
            continue
        end = int(arrays[f"{arm}.steps"][-1])
        found += [
            Measured(f"{called}, {end} iterations: change of imbalances", drift(arrays, arm)),
            Measured("  the same by SGD as it is", drift(arrays, main, _place(arrays, arm, main))),
            Measured("  largest distance of a ratio from it", apart(arrays, arm, main)),
        ]
    return found


def differing(arrays: Arrays, main: str, controls: Mapping[str, str]) -> str:
    """Return by how much final ratios differ under controls that were run: a part of a sentence, or nothing."""
    known = {
        called: float(np.median(apart(arrays, a, main))) for a, called in controls.items() if f"{a}.ratio" in arrays
    }
    return f"; ratios differ {', '.join(f'{called} by {by:.2g}' for called, by in known.items())}" if known else ""


def effect(arrays: Arrays, main: str, what: str) -> str:
    """Return whether ratios follow growth at a kept imbalance, or noise: one sentence, computed from the run."""
    ratios, rest = arrays[f"{main}.ratio"][:, -1], arrays[f"{main}.rest"]
    within = int(np.sum(np.all(np.abs(ratios - 1.0) <= WITHIN, axis=1)))
    distance, moved = float(np.median(off(arrays, main))), 100.0 * float(np.median(drift(arrays, main)))
    to_rest = float(np.median(np.max(np.abs(ratios - rest), axis=1)))
    cause = "norms grow more than imbalances change" if distance < to_rest else "noise has moved imbalances"
    return (
        f"All {ratios.shape[1]} ratios of {what} are within 10 % of 1 in {within} of {len(ratios)} seeds: {cause} "
        f"({moved:.2g} %). What q(0) predicts is off by {distance:.2g} at most (median over seeds); the noise "
        f"equilibrium of the final state, {float(np.nanmedian(rest)):.2f} for the median one, by {to_rest:.2g}"
    )
