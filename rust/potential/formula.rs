//! Potentials in closed form: a formula for one point, written once for scalars and packs, evaluated as soon as it is needed.

use super::{Observable, Potential};
use crate::real::Real;
use crate::simd::{Element, Simd};

/// A potential energy V on R^dim in closed form, with the observables that it knows.
pub trait Formula: Sync {
    /// The names of the observables beyond the coordinates.
    const OBSERVABLES: &'static [&'static str];
    /// Number of coordinates.
    fn dim(&self) -> usize;
    /// V(x).
    fn value<R: Real>(&self, x: &[R]) -> R;
    /// Writes grad V(x).
    fn gradient<R: Real>(&self, x: &[R], gradient: &mut [R]);
    /// The value of `OBSERVABLES[which]`.
    fn observable<R: Real>(&self, which: usize, x: &[R]) -> R;
}

impl<F: Formula> Potential for F {
    type Worker<'a, S: Simd, T: Element>
        = ()
    where
        Self: 'a;

    fn dim(&self) -> usize {
        Formula::dim(self)
    }

    fn worker<S: Simd, T: Element>(&self) {}

    #[inline(always)]
    fn gradients<S: Simd, T: Element>(&self, (): &mut (), x: &[T::Pack<S>], gradients: &mut [T::Pack<S>]) {
        let dim = Formula::dim(self);
        for (x, gradient) in x.chunks_exact(dim).zip(gradients.chunks_exact_mut(dim)) {
            self.gradient(x, gradient);
        }
    }

    #[inline(always)]
    fn values_and_gradients<S: Simd, T: Element>(
        &self,
        worker: &mut (),
        x: &[T::Pack<S>],
        values: &mut [T::Pack<S>],
        gradients: &mut [T::Pack<S>],
    ) {
        for (x, value) in x.chunks_exact(Formula::dim(self)).zip(values) {
            *value = self.value(x);
        }
        self.gradients::<S, T>(worker, x, gradients);
    }

    fn named(&self, name: &str) -> Option<Observable> {
        F::OBSERVABLES.iter().position(|&known| known == name).map(Observable::Named)
    }

    #[inline(always)]
    fn observable<R: Real>(&self, which: usize, x: &[R]) -> R {
        Formula::observable(self, which, x)
    }
}
