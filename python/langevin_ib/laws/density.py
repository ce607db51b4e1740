"""Which law a model has under a given dynamics: `density` finds the formula and says what it is a density of."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from ..checks import shown
from ..deadline import DEFAULT_TIMEOUT, within
from ..errors import LangevinError, UnsupportedModelError
from ..geometry import scaling_weights
from ..model import Model, Translation
from ..process import Ambient, Dynamics, Process, SoftSlice
from .composition import Composition
from .confirmation import OnCurve, OnSlice, SheetBySheet, Target, require_confirmation
from .curves import CurveLaw
from .line import Density
from .normalised import as_neuron
from .plane import law_by_level_sets, require_broken_symmetry
from .real import require_real
from .remedies import DRAWS, RUNS
from .request import Given, LawRequest
from .sampled import sampled_law
from .sheets import require_one_law
from .simplified import explained, simplified
from .symmetric import family_in_plane, family_of_symmetry

__all__ = ["Density", "confirmed", "density"]

_WORST = 1e-3
"""Nothing that is no draw is returned if it may be wrong by more: its moments would be wrong by anything."""

_MOST_ON_SLICES = 4
"""Of more parameters the second integration on a slice takes too long, if it is none of sheets."""


def density(
    model: Model,
    observable: str,
    *,
    dynamics: Dynamics,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
    given: Given | None = None,
    method: str = "auto",
    timeout: float | None = DEFAULT_TIMEOUT,
) -> Density:
    """Return the stationary law of an observable in continuous time.

    For `Ambient` that is the push-forward of the Gibbs law exp(-V/T) dx, dx being Lebesgue measure, T = sigma**2 / beta
    and V = L + confinement + (weight_decay / 2) |x|**2. What is known:

    * the product model theta = u v with any loss l(theta), under a positive weight decay lam (or a confinement
      lam |x|**2 / 2): theta has the density 2 K0(lam |theta| / T) exp(-l / T) up to a constant, w.r.t. dtheta (closed
      form; the quadrature of the two-dimensional Gibbs weight is there to check it). The laws of u, v, u**2 - v**2 and
      u**2 + v**2 are quadratures.
    * models with a symmetry under `SoftSlice`, `GaugeFixed` and `Constrained`, and under `Ambient` in a shell: blocks
      (uv, neurons, column pairs), chains u1 ... uL, coordinatewise products, matrices of rank 2; see
      the modules of `laws.families`, and docs/theory.md for the formulas.
    * products u1 u2 ... of any depth, with whole powers, and sums u1 v1 + u2 v2 + ... of products, with any loss of
      theirs and a weight decay: Meijer's and Bessel's functions. For two products that is the posterior of the lasso.
    * affine observables of a quadratic potential, such as `models.harmonic`: Gaussian.
    * the parameter of a model that has only one: exp(-V/T), by quadrature.
    * any other function of few parameters that can be solved for one of them, by formulas and on all branches, or that
      is affine in parameters in which V is quadratic: by quadrature over its level sets (see `laws.level_sets`), right
      to 1e-6 of a typical value and mostly far better. Parameters in which V is quadratic are integrated in closed
      form; of the others three at most, so three parameters are never too many, if at times too slow. Max, Abs,
      Piecewise, square roots and sums over data are allowed.

    The factor K0 is the volume of the orbit {u v = theta} under the Gaussian weight that the weight decay puts on it.
    ArXiv 2601.06597, equations (6)-(7), has |theta|**(-1/2) in its place: that belongs to another process, confined to
    the slice u**2 = v**2, and to another measure, the arc length of that slice (see `rivals`).

    Parameters
    ----------
    model : Model
        The model.
    observable : str
        One of `model.observable_names`.
    dynamics : Ambient, SoftSlice, GaugeFixed or Constrained
        The process whose stationary law is wanted.
    beta, sigma, temperature : float, optional
        The temperature, see `resolve_temperature`.
    given : (name, lo, hi), optional
        The condition lo <= name < hi, such as ("imbalance", -0.2, 0.2) for a shell about the slice u**2 = v**2; it
        belongs to a `Histogram` with the same `given`. Either a condition on the imbalance, or on the observable
        itself, in which case `compare` conditions the histogram.
    method : {"auto", "closed form", "quadrature", "sampling"}
        "auto" takes the closed form where there is one. "sampling" needs no formula: independent draws from a mixture
        that is fitted to the weight, or chains of more than eight parameters, in the plane or on a slice of scalings,
        translations or GL(r). `error` then bounds what they are wrong by, some thousandths to a hundredth, and
        `compare` allows for it; what cannot be drawn so well is refused.
    timeout : float or None
        The seconds after which it is refused; None for no limit. Beyond two seconds a bar is shown on terminals.

    Returns
    -------
    Density
        The law, w.r.t. the measure named by its `reference`.

    Raises
    ------
    NotNormalizableError
        If the law has infinite mass; the message says where it escapes and what to do.
    InvalidArgumentError
        If an argument is wrong, or no closed form is known where `method` asks for one.
    UnsupportedModelError
        If the observable has no density or cannot be solved for a parameter, or its quadrature does not converge or
        does not have the total mass of the Gibbs law: a result that is in doubt is not returned.
    OutOfTimeError
        If it takes longer than `timeout`; an UnsupportedModelError, too.

    Examples
    --------
    >>> from langevin_ib import models
    >>> law = density(models.scalar_product(), "theta", dynamics=Ambient(weight_decay=0.1), temperature=0.1)
    >>> law
    <Density ambient Gibbs law with weight decay 0.1, T = 0.1, with respect to d theta, closed form, cdf within 1e-13>
    >>> round(law.mean(), 6)
    0.84086
    """
    process = Process.of(model, dynamics, beta=beta, sigma=sigma, temperature=temperature)
    asked = LawRequest(process=process, observable=observable, given=given, method=method)
    return within(
        timeout,
        lambda: confirmed(asked),
        what=f"the law of {shown(observable)}",
        remedy=f"observe a simpler function, {f'or {RUNS}' if method == 'sampling' else DRAWS}",
    )


def confirmed(asked: LawRequest) -> Density:
    """Return the law once a second integration has confirmed it, where there is one: see `_target`."""
    require_real(asked)
    if asked.method == "sampling":
        if asked.is_on_slice:
            require_one_law(asked)
        return replace(sampled_law(asked), observable=asked.observable)
    simple = simplified(asked)
    try:
        law = replace(_simple_or_as_asked(simple, asked), observable=asked.observable)
        if simple.is_on_slice:
            require_one_law(simple)
    except LangevinError as refusal:
        raise explained(refusal, asked, simple) from None
    if law.error > _WORST:
        raise UnsupportedModelError(
            f"the law of {asked.observable!r} = {shown(asked.expression)} was found, but rounding may have moved its "
            f"distribution function by {law.error:.1g}; raise the temperature, or {RUNS}"
        )
    # Off slices, what was asked is integrated, in its own coordinates.
    target = _target(simple if asked.is_on_slice else asked)
    if target is not None:
        require_confirmation(law, target, f"the law of {asked.observable!r} = {shown(asked.expression)}")
    return law


def _target(asked: LawRequest) -> Target | None:
    """Return what the second integration is of; None in many dimensions.

    On slices there is one for those of scalings, and for curves in the plane.
    """
    model = asked.model
    condition = None if asked.given is None else (model.observable(asked.given[0]), *asked.given[1:])
    # What drives a constrained process with Fixman's term has that term in it, which the law has in its measure.
    potential = model.potential() if asked.is_on_slice else asked.process.potential
    content = (potential, asked.expression, model.parameters, model.data, asked.T, condition)
    if not asked.is_on_slice:
        return Target(*content) if isinstance(asked.dynamics, Ambient | SoftSlice) else None
    weights = scaling_weights(model)
    if weights is None and model.dim == 2:
        (chi,) = model.constraints()
        return OnCurve(*content, constraint=chi, level=float(asked.levels(1)[0]), rigid=asked.is_rigid)
    if weights is None:
        return None
    target = OnSlice(*content, weights=weights, levels=asked.levels(len(weights)), rigid=asked.is_rigid)
    return target if model.dim <= _MOST_ON_SLICES or SheetBySheet.suits(target) else None


def _simple_or_as_asked(simple: LawRequest, asked: LawRequest) -> Density:
    """Return the law of the simpler request; turned along a translation, level sets may have lost their formulas."""
    try:
        return _density(simple)
    except UnsupportedModelError:
        is_turned = simple is not asked and any(isinstance(each, Translation) for each in asked.model.symmetries)
        if is_turned and isinstance(asked.dynamics, Ambient) and asked.given is None:
            with contextlib.suppress(UnsupportedModelError):
                return law_by_level_sets(asked)
        raise


def _density(asked: LawRequest) -> Density:
    # SymPy takes long over the parts of an observable, and families need none.
    composition = cache(partial(Composition.recognise, asked))
    law = _of_symmetry(asked, composition)
    if law is not None:
        return law
    if not isinstance(asked.dynamics, Ambient | SoftSlice):
        return asked.refused()
    if asked.given is not None:
        condition = asked.condition
        return _density(replace(asked, given=None)).conditioned(condition)
    if isinstance(asked.dynamics, Ambient):
        require_broken_symmetry(asked)
        family = family_in_plane(asked)
        if family is not None:
            # Rules of families are for smooth losses; the quadrature over level sets finds kinks.
            with contextlib.suppress(UnsupportedModelError):
                return family.density()
    composed = composition()
    return law_by_level_sets(asked) if composed is None else composed.density(_density)


def _of_symmetry(asked: LawRequest, composition: Callable[[], Composition | None]) -> Density | None:
    """Return the law if it is one of those that a symmetry gives, or on a slice; None for those in the plane."""
    in_plane = isinstance(asked.dynamics, Ambient | SoftSlice)
    refusal: UnsupportedModelError | None = None
    try:
        family = family_of_symmetry(as_neuron(asked) if asked.is_on_slice else asked)
        law = None if family is None else family.density()
    except UnsupportedModelError as error:
        law, refusal = None, error
    if law is not None:
        return law
    composed = None if in_plane and asked.shell is None else composition()
    if composed is not None:
        return composed.density(_density)
    curve = CurveLaw.recognise(asked)
    law = None if curve is None else curve.density()
    # In the plane there is still the quadrature over level sets.
    if law is None and refusal is not None and not (in_plane and asked.shell is None and asked.method != "closed form"):
        raise refusal
    return law
