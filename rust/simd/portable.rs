//! Packs on plain arrays: what every operation means, on any architecture.

use std::array::from_fn;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Sub};

use super::{Counters, Pack, Routine, Simd, Widen, aes};
use crate::real::{Bits, Real, Scalar};

/// `N` numbers of type `T`, one a walker.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Lanes<T, const N: usize>(pub [T; N]);

/// The level that needs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Simd for Portable {
    type F64 = Lanes<f64, 8>;
    type F32 = Lanes<f32, 16>;
    #[inline(never)]
    fn call<R: Routine<Self>>(routine: R) -> R::Output {
        routine.run()
    }
    #[inline(always)]
    fn embed<R: Routine<Self>>(routine: R) -> R::Output {
        Self::call(routine)
    }
}

impl<T: Copy, const N: usize> Lanes<T, N> {
    #[inline(always)]
    fn map<U>(self, f: impl Fn(T) -> U) -> Lanes<U, N> {
        Lanes(from_fn(|i| f(self.0[i])))
    }
    #[inline(always)]
    fn zip<U: Copy, V>(self, other: Lanes<U, N>, f: impl Fn(T, U) -> V) -> Lanes<V, N> {
        Lanes(from_fn(|i| f(self.0[i], other.0[i])))
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident),*) => {$(
        impl<T: Copy + $trait<Output = T>, const N: usize> $trait for Lanes<T, N> {
            type Output = Self;
            #[inline(never)]
            fn $method(self, other: Self) -> Self {
                self.zip(other, T::$method)
            }
        }
    )*};
}
operators!(Add add, Sub sub, Mul mul, Div div, BitAnd bitand, BitOr bitor, BitXor bitxor);

impl<T: Copy + Neg<Output = T>, const N: usize> Neg for Lanes<T, N> {
    type Output = Self;
    #[inline(never)]
    fn neg(self) -> Self {
        self.map(T::neg)
    }
}

impl<B: Bits<Mask = bool>, const N: usize> Bits for Lanes<B, N> {
    type Mask = [bool; N];
    #[inline(never)]
    fn splat(x: u64) -> Self {
        Lanes([B::splat(x); N])
    }
    #[inline(never)]
    fn shl(self, by: u32) -> Self {
        self.map(|x| x.shl(by))
    }
    #[inline(never)]
    fn shr(self, by: u32) -> Self {
        self.map(|x| x.shr(by))
    }
    #[inline(never)]
    fn top_bit(self) -> [bool; N] {
        self.map(B::top_bit).0
    }
}

impl<T: Scalar<Mask = bool>, const N: usize> Real for Lanes<T, N> {
    type Scalar = T;
    type Bits = Lanes<T::Bits, N>;
    type Mask = [bool; N];
    #[inline(never)]
    fn splat(x: T) -> Self {
        Lanes([x; N])
    }
    #[inline(never)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Lanes(from_fn(|i| self.0[i].mul_add(factor.0[i], term.0[i])))
    }
    #[inline(never)]
    fn sqrt(self) -> Self {
        self.map(T::sqrt)
    }
    #[inline(never)]
    fn less(self, other: Self) -> [bool; N] {
        self.zip(other, T::less).0
    }
    #[inline(never)]
    fn less_equal(self, other: Self) -> [bool; N] {
        self.zip(other, T::less_equal).0
    }
    #[inline(never)]
    fn equal(self, other: Self) -> [bool; N] {
        self.zip(other, T::equal).0
    }
    #[inline(never)]
    fn is_nan(self) -> [bool; N] {
        self.map(T::is_nan).0
    }
    #[inline(never)]
    fn select(mask: [bool; N], yes: Self, no: Self) -> Self {
        Lanes(from_fn(|i| T::select(mask[i], yes.0[i], no.0[i])))
    }
    #[inline(never)]
    fn any(mask: [bool; N]) -> bool {
        mask.into_iter().fold(false, |any, lane| any | lane)
    }
    #[inline(never)]
    fn lesser(self, other: Self) -> Self {
        self.zip(other, T::lesser)
    }
    #[inline(never)]
    fn greater(self, other: Self) -> Self {
        self.zip(other, T::greater)
    }
    #[inline(never)]
    fn lanewise(self, f: fn(T) -> T) -> Self {
        self.map(f)
    }
    #[inline(never)]
    fn to_bits(self) -> Self::Bits {
        self.map(T::to_bits)
    }
    #[inline(never)]
    fn from_bits(bits: Self::Bits) -> Self {
        bits.map(T::from_bits)
    }
    #[inline(never)]
    fn from_unsigned(bits: Self::Bits) -> Self {
        bits.map(T::from_unsigned)
    }
    #[inline(never)]
    fn from_signed(bits: Self::Bits) -> Self {
        bits.map(T::from_signed)
    }
    #[inline(never)]
    fn lookup(table: &[T; 16], index: Self::Bits) -> Self {
        index.map(|i| T::lookup(table, i))
    }
}

impl<T: Scalar<Mask = bool>, const N: usize> Pack for Lanes<T, N> {
    const LANES: usize = N;
    #[inline(never)]
    fn load(from: &[T]) -> Self {
        Lanes(from_fn(|i| from[i]))
    }
    #[inline(never)]
    fn store(self, to: &mut [T]) {
        to[..N].copy_from_slice(&self.0);
    }
    #[inline(never)]
    fn store_truncated(self, nan: u32, offsets: &[i32], to: &mut [i32]) {
        for ((to, offset), x) in to.iter_mut().zip(offsets).zip(self.0) {
            let x = x.to_f64();
            *to = offset.wrapping_add(if x.is_nan() { nan.cast_signed() } else { x as i32 });
        }
    }
    #[inline(never)]
    fn encrypt<const R: usize>(counters: &Counters, tweak: u128, keys: &[u128; R]) -> (Self::Bits, Self::Bits) {
        // N lanes share eight blocks: a lane has 128 bits in f64, 64 bits in f32, halved into two words.
        let lanes_a_block = N / 8;
        let width = 64 / lanes_a_block;
        let blocks: [u128; 8] = from_fn(|i| {
            let stored = counters.0[i / 2 + 4 * (i % 2)];
            aes::encrypt(stored ^ tweak, keys)
        });
        let word = |lane: usize, which: usize| {
            let shift = width * (2 * (lane % lanes_a_block) + which);
            T::low_bits((blocks[lane / lanes_a_block] >> shift) as u64)
        };
        (Lanes(from_fn(|lane| word(lane, 0))), Lanes(from_fn(|lane| word(lane, 1))))
    }
}

impl Widen<Lanes<f32, 16>> for Lanes<f64, 8> {
    #[inline(never)]
    fn widen(narrow: Lanes<f32, 16>) -> [Self; 2] {
        [Lanes(from_fn(|i| f64::from(narrow.0[i]))), Lanes(from_fn(|i| f64::from(narrow.0[i + 8])))]
    }
}
