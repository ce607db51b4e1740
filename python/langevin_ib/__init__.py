"""Find out which of the many equivalent solutions noisy learning prefers, and why.

Describe a model (`Model`, `Scaling`, `Translation`, `Linear`, `parameters`, `models`), name the dynamics (`Ambient`,
`SoftSlice`, `GaugeFixed`, `Constrained`, `SGD`), derive the law of an observable (`density`, `rivals`) and the geometry
behind it (`geometry`, `balance`, `implicit_bias`, `effective_loss`, `find_symmetries`), sample (`sample`, with
`Histogram`, `Moments`, `Trace`), compare (`compare`) and show (`plot`).
"""

from importlib.metadata import version

import lazy_loader

# The names stand in __init__.pyi, room by room. A room opens when one of its names is first asked for (SPEC 1), so that
# importing this package costs next to nothing.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = version("langevin-ib")
