//! A potential whose gradient is a tape, and for MALA its value too.

use super::program::{Evaluator, Program};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::simd::{Element, Simd};

/// A potential made of tapes.
#[derive(Debug)]
pub struct Taped {
    gradient: Program,
    value_and_gradient: Program,
}

impl Taped {
    /// Takes the tapes of grad V, with `dim` outputs, and of V followed by grad V.
    ///
    /// # Errors
    /// If the two do not fit each other.
    pub fn new(gradient: Program, value_and_gradient: Program) -> Result<Self> {
        let dim = gradient.dim();
        if gradient.outputs() != dim || value_and_gradient.dim() != dim || value_and_gradient.outputs() != dim + 1 {
            return Err(Error::invalid(format!(
                "the tapes of a potential need {dim} inputs, and {dim} or {} outputs; got {} and {} outputs",
                dim + 1,
                gradient.outputs(),
                value_and_gradient.outputs()
            )));
        }
        Ok(Self { gradient, value_and_gradient })
    }
}

/// One worker's registers.
pub struct Worker<'a, S: Simd, T: Element> {
    gradient: Evaluator<'a, S, T>,
    value_and_gradient: Evaluator<'a, S, T>,
    /// What the second tape gives, before value and gradient go their ways.
    both: Vec<T::Pack<S>>,
}

impl Taped {
    /// Number of coordinates.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.gradient.dim()
    }

    /// One worker's registers.
    #[must_use]
    pub fn worker<S: Simd, T: Element>(&self) -> Worker<'_, S, T> {
        Worker {
            gradient: self.gradient.evaluator(),
            value_and_gradient: self.value_and_gradient.evaluator(),
            both: Vec::new(),
        }
    }

    /// Writes grad V at every point.
    #[inline(always)]
    pub fn gradients<S: Simd, T: Element>(
        &self,
        worker: &mut Worker<'_, S, T>,
        x: &[T::Pack<S>],
        gradients: &mut [T::Pack<S>],
    ) {
        worker.gradient.evaluate(x, gradients);
    }

    /// Writes V and grad V at every point.
    #[inline(always)]
    pub fn values_and_gradients<S: Simd, T: Element>(
        &self,
        worker: &mut Worker<'_, S, T>,
        x: &[T::Pack<S>],
        values: &mut [T::Pack<S>],
        gradients: &mut [T::Pack<S>],
    ) {
        let dim = self.gradient.dim();
        worker.both.resize(values.len() * (dim + 1), Real::constant(0.0));
        worker.value_and_gradient.evaluate(x, &mut worker.both);
        let rows = worker.both.chunks_exact(dim + 1);
        for (both, (value, gradient)) in rows.zip(values.iter_mut().zip(gradients.chunks_exact_mut(dim))) {
            *value = both[0];
            gradient.copy_from_slice(&both[1..]);
        }
    }
}
