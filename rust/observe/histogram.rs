//! Streaming histogram: uniform bins, with underflow, overflow and NaN counted apart.

use crate::real::Real;
use crate::simd::Pack;

/// Half-open uniform bins on [lo, hi). Slot 0 is underflow, then the bins, overflow, and values that are not numbers.
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

    /// The slot of each value, to be rounded towards zero.
    #[inline(always)]
    fn slot<R: Real>(&self, value: R) -> R {
        let bins = f64::from(self.bins);
        let (lo, hi) = (R::constant(self.lo), R::constant(self.hi));
        let position = (value - lo).mul_add(R::constant(bins / (self.hi - self.lo)), R::constant(1.0));
        // Rounding may carry a value just below hi past its bin.
        let inside = R::select(position.less(R::constant(bins + 1.0)), position, R::constant(bins + 0.5));
        let below_hi = R::select(value.less(lo), R::constant(0.0), inside);
        let not_below_hi = R::select(value.less(R::constant(f64::INFINITY)), R::constant(bins + 1.0), {
            // Infinity is overflow too; what compares with nothing is NaN.
            R::select(hi.less(value), R::constant(bins + 1.0), R::constant(bins + 2.0))
        });
        R::select(value.less(hi), below_hi, not_below_hi)
    }

    /// Counts one pack; each lane's group starts at its offset in the table.
    #[inline(always)]
    pub fn count<P: Pack>(&self, values: P, offsets: &[u32], table: &mut [u32]) {
        let mut slots = [0_i32; 16];
        self.slot(values).store_truncated(&mut slots);
        for (&slot, &offset) in slots.iter().zip(offsets) {
            table[(offset + slot.cast_unsigned()) as usize] += 1;
        }
    }
}
