//! Normals made stage by stage, of some steps at once.

use super::glance::{Glance, look, settle};
use super::{DIM, Leap, Way, advance};
use crate::noise::{BoxMuller, Precision, TOGETHER, WINDOW, Window};
use crate::observe::count;
use crate::real::Real;
use crate::simd::{Element, Pack, Simd};

impl<S, T, Q, const LOOKS: bool, const MOST: usize> Way<'_, S, T, Q, LOOKS, MOST>
where
    S: Simd,
    T: Element + BoxMuller,
    Q: Precision<T>,
{
    /// Two packs of states move side by side, since a step is one long chain. Where a histogram looks on, its work is beside that.
    #[inline(always)]
    pub(super) fn by_stages(self) {
        let Leap { form, noise, window, x, steps, size, glance, .. } = self.0;
        let (width, seen) = (Q::PACKS * DIM, Q::PACKS * T::Pack::<S>::LANES);
        let units = if LOOKS { 1 } else { 2 / Q::PACKS };
        let Glance { histogram, which, firsts, table } = glance;
        let ruler = histogram.ruler::<T::Pack<S>>();
        let (from, steps) = (steps.start, (steps.end - steps.start) as usize);
        let mut parts = [0; WINDOW as usize];
        let parts = &mut parts[..steps];
        window.follow::<S>(noise, from, parts);
        let Window { begun, stages, .. } = window;
        // As in the other way.
        let mut values = [[T::Pack::<S>::constant(0.0); 2]; MOST];
        let mut slots = [[0; 16]; MOST];
        let mut none = [0; 16];
        let count_of_units = begun.len().min(x.len() / width);
        for unit in (0..count_of_units).step_by(units) {
            // Beside the last unit, if nobody is, moves the last itself: it does the same.
            let chosen = [unit, (unit + 1).min(count_of_units - 1)];
            let (walkers, chosen) = ([begun[chosen[0]], begun[chosen[1]]], &chosen[..units]);
            let mut states = [T::Pack::<S>::constant(0.0); 4];
            let mut normals = states;
            let (states, normals) = (&mut states[..units * width], &mut normals[..units * width]);
            for (states, unit) in states.chunks_exact_mut(width).zip(chosen) {
                states.copy_from_slice(&x[unit * width..(unit + 1) * width]);
            }
            let firsts = if LOOKS { &firsts[unit * seen..(unit + 1) * seen] } else { &[] };
            none[..firsts.len()].copy_from_slice(firsts);
            let mut before = &none;
            let mut nearest = T::Pack::<S>::constant(1.0);
            let mut places = slots.iter_mut().zip(&mut values);
            for parts in parts.chunks(TOGETHER / units) {
                let (first, second) = stages.make::<S>(noise, &walkers[..units], parts);
                let draws = first.chunks_exact(units).zip(second.chunks_exact(units));
                for ((first, second), places) in draws.zip(&mut places) {
                    for ((&first, &second), normals) in first.iter().zip(second).zip(normals.chunks_exact_mut(width)) {
                        Q::put::<S>(first, 0, DIM, normals, false);
                        Q::put::<S>(second, 1, DIM, normals, false);
                    }
                    advance::<S, _>(form, size, normals, states);
                    if LOOKS {
                        let (slots, values) = places;
                        nearest = look((form, which), &ruler, states, firsts, (slots, values), nearest);
                        count(&before[..firsts.len()], table);
                        before = slots;
                    }
                }
            }
            for (states, unit) in states.chunks_exact(width).zip(chosen) {
                x[unit * width..(unit + 1) * width].copy_from_slice(states);
            }
            if LOOKS {
                settle::<S, T>(ruler, nearest, &values[..steps], &mut slots[..steps], firsts, table);
            }
        }
    }
}
