"""What a model is: parameters, predictor, loss, the symmetry that both share, and further quantities to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import sympy

from .coordinates import checked_parameters, parameters
from .errors import InvalidArgumentError, UnsupportedModelError
from .expressions import checked_expression, checked_name, vanishes
from .symmetry import Scaling, require_invariance

__all__ = ["Model", "Scaling", "parameters"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A differentiable model, described by formulas; immutable, compared by content.

    Parameters
    ----------
    parameters : tuple of sympy.Symbol
        The coordinates x, as `parameters` returns them.
    predictor : mapping from str to sympy.Expr
        The components z = h(x) of what the model computes. Must be invariant under `symmetry`.
    loss : sympy.Expr
        L(x). Must be invariant under `symmetry`.
    symmetry : Scaling, optional
        The group under which predictor and loss are invariant, or None.
    observables : mapping from str to sympy.Expr, optional
        Further functions of x that may be observed; they need not be invariant.

    Raises
    ------
    InvarianceError
        If the predictor or the loss changes under the symmetry (arXiv 2601.06597: L(g x) = L(x) for every g); carries
        the generator and the residual.
    InvalidArgumentError
        If anything else is not as described above, or one name stands for two things.

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
    """

    parameters: tuple[sympy.Symbol, ...]
    predictor: Mapping[str, sympy.Expr]
    loss: sympy.Expr
    symmetry: Scaling | None = None
    observables: Mapping[str, sympy.Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        symbols = checked_parameters(self.parameters)
        predictor = _checked_mapping("predictor", self.predictor, symbols)
        if not predictor:
            raise InvalidArgumentError("predictor={} is empty; name at least one component")
        loss = checked_expression("loss", self.loss, symbols)
        observables = _checked_mapping("observables", self.observables, symbols)
        _refuse_ambiguous_names(symbols, predictor, observables)
        for name, value in (("parameters", symbols), ("loss", loss)):
            object.__setattr__(self, name, value)
        for name, mapping in (("predictor", predictor), ("observables", observables)):
            object.__setattr__(self, name, MappingProxyType(mapping))
        self._check_invariance()

    def _check_invariance(self) -> None:
        if self.symmetry is None:
            return
        if not isinstance(self.symmetry, Scaling):
            raise InvalidArgumentError(f"symmetry must be a Scaling or None, got {self.symmetry!r}")
        strangers = [str(s) for s in self.symmetry.weights if s not in self.parameters]
        if strangers:
            raise InvalidArgumentError(
                f"symmetry scales {', '.join(strangers)}, but the parameters are {', '.join(map(str, self.parameters))}"
            )
        for what, expression in [*((f"predictor {k!r}", f) for k, f in self.predictor.items()), ("loss", self.loss)]:
            for generator in self.symmetry.generators(self.parameters):
                require_invariance(what, expression, generator, self.parameters)

    @property
    def dim(self) -> int:
        """The number of parameters."""
        return len(self.parameters)

    @property
    def observable_names(self) -> tuple[str, ...]:
        """Every name that `observable` understands: predictor components, observables, parameters."""
        return tuple(self._named_expressions())

    def observable(self, name: str) -> sympy.Expr:
        """Return the expression of a predictor component, a declared observable or a parameter.

        Raises
        ------
        InvalidArgumentError
            If there is none of that name; the message lists those that there are.
        """
        named = self._named_expressions()
        if not isinstance(name, str) or name not in named:
            raise InvalidArgumentError(f"unknown observable {name!r}; this model has {', '.join(named)}")
        return named[name]

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
        images = {name: sympy.Dummy(name, real=True) for name in self.predictor}
        solution = self._solve_for_parameters(images)
        free = [x for x in self.parameters if x not in solution]
        back = {images[name]: expression for name, expression in self.predictor.items()}
        for anchors in ([sympy.Integer(1)] * len(free), [sympy.Rational(7 + 4 * i, 5) for i in range(len(free))]):
            candidate = self.loss.xreplace(solution).xreplace(dict(zip(free, anchors, strict=True)))
            if candidate.has(sympy.nan, sympy.zoo) or not candidate.free_symbols <= set(images.values()):
                continue
            if vanishes(self.loss - candidate.xreplace(back), self.parameters):
                return candidate.xreplace({z: sympy.Symbol(name, real=True) for name, z in images.items()})
        raise UnsupportedModelError(
            f"the loss {self.loss} could not be written as a function of the predictor {dict(self.predictor)}"
        )

    def _solve_for_parameters(self, images: Mapping[str, sympy.Symbol]) -> dict[sympy.Symbol, sympy.Expr]:
        solution: dict[sympy.Symbol, sympy.Expr] = {}
        for name, expression in self.predictor.items():
            reduced = expression.xreplace(solution)
            candidates = (x for x in self.parameters if x in reduced.free_symbols and sympy.diff(reduced, x, 2) == 0)
            pivot = next(candidates, None)
            if pivot is None:
                continue
            value = {pivot: (images[name] - reduced.xreplace({pivot: sympy.Integer(0)})) / sympy.diff(reduced, pivot)}
            solution = {x: expr.xreplace(value) for x, expr in solution.items()} | value
        return solution

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash((self.parameters, frozenset(self.predictor.items()), self.loss, self.symmetry))

    def _content(self) -> dict[str, Any]:
        return {
            "parameters": self.parameters,
            "predictor": dict(self.predictor),
            "loss": self.loss,
            "symmetry": self.symmetry,
            "observables": dict(self.observables),
        }

    def __repr__(self) -> str:
        return f"Model({', '.join(f'{name}={value!r}' for name, value in self._content().items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._content(),)


def _rebuilt(content: dict[str, Any]) -> Model:
    return Model(**content)


def _checked_mapping(kind: str, mapping: Any, symbols: tuple[sympy.Symbol, ...]) -> dict[str, sympy.Expr]:
    if not isinstance(mapping, Mapping):
        raise InvalidArgumentError(f'{kind} must map names to expressions, such as {{"theta": u * v}}, got {mapping!r}')
    return {checked_name(kind, k): checked_expression(f"{kind} {k!r}", f, symbols) for k, f in mapping.items()}


def _refuse_ambiguous_names(
    symbols: tuple[sympy.Symbol, ...], predictor: Mapping[str, sympy.Expr], observables: Mapping[str, sympy.Expr]
) -> None:
    meaning: dict[str, sympy.Expr] = {str(x): x for x in symbols}
    for name, expression in [*predictor.items(), *observables.items()]:
        if meaning.setdefault(name, expression) != expression:
            raise InvalidArgumentError(
                f"the name {name!r} stands for both {meaning[name]} and {expression}; rename one"
            )
