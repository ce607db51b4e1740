//! Streaming histogram: uniform bins, with underflow, overflow and NaN counted apart.

use crate::real::Real;

/// Half-open uniform bins on [lo, hi). Slot 0 is underflow, then the bins, overflow, and values that are not numbers.
/// The two ends are exact; a value within rounding of an inner edge may count on either side of it.
#[derive(Clone, Copy, Debug)]
pub struct Histogram {
    /// Number of bins.
    pub bins: u32,
    /// Lower end of the first bin.
    pub lo: f64,
    /// Upper end of the last bin.
    pub hi: f64,
}

impl Histogram {
    /// Slots of one group.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.bins as usize + 3
    }

    /// The histogram's constants, spread over a pack.
    #[inline(always)]
    #[must_use]
    pub fn ruler<R: Real>(&self) -> Ruler<R> {
        let bins = f64::from(self.bins);
        Ruler {
            lo: R::constant(self.lo),
            hi: R::constant(self.hi),
            bins_per_unit: R::constant(bins / (self.hi - self.lo)),
            overflow: R::constant(bins + 1.0),
            within_last: R::constant(bins + 0.5),
            invalid: R::constant(bins + 2.0),
        }
    }
}

/// Finds the slot of a value.
#[derive(Clone, Copy, Debug)]
pub struct Ruler<R> {
    lo: R,
    hi: R,
    bins_per_unit: R,
    overflow: R,
    within_last: R,
    invalid: R,
}

impl<R: Real> Ruler<R> {
    /// The slot, to be rounded towards zero.
    #[inline(always)]
    pub fn slot(&self, value: R) -> R {
        let position = (value - self.lo).mul_add(self.bins_per_unit, R::constant(1.0));
        // Rounding may carry a value just below hi past its bin.
        let inside = R::select(position.less(self.overflow), position, self.within_last);
        let below_hi = R::select(value.less(self.lo), R::constant(0.0), inside);
        let from_lo = R::select(value.less(self.hi), below_hi, self.overflow);
        R::select(value.is_nan(), self.invalid, from_lo)
    }
}
