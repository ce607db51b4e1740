//! `noise(key, stream, walker, step)`: random bits and standard normals as a pure function of where they are used.
//!
//! Nothing is stored, split or locked: the address of a draw is encrypted by a few AES rounds under the run's key
//! (ARS-5 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//!
//! | bits of the 128-bit counter | meaning |
//! |---|---|
//! | 0–63 | step |
//! | 64–103 | walker (a pair of walkers where draws are single precision) |
//! | 104–119 | pair of coordinates |
//! | 120–126 | stream |
//! | 127 | set where draws are single precision |

pub(crate) mod aes;
mod constants;
pub mod normal;

use crate::simd::{Counters, Element, Pack, Pair, Simd, Widen};
pub use normal::BoxMuller;

/// AES rounds; the smallest number that its authors found to pass BigCrush.
pub const ROUNDS: usize = 5;
/// Walkers are numbered below this.
pub const MAX_WALKERS: u64 = 1 << 40;
/// Coordinates are numbered below this.
pub const MAX_DIM: usize = 1 << 17;

/// Every independent use of random numbers, so that no two ever share a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stream {
    /// Increments of the dynamics.
    Increment = 0,
    /// Initial states.
    Initial = 1,
    /// Metropolis decisions.
    Accept = 2,
}

/// The round keys of ARS: a Weyl sequence that starts at the user's key.
#[must_use]
pub fn round_keys<const R: usize>(key: u128) -> [u128; R] {
    const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
    let [mut low, mut high] = [key as u64, (key >> 64) as u64];
    std::array::from_fn(|_| {
        let round_key = u128::from(low) | u128::from(high) << 64;
        low = low.wrapping_add(WEYL[0]);
        high = high.wrapping_add(WEYL[1]);
        round_key
    })
}

/// The random function of one run.
#[derive(Clone, Debug)]
pub struct Noise {
    keys: [u128; ROUNDS + 1],
}

impl Noise {
    /// The random function with this key.
    #[must_use]
    pub fn new(key: u128) -> Self {
        Self { keys: round_keys(key) }
    }

    /// Two words of random bits for each walker of a pack.
    #[inline(always)]
    #[must_use]
    pub fn words<P: Pack>(&self, walkers: &Counters, address: Address) -> (P::Bits, P::Bits) {
        P::encrypt(walkers, address.tweak(P::LANES == 16), &self.keys)
    }

    /// Two standard normals for each walker of a pack.
    #[inline(always)]
    #[must_use]
    pub fn pair<P: Pack<Scalar: BoxMuller>>(&self, walkers: &Counters, address: Address) -> (P, P) {
        let (first, second) = self.words::<P>(walkers, address);
        normal::pair(first, second)
    }

    /// Two standard normals for each walker of two packs. The transform is a long chain of dependent operations; a second
    /// one beside it fills its waits.
    #[inline(always)]
    fn two_pairs<P: Pack<Scalar: BoxMuller>>(&self, walkers: &[Counters], address: Address) -> (Pair<P>, Pair<P>) {
        let (first, second) = (self.words::<P>(&walkers[0], address), self.words::<P>(&walkers[1], address));
        normal::pair(Pair(first.0, second.0), Pair(first.1, second.1))
    }

    /// The logarithm of a uniform number in (0, 1] for each walker of a pack.
    #[inline(always)]
    #[must_use]
    pub fn log_uniform<P: Pack<Scalar: BoxMuller>>(&self, walkers: &Counters, stream: Stream, step: u64) -> P {
        let (first, second) = self.words::<P>(walkers, Address { stream, step, pair: 0 });
        normal::log_uniform(first, second)
    }
}

/// The part of a draw's address that all walkers share.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// What the draw is for.
    pub stream: Stream,
    /// The step that uses it.
    pub step: u64,
    /// Coordinates `2 pair` and `2 pair + 1` use it.
    pub pair: usize,
}

