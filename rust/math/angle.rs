//! An angle in quarter turns and a rest: what is reduced once, quickly or by hand, and then has a sine and a cosine.

use super::twofold::Twofold;
use crate::real::Real;

/// A number of quarter turns, of which the last two bits count, and the rest of the angle.
pub struct Angle<R: Real> {
    pub quarters: R::Bits,
    pub rest: Twofold<R>,
}
