//! Packs of walkers and the instruction sets that carry them. `Level` is detected once, and its value is the proof.
//!
//! Reading order: `portable` (the meaning of every operation, on arrays; `aes` and `fused` are parts of it), then `avx2` and `avx512` (the
//! same operations on registers). The `unsafe` code in this folder has two reasons: calling an instruction that was found
//! on this machine, by [`Level::detect`] or by `fused` itself, and reading packs as the numbers they are.

mod aes;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod fused;
mod pair;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use pair::Pair;
pub use portable::Lanes;

use std::hint::black_box;

use crate::real::{Real, Scalar};

/// Eight 128-bit counters, stored evens first so that registers interleave them back into walker order.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Counters([u128; 8]);

impl Counters {
    /// Eight counters in the order of the walkers (or pairs of walkers) that they address.
    #[must_use]
    pub fn new(c: [u128; 8]) -> Self {
        Self([c[0], c[2], c[4], c[6], c[1], c[3], c[5], c[7]])
    }

    /// The first of them.
    #[must_use]
    pub fn first(&self) -> u128 {
        self.0[0]
    }

    /// All of them in that order.
    #[must_use]
    pub fn in_order(&self) -> [u128; 8] {
        let c = &self.0;
        [c[0], c[4], c[1], c[5], c[2], c[6], c[3], c[7]]
    }
}

/// A `Real` of `LANES` walkers that can be moved to memory, and that draws its own random bits.
pub trait Pack: Real {
    /// One of its registers.
    type Register: Real<Scalar = Self::Scalar>;
    /// How many walkers a pack holds: 64 bytes' worth at every level.
    const LANES: usize;
    /// Whether registers are so few that normals are better made stage by stage (see [`crate::noise::Stages`]).
    const BY_STAGES: bool = false;
    /// Whether loops over packs are worth the room of being written out.
    const UNROLLS: bool = true;
    /// How often a loop goes round, which the compiler is to know only where it may write it out.
    #[inline(always)]
    #[must_use]
    fn rounds(count: usize) -> usize {
        if Self::UNROLLS { count } else { black_box(count) }
    }
    /// The registers of packs, where they stand.
    fn registers(packs: &mut [Self]) -> &mut [Self::Register];
    /// Reads the first `LANES` numbers.
    fn load(from: &[Self::Scalar]) -> Self;
    /// Writes `LANES` numbers.
    fn store(self, to: &mut [Self::Scalar]);
    /// Writes `LANES` integers: the numbers, rounded towards zero, plus the offsets. Every number must be in `0..=nan` or
    /// NaN, which counts as `nan`; sums wrap.
    fn store_truncated(self, nan: u32, offsets: &[i32], to: &mut [i32]);
    /// The distance from the nearest whole number, or `other` if that is less. `whole` leaves a whole number when added and taken
    /// away again; a NaN is at no distance.
    #[inline(always)]
    #[must_use]
    fn nearer_whole(self, whole: Self, other: Self) -> Self {
        (self - ((self + whole) - whole)).abs().lesser(other)
    }
    /// Full AES rounds, one for each key, over `counters ^ whitened`: what `encrypt` does before it goes on with further keys.
    fn mix<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> Counters;
    /// Two words of random bits a lane: an AES round for each key over `counters ^ whitened` (see [`crate::noise`]).
    fn encrypt<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> (Self::Bits, Self::Bits);
    /// The same for all of these counters, under one after another of what whitens them; first and second words.
    #[inline(always)]
    fn encrypt_all<const R: usize>(
        counters: &[Counters],
        whitened: &[u128],
        keys: &[u128; R],
        (first, second): (&mut [Self], &mut [Self]),
    ) {
        let mut places = first.iter_mut().zip(second);
        for whitened in whitened {
            for (counters, (first, second)) in counters.iter().zip(&mut places) {
                let words = Self::encrypt(counters, whitened, keys);
                (*first, *second) = (Self::from_bits(words.0), Self::from_bits(words.1));
            }
        }
    }
}

