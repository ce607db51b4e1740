//! How MALA gets on, walker by walker: what was accepted, and how long a walker had to stay where it was.

use super::block::Block;
use crate::real::Real;
use crate::simd::{Element, Pack, Routine, Simd};
use crate::walk::Counts;

/// What became of a walker's proposals: how many were accepted; how many were refused in a row by now; and the most that were, of
/// those in a row that had not ended when the burn-in did. In single precision the last two are counted to 2^24.
pub type Acceptance = [i64; 3];

/// Hands a block's counts to the walk.
pub struct Recall<'a, S: Simd, T: Element> {
    pub block: &'a Block<'a, T>,
    pub counts: &'a mut [Counts<T::Pack<S>>],
}

impl<S: Simd, T: Element> Routine<S> for Recall<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let lanes = T::Pack::<S>::LANES;
        let number = |count: i64| T::from_f64(count as f64);
        let (mut refused, mut most) = ([T::default(); 16], [T::default(); 16]);
        for (pack, there) in self.counts.iter_mut().enumerate() {
            for (lane, (refused, most)) in refused.iter_mut().zip(&mut most).take(lanes).enumerate() {
                let counts = self.block.acceptance_of(pack * lanes + lane).copied().unwrap_or_default();
                (*refused, *most) = (number(counts[1]), number(counts[2]));
            }
            (there.refused, there.most_refused) = (Pack::load(&refused), Pack::load(&most));
        }
    }
}

/// Takes them back, and what was accepted since the last time.
pub struct Note<'a, 'r, S: Simd, T: Element> {
    pub block: &'a mut Block<'r, T>,
    pub counts: &'a mut [Counts<T::Pack<S>>],
}

impl<S: Simd, T: Element> Routine<S> for Note<'_, '_, S, T> {
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
                    *counts = [counts[0] + accepted.to_f64() as i64, refused.to_f64() as i64, most.to_f64() as i64];
                }
            }
            there.accepted = Real::constant(0.0);
        }
    }
}
