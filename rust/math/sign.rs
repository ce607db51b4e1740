//! Signs, the smaller and the larger, and comparisons as numbers.

use crate::real::Real;

/// |x|.
#[inline(always)]
#[must_use]
pub fn abs<R: Real>(x: R) -> R {
    x.abs()
}

/// -1, 0 or 1; NaN for NaN.
#[inline(always)]
#[must_use]
pub fn sign<R: Real>(x: R) -> R {
    let (zero, one) = (R::constant(0.0), R::constant(1.0));
    let signed = R::select(x.less(zero), -one, R::select(zero.less(x), one, zero));
    R::select(x.is_nan(), x, signed)
}

/// `size`, which is not negative, with the sign of another number.
#[inline(always)]
pub(super) fn with_sign_of<R: Real>(size: R, other: R) -> R {
    R::from_bits(size.to_bits() | (other.to_bits() & R::constant(-0.0).to_bits()))
}

/// `x`, negated where another number's sign bit is set.
#[inline(always)]
pub(super) fn times_sign_of<R: Real>(x: R, other: R) -> R {
    R::from_bits(x.to_bits() ^ (other.to_bits() & R::constant(-0.0).to_bits()))
}

/// The smaller of the two; NaN if either is.
#[inline(always)]
#[must_use]
pub fn min<R: Real>(a: R, b: R) -> R {
    R::select(a.is_nan(), a, a.lesser(b))
}

/// The larger of the two; NaN if either is.
#[inline(always)]
#[must_use]
pub fn max<R: Real>(a: R, b: R) -> R {
    R::select(a.is_nan(), a, a.greater(b))
}

/// 1 where `a < b`, 0 elsewhere, and so where either is NaN.
#[inline(always)]
#[must_use]
pub fn less<R: Real>(a: R, b: R) -> R {
    R::select(a.less(b), R::constant(1.0), R::constant(0.0))
}

/// 1 where `a <= b`, 0 elsewhere, and so where either is NaN.
#[inline(always)]
#[must_use]
pub fn less_equal<R: Real>(a: R, b: R) -> R {
    R::select(a.less_equal(b), R::constant(1.0), R::constant(0.0))
}

/// `yes` where the condition is not 0 (NaN is not 0), `no` elsewhere.
#[inline(always)]
#[must_use]
pub fn select<R: Real>(condition: R, yes: R, no: R) -> R {
    R::select(condition.equal(R::constant(0.0)), no, yes)
}
