//! Many steps of Euler–Maruyama at once: in one or two coordinates a pack of walkers stays in registers from step to step, and
//! only its noise is work. A histogram may look on. The bits are those of single steps.

use std::marker::PhantomData;
use std::ops::Range;

use crate::noise::{Address, BoxMuller, Halfway, Noise, Precision, Stream};
use crate::observe::{Histogram, Ruler, count};
use crate::potential::{Closed, Formula, Potential};
use crate::real::Real;
use crate::simd::{Counters, Element, Pack, Routine, Simd};
use crate::walk::{Step, Walk};

/// Steps that are made at once, at most.
const MOST: usize = 64;
/// Fewer steps are made one by one: what is begun ahead would not pay.
const LEAST: u64 = 4;
/// So many steps ahead words are encrypted.
const AHEAD: usize = 2;

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
    let Some(closed) = potential.closed() else { return false };
    let extent = walk.extent(potential.dim());
    let mut from = steps.start;
    while from < steps.end {
        let to = steps.end.min(from + MOST as u64);
        let mut tweaks = [0; MOST + AHEAD];
        for (step, tweak) in (from..).zip(&mut tweaks) {
            *tweak = walk.noise.whitened::<Q::Drawn<S>>(Address { stream: Stream::Increment, step, pair: 0 });
        }
        let tweaks = &tweaks[..(to - from) as usize + AHEAD];
        let parts = (walk.noise, &walk.increments[..], &mut walk.x[..extent]);
        match (closed, glance) {
            (Closed::Product(form), Some((histogram, which))) => {
                let (firsts, table) = walk.tally.open(0);
                let glance = Glance { histogram, which, firsts, table };
                S::call(Leap::<S, T, _, Q, 2, true>::new(form, parts, tweaks, size, glance));
            }
            // Nobody has asked for it.
            (Closed::Harmonic(_), Some(_)) => return false,
            (Closed::Product(form), None) => {
                S::call(Leap::<S, T, _, Q, 2, false>::new(form, parts, tweaks, size, Glance::nobodys()));
            }
            (Closed::Harmonic(form), None) if Formula::dim(form) == 1 => {
                S::call(Leap::<S, T, _, Q, 1, false>::new(form, parts, tweaks, size, Glance::nobodys()));
            }
            (Closed::Harmonic(form), None) => {
                S::call(Leap::<S, T, _, Q, 2, false>::new(form, parts, tweaks, size, Glance::nobodys()));
            }
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
            for &mut slot in &mut *slots {
                table[slot.cast_unsigned() as usize] -= 1;
            }
            for ((&value, firsts), slots) in values.iter().zip(firsts.chunks(lanes)).zip(slots.chunks_mut(lanes)) {
                ruler.slot(value).store_truncated(ruler.invalid, firsts, slots);
            }
            count(slots, table);
        }
    }
}

impl Glance<'_> {
    /// No histogram.
    #[inline(always)]
    fn nobodys() -> Self {
        Self { histogram: Histogram { bins: 1, lo: 0.0, hi: 1.0 }, which: 0, firsts: &[], table: &mut [] }
    }
}

/// What it takes to move a block's walkers in `DIM` coordinates through as many steps as there are tweaks, but for those ahead,
/// where a histogram looks on or not.
struct Leap<'a, S: Simd, T: Element, F, Q, const DIM: usize, const LOOKS: bool> {
    form: &'a F,
    noise: &'a Noise,
    walkers: &'a [Counters],
    x: &'a mut [T::Pack<S>],
    tweaks: &'a [u128],
    size: Step,
    glance: Glance<'a>,
    precision: PhantomData<Q>,
}

impl<'a, S: Simd, T: Element, F, Q, const DIM: usize, const LOOKS: bool> Leap<'a, S, T, F, Q, DIM, LOOKS> {
    #[inline(always)]
    fn new(
        form: &'a F,
        (noise, walkers, x): (&'a Noise, &'a [Counters], &'a mut [T::Pack<S>]),
        tweaks: &'a [u128],
        size: Step,
        glance: Glance<'a>,
    ) -> Self {
        Self { form, noise, walkers, x, tweaks, size, glance, precision: PhantomData }
    }
}

impl<S, T, F, Q, const DIM: usize, const LOOKS: bool> Routine<S> for Leap<'_, S, T, F, Q, DIM, LOOKS>
where
    S: Simd,
    T: Element + BoxMuller,
    F: Formula,
    Q: Precision<T>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { form, noise, walkers, x, tweaks, size, glance, .. } = self;
        let (width, lanes) = (Q::SERVES * DIM, T::Pack::<S>::LANES);
        let Glance { histogram, which, firsts, table } = glance;
        let ruler = histogram.ruler::<T::Pack<S>>();
        // What is seen, its slots, and how near to an edge it came.
        let mut values = [[T::Pack::<S>::constant(0.0); 2]; MOST];
        let mut slots = [[0; 16]; MOST];
        for (unit, (walkers, place)) in walkers.iter().zip(x.chunks_exact_mut(width)).enumerate() {
            // At most two packs of two coordinates.
            let mut x = [T::Pack::<S>::constant(0.0); 4];
            let (mut normals, mut slopes) = (x, x);
            x[..width].copy_from_slice(place);
            let words = noise.encrypt::<Q::Drawn<S>>(walkers, &tweaks[0]);
            let mut next = noise.encrypt::<Q::Drawn<S>>(walkers, &tweaks[1]);
            let mut half = Halfway::<Q::Drawn<S>>::new(words.0, words.1);
            let firsts = if LOOKS { &firsts[unit * Q::SERVES * lanes..(unit + 1) * Q::SERVES * lanes] } else { &[] };
            let mut nearest = T::Pack::<S>::constant(1.0);
            for (step, tweak) in tweaks[AHEAD..].iter().enumerate() {
                let ahead = noise.encrypt::<Q::Drawn<S>>(walkers, tweak);
                let (first, second) = half.normals();
                Q::put::<S>(first, 0, DIM, &mut normals, false);
                if DIM == 2 {
                    Q::put::<S>(second, 1, DIM, &mut normals, false);
                }
                for pack in 0..Q::SERVES {
                    let (from, to) = (pack * DIM, pack * DIM + DIM);
                    form.gradient(&x[from..to], &mut slopes[from..to]);
                }
                let noise = normals[..width].iter().copied();
                size.displace::<S, _>(1.0, None, &slopes[..width], noise, &mut [], &mut x[..width]);
                half = Halfway::new(next.0, next.1);
                next = ahead;
                if LOOKS {
                    for pack in 0..Q::SERVES {
                        let seen = form.observable(which, &x[pack * DIM..pack * DIM + DIM]);
                        let (position, distance) = ruler.position(seen);
                        nearest = distance.lesser(nearest);
                        let (from, to) = (pack * lanes, pack * lanes + lanes);
                        position.store_truncated(ruler.invalid, &firsts[from..to], &mut slots[step % MOST][from..to]);
                        values[step % MOST][pack] = seen;
                    }
                    // Finding is vector code and counting is scalar code: side by side if they are of different steps.
                    if step > 0 {
                        count(&slots[(step - 1) % MOST][..firsts.len()], table);
                    }
                }
            }
            if LOOKS {
                let steps = tweaks.len() - AHEAD;
                count(&slots[(steps - 1) % MOST][..firsts.len()], table);
                if ruler.doubts(nearest) {
                    let (values, slots) = (&values[..steps], &mut slots[..steps]);
                    S::call(Recount::<S, T> { ruler, values, firsts, slots, table });
                }
            }
            place.copy_from_slice(&x[..width]);
        }
    }
}
