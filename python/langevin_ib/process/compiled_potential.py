"""Potentials that somebody else has compiled: C functions, as SciPy, numba and ctypes hand them around."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from scipy import LowLevelCallable

from ..checks import shown
from ..errors import InvalidArgumentError

__all__ = ["SIGNATURE", "CompiledPotential"]

SIGNATURE = "int32_t (int64_t walkers, int64_t dim, const double *x, double *gradient, double *value, void *user_data)"
"""What a function must be; what it must do is in the notes of `sample`."""

ARGUMENTS = 6

_REAL = re.compile("(c_)?(long )?(float|double)[0-9]*|(c_)?longdouble")
"""The names of floating-point numbers."""

_FUNCTION: Any = ctypes.CFUNCTYPE(None).__mro__[1]
"""The class of all ctypes functions."""


@dataclass(frozen=True)
class CompiledPotential:
    """The gradient of a potential as the address of a C function in this process.

    Parameters
    ----------
    address : int
        Where the function is.
    user_data : int
        What it is handed as its last argument; 0 for NULL.
    owner : object
        Whatever has to stay alive as long as the function may be called.
    """

    address: int
    user_data: int = 0
    owner: Any = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, function: Any) -> CompiledPotential:
        """Take a `scipy.LowLevelCallable`, a numba ``cfunc`` or a ctypes function with the signature `SIGNATURE`.

        Raises
        ------
        InvalidArgumentError
            If it is none of these, its address is NULL, or it takes other arguments.
        """
        if isinstance(function, CompiledPotential):
            return function
        if isinstance(function, LowLevelCallable):
            address, user_data = _of_low_level(function)
        elif isinstance(getattr(function, "address", None), int) and hasattr(function, "native_name"):
            # A numba cfunc.
            _require_signature(map(str, function._sig.args), str(function._sig.return_type), function)
            address, user_data = function.address, 0
        elif isinstance(function, _FUNCTION):
            if function.argtypes is not None:
                _require_signature(map(_c_name, function.argtypes), _c_name(function.restype), function)
            address, user_data = ctypes.cast(function, ctypes.c_void_p).value or 0, 0
        else:
            raise InvalidArgumentError(
                f"potential={shown(function)} is no compiled function; pass a scipy.LowLevelCallable, a numba cfunc or "
                f"a ctypes function with the signature {SIGNATURE}"
            )
        if address == 0:
            raise InvalidArgumentError(f"potential={shown(function)} is a NULL pointer")
        return cls(address, user_data, function)

    def __reduce__(self) -> Any:
        raise TypeError(
            "a compiled potential is an address in this process and cannot be sent to another or to a file; run it in "
            "threads of this process, or write the potential as a SymPy expression"
        )


def _of_low_level(function: Any) -> tuple[int, int]:
    """Return the addresses of the function and of the user data inside of a SciPy callable."""
    capsule = tuple.__getitem__(function, 0)
    python = ctypes.pythonapi
    python.PyCapsule_GetName.restype, python.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    python.PyCapsule_GetPointer.restype = ctypes.c_void_p
    python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    python.PyCapsule_GetContext.restype, python.PyCapsule_GetContext.argtypes = ctypes.c_void_p, [ctypes.py_object]
    name = python.PyCapsule_GetName(capsule)
    if name is not None:
        returned, _, arguments = name.decode().partition("(")
        _require_signature(arguments.rstrip(" )").split(","), returned, function)
    return python.PyCapsule_GetPointer(capsule, name) or 0, python.PyCapsule_GetContext(capsule) or 0


def _c_name(kind: Any) -> str:
    """Return the name of a ctypes type as C has it, more or less; pointers and arrays end with *."""
    if kind is None:
        return "void"
    is_number = isinstance(getattr(kind, "_type_", None), str) and kind not in (ctypes.c_void_p, ctypes.c_char_p)
    return str(kind.__name__) if is_number else "*"


def _require_signature(arguments: Iterable[str], returned: str, function: Any) -> None:
    """Refuse what C would call with numbers where they do not belong. An address may be an integer."""
    given = [text.strip() for text in arguments]
    if len(given) != ARGUMENTS:
        raise InvalidArgumentError(
            f"potential={shown(function)} takes {len(given)} arguments; the signature must be {SIGNATURE}"
        )
    integers = (*given[:2], returned)
    wrong = [text for text in integers if text.strip().endswith(("*", "void", "none"))]
    wrong += [text for text in (*given, returned) if _REAL.fullmatch(text.strip())]
    if wrong:
        raise InvalidArgumentError(
            f"potential={shown(function)} has {wrong[0].strip()} where it does not belong; the signature must be "
            f"{SIGNATURE}"
        )
