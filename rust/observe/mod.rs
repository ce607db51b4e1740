//! Observers: what a run keeps besides its final states. They see a block in the loop and merge exactly.
//!
//! Counts are integers; moments and traces are kept walker by walker. So no sum depends on threads, blocks or shards.

mod histogram;
mod moments;
mod sight;
mod tally;

pub use histogram::Histogram;
pub use moments::Moments;
pub use sight::Sight;
pub use tally::{BATCH, Tally};

use crate::potential::{Observable, Potential};
use crate::simd::{Element, Pack, Simd};

/// One observable, watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// What is watched.
    pub observable: Observable,
    /// Every how many steps after the burn-in.
    pub every: u64,
    /// What is kept of it.
    pub keep: Keep,
}

/// What an observer keeps.
#[derive(Clone, Debug)]
pub enum Keep {
    /// Counts in bins, by group of walkers.
    Histogram(Histogram),
    /// Sums of powers, by walker.
    Moments(Moments),
    /// Every value.
    Trace,
}

/// What a block of walkers keeps for one watch; histograms keep nothing here.
#[derive(Clone, Debug, Default)]
pub struct Column<T> {
    /// Sums of powers: for each power a row of walkers.
    pub sums: Vec<f64>,
    /// Values: for each draw a row of walkers.
    pub trace: Vec<T>,
}

impl Watch {
    /// Sees a block, packs of `dim` coordinates one after another, as the run's watch number `index`.
    #[inline(always)]
    pub fn see<S: Simd, T: Element, V: Potential>(
        &self,
        index: usize,
        potential: &V,
        x: &[T::Pack<S>],
        sight: &mut Sight<'_, S, T>,
        column: &mut Column<T>,
        tally: &mut Tally,
    ) {
        let lanes = T::Pack::<S>::LANES;
        let packs = x.len() / potential.dim();
        let values = self.observable.values::<S, T, V>(potential, x, sight);
        match &self.keep {
            Keep::Histogram(histogram) => {
                let ruler = histogram.ruler::<T::Pack<S>>();
                let (offsets, slots) = tally.look(index);
                let rows = offsets.chunks_exact(lanes).zip(slots.chunks_exact_mut(lanes));
                for (&value, (offsets, slots)) in values.iter().zip(rows) {
                    ruler.slot(value).store_truncated(offsets, slots);
                }
            }
            Keep::Moments(moments) => {
                for (i, &value) in values.iter().enumerate() {
                    moments.add(value, &mut column.sums, i * lanes, packs * lanes);
                }
            }
            Keep::Trace => {
                let start = column.trace.len();
                column.trace.resize(start + packs * lanes, T::default());
                for (value, to) in values.iter().zip(column.trace[start..].chunks_exact_mut(lanes)) {
                    value.store(to);
                }
            }
        }
    }
}
