"""Recipe: a parameterisation that was made for a bias, and what it does under each mechanism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..checks import checked_real, shown
from ..errors import InvalidArgumentError
from ..laws import Density
from ..model import Model, Symmetry, parameters
from .blocks import Block
from .coefficient import Coefficient
from .designed_law import designed_law
from .fit import Asked, Fit, fitted
from .layout import Batch, Layout
from .mechanisms import Mechanism, checked_mechanism
from .modelled import modelled
from .operator import Operator
from .penalised import finite_array, penalty_of
from .potential import NoPotential, WeightPotential

if TYPE_CHECKING:
    from ..process import Dynamics

__all__ = ["Recipe"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Recipe:
    """Weights w whose features z = A w are made of parameters x, so that simple training of x is biased in z.

    Made by `sparsity`, `group_sparsity`, `low_rank`, `nonnegative`, `simplex` and `concave`. Parameters x are one
    vector: block after block, and after them the free part eta of w = A⁺z + N eta, N the kernel of A.

    Attributes
    ----------
    name : str
        What it is for.
    layout : Layout
        How features fall into blocks.
    operator : Operator or None
        A; None is the identity of any size.
    frame : {"analysis", "synthesis"}
        What a tall A means: a penalty on the A w that there are, or free z of which w = A⁺z is made.
    """

    name: str
    layout: Layout
    operator: Operator | None = None
    frame: str = "analysis"

    @property
    def block(self) -> Block:
        """What features are made of; the largest block, if they differ."""
        return self.layout.block

    @property
    def weights(self) -> int | None:
        """The number of weights; None if any will do."""
        return self.layout.features if self.operator is None else self.operator.weights

    @property
    def coefficient(self) -> Coefficient:
        """The exponents that noise on a slice of level 0 gives to a block, exact.

        Raises
        ------
        UnsupportedModelError
            If there is no such slice.
        """
        return self.block.coefficient

    def sized(self, weights: int) -> tuple[int, list[Batch], int]:
        """Return the numbers of features, the blocks, and the number of free parameters, for so many weights.

        Raises
        ------
        InvalidArgumentError
            If the recipe is for another number.
        """
        if self.weights is not None and weights != self.weights:
            raise InvalidArgumentError(f"there are {weights} weights, and this recipe is for {self.weights}: {self!r}")
        if weights < 1:
            raise InvalidArgumentError("there are no weights; give one at least")
        features = weights if self.operator is None else self.operator.features
        free = 0 if self.operator is None else self.operator.kernel.shape[1]
        return features, self.layout.batches(features), free

    def features(self, w: Any) -> FloatArray:
        """Return z = A w, shape (..., features) for w of shape (..., weights)."""
        w = finite_array("w", w)
        self.sized(w.shape[-1])
        return w if self.operator is None else np.asarray(w @ self.operator.matrix.T)

    def penalty(self, w: Any, under: Mechanism, *, temperature: Any = None) -> Any:
        """Return what a mechanism adds to the loss, as a function of the weights; up to a constant.

        The law is exp(-(L + P)/T) w.r.t. dz (Lebesgue measure of the features; for matrices the measure of those of
        their rank) for the dynamics at a temperature, the minimiser is that of L + P for `WeightDecay`, and among what
        fits the minimiser of P for `GradientFlow` and SGD with label noise (in units of eta s²/(4 B), for columns of
        mean square 1).

        Parameters
        ----------
        w : array_like, shape (..., weights), or SymPy expressions
            A number or an expression for one weight. Of an expression the penalty is an expression.
        under : WeightDecay, GradientFlow, or a dynamics
            The mechanism.
        temperature : float or sympy.Expr, optional
            T, for mechanisms that have one; a symbol T in formulas if it is not given.

        Returns
        -------
        float, array of shape (...), or sympy.Expr

        Raises
        ------
        InvalidArgumentError
            If an argument is wrong.
        UnsupportedModelError
            If there is no such penalty, or no formula; says why.

        Examples
        --------
        >>> from langevin_ib import GaugeFixed, design
        >>> z = sympy.Symbol("z", real=True)
        >>> recipe = design.sparsity(depth=2)
        >>> recipe.penalty(z, under=design.WeightDecay(0.1))
        Abs(z)/10
        >>> recipe.penalty(z, under=GaugeFixed(level=0.5))
        T*log(z**2 + 1/4)/2
        """
        return penalty_of(self, w, checked_mechanism(under), temperature)

    def potential(self, scale: float) -> WeightPotential | NoPotential:
        """Return the convex function Phi(A w) that gradient flow from `init(scale)` makes small among what fits.

        Returns
        -------
        WeightPotential or NoPotential
            The second, which is false and has a `reason`, where no such function exists.
        """
        scale = checked_real("scale", scale, minimum=0.0, open_end=True)
        found = self.block.potential(scale)
        return found if isinstance(found, NoPotential) else WeightPotential(self, found)

    def parameterize(self, x: Any) -> FloatArray:
        """Return the weights w(x), shape (..., weights), of parameters x, shape (..., parameters).

        Raises
        ------
        InvalidArgumentError
            If x has another length than the parameters of some number of weights.
        """
        x = finite_array("x", x)
        return self._from_features(*self._split(x))

    def _split(self, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return z and eta, of numbers or expressions."""
        features, batches, free = self.sized(self._weights_of(x.shape[-1]))
        z, start = np.zeros((*x.shape[:-1], features), dtype=x.dtype), 0
        for batch in batches:
            mine = x[..., start : start + batch.width].reshape(*x.shape[:-1], len(batch.places), -1)
            z[..., batch.places] = batch.block.predict(mine)
            start += batch.width
        return z, x[..., x.shape[-1] - free :]

    def _from_features(self, z: NDArray[Any], eta: NDArray[Any]) -> NDArray[Any]:
        if self.operator is None:
            return z
        return np.asarray(z @ self.operator.inverse.T + eta @ self.operator.kernel.T)

    def _weights_of(self, count: int) -> int:
        """Return how many weights have so many parameters."""
        each = self.block.shape[1]
        weights = count // each if self.weights is None else self.weights
        _, batches, free = self.sized(max(weights, 1))
        expected = sum(batch.width for batch in batches) + free
        if count != expected:
            raise InvalidArgumentError(
                f"x has {count} parameters, and {weights} weights of this recipe have {expected}"
            )
        return weights

    def jacobian(self, x: Any) -> FloatArray:
        """Return dw/dx, shape (weights, parameters), at parameters of shape (parameters,)."""
        x = finite_array("x", x)
        if x.ndim != 1:
            raise InvalidArgumentError(f"x has shape {x.shape}; a Jacobian is of one point, shape (parameters,)")
        features, batches, _ = self.sized(self._weights_of(x.size))
        result, start = np.zeros((features, x.size)), 0
        for batch in batches:
            blocks = batch.block.jacobian(x[start : start + batch.width].reshape(len(batch.places), -1))
            for place, block in zip(batch.places, blocks, strict=True):
                result[place, start : start + block.shape[1]] = block
                start += block.shape[1]
        if self.operator is None:
            return result
        whole: FloatArray = self.operator.inverse @ result
        whole[:, start:] = self.operator.kernel
        return whole

    def lift(self, w: Any, level: Any = 0.0) -> FloatArray:
        """Return parameters on the slice of a level that make these weights: parameterize(lift(w)) = w.

        At level 0 they are balanced, which is the least |x|².

        Raises
        ------
        InvalidArgumentError
            At zeros, where nothing would ever move; names them and what to do. (With a tall operator in the frame
            "analysis" nothing is lost: the z = A w are lifted.)
        """
        w = finite_array("w", w)
        _, batches, _ = self.sized(w.shape[-1])
        z = self.features(w)
        parts = [batch.block.lift(z[..., batch.places], level).reshape(*w.shape[:-1], -1) for batch in batches]
        if self.operator is not None:
            parts.append(w @ self.operator.kernel)
        return np.concatenate(parts, axis=-1)

    def init(self, scale: float, weights: int | None = None) -> FloatArray:
        """Return parameters with w = 0 (of squares and simplices, as near as can be), from which all of it can move.

        Parameters
        ----------
        scale : float
            The size of the factors that are not zero; positive.
        weights : int, optional
            Their number, where the recipe leaves it open.
        """
        scale = checked_real("scale", scale, minimum=0.0, open_end=True)
        _, batches, free = self.sized(self._known(weights))
        blocks = [np.tile(batch.block.init(scale), len(batch.places)) for batch in batches]
        return np.concatenate([*blocks, np.zeros(free)])

    def _known(self, weights: int | None) -> int:
        count = self.weights if weights is None else weights
        if isinstance(count, bool) or not isinstance(count, int | np.integer):
            raise InvalidArgumentError(
                f"weights={shown(weights)}: this recipe is for any number of weights; say how many"
            )
        return int(count)

    def symbols(self, weights: int | None = None) -> tuple[sympy.Symbol, ...]:
        """Return the parameters as symbols, in the order of x."""
        _, batches, free = self.sized(self._known(weights))
        names = [
            name for batch in batches for i in range(len(batch.places)) for name in batch.block.names(batch.first + i)
        ]
        return parameters(" ".join([*names, *(f"eta{i}" for i in range(free))]))

    def symmetries(self, weights: int | None = None) -> tuple[Symmetry, ...]:
        """Return the group that leaves the weights as they are, in the parameters `symbols(weights)`."""
        symbols, start = self.symbols(weights), 0
        found: list[Symmetry] = []
        for batch in self.sized(self._known(weights))[1]:
            each = batch.block.shape[1]
            for _ in batch.places:
                found += batch.block.symmetries(symbols[start : start + each])
                start += each
        return tuple(found)

    @property
    def symmetry(self) -> tuple[Symmetry, ...]:
        """The group that leaves the weights as they are, for a recipe of a fixed size; see `symmetries`."""
        return self.symmetries(1 if self.weights is None else None)

    def formulas(self, weights: int | None = None) -> tuple[list[sympy.Expr], list[sympy.Expr]]:
        """Return features z and weights w as expressions of `symbols(weights)`."""
        x = np.array(self.symbols(weights), dtype=object)
        z, eta = self._split(x)
        w = z if self.operator is None else self._from_features(z, eta)
        return [sympy.sympify(each) for each in z], [sympy.sympify(each) for each in w]

    def model(self, loss: Any, *, weights: int | None = None) -> Model:
        """Return the model with a loss of the weights, to be sampled under any dynamics.

        Parameters
        ----------
        loss : callable, or (X, y) of shapes (n, weights) and (n,)
            A function of the tuple of weights, or least squares |X w - y|²/(2 n).
        weights : int, optional
            Their number, where neither the recipe nor the data tell.

        Returns
        -------
        Model
            With predictor "z0", ... (the features), observables "w0", ... where weights are not the features, the free
            part as parameters "eta0", ..., and the symmetry.

        Raises
        ------
        UnsupportedModelError
            In the frame "analysis" of a tall operator, whose features are not free; of shapes g(v) without a formula.
        """
        return modelled(self, loss, weights)

    def law(
        self, dynamics: Dynamics, *, wrt: str = "features", loss: Any = None, temperature: float | None = None
    ) -> Density:
        """Return the designed law of one block of features: exp(-(L + P)/T) w.r.t. what `wrt` says.

        Parameters
        ----------
        dynamics : Dynamics
            The mechanism, at T > 0.
        wrt : {"features", "weights", "surface"}
            The law of a feature z, or of |z| for a vector, w.r.t. dz or d|z|; of a weight, which is a feature if there
            is no operator; or of the arc length s along the slice from z = 0, w.r.t. ds (on slices of a product).
        loss : callable, optional
            A function of z (of |z| for a vector); none by default: the law of the penalty alone.
        temperature : float, optional
            T; not needed on slices without a loss, where it cancels.

        Raises
        ------
        NotNormalizableError
            If it has infinite mass; names the exponent.
        UnsupportedModelError, InvalidArgumentError
            If there is no such law, or an argument is wrong.

        Examples
        --------
        >>> from langevin_ib import Ambient, design
        >>> law = design.sparsity(copies=2).law(Ambient(weight_decay=0.3), temperature=0.2)
        >>> round(law.std(), 6), round(2**0.5 * 0.2 / 0.3, 6)
        (0.942809, 0.942809)
        """
        return designed_law(self, dynamics, wrt=wrt, loss=loss, temperature=temperature)

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        method: str = "weight-decay",
        strength: Any = "cv",
        intercept: bool = False,
        scale: float = 1e-3,
        folds: int = 5,
        temperature: float | None = None,
        seeds: int = 64,
        steps: int = 20_000,
        rng: Any = None,
    ) -> Fit:
        """Fit weights to y = X w by least squares |X w - y|²/(2 n) and one of the mechanisms.

        Parameters
        ----------
        X, y : array_like, shapes (n, weights) and (n,)
            The data. Columns are taken as they are: standardise them if features should be treated alike.
        method : {"weight-decay", "gradient-flow", "langevin", "label-noise"}
            The minimiser of the loss and the penalty of `WeightDecay`, with a duality gap where that is convex (depth
            2); gradient flow from `init(scale)`, stopped early; the mean of exp(-(L + lam |x|²/2)/T), with its standard
            deviation (for ``copies=2`` the lasso's posterior); or SGD with label noise that acts like the weight decay.
        strength : float, decreasing sequence of float, or "cv"
            As a share of `Fit.lambda_max`; for a flow, the share of the first gradient at which it is stopped. By
            default it is chosen by cross-validation over shares from 1 to 0.001.
        intercept : bool
            Whether a plain offset is fitted as well, free of any bias.
        scale : float
            Of a flow: the smaller, the nearer to l1, and the longer it takes.
        folds : int
            Of the cross-validation; row i is left out in fold i mod folds.
        temperature : float, optional
            T of "langevin"; noise of the variance s² in y is T = s²/n.
        seeds, steps : int
            Independent runs of the last two methods, and the steps of each.
        rng : None, int, sequence of int or numpy.random.Generator
            Where their random numbers come from (SPEC 7).

        Raises
        ------
        InvalidArgumentError
            If data or an argument are wrong, or no feature is correlated with y.
        UnsupportedModelError
            If the recipe has no such fit.

        Examples
        --------
        >>> import numpy as np
        >>> from langevin_ib import design
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((50, 20))
        >>> fit = design.sparsity().fit(X, 3.0 * X[:, 4] - X[:, 7] + 0.1 * rng.standard_normal(50), strength=0.1)
        >>> fit.support, fit.estimator
        (array([4, 7]), 'minimiser')
        """
        asked = Asked(
            method=method,
            strength=strength,
            intercept=intercept,
            scale=scale,
            folds=folds,
            temperature=temperature,
            seeds=seeds,
            steps=steps,
            rng=rng,
        )
        return fitted(self, X, y, asked)

    def __repr__(self) -> str:
        operator = "" if self.operator is None else f", {self.operator!r}, {self.frame}"
        return f"<Recipe {self.name}: {self.block.words}{operator}>"
