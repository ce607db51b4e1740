//! A risk: a loss that is a mean over the rows of some data. At every step each walker sees rows of its own, a batch.
//!
//! - [`batch`]: which rows a walker sees at a step.
//! - `given`: batches that somebody else has drawn.
//! - `feed`: the entries of these rows, with the noise on labels, or drawn afresh.
//! - `row`: the loss of a row, as a tape or in closed form; [`layer`]: a layer of rectified units.
//! - [`alone`]: closed forms that move walkers one by one.
//!
//! What a walker sees is a function of the key, its number and the step alone, as all noise is. It is drawn in double precision
//! whatever the precision of the states, so that a run in single precision sees the same rows.

pub mod alone;
pub mod batch;
mod feed;
mod given;
pub mod layer;
mod row;

pub use alone::Alone;
pub use batch::Batch;
pub use feed::{Law, Table};
pub use given::Given;
pub use layer::Layer;
pub use row::{Row, Source};

use std::ops::Range;

use self::alone::Points;
use self::batch::Picks;
use self::feed::Feed;
use super::program::{Evaluator, Program, Rows};
use crate::error::{Error, Result};
use crate::noise::Noise;
use crate::real::Real;
use crate::simd::{Element, Pack, Routine, Simd};
use crate::walk::Step;

/// Numbers of entries that are made ready together; they stay in second-level cache.
const ROOM: usize = 1 << 14;

/// The gradient of a mean over rows.
#[derive(Debug)]
pub struct Risk {
    /// The gradient of what is no part of the mean, such as confinement; nothing if that is zero.
    rest: Option<Program>,
    row: Row,
    dim: usize,
    table: Table,
    batch: Batch,
    /// What the sum over a batch is multiplied by.
    scale: f64,
    noise: Noise,
}

impl Risk {
    /// Takes the number of coordinates, what is no part of the mean, the loss of a row, the rows, how they are drawn, and what the
    /// sum over a batch is multiplied by.
    ///
    /// # Errors
    /// If they do not fit each other.
    pub fn new(
        dim: usize,
        (rest, row): (Option<Program>, Row),
        table: Table,
        batch: Batch,
        scale: f64,
        noise: Noise,
    ) -> Result<Self> {
        if rest.as_ref().is_some_and(|rest| (rest.dim(), rest.outputs()) != (dim, dim)) || dim == 0 {
            return Err(Error::invalid(format!("risk: the tape of the rest needs {dim} inputs and outputs")));
        }
        if rest.is_some() && matches!(row, Row::Alone(_)) {
            return Err(Error::invalid("risk: walkers that move one by one have no tape of the rest"));
        }
        batch.check(&table)?;
        row.check(dim, &table, &batch)?;
        Ok(Self { rest, row, dim, table, batch, scale, noise })
    }

    /// Number of coordinates.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// One worker's registers and room.
    #[must_use]
    pub fn worker<S: Simd, T: Element>(&self) -> Worker<'_, S, T> {
        Worker {
            rest: self.rest.as_ref().map(Program::evaluator),
            row: self.row.worker(self.dim, &self.table),
            picks: Picks::default(),
            feed: Feed::empty(),
            first: 0,
            live: 0..0,
            step: 0,
            sums: Vec::new(),
        }
    }

    /// Writes the gradient over each walker's batch.
    #[inline(always)]
    pub fn gradients<S: Simd, T: Element>(
        &self,
        worker: &mut Worker<'_, S, T>,
        x: &[T::Pack<S>],
        gradients: &mut [T::Pack<S>],
    ) {
        if let row::Worker::Alone(room) = &mut worker.row {
            let walkers = (worker.first, worker.live.clone());
            room.walk(self.seen(), Points::Sloped(x, gradients), walkers, worker.step..worker.step + 1);
        } else {
            S::call(Sum { risk: self, worker, x, gradients });
        }
    }

    /// Moves walkers one by one through some steps of this size, if that is how they move, and says whether it has. They are the
    /// lanes of `x`, the first of which has this number.
    #[inline(always)]
    pub fn descend<S: Simd, T: Element>(
        &self,
        worker: &mut Worker<'_, S, T>,
        x: &mut [T::Pack<S>],
        walkers: (u64, Range<usize>),
        steps: Range<u64>,
        size: Step,
    ) -> bool {
        let row::Worker::Alone(room) = &mut worker.row else { return false };
        room.walk(self.seen(), Points::Moved(x, size), walkers, steps);
        true
    }

    fn seen(&self) -> alone::Seen<'_> {
        alone::Seen { table: &self.table, batch: &self.batch, noise: &self.noise, scale: self.scale }
    }
}

/// What a worker needs.
pub struct Worker<'a, S: Simd, T: Element> {
    rest: Option<Evaluator<'a, S, T>>,
    row: row::Worker<'a, S, T>,
    picks: Picks,
    feed: Feed<T::Pack<S>>,
    /// The number of the first walker, and which of them are somebody's.
    first: u64,
    live: Range<usize>,
    step: u64,
    sums: Vec<T::Pack<S>>,
}

impl<S: Simd, T: Element> Worker<'_, S, T> {
    /// Hears which walkers and which step come next.
    pub fn attend(&mut self, (first, live): (u64, &Range<usize>), step: u64) {
        (self.first, self.live, self.step) = (first, live.clone(), step);
    }
}

struct Sum<'a, 'w, S: Simd, T: Element> {
    risk: &'a Risk,
    worker: &'a mut Worker<'w, S, T>,
    x: &'a [T::Pack<S>],
    gradients: &'a mut [T::Pack<S>],
}

impl<S: Simd, T: Element> Routine<S> for Sum<'_, '_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { risk, worker, x, gradients } = self;
        let Worker { rest, row, picks, feed, first, step, sums, .. } = worker;
        let (packs, lanes) = (x.len() / risk.dim(), T::Pack::<S>::LANES);
        picks.draw::<S>(&risk.noise, &risk.batch, risk.table.rows(), (*first, packs * lanes), *step);
        sums.clear();
        sums.resize(x.len(), Real::constant(0.0));
        // No pair of normals falls apart, and no four of rows.
        let chunk = (ROOM / (packs * (risk.table.width() + 1) * lanes)).max(1).next_multiple_of(layer::ROWS);
        for start in (0..picks.most()).step_by(chunk) {
            let some = start..picks.most().min(start + chunk);
            feed.fill::<S>(&risk.table, (&risk.noise, &risk.batch), picks, (*first, *step), some);
            let rows = Rows { entries: &feed.entries, weights: &feed.weights, width: risk.table.width() };
            row.accumulate(*first, x, rows, sums);
        }
        let scale = T::Pack::<S>::constant(risk.scale);
        match rest {
            None => {
                for (gradient, &sum) in gradients.iter_mut().zip(&*sums) {
                    *gradient = sum * scale;
                }
            }
            Some(rest) => {
                rest.evaluate(x, gradients);
                for (gradient, &sum) in gradients.iter_mut().zip(&*sums) {
                    *gradient = sum.mul_add(scale, *gradient);
                }
            }
        }
    }
}
