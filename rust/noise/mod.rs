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

mod constants;
mod draws;
pub mod normal;
mod stages;
mod window;

pub use draws::{Draws, Source};
pub use normal::{BoxMuller, Halfway};
pub use stages::{Stages, TOGETHER};
pub use window::{GROUP, WINDOW, Window};

use crate::real::{Bits, Real};
use crate::simd::{Counters, Element, Pack, Simd, Widen};

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
    /// Rows of a batch.
    Rows = 3,
    /// The order of the rows in an epoch, whose number takes the place of the step.
    Order = 4,
    /// Whether a row is in a batch.
    Mask = 5,
    /// Noise on labels.
    Label = 6,
    /// Rows that are drawn afresh.
    Input = 7,
}

impl Stream {
    /// All streams by their names.
    pub const NAMED: [(&str, Self); 8] = [
        ("increment", Self::Increment),
        ("initial", Self::Initial),
        ("accept", Self::Accept),
        ("rows", Self::Rows),
        ("order", Self::Order),
        ("mask", Self::Mask),
        ("label", Self::Label),
        ("input", Self::Input),
    ];

    /// The stream of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, stream)| stream)
    }
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
    first_key: u128,
    keys: [u128; ROUNDS],
}

impl Noise {
    /// The random function with this key.
    #[must_use]
    pub fn new(key: u128) -> Self {
        let [first_key, keys @ ..] = round_keys::<{ ROUNDS + 1 }>(key);
        Self { first_key, keys }
    }

    /// Two words of random bits for each walker of a pack.
    #[inline(always)]
    #[must_use]
    pub fn words<P: Pack>(&self, walkers: &Counters, address: Address) -> (P::Bits, P::Bits) {
        P::encrypt(walkers, &self.whitened::<P>(address), &self.keys)
    }

    /// The part of a counter that all walkers share, under the first key.
    #[inline(always)]
    fn whitened<P: Pack>(&self, address: Address) -> u128 {
        let single = u128::from(P::LANES == 16);
        let Address { stream, step, pair } = address;
        let tweak = u128::from(step) | (pair as u128) << 104 | (stream as u128) << 120 | single << 127;
        tweak ^ self.first_key
    }

    /// Two standard normals for each walker of a pack.
    #[inline(always)]
    #[must_use]
    pub fn pair<P: Pack<Scalar: BoxMuller>>(&self, walkers: &Counters, address: Address) -> (P, P) {
        let (first, second) = self.words::<P>(walkers, address);
        normal::pair(first, second)
    }

    /// The logarithm of a uniform number in (0, 1] for each walker of a pack.
    #[inline(always)]
    #[must_use]
    pub fn log_uniform<P: Pack<Scalar: BoxMuller>>(&self, walkers: &Counters, stream: Stream, step: u64) -> P {
        let (first, second) = self.words::<P>(walkers, Address { stream, step, pair: 0 });
        normal::log_uniform(first, second)
    }
}

/// A uniform number in (0, 1) from a word of 64 random bits: an odd multiple of 2^-53.
#[inline(always)]
#[must_use]
pub fn uniform<R: Real<Scalar = f64>>(word: R::Bits) -> R {
    R::from_unsigned(word.shr(12)).mul_add(R::constant(2.0_f64.powi(-52)), R::constant(2.0_f64.powi(-53)))
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

/// The counters of a pack's walkers. A single-precision draw takes half a block, so two neighbours share one.
#[must_use]
pub fn counters<P: Pack>(first_walker: u64) -> Counters {
    let first_block = first_walker * 8 / P::LANES as u64;
    Counters::new(std::array::from_fn(|i| u128::from(first_block + i as u64) << 64))
}

/// The counters of eight successive pairs of coordinates of one walker, for addresses whose own pair is a multiple of 8.
#[must_use]
pub fn pairs(walker: u64) -> Counters {
    Counters::new(std::array::from_fn(|i| u128::from(walker) << 64 | (i as u128) << 104))
}

/// In which precision the normals for a state of type `T` are drawn.
pub trait Precision<T: Element>: Copy + Send + Sync {
    /// A pack of what is drawn, for a unit of walkers.
    type Drawn<S: Simd>: Pack<Scalar: BoxMuller>;
    /// How many packs of states a unit serves.
    const PACKS: usize;
    /// Counters for `walkers` walkers from `first` on, both multiples of [`ALIGNMENT`].
    #[must_use]
    fn counters<S: Simd>(first: u64, walkers: usize) -> impl Iterator<Item = Counters> {
        let lanes = Self::Drawn::<S>::LANES;
        (0..walkers / lanes).map(move |i| counters::<Self::Drawn<S>>(first + (i * lanes) as u64))
    }
    /// Puts a pack of normals to the places of this coordinate in `out`, packs of `dim` coordinates one after another, or adds
    /// them to what is there.
    fn put<S: Simd>(normals: Self::Drawn<S>, coordinate: usize, dim: usize, out: &mut [T::Pack<S>], add: bool);
}

/// Blocks start at multiples of this, which is two of the widest packs, so that a walker's lane depends on its number alone.
pub const ALIGNMENT: usize = 32;

/// Normals as precise as the state.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl<T: Element + BoxMuller> Precision<T> for Native {
    type Drawn<S: Simd> = T::Pack<S>;
    const PACKS: usize = 1;

    #[inline(always)]
    fn put<S: Simd>(normals: T::Pack<S>, coordinate: usize, _dim: usize, out: &mut [T::Pack<S>], add: bool) {
        place(&mut out[coordinate], normals, add);
    }
}

/// Single-precision normals under a double-precision state: half the work, the same law to 2^-24.
#[derive(Clone, Copy, Debug)]
pub struct Single;

impl Precision<f64> for Single {
    type Drawn<S: Simd> = S::F32;
    const PACKS: usize = 2;

    #[inline(always)]
    fn put<S: Simd>(normals: S::F32, coordinate: usize, dim: usize, out: &mut [S::F64], add: bool) {
        let [lower, upper] = S::F64::widen(normals);
        place(&mut out[coordinate], lower, add);
        place(&mut out[dim + coordinate], upper, add);
    }
}

#[inline(always)]
fn place<P: Real>(place: &mut P, normals: P, add: bool) {
    *place = if add { *place + normals } else { normals };
}
