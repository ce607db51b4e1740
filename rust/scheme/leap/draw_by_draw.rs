//! Normals made draw by draw: one is finished while the next is halfway and the words of the one after that are encrypted.

use super::glance::{Glance, look, settle};
use super::{DIM, Leap, Way, advance};
use crate::noise::{BoxMuller, Halfway, Precision, WINDOW};
use crate::observe::count;
use crate::real::Real;
use crate::simd::{Element, Pack, Simd};

/// So many steps ahead words are encrypted.
const AHEAD: usize = 2;

impl<S, T, Q, const LOOKS: bool, const MOST: usize> Way<'_, S, T, Q, LOOKS, MOST>
where
    S: Simd,
    T: Element + BoxMuller,
    Q: Precision<T>,
{
    /// A unit of walkers stays in registers for the whole leap.
    #[inline(always)]
    pub(super) fn draw_by_draw(self) {
        let Leap { form, noise, window, x, steps, size, glance, .. } = self.0;
        let (width, seen) = (Q::PACKS * DIM, Q::PACKS * T::Pack::<S>::LANES);
        let Glance { histogram, which, firsts, table } = glance;
        let ruler = histogram.ruler::<T::Pack<S>>();
        let (from, steps) = (steps.start, (steps.end - steps.start) as usize);
        // Words of the steps after the last are encrypted in vain.
        let mut parts = [0; WINDOW as usize + AHEAD];
        let parts = &mut parts[..steps + AHEAD];
        window.follow::<S>(noise, from, parts);
        // What is seen, its slots, and slots of none.
        let mut values = [[T::Pack::<S>::constant(0.0); 2]; MOST];
        let mut slots = [[0; 16]; MOST];
        let mut none = [0; 16];
        for (unit, (walkers, place)) in window.begun.iter().zip(x.chunks_exact_mut(width)).enumerate() {
            // At most two packs of two coordinates.
            let mut x = [T::Pack::<S>::constant(0.0); 4];
            let mut normals = x;
            x[..width].copy_from_slice(place);
            let words = noise.finish::<Q::Drawn<S>>(walkers, &parts[0]);
            let mut next = noise.finish::<Q::Drawn<S>>(walkers, &parts[1]);
            let mut half = Halfway::<Q::Drawn<S>>::new(words.0, words.1);
            let firsts = if LOOKS { &firsts[unit * seen..(unit + 1) * seen] } else { &[] };
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
                advance::<S, _>(form, size, &normals[..width], &mut x[..width]);
                (half, next) = (begun, ahead);
                if LOOKS {
                    nearest = look((form, which), &ruler, &x[..width], firsts, (slots, values), nearest);
                    // Finding is vector code and counting is scalar code: side by side if they are of different steps.
                    count(&before[..firsts.len()], table);
                    before = slots;
                }
            }
            place.copy_from_slice(&x[..width]);
            if LOOKS {
                settle::<S, T>(ruler, nearest, &values[..steps], &mut slots[..steps], firsts, table);
            }
        }
    }
}
