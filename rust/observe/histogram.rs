//! Streaming histogram: uniform bins, with underflow, overflow and NaN counted apart.

use crate::real::Real;

/// Half-open uniform bins on [lo, hi). The two ends are exact; a value within rounding of an inner edge may count on
/// either side of it.
///
/// A group's slots are: underflow, the bins, overflow, what was seen while a condition did not hold, and NaN.
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
        self.bins as usize + 4
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
            within_last: R::constant(bins + 0.5),
            overflow: R::constant(bins + 1.0),
            elsewhere: R::constant(bins + 2.0),
            invalid: self.bins + 3,
        }
    }
}

/// Finds the slot of a value.
#[derive(Clone, Copy, Debug)]
pub struct Ruler<R> {
    lo: R,
    hi: R,
    bins_per_unit: R,
    within_last: R,
    overflow: R,
    elsewhere: R,
    /// The slot of NaN, the last one.
    pub invalid: u32,
}

impl<R: Real> Ruler<R> {
    /// The slot, to be rounded towards zero; NaN for NaN.
    #[inline(always)]
    pub fn slot(&self, value: R) -> R {
        let position = (value - self.lo).mul_add(self.bins_per_unit, R::constant(1.0));
        // Rounding may carry a value just below hi past its bin. NaN comes through all three.
        let inside = self.within_last.lesser(position);
        let below_hi = R::select(value.less(self.lo), R::constant(0.0), inside);
        R::select(self.hi.less_equal(value), self.overflow, below_hi)
    }

    /// The slot, or that of other places where `condition` is not in [from, to).
    #[inline(always)]
    pub fn slot_given(&self, value: R, condition: R, from: R, to: R) -> R {
        let slot = R::select(condition.less(to), self.slot(value), self.elsewhere);
        R::select(from.less_equal(condition), slot, self.elsewhere)
    }
}
