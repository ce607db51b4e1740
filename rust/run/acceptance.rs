//! How MALA gets on, walker by walker: what was accepted, and how long a walker had to stay where it was.

use super::block::Block;
use crate::real::Real;
use crate::simd::{Element, Pack, Routine, Simd};

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
pub struct Recall<'a, S: Simd, T: Element> {
    pub block: &'a Block<T>,
    pub refused: &'a mut [T::Pack<S>],
    pub most_refused: &'a mut [T::Pack<S>],
}

impl<S: Simd, T: Element> Routine<S> for Recall<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let lanes = T::Pack::<S>::LANES;
        let number = |count: u64| T::from_f64(count as f64);
        let (mut refused, mut most) = ([T::default(); 16], [T::default(); 16]);
        for pack in 0..self.refused.len() {
            for (lane, (refused, most)) in refused.iter_mut().zip(&mut most).take(lanes).enumerate() {
                let counts = self.block.acceptance_of(pack * lanes + lane).copied().unwrap_or_default();
                (*refused, *most) = (number(counts.refused), number(counts.most_refused));
            }
            self.refused[pack] = Pack::load(&refused);
            self.most_refused[pack] = Pack::load(&most);
        }
    }
}

/// Takes them back, and what was accepted since the last time.
pub struct Note<'a, S: Simd, T: Element> {
    pub block: &'a mut Block<T>,
    pub accepted: &'a mut [T::Pack<S>],
    pub refused: &'a [T::Pack<S>],
    pub most_refused: &'a [T::Pack<S>],
}

impl<S: Simd, T: Element> Routine<S> for Note<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { block, .. } = self;
        let lanes = T::Pack::<S>::LANES;
        let (mut accepted, mut refused, mut most) = ([T::default(); 16], [T::default(); 16], [T::default(); 16]);
        for pack in 0..self.accepted.len() {
            self.accepted[pack].store(&mut accepted);
            self.refused[pack].store(&mut refused);
            self.most_refused[pack].store(&mut most);
            let rows = accepted.iter().zip(&refused).zip(&most).take(lanes);
            for (lane, ((accepted, refused), most)) in rows.enumerate() {
                let walker = pack * lanes + lane;
                if block.live.contains(&walker) {
                    let counts = &mut block.acceptance[walker - block.live.start];
                    counts.accepted += accepted.to_f64() as u64;
                    (counts.refused, counts.most_refused) = (refused.to_f64() as u64, most.to_f64() as u64);
                }
            }
            self.accepted[pack] = Real::constant(0.0);
        }
    }
}
