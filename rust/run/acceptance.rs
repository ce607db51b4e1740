//! How MALA gets on, walker by walker: what was accepted, and how long a walker had to stay where it was.

use super::block::Block;
use crate::real::Real;
use crate::simd::{Element, Pack, Routine, Simd};
use crate::walk::Counts;

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
    pub counts: &'a mut [Counts<T::Pack<S>>],
}

impl<S: Simd, T: Element> Routine<S> for Recall<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let lanes = T::Pack::<S>::LANES;
        let number = |count: u64| T::from_f64(count as f64);
        let (mut refused, mut most) = ([T::default(); 16], [T::default(); 16]);
        for (pack, there) in self.counts.iter_mut().enumerate() {
            for (lane, (refused, most)) in refused.iter_mut().zip(&mut most).take(lanes).enumerate() {
                let counts = self.block.acceptance_of(pack * lanes + lane).copied().unwrap_or_default();
                (*refused, *most) = (number(counts.refused), number(counts.most_refused));
            }
            (there.refused, there.most_refused) = (Pack::load(&refused), Pack::load(&most));
        }
    }
}

/// Takes them back, and what was accepted since the last time.
pub struct Note<'a, S: Simd, T: Element> {
    pub block: &'a mut Block<T>,
    pub counts: &'a mut [Counts<T::Pack<S>>],
}

impl<S: Simd, T: Element> Routine<S> for Note<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { block, counts } = self;
        let lanes = T::Pack::<S>::LANES;
        let (mut accepted, mut refused, mut most) = ([T::default(); 16], [T::default(); 16], [T::default(); 16]);
        for (pack, there) in counts.iter_mut().enumerate() {
            there.accepted.store(&mut accepted);
            there.refused.store(&mut refused);
            there.most_refused.store(&mut most);
            let rows = accepted.iter().zip(&refused).zip(&most).take(lanes);
            for (lane, ((accepted, refused), most)) in rows.enumerate() {
                let walker = pack * lanes + lane;
                if block.live.contains(&walker) {
                    let counts = &mut block.acceptance[walker - block.live.start];
                    counts.accepted += accepted.to_f64() as u64;
                    (counts.refused, counts.most_refused) = (refused.to_f64() as u64, most.to_f64() as u64);
                }
            }
            there.accepted = Real::constant(0.0);
        }
    }
}
