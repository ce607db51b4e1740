//! What a worker needs to see an observable: room for a block's values, and the registers of a tape.

use crate::potential::program::Evaluator;
use crate::potential::{Observable, Potential};
use crate::real::Real;
use crate::simd::{Element, Simd};

/// One worker's view of one observable.
pub struct Sight<'a, S: Simd, T: Element> {
    tape: Option<Evaluator<'a, S, T>>,
    values: Vec<T::Pack<S>>,
}

impl Observable {
    /// Prepares a worker.
    pub(crate) fn sight<S: Simd, T: Element>(&self) -> Sight<'_, S, T> {
        let tape = if let Self::Program(program) = self { Some(program.evaluator()) } else { None };
        Sight { tape, values: Vec::new() }
    }

    /// The values of a block: packs of `dim` coordinates in, one pack of values each out.
    #[inline(always)]
    pub(crate) fn values<'b, S: Simd, T: Element, V: Potential>(
        &self,
        potential: &V,
        x: &[T::Pack<S>],
        sight: &'b mut Sight<'_, S, T>,
    ) -> &'b [T::Pack<S>] {
        let dim = potential.dim();
        sight.values.resize(x.len() / dim, Real::constant(0.0));
        let points = x.chunks_exact(dim).zip(&mut sight.values);
        match (self, &mut sight.tape) {
            (_, Some(tape)) => tape.evaluate(x, &mut sight.values),
            (Self::Coordinate(i), _) => {
                for (x, value) in points {
                    *value = x[*i];
                }
            }
            (Self::Named(which), _) => {
                for (x, value) in points {
                    *value = potential.observable(*which, x);
                }
            }
            (Self::Program(_), None) => {}
        }
        &sight.values
    }
}
