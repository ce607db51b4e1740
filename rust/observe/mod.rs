//! Observers: what a run keeps besides its final states. They see a block in the loop and merge exactly.
//!
//! Counts are integers; moments and traces are kept walker by walker. So no sum depends on threads, blocks or shards.

mod histogram;
mod moments;

pub use histogram::Histogram;
pub use moments::Moments;

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

/// Where one block's walkers count into a worker's table.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    /// For each walker of the block the first slot of its group.
    pub offsets: Vec<i32>,
    /// Room for the slot of each walker of the block.
    pub indices: Vec<i32>,
    /// Counts of one worker since the last merge.
    pub table: Vec<u32>,
}

impl Watch {
    /// Sees a block: packs of `dim` coordinates one after another.
    #[inline(always)]
    pub fn see<S: Simd, T: Element, V: Potential>(
        &self,
        potential: &V,
        x: &[T::Pack<S>],
        column: &mut Column<T>,
        slots: &mut Slots,
    ) {
        let lanes = T::Pack::<S>::LANES;
        let walkers = x.len() / potential.dim() * lanes;
        let points = x.chunks_exact(potential.dim());
        match &self.keep {
            Keep::Histogram(histogram) => {
                let ruler = histogram.ruler::<T::Pack<S>>();
                let rows = slots.offsets.chunks_exact(lanes).zip(slots.indices.chunks_exact_mut(lanes));
                for (x, (offsets, indices)) in points.zip(rows) {
                    let value = self.observable.value(potential, x);
                    ruler.slot(value).store_truncated(offsets, indices);
                }
                slots.count();
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

impl Slots {
    /// Counts the slots found for a block. They were all found before any is counted: the first pass is vector code, this
    /// one is scalar, and neither waits for the other.
    #[inline(always)]
    pub fn count(&mut self) {
        let table = &mut self.table[..];
        let (blocks, rest) = self.indices.as_chunks::<32>();
        // Blocks of a known length are unrolled, which saves mispredicted ends of loops.
        for block in blocks {
            for &index in block {
                table[index.cast_unsigned() as usize] += 1;
            }
        }
        for &index in rest {
            table[index.cast_unsigned() as usize] += 1;
        }
    }
}
