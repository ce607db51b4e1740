//! sinh, cosh and tanh.

use super::constants::{COSH, SINH};
use super::exponential::{beyond_linear, reduce};
use super::sign::with_sign_of;
use super::table::limit;
use super::twofold::Twofold;
use crate::real::Real;

/// Half the sum (or difference, if `minus`) of e^|x| and e^-|x|. With |x| = k log 2 + r, it is
/// 2^(k-1) (even cosh r + odd sinh r) with even and odd = 1 + 4^-k and 1 - 4^-k, or the other way round.
#[inline(always)]
fn half<R: Real>(x: R, minus: bool) -> R {
    let one = R::constant(1.0);
    let (k, r) = reduce(Twofold::from(limit::<R>(711.0, 90.0).lesser(x.abs())));
    let unit = one.scale(-k);
    let sum = Twofold::sum(one, unit * unit);
    let difference = Twofold::sum(one, -(unit * unit));
    let (even, odd) = if minus { (difference, sum) } else { (sum, difference) };

    let w = r.high * r.high;
    let first = Twofold::product(odd.high, r.high);
    let start = Twofold::sum(even.high, first.high);
    let low = start.low + (even.low + first.low);
    let sinh_tail = (w * r.high).mul_add(SINH.polynomial(w), r.low);
    let tail = odd.high.mul_add(sinh_tail, (even.high * w).mul_add(COSH.polynomial(w), low));
    (start.high + tail).scale(k - one)
}

/// sinh x.
#[inline(always)]
#[must_use]
pub fn sinh<R: Real>(x: R) -> R {
    with_sign_of(half(x, true), x)
}

/// cosh x.
#[inline(always)]
#[must_use]
pub fn cosh<R: Real>(x: R) -> R {
    half(x, false)
}

/// tanh x = (1 - e) / (1 + e) with e = exp(-2 |x|) = (1 + p) / u, where u is a power of two, and the sign of x.
#[inline(always)]
#[must_use]
pub fn tanh<R: Real>(x: R) -> R {
    let one = R::constant(1.0);
    let double = limit::<R>(44.0, 20.0).lesser(x.abs() * R::constant(2.0));
    let (k, r) = reduce(Twofold::from(-double));
    let tail = beyond_linear(r);
    let u = one.scale(-k);
    // above = u - 1 - p, and below = u + 1 + p = 2 u - above.
    let start = Twofold::sum(u, -one);
    let above = Twofold::sum(start.high, -r.high).plus(start.low - tail);
    let below = Twofold::sum(u + u, -above.high);
    let below = Twofold { high: below.high, low: below.low - above.low };
    with_sign_of(above.over(below).rounded(), x)
}
