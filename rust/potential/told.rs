//! A potential that is told at run time, tape or function: one type, so that the loop is compiled once for all of them.

use super::{Foreign, Observable, Potential, Risk, Taped, foreign, risk, taped};
use crate::error::Result;
use crate::real::Real;
use crate::simd::{Element, Simd};

/// A tape, a tape for each of some rows, or a function.
#[derive(Debug)]
pub enum Told {
    /// A formula.
    Taped(Taped),
    /// A mean over rows, of which each walker takes some.
    Risk(Box<Risk>),
    /// Code of somebody else's.
    Foreign(Foreign),
}

/// What a worker needs for one of them.
pub enum Worker<'a, S: Simd, T: Element> {
    /// Registers.
    Taped(taped::Worker<'a, S, T>),
    /// Registers, and rows.
    Risk(Box<risk::Worker<'a, S, T>>),
    /// Buffers.
    Foreign(foreign::Worker),
}

impl Potential for Told {
    const BY_BLOCK: bool = true;
    type Worker<'a, S: Simd, T: Element> = Worker<'a, S, T>;

    fn dim(&self) -> usize {
        match self {
            Self::Taped(taped) => taped.dim(),
            Self::Risk(risk) => risk.dim(),
            Self::Foreign(foreign) => foreign.dim(),
        }
    }

    fn worker<S: Simd, T: Element>(&self) -> Worker<'_, S, T> {
        match self {
            Self::Taped(taped) => Worker::Taped(taped.worker()),
            Self::Risk(risk) => Worker::Risk(Box::new(risk.worker())),
            Self::Foreign(_) => Worker::Foreign(foreign::Worker::default()),
        }
    }

    #[inline(always)]
    fn attend<S: Simd, T: Element>(&self, worker: &mut Worker<'_, S, T>, first: u64, step: u64) {
        if let Worker::Risk(worker) = worker {
            worker.attend(first, step);
        }
    }

    #[inline(always)]
    fn gradients<S: Simd, T: Element>(
        &self,
        worker: &mut Worker<'_, S, T>,
        x: &[T::Pack<S>],
        gradients: &mut [T::Pack<S>],
    ) {
        match (self, worker) {
            (Self::Taped(taped), Worker::Taped(worker)) => taped.gradients(worker, x, gradients),
            (Self::Risk(risk), Worker::Risk(worker)) => risk.gradients(worker, x, gradients),
            (Self::Foreign(foreign), Worker::Foreign(worker)) => foreign.gradients::<S, T>(worker, x, gradients),
            // `worker` has made the one that fits.
            _ => {}
        }
    }

    #[inline(always)]
    fn values_and_gradients<S: Simd, T: Element>(
        &self,
        worker: &mut Worker<'_, S, T>,
        x: &[T::Pack<S>],
        values: &mut [T::Pack<S>],
        gradients: &mut [T::Pack<S>],
    ) {
        match (self, worker) {
            (Self::Taped(taped), Worker::Taped(worker)) => taped.values_and_gradients(worker, x, values, gradients),
            (Self::Foreign(foreign), Worker::Foreign(worker)) => {
                foreign.values_and_gradients::<S, T>(worker, x, values, gradients);
            }
            // Of a mean over rows that are drawn there is no value, and no scheme that moves walkers so asks for one.
            _ => {}
        }
    }

    fn named(&self, _name: &str) -> Option<Observable> {
        None
    }

    #[inline(always)]
    fn observable<R: Real>(&self, _which: usize, x: &[R]) -> R {
        // It names none.
        x[0]
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Taped(_) | Self::Risk(_) => Ok(()),
            Self::Foreign(foreign) => foreign.check(),
        }
    }
}
