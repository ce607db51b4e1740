//! Walkers that move one by one: closed forms whose packs go across the coordinates of a walker, and not across walkers.
//!
//! - `linear`: least squares of a linear model whose weights are products of coordinates.
//! - `factors`: entries of a product of two matrices.
//! - `sight`: what one walker sees at a step.
//!
//! It pays where a walker has hundreds of coordinates or rows: they stay in first-level cache for as many steps as nobody looks,
//! and a run of one seed leaves no lane idle. A step is a function of the state alone, and every sum has one order at every level:
//! nothing is carried from step to step, since a run that is cut could not carry it.

mod factors;
mod linear;
mod sight;

pub use factors::{Factors, Masks};
pub use linear::Linear;

use std::ops::Range;

use self::sight::Sight;
use super::{Batch, Table};
use crate::error::{Error, Result};
use crate::noise::Noise;
use crate::real::{Real, Scalar};
use crate::simd::{Element, Pack, Routine, Simd};

/// A closed form, and how the coordinates of a walker are its numbers.
#[derive(Debug)]
pub struct Alone {
    /// The loss of a row.
    pub form: Form,
    /// c of the loss (c/2) (...)².
    pub factor: f64,
    /// The coordinates, vector by vector.
    pub order: Vec<usize>,
    /// Coordinates of a vector.
    pub length: usize,
    /// The gradient of what is no part of the mean: this times x,
    pub decay: f64,
    /// and this times the sign of x, 0 at 0.
    pub lasso: f64,
}

/// The loss of a row.
#[derive(Debug)]
pub enum Form {
    /// The vectors are multiplied entry by entry: weights of a linear model.
    Linear(Linear),
    /// The vectors are rows of two matrices.
    Factors(Factors),
}

impl Alone {
    /// Checks that it is a function of so many coordinates and of these rows.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, dim: usize, table: &Table, batch: &Batch) -> Result<()> {
        let mut known = vec![false; dim];
        let is_new =
            |&coordinate: &usize| known.get_mut(coordinate).is_some_and(|known| !std::mem::replace(known, true));
        let is_order = self.order.len() == dim && self.order.iter().all(is_new);
        let fits = self.length > 0
            && dim.is_multiple_of(self.length)
            && match &self.form {
                Form::Linear(_) => Linear::fits(self.length, table),
                Form::Factors(factors) => factors.fits(dim / self.length, table, batch),
            };
        if is_order && fits { Ok(()) } else { Err(Error::invalid("risk: a closed form does not fit its rows")) }
    }

    /// One worker's room.
    #[must_use]
    pub fn room<'a, S: Simd, T: Element>(&'a self, table: &Table) -> Room<'a, S, T> {
        let zero = T::Pack::<S>::constant(0.0);
        let packs = self.length.div_ceil(T::Pack::<S>::LANES);
        let all = vec![zero; packs * (self.order.len() / self.length)];
        let linear = if let Form::Linear(_) = self.form { Some(linear::Room::new(self.length, table)) } else { None };
        Room { alone: self, packs, linear, active: Vec::new(), x: all.clone(), slopes: all, sight: Sight::default() }
    }
}

/// What is seen of the data at a step.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The rows.
    pub table: &'a Table,
    /// How they are drawn,
    pub batch: &'a Batch,
    /// and of what.
    pub noise: &'a Noise,
    /// What the sum over a batch is multiplied by.
    pub scale: f64,
}

impl Seen<'_> {
    /// Whether it is the same for all walkers at all steps.
    #[inline(always)]
    fn is_still(self) -> bool {
        let Self { table, batch, .. } = self;
        matches!(batch, Batch::Full) && table.labels.entries.is_empty() && table.inputs.entries.is_empty()
    }
}

/// What a worker needs.
pub struct Room<'a, S: Simd, T: Element> {
    alone: &'a Alone,
    /// Packs of a vector, the last of which is filled up with zeros.
    packs: usize,
    linear: Option<linear::Room<S, T>>,
    active: Vec<factors::Active>,
    /// The walker's coordinates and slopes, vector by vector.
    x: Vec<T::Pack<S>>,
    slopes: Vec<T::Pack<S>>,
    sight: Sight,
}

