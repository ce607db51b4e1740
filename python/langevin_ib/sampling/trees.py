"""Traces as a tree of xarray in ArviZ's layout, which every version of ArviZ takes as it is. Needs xarray."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray
from numpy.typing import NDArray

from ..observe import TraceResult
from .files import describe

if TYPE_CHECKING:
    from .run import Run

__all__ = ["tree_of"]


def tree_of(run: Run, traces: Mapping[str, TraceResult], warmup: int) -> xarray.DataTree:
    """Return traces as arrays (chain, draw) of a group "posterior", beside "sample_stats", and what was warm-up.

    Parameters
    ----------
    run : Run
        Where they come from.
    traces : mapping from str to TraceResult
        By the names of the variables.
    warmup : int
        Looks after so many steps and earlier go to "warmup_posterior" and "warmup_sample_stats".
    """
    # Chains are numbered as walkers.
    chains, attributes = np.arange(*run.settings.walkers), _attributes(run)
    together = len({trace.spec for trace in traces.values()}) == 1
    variables = {}
    for name, trace in traces.items():
        # Traces of different strides have draws of their own.
        draw = "draw" if together else f"draw_{name}"
        coords = {"chain": chains, draw: trace.steps}
        variables[name] = xarray.DataArray(np.asarray(trace), dims=("chain", draw), coords=coords)
    posterior = xarray.Dataset(variables, attrs=attributes)
    # Whoever diverges ends the run with an error, so in what is returned nobody has.
    looks = [posterior["draw"]] if together else []
    coords = {"chain": chains} | {each.name: each for each in looks}
    stats: dict[str, Any] = {
        "diverging": (tuple(coords), np.zeros((len(chains), *(look.size for look in looks)), dtype=np.bool_))
    }
    stats |= {name: (("chain", "piece")[: values.ndim], values) for name, values in _of_chains(run).items()}
    groups = {"posterior": posterior, "sample_stats": xarray.Dataset(stats, coords=coords, attrs=attributes)}
    tree = {f"/{name}": _looks(group, warmup, late=True) for name, group in groups.items()}
    if warmup:
        tree |= {f"/warmup_{name}": _looks(group, warmup, late=False) for name, group in groups.items()}
    inference_data = _inference_data()
    if inference_data is None:
        return xarray.DataTree.from_dict(tree)
    inference_data.register(InferenceTree)
    return InferenceTree.from_dict(tree)


def _looks(group: xarray.Dataset, warmup: int, *, late: bool) -> xarray.Dataset:
    """Return the draws after the warm-up and what is said of whole chains, or the draws in it alone."""
    draws = {
        name: np.flatnonzero((group[name] > warmup) == late) for name in group.dims if str(name).startswith("draw")
    }
    of_chains = [] if late else [name for name, found in group.data_vars.items() if not draws.keys() & set(found.dims)]
    return group.isel(draws).drop_vars(of_chains)


def _of_chains(run: Run) -> dict[str, NDArray[Any]]:
    """Return what is known of each walker beside its traces, arrays of shape (chains,) or (chains, pieces)."""
    rates = run.walker_acceptance
    found: dict[str, NDArray[Any]] = {} if run.process.deaths == 0 else {"absorption_time": run.absorption_times}
    if rates is not None:
        stuck = np.isin(np.arange(*run.settings.walkers), run.stuck_walkers)
        found |= {"acceptance_rate": rates, "stuck": stuck}
    return found


def _attributes(run: Run) -> dict[str, Any]:
    """Return where the numbers come from, as values that a NetCDF file can hold."""
    settings = run.settings
    return {
        "inference_library": "langevin_ib",
        "inference_library_version": version("langevin-ib"),
        "sampling_time": run.seconds,
        "tuning_steps": settings.burn_in,
        "steps": run.steps,
        "scheme": settings.scheme,
        "step_size": settings.step_size,
        "temperature": run.process.temperature,
        "dynamics": str(run.dynamics),
        "key": f"{settings.key:#034x}",
        "settings": json.dumps(describe(settings)),
    }


class InferenceTree(xarray.DataTree):  # type: ignore[misc]  # xarray is optional, and untyped where it is missing
    """A tree that ArviZ before 1.0 takes for an InferenceData of its own.

    That asks for groups as items and as attributes, expects datasets, and calls ``groups``.
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        """Return what is at a path; a group as a dataset that can also be asked for its dataset, as a node can."""
        found = super().__getitem__(key)
        return Group(found.data_vars, found.coords, found.attrs) if isinstance(found, InferenceTree) else found

    def __getattr__(self, name: str) -> Any:
        """Return the group of this name, as `__getitem__` does."""
        found = super().__getattr__(name)
        return self[name] if isinstance(found, InferenceTree) else found

    @property
    def groups(self) -> _Groups:
        """The paths of all nodes; called, the names of the groups."""
        return _Groups(super().groups)


class Group(xarray.Dataset):  # type: ignore[misc]  # as above
    """A group of an `InferenceTree`: a dataset, with a node's names for it."""

    __slots__ = ()

    @property
    def dataset(self) -> xarray.Dataset:
        """The group without these names."""
        return self.to_dataset()

    def to_dataset(self, inherit: bool = True) -> xarray.Dataset:
        """Return the group without these names; a group of the root inherits nothing."""
        return xarray.Dataset(self.data_vars, self.coords, self.attrs)


class _Groups(tuple[str, ...]):
    __slots__ = ()

    def __call__(self) -> list[str]:
        return [path[1:] for path in self if path.count("/") == 1 and path != "/"]


def _inference_data() -> Any:
    """Return the class of ArviZ before 1.0; None where there is none, because a later ArviZ takes any tree."""
    try:
        if int(version("arviz").partition(".")[0]) > 0:
            return None
        with warnings.catch_warnings():
            # It announces its later versions.
            warnings.simplefilter("ignore")
            return importlib.import_module("arviz").InferenceData
    except (PackageNotFoundError, ImportError, AttributeError):
        return None
