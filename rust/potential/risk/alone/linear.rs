//! Least squares of a linear model: the loss (c/2) (Σ_m X_m z_m − y)² of a row, z the product of the vectors entry by entry.
//!
//! A row is read twice while it is in first-level cache, for its residual and for the gradient, so that rows come once a step
//! from wherever they are. Eight of them at a time are as many sums as it takes to hide how long one addition lasts; how many
//! there are at a time changes no sum.

use super::sight::Sight;
use super::{Seen, packed, total};
use crate::potential::risk::Table;
use crate::potential::risk::batch::LANES;
use crate::real::Real;
use crate::simd::{Pack, Simd};

/// Rows that are gone through at a time, and at the end.
const MANY: usize = 8;
const FEW: usize = 4;

/// Entries of a row are X and then y.
#[derive(Clone, Copy, Debug)]
pub struct Linear;

impl Linear {
    /// Whether rows have so many entries and a label, which alone may be noisy.
    #[must_use]
    pub fn fits(length: usize, table: &Table) -> bool {
        let are_labels = table.labels.entries.iter().all(|&(entry, _)| entry == length);
        table.width() == length + 1 && are_labels && table.inputs.entries.is_empty()
    }
}

/// Rows, and room for what becomes of them.
pub struct Room<S: Simd> {
    /// X by rows, as packs.
    features: Vec<S::F64>,
    /// Products of the vectors.
    weights: Vec<S::F64>,
    /// The gradient by them.
    sums: Vec<S::F64>,
    /// Where the features of the rows that are seen start, their labels, and what their residuals are multiplied by.
    rows: Vec<(usize, f64, f64)>,
}

impl<S: Simd> Room<S> {
    /// Takes up the rows.
    pub fn new(length: usize, table: &Table) -> Self {
        let zeros = vec![Real::constant(0.0); length.div_ceil(LANES)];
        let mut features = Vec::new();
        for row in 0..table.rows() {
            packed(&table.row(row as u32)[..length], &mut features);
        }
        Self { features, weights: zeros.clone(), sums: zeros, rows: Vec::new() }
    }

    /// Makes ready the rows that a walker sees at a step. All rows as they are, are seen by everybody at every step.
    #[inline(always)]
    pub fn look(&mut self, seen: Seen<'_>, sight: &mut Sight, (walker, step): (u64, u64), factor: f64) {
        if seen.is_still() && !self.rows.is_empty() {
            return;
        }
        sight.look::<S>(seen, walker, step);
        self.rows.clear();
        for place in 0..sight.places() {
            let (row, label, weight) = sight.row(seen, place);
            let count = weight * factor;
            if count != 0.0 {
                self.rows.push((row * self.sums.len(), label, count));
            }
        }
        // The first row stands in for those that are not there, and counts nothing.
        self.rows.resize(self.rows.len().next_multiple_of(FEW), (0, 0.0, 0.0));
    }

    /// Writes the slopes of all vectors over these rows.
    #[inline(always)]
    pub fn slopes(&mut self, x: &[S::F64], slopes: &mut [S::F64]) {
        let Self { features, weights, sums, rows } = self;
        let packs = sums.len();
        for (j, weight) in weights.iter_mut().enumerate() {
            *weight = x[j];
            for at in (j + packs..x.len()).step_by(packs) {
                *weight = *weight * x[at];
            }
        }
        for sum in &mut *sums {
            *sum = Real::constant(0.0);
        }
        let whole = if S::F64::UNROLLS { rows.len() / MANY * MANY } else { 0 };
        let (many, rest) = rows.split_at(whole);
        if S::F64::UNROLLS {
            for rows in many.as_chunks::<MANY>().0 {
                pass(features, rows, weights, sums);
            }
        }
        for rows in rest.as_chunks::<FEW>().0 {
            pass(features, rows, weights, sums);
        }
        for (at, slope) in slopes.iter_mut().enumerate() {
            let j = at % packs;
            *slope = sums[j];
            for other in (j..x.len()).step_by(packs) {
                if other != at {
                    *slope = *slope * x[other];
                }
            }
        }
    }
}

/// Adds count (row · weights − label) row of some rows.
#[inline(always)]
fn pass<P: Pack<Scalar = f64>, const N: usize>(
    features: &[P],
    rows: &[(usize, f64, f64); N],
    weights: &[P],
    sums: &mut [P],
) {
    let mut vectors: [&[P]; N] = [&[]; N];
    for k in 0..N {
        vectors[k] = &features[rows[k].0..][..weights.len()];
    }
    let mut outputs = [P::constant(0.0); N];
    for (j, &weight) in weights.iter().enumerate() {
        for k in 0..N {
            outputs[k] = vectors[k][j].mul_add(weight, outputs[k]);
        }
    }
    let mut errors = [P::constant(0.0); N];
    for k in 0..N {
        let (_, label, count) = rows[k];
        errors[k] = P::splat((total(outputs[k]) - label) * count);
    }
    let sums = &mut sums[..weights.len()];
    for (j, sum) in sums.iter_mut().enumerate() {
        let mut moved = *sum;
        for k in 0..N {
            moved = errors[k].mul_add(vectors[k][j], moved);
        }
        *sum = moved;
    }
}
