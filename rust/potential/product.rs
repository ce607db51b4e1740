//! theta = u v under squared loss: V = (u v - target)² / 2.

use super::Formula;
use crate::real::Real;

/// The scalar product model of arXiv 2601.06597, section 2.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// The value of u v with the smallest loss.
    pub target: f64,
}

impl Formula for Product {
    const OBSERVABLES: &'static [&'static str] = &["product", "difference_of_squares", "sum_of_squares"];

    #[inline(always)]
    fn dim(&self) -> usize {
        2
    }

    #[inline(always)]
    fn value<R: Real>(&self, x: &[R]) -> R {
        let error = x[0].mul_add(x[1], R::constant(-self.target));
        R::constant(0.5) * (error * error)
    }

    #[inline(always)]
    fn gradient<R: Real>(&self, x: &[R], gradient: &mut [R]) {
        let error = x[0].mul_add(x[1], R::constant(-self.target));
        gradient[0] = error * x[1];
        gradient[1] = error * x[0];
    }

    #[inline(always)]
    fn observable<R: Real>(&self, which: usize, x: &[R]) -> R {
        let (u, v) = (x[0], x[1]);
        match which {
            0 => u * v,
            1 => (u - v) * (u + v),
            _ => u.mul_add(u, v * v),
        }
    }
}
