//! Least squares of a linear model: the loss (c/2) (Σ_m X_m z_m − y)² of a row, z the product of the vectors entry by entry.
//!
//! A row is read twice while it is in first-level cache, for its residual and for the gradient, so that rows come once a step
//! from wherever they are. Eight of them at a time are as many sums as it takes to hide how long one addition lasts.

use super::sight::Sight;
use super::{Seen, packed, total};
use crate::potential::risk::Table;
use crate::real::{Real, Scalar};
use crate::simd::Pack;

/// Rows that are gone through at a time.
const ROWS: usize = 8;

/// Entries of a row are X and then y.
#[derive(Clone, Copy, Debug)]
pub struct Linear;

impl Linear {
    /// Whether rows have so many entries and a label, which alone may be noisy.
    pub fn fits(length: usize, table: &Table) -> bool {
        let are_labels = table.labels.entries.iter().all(|&(entry, _)| entry == length);
        table.width() == length + 1 && are_labels && table.inputs.entries.is_empty()
    }

    /// X by rows, as packs.
    pub fn features<P: Pack>(length: usize, table: &Table) -> Vec<P> {
        let mut features = Vec::new();
        for row in 0..table.rows() {
            packed(&table.row(row as u32)[..length], &mut features);
        }
        features
    }
}

/// Writes the slopes of all vectors over the rows that are seen. `weights` and `sums` are room for a vector each.
#[inline(always)]
pub fn add<P: Pack>(
    x: &[P],
    features: &[P],
    (seen, sight): (Seen<'_>, &Sight),
    factor: f64,
    (weights, sums): (&mut [P], &mut [P]),
    slopes: &mut [P],
) {
    let packs = sums.len();
    let (one, others) = x.split_at(packs);
    weights.copy_from_slice(one);
    for other in others.chunks_exact(packs) {
        for (weight, &x) in weights.iter_mut().zip(other) {
            *weight = *weight * x;
        }
    }
    sums.fill(P::constant(0.0));
    let places = sight.places();
    for start in (0..places).step_by(ROWS) {
        // The first row stands in for those that are not there and count nothing.
        let (mut rows, mut labels) = ([&features[..packs]; ROWS], [P::Scalar::default(); ROWS]);
        let mut counts = [P::Scalar::default(); ROWS];
        for (k, place) in (start..places.min(start + ROWS)).enumerate() {
            let (row, label, weight) = sight.row(seen, place);
            rows[k] = &features[row * packs..][..packs];
            (labels[k], counts[k]) = (P::Scalar::from_f64(label), P::Scalar::from_f64(weight * factor));
        }
        pass(rows, labels, counts, weights, sums);
    }
    for (vector, slopes) in slopes.chunks_exact_mut(packs).enumerate() {
        slopes.copy_from_slice(sums);
        for (other, x) in x.chunks_exact(packs).enumerate() {
            if other != vector {
                for (slope, &x) in slopes.iter_mut().zip(x) {
                    *slope = *slope * x;
                }
            }
        }
    }
}

/// Adds count (row · weights − label) row of each row.
#[inline(always)]
fn pass<P: Pack>(
    rows: [&[P]; ROWS],
    labels: [P::Scalar; ROWS],
    counts: [P::Scalar; ROWS],
    weights: &[P],
    sums: &mut [P],
) {
    let nothing = P::Scalar::constant(0.0);
    let mut outputs = [P::constant(0.0); ROWS];
    for (j, &weight) in weights.iter().enumerate() {
        for k in 0..ROWS {
            outputs[k] = rows[k][j].mul_add(weight, outputs[k]);
        }
    }
    let mut errors = [P::constant(0.0); ROWS];
    for (k, error) in errors.iter_mut().enumerate() {
        let residual = (total(outputs[k]) - labels[k]) * counts[k];
        *error = P::splat(Real::select(counts[k].equal(nothing), nothing, residual));
    }
    for (j, sum) in sums.iter_mut().enumerate() {
        let mut moved = *sum;
        for k in 0..ROWS {
            moved = errors[k].mul_add(rows[k][j], moved);
        }
        *sum = moved;
    }
}
