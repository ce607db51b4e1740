//! Streaming moments: for each walker the sums of the first powers of an observable, in double precision.

use crate::real::Scalar;
use crate::simd::Pack;

/// Sums of d, d², … up to a power, where d = x - pivot and the pivot is what the walker's first look saw: so the spread of an
/// observable keeps its digits, however far from 0 the observable is.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// The highest power.
    pub order: usize,
}

impl Moments {
    /// Numbers kept of each walker: the sums, and the pivot.
    #[must_use]
    pub fn width(&self) -> usize {
        self.order + 1
    }

    /// What is kept of a walker before the first look: no sums, and NaN for a pivot.
    #[must_use]
    pub fn nothing(&self) -> Vec<f64> {
        let mut nothing = vec![0.0; self.width()];
        nothing[self.order] = f64::NAN;
        nothing
    }

    /// Adds a pack of values to what is kept of its walkers, a row of them for each number.
    #[inline(always)]
    pub fn add<P: Pack>(&self, values: P, kept: &mut [f64]) {
        let mut lanes = [P::Scalar::default(); 16];
        values.store(&mut lanes);
        let (sums, pivots) = kept.split_at_mut(self.order * P::LANES);
        let mut away = [0.0; 16];
        for ((away, pivot), x) in away.iter_mut().zip(pivots).zip(lanes) {
            let x = x.to_f64();
            let begun = if x.is_finite() { x } else { 0.0 };
            *pivot = if pivot.is_nan() { begun } else { *pivot };
            *away = x - *pivot;
        }
        let mut powers = [1.0; 16];
        for row in sums.chunks_exact_mut(P::LANES) {
            for ((sum, power), away) in row.iter_mut().zip(&mut powers).zip(away) {
                *power *= away;
                *sum += *power;
            }
        }
    }
}
