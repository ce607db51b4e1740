//! Many steps of Euler–Maruyama at once: in the product of two coordinates a pack of walkers stays in registers from step to
//! step, and only its noise is work. A histogram may look on. The bits are those of single steps.

use std::marker::PhantomData;
use std::ops::Range;

use crate::dynamics::Ambient;
use crate::noise::{Address, BoxMuller, Halfway, Noise, Precision, Stream};
use crate::observe::{Histogram, Ruler, count};
use crate::potential::{Formula, Potential, Product};
use crate::real::Real;
use crate::simd::{Counters, Element, Pack, Routine, Simd};
use crate::walk::{Step, Walk};

/// Steps that are made at once, at most.
const MOST: usize = 64;
/// Fewer steps are made one by one: what is begun ahead would not pay.
const LEAST: u64 = 4;
/// So many steps ahead words are encrypted.
const AHEAD: usize = 2;
/// Coordinates.
const DIM: usize = 2;

/// Makes these steps, if it can, and counts for a histogram of one of the potential's observables, the first watch.
#[inline(always)]
pub(super) fn leap<S, T, V, Q>(
    walk: &mut Walk<'_, S, T, V, Q>,
    steps: &Range<u64>,
    size: Step,
    glance: Option<(Histogram, usize)>,
) -> bool
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    if !T::Pack::<S>::UNROLLS || steps.end - steps.start < LEAST || walk.substeps > 1 {
        return false;
    }
    let potential = walk.potential;
    let Some(form) = potential.product() else { return false };
    let extent = walk.extent(DIM);
    let mut from = steps.start;
    while from < steps.end {
        let to = steps.end.min(from + MOST as u64);
        let mut shared = [0; MOST + AHEAD];
        for (step, shared) in (from..).zip(&mut shared) {
            *shared = walk.noise.whitened::<Q::Drawn<S>>(Address { stream: Stream::Increment, step, pair: 0 });
        }
        let shared = &shared[..(to - from) as usize + AHEAD];
        let (noise, walkers, x) = (walk.noise, &walk.increments[..], &mut walk.x[..extent]);
        if let Some((histogram, which)) = glance {
            let (firsts, table) = walk.tally.open(0);
            let glance = Glance { histogram, which, firsts, table };
            S::call(Leap::<S, T, Q, true> { form, noise, walkers, x, shared, size, glance, precision: PhantomData });
        } else {
            let glance = Glance::nobodys();
            S::call(Leap::<S, T, Q, false> { form, noise, walkers, x, shared, size, glance, precision: PhantomData });
        }
        from = to;
    }
    true
}

/// What a histogram sees: an observable of this number, and for each walker of the block the first slot of its group in a table.
struct Glance<'a> {
    histogram: Histogram,
    which: usize,
    firsts: &'a [i32],
    table: &'a mut [u32],
}

impl Glance<'_> {
    /// No histogram.
    #[inline(always)]
    fn nobodys() -> Self {
        Self { histogram: Histogram { bins: 1, lo: 0.0, hi: 1.0 }, which: 0, firsts: &[], table: &mut [] }
    }
}

/// What it takes to move a block's walkers; `shared` is the part of their counters that they share, at every step and at those
/// after it whose words are encrypted in vain. A histogram looks on or not.
struct Leap<'a, S: Simd, T: Element, Q, const LOOKS: bool> {
    form: &'a Ambient<Product>,
    noise: &'a Noise,
    walkers: &'a [Counters],
    x: &'a mut [T::Pack<S>],
    shared: &'a [u128],
    size: Step,
    glance: Glance<'a>,
    precision: PhantomData<Q>,
}

impl<S, T, Q, const LOOKS: bool> Routine<S> for Leap<'_, S, T, Q, LOOKS>
where
    S: Simd,
    T: Element + BoxMuller,
    Q: Precision<T>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { form, noise, walkers, x, shared, size, glance, .. } = self;
        let (width, lanes) = (Q::SERVES * DIM, T::Pack::<S>::LANES);
        let Glance { histogram, which, firsts, table } = glance;
        let ruler = histogram.ruler::<T::Pack<S>>();
        let steps = shared.len() - AHEAD;
        // What is seen; its slots, after a row that is none; and how near to an edge it came.
        let mut values = [[T::Pack::<S>::constant(0.0); 2]; MOST];
        let mut slots = [[0; 16]; MOST + 1];
        for (unit, (walkers, place)) in walkers.iter().zip(x.chunks_exact_mut(width)).enumerate() {
            // At most two packs of two coordinates.
            let mut x = [T::Pack::<S>::constant(0.0); 4];
            let (mut normals, mut slopes) = (x, x);
            x[..width].copy_from_slice(place);
            let words = noise.encrypt::<Q::Drawn<S>>(walkers, &shared[0]);
            let mut next = noise.encrypt::<Q::Drawn<S>>(walkers, &shared[1]);
            let mut half = Halfway::<Q::Drawn<S>>::new(words.0, words.1);
            let firsts = if LOOKS { &firsts[unit * Q::SERVES * lanes..(unit + 1) * Q::SERVES * lanes] } else { &[] };
            let (mut before, rows) = slots.split_first_mut().expect("a row that is none");
            before[..firsts.len()].copy_from_slice(firsts);
            let mut nearest = T::Pack::<S>::constant(1.0);
            for ((shared, slots), values) in shared[AHEAD..].iter().zip(rows).zip(&mut values) {
                let ahead = noise.encrypt::<Q::Drawn<S>>(walkers, shared);
                let (first, second) = half.normals();
                Q::put::<S>(first, 0, DIM, &mut normals, false);
                Q::put::<S>(second, 1, DIM, &mut normals, false);
                for pack in 0..Q::SERVES {
                    let (from, to) = (pack * DIM, pack * DIM + DIM);
                    form.gradient(&x[from..to], &mut slopes[from..to]);
                }
                let normals = normals[..width].iter().copied();
                size.displace::<S, _>(1.0, None, &slopes[..width], normals, &mut [], &mut x[..width]);
                half = Halfway::new(next.0, next.1);
                next = ahead;
                if LOOKS {
                    for pack in 0..Q::SERVES {
                        let seen = Formula::observable(form, which, &x[pack * DIM..pack * DIM + DIM]);
                        let position;
                        (position, nearest) = ruler.position(seen, nearest);
                        let (from, to) = (pack * lanes, pack * lanes + lanes);
                        position.store_truncated(ruler.invalid, &firsts[from..to], &mut slots[from..to]);
                        values[pack] = seen;
                    }
                    // Finding is vector code and counting is scalar code: side by side if they are of different steps.
                    count(&before[..firsts.len()], table);
                    before = slots;
                }
            }
            place.copy_from_slice(&x[..width]);
            if LOOKS {
                count(&before[..firsts.len()], table);
                take_back(firsts, table);
                if ruler.doubts(nearest) {
                    let (values, slots) = (&values[..steps], &mut slots[1..=steps]);
                    S::call(Recount::<S, T> { ruler, values, firsts, slots, table });
                }
            }
        }
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
