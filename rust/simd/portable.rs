//! Packs on plain arrays: what every operation means, on any architecture.
//!
//! Where the architecture has packs of its own, these are there to be right and not to be fast. An operation on arrays is then a
//! function and not inlined: as everything is instantiated for every level, this one would otherwise be more than half of the
//! code and of the time to compile it.

use std::array::from_fn;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Sub};

use super::{Counters, Pack, Routine, Simd, Widen, aes, fused};
use crate::real::{Bits, Real, Scalar, Tables};

/// `N` numbers of type `T`, one a walker.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Lanes<T, const N: usize>(pub [T; N]);

/// The level that needs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

/// Functions that are inlined where there is no other level.
macro_rules! apart {
    ($($function:item)*) => {$(
        #[cfg_attr(target_arch = "x86_64", inline(never))]
        #[cfg_attr(not(target_arch = "x86_64"), inline(always))]
        $function
    )*};
}

impl Simd for Portable {
    type F64 = Lanes<f64, 8>;
    type F32 = Lanes<f32, 16>;
    /// Where `embed` is a function, it is the same one: what is both called and embedded is compiled once.
    #[cfg_attr(target_arch = "x86_64", inline(always))]
    #[cfg_attr(not(target_arch = "x86_64"), inline(never))]
    fn call<R: Routine<Self>>(routine: R) -> R::Output {
        Self::embed(routine)
    }
    apart! {
        fn embed<R: Routine<Self>>(routine: R) -> R::Output {
            routine.run()
        }
    }
    #[inline(always)]
    #[allow(unsafe_code, reason = "packs and their numbers are the same memory")]
    fn numbers(packs: &[Self::F64]) -> &[f64] {
        // SAFETY: these packs are arrays of eight.
        unsafe { super::plain(packs) }
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
            apart! {
                fn $method(self, other: Self) -> Self {
                    self.zip(other, T::$method)
                }
            }
        }
    )*};
}
operators!(Add add, Sub sub, Mul mul, Div div, BitAnd bitand, BitOr bitor, BitXor bitxor);

impl<T: Copy + Neg<Output = T>, const N: usize> Neg for Lanes<T, N> {
    type Output = Self;
    apart! {
        fn neg(self) -> Self {
            self.map(T::neg)
        }
    }
}

impl<B: Bits<Mask = bool>, const N: usize> Bits for Lanes<B, N> {
    type Mask = [bool; N];
    apart! {
        fn splat(x: u64) -> Self {
            Lanes([B::splat(x); N])
        }
        fn shl(self, by: u32) -> Self {
            self.map(|x| x.shl(by))
        }
        fn shr(self, by: u32) -> Self {
            self.map(|x| x.shr(by))
        }
        fn top_bit(self) -> [bool; N] {
            self.map(B::top_bit).0
        }
    }
}

impl<T: Scalar<Mask = bool>, const N: usize> Real for Lanes<T, N> {
    type Scalar = T;
    type Bits = Lanes<T::Bits, N>;
    type Mask = [bool; N];
    apart! {
        fn splat(x: T) -> Self {
            Lanes([x; N])
        }
        fn mul_add(self, factor: Self, term: Self) -> Self {
            Lanes(fused::mul_add(&self.0, &factor.0, &term.0))
        }
        fn polynomial(self, coefficients: &[T]) -> Self {
            Lanes(fused::polynomial(&self.0, coefficients))
        }
        fn abs(self) -> Self {
            self.map(T::abs)
        }
        fn scale(self, k: Self) -> Self {
            self.zip(k, T::scale)
        }
        fn split(self) -> (Self, Self) {
            let mut parts = (self, self);
            for i in 0..N {
                (parts.0.0[i], parts.1.0[i]) = self.0[i].split();
            }
            parts
        }
        fn sqrt(self) -> Self {
            self.map(T::sqrt)
        }
        fn less(self, other: Self) -> [bool; N] {
            self.zip(other, T::less).0
        }
        fn less_equal(self, other: Self) -> [bool; N] {
            self.zip(other, T::less_equal).0
        }
        fn equal(self, other: Self) -> [bool; N] {
            self.zip(other, T::equal).0
        }
        fn is_nan(self) -> [bool; N] {
            self.map(T::is_nan).0
        }
        fn select(mask: [bool; N], yes: Self, no: Self) -> Self {
            Lanes(from_fn(|i| T::select(mask[i], yes.0[i], no.0[i])))
        }
        fn any(mask: [bool; N]) -> bool {
            mask.into_iter().fold(false, |any, lane| any | lane)
        }
        fn lesser(self, other: Self) -> Self {
            self.zip(other, T::lesser)
        }
        fn greater(self, other: Self) -> Self {
            self.zip(other, T::greater)
        }
        fn lanewise(self, f: fn(T) -> T) -> Self {
            self.map(f)
        }
        fn to_bits(self) -> Self::Bits {
            self.map(T::to_bits)
        }
        fn from_bits(bits: Self::Bits) -> Self {
            bits.map(T::from_bits)
        }
        fn from_unsigned(bits: Self::Bits) -> Self {
            bits.map(T::from_unsigned)
        }
        fn from_signed(bits: Self::Bits) -> Self {
            bits.map(T::from_signed)
        }
        fn lookup(tables: &Tables<T>, places: &Self::Bits) -> (Self, Self) {
            (places.map(|place| T::lookup(tables, &place).0), places.map(|place| T::lookup(tables, &place).1))
        }
    }
}

impl<T: Scalar<Mask = bool>, const N: usize> Pack for Lanes<T, N> {
    type Register = Self;
    const LANES: usize = N;
    const UNROLLS: bool = !cfg!(target_arch = "x86_64");
    apart! {
        fn registers(packs: &mut [Self]) -> &mut [Self] {
            packs
        }
        fn load(from: &[T]) -> Self {
            Lanes(from_fn(|i| from[i]))
        }
        fn store(self, to: &mut [T]) {
            to[..N].copy_from_slice(&self.0);
        }
        fn store_truncated(self, nan: u32, offsets: &[i32], to: &mut [i32]) {
            for ((to, offset), x) in to.iter_mut().zip(offsets).zip(self.0) {
                let x = x.to_f64();
                *to = offset.wrapping_add(if x.is_nan() { nan.cast_signed() } else { x as i32 });
            }
        }
        fn mix<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> Counters {
            Counters(counters.0.map(|counter| aes::mix(counter ^ whitened, keys)))
        }
        fn encrypt<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> (Self::Bits, Self::Bits) {
            // N lanes share eight blocks: a lane has 128 bits in f64, 64 bits in f32, halved into two words.
            let lanes_a_block = N / 8;
            let width = 64 / lanes_a_block;
            let blocks: [u128; 8] = from_fn(|i| {
                let stored = counters.0[i / 2 + 4 * (i % 2)];
                aes::encrypt(stored ^ whitened, keys)
            });
            let word = |lane: usize, which: usize| {
                let shift = width * (2 * (lane % lanes_a_block) + which);
                T::low_bits((blocks[lane / lanes_a_block] >> shift) as u64)
            };
            (Lanes(from_fn(|lane| word(lane, 0))), Lanes(from_fn(|lane| word(lane, 1))))
        }
    }
}

impl Widen<Lanes<f32, 16>> for Lanes<f64, 8> {
    apart! {
        fn widen(narrow: Lanes<f32, 16>) -> [Self; 2] {
            [Lanes(from_fn(|i| f64::from(narrow.0[i]))), Lanes(from_fn(|i| f64::from(narrow.0[i + 8])))]
        }
    }
}