impl Address {
    #[inline(always)]
    fn tweak(self, single: bool) -> u128 {
        u128::from(self.step) | (self.pair as u128) << 104 | (self.stream as u128) << 120 | u128::from(single) << 127
    }
}

/// The counters of a pack's walkers. A single-precision draw takes half a block, so two neighbours share one.
#[must_use]
pub fn counters<P: Pack>(first_walker: u64) -> Counters {
    let first_block = first_walker * 8 / P::LANES as u64;
    Counters::new(std::array::from_fn(|i| u128::from(first_block + i as u64) << 64))
}

/// In which precision the normals for a state of type `T` are drawn.
pub trait Precision<T: Element>: Copy + Send + Sync {
    /// Counters for `walkers` walkers from `first` on; both are multiples of [`ALIGNMENT`].
    fn counters<S: Simd>(first: u64, walkers: usize) -> Vec<Counters>;
    /// Fills `out`, packs of `dim` coordinates one after another, with standard normals.
    fn fill<S: Simd>(
        noise: &Noise,
        walkers: &[Counters],
        stream: Stream,
        step: u64,
        dim: usize,
        out: &mut [T::Pack<S>],
    );
}

/// Blocks start at multiples of this, two of the widest packs, so that a walker's lane depends on its number alone.
pub const ALIGNMENT: usize = 32;

/// Normals as precise as the state.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl<T: Element + BoxMuller> Precision<T> for Native {
    fn counters<S: Simd>(first: u64, walkers: usize) -> Vec<Counters> {
        let lanes = T::Pack::<S>::LANES;
        (0..walkers / lanes).map(|i| counters::<T::Pack<S>>(first + (i * lanes) as u64)).collect()
    }

    #[inline(always)]
    fn fill<S: Simd>(
        noise: &Noise,
        walkers: &[Counters],
        stream: Stream,
        step: u64,
        dim: usize,
        out: &mut [T::Pack<S>],
    ) {
        for (walkers, out) in walkers.chunks_exact(2).zip(out.chunks_exact_mut(2 * dim)) {
            for pair in 0..dim.div_ceil(2) {
                let (even, odd) = noise.two_pairs::<T::Pack<S>>(walkers, Address { stream, step, pair });
                (out[2 * pair], out[dim + 2 * pair]) = (even.0, even.1);
                if 2 * pair + 1 < dim {
                    (out[2 * pair + 1], out[dim + 2 * pair + 1]) = (odd.0, odd.1);
                }
            }
        }
    }
}

/// Single-precision normals under a double-precision state: half the work, the same law to 2^-24.
#[derive(Clone, Copy, Debug)]
pub struct Single;

impl Precision<f64> for Single {
    fn counters<S: Simd>(first: u64, walkers: usize) -> Vec<Counters> {
        <Native as Precision<f32>>::counters::<S>(first, walkers)
    }

    #[inline(always)]
    fn fill<S: Simd>(noise: &Noise, walkers: &[Counters], stream: Stream, step: u64, dim: usize, out: &mut [S::F64]) {
        for (walkers, out) in walkers.chunks_exact(2).zip(out.chunks_exact_mut(4 * dim)) {
            for pair in 0..dim.div_ceil(2) {
                let (even, odd) = noise.two_pairs::<S::F32>(walkers, Address { stream, step, pair });
                scatter::<S>(even, 2 * pair, dim, out);
                if 2 * pair + 1 < dim {
                    scatter::<S>(odd, 2 * pair + 1, dim, out);
                }
            }
        }
    }
}

/// Widens one coordinate of two packs into the four packs of `out`.
#[inline(always)]
fn scatter<S: Simd>(narrow: Pair<S::F32>, coordinate: usize, dim: usize, out: &mut [S::F64]) {
    [out[coordinate], out[dim + coordinate]] = S::F64::widen(narrow.0);
    [out[2 * dim + coordinate], out[3 * dim + coordinate]] = S::F64::widen(narrow.1);
}
