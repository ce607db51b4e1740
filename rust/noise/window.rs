//! What the draws of neighbouring steps have in common, done once: two of their AES rounds.
//!
//! A round substitutes bytes, moves them between the four columns of a block, mixes each column and adds a key. Steps of a window differ
//! in byte 0 of the counter alone. The first round takes it to the first column, beside bytes 5, 10 and 15, which belong to the step, to
//! the number of the counter divided by 2^16, and to the stream: that column is the same for all walkers of a group, and the others are
//! the same at all steps. The second round substitutes again and is linear from there on. What comes out is the exclusive or of a part
//! that only the walkers decide and one that only the steps do, and the bits of a draw are those that five rounds give.

use super::{Address, Noise, ROUNDS, Stages, Stream};
use crate::simd::{Counters, Pack, Routine, Simd};

/// The length of a window, which starts at a multiple of it.
pub const WINDOW: u64 = 256;
/// Walkers whose numbers differ in their last 16 bits alone are of one group.
pub const GROUP: usize = 1 << 16;
/// Rounds that are done for a window.
const SHARED: usize = 2;
/// Steps whose parts are found in one go.
const ROW: u64 = 8;

/// The draws of some walkers of a group for one purpose: both parts, as long as they are of use.
#[derive(Clone, Debug)]
pub struct Window<P> {
    /// Counters, a pack each.
    walkers: Vec<Counters>,
    pairs: usize,
    /// The walkers' part by pack and pair of coordinates.
    pub begun: Vec<Counters>,
    /// What that is for: a stream, and the first step of a window.
    start: Option<(Stream, u64)>,
    /// The steps' part.
    parts: [u128; ROW as usize],
    /// The first step that this is for.
    row: Option<u64>,
    /// Room for draws that are made together.
    pub stages: Stages<P>,
}

impl<P> Default for Window<P> {
    fn default() -> Self {
        Self {
            walkers: Vec::new(),
            pairs: 0,
            begun: Vec::new(),
            start: None,
            parts: [0; ROW as usize],
            row: None,
            stages: Stages::default(),
        }
    }
}

impl<P: Pack> Window<P> {
    /// Takes up walkers of a group, of whose coordinates so many pairs are drawn.
    #[inline(always)]
    pub fn reset(&mut self, walkers: impl Iterator<Item = Counters>, pairs: usize) {
        self.walkers.clear();
        self.walkers.extend(walkers);
        debug_assert!(self.walkers.iter().all(|pack| pack.first() >> 80 == self.walkers[0].first() >> 80));
        (self.pairs, self.start, self.row) = (pairs, None, None);
    }

    /// Finds the walkers' part for the window of a step.
    #[inline(always)]
    pub fn open<S: Simd>(&mut self, noise: &Noise, stream: Stream, step: u64) {
        let start = Some((stream, step - step % WINDOW));
        if self.start != start {
            (self.start, self.row) = (start, None);
            S::call(Begin { window: self, noise });
        }
    }

    /// Finds the part of the step, too; returns counters, both parts, and the room.
    #[inline(always)]
    pub fn open_at<S: Simd>(
        &mut self,
        noise: &Noise,
        stream: Stream,
        step: u64,
    ) -> (&[Counters], &[Counters], &u128, &mut Stages<P>) {
        self.open::<S>(noise, stream, step);
        let from = step - step % ROW;
        if self.row != Some(from) {
            let mut parts = self.parts;
            self.follow::<S>(noise, from, &mut parts);
            (self.parts, self.row) = (parts, Some(from));
        }
        (&self.walkers, &self.begun, &self.parts[(step % ROW) as usize], &mut self.stages)
    }

    /// Finds the parts of successive steps. What is said of steps after the window is of no use.
    #[inline(always)]
    pub fn follow<S: Simd>(&self, noise: &Noise, from: u64, parts: &mut [u128]) {
        S::call(Follow { window: self, noise, from, parts });
    }

    /// Where the window starts.
    #[inline(always)]
    fn address(&self, pair: usize) -> Address {
        let (stream, step) = self.start.expect("a window was opened");
        Address { stream, step, pair }
    }
}

/// Finds the walkers' part: what the shared rounds make of them at the first step.
struct Begin<'a, P> {
    window: &'a mut Window<P>,
    noise: &'a Noise,
}

impl<S: Simd, P: Pack> Routine<S> for Begin<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { window, noise, .. } = self;
        window.begun.clear();
        for pack in 0..window.walkers.len() {
            for pair in 0..window.pairs {
                let whitened = noise.whitened::<P>(window.address(pair));
                window.begun.push(P::mix(&window.walkers[pack], &whitened, noise.shared()));
            }
        }
    }
}

/// Finds the steps' part for all walkers of a group: how far what the shared rounds make of one is from what they made of it before.
struct Follow<'a, P> {
    window: &'a Window<P>,
    noise: &'a Noise,
    from: u64,
    parts: &'a mut [u128],
}

impl<S: Simd, P: Pack> Routine<S> for Follow<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { window, noise, from, parts, .. } = self;
        let start = window.address(0);
        let (walker, begun) = (window.walkers[0].first(), window.begun[0].first());
        let whitened = noise.whitened::<P>(start) ^ walker ^ u128::from(start.step);
        for (from, parts) in (from..).step_by(ROW as usize).zip(parts.chunks_mut(ROW as usize)) {
            let steps = Counters::new(std::array::from_fn(|i| u128::from(from.wrapping_add(i as u64))));
            for (part, mixed) in parts.iter_mut().zip(P::mix(&steps, &whitened, noise.shared()).in_order()) {
                *part = mixed ^ begun;
            }
        }
    }
}

impl Noise {
    /// Two words of random bits for each walker of a pack, from both parts.
    #[inline(always)]
    #[must_use]
    pub fn finish<P: Pack>(&self, begun: &Counters, part: &u128) -> (P::Bits, P::Bits) {
        P::encrypt(begun, part, self.unshared())
    }

    /// The keys of the rounds that steps do not share.
    #[inline(always)]
    pub(super) fn unshared(&self) -> &[u128; ROUNDS - SHARED] {
        let [_, _, keys @ ..] = &self.keys;
        keys
    }

    #[inline(always)]
    fn shared(&self) -> &[u128; SHARED] {
        let [shared @ .., _, _, _] = &self.keys;
        shared
    }
}
