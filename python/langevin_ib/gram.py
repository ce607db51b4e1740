"""The Gram matrix of constraints, G_ab = grad chi_a . grad chi_b, as an expression, and the log of its determinant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy

from .errors import UnsupportedModelError

__all__ = ["gram", "log_det_gram"]

MOST = 7
"""The largest block of G whose determinant is written down; the number of its terms grows like a factorial."""


def gram(constraints: Sequence[sympy.Expr], parameters: Sequence[sympy.Symbol]) -> sympy.Matrix:
    """Return G_ab = grad chi_a . grad chi_b, shape (m, m) (arXiv 2601.06597, section 2)."""
    jacobian = sympy.Matrix([[sympy.diff(chi, x) for x in parameters] for chi in constraints])
    return jacobian * jacobian.T


def log_det_gram(constraints: Sequence[sympy.Expr], parameters: Sequence[sympy.Symbol]) -> sympy.Expr:
    """Return log det G, as the sum over the blocks into which G falls.

    Raises
    ------
    UnsupportedModelError
        If a block is too large.
    """
    matrix = gram(constraints, parameters)
    total = sympy.S.Zero
    for block in _blocks(matrix):
        if len(block) > MOST:
            raise UnsupportedModelError(
                f"log det G of {len(block)} constraints that hang together is too large a formula (at most {MOST}); "
                "leave fixman out, or sample with GaugeFixed, which needs no formula"
            )
        # Minors one by one: no division, and a tridiagonal matrix stays short.
        total += sympy.log(matrix.extract(block, block).det(method="laplace"))
    return total


def _blocks(matrix: sympy.Matrix) -> Iterator[list[int]]:
    """Yield the indices of the diagonal blocks of a symmetric matrix."""
    left = list(range(matrix.rows))
    while left:
        block, todo = [], [left.pop(0)]
        while todo:
            row = todo.pop()
            block.append(row)
            linked = [other for other in left if matrix[row, other] != 0]
            left = [other for other in left if other not in linked]
            todo += linked
        yield sorted(block)
