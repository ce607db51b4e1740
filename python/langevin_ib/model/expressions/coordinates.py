"""The real symbols that a model is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from ...checks import shown
from ...errors import InvalidArgumentError
from .expressions import checked_name

__all__ = ["checked_parameters", "parameters"]


def parameters(names: str) -> tuple[sympy.Symbol, ...]:
    """Return real SymPy symbols to build a model from.

    Parameters
    ----------
    names : str
        Identifiers separated by blanks or commas; SymPy's ranges (``"w:3"``) are understood.

    Returns
    -------
    tuple of sympy.Symbol
        The symbols, in the order of the names; also for a single name.

    Raises
    ------
    InvalidArgumentError
        If a name is no identifier or occurs twice.

    Examples
    --------
    >>> u, v = parameters("u v")
    >>> parameters("w:3")
    (w0, w1, w2)
    """
    if not isinstance(names, str) or not names.strip(" ,"):
        raise InvalidArgumentError(f'names must be a string such as "u v", got {shown(names)}')
    try:
        symbols = tuple(sympy.symbols(names, real=True, seq=True))
    except ValueError as error:
        raise InvalidArgumentError(
            f"names={names!r} cannot be read ({error}); separate identifiers by blanks"
        ) from None
    return checked_parameters(symbols)


def checked_parameters(symbols: Any) -> tuple[sympy.Symbol, ...]:
    """Return `symbols` as a tuple once they are known to be distinct real symbols with usable names.

    Raises
    ------
    InvalidArgumentError
        If they are anything else.
    """
    if not isinstance(symbols, Sequence) or isinstance(symbols, str) or not symbols:
        raise InvalidArgumentError(
            f'parameters must be a tuple of symbols as from parameters("u v"), got {shown(symbols)}'
        )
    for symbol in symbols:
        if not isinstance(symbol, sympy.Symbol) or not symbol.is_real:
            raise InvalidArgumentError(
                f"parameter {symbol!r} is not a real symbol; make it with parameters({str(symbol)!r})"
            )
        if symbol.is_integer:
            raise InvalidArgumentError(
                f"parameter {symbol!r} is assumed to be an integer, but walkers move through all real numbers; make it "
                f"with parameters({str(symbol)!r})"
            )
        checked_name("parameter", str(symbol))
    if len({str(s) for s in symbols}) < len(symbols):
        raise InvalidArgumentError(f"parameters {', '.join(map(str, symbols))} contain a name twice; rename one")
    return tuple(symbols)
