//! Streaming histogram: uniform bins, with underflow, overflow and NaN counted apart.

use crate::real::{Real, Scalar};
use crate::simd::Pack;

/// Half-open uniform bins: bin i is [edge(i), edge(i + 1)), whatever the precision of the values.
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

    /// Edge i of `bins + 1`, in the arithmetic of `numpy.linspace`.
    #[must_use]
    pub fn edge(&self, i: u32) -> f64 {
        if i == self.bins { self.hi } else { f64::from(i) * ((self.hi - self.lo) / f64::from(self.bins)) + self.lo }
    }

    /// The histogram's constants, spread over a pack.
    #[inline(always)]
    #[must_use]
    pub fn ruler<R: Real>(&self) -> Ruler<R> {
        let bins = f64::from(self.bins);
        let bins_per_unit = bins / (self.hi - self.lo);
        // The smallest and the largest normal number, and the distance of 1 to its neighbour.
        let exponent = f64::from(R::Scalar::BIAS);
        let epsilon = (-f64::from(R::Scalar::MANTISSA)).exp2();
        let (least, most) = ((1.0 - exponent).exp2(), (2.0 - epsilon) * exponent.exp2());
        // What a position may be wrong by: ends, difference, factor and product are rounded, and so are the edges themselves.
        let farthest = self.lo.abs().max(self.hi.abs());
        let rounding = 4.0 * epsilon * (farthest * bins_per_unit + bins + 1.0);
        let is_in_range = farthest <= most && (least..=most).contains(&bins_per_unit);
        Ruler {
            // Within range, so that no position is NaN where the value is not.
            lo: R::constant(self.lo.clamp(-most, most)),
            bins_per_unit: R::constant(bins_per_unit.clamp(least, most)),
            below: R::constant(0.5),
            beyond: R::constant(bins + 1.5),
            whole: R::constant(1.5 * (1_u64 << R::Scalar::MANTISSA) as f64),
            doubt: R::constant(if is_in_range { rounding } else { f64::INFINITY }),
            elsewhere: R::constant(bins + 2.0),
            histogram: *self,
            invalid: self.bins + 3,
        }
    }

    /// Puts the slot of each value in its place, found by comparison with the edges; NaN stays NaN.
    #[cold]
    #[inline(never)]
    fn compare<T: Scalar>(&self, values: &mut [T]) {
        for value in values {
            let x = value.to_f64();
            if !x.is_nan() {
                *value = T::from_f64(f64::from(self.slot(x)));
            }
        }
    }

    fn slot(&self, x: f64) -> u32 {
        if x < self.lo {
            return 0;
        }
        if x >= self.hi {
            return self.bins + 1;
        }
        let guess = (x - self.lo) / (self.hi - self.lo) * f64::from(self.bins);
        let mut bin = (guess as u32).min(self.bins - 1);
        while x < self.edge(bin) {
            bin -= 1;
        }
        while x >= self.edge(bin + 1) {
            bin += 1;
        }
        bin + 1
    }
}

/// Finds the slot of a value.
#[derive(Clone, Copy, Debug)]
pub struct Ruler<R> {
    lo: R,
    bins_per_unit: R,
    /// Positions in underflow and in overflow that are half a bin away from the nearest edge.
    below: R,
    beyond: R,
    /// Added to a position and taken away again, it leaves the nearest whole number.
    whole: R,
    doubt: R,
    elsewhere: R,
    histogram: Histogram,
    /// The slot of NaN, the last one.
    pub invalid: u32,
}

impl<R: Pack> Ruler<R> {
    /// What is the slot if rounded towards zero, NaN for NaN, but for a [doubt](Self::doubts); and the distance from the nearest edge
    /// in bins, or `nearest` if that is less.
    #[inline(always)]
    pub fn position(&self, value: R, nearest: R) -> (R, R) {
        let position = (value - self.lo).mul_add(self.bins_per_unit, R::constant(1.0));
        // NaN comes through both.
        let position = self.beyond.lesser(self.below.greater(position));
        (position, position.nearer_whole(self.whole, nearest))
    }

    /// Whether rounding may have carried a value at this distance over an edge.
    #[inline(always)]
    pub fn doubts(&self, distance: R) -> bool {
        R::any(distance.less(self.doubt))
    }

    /// The slot, to be rounded towards zero; NaN for NaN.
    #[inline(always)]
    pub fn slot(&self, value: R) -> R {
        let (position, distance) = self.position(value, R::constant(1.0));
        if self.doubts(distance) {
            let mut lanes = [R::Scalar::default(); 16];
            value.store(&mut lanes);
            self.histogram.compare(&mut lanes[..R::LANES]);
            return R::load(&lanes);
        }
        position
    }

    /// The slot, or that of other places where `condition` is not in [from, to).
    #[inline(always)]
    pub fn slot_given(&self, value: R, condition: R, from: R, to: R) -> R {
        let slot = R::select(condition.less(to), self.slot(value), self.elsewhere);
        R::select(from.less_equal(condition), slot, self.elsewhere)
    }
}
