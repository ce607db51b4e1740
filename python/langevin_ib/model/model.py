"""What a model is: parameters, predictor, loss, the symmetry that both share, what confines it, and further views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import checked_kind, shown
from ..display import card
from ..errors import InvalidArgumentError
from .content import (
    checked_data,
    checked_mapping,
    checked_slice,
    digest_of,
    packed,
    refuse_ambiguous_names,
    refuse_unused_data,
    same_data,
    same_formulas,
    symmetry_texts,
    texts_of,
    unpacked,
    warn_of_unused_rows,
)
from .display import latex_of_model, rows_of_model, text_of_model
from .elimination import loss_of_predictor
from .expressions import (
    canonical_text,
    checked_expression,
    checked_parameters,
    parameters,
)
from .fresh import Fresh
from .group import Form, checked_group, noncompact_part, potential_of, vector_field
from .meaning import Orbits, require_invariance
from .metric import metric_for, tidied
from .symmetry import Linear, Scaling, Symmetry, Translation

__all__ = ["Linear", "Model", "Scaling", "Translation", "parameters"]

_OPTIONAL = {"symmetry": None, "confinement": sympy.S.Zero, "observables": {}, "data": {}, "slice": None, "fresh": None}


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model, described by formulas; immutable, compared by content.

    Parameters
    ----------
    parameters : tuple of sympy.Symbol
        The coordinates x, as `parameters` returns them.
    predictor : mapping from str to sympy.Expr
        The components z = h(x) of what the model computes. Must be invariant under `symmetry`.
    loss : sympy.Expr
        L(x). Must be invariant under `symmetry`.
    symmetry : Scaling, Translation, Linear, or sequence of these, optional
        The group under which predictor and loss are invariant, or None. Several symmetries generate one group together;
        they are kept as a tuple. Their generators must be independent and span a Lie algebra.
    confinement : sympy.Expr, optional
        Added to the loss in the potential, V = L + confinement (+ weight decay). It need not be invariant: it is there
        to break the symmetry, so that the law has finite mass.
    observables : mapping from str to sympy.Expr, optional
        Further functions of x that may be observed; they need not be invariant.
    slice : mapping from str to sympy.Expr, optional
        Constraints chi^a of your own, in order: the slice {chi = level} is meant to meet each orbit once. None stands
        for the canonical dual slice, see `constraints`.
    data : mapping from str to array_like, shape (n,) or (n, p), or Fresh, optional
        Arrays of finite real numbers, at most 10**8 of them each; they are copied, as float64. Expressions use them by
        name and sum over their rows: ``X, i = sympy.IndexedBase("X"), sympy.Idx("i", n)`` and
        ``sympy.Sum((X[i, 0] * u - X[i, 1])**2, (i, 0, n - 1))``.
    fresh : Fresh, optional
        Where rows come from that are drawn anew; ``data=Fresh(...)`` sets it, and `data` to its sample.

    Raises
    ------
    InvarianceError
        If the predictor or the loss changes under the symmetry (arXiv 2601.06597: L(g x) = L(x) for every g); carries
        the generator and the residual.
    InvalidArgumentError
        If anything else is not as described above, data are missing or not used, or one name stands for two things.

    Examples
    --------
    >>> u, v = parameters("u v")
    >>> model = Model(
    ...     parameters=(u, v),
    ...     predictor={"theta": u * v},
    ...     loss=(u * v - 1) ** 2 / 2,
    ...     symmetry=Scaling({u: +1, v: -1}),
    ...     observables={"imbalance": u**2 - v**2},
    ... )
    >>> model.observable_names
    ('theta', 'imbalance', 'u', 'v')
    >>> y, i = sympy.IndexedBase("y"), sympy.Idx("i", 3)
    >>> loss = sympy.Sum((u * v - y[i]) ** 2, (i, 0, 2))
    >>> Model(parameters=(u, v), predictor={"theta": u * v}, loss=loss, data={"y": [1, 2, 4]}).data["y"]
    array([1., 2., 4.])
    """

    parameters: tuple[sympy.Symbol, ...]
    predictor: Mapping[str, sympy.Expr]
    loss: sympy.Expr
    symmetry: Symmetry | tuple[Symmetry, ...] | None = None
    confinement: sympy.Expr = sympy.S.Zero
    observables: Mapping[str, sympy.Expr] = field(default_factory=dict)
    data: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    slice: Mapping[str, sympy.Expr] | None = None
    fresh: Fresh | None = None

    def __post_init__(self) -> None:
        self._check_form()
        self._check_invariance()
        if self.fresh is None:
            warn_of_unused_rows(self, stacklevel=3)

    @classmethod
    def trusted(cls, content: Mapping[str, Any]) -> Model:
        """Return a model whose invariance was checked before, by another process, say, and is not checked again.

        Parameters
        ----------
        content : mapping
            The arguments of `Model`.

        Raises
        ------
        InvalidArgumentError
            If they are not those of a model, its invariance apart.
        """
        names = [each.name for each in fields(cls)]
        unknown = sorted(set(content) - set(names)) + sorted(set(names) - set(_OPTIONAL) - set(content))
        if unknown:
            raise InvalidArgumentError(f"a model has the fields {', '.join(names)}; check {', '.join(unknown)}")
        model = object.__new__(cls)
        for name in names:
            object.__setattr__(model, name, content.get(name, _OPTIONAL.get(name)))
        model._check_form()
        return model

    def _check_form(self) -> None:
        """Check everything but invariance, and replace what was given by copies that cannot be changed."""
        if isinstance(self.data, Fresh):
            object.__setattr__(self, "fresh", self.data)
            object.__setattr__(self, "data", self.data.sample)
        if self.fresh is not None:
            checked_kind("fresh", self.fresh, Fresh)
        symbols, data = checked_parameters(self.parameters), checked_data(self.data)
        predictor = checked_mapping("predictor", self.predictor, symbols, data)
        if not predictor:
            raise InvalidArgumentError("predictor={} is empty; name at least one component")
        loss = checked_expression("loss", self.loss, symbols, data)
        confinement = checked_expression("confinement", self.confinement, symbols, data)
        observables = checked_mapping("observables", self.observables, symbols, data)
        refuse_ambiguous_names(symbols, predictor, observables, data)
        if self.fresh is None:
            # Of fresh rows some columns may be there for others to be made of.
            refuse_unused_data(data, [loss, confinement, *predictor.values(), *observables.values()])
        symmetry = checked_group(self.symmetry, symbols)
        constraints = None if self.slice is None else checked_slice(self.slice, symbols, symmetry)
        for name, value in (("parameters", symbols), ("loss", loss), ("confinement", confinement)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "symmetry", symmetry)
        object.__setattr__(self, "slice", None if constraints is None else MappingProxyType(constraints))
        for name, mapping in (("predictor", predictor), ("observables", observables), ("data", data)):
            object.__setattr__(self, name, MappingProxyType(mapping))

    def _check_invariance(self) -> None:
        orbits = Orbits(self.generator_matrices(), self.parameters, self.generator_offsets())
        for what, expression in [*((f"predictor {k!r}", f) for k, f in self.predictor.items()), ("loss", self.loss)]:
            require_invariance(what, expression, orbits, self.data)

    @property
    def dim(self) -> int:
        """The number of parameters."""
        return len(self.parameters)

    @property
    def symmetries(self) -> tuple[Symmetry, ...]:
        """The symmetry as a tuple, whether there are none, one or several."""
        if self.symmetry is None:
            return ()
        return self.symmetry if isinstance(self.symmetry, tuple) else (self.symmetry,)

    def generator_matrices(self) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        """Return the matrices A_a of the generators x -> A_a x + a_a of all symmetries, in order.

        Returns
        -------
        tuple of sympy.ImmutableSparseMatrix, shape (dim, dim)
            A_a = A_aᵀ generates a non-compact group such as a scaling, A_a = -A_aᵀ a compact one, rotations. That of a
            translation is zero.
        """
        return self._matrices

    @cached_property
    def _matrices(self) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        return tuple(matrix for symmetry in self.symmetries for matrix in symmetry.matrices(self.parameters))

    def generator_offsets(self) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        """Return the vectors a_a of the generators x -> A_a x + a_a of all symmetries, in order.

        Returns
        -------
        tuple of sympy.ImmutableSparseMatrix, shape (dim, 1)
            The directions of translations; zero for scalings and linear groups.
        """
        return self._offsets

    @cached_property
    def _offsets(self) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        return tuple(offset for symmetry in self.symmetries for offset in symmetry.offsets(self.parameters))

    def generators(self) -> tuple[tuple[sympy.Expr, ...], ...]:
        """Return the vector fields xi_a = A_a x + a_a of all symmetries, each as a tuple of `dim` components.

        Examples
        --------
        >>> u, v = parameters("u v")
        >>> group = Scaling({u: +1, v: -1})
        >>> Model(parameters=(u, v), predictor={"theta": u * v}, loss=u * v, symmetry=group).generators()
        ((u, -v),)
        """
        return self._fields

    @cached_property
    def _fields(self) -> tuple[tuple[sympy.Expr, ...], ...]:
        pairs = zip(self._matrices, self._offsets, strict=True)
        return tuple(vector_field(matrix, self.parameters, offset) for matrix, offset in pairs)

    def constraints(self, *, metric: Any = None) -> tuple[sympy.Expr, ...]:
        """Return the functions chi^a whose common level sets are the slices.

        They are those of `slice`, or else the canonical dual ones: chi^a = xᵀ S_a x / 2, where the S_a are a basis of
        the symmetric matrices of the Lie algebra, in the order of the generators that they come from; S = A for a
        symmetric generator A, and S = A + Aᵀ for one that is neither symmetric nor antisymmetric. Then grad chi^a =
        S_a x: the slice is orthogonal to the orbits of the non-compact generators (arXiv 2601.06597, equation (35)).
        For a translation by a it is chi = a . x, whose gradient is constant. Compact generators, for which xᵀ A x = 0,
        are left out.

        Parameters
        ----------
        metric : array_like, shape (dim, dim), optional
            A constant Riemannian metric g in place of the Euclidean one; `slice` does not depend on it. The canonical
            constraints are then chi^a = xᵀ g S_a x / 2 for a basis of the S_a in the Lie algebra with g S_a symmetric,
            S = A or S = A + g⁻¹Aᵀg; g⁻¹ grad chi^a = S_a x. For a translation it is aᵀ g x.

        Raises
        ------
        UnsupportedModelError
            If the symmetric part of a generator, in the metric, is no symmetry, or a linear generator does not leave a
            translation alone, so that there is no canonical dual slice.
        InvalidArgumentError
            If `metric` is no symmetric positive definite matrix of this size.

        Examples
        --------
        >>> u, v = parameters("u v")
        >>> group = Scaling({u: +1, v: -1})
        >>> Model(parameters=(u, v), predictor={"theta": u * v}, loss=u * v, symmetry=group).constraints()
        (u**2/2 - v**2/2,)
        """
        g = metric_for(metric, self.parameters)
        if self.slice is not None:
            return tuple(self.slice.values())
        forms = tuple(potential_of(form.matrix, form.slope, self.parameters) for form in self.forms(metric=g))
        return forms if g is None else tuple(map(tidied, forms))

    def noncompact_matrices(self, *, metric: Any = None) -> tuple[sympy.ImmutableSparseMatrix, ...]:
        """Return the symmetric matrices S_a that `constraints` speaks of, and as it does; zero for translations."""
        return tuple(form.matrix for form in self.forms(metric=metric))

    def forms(self, *, metric: Any = None) -> tuple[Form, ...]:
        """Return the canonical `constraints` xᵀ S x / 2 + b . x by matrices S (g S_a in a metric) and slopes b."""
        g = metric_for(metric, self.parameters)
        return self._forms if g is None else noncompact_part(self._matrices, self._offsets, g)

    @cached_property
    def _forms(self) -> tuple[Form, ...]:
        return noncompact_part(self._matrices, self._offsets)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the model, 64 hexadecimal digits: the same for equal formulas and data in every process."""
        return digest_of([f"{name}: {text}" for name, text in self._texts()], self.data)

    def described(self, name: str) -> str:
        """Return a digest of what decides the law of an observable before any dynamics, in hexadecimal digits.

        That is parameters, loss, confinement, data and the formula of the observable. Symmetry and slice are not in it:
        they say how to move, and runs that move in other ways are there to be compared.
        """
        return digest_of([self._moved, canonical_text(self.observable(name))])

    @cached_property
    def _moved(self) -> str:
        return digest_of([canonical_text(each) for each in (self.parameters, self.loss, self.confinement)], self.data)

    def _texts(self) -> list[tuple[str, str]]:
        """Return all formulas as text, mappings in the order of their names, the constraints in their own."""
        slices = () if self.slice is None else self.slice.items()
        return [
            ("parameters", canonical_text(self.parameters)),
            *texts_of("predictor", sorted(self.predictor.items())),
            ("loss", canonical_text(self.loss)),
            *(text for number, symmetry in enumerate(self.symmetries) for text in symmetry_texts(number, symmetry)),
            ("confinement", canonical_text(self.confinement)),
            *texts_of("observable", sorted(self.observables.items())),
            *texts_of("constraint", slices),
            *([] if self.fresh is None else [("fresh", repr(self.fresh))]),
        ]

    def potential(self) -> sympy.Expr:
        """Return L + confinement; a dynamics adds its weight decay."""
        return self.loss + self.confinement

    @property
    def observable_names(self) -> tuple[str, ...]:
        """Every name that `observable` understands: predictor components, observables, parameters."""
        return tuple(self._named_expressions)

    def observable(self, name: str) -> sympy.Expr:
        """Return the expression of a predictor component, a declared observable or a parameter.

        Raises
        ------
        InvalidArgumentError
            If there is none of that name; the message lists those that there are.
        """
        named = self._named_expressions
        if not isinstance(name, str) or name not in named:
            raise InvalidArgumentError(f"unknown observable {shown(name)}; this model has {', '.join(named)}")
        return named[name]

    @cached_property
    def _named_expressions(self) -> dict[str, sympy.Expr]:
        return {**self.predictor, **self.observables, **{str(x): x for x in self.parameters}}

    def loss_of_predictor(self) -> sympy.Expr:
        """Return the loss as a function l of the predictor alone, L(x) = l(h(x)).

        Parameters are eliminated with the help of predictor components that are affine in them, the others are set to
        fixed values, and the identity L = l(h) is then checked, so that a result is right whenever there is one.

        Returns
        -------
        sympy.Expr
            An expression of the real symbols that carry the names of the predictor components.

        Raises
        ------
        UnsupportedModelError
            If no such function was found.
        """
        return loss_of_predictor(self.loss, self.predictor, self.parameters, self.data)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Model) or hash(self) != hash(other):
            return False
        return same_formulas(self._formulas(), other._formulas()) and same_data(self.data, other.data)

    def __hash__(self) -> int:
        shapes = frozenset((name, array.shape) for name, array in self.data.items())
        predictor = frozenset(self.predictor.items())
        return hash((self.parameters, predictor, self.loss, self.symmetry, self.confinement, shapes))

    def _formulas(self) -> dict[str, Any]:
        return {
            "parameters": self.parameters,
            "predictor": dict(self.predictor),
            "loss": self.loss,
            "symmetry": self.symmetry,
            "confinement": self.confinement,
            "observables": dict(self.observables),
            # The order of constraints matters: levels are given in it.
            **({} if self.slice is None else {"slice": tuple(self.slice.items())}),
            **({} if self.fresh is None else {"fresh": self.fresh}),
        }

    def __repr__(self) -> str:
        return text_of_model(self._formulas(), self.data)

    def _repr_html_(self) -> str:
        return card(f"Model of {self.dim} parameters", rows_of_model(self))

    def _repr_latex_(self) -> str:
        return latex_of_model(self)

    def __reduce__(self) -> tuple[Any, ...]:
        formulas = self._formulas()
        symmetry, constraints, fresh = (formulas.pop(name, None) for name in ("symmetry", "slice", "fresh"))
        # As pairs: their order matters.
        pairs = None if constraints is None else tuple((name, packed(each)) for name, each in constraints)
        return _unpickled, (packed(formulas), symmetry, pairs, dict(self.data), fresh)


def _unpickled(
    formulas: Mapping[str, Any], symmetry: Any, pairs: Any, data: Mapping[str, Any], fresh: Fresh | None
) -> Model:
    constraints = None if pairs is None else tuple((name, unpacked(each)) for name, each in pairs)
    content = {"symmetry": symmetry, "slice": constraints, "data": data, "fresh": fresh}
    return Model.trusted({**unpacked(formulas), **content})
