//! Entries of a product of matrices: the loss (c/2) Σ m (x_p · x_q − t)² over some pairs of vectors, m = 1 or drawn at every step.

use super::sight::Sight;
use super::{Seen, total};
use crate::potential::risk::{Batch, Law, Table};
use crate::real::Scalar;
use crate::simd::{Pack, Simd};

/// Pairs of vectors whose products are to be something.
#[derive(Clone, Debug)]
pub struct Factors {
    /// The pairs.
    pub entries: Vec<Entry>,
    /// An entry counts as often as its uniform number in a row of the batch is below this; once if there is none.
    pub chance: Option<f64>,
}

/// A pair of vectors, and what their product is to be.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Numbers of the two vectors.
    pub pair: (usize, usize),
    /// t.
    pub target: f64,
}

impl Factors {
    /// Whether there are so many vectors, and a uniform number for each entry if any.
    pub fn fits(&self, vectors: usize, table: &Table, batch: &Batch) -> bool {
        let are_pairs = self.entries.iter().all(|&Entry { pair: (p, q), .. }| p < vectors && q < vectors && p != q);
        let width = if self.chance.is_some() { self.entries.len() } else { 0 };
        let inputs = &table.inputs;
        let are_drawn = inputs.entries.len() == width && (width == 0 || inputs.law == Law::Uniform);
        are_pairs
            && table.width() == width
            && are_drawn
            && table.labels.entries.is_empty()
            && matches!(batch, Batch::Full)
    }

    /// Draws which entries count for a walker at a step, and how often.
    #[inline(always)]
    pub fn draw<S: Simd>(&self, seen: Seen<'_>, walker: u64, step: u64, sight: &mut Sight) {
        let (count, rows) = (self.entries.len(), seen.table.rows());
        sight.active.clear();
        let Some(chance) = self.chance else {
            sight.active.extend((0..count).map(|entry| (entry, rows as f64)));
            return;
        };
        sight.numbers::<S>(seen.noise, &seen.table.inputs, (walker, step), rows * count);
        sight.active.resize(count, (0, 0.0));
        let mut kept = 0;
        for entry in 0..count {
            let mut times = 0;
            for row in 0..rows {
                times += usize::from(sight.numbers[row * count + entry] < chance);
            }
            // Half of the entries are taken and half are not: a branch would be wrong as often.
            sight.active[kept] = (entry, times as f64);
            kept += usize::from(times > 0);
        }
        sight.active.truncate(kept);
    }

    /// Writes the slopes of all vectors over the entries that count.
    #[inline(always)]
    pub fn add<P: Pack>(&self, x: &[P], packs: usize, sight: &Sight, factor: f64, slopes: &mut [P]) {
        // As constants, these lengths take half of the time.
        match packs {
            1 => self.add_all(x, 1, sight, factor, slopes),
            2 => self.add_all(x, 2, sight, factor, slopes),
            3 => self.add_all(x, 3, sight, factor, slopes),
            packs => self.add_all(x, packs, sight, factor, slopes),
        }
    }

    #[inline(always)]
    fn add_all<P: Pack>(&self, x: &[P], packs: usize, sight: &Sight, factor: f64, slopes: &mut [P]) {
        for slope in &mut *slopes {
            *slope = P::constant(0.0);
        }
        for &(entry, times) in &sight.active {
            let Entry { pair: (p, q), target } = self.entries[entry];
            let (left, right) = (&x[p * packs..][..packs], &x[q * packs..][..packs]);
            let mut product = P::constant(0.0);
            for (&left, &right) in left.iter().zip(right) {
                product = left.mul_add(right, product);
            }
            let residual = total(product) - P::Scalar::from_f64(target);
            let error = P::splat(residual * P::Scalar::from_f64(times * factor));
            for (vector, other) in [(p, right), (q, left)] {
                for (slope, &other) in slopes[vector * packs..][..packs].iter_mut().zip(other) {
                    *slope = error.mul_add(other, *slope);
                }
            }
        }
    }
}
