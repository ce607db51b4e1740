"""A filled histogram: exact integer counts per group of walkers, so that error bars pay for autocorrelation."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import checked_int, checked_kind, checked_real, real_array, shown
from ..errors import InvalidArgumentError
from .axis import RegularAxis
from .foreign_counts import checked_edges, raw_counts_of
from .provenance import Provenance

if TYPE_CHECKING:
    from .histogram import Histogram

__all__ = ["HistogramResult"]


@dataclass(frozen=True, eq=False, repr=False)
class HistogramResult:
    """Counts of one observable, kept apart for groups of independent walkers.

    Walker w belongs to group w mod groups. Counts are integers, so merging is exact; the groups are independent, so
    the spread between them gives errors that are honest whatever the autocorrelation along a walker. It is a UHI
    ``PlottableHistogram``, and ``hist.Hist(result)`` and ``boost_histogram.Histogram(result)`` are the same histogram.

    Parameters
    ----------
    spec : Histogram
        The request.
    provenance : Provenance
        The settings of the run.
    raw_counts : array of int64, shape (groups, spec.slots)
        One row per group; the columns are underflow, the bins from left to right, overflow, invalid (NaN) and, if the
        request has a condition, looks while it did not hold.

    Raises
    ------
    InvalidArgumentError
        If ``raw_counts`` has another shape or dtype, or a negative entry.
    """

    spec: Histogram
    provenance: Provenance
    raw_counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check the counts and make them read-only."""
        checked_kind("provenance", self.provenance, Provenance)
        raw, columns = real_array("raw_counts", self.raw_counts), getattr(self.spec, "slots", None)
        if columns is None:
            raise InvalidArgumentError(f"spec must be a Histogram, got {shown(self.spec)}")
        if raw.ndim != 2 or raw.shape[0] < 1 or raw.shape[1] != columns or raw.dtype != np.int64:
            raise InvalidArgumentError(
                f"raw_counts has shape {raw.shape} and dtype {raw.dtype}; give int64 of shape (groups, {columns}): "
                f"underflow, {self.spec.bins} bins, overflow, invalid{', elsewhere' if self.spec.given else ''}"
            )
        if raw.size and raw.min() < 0:
            raise InvalidArgumentError(f"raw_counts has the negative entry {raw.min()}; counts are at least 0")
        frozen = raw.view()
        frozen.flags.writeable = False
        object.__setattr__(self, "raw_counts", frozen)

    @classmethod
    def from_counts(
        cls,
        counts: ArrayLike,
        edges: ArrayLike,
        *,
        observable: str,
        temperature: float,
        underflow: ArrayLike = 0,
        overflow: ArrayLike = 0,
        walkers: int | None = None,
        scheme: str = "foreign",
        step_size: float = 0.0,
    ) -> HistogramResult:
        """Return counts that were made elsewhere as a histogram, to be compared with a law or with a run.

        Parameters
        ----------
        counts : array_like of int, shape (groups, bins)
            One row for each group of walkers (chains, seeds). Groups have to be independent of each other, and each
            stationary: the spread between them is all that is known of the errors. Eight are needed, 64 are good.
        edges : array_like, shape (bins + 1,)
            The edges of the bins, equally spaced.
        observable : str
            What was counted, by the name that it has in what it is compared with.
        temperature : float
            The temperature at which it was sampled.
        underflow, overflow : array_like of int, shape (groups,)
            How many values of each group fell below the first edge, and on or above the last one.
        walkers : int, optional
            The number of independent walkers in all groups together; by default one in each.
        scheme, step_size : str, float
            How it was sampled. For ``finer=`` a scheme of the first order in the step has to be named, such as
            "euler-maruyama"; 0 is for samplers without a step.

        Raises
        ------
        InvalidArgumentError
            If counts, edges and tails do not belong together, or are not what is stated above.

        Examples
        --------
        >>> counts = HistogramResult.from_counts([[3, 5], [4, 4]], [0, 1, 2], observable="theta", temperature=0.3)
        >>> counts.groups, counts.total, counts.edges
        (2, 16, array([0., 1., 2.]))
        """
        from .histogram import Histogram  # noqa: PLC0415 - a request makes results; here a result needs its request

        bins, ends = checked_edges(edges)
        raw = raw_counts_of(counts, underflow, overflow, bins)
        groups = len(raw)
        many = groups if walkers is None else checked_int("walkers", walkers, minimum=groups, maximum=2**63 - 1)
        origin = Provenance(
            observable=checked_kind("observable", observable, str),
            scheme=checked_kind("scheme", scheme, str),
            step_size=checked_real("step_size", step_size, minimum=0.0),
            temperature=checked_real("temperature", temperature, minimum=0.0),
            walkers=many,
            observations=int(raw.sum()) // max(many, 1),
            key=None,
        )
        return cls(Histogram(bins=bins, range=ends), origin, raw)

    @property
    def edges(self) -> NDArray[np.float64]:
        """The edges of the bins, shape (bins + 1,)."""
        return self.axes[0].edges

    @property
    def groups(self) -> int:
        """The number of groups of walkers."""
        return int(self.raw_counts.shape[0])

    @property
    def group_counts(self) -> NDArray[np.int64]:
        """The counts in the bins, shape (groups, bins)."""
        return self.raw_counts[:, 1 : self.spec.bins + 1]

    @property
    def slot_counts(self) -> NDArray[np.int64]:
        """The counts of underflow, the bins and overflow, shape (groups, bins + 2)."""
        return self.raw_counts[:, : self.spec.bins + 2]

    @property
    def group_totals(self) -> NDArray[np.int64]:
        """The number of observations of each group, tails included and NaN excluded, shape (groups,)."""
        totals: NDArray[np.int64] = self.slot_counts.sum(axis=1)
        return totals

    @property
    def group_looks(self) -> NDArray[np.int64]:
        """The number of looks of each group, whether its condition held or not, NaN excluded, shape (groups,)."""
        looks: NDArray[np.int64] = self.group_totals + self.raw_counts[:, self.spec.bins + 3 :].sum(axis=1)
        return looks

    @property
    def underflow(self) -> int:
        """How many observations fell below the range (-inf included)."""
        return int(self.raw_counts[:, 0].sum())

    @property
    def overflow(self) -> int:
        """How many observations fell on or above the upper end of the range (+inf included)."""
        return int(self.raw_counts[:, self.spec.bins + 1].sum())

    @property
    def invalid(self) -> int:
        """How many observations were NaN."""
        return int(self.raw_counts[:, self.spec.bins + 2].sum())

    @property
    def elsewhere(self) -> int:
        """How many looks found the condition not holding; 0 without a condition."""
        return int(self.raw_counts[:, self.spec.bins + 3 :].sum())

    @property
    def total(self) -> int:
        """The number of observations, tails included and NaN excluded."""
        return int(self.group_totals.sum())

    def to_numpy(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return counts (bins,) and edges (bins + 1,), as `numpy.histogram` does."""
        counts: NDArray[np.int64] = self.group_counts.sum(axis=0)
        return counts, self.edges

    def density(self) -> NDArray[np.float64]:
        """Return the mean density over each bin, shape (bins,), in units of 1 / observable.

        It is normalised by all observations, tails included: it estimates the bin averages of the pdf of the
        observable itself and not of the observable given that it is in range. Zeros if nothing was observed.
        """
        return self.values() * self._density_scale()

    def density_error(self) -> NDArray[np.float64]:
        """Return one standard error of `density`, shape (bins,), from the spread between groups.

        NaN if there are fewer than two groups.
        """
        variances = self.variances()
        return np.full(self.spec.bins, np.nan) if variances is None else np.sqrt(variances) * self._density_scale()

    def slots_inside(self, intervals: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
        """Say which of underflow, bins and overflow lie wholly inside one of the intervals.

        Parameters
        ----------
        intervals : sequence of (float, float)
            Closed intervals; ends may be infinite. An edge that misses an end by rounding alone (1e-9 of a bin)
            counts as lying on it.

        Returns
        -------
        array of bool, shape (bins + 2,)
            In the order underflow, bins, overflow.
        """
        lower, upper = self.slot_bounds()
        slack = 1e-9 * (self.spec.range[1] - self.spec.range[0]) / self.spec.bins
        inside = np.zeros(self.spec.bins + 2, dtype=np.bool_)
        for lo, hi in intervals:
            inside |= (lower >= lo - slack) & (upper <= hi + slack)
        return inside

    def slot_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lower and upper ends of underflow, bins and overflow, each of shape (bins + 2,)."""
        ends = np.concatenate(([-np.inf], self.edges, [np.inf]))
        return ends[:-1], ends[1:]

    @property
    def kind(self) -> str:
        """UHI's kind of histogram."""
        return "COUNT"

    @property
    def axes(self) -> tuple[RegularAxis]:
        """The one axis, as UHI's ``PlottableAxis``."""
        return (RegularAxis(self.spec.bins, self.spec.range, self.provenance.observable),)

    def values(self, flow: bool = False) -> NDArray[np.float64]:
        """Return the counts of all groups together as floats, shape (bins,); with `flow`, the tails beside them."""
        values: NDArray[np.float64] = self._slots(flow).sum(axis=0).astype(np.float64)
        return values

    def counts(self, flow: bool = False) -> NDArray[np.float64]:
        """Return the number of entries, which for unweighted entries is `values`, shape (bins,)."""
        return self.values(flow)

    def variances(self, flow: bool = False) -> NDArray[np.float64] | None:
        r"""Return the variances of `values`, shape (bins,), estimated from the spread between groups.

        With c_g counts out of n_g observations in group g, N = Σ n_g and p = Σ c_g / N it is
        N / (G - 1) · Σ_g (c_g - n_g p)² / n_g: unbiased for independent groups whose variance is proportional to
        their size, whatever the autocorrelation inside. None if fewer than two groups saw anything.
        """
        sizes = self.group_totals
        seen = sizes > 0
        if int(seen.sum()) < 2:
            return None
        weights = sizes[seen].astype(np.float64)[:, None]
        counts = self._slots(flow)[seen]
        residuals = counts - weights * (counts.sum(axis=0) / weights.sum())
        variances: NDArray[np.float64] = (residuals**2 / weights).sum(axis=0) * weights.sum() / (len(weights) - 1)
        return variances

    def _slots(self, flow: bool) -> NDArray[np.int64]:
        return self.slot_counts if flow else self.group_counts

    def _to_uhi_(self) -> dict[str, Any]:
        """Return the histogram as UHI describes it, which ``hist.Hist`` takes: weighted, tails included.

        Its variances are those between groups, NaN where there are too few.
        """
        values, variances = self.values(flow=True), self.variances(flow=True)
        lo, hi = self.spec.range
        axis = {"type": "regular", "lower": lo, "upper": hi, "bins": self.spec.bins, "circular": False}
        origin = self.provenance
        return {
            "uhi_schema": 1,
            "writer_info": {"langevin_ib": {}},
            "axes": [axis | {"underflow": True, "overflow": True, "metadata": self._axis_metadata()}],
            "storage": {
                "type": "weighted",
                "values": values,
                "variances": np.full_like(values, np.nan) if variances is None else variances,
            },
            "metadata": {
                "scheme": origin.scheme,
                "step_size": origin.step_size,
                "temperature": origin.temperature,
                "walkers": origin.walkers,
                "observations": origin.observations,
            },
        }

    def _to_boost_histogram_(self) -> Any:
        """Return the histogram as one of boost-histogram's, which asks for it and so is there."""
        boost = importlib.import_module("boost_histogram")
        axis = boost.axis.Regular(self.spec.bins, *self.spec.range)
        axis.__dict__.update(self._axis_metadata())
        described = self._to_uhi_()
        histogram = boost.Histogram(axis, storage=boost.storage.Weight())
        view = histogram.view(flow=True)
        view.value, view.variance = described["storage"]["values"], described["storage"]["variances"]
        histogram.__dict__.update(described["metadata"])
        return histogram

    def _axis_metadata(self) -> dict[str, str]:
        name = self.provenance.observable
        return {"name": name, "label": name} if name.isidentifier() else {"label": name}

    def __add__(self, other: HistogramResult) -> HistogramResult:
        """Merge the shards of one run: disjoint sets of its walkers, counted into the same groups and bins."""
        if not isinstance(other, HistogramResult):
            return NotImplemented
        if self.spec != other.spec:
            raise InvalidArgumentError(
                f"histograms of different specs cannot be merged: {self.spec} and {other.spec}; bin both alike"
            )
        if self.groups != other.groups:
            raise InvalidArgumentError(
                f"histograms of {self.groups} and {other.groups} groups cannot be merged; "
                "count every shard into the same groups"
            )
        names = ("observable", "scheme", "step_size", "temperature", "observations", "key")
        self.provenance.require_same(other.provenance, *names, remedy="only shards of one run can be merged")
        walkers = self.provenance.walkers + other.provenance.walkers
        stuck = self.provenance.stuck + other.provenance.stuck
        provenance = replace(self.provenance, walkers=walkers, stuck=stuck)
        return HistogramResult(self.spec, provenance, self.raw_counts + other.raw_counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HistogramResult):
            return NotImplemented
        same = self.spec == other.spec and self.provenance == other.provenance
        return same and np.array_equal(self.raw_counts, other.raw_counts)

    __hash__ = None  # type: ignore[assignment] # arrays are compared by value, so there is no cheap hash

    def __repr__(self) -> str:
        lo, hi = self.spec.range
        tails = f"{self.underflow} underflow, {self.overflow} overflow, {self.invalid} invalid"
        if self.spec.given is not None:
            name, start, end = self.spec.given
            tails += f"; given {name} in [{start:g}, {end:g}), {self.elsewhere} elsewhere"
        return (
            f"HistogramResult({self.provenance.observable}: {self.total} observations of {self.provenance.walkers} "
            f"walkers, {self.spec.bins} bins over [{lo:g}, {hi:g}), {self.groups} groups; {tails})"
        )

    def _density_scale(self) -> float:
        lo, hi = self.spec.range
        return self.spec.bins / ((hi - lo) * max(self.total, 1))
