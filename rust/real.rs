//! `Real`: the arithmetic a formula may use. `f64`, `f32` and every pack of walkers implement it, so a formula is written once.
//!
//! Every operation is either exact or correctly rounded (IEEE 754, round to nearest even), and `mul_add` is always fused.
//! A formula therefore has the same bits on a scalar, in a portable pack and in a vector register.

use std::fmt::Debug;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Sub};

/// Two tables of which an index takes both entries.
#[derive(Debug)]
pub struct Tables<T> {
    /// One after the other.
    pub apart: [[T; 16]; 2],
    /// Entry beside entry, and then something.
    pub beside: [[T; 2]; 17],
}

impl<T: Copy> Tables<T> {
    /// Both of them, in both orders.
    pub const fn new(first: [T; 16], second: [T; 16]) -> Self {
        let mut beside = [[first[0], second[0]]; 17];
        let mut i = 1;
        while i < first.len() {
            beside[i] = [first[i], second[i]];
            i += 1;
        }
        Self { apart: [first, second], beside }
    }
}

/// Numbers that a formula may compute with: one walker, or a pack of them.
pub trait Real:
    Copy
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The number in one lane.
    type Scalar: Scalar;
    /// Unsigned integers as wide as the scalar, lane by lane.
    type Bits: Bits<Mask = Self::Mask>;
    /// One truth value a lane.
    type Mask: Copy;

    /// The same number in every lane.
    fn splat(x: Self::Scalar) -> Self;
    /// `self * factor + term`, rounded once.
    #[must_use]
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// Square root, correctly rounded.
    #[must_use]
    fn sqrt(self) -> Self;
    /// `self < other`; false where either is NaN.
    fn less(self, other: Self) -> Self::Mask;
    /// `self <= other`; false where either is NaN.
    fn less_equal(self, other: Self) -> Self::Mask;
    /// `self == other`; false where either is NaN.
    fn equal(self, other: Self) -> Self::Mask;
    /// Whether it is NaN.
    fn is_nan(self) -> Self::Mask;
    /// Whether the mask holds in any lane.
    fn any(mask: Self::Mask) -> bool;
    /// `yes` where the mask holds, `no` elsewhere.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// `self` where `self < other`, `other` elsewhere, and so where either is NaN.
    #[must_use]
    fn lesser(self, other: Self) -> Self;
    /// `self` where `self > other`, `other` elsewhere, and so where either is NaN.
    #[must_use]
    fn greater(self, other: Self) -> Self;
    /// `|self|`.
    #[inline(always)]
    #[must_use]
    fn abs(self) -> Self {
        let sign = Self::constant(-0.0).to_bits();
        Self::from_bits((self.to_bits() | sign) ^ sign)
    }
    /// `self * 2^k`, rounded once, for an integer k with `|k| < 2^11 - 3` (2^8 - 3 in single precision) and a number that
    /// is 0 or whose size is between 2^-128 and 8 (2^-48 and 8).
    #[inline(always)]
    #[must_use]
    fn scale(self, k: Self) -> Self {
        // Two powers of two of half the exponent each, written into the exponent's field. The first product is exact.
        let mantissa = Self::Scalar::MANTISSA;
        let magic = Self::constant(1.5 * (1_u64 << mantissa) as f64 + f64::from(Self::Scalar::BIAS));
        let half = k.mul_add(Self::constant(0.5), magic);
        let rest = (k - (half - magic)) + magic;
        self * Self::from_bits(half.to_bits().shl(mantissa)) * Self::from_bits(rest.to_bits().shl(mantissa))
    }
    /// `(k, z)` with `self = 2^k z` and z in [0.75, 1.5), exactly. At 0 and infinity k is -inf and inf, and z is 1; k is NaN
    /// and z anything for NaN and below 0.
    #[inline(always)]
    #[must_use]
    fn split(self) -> (Self, Self) {
        let mantissa = Self::Scalar::MANTISSA;
        let (zero, infinity) = (Self::constant(0.0), Self::constant(f64::INFINITY));
        // Subnormal numbers are lifted into the normal range.
        let lift = f64::from(mantissa + 2);
        let small = self.less(Self::from_bits(Self::Bits::splat(1 << mantissa)));
        let normal = Self::select(small, self * Self::constant(lift.exp2()), self).abs();

        // A quarter added to the mantissa makes it carry at 1.5.
        let first = Self::constant(0.75).to_bits();
        let shifted = normal.to_bits() + (Self::constant(1.0).to_bits() - first);
        let z = Self::from_bits(Self::add_mantissa(shifted, first));
        let k = Self::exponent(shifted) - Self::select(small, Self::constant(lift), zero);

        let at_zero = Self::select(self.equal(zero), -infinity, Self::constant(f64::NAN));
        (Self::select(zero.less(self), Self::select(self.less(infinity), k, infinity), at_zero), z)
    }
    /// The exponent k of the number with this representation, 2^k z with z in [1, 2), which must be positive and normal.
    #[inline(always)]
    #[must_use]
    fn exponent(bits: Self::Bits) -> Self {
        // Written into the mantissa of 2^mantissa, what is in the exponent's field becomes a number by one subtraction.
        let two_to_mantissa = (1_u64 << Self::Scalar::MANTISSA) as f64;
        let field = bits.shr(Self::Scalar::MANTISSA) | Self::constant(two_to_mantissa).to_bits();
        Self::from_bits(field) - Self::constant(two_to_mantissa + f64::from(Self::Scalar::BIAS))
    }
    /// The mantissa's field of this representation, added to another.
    #[inline(always)]
    #[must_use]
    fn add_mantissa(bits: Self::Bits, to: Self::Bits) -> Self::Bits {
        (bits & Self::Bits::splat((1 << Self::Scalar::MANTISSA) - 1)) + to
    }
    /// A function of one number in every lane, for what is rare or slow.
    #[must_use]
    fn lanewise(self, f: fn(Self::Scalar) -> Self::Scalar) -> Self;
    /// The IEEE representation.
    fn to_bits(self) -> Self::Bits;
    /// The number with this IEEE representation.
    fn from_bits(bits: Self::Bits) -> Self;
    /// The nearest number to an unsigned integer.
    fn from_unsigned(bits: Self::Bits) -> Self;
    /// The nearest number to a two's complement integer.
    fn from_signed(bits: Self::Bits) -> Self;
    /// Where tables have what `lookup` is to find for `index % 16`, lane by lane.
    #[inline(always)]
    #[must_use]
    fn places(index: Self::Bits) -> Self::Bits {
        index
    }
    /// What both tables have at these places.
    fn lookup(tables: &Tables<Self::Scalar>, places: &Self::Bits) -> (Self, Self);

    /// The same number in every lane, rounded from `f64`.
    #[inline(always)]
    #[must_use]
    fn constant(x: f64) -> Self {
        Self::splat(Self::Scalar::from_f64(x))
    }

    /// Horner's rule: `c[0] + c[1] x + ...`, every step fused.
    #[inline(always)]
    #[must_use]
    fn polynomial(self, coefficients: &[Self::Scalar]) -> Self {
        let (&highest, lower) = coefficients.split_last().expect("a polynomial has a coefficient");
        let mut sum = Self::splat(highest);
        for &c in lower.iter().rev() {
            sum = sum.mul_add(self, Self::splat(c));
        }
        sum
    }
}

