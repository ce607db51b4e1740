//! The loss of one row: a tape, or a closed form of what a tape makes of the row.

use super::layer::{Layer, ROWS};
use crate::error::{Error, Result};
use crate::potential::program::{Evaluator, Program, Rows};
use crate::real::Real;
use crate::simd::{Element, Simd};

/// The gradient of one row's loss.
#[derive(Debug)]
pub enum Row {
    /// A function of the coordinates, followed by the entries of the row.
    Tape(Program),
    /// A layer; its inputs and label are what the tape makes of the entries, or the entries themselves.
    Layer(Layer, Option<Program>),
}

impl Row {
    /// Checks that it is a function of so many coordinates and entries.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, dim: usize, width: usize) -> Result<()> {
        let (found, made) = match self {
            Self::Tape(row) => ((row.outputs(), row.dim()), (dim, dim + width)),
            Self::Layer(layer, None) => ((layer.dim(), layer.width()), (dim, width)),
            Self::Layer(layer, Some(derive)) => {
                ((layer.dim(), derive.dim()), (dim, if derive.outputs() == layer.width() { width } else { 0 }))
            }
        };
        if found == made {
            return Ok(());
        }
        Err(Error::invalid(format!("risk: the loss of a row has sizes {found:?}, and not {made:?}")))
    }

    /// One worker's registers and room.
    pub fn worker<S: Simd, T: Element>(&self) -> Worker<'_, S, T> {
        match self {
            Self::Tape(row) => Worker::Tape(row.evaluator()),
            Self::Layer(layer, derive) => Worker::Layer(
                *layer,
                derive.as_ref().map(Program::evaluator),
                Vec::new(),
                vec![[Real::constant(0.0); ROWS]; layer.units],
            ),
        }
    }
}

/// What a worker needs.
pub enum Worker<'a, S: Simd, T: Element> {
    /// Registers.
    Tape(Evaluator<'a, S, T>),
    /// Registers of the tape that makes rows, the rows, and room for hidden units.
    Layer(Layer, Option<Evaluator<'a, S, T>>, Vec<T::Pack<S>>, Vec<[T::Pack<S>; ROWS]>),
}

impl<S: Simd, T: Element> Worker<'_, S, T> {
    /// Adds up the gradients of rows that each walker has for itself.
    #[inline(always)]
    pub fn accumulate(&mut self, x: &[T::Pack<S>], rows: Rows<'_, T::Pack<S>>, sums: &mut [T::Pack<S>]) {
        let (layer, hidden, made) = match self {
            Self::Tape(row) => return row.accumulate(x, rows, sums),
            Self::Layer(layer, None, _, hidden) => (*layer, hidden, rows.entries),
            Self::Layer(layer, Some(derive), made, hidden) => {
                made.resize(rows.weights.len() * layer.width(), Real::constant(0.0));
                derive.evaluate(rows.entries, made);
                (*layer, hidden, &made[..])
            }
        };
        let (dim, width) = (layer.dim(), layer.width());
        let packs = x.len() / dim;
        let places = rows.weights.len() / packs;
        for (pack, (x, sums)) in x.chunks_exact(dim).zip(sums.chunks_exact_mut(dim)).enumerate() {
            let row = |place: usize| &made[(place * packs + pack) * width..][..width];
            let weight = |place: usize| rows.weights[place * packs + pack];
            let (fours, rest) = (places / ROWS * ROWS, places % ROWS);
            for place in (0..fours).step_by(ROWS) {
                let (rows, weights) =
                    (std::array::from_fn(|k| row(place + k)), std::array::from_fn(|k| weight(place + k)));
                layer.add::<_, ROWS>(x, rows, weights, hidden, sums);
            }
            if rest > 0 {
                // Rows that are not there count nothing.
                let rows = std::array::from_fn(|k| row(fours + k.min(rest - 1)));
                let weights = std::array::from_fn(|k| if k < rest { weight(fours + k) } else { Real::constant(0.0) });
                layer.add::<_, ROWS>(x, rows, weights, hidden, sums);
            }
        }
    }
}
