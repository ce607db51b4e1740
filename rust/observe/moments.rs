//! Streaming moments: for each walker the sums of the first powers of an observable, in double precision.

use crate::real::Scalar;
use crate::simd::Pack;

/// Sums of x, x², … up to a power.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// The highest power.
    pub order: usize,
}

impl Moments {
    /// Adds one pack of values; `sums` has a row of `walkers` for each power, and the pack starts at `first`.
    #[inline(always)]
    pub fn add<P: Pack>(&self, values: P, sums: &mut [f64], first: usize, walkers: usize) {
        let mut lanes = [P::Scalar::default(); 16];
        values.store(&mut lanes);
        let mut powers = lanes.map(|_| 1.0);
        for row in sums.chunks_exact_mut(walkers).take(self.order) {
            for ((sum, power), x) in row[first..first + P::LANES].iter_mut().zip(&mut powers).zip(lanes) {
                *power *= x.to_f64();
                *sum += *power;
            }
        }
    }
}