/// Unsigned integers under [`Real`]: logic, shifts, and sums that stay in range (where they do not, packs wrap and a debug
/// build of the scalars panics).
pub trait Bits:
    Copy
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
{
    /// One truth value a lane.
    type Mask: Copy;
    /// The same integer in every lane; 32-bit lanes keep the low half.
    fn splat(x: u64) -> Self;
    /// Shift towards the high end.
    #[must_use]
    fn shl(self, by: u32) -> Self;
    /// Shift towards the low end, filling with zeros.
    #[must_use]
    fn shr(self, by: u32) -> Self;
    /// Whether the highest bit is set.
    fn top_bit(self) -> Self::Mask;
}

/// The two number types of a state: `f64` and `f32`.
pub trait Scalar: Real<Scalar = Self> + PartialOrd + Default + Debug + 'static {
    /// Bits of the mantissa's field.
    const MANTISSA: u32;
    /// What is added to the exponent in its field.
    const BIAS: u32;
    /// The table that is for this type.
    fn own(double: &'static [f64], single: &'static [f32]) -> &'static [Self];
    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// The least number of this type that is not below `x`: numbers of this type compare with it as they do with `x`.
    fn at_least(x: f64) -> Self;
    /// The same number as `f64` (exact).
    fn to_f64(self) -> f64;
    /// The same integer as a lane of [`Real::Bits`]; the low half if that is 32 bits wide.
    fn low_bits(x: u64) -> Self::Bits;
    /// A lane of [`Real::Bits`] widened with zeros.
    fn widen(bits: Self::Bits) -> u64;
}

