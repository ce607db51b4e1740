//! Entries of a product of matrices: the loss (c/2) (x_p · x_q − t)² of some pairs of vectors, those of the rows that are seen, or all of
//! them times a mask that is drawn for each.

use super::sight::{Sight, numbers};
use super::{Seen, total};
use crate::potential::risk::{Batch, Law, Table};
use crate::simd::{Pack, Routine, Simd};

/// Pairs of vectors whose products are to be something.
#[derive(Clone, Debug)]
pub struct Factors {
    /// The pairs. They belong to the rows, the labels of which are what their products are to be, unless there are masks.
    pub pairs: Vec<(usize, usize)>,
    /// What decides which of them count.
    pub masks: Option<Masks>,
}

/// Masks of all pairs.
#[derive(Clone, Debug)]
pub struct Masks {
    /// A pair counts as often as its uniform number in a row of the batch is below this.
    pub chance: f64,
    /// What the products are to be.
    pub targets: Vec<f64>,
}

/// A pair that counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Active {
    /// Its number.
    pair: usize,
    /// How often.
    count: f64,
    /// t.
    target: f64,
}

impl Factors {
    /// Whether there are so many vectors, and labels or a uniform number for each pair.
    #[must_use]
    pub fn fits(&self, vectors: usize, table: &Table, batch: &Batch) -> bool {
        let count = self.pairs.len();
        let are_pairs = self.pairs.iter().all(|&(p, q)| p < vectors && q < vectors && p != q);
        let inputs = &table.inputs;
        let fits = match &self.masks {
            None => table.width() == 1 && table.rows() == count && inputs.entries.is_empty(),
            Some(masks) => {
                let are_drawn = inputs.entries.len() == count && inputs.law == Law::Uniform;
                let is_plain = table.labels.entries.is_empty() && matches!(batch, Batch::Full);
                are_drawn && is_plain && table.width() == count && masks.targets.len() == count
            }
        };
        are_pairs && fits
    }

    /// Makes ready the pairs that count for a walker at a step. All rows as they are, are seen by everybody at every step.
    #[inline(always)]
    pub fn look<S: Simd>(
        &self,
        seen: Seen<'_>,
        walker: u64,
        step: u64,
        (sight, active): (&mut Sight, &mut Vec<Active>),
    ) {
        if let Some(masks) = &self.masks {
            masks.draw::<S>(seen, walker, step, (sight, active));
            return;
        }
        if seen.is_still() && !active.is_empty() {
            return;
        }
        sight.look::<S>(seen, walker, step);
        active.clear();
        for place in 0..sight.places() {
            let (pair, target, count) = sight.row(seen, place);
            active.push(Active { pair, count, target });
        }
    }

    /// Writes the slopes of all vectors over the pairs that count.
    #[inline(always)]
    pub fn slopes<S: Simd, P: Pack<Scalar = f64>>(
        &self,
        x: &[P],
        packs: usize,
        active: &[Active],
        factor: f64,
        slopes: &mut [P],
    ) {
        for slope in &mut *slopes {
            *slope = P::constant(0.0);
        }
        let pairs = &self.pairs[..];
        // As constants, these lengths take half of the time.
        match if P::UNROLLS { packs } else { 0 } {
            1 => S::embed(Add { pairs, x, packs: 1, active, factor, slopes }),
            2 => S::embed(Add { pairs, x, packs: 2, active, factor, slopes }),
            3 => S::embed(Add { pairs, x, packs: 3, active, factor, slopes }),
            _ => S::embed(Add { pairs, x, packs, active, factor, slopes }),
        }
    }
}

/// Adds up the slopes of vectors of some packs.
struct Add<'a, P> {
    pairs: &'a [(usize, usize)],
    x: &'a [P],
    packs: usize,
    active: &'a [Active],
    factor: f64,
    slopes: &'a mut [P],
}

impl<S: Simd, P: Pack<Scalar = f64>> Routine<S> for Add<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { pairs, x, packs, active, factor, slopes } = self;
        for &Active { pair, count, target } in active {
            let (p, q) = pairs[pair];
            let (left, right) = (&x[p * packs..][..packs], &x[q * packs..][..packs]);
            let mut product = P::constant(0.0);
            for (&left, &right) in left.iter().zip(right) {
                product = left.mul_add(right, product);
            }
            let residual = total(product) - target;
            let error = P::splat(residual * (count * factor));
            for (vector, other) in [(p, right), (q, left)] {
                for (slope, &other) in slopes[vector * packs..][..packs].iter_mut().zip(other) {
                    *slope = error.mul_add(other, *slope);
                }
            }
        }
    }
}

impl Masks {
    /// Draws which pairs count.
    #[inline(always)]
    fn draw<S: Simd>(&self, seen: Seen<'_>, walker: u64, step: u64, (sight, active): (&mut Sight, &mut Vec<Active>)) {
        let (count, rows) = (self.targets.len(), seen.table.rows());
        let drawn = (seen.table.inputs.stream, seen.table.inputs.law);
        numbers::<S>(seen.noise, drawn, (walker, step), rows * count, &mut sight.numbers);
        active.resize(count, Active::default());
        let mut kept = 0;
        for (pair, &target) in self.targets.iter().enumerate() {
            let mut times = 0;
            for row in 0..rows {
                times += usize::from(sight.numbers[row * count + pair] < self.chance);
            }
            // Half of the pairs are taken and half are not: a branch would be wrong as often.
            active[kept] = Active { pair, count: times as f64, target };
            kept += usize::from(times > 0);
        }
        active.truncate(kept);
    }
}
