//! pow: x^y = exp(y log x) with the logarithm to twice the precision, and C's special cases.

use super::constants::{LN_2, LOG_TAIL, TWO_THIRDS};
use super::exponential::exp_twofold;
use super::sign::with_sign_of;
use super::table::limit;
use super::twofold::Twofold;
use crate::real::{Real, Scalar};

/// log x for x > 0, as a sum; its first part is infinite for 0 and infinity.
///
/// With x = 2^k (1 + f) and s = f / (2 + f), log(1 + f) = s (2 + s² (2/3 + s² Q(s²))), where all but Q is twofold.
#[inline(always)]
fn log<R: Real>(x: R) -> Twofold<R> {
    let two = R::constant(2.0);
    let (k, near_one) = x.split();
    let f = near_one - R::constant(1.0);
    let s = Twofold::from(f).over(Twofold::sum(two, f));
    let square = s.times(s);
    let inner = Twofold::sum(TWO_THIRDS.at(0), square.high * LOG_TAIL.polynomial(square.high));
    let outer = square.times(Twofold { high: inner.high, low: inner.low + TWO_THIRDS.at(1) });
    let factor = Twofold::sum(two, outer.high);
    let of_near = s.times(Twofold { high: factor.high, low: factor.low + outer.low });
    let of_k = Twofold::product(k, LN_2.at(0));
    let sum = Twofold::sum(of_k.high, of_near.high);
    let low = of_near.low + k.mul_add(LN_2.at(1), of_k.low);
    Twofold { high: sum.high, low: sum.low + low }
}

/// Whether a number that is not negative is an integer.
#[inline(always)]
fn is_integer<R: Real>(size: R) -> R::Mask {
    let magic = R::constant((1_u64 << R::Scalar::MANTISSA) as f64);
    R::select(size.less(magic), (size + magic) - magic, size).equal(size)
}

/// |x|^y.
#[inline(always)]
fn size<R: Real>(x: R, y: R) -> R {
    let (zero, one) = (R::constant(0.0), R::constant(1.0));
    let log = log(x.abs());
    let exponent = Twofold::product(y, log.high);
    // Beyond this the result is 0 or infinite, and the second part nothing or NaN.
    let bounded = limit::<R>(-800.0, -120.0).greater(limit::<R>(800.0, 120.0).lesser(exponent.high));
    let low = R::select(bounded.equal(exponent.high), y.mul_add(log.low, exponent.low), zero);
    let size = exp_twofold(Twofold { high: bounded, low });
    // 1^y = 1 and x^0 = 1, even for infinite and NaN y and x.
    R::select(y.equal(zero), one, R::select(log.high.equal(zero), one, size))
}

/// x^y as C's `pow`: for x < 0 the sign is that of an odd or even power, or the result is NaN if y is not an integer.
#[inline(always)]
#[must_use]
pub fn pow<R: Real>(x: R, y: R) -> R {
    let (zero, infinity) = (R::constant(0.0), R::constant(f64::INFINITY));
    let size = size(x, y);
    let integer = is_integer(y.abs());
    let even = is_integer(y.abs() * R::constant(0.5));
    let signed = with_sign_of(size, R::select(integer, R::select(even, zero, x), zero));
    let of_negative = R::select(integer, signed, R::select(x.abs().less(infinity), R::constant(f64::NAN), signed));
    R::select(x.less(zero), of_negative, signed)
}
