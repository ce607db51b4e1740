//! Many steps of Euler–Maruyama at once: in the product of two coordinates a pack of walkers stays in registers from step to
//! step, and only its noise is work. A histogram may look on. The bits are those of single steps.

use std::marker::PhantomData;
use std::ops::Range;

use crate::dynamics::Ambient;
use crate::noise::{BoxMuller, Halfway, Noise, Precision, Stream, WINDOW, Window};
use crate::observe::{Histogram, Ruler, count};
use crate::potential::{Formula, Potential, Product};
use crate::real::Real;
use crate::simd::{Element, Pack, Routine, Simd};
use crate::walk::{Step, Walk};

/// Steps that are made at once, at most.
const MOST: usize = WINDOW as usize;
/// The same where a histogram looks on, since what it sees is kept until they are made.
const MOST_SEEN: usize = 64;
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
        let most = if glance.is_some() { MOST_SEEN } else { MOST };
        let to = steps.end.min(from + most as u64).min(from.saturating_add(WINDOW - from % WINDOW));
        walk.increments.open::<S, Q::Drawn<S>>(walk.noise, Stream::Increment, from);
        let (noise, window, x) = (walk.noise, &walk.increments, &mut walk.x[..extent]);
        let is_seen = glance.is_some();
        let glance = match glance {
            Some((histogram, which)) => {
                let (firsts, table) = walk.tally.open(0);
                Glance { histogram, which, firsts, table }
            }
            None => Glance::nobodys(),
        };
        let leap = Leap::<S, T, Q> { form, noise, window, x, steps: from..to, size, glance, precision: PhantomData };
        if is_seen {
            S::call(Way::<_, _, _, true, MOST_SEEN>(leap));
        } else {
            S::call(Way::<_, _, _, false, MOST>(leap));
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

/// What it takes to move a block's walkers through steps of a window.
struct Leap<'a, S: Simd, T: Element, Q> {
    form: &'a Ambient<Product>,
    noise: &'a Noise,
    window: &'a Window,
    x: &'a mut [T::Pack<S>],
    steps: Range<u64>,
    size: Step,
    glance: Glance<'a>,
    precision: PhantomData<Q>,
}

/// The way to do it, with so many steps at most. A histogram looks on or not.
struct Way<'a, S: Simd, T: Element, Q, const LOOKS: bool, const MOST: usize>(Leap<'a, S, T, Q>);

impl<S, T, Q, const LOOKS: bool, const MOST: usize> Routine<S> for Way<'_, S, T, Q, LOOKS, MOST>
where
    S: Simd,
    T: Element + BoxMuller,
    Q: Precision<T>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Leap { form, noise, window, x, steps, size, glance, .. } = self.0;
        let (width, lanes) = (Q::PACKS * DIM, T::Pack::<S>::LANES);
        let Glance { histogram, which, firsts, table } = glance;
        let ruler = histogram.ruler::<T::Pack<S>>();
        let (from, steps) = (steps.start, (steps.end - steps.start) as usize);
        // Words of the steps after the last are encrypted in vain.
        let mut parts = [0; WINDOW as usize + AHEAD];
        let parts = &mut parts[..steps + AHEAD];
        window.follow::<S, Q::Drawn<S>>(noise, from, parts);
        // What is seen, its slots, and slots of none.
        let mut values = [[T::Pack::<S>::constant(0.0); 2]; MOST];
        let mut slots = [[0; 16]; MOST];
        let mut none = [0; 16];
        for (unit, (walkers, place)) in window.begun.iter().zip(x.chunks_exact_mut(width)).enumerate() {
            // At most two packs of two coordinates.
            let mut x = [T::Pack::<S>::constant(0.0); 4];
            let (mut normals, mut slopes) = (x, x);
            x[..width].copy_from_slice(place);
            let words = noise.finish::<Q::Drawn<S>>(walkers, &parts[0]);
            let mut next = noise.finish::<Q::Drawn<S>>(walkers, &parts[1]);
            let mut half = Halfway::<Q::Drawn<S>>::new(words.0, words.1);
            let firsts = if LOOKS { &firsts[unit * Q::PACKS * lanes..(unit + 1) * Q::PACKS * lanes] } else { &[] };
            none[..firsts.len()].copy_from_slice(firsts);
            let mut before = &none;
            // How near to an edge it came.
            let mut nearest = T::Pack::<S>::constant(1.0);
            for ((part, slots), values) in parts[AHEAD..].iter().zip(&mut slots).zip(&mut values) {
                let (first, second) = half.normals();
                Q::put::<S>(first, 0, DIM, &mut normals, false);
                Q::put::<S>(second, 1, DIM, &mut normals, false);
                let begun = Halfway::new(next.0, next.1);
                let ahead = noise.finish::<Q::Drawn<S>>(walkers, part);
                for pack in 0..Q::PACKS {
                    let (from, to) = (pack * DIM, pack * DIM + DIM);
                    form.gradient(&x[from..to], &mut slopes[from..to]);
                }
                let normals = normals[..width].iter().copied();
                size.displace::<S, _>(1.0, None, &slopes[..width], normals, &mut [], &mut x[..width]);
                (half, next) = (begun, ahead);
                if LOOKS {
                    for pack in 0..Q::PACKS {
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
                    let (values, slots) = (&values[..steps], &mut slots[..steps]);
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
