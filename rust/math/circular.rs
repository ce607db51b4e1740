//! sin, cos and tan: x = q π/2 + r with |r| <= π/4 to twice the precision, and polynomials for sine and cosine of r.
//!
//! Beyond a limit that few arguments reach, the reduction is done lane by lane with all digits of 2/π that it takes.

use super::angle::Angle;
use super::constants::{COS, FRAC_2_PI, FRAC_PI_2, SIN};
use super::huge;
use super::sign::times_sign_of;
use super::table::limit;
use super::twofold::Twofold;
use crate::real::{Bits, Real, Scalar};

/// Where the fast reduction ends. Up to there a multiple of π/2 is near enough to an integer multiple of its first part.
#[inline(always)]
fn far<R: Real>() -> R {
    limit(1_073_741_824.0, 32_768.0)
}

/// Reduces an angle that is not far away (Boldo, Daumas and Li 2009: three parts of π/2, the first exactly).
#[inline(always)]
fn reduce<R: Real>(size: R) -> Angle<R> {
    let magic = R::constant(1.5 * (1_u64 << R::Scalar::MANTISSA) as f64);
    let shifted = size.mul_add(FRAC_2_PI.at(0), magic);
    let q = magic - shifted;
    let first = q.mul_add(FRAC_PI_2.at(0), size);
    let second = Twofold::product(q, FRAC_PI_2.at(1));
    let sum = Twofold::any_sum(first, second.high);
    let low = sum.low + q.mul_add(FRAC_PI_2.at(2), second.low);
    Angle { quarters: shifted.to_bits(), rest: Twofold { high: sum.high, low } }
}

/// Sine and cosine of an angle's rest.
#[inline(always)]
fn sine_and_cosine<R: Real>(rest: Twofold<R>) -> [Twofold<R>; 2] {
    let Twofold { high: r, low } = rest;
    let one = R::constant(1.0);
    let w = r * r;
    let sine = Twofold::sum(r, (w * r).mul_add(SIN.polynomial(w), low));
    let half = w * R::constant(0.5);
    let start = one - half;
    let tail = (w * w).mul_add(COS.polynomial(w), (one - start) - half);
    [sine, Twofold::sum(start, (-r).mul_add(low, tail))]
}

/// Whether a number of quarters is odd.
#[inline(always)]
fn odd<R: Real>(quarters: R::Bits) -> R::Mask {
    quarters.shl(8 * size_of::<R::Scalar>() as u32 - 1).top_bit()
}

/// The sign bit where the second last bit is set.
#[inline(always)]
fn half_turn<R: Real>(quarters: R::Bits) -> R::Bits {
    quarters.shl(8 * size_of::<R::Scalar>() as u32 - 2) & R::constant(-0.0).to_bits()
}

#[inline(always)]
fn sine_of<R: Real>(angle: &Angle<R>) -> R {
    let [sine, cosine] = sine_and_cosine(angle.rest);
    let value = R::select(odd::<R>(angle.quarters), cosine.high, sine.high);
    R::from_bits(value.to_bits() ^ half_turn::<R>(angle.quarters))
}

#[inline(always)]
fn tangent_of<R: Real>(angle: &Angle<R>) -> R {
    let [sine, cosine] = sine_and_cosine(angle.rest);
    let odd = odd::<R>(angle.quarters);
    let (high, low) = (R::select(odd, -cosine.high, sine.high), R::select(odd, -cosine.low, sine.low));
    let divisor = Twofold { high: R::select(odd, sine.high, cosine.high), low: R::select(odd, sine.low, cosine.low) };
    Twofold { high, low }.over(divisor).rounded()
}

#[inline(always)]
fn cosine_of<R: Real>(angle: &Angle<R>) -> R {
    let [sine, cosine] = sine_and_cosine(angle.rest);
    let value = R::select(odd::<R>(angle.quarters), sine.high, cosine.high);
    R::from_bits(value.to_bits() ^ half_turn::<R>(angle.quarters + R::Bits::splat(1)))
}

/// The near result, or another function's lane by lane where an angle is far.
#[inline(always)]
fn near_or<R: Real>(size: R, near: R, of_far: fn(R::Scalar) -> R::Scalar) -> R {
    let is_far = far::<R>().less_equal(size);
    if R::any(is_far) { R::select(is_far, size.lanewise(of_far), near) } else { near }
}

/// sin x.
#[inline(always)]
#[must_use]
pub fn sin<R: Real>(x: R) -> R {
    fn of_far<T: Scalar>(size: T) -> T {
        T::from_f64(sine_of(&huge::reduce(size.to_f64())))
    }
    let size = x.abs();
    times_sign_of(near_or(size, sine_of(&reduce(size)), of_far::<R::Scalar>), x)
}

/// cos x.
#[inline(always)]
#[must_use]
pub fn cos<R: Real>(x: R) -> R {
    fn of_far<T: Scalar>(size: T) -> T {
        T::from_f64(cosine_of(&huge::reduce(size.to_f64())))
    }
    let size = x.abs();
    near_or(size, cosine_of(&reduce(size)), of_far::<R::Scalar>)
}

/// tan x.
#[inline(always)]
#[must_use]
pub fn tan<R: Real>(x: R) -> R {
    fn of_far<T: Scalar>(size: T) -> T {
        T::from_f64(tangent_of(&huge::reduce(size.to_f64())))
    }
    let size = x.abs();
    times_sign_of(near_or(size, tangent_of(&reduce(size)), of_far::<R::Scalar>), x)
}
