//! exp and expm1: x = k log 2 + r with |r| <= log(2)/2, and a polynomial for e^r - 1 - r.

use super::constants::{EXP, LN_2, LOG2_E};
use super::table::limit;
use super::twofold::Twofold;
use crate::real::{Real, Scalar};

/// The nearest integer to `x * factor`, where that is below 2^51 (2^22 in single precision).
#[inline(always)]
pub fn nearest<R: Real>(x: R, factor: R) -> R {
    let magic = R::constant(1.5 * (1_u64 << R::Scalar::MANTISSA) as f64);
    x.mul_add(factor, magic) - magic
}

/// `(k, rest)` with k the nearest integer to x / log 2 and rest = x - k `LN_2.at(0)`, which is exact: a multiple of x's last bit,
/// and small.
#[inline(always)]
fn start<R: Real>(x: R) -> (R, R) {
    let k = nearest(x, LOG2_E.at(0));
    (k, (-k).mul_add(LN_2.at(0), x))
}

/// `(k, r)` with x = k log 2 + r.
#[inline(always)]
pub fn reduce<R: Real>(x: Twofold<R>) -> (R, Twofold<R>) {
    let (k, rest) = start(x.high);
    (k, Twofold::sum(rest, (-k).mul_add(LN_2.at(1), x.low)))
}

/// e^x.
#[inline(always)]
#[must_use]
pub fn exp<R: Real>(x: R) -> R {
    // Beyond these the result is 0 or infinite whatever x; NaN passes.
    let x = limit::<R>(710.0, 89.0).lesser(x);
    let x = limit::<R>(-746.0, -104.0).greater(x);
    let (k, rest) = start(x);
    let r = (-k).mul_add(LN_2.at(1), rest);
    let half = r.mul_add(EXP.polynomial(r), R::constant(0.5));
    ((r * r).mul_add(half, r) + R::constant(1.0)).scale(k)
}

/// e^r - 1 - `r.high`; the square is the largest part.
#[inline(always)]
pub fn beyond_linear<R: Real>(r: Twofold<R>) -> R {
    let square = r.high * r.high;
    let cubic = (square * r.high).mul_add(EXP.polynomial(r.high), r.low);
    (r.high * R::constant(0.5)).mul_add(r.high, cubic)
}

/// e^x for a twofold x that is in range.
#[inline(always)]
pub fn exp_twofold<R: Real>(x: Twofold<R>) -> R {
    let (k, r) = reduce(x);
    Twofold::sum(R::constant(1.0), r.high).plus(beyond_linear(r)).high.scale(k)
}

/// `(k, y)` with e^x - 1 = 2^k y, for x that is no less than -50 (-25 in single precision).
#[inline(always)]
pub fn scaled_expm1<R: Real>(x: Twofold<R>) -> (R, Twofold<R>) {
    let one = R::constant(1.0);
    let (k, r) = reduce(x);
    // y = (1 - 2^-k) + (e^r - 1)
    let start = Twofold::any_sum(one, -one.scale(-k));
    let sum = Twofold::sum(start.high, r.high);
    (k, sum.plus(start.low + beyond_linear(r)))
}

/// e^x - 1.
#[inline(always)]
#[must_use]
pub fn expm1<R: Real>(x: R) -> R {
    let clamped = limit::<R>(710.0, 89.0).lesser(x);
    let clamped = limit::<R>(-50.0, -25.0).greater(clamped);
    let (k, y) = scaled_expm1(Twofold::from(clamped));
    // The sum loses the sign of -0.
    R::select(x.equal(R::constant(0.0)), x, y.high.scale(k))
}
