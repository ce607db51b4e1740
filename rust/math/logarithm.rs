//! log and log1p: x = 2^k (1 + f) with f in [-1/4, 1/2), and a polynomial for artanh(f / (2 + f)).

use super::constants::{LN_2, LOG};
use super::twofold::Twofold;
use crate::real::Real;

/// `k log 2 + log(1 + f)`, where f's second part may only count if k is not 0.
///
/// With s = f / (2 + f), log(1 + f) = 2 artanh s = f - f²/2 + s (f²/2 + s² P(s²)): what is rounded is small beside f.
#[inline(always)]
pub fn log_near_power<R: Real>(k: R, f: Twofold<R>) -> R {
    let Twofold { high: f, low } = f;
    let s = f / (f + R::constant(2.0));
    let w = s * s;
    let half_square = f * (f * R::constant(0.5));
    let tail = s.mul_add(w.mul_add(LOG.polynomial(w), half_square), k.mul_add(LN_2.at(1), low));
    k.mul_add(LN_2.at(0), f - (half_square - tail))
}

/// log x.
#[inline(always)]
#[must_use]
pub fn log<R: Real>(x: R) -> R {
    // Where k is infinite or NaN, so is the result, as it should be.
    let (k, z) = x.split();
    log_near_power(k, Twofold::from(z - R::constant(1.0)))
}

/// log(1 + x).
#[inline(always)]
#[must_use]
pub fn log1p<R: Real>(x: R) -> R {
    let sum = Twofold::any_sum(R::constant(1.0), x);
    let (k, z) = sum.high.split();
    // If k is 0, this sum is x again.
    let f = Twofold::sum(z - R::constant(1.0), sum.low.scale(-k));
    let usual = R::select(x.equal(R::constant(0.0)), x, log_near_power(k, f));
    R::select(k.abs().less(R::constant(f64::INFINITY)), usual, k)
}

/// log(1 + x) for x in [0, 1].
#[inline(always)]
pub fn log1p_of_unit<R: Real>(x: R) -> R {
    let (half, one, zero) = (R::constant(0.5), R::constant(1.0), R::constant(0.0));
    let low = x.less(half);
    let f = R::select(low, x, x.mul_add(half, -half));
    log_near_power(R::select(low, zero, one), Twofold::from(f))
}
