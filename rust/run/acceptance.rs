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
        let (mut refused, mut most) = ([T::default(); 16], [T::default(); 16]);
        let mut start = self.block.live.start;
        let mut rest = self.block.acceptance.iter();
        for there in self.counts {
            // All lanes of nearly all packs.
            let places = start.min(lanes)..lanes;
            start -= places.start;
            for (refused, most) in refused[places.clone()].iter_mut().zip(&mut most[places]) {
                let &[_, now, longest] = rest.next().unwrap_or(&[0; 3]);
                (*refused, *most) = (T::from_f64(now as f64), T::from_f64(longest as f64));
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
        let lanes = T::Pack::<S>::LANES;
        let (mut accepted, mut refused, mut most) = ([T::default(); 16], [T::default(); 16], [T::default(); 16]);
        let mut start = self.block.live.start;
        let mut rest = self.block.acceptance.iter_mut();
        for there in self.counts {
            there.accepted.store(&mut accepted);
            there.refused.store(&mut refused);
            there.most_refused.store(&mut most);
            there.accepted = Real::constant(0.0);
            let first = start.min(lanes);
            start -= first;
            for lane in first..lanes {
                let Some(counts) = rest.next() else { break };
                let [accepted, refused, most] = [accepted[lane], refused[lane], most[lane]].map(|x| x.to_f64() as i64);
                *counts = [counts[0] + accepted, refused, most];
            }
        }
    }
}
