//! Elementary functions, written once for numbers and packs: the same bits at every level.
//!
//! PRELIMINARY: bodies go through the standard library, lane by lane.

mod operations;

pub use operations::Op;

use crate::real::{Real, Scalar};

macro_rules! preliminary {
    ($($(#[$doc:meta])* $name:ident $scalar:expr;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        #[must_use]
        pub fn $name<R: Real>(x: R) -> R {
            fn one<T: Scalar>(x: T) -> T {
                let f: fn(f64) -> f64 = $scalar;
                T::from_f64(f(x.to_f64()))
            }
            x.lanewise(one::<R::Scalar>)
        }
    )*};
}

preliminary! {
    /// e^x.
    exp f64::exp;
    /// e^x - 1.
    expm1 f64::exp_m1;
    /// log x.
    log f64::ln;
    /// log(1 + x).
    log1p f64::ln_1p;
    /// sin x.
    sin f64::sin;
    /// cos x.
    cos f64::cos;
    /// tan x.
    tan f64::tan;
    /// sinh x.
    sinh f64::sinh;
    /// cosh x.
    cosh f64::cosh;
    /// tanh x.
    tanh f64::tanh;
    /// arctan x.
    atan f64::atan;
    /// The error function.
    erf |x| { let t = (-x * x).exp(); x.signum() * (1.0 - t * 0.5) };
    /// 1 / (1 + e^-x).
    sigmoid |x| 1.0 / (1.0 + (-x).exp());
    /// log(1 + e^x).
    softplus |x| x.max(0.0) + (-x.abs()).exp().ln_1p();
}

/// x^y as C's `pow`.
#[inline(always)]
#[must_use]
pub fn pow<R: Real>(x: R, y: R) -> R {
    exp(y * log(x))
}

/// |x|.
#[inline(always)]
#[must_use]
pub fn abs<R: Real>(x: R) -> R {
    let sign = R::constant(-0.0).to_bits();
    R::from_bits((x.to_bits() | sign) ^ sign)
}

/// -1, 0 or 1; NaN for NaN.
#[inline(always)]
#[must_use]
pub fn sign<R: Real>(x: R) -> R {
    let (zero, one) = (R::constant(0.0), R::constant(1.0));
    let signed = R::select(x.less(zero), -one, R::select(zero.less(x), one, zero));
    R::select(x.is_nan(), x, signed)
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
