//! A histogram that looks on while walkers leap.

use crate::dynamics::Ambient;
use crate::observe::{Histogram, Ruler, count};
use crate::potential::{Formula, Product};
use crate::simd::{Element, Pack, Routine, Simd};

use super::DIM;

/// What a histogram sees: an observable of this number, and for each walker of the block the first slot of its group in a table.
pub(super) struct Glance<'a> {
    pub(super) histogram: Histogram,
    pub(super) which: usize,
    pub(super) firsts: &'a [i32],
    pub(super) table: &'a mut [u32],
}

impl Glance<'_> {
    /// No histogram.
    #[inline(always)]
    pub(super) fn nobodys() -> Self {
        Self { histogram: Histogram { bins: 1, lo: 0.0, hi: 1.0 }, which: 0, firsts: &[], table: &mut [] }
    }
}

/// Finds the slots of a unit's walkers, and keeps what was seen. Returns how near to an edge it came by now.
#[inline(always)]
pub(super) fn look<P: Pack>(
    (form, which): (&Ambient<Product>, usize),
    ruler: &Ruler<P>,
    x: &[P],
    firsts: &[i32],
    (slots, values): (&mut [i32; 16], &mut [P; 2]),
    mut nearest: P,
) -> P {
    let units = x.chunks_exact(DIM).zip(firsts.chunks_exact(P::LANES)).zip(slots.chunks_exact_mut(P::LANES));
    for (((x, firsts), slots), value) in units.zip(values) {
        let seen = Formula::observable(form, which, x);
        let position;
        (position, nearest) = ruler.position(seen, nearest);
        position.store_truncated(ruler.invalid, firsts, slots);
        *value = seen;
    }
    nearest
}

/// Counts the last step of a leap, and takes the slots of none away again that were counted before the first. Counts all steps once more,
/// with care, if something seen was too near to an edge.
#[inline(always)]
pub(super) fn settle<S: Simd, T: Element>(
    ruler: Ruler<T::Pack<S>>,
    nearest: T::Pack<S>,
    values: &[[T::Pack<S>; 2]],
    slots: &mut [[i32; 16]],
    firsts: &[i32],
    table: &mut [u32],
) {
    if let Some(last) = slots.last() {
        count(&last[..firsts.len()], table);
    }
    take_back(firsts, table);
    if ruler.doubts(nearest) {
        S::call(Recount::<S, T> { ruler, values, firsts, slots, table });
    }
}

/// Takes back the counts of some steps, and counts with care: what was seen may have been on the other side of an edge.
struct Recount<'a, S: Simd, T: Element> {
    ruler: Ruler<T::Pack<S>>,
    values: &'a [[T::Pack<S>; 2]],
    firsts: &'a [i32],
    slots: &'a mut [[i32; 16]],
    table: &'a mut [u32],
}

impl<S: Simd, T: Element> Routine<S> for Recount<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { ruler, values, firsts, slots, table } = self;
        let lanes = T::Pack::<S>::LANES;
        for (values, slots) in values.iter().zip(slots) {
            let slots = &mut slots[..firsts.len()];
            take_back(slots, table);
            for ((&value, firsts), slots) in values.iter().zip(firsts.chunks(lanes)).zip(slots.chunks_mut(lanes)) {
                ruler.slot(value).store_truncated(ruler.invalid, firsts, slots);
            }
            count(slots, table);
        }
    }
}

/// Takes one away at each of these slots.
#[inline(always)]
fn take_back(slots: &[i32], table: &mut [u32]) {
    for &slot in slots {
        table[slot.cast_unsigned() as usize] -= 1;
    }
}