macro_rules! scalar {
    ($float:ident, $uint:ident, $int:ident, $double:ident, $single:ident => $own:ident) => {
        impl Bits for $uint {
            type Mask = bool;
            #[inline(always)]
            fn splat(x: u64) -> Self {
                x as $uint
            }
            #[inline(always)]
            fn shl(self, by: u32) -> Self {
                self << by
            }
            #[inline(always)]
            fn shr(self, by: u32) -> Self {
                self >> by
            }
            #[inline(always)]
            fn top_bit(self) -> bool {
                self >> ($uint::BITS - 1) == 1
            }
        }

        impl Real for $float {
            type Scalar = $float;
            type Bits = $uint;
            type Mask = bool;
            #[inline(always)]
            fn splat(x: $float) -> Self {
                x
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                $float::mul_add(self, factor, term)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            #[inline(always)]
            fn less(self, other: Self) -> bool {
                self < other
            }
            #[inline(always)]
            fn less_equal(self, other: Self) -> bool {
                self <= other
            }
            #[inline(always)]
            #[allow(clippy::float_cmp, reason = "this is the exact comparison")]
            fn equal(self, other: Self) -> bool {
                self == other
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $float::is_nan(self)
            }
            #[inline(always)]
            fn any(mask: bool) -> bool {
                mask
            }
            #[inline(always)]
            fn select(mask: bool, yes: Self, no: Self) -> Self {
                if mask { yes } else { no }
            }
            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                if self < other { self } else { other }
            }
            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                if self > other { self } else { other }
            }
            #[inline(always)]
            fn lanewise(self, f: fn($float) -> $float) -> Self {
                f(self)
            }
            #[inline(always)]
            fn to_bits(self) -> $uint {
                $float::to_bits(self)
            }
            #[inline(always)]
            fn from_bits(bits: $uint) -> Self {
                $float::from_bits(bits)
            }
            #[inline(always)]
            fn from_unsigned(bits: $uint) -> Self {
                bits as $float
            }
            #[inline(always)]
            fn from_signed(bits: $uint) -> Self {
                bits.cast_signed() as $float
            }
            #[inline(always)]
            fn lookup(tables: &Tables<$float>, places: &$uint) -> (Self, Self) {
                tables.beside[(places & 15) as usize].into()
            }
        }

        impl Scalar for $float {
            const MANTISSA: u32 = $float::MANTISSA_DIGITS - 1;
            const BIAS: u32 = ($float::MAX_EXP - 1) as u32;
            #[inline(always)]
            fn own($double: &'static [f64], $single: &'static [f32]) -> &'static [Self] {
                $own
            }
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $float
            }
            #[inline(always)]
            fn at_least(x: f64) -> Self {
                let near = x as $float;
                if f64::from(near) < x { near.next_up() } else { near }
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn low_bits(x: u64) -> $uint {
                x as $uint
            }
            #[inline(always)]
            fn widen(bits: $uint) -> u64 {
                u64::from(bits)
            }
        }
    };
}
scalar!(f64, u64, i64, double, _single => double);
scalar!(f32, u32, i32, _double, single => single);
