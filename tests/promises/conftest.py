"""What several promises are tested with."""

from __future__ import annotations

import warnings

import pytest


@pytest.fixture
def dask_client():
    """Two workers of dask, and their client."""
    reason = "NOT TESTED: dask.distributed is not installed (pip install 'langevin-ib[dask]')"
    distributed = pytest.importorskip("distributed", reason=reason)
    # What dask warns of is not ours to judge.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
            yield client
