//! atan x: reduced by π/4 or π/2 to a quotient t with |t| <= tan(π/8), and a polynomial.

use super::constants::{ATAN, FRAC_PI_2};
use super::sign::with_sign_of;
use super::table::limit;
use super::twofold::Twofold;
use crate::real::Real;

/// arctan x.
///
/// arctan x = c + arctan t, with (c, t) = (0, x), (π/4, (x - 1) / (x + 1)) or (π/2, -1 / x).
#[inline(always)]
#[must_use]
pub fn atan<R: Real>(x: R) -> R {
    let (zero, one) = (R::constant(0.0), R::constant(1.0));
    // Beyond this the result rounds to π/2.
    let size = limit::<R>(1e18, 1e9).lesser(x.abs());
    let (small, medium) = (size.less(R::constant(0.414)), size.less(R::constant(2.414)));

    let (minus, plus) = (size - one, size + one);
    let of_medium = |of_medium: R, of_large: R| R::select(medium, of_medium, of_large);
    let above = Twofold {
        high: R::select(small, size, of_medium(minus, -one)),
        low: R::select(small, zero, of_medium(size - (minus + one), zero)),
    };
    let below = Twofold {
        high: R::select(small, one, of_medium(plus, size)),
        low: R::select(small, zero, of_medium(size - (plus - one), zero)),
    };
    let eighths = R::select(small, zero, of_medium(R::constant(0.5), one));

    let t = above.over(below);
    let start = Twofold::sum(FRAC_PI_2.at::<R>(0) * eighths, t.high);
    let w = t.high * t.high;
    let low = (FRAC_PI_2.at::<R>(1)).mul_add(eighths, t.low) + start.low;
    with_sign_of(start.high + (w * t.high).mul_add(ATAN.polynomial(w), low), x)
}
