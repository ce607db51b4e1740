//! Two packs as one: a wider register where the machine has none, and two chains of latency side by side where it has.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Sub};

use crate::real::{Bits, Real, Tables};

/// Two numbers or packs side by side.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Pair<H>(pub H, pub H);

macro_rules! pairwise {
    ($($trait:ident $method:ident),*) => {$(
        impl<H: $trait<Output = H>> $trait for Pair<H> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(self.0.$method(other.0), self.1.$method(other.1))
            }
        }
    )*};
}
pairwise!(Add add, Sub sub, Mul mul, Div div, BitAnd bitand, BitOr bitor, BitXor bitxor);

impl<H: Neg<Output = H>> Neg for Pair<H> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
}

impl<H: Bits> Bits for Pair<H> {
    type Mask = Pair<H::Mask>;
    #[inline(always)]
    fn splat(x: u64) -> Self {
        Self(H::splat(x), H::splat(x))
    }
    #[inline(always)]
    fn shl(self, by: u32) -> Self {
        Self(self.0.shl(by), self.1.shl(by))
    }
    #[inline(always)]
    fn shr(self, by: u32) -> Self {
        Self(self.0.shr(by), self.1.shr(by))
    }
    #[inline(always)]
    fn top_bit(self) -> Self::Mask {
        Pair(self.0.top_bit(), self.1.top_bit())
    }
}

impl<H: Real> Real for Pair<H> {
    type Scalar = H::Scalar;
    type Bits = Pair<H::Bits>;
    type Mask = Pair<H::Mask>;
    #[inline(always)]
    fn splat(x: H::Scalar) -> Self {
        Self(H::splat(x), H::splat(x))
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(self.0.mul_add(factor.0, term.0), self.1.mul_add(factor.1, term.1))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.sqrt(), self.1.sqrt())
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        Pair(self.0.less(other.0), self.1.less(other.1))
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self::Mask {
        Pair(self.0.less_equal(other.0), self.1.less_equal(other.1))
    }
    #[inline(always)]
    fn equal(self, other: Self) -> Self::Mask {
        Pair(self.0.equal(other.0), self.1.equal(other.1))
    }
    #[inline(always)]
    fn is_nan(self) -> Self::Mask {
        Pair(self.0.is_nan(), self.1.is_nan())
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(H::select(mask.0, yes.0, no.0), H::select(mask.1, yes.1, no.1))
    }
    #[inline(always)]
    fn any(mask: Self::Mask) -> bool {
        H::any(mask.0) || H::any(mask.1)
    }
    #[inline(always)]
    fn lesser(self, other: Self) -> Self {
        Self(self.0.lesser(other.0), self.1.lesser(other.1))
    }
    #[inline(always)]
    fn greater(self, other: Self) -> Self {
        Self(self.0.greater(other.0), self.1.greater(other.1))
    }
    #[inline(always)]
    fn exponent(bits: Self::Bits) -> Self {
        Self(H::exponent(bits.0), H::exponent(bits.1))
    }
    #[inline(always)]
    fn add_mantissa(bits: Self::Bits, to: Self::Bits) -> Self::Bits {
        Pair(H::add_mantissa(bits.0, to.0), H::add_mantissa(bits.1, to.1))
    }
    #[inline(always)]
    fn lanewise(self, f: fn(H::Scalar) -> H::Scalar) -> Self {
        Self(self.0.lanewise(f), self.1.lanewise(f))
    }
    #[inline(always)]
    fn to_bits(self) -> Self::Bits {
        Pair(self.0.to_bits(), self.1.to_bits())
    }
    #[inline(always)]
    fn from_bits(bits: Self::Bits) -> Self {
        Self(H::from_bits(bits.0), H::from_bits(bits.1))
    }
    #[inline(always)]
    fn from_unsigned(bits: Self::Bits) -> Self {
        Self(H::from_unsigned(bits.0), H::from_unsigned(bits.1))
    }
    #[inline(always)]
    fn from_signed(bits: Self::Bits) -> Self {
        Self(H::from_signed(bits.0), H::from_signed(bits.1))
    }
    #[inline(always)]
    fn places(index: Self::Bits) -> Self::Bits {
        Pair(H::places(index.0), H::places(index.1))
    }
    #[inline(always)]
    fn lookup(tables: &Tables<H::Scalar>, places: &Self::Bits) -> (Self, Self) {
        let (low, high) = (H::lookup(tables, &places.0), H::lookup(tables, &places.1));
        (Self(low.0, high.0), Self(low.1, high.1))
    }
}
