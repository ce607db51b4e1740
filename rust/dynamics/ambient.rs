//! Ambient: the stochastic differential equation as it stands, with weight decay: V = L + (weight_decay / 2) |x|².

use crate::potential::Formula;
use crate::real::Real;

/// A potential on the whole space, confined by weight decay.
#[derive(Clone, Copy, Debug)]
pub struct Ambient<V> {
    /// The loss L.
    pub potential: V,
    /// Coefficient of |x|² / 2.
    pub weight_decay: f64,
}

impl<V: Formula> Formula for Ambient<V> {
    const OBSERVABLES: &'static [&'static str] = V::OBSERVABLES;

    #[inline(always)]
    fn dim(&self) -> usize {
        self.potential.dim()
    }

    #[inline(always)]
    fn value<R: Real>(&self, x: &[R]) -> R {
        let half = R::constant(0.5 * self.weight_decay);
        let mut value = self.potential.value(x);
        for &x in x {
            value = half.mul_add(x * x, value);
        }
        value
    }

    #[inline(always)]
    fn gradient<R: Real>(&self, x: &[R], gradient: &mut [R]) {
        self.potential.gradient(x, gradient);
        for (&x, gradient) in x.iter().zip(gradient) {
            *gradient = R::constant(self.weight_decay).mul_add(x, *gradient);
        }
    }

    #[inline(always)]
    fn observable<R: Real>(&self, which: usize, x: &[R]) -> R {
        self.potential.observable(which, x)
    }
}
