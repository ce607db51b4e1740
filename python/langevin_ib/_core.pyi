"""The compiled core: the loop over walkers and the noise under it."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, TypedDict, type_check_only

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DivergedError",
    "apply",
    "box_muller",
    "cpu_count",
    "evaluate",
    "lead",
    "levels",
    "normal_sums",
    "normals",
    "operations",
    "sample",
    "words",
]

class DivergedError(ArithmeticError):
    """A walker diverged; args are (message, walker, step, cause, coordinate, value)."""

@type_check_only
class Tape(TypedDict):
    code: NDArray[np.int32]
    constants: NDArray[np.float64]
    dim: int
    registers: int
    outputs: NDArray[np.int32]
    data: Sequence[NDArray[np.float64]]

_Part: TypeAlias = (
    tuple[Sequence[int], Sequence[int], float, bool]
    | tuple[Sequence[Sequence[int]], Sequence[Sequence[float]], Sequence[float], bool]
    | tuple[int, Sequence[int], Sequence[int]]
    | tuple[Sequence[int], Sequence[Sequence[float]], Sequence[float]]
)
_Turn: TypeAlias = tuple[Sequence[int], Sequence[float]]

# Parts of a gauge, whether walkers at zero are absorbed, and the frame of the parts' coordinates; or a tape of
# constraints, their levels, and the sizes of the blocks that they fall into.
_Bound: TypeAlias = tuple[Sequence[_Part], bool, Sequence[_Turn]] | tuple[Tape, Sequence[float], Sequence[int]]

# Inputs, units and factor of a layer, and what makes its rows: a tape, or other layers, one for each walker in turn.
_Layer: TypeAlias = tuple[int, int, float, Tape | Sequence[Sequence[float]]]

# Pairs of vectors; and with masks the chance that each counts, and what their products are to be.
_Factors: TypeAlias = tuple[Sequence[tuple[int, int]], tuple[float, Sequence[float]] | None]

@type_check_only
class _Alone(TypedDict):
    order: Sequence[int]
    length: int
    factor: float
    decay: float
    lasso: float
    factors: _Factors | None
    # Tokens, those that ask, entries of a token, columns of Q and K, and of V; or the units of a layer. And a teacher.
    taught: tuple[Sequence[int], Sequence[float]] | None

# Rows, weights and noise on labels, by walker, step, place in the batch and, the last, entry.
_Given: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.float64], NDArray[np.float64]]

@type_check_only
class Examples(TypedDict):
    rest: Tape | None
    row: Tape | _Layer | _Alone
    table: NDArray[np.float64]
    labels: Sequence[float]
    inputs: Sequence[float]
    law: str
    batch: tuple[str, int, float]
    scale: float
    given: _Given | None

@type_check_only
class Request(TypedDict):
    potential: tuple[str, Sequence[float], float] | tuple[int, int, float] | tuple[Tape, Tape] | Examples
    bound: _Bound | None
    metric: Sequence[float] | None
    scheme: str
    noise: str
    temperature: float
    step_size: float
    key: int
    substeps: int
    walkers: tuple[int, int]
    steps: tuple[int, int]
    burn_in: int
    approach: int
    observe: Sequence[tuple[str | Tape, int | list[int], str, Sequence[float], tuple[str | Tape, float, float] | None]]
    groups: int
    threads: int
    level: str | None
    block: int

def evaluate(tape: Tape, points: NDArray[Any], level: str | None = None) -> NDArray[Any]: ...
def sample(
    request: Request,
    states: NDArray[np.floating[Any]],
    sums: Sequence[NDArray[np.float64]] = ...,
    progress: Callable[[int], object] | None = None,
    acceptance: NDArray[np.int64] | None = None,
) -> tuple[NDArray[Any], list[NDArray[Any]], int, NDArray[np.int64], NDArray[np.int64], BaseException | None]: ...
def lead(bound: _Bound, points: NDArray[Any], level: str | None = None) -> NDArray[Any]: ...
def normal_sums(key: int, walkers: int, steps: int, *, level: str | None = None) -> NDArray[np.float64]: ...
def normals(
    key: int,
    walkers: tuple[int, int],
    steps: tuple[int, int],
    dim: int,
    *,
    stream: str = "increment",
    dtype: str = "float64",
    noise: str = "native",
    level: str | None = None,
) -> NDArray[Any]: ...
def words(
    key: int,
    walkers: tuple[int, int],
    steps: tuple[int, int],
    dim: int,
    *,
    stream: str = "increment",
    level: str | None = None,
) -> NDArray[np.uint64]: ...
def box_muller(
    first: NDArray[np.uint64], second: NDArray[np.uint64], *, dtype: Literal["float64", "float32"] = "float64"
) -> list[NDArray[np.float64]]: ...
def operations() -> list[str]: ...
def apply(
    name: str,
    a: NDArray[np.floating[Any]],
    b: NDArray[np.floating[Any]] | None = None,
    level: str | None = None,
) -> NDArray[Any]: ...
def levels() -> list[str]: ...
def cpu_count() -> int: ...
