//! erf x = 1 - exp(-g) for x > 0, with a polynomial for g = -log erfc x: one formula, with small relative error also near 0.

use super::constants::{ERF, FRAC_2_SQRT_PI};
use super::exponential::scaled_expm1;
use super::sign::with_sign_of;
use super::table::limit;
use super::twofold::Twofold;
use crate::real::Real;

/// The error function.
#[inline(always)]
#[must_use]
pub fn erf<R: Real>(x: R) -> R {
    // Beyond this it rounds to 1.
    let size = limit::<R>(6.0, 4.0).lesser(x.abs());
    let slope = Twofold::sum(FRAC_2_SQRT_PI.at(0), size * ERF.polynomial(size));
    let slope_low = slope.low + FRAC_2_SQRT_PI.at(1);
    let g = Twofold::product(size, slope.high);
    let (k, y) = scaled_expm1(Twofold { high: -g.high, low: -size.mul_add(slope_low, g.low) });
    with_sign_of(y.high.scale(k).abs(), x)
}
