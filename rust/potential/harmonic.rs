//! V = (stiffness / 2) |x|²: every scheme's discrete-time law is known exactly, so it is the first test of all.

use super::Formula;
use crate::real::Real;

/// The isotropic harmonic potential, the Ornstein–Uhlenbeck process.
#[derive(Clone, Copy, Debug)]
pub struct Harmonic {
    /// Number of coordinates.
    pub dim: usize,
    /// Coefficient of |x|² / 2.
    pub stiffness: f64,
}

impl Formula for Harmonic {
    const OBSERVABLES: &'static [&'static str] = &["sum_of_squares"];

    #[inline(always)]
    fn dim(&self) -> usize {
        self.dim
    }

    #[inline(always)]
    fn value<R: Real>(&self, x: &[R]) -> R {
        R::constant(0.5 * self.stiffness) * self.observable(0, x)
    }

    #[inline(always)]
    fn gradient<R: Real>(&self, x: &[R], gradient: &mut [R]) {
        for (&x, gradient) in x.iter().zip(gradient) {
            *gradient = R::constant(self.stiffness) * x;
        }
    }

    #[inline(always)]
    fn observable<R: Real>(&self, _which: usize, x: &[R]) -> R {
        let mut sum = R::constant(0.0);
        for &x in x {
            sum = x.mul_add(x, sum);
        }
        sum
    }
}
