//! Numbers of twice the precision: a sum of two, the second far smaller than the first.

use crate::real::Real;

/// `high + low`, unevaluated.
#[derive(Clone, Copy, Debug)]
pub struct Twofold<R> {
    pub high: R,
    pub low: R,
}

impl<R: Real> Twofold<R> {
    /// One number.
    #[inline(always)]
    pub fn from(high: R) -> Self {
        Self { high, low: R::constant(0.0) }
    }

    /// `a + b` exactly, if a is 0 or no smaller than b (Dekker 1971).
    #[inline(always)]
    pub fn sum(a: R, b: R) -> Self {
        let high = a + b;
        Self { high, low: b - (high - a) }
    }

    /// `a + b` exactly (Knuth).
    #[inline(always)]
    pub fn any_sum(a: R, b: R) -> Self {
        let high = a + b;
        let of_b = high - a;
        Self { high, low: (a - (high - of_b)) + (b - of_b) }
    }

    /// `a b` exactly, unless its last bits underflow.
    #[inline(always)]
    pub fn product(a: R, b: R) -> Self {
        let high = a * b;
        Self { high, low: a.mul_add(b, -high) }
    }

    /// `self + b`, where b is smaller than `high`.
    #[inline(always)]
    pub fn plus(self, b: R) -> Self {
        Self::sum(self.high, self.low + b)
    }

    /// `self * other` but for the product of the low parts.
    #[inline(always)]
    pub fn times(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        let low = self.high.mul_add(other.low, self.low.mul_add(other.high, product.low));
        Self::sum(product.high, low)
    }

    /// `self / divisor`, by one division of the number type.
    #[inline(always)]
    pub fn over(self, divisor: Self) -> Self {
        let inverse = R::constant(1.0) / divisor.high;
        let high = self.high * inverse;
        let rest = (-high).mul_add(divisor.high, self.high) + (-high).mul_add(divisor.low, self.low);
        Self { high, low: rest * inverse }
    }

    /// The nearest number, or one beside it.
    #[inline(always)]
    pub fn rounded(self) -> R {
        self.high + self.low
    }
}
