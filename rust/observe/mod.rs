//! Observers: what a run keeps besides its final states. They see a block in the loop and merge exactly.
//!
//! Counts are integers; moments and traces are kept walker by walker. So no sum depends on threads, blocks or shards.

mod histogram;
mod looks;
mod moments;
mod sight;
mod tally;

pub use histogram::{Histogram, Ruler};
pub use looks::Looks;
pub use moments::Moments;
pub use tally::{BATCH, Tally, count};

use crate::potential::{Observable, Potential};
use crate::real::Real;
use crate::simd::{Element, Pack, Simd};
use sight::Sight;

/// One observable, watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// What is watched.
    pub observable: Observable,
    /// When it is looked at.
    pub looks: Looks,
    /// What is kept of it.
    pub keep: Keep,
}

/// What an observer keeps.
#[derive(Clone, Debug)]
pub enum Keep {
    /// Counts in bins, by group of walkers, under a condition if there is one.
    Histogram(Histogram, Option<Given>),
    /// Sums of powers, by walker.
    Moments(Moments),
    /// Every value.
    Trace,
    /// Every state, all coordinates; what is watched does not matter.
    States,
}

/// A condition on the state: an observable is in [lo, hi).
#[derive(Clone, Debug)]
pub struct Given {
    /// What the condition is about.
    pub observable: Observable,
    /// The lower end, included.
    pub lo: f64,
    /// The upper end, excluded.
    pub hi: f64,
}

/// What a block of walkers keeps for one watch; histograms keep nothing here.
#[derive(Debug, Default)]
pub struct Column<'a, T> {
    /// Sums of powers: by pack, for each power a row of its walkers; a part of the caller's room.
    pub sums: &'a mut [f64],
    /// Values: for each draw a row of walkers, or of states a row for each coordinate.
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
        view: &mut View<'_, S, T>,
        column: &mut Column<'_, T>,
        tally: &mut Tally,
    ) {
        let lanes = T::Pack::<S>::LANES;
        let packs = x.len() / potential.dim();
        match &self.keep {
            Keep::Histogram(histogram, given) => {
                let ruler = histogram.ruler::<T::Pack<S>>();
                let (offsets, slots) = tally.look(index);
                let rows = offsets.chunks_exact(lanes).zip(slots.chunks_exact_mut(lanes));
                // Written out for what is cheap to see: nothing then goes through memory.
                if let (Observable::Named(which), None) = (&self.observable, given) {
                    for (x, (offsets, slots)) in x.chunks_exact(potential.dim()).zip(rows) {
                        ruler.slot(potential.observable(*which, x)).store_truncated(ruler.invalid, offsets, slots);
                    }
                    return;
                }
                let values = self.observable.values::<S, T, V>(potential, x, &mut view.seen);
                if let (Some(given), Some(view)) = (given, &mut view.condition) {
                    let [from, to] = [given.lo, given.hi].map(|end| Real::splat(T::at_least(end)));
                    let conditions = given.observable.values::<S, T, V>(potential, x, view);
                    for ((&value, &condition), (offsets, slots)) in values.iter().zip(conditions).zip(rows) {
                        ruler.slot_given(value, condition, from, to).store_truncated(ruler.invalid, offsets, slots);
                    }
                } else {
                    for (&value, (offsets, slots)) in values.iter().zip(rows) {
                        ruler.slot(value).store_truncated(ruler.invalid, offsets, slots);
                    }
                }
            }
            Keep::Moments(moments) => {
                let values = self.observable.values::<S, T, V>(potential, x, &mut view.seen);
                for (&value, kept) in values.iter().zip(column.sums.chunks_exact_mut(moments.width() * lanes)) {
                    moments.add(value, kept);
                }
            }
            Keep::Trace => {
                let values = self.observable.values::<S, T, V>(potential, x, &mut view.seen);
                let start = column.trace.len();
                column.trace.resize(start + packs * lanes, T::default());
                for (value, to) in values.iter().zip(column.trace[start..].chunks_exact_mut(lanes)) {
                    value.store(to);
                }
            }
            Keep::States => {
                let start = column.trace.len();
                column.trace.resize(start + x.len() * lanes, T::default());
                let rows = &mut column.trace[start..];
                for (pack, coordinates) in x.chunks_exact(potential.dim()).enumerate() {
                    for (i, value) in coordinates.iter().enumerate() {
                        value.store(&mut rows[(i * packs + pack) * lanes..][..lanes]);
                    }
                }
            }
        }
    }

    /// The histogram of one of the potential's own observables that this is, if it looks after every step and at all walkers:
    /// one that can be counted wherever a walker is.
    #[must_use]
    pub fn plain(&self) -> Option<(Histogram, usize)> {
        match (&self.observable, &self.looks, &self.keep) {
            (&Observable::Named(which), Looks::Every(1), &Keep::Histogram(histogram, None)) => Some((histogram, which)),
            _ => None,
        }
    }

    /// Sums that are kept of each walker.
    #[must_use]
    pub fn sums(&self) -> usize {
        if let Keep::Moments(moments) = &self.keep { moments.width() } else { 0 }
    }

    /// What a worker needs to see.
    pub(crate) fn view<S: Simd, T: Element>(&self) -> View<'_, S, T> {
        let condition = match &self.keep {
            Keep::Histogram(_, Some(given)) => Some(given.observable.sight()),
            _ => None,
        };
        View { seen: self.observable.sight(), condition }
    }
}

/// One worker's view of one watch: what is watched, and the condition under which it counts.
pub struct View<'a, S: Simd, T: Element> {
    seen: Sight<'a, S, T>,
    condition: Option<Sight<'a, S, T>>,
}