/// The packs of one instruction set.
pub trait Simd: Copy + Send + Sync + 'static {
    /// Eight `f64`.
    type F64: Pack<Scalar = f64> + Widen<Self::F32>;
    /// Sixteen `f32`.
    type F32: Pack<Scalar = f32>;
    /// Does a routine as a function of its own, compiled with this set's features whatever the caller's.
    fn call<R: Routine<Self>>(routine: R) -> R::Output;
    /// Does a routine where it stands. A set that is there to be right, and not to be fast, may call it instead.
    #[inline(always)]
    fn embed<R: Routine<Self>>(routine: R) -> R::Output {
        routine.run()
    }
    /// The numbers in packs, where they stand.
    fn numbers(packs: &[Self::F64]) -> &[f64];
    /// The transpose of a square.
    #[inline(always)]
    fn turned(rows: [Self::F64; 8]) -> [Self::F64; 8] {
        let (numbers, mut turned) = (Self::numbers(&rows), rows);
        for (k, column) in turned.iter_mut().enumerate() {
            *column = Pack::load(&std::array::from_fn::<_, 8, _>(|row| numbers[8 * row + k]));
        }
        turned
    }
}

/// The numbers in packs, for [`Simd::numbers`].
///
/// # Safety
/// A `P` must be numbers side by side and nothing else.
#[inline(always)]
#[allow(unsafe_code, reason = "packs and their numbers are the same memory")]
unsafe fn plain<P>(packs: &[P]) -> &[f64] {
    // SAFETY: so many numbers are there, and a pack is aligned to more than one of them.
    unsafe { std::slice::from_raw_parts(packs.as_ptr().cast(), size_of_val(packs) / size_of::<f64>()) }
}

/// Work on the packs of one instruction set that is too long to be inlined into every kernel that needs it, or into those of
/// every set.
pub trait Routine<S: Simd> {
    /// What it returns.
    type Output;
    /// Does the work. Must be `#[inline(always)]`, so that it is compiled with the features of `S`.
    fn run(self) -> Self::Output;
}

/// `f64` packs made from the two halves of an `f32` pack.
pub trait Widen<Narrow>: Sized {
    /// Lower half, upper half (exact).
    fn widen(narrow: Narrow) -> [Self; 2];
}

/// Picks a state's pack out of an instruction set.
pub trait Element: Scalar {
    /// The pack that holds this scalar.
    type Pack<S: Simd>: Pack<Scalar = Self>;
    /// Of numbers that are kept in both precisions, those in this one.
    fn pick<'a>(double: &'a [f64], single: impl FnOnce() -> &'a [f32]) -> &'a [Self];
}
impl Element for f64 {
    type Pack<S: Simd> = S::F64;
    fn pick<'a>(double: &'a [f64], _single: impl FnOnce() -> &'a [f32]) -> &'a [Self] {
        double
    }
}
impl Element for f32 {
    type Pack<S: Simd> = S::F32;
    fn pick<'a>(_double: &'a [f64], single: impl FnOnce() -> &'a [f32]) -> &'a [Self] {
        single()
    }
}

/// Work that is compiled once for every instruction set.
pub trait Job {
    /// What it returns.
    type Output;
    /// Does the work with the packs of `S`. Must be `#[inline(always)]`, so that it is compiled with the features of `S`.
    fn run<S: Simd>(self) -> Self::Output;
}

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The names of all levels, slowest first, whether this machine has them or not.
    pub const NAMES: [&str; 3] = ["portable", "avx2", "avx512"];

    /// The best level of this machine.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or(Self(Kind::Portable))
    }

    /// Every level of this machine, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::NAMES.iter().filter_map(|name| Self::named(name)).collect()
    }

    /// The level of this name, if this machine has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "portable" => Some(Self(Kind::Portable)),
            #[cfg(target_arch = "x86_64")]
            "avx2" if avx2::available() => Some(Self(Kind::Avx2)),
            #[cfg(target_arch = "x86_64")]
            "avx512" if avx512::available() => Some(Self(Kind::Avx512)),
            _ => None,
        }
    }

    /// This level's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    /// Does a job with this level's instructions.
    #[allow(unsafe_code, reason = "the value of self proves that the instructions exist")]
    pub fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            Kind::Portable => job.run::<portable::Portable>(),
            // SAFETY: a Level of these kinds is made by `named` alone, which asked the CPU.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::enter(job) },
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::enter(job) },
        }
    }
}
