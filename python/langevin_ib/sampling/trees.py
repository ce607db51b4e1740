"""Traces as a tree of xarray in ArviZ's layout, which every version of ArviZ takes as it is. Needs xarray."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import xarray

from ..observe import TraceResult

__all__ = ["tree_of"]


def tree_of(traces: Mapping[str, TraceResult], first: int, attributes: Mapping[str, Any]) -> xarray.DataTree:
    """Return traces as arrays (chain, draw) of a group "posterior".

    Parameters
    ----------
    traces : mapping from str to TraceResult
        By the names of the variables.
    first : int
        The number of the first walker: chains are numbered as walkers.
    attributes : mapping
        Of the group.
    """
    variables = {}
    for name, trace in traces.items():
        values = np.asarray(trace)
        # Traces of different strides have draws of their own.
        draw = "draw" if len({t.spec for t in traces.values()}) == 1 else f"draw_{name}"
        coords = {"chain": np.arange(first, first + len(values)), draw: trace.steps}
        variables[name] = xarray.DataArray(values, dims=("chain", draw), coords=coords)
    group = {"/posterior": xarray.Dataset(variables, attrs=dict(attributes))}
    inference_data = _inference_data()
    if inference_data is None:
        return xarray.DataTree.from_dict(group)
    inference_data.register(InferenceTree)
    return InferenceTree.from_dict(group)


class InferenceTree(xarray.DataTree):  # type: ignore[misc]  # xarray is optional, and untyped where it is missing
    """A tree that ArviZ before 1.0 takes for an InferenceData of its own.

    That asks for groups as items and as attributes, expects datasets, and calls ``groups``.
    """

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        """Return what is at a path; a group as a dataset that can also be asked for its dataset, as a node can."""
        found = super().__getitem__(key)
        return Group(found.data_vars, found.coords, found.attrs) if isinstance(found, InferenceTree) else found

    @property
    def posterior(self) -> Any:
        """The group of this name."""
        return self["posterior"]

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
