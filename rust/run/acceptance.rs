//! How MALA gets on, walker by walker: what was accepted, and how long a walker had to stay where it was.

use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Element, Pack, Simd};
use crate::walk::Walk;

use super::block::Block;

/// What became of a walker's proposals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// How many were accepted.
    pub accepted: u64,
    /// How many were refused in a row by now; in single precision counted to 2^24.
    pub refused: u64,
    /// The most that were, of those in a row that had not ended when the burn-in did; likewise.
    pub most_refused: u64,
}

/// Hands a block's counts to the walk.
#[inline(always)]
pub fn recall<S: Simd, T: Element, V: Potential, Q>(walk: &mut Walk<'_, S, T, V, Q>, block: &Block<T>) {
    let lanes = T::Pack::<S>::LANES;
    let mut rows = [[T::default(); 16]; 2];
    for pack in 0..walk.refused.len() {
        for lane in 0..lanes {
            let walker = pack * lanes + lane;
            let counts = if block.live.contains(&walker) {
                block.acceptance[walker - block.live.start]
            } else {
                Acceptance::default()
            };
            rows[0][lane] = T::from_f64(counts.refused as f64);
            rows[1][lane] = T::from_f64(counts.most_refused as f64);
        }
        walk.refused[pack] = Pack::load(&rows[0]);
        walk.most_refused[pack] = Pack::load(&rows[1]);
    }
}

/// Takes them back, and what was accepted since the last time.
#[inline(always)]
pub fn note<S: Simd, T: Element, V: Potential, Q>(walk: &mut Walk<'_, S, T, V, Q>, block: &mut Block<T>) {
    let lanes = T::Pack::<S>::LANES;
    let mut rows = [[T::default(); 16]; 3];
    for pack in 0..walk.accepted.len() {
        walk.accepted[pack].store(&mut rows[0]);
        walk.refused[pack].store(&mut rows[1]);
        walk.most_refused[pack].store(&mut rows[2]);
        for lane in 0..lanes {
            let walker = pack * lanes + lane;
            if block.live.contains(&walker) {
                let counts = &mut block.acceptance[walker - block.live.start];
                counts.accepted += rows[0][lane].to_f64() as u64;
                counts.refused = rows[1][lane].to_f64() as u64;
                counts.most_refused = rows[2][lane].to_f64() as u64;
            }
        }
        walk.accepted[pack] = Real::constant(0.0);
    }
}
