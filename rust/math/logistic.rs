//! The logistic function and its integral, from t = exp(-|x|), which cannot overflow.

use super::exponential::exp;
use super::logarithm::log1p_of_unit;
use super::twofold::Twofold;
use crate::real::Real;

/// 1 / (1 + e^-x).
#[inline(always)]
#[must_use]
pub fn sigmoid<R: Real>(x: R) -> R {
    let (zero, one) = (R::constant(0.0), R::constant(1.0));
    let t = exp(-x.abs());
    let high = R::select(x.less(zero), t, one);
    Twofold::from(high).over(Twofold::sum(one, t)).rounded()
}

/// log(1 + e^x) = max(x, 0) + log(1 + exp(-|x|)).
#[inline(always)]
#[must_use]
pub fn softplus<R: Real>(x: R) -> R {
    // The order passes NaN.
    R::constant(0.0).greater(x) + log1p_of_unit(exp(-x.abs()))
}
