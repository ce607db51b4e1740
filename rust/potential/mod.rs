//! Potentials: what drives the walkers. One closed form a file, written once for scalars and packs; and `program`, a form that
//! is only known at run time.

mod harmonic;
mod product;
pub mod program;

pub use harmonic::Harmonic;
pub use product::Product;
pub use program::Program;

use crate::error::{Error, Result};
use crate::real::Real;

/// A potential energy V on R^dim, with the observables that it knows.
pub trait Potential: Sync {
    /// The names of the observables beyond the coordinates.
    const OBSERVABLES: &'static [&'static str];
    /// Whether gradients come cheaper for a whole block than for a few packs at a time.
    const BY_BLOCK: bool = false;
    /// Number of coordinates.
    fn dim(&self) -> usize;
    /// V(x).
    fn value<R: Real>(&self, x: &[R]) -> R;
    /// Writes grad V(x).
    fn gradient<R: Real>(&self, x: &[R], gradient: &mut [R]);
    /// The value of `OBSERVABLES[which]`.
    fn observable<R: Real>(&self, which: usize, x: &[R]) -> R;

    /// Writes grad V at every point of `x`, `dim` coordinates each, one after another.
    #[inline(always)]
    fn gradients<R: Real>(&self, x: &[R], gradients: &mut [R]) {
        for (x, gradient) in x.chunks_exact(self.dim()).zip(gradients.chunks_exact_mut(self.dim())) {
            self.gradient(x, gradient);
        }
    }

    /// Writes V and grad V at every point of `x`.
    #[inline(always)]
    fn values_and_gradients<R: Real>(&self, x: &[R], values: &mut [R], gradients: &mut [R]) {
        for (x, value) in x.chunks_exact(self.dim()).zip(values) {
            *value = self.value(x);
        }
        self.gradients(x, gradients);
    }
}

/// A function of the state that observers can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observable {
    /// One of the coordinates.
    Coordinate(usize),
    /// One of the potential's own.
    Named(usize),
}

impl Observable {
    /// Finds `x0`, `x1`, … or one of the potential's names.
    ///
    /// # Errors
    /// If the potential has no such observable.
    pub fn parse<V: Potential>(name: &str, potential: &V) -> Result<Self> {
        if let Some(which) = V::OBSERVABLES.iter().position(|&known| known == name) {
            return Ok(Self::Named(which));
        }
        let coordinate = name.strip_prefix('x').and_then(|digits| digits.parse().ok());
        coordinate.filter(|&i| i < potential.dim()).map(Self::Coordinate).ok_or_else(|| {
            let known = V::OBSERVABLES.join(", ");
            Error::invalid(format!(
                "unknown observable {name:?}: the kernel has x0 to x{}, {known}",
                potential.dim() - 1
            ))
        })
    }

    /// Its value at x.
    #[inline(always)]
    pub fn value<V: Potential, R: Real>(self, potential: &V, x: &[R]) -> R {
        match self {
            Self::Coordinate(i) => x[i],
            Self::Named(which) => potential.observable(which, x),
        }
    }
}
