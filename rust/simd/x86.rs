//! The x86 packs' common shape: a table of instruction names goes in, the traits of `real` come out.
//!
//! No closures here or in the files that use this, nor in any loop over packs: a closure cannot be forced inline, and one
//! that is not inlined is compiled without the instruction set's features, every operation in it becoming a call.

use std::hint::black_box;
use std::mem::MaybeUninit;

use super::Counters;

/// Calls one instruction, or one helper made of them.
macro_rules! x {
    // SAFETY: packs of an instruction set are named by its `enter` alone, which a Level has let in after asking the CPU;
    // loads and stores go through arrays and slices whose length is checked.
    ($call:expr) => {
        unsafe { $call }
    };
}

/// Implements binary operators, one instruction each.
macro_rules! operators {
    ($type:ident: $($trait:ident $method:ident $instruction:ident),*) => {$(
        impl std::ops::$trait for $type {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(x!($instruction(self.0, other.0)))
            }
        }
    )*};
}

/// Implements `Bits` for a register of integers.
macro_rules! bits {
    ($type:ident, mask $mask:ty, $set1:ident as $int:ty, $shl:ident, $shr:ident, $top_bit:ident) => {
        impl crate::real::Bits for $type {
            type Mask = $mask;
            #[inline(always)]
            fn splat(x: u64) -> Self {
                Self(x!($set1(x as $int)))
            }
            #[inline(always)]
            fn shl(self, by: u32) -> Self {
                Self(x!($shl(self.0, _mm_cvtsi64_si128(i64::from(by)))))
            }
            #[inline(always)]
            fn shr(self, by: u32) -> Self {
                Self(x!($shr(self.0, _mm_cvtsi64_si128(i64::from(by)))))
            }
            #[inline(always)]
            fn top_bit(self) -> $mask {
                x!($top_bit(self.0))
            }
        }
    };
}

/// Implements `Real` for a register of floating-point numbers.
macro_rules! real {
    (
        $type:ident of $scalar:ident, $bits:ident, mask $mask:ty, $set1:ident, $fmadd:ident, $sqrt:ident, $compare:ident,
        $blend:ident, $to_bits:ident, $from_bits:ident, $from_unsigned:ident, $from_signed:ident, $lookup:ident,
        $any:ident, $min:ident, $max:ident, $load:ident, $store:ident, { $($method:item)* }
    ) => {
        impl std::ops::Neg for $type {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                use crate::real::Real;
                Self::from_bits(self.to_bits() ^ Self::splat(-0.0).to_bits())
            }
        }

        impl crate::real::Real for $type {
            type Scalar = $scalar;
            type Bits = $bits;
            type Mask = $mask;
            #[inline(always)]
            fn splat(x: $scalar) -> Self {
                Self(x!($set1(x)))
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                Self(x!($fmadd(self.0, factor.0, term.0)))
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                Self(x!($sqrt(self.0)))
            }
            #[inline(always)]
            fn less(self, other: Self) -> $mask {
                x!($compare::<_CMP_LT_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn less_equal(self, other: Self) -> $mask {
                x!($compare::<_CMP_LE_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn equal(self, other: Self) -> $mask {
                x!($compare::<_CMP_EQ_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn is_nan(self) -> $mask {
                x!($compare::<_CMP_UNORD_Q>(self.0, self.0))
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                Self(x!($blend(mask, no.0, yes.0)))
            }
            #[inline(always)]
            fn any(mask: $mask) -> bool {
                x!($any(mask))
            }
            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                Self(x!($min(self.0, other.0)))
            }
            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                Self(x!($max(self.0, other.0)))
            }
            #[inline(always)]
            fn lanewise(self, f: fn($scalar) -> $scalar) -> Self {
                let mut lanes = [0.0; size_of::<Self>() / size_of::<$scalar>()];
                x!($store(lanes.as_mut_ptr(), self.0));
                for lane in &mut lanes {
                    *lane = f(*lane);
                }
                Self(x!($load(lanes.as_ptr())))
            }
            #[inline(always)]
            fn to_bits(self) -> $bits {
                $bits(x!($to_bits(self.0)))
            }
            #[inline(always)]
            fn from_bits(bits: $bits) -> Self {
                Self(x!($from_bits(bits.0)))
            }
            #[inline(always)]
            fn from_unsigned(bits: $bits) -> Self {
                Self(x!($from_unsigned(bits.0)))
            }
            #[inline(always)]
            fn from_signed(bits: $bits) -> Self {
                Self(x!($from_signed(bits.0)))
            }
            #[inline(always)]
            fn lookup(tables: &crate::real::Tables<$scalar>, places: &$bits) -> (Self, Self) {
                let (first, second) = x!($lookup(tables, &places.0));
                (Self(first), Self(second))
            }
            $($method)*
        }
    };
}

/// Has the caller's part of the stack aligned as registers are: something there is. Else a register that is put there for a while, of
/// which the compiler learns too late, may lie across two lines of the cache.
#[inline(always)]
pub(super) fn align_stack() {
    black_box(&MaybeUninit::<Counters>::uninit());
}

pub(super) use {bits, operators, real, x};