impl<S: Simd, T: Element> Room<'_, S, T> {
    /// Moves some walkers, the first lane being the walker of this number, through some steps of length h.
    #[inline(always)]
    pub fn descend(
        &mut self,
        seen: Seen<'_>,
        x: &mut [T::Pack<S>],
        (first, lanes): (u64, Range<usize>),
        steps: Range<u64>,
        h: f64,
    ) {
        let drift = T::Pack::<S>::constant(-h);
        for lane in lanes {
            self.take(x, lane);
            for step in steps.clone() {
                S::call(Slope { room: &mut *self, seen, walker: first + lane as u64, step });
                for (x, &slope) in self.x.iter_mut().zip(&self.slopes) {
                    *x = slope.mul_add(drift, *x);
                }
            }
            Self::give(self.alone, self.packs, &self.x, x, lane);
        }
    }

    /// Writes the slopes of some walkers at one step.
    #[inline(always)]
    pub fn gradients(
        &mut self,
        seen: Seen<'_>,
        x: &[T::Pack<S>],
        gradients: &mut [T::Pack<S>],
        (first, lanes): (u64, Range<usize>),
        step: u64,
    ) {
        for lane in lanes {
            self.take(x, lane);
            S::call(Slope { room: &mut *self, seen, walker: first + lane as u64, step });
            Self::give(self.alone, self.packs, &self.slopes, gradients, lane);
        }
    }

    /// Copies the coordinates of a walker out of its lane.
    #[inline(always)]
    fn take(&mut self, from: &[T::Pack<S>], lane: usize) {
        let (lanes, length, dim) = (T::Pack::<S>::LANES, self.alone.length, self.alone.order.len());
        let from = &from[lane / lanes * dim..][..dim];
        let (mut all, mut row) = ([T::default(); 16], [T::default(); 16]);
        for (order, to) in self.alone.order.chunks_exact(length).zip(self.x.chunks_exact_mut(self.packs)) {
            for (order, to) in order.chunks(lanes).zip(to) {
                row.fill(T::default());
                for (place, &coordinate) in row.iter_mut().zip(order) {
                    from[coordinate].store(&mut all);
                    *place = all[lane % lanes];
                }
                *to = Pack::load(&row);
            }
        }
    }

    /// Copies numbers that stand as the coordinates of a walker do into its lane.
    #[inline(always)]
    fn give(alone: &Alone, packs: usize, numbers: &[T::Pack<S>], to: &mut [T::Pack<S>], lane: usize) {
        let (lanes, dim) = (T::Pack::<S>::LANES, alone.order.len());
        let to = &mut to[lane / lanes * dim..][..dim];
        let mut row = [T::default(); 16];
        row[lane % lanes] = T::from_f64(1.0);
        let is_here = T::Pack::<S>::load(&row).equal(Real::constant(1.0));
        for (order, numbers) in alone.order.chunks_exact(alone.length).zip(numbers.chunks_exact(packs)) {
            for (order, number) in order.chunks(lanes).zip(numbers) {
                number.store(&mut row);
                for (&number, &coordinate) in row.iter().zip(order) {
                    to[coordinate] = Real::select(is_here, Real::splat(number), to[coordinate]);
                }
            }
        }
    }
}

/// The slopes of the walker of this number at a step: a function of its own, which all that move and look share.
struct Slope<'a, 'r, S: Simd, T: Element> {
    room: &'a mut Room<'r, S, T>,
    seen: Seen<'a>,
    walker: u64,
    step: u64,
}

impl<S: Simd, T: Element> Routine<S> for Slope<'_, '_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { room, seen, walker, step } = self;
        let Room { alone, packs, linear, active, x, slopes, sight } = room;
        let factor = alone.factor * seen.scale;
        match (&alone.form, linear) {
            (Form::Factors(form), _) => {
                form.look::<S>(seen, walker, step, (sight, active));
                form.slopes(x, *packs, active, factor, slopes);
            }
            (Form::Linear(_), Some(linear)) => {
                linear.look(seen, sight, (walker, step), factor);
                linear.slopes(x, slopes);
            }
            // `room` has made one.
            _ => {}
        }
        if alone.decay != 0.0 || alone.lasso != 0.0 {
            pull(x, slopes, alone.decay, alone.lasso);
        }
    }
}

/// Adds decay x + lasso sign(x).
#[inline(always)]
fn pull<R: Real>(x: &[R], slopes: &mut [R], decay: f64, lasso: f64) {
    let (zero, decay, up, down) = (R::constant(0.0), R::constant(decay), R::constant(lasso), R::constant(-lasso));
    for (&x, slope) in x.iter().zip(slopes) {
        let sign = R::select(zero.less(x), up, R::select(x.less(zero), down, zero));
        *slope = decay.mul_add(x, *slope + sign);
    }
}

/// The sum over the lanes of a pack: half of them to the other half, and again.
#[inline(always)]
fn total<P: Pack>(pack: P) -> P::Scalar {
    let mut lanes = [P::Scalar::default(); 16];
    pack.store(&mut lanes);
    let mut half = P::LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = lanes[i] + lanes[half + i];
        }
        half /= 2;
    }
    lanes[0]
}

/// Numbers as packs, the last of which is filled up with zeros.
#[inline(always)]
fn packed<P: Pack>(numbers: &[f64], to: &mut Vec<P>) {
    for some in numbers.chunks(P::LANES) {
        let mut row = [P::Scalar::default(); 16];
        for (place, &number) in row.iter_mut().zip(some) {
            *place = P::Scalar::from_f64(number);
        }
        to.push(P::load(&row));
    }
}
