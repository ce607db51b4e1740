"""Find out which of the many equivalent solutions noisy learning prefers, and why.

Describe a model (`Model`, `Scaling`, `Linear`, `parameters`, `models`), name the dynamics (`Ambient`, `SoftSlice`,
`GaugeFixed`, `Constrained`), derive the law of an observable (`density`, `rivals`) and the geometry behind it
(`geometry`, `balance`, `implicit_bias`, `effective_loss`, `find_symmetries`), sample (`sample`, with `Histogram`,
`Moments`, `Trace`), compare (`compare`) and show (`plot`).
"""

from __future__ import annotations

from importlib.metadata import version

from . import errors, geometry, models, plot
from ._core import levels
from .comparison import Comparison, compare
from .geometry import balance, effective_loss, find_symmetries, implicit_bias
from .laws import Density, absorption_time, density, rivals
from .model import Linear, Model, Scaling, parameters
from .observe import Histogram, HistogramResult, Moments, MomentsResult, Trace, TraceResult
from .process import Ambient, Constrained, GaugeFixed, SoftSlice
from .sampling import Run, SamplingInterrupted, load, sample

__version__ = version("langevin-ib")

__all__ = [
    "Ambient",
    "Comparison",
    "Constrained",
    "Density",
    "GaugeFixed",
    "Histogram",
    "HistogramResult",
    "Linear",
    "Model",
    "Moments",
    "MomentsResult",
    "Run",
    "SamplingInterrupted",
    "Scaling",
    "SoftSlice",
    "Trace",
    "TraceResult",
    "absorption_time",
    "balance",
    "compare",
    "density",
    "effective_loss",
    "errors",
    "find_symmetries",
    "geometry",
    "implicit_bias",
    "levels",
    "load",
    "models",
    "parameters",
    "plot",
    "rivals",
    "sample",
]
