//! A potential that is told at run time, tape, function or closed form: one type, so that the loop is compiled once for all.

use std::ops::Range;

use super::{Foreign, Formula, Harmonic, Observable, Potential, Product, Risk, Taped, foreign, risk, taped};
use crate::dynamics::Ambient;
use crate::error::Result;
use crate::real::Real;
use crate::simd::{Element, Simd};
use crate::walk::Step;

/// A tape, a tape for each of some rows, a function, or a closed form.
#[derive(Debug)]
pub enum Told {
    /// A formula that is only known at run time.
    Taped(Taped),
    /// A mean over rows, of which each walker takes some.
    Risk(Box<Risk>),
    /// Code of somebody else's.
    Foreign(Foreign),
    /// The product of two coordinates.
    Product(Ambient<Product>),
    /// A parabola.
    Harmonic(Ambient<Harmonic>),
}

/// What a worker needs for each.
pub enum Worker<'a, S: Simd, T: Element> {
    /// Registers.
    Taped(taped::Worker<'a, S, T>),
    /// Registers, and rows.
    Risk(Box<risk::Worker<'a, S, T>>),
    /// Buffers.
    Foreign(foreign::Worker),
    /// Nothing.
    Closed,
}

impl Potential for Told {
    type Worker<'a, S: Simd, T: Element> = Worker<'a, S, T>;

    fn dim(&self) -> usize {
        match self {
            Self::Taped(taped) => taped.dim(),
            Self::Risk(risk) => risk.dim(),
            Self::Foreign(foreign) => foreign.dim(),
            Self::Product(product) => Formula::dim(product),
            Self::Harmonic(harmonic) => Formula::dim(harmonic),
        }
    }

    fn worker<S: Simd, T: Element>(&self) -> Worker<'_, S, T> {
        match self {
            Self::Taped(taped) => Worker::Taped(taped.worker()),
            Self::Risk(risk) => Worker::Risk(Box::new(risk.worker())),
            Self::Foreign(_) => Worker::Foreign(foreign::Worker::default()),
            Self::Product(_) | Self::Harmonic(_) => Worker::Closed,
        }
    }

    #[inline(always)]
    fn is_by_block(&self) -> bool {
        !matches!(self, Self::Product(_) | Self::Harmonic(_))
    }

    #[inline(always)]
    fn is_drawn(&self) -> bool {
        matches!(self, Self::Risk(_))
    }

    #[inline(always)]
    fn attend<S: Simd, T: Element>(&self, worker: &mut Worker<'_, S, T>, walkers: (u64, &Range<usize>), step: u64) {
        if let Worker::Risk(worker) = worker {
            worker.attend(walkers, step);
        }
    }

    #[inline(always)]
    fn descend<S: Simd, T: Element>(
        &self,
        worker: &mut Worker<'_, S, T>,
        x: &mut [T::Pack<S>],
        (first, live): (u64, &Range<usize>),
        steps: Range<u64>,
        size: Step,
    ) -> bool {
        match (self, worker) {
            (Self::Risk(risk), Worker::Risk(worker)) => risk.descend(worker, x, (first, live.clone()), steps, size),
            _ => false,
        }
    }

    #[inline(always)]
    fn product(&self) -> Option<&Ambient<Product>> {
        if let Self::Product(product) = self { Some(product) } else { None }
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
            (Self::Product(product), _) => product.gradients::<S, T>(&mut (), x, gradients),
            (Self::Harmonic(harmonic), _) => harmonic.gradients::<S, T>(&mut (), x, gradients),
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
            (Self::Product(product), _) => product.values_and_gradients::<S, T>(&mut (), x, values, gradients),
            (Self::Harmonic(harmonic), _) => harmonic.values_and_gradients::<S, T>(&mut (), x, values, gradients),
            // Of a mean over rows that are drawn there is no value, and no scheme that moves walkers so asks for one.
            _ => {}
        }
    }

    fn named(&self, name: &str) -> Option<Observable> {
        match self {
            Self::Product(product) => product.named(name),
            Self::Harmonic(harmonic) => harmonic.named(name),
            // Their observables are tapes.
            Self::Taped(_) | Self::Risk(_) | Self::Foreign(_) => None,
        }
    }

    #[inline(always)]
    fn observable<R: Real>(&self, which: usize, x: &[R]) -> R {
        match self {
            Self::Product(product) => Formula::observable(product, which, x),
            Self::Harmonic(harmonic) => Formula::observable(harmonic, which, x),
            // They name none.
            Self::Taped(_) | Self::Risk(_) | Self::Foreign(_) => x[0],
        }
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Foreign(foreign) => foreign.check(),
            _ => Ok(()),
        }
    }
}
