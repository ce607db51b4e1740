"""Recipe: a parameterisation that was made for a bias, and what it does under each mechanism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..checks import checked_real
from ..laws import Density
from ..model import Model
from .coefficient import Coefficient
from .designed_law import designed_law
from .fit import Asked, Fit, fitted
from .mechanisms import Mechanism, checked_mechanism
from .modelled import modelled
from .parameterisation import Parameterisation
from .penalised import penalty_of
from .potential import NoPotential, WeightPotential
from .verified import Verified, verified

if TYPE_CHECKING:
    from ..process import Dynamics

__all__ = ["Recipe"]


@dataclass(frozen=True, eq=False)
class Recipe(Parameterisation):
    """Weights w whose features z = A w are made of parameters x, so that simple training of x is biased in z.

    Made by `sparsity`, `group_sparsity`, `low_rank`, `nonnegative`, `simplex` and `concave`. Parameters x are one
    vector: block after block, and after them the free part eta of w = A⁺z + N eta, N the kernel of A.

    See `Parameterisation` for what it is made of, and how parameters become weights.
    """

    @property
    def coefficient(self) -> Coefficient:
        """The exponents that noise on a slice of level 0 gives to a block, exact.

        Raises
        ------
        UnsupportedModelError
            If there is no such slice.
        """
        return self.block.coefficient

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
        >>> import sympy
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

    def verify(
        self, dynamics: Dynamics, *, loss: Any = None, temperature: float = 0.3, steps: int = 8_000, rng: Any = 0
    ) -> Verified:
        """Run the parameterisation, into which no penalty is put, and compare it with the designed law and rivals.

        Parameters
        ----------
        dynamics : Dynamics
            The mechanism, with its level.
        loss : callable, optional
            A function of the feature z, of |z| for a vector; (z - 1)²/2, or |z|²/2, by default.
        temperature : float
        steps : int
            Of each of 4096 walkers, by "mala"; of `GaugeFixed` at two step sizes, extrapolated to zero.
        rng : None, int, sequence of int or numpy.random.Generator
            Where the random numbers come from (SPEC 7).

        Returns
        -------
        Verified
            With `passed`: a right law survives in 999 of 1000 runs (p >= 0.001), and rivals are rejected (p < 1e-6):
            the loss alone, one factor or one copy more.

        Raises
        ------
        NotNormalizableError
            If there is no such law, as on slices of level 0.
        UnsupportedModelError
            If features are no products.
        """
        return verified(self, dynamics, loss=loss, temperature=temperature, steps=steps, rng=rng)

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
