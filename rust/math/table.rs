//! Constants that differ between the number types.

use crate::real::{Real, Scalar};

/// The same constants for `f64` and for `f32`: a polynomial's coefficients, or a number in parts.
pub struct Table {
    pub double: &'static [f64],
    pub single: &'static [f32],
}

impl Table {
    /// The constants of one type.
    #[inline(always)]
    pub fn of<T: Scalar>(&self) -> &'static [T] {
        T::own(self.double, self.single)
    }

    /// One of them in every lane.
    #[inline(always)]
    pub fn at<R: Real>(&self, i: usize) -> R {
        R::splat(self.of::<R::Scalar>()[i])
    }

    /// The polynomial with these coefficients, lowest first.
    ///
    /// Horner's rule is one long chain, and a processor holds only so many waiting instructions. So even and odd powers, or in
    /// long polynomials four sets of powers, are summed side by side.
    #[inline(always)]
    pub fn polynomial<R: Real>(&self, x: R) -> R {
        let c = self.of::<R::Scalar>();
        match c.len() {
            0..5 => x.polynomial(c),
            5..13 => x.mul_add(every::<2, R>(c, 1, x * x), every::<2, R>(c, 0, x * x)),
            _ => {
                let (square, fourth) = (x * x, (x * x) * (x * x));
                let low = x.mul_add(every::<4, R>(c, 1, fourth), every::<4, R>(c, 0, fourth));
                let high = x.mul_add(every::<4, R>(c, 3, fourth), every::<4, R>(c, 2, fourth));
                square.mul_add(high, low)
            }
        }
    }
}

/// `c[first] + c[first + N] x + c[first + 2 N] x² + ...`
#[inline(always)]
fn every<const N: usize, R: Real>(c: &[R::Scalar], first: usize, x: R) -> R {
    let mut i = first + (c.len() - 1 - first) / N * N;
    let mut sum = R::splat(c[i]);
    while i > first {
        i -= N;
        sum = sum.mul_add(x, R::splat(c[i]));
    }
    sum
}

/// One of two numbers, by type.
#[inline(always)]
pub fn limit<R: Real>(double: f64, single: f32) -> R {
    R::constant(if R::Scalar::MANTISSA == f64::MANTISSA { double } else { f64::from(single) })
}
