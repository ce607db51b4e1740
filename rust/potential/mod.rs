//! Potentials: what drives the walkers.
//!
//! - `formula`: potentials in closed form, one a file: `harmonic`, `product`.
//! - `foreign`: a function that somebody else has compiled.
//! - [`program`]: a formula that is only known at run time, as a tape.
//! - [`risk`]: a mean over examples, of which each walker takes some at every step.

mod foreign;
mod formula;
mod harmonic;
mod product;
pub mod program;
pub mod risk;
mod taped;
mod told;

pub use foreign::Foreign;
pub use formula::Formula;
pub use harmonic::Harmonic;
pub use product::Product;
pub use risk::Risk;
pub use taped::Taped;
pub use told::Told;

use std::ops::Range;
use std::sync::Arc;

use crate::dynamics::Ambient;
use crate::error::{Error, Result};
use crate::real::Real;
use crate::simd::{Element, Simd};
use crate::walk::Step;
pub use program::Program;

/// A potential energy V on R^dim, for packs of points, `dim` coordinates each, one after another.
pub trait Potential: Sync {
    /// What each worker needs beside the potential.
    type Worker<'a, S: Simd, T: Element>
    where
        Self: 'a;

    /// Number of coordinates.
    fn dim(&self) -> usize;
    /// Whether gradients come cheaper for a whole block of walkers than for a few packs at a time.
    #[inline(always)]
    fn is_by_block(&self) -> bool {
        false
    }
    /// Prepares a worker.
    fn worker<S: Simd, T: Element>(&self) -> Self::Worker<'_, S, T>;
    /// Whether gradients are drawn at random themselves, so that without a temperature nothing else has to be.
    #[inline(always)]
    fn is_drawn(&self) -> bool {
        false
    }
    /// Tells a worker which step the gradients are for, the number of the first of its walkers, and which of them are somebody's.
    /// Only what is drawn at random depends on that.
    #[inline(always)]
    fn attend<S: Simd, T: Element>(
        &self,
        worker: &mut Self::Worker<'_, S, T>,
        walkers: (u64, &Range<usize>),
        step: u64,
    ) {
        let _ = (worker, walkers, step);
    }
    /// Makes some steps of Euler and Maruyama walker by walker, if it knows a way, and says whether it has. The walkers are some of
    /// the lanes of `x`, the first of which has this number; at a temperature they are in double precision, as their normals are.
    #[inline(always)]
    fn descend<S: Simd, T: Element>(
        &self,
        worker: &mut Self::Worker<'_, S, T>,
        x: &mut [T::Pack<S>],
        walkers: (u64, &Range<usize>),
        steps: Range<u64>,
        size: Step,
    ) -> bool {
        let _ = (worker, x, walkers, steps, size);
        false
    }
    /// The product of two coordinates, if it is that: its walkers may stay in registers.
    #[inline(always)]
    fn product(&self) -> Option<&Ambient<Product>> {
        None
    }
    /// Writes grad V at every point of `x`.
    fn gradients<S: Simd, T: Element>(
        &self,
        worker: &mut Self::Worker<'_, S, T>,
        x: &[T::Pack<S>],
        gradients: &mut [T::Pack<S>],
    );
    /// Writes V, one a point, and grad V at every point of `x`.
    fn values_and_gradients<S: Simd, T: Element>(
        &self,
        worker: &mut Self::Worker<'_, S, T>,
        x: &[T::Pack<S>],
        values: &mut [T::Pack<S>],
        gradients: &mut [T::Pack<S>],
    );
    /// The observable of this name, if it is one of the potential's own.
    fn named(&self, name: &str) -> Option<Observable>;
    /// The value of `Observable::Named(which)` at one point.
    fn observable<R: Real>(&self, which: usize, x: &[R]) -> R;
    /// Why gradients became NaN, if the potential knows.
    ///
    /// # Errors
    /// If it does.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// A function of the state that observers can watch.
#[derive(Clone, Debug)]
pub enum Observable {
    /// One of the coordinates.
    Coordinate(usize),
    /// One of the potential's own.
    Named(usize),
    /// A tape with one output.
    Program(Arc<Program>),
}

impl Observable {
    /// Takes a tape of the potential's coordinates.
    ///
    /// # Errors
    /// If it has other coordinates, or not one output.
    pub fn program<V: Potential>(program: Program, potential: &V) -> Result<Self> {
        let (dim, outputs) = (program.dim(), program.outputs());
        if (dim, outputs) != (potential.dim(), 1) {
            return Err(Error::invalid(format!(
                "an observable's tape needs {} inputs and one output, got {dim} and {outputs}",
                potential.dim()
            )));
        }
        Ok(Self::Program(Arc::new(program)))
    }

    /// Finds `x0`, `x1`, … or one of the potential's names.
    ///
    /// # Errors
    /// If the potential has no such observable.
    pub fn parse<V: Potential>(name: &str, potential: &V) -> Result<Self> {
        let coordinate = || name.strip_prefix('x')?.parse().ok().filter(|&i| i < potential.dim());
        potential.named(name).or_else(|| coordinate().map(Self::Coordinate)).ok_or_else(|| {
            let last = potential.dim() - 1;
            Error::invalid(format!("unknown observable {name:?}: the kernel has x0 to x{last}, or give a tape"))
        })
    }
}
