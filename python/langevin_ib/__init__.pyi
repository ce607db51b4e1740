from . import design as design
from . import errors as errors
from . import geometry as geometry
from . import models as models
from . import plot as plot
from ._core import levels
from .comparison import Comparison, compare
from .geometry import balance, effective_loss, find_symmetries, implicit_bias
from .laws import (
    Density,
    ImbalanceBudget,
    NoiseEquilibrium,
    absorption_time,
    density,
    imbalance_budget,
    noise_equilibrium,
    rivals,
)
from .model import Fresh, Linear, Model, Scaling, Translation, parameters, singular_values
from .observe import Histogram, HistogramResult, Moments, MomentsResult, States, StatesResult, Trace, TraceResult
from .process import SGD, Ambient, Constrained, GaugeFixed, GivenBatches, SoftSlice
from .sampling import Diagnostics, Run, SamplingInterrupted, StuckWalkers, load, merge, sample
from .studies.evidence import Evidence, evidence
from .studies.experiments import Reproduction, reproduce
from .studies.scan import scan

__version__: str

__all__ = [
    "SGD",
    "Ambient",
    "Comparison",
    "Constrained",
    "Density",
    "Diagnostics",
    "Evidence",
    "Fresh",
    "GaugeFixed",
    "GivenBatches",
    "Histogram",
    "HistogramResult",
    "ImbalanceBudget",
    "Linear",
    "Model",
    "Moments",
    "MomentsResult",
    "NoiseEquilibrium",
    "Reproduction",
    "Run",
    "SamplingInterrupted",
    "Scaling",
    "SoftSlice",
    "States",
    "StatesResult",
    "StuckWalkers",
    "Trace",
    "TraceResult",
    "Translation",
    "absorption_time",
    "balance",
    "compare",
    "density",
    "design",
    "effective_loss",
    "errors",
    "evidence",
    "find_symmetries",
    "geometry",
    "imbalance_budget",
    "implicit_bias",
    "levels",
    "load",
    "merge",
    "models",
    "noise_equilibrium",
    "parameters",
    "plot",
    "reproduce",
    "rivals",
    "sample",
    "scan",
    "singular_values",
]
