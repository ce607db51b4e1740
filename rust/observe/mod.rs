//! Observers: what a run keeps besides its final states. They see a block in the loop and merge exactly.
//!
//! Counts are integers; moments and traces are kept walker by walker. So no sum depends on threads, blocks or shards.

mod histogram;
mod moments;
mod tally;

pub use histogram::Histogram;
pub use moments::Moments;
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
        column: &mut Column<T>,
        tally: &mut Tally,
    ) {
        let lanes = T::Pack::<S>::LANES;
        let walkers = x.len() / potential.dim() * lanes;
        let points = x.chunks_exact(potential.dim());
        match &self.keep {
            Keep::Histogram(histogram) => {
                let ruler = histogram.ruler::<T::Pack<S>>();
                let (offsets, slots) = tally.look(index);
                for (x, (offsets, slots)) in points.zip(offsets.chunks_exact(lanes).zip(slots.chunks_exact_mut(lanes)))
                {
                    let value = self.observable.value(potential, x);
                    ruler.slot(value).store_truncated(offsets, slots);
                }
            }
            Keep::Moments(moments) => {
                for (i, x) in points.enumerate() {
                    let value = self.observable.value(potential, x);
                    moments.add(value, &mut column.sums, i * lanes, walkers);
                }
            }
            Keep::Trace => {
                for x in points {
                    let start = column.trace.len();
                    column.trace.resize(start + lanes, T::default());
                    self.observable.value(potential, x).store(&mut column.trace[start..]);
                }
            }
        }
    }
}
