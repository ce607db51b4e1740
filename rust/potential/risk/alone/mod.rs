//! Walkers that move one by one: closed forms whose packs go across the coordinates of a walker, and not across walkers.
//!
//! - `linear`: least squares of a linear model whose weights are products of coordinates.
//! - `factors`: entries of a product of two matrices.
//! - `head`: a head of attention.
//! - `matrices`: products and transposes of matrices of packs.
//! - `mean_layer`: a layer of rectified units, averaged over all inputs.
//! - `sight`: what one walker sees at a step.
//!
//! It pays where a walker has hundreds of coordinates or rows: they stay in first-level cache for as many steps as nobody looks,
//! and a run of one seed leaves no lane idle. A step is a function of the state alone, and every sum has one order at every level:
//! nothing is carried from step to step, since a run that is cut could not carry it.
//!
//! All of it is in double precision. States in single precision are rounded after every step, for half of the code.

mod factors;
mod head;
mod linear;
mod matrices;
mod mean_layer;
mod sight;

pub use factors::{Factors, Masks};
pub use head::Head;
pub use linear::Linear;
pub use mean_layer::MeanLayer;

use std::ops::Range;

use self::sight::Sight;
use super::batch::LANES;
use super::{Batch, Law, Table};
use crate::error::{Error, Result};
use crate::noise::{Noise, Stream};
use crate::real::{Real, Scalar};
use crate::simd::{Pack, Routine, Simd};
use crate::walk::Step;

/// A closed form, and how the coordinates of a walker are its numbers.
#[derive(Debug)]
pub struct Alone {
    /// The loss of a row.
    pub form: Form,
    /// c of the loss (c/2) (...)².
    pub factor: f64,
    /// The coordinates, vector by vector; beyond the last of them where a vector of a head is shorter.
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
    /// The vectors are rows of three.
    Head(Head),
    /// The vectors are columns of one: weights of all units.
    MeanLayer(MeanLayer),
}

impl Alone {
    /// Checks that it is a function of so many coordinates and of these rows.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, dim: usize, table: &Table, batch: &Batch) -> Result<()> {
        let mut known = vec![false; dim];
        let count = self.order.iter().filter(|&&coordinate| coordinate < dim).count();
        let is_new =
            |&coordinate: &usize| known.get_mut(coordinate).is_none_or(|known| !std::mem::replace(known, true));
        let is_whole = count == self.order.len() || matches!(self.form, Form::Head(_));
        let is_order = count == dim && is_whole && self.order.iter().all(is_new);
        let fits = self.length > 0
            && self.order.len().is_multiple_of(self.length)
            && match (&self.form, self.order.len() / self.length) {
                (Form::Linear(_), _) => Linear::fits(self.length, table),
                (Form::Factors(factors), vectors) => factors.fits(vectors, table, batch),
                (Form::MeanLayer(layer), vectors) => layer.fits(vectors, table),
                (Form::Head(head), vectors) => head.fits((vectors, self.length), dim, table),
            };
        if is_order && fits { Ok(()) } else { Err(Error::invalid("risk: a closed form does not fit its rows")) }
    }

    /// One worker's room.
    #[must_use]
    pub fn room<'a, S: Simd>(&'a self, dim: usize, table: &Table) -> Room<'a, S> {
        let zero = S::F64::constant(0.0);
        let packs = self.length.div_ceil(LANES);
        let all = vec![zero; packs * (self.order.len() / self.length)];
        let form = match &self.form {
            Form::Linear(_) => FormRoom::Linear(linear::Room::new(self.length, table)),
            Form::Factors(factors) => FormRoom::Factors(factors, Vec::new()),
            Form::MeanLayer(layer) => FormRoom::MeanLayer(mean_layer::Room::new(layer, packs)),
            Form::Head(head) => FormRoom::Head(head, Box::new(head::Room::new(head, &self.order, self.length))),
        };
        Room { alone: self, dim, packs, form, x: all.clone(), slopes: all, sight: Sight::default(), kicks: Vec::new() }
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
pub struct Room<'a, S: Simd> {
    alone: &'a Alone,
    dim: usize,
    /// Packs of a vector, the last of which is filled up with zeros.
    packs: usize,
    form: FormRoom<'a, S>,
    /// The walker's coordinates and slopes, vector by vector.
    x: Vec<S::F64>,
    slopes: Vec<S::F64>,
    sight: Sight,
    /// Normals of a step, by coordinate.
    kicks: Vec<f64>,
}

/// What it needs for a form.
enum FormRoom<'a, S: Simd> {
    Linear(linear::Room<S>),
    Factors(&'a Factors, Vec<factors::Active>),
    Head(&'a Head, Box<head::Room<S>>),
    MeanLayer(mean_layer::Room<S::F64>),
}

impl<S: Simd> Room<'_, S> {
    /// Takes some walkers, the first lane being the walker of this number, through some steps.
    #[inline(always)]
    pub fn walk<P: Pack>(
        &mut self,
        seen: Seen<'_>,
        points: Points<'_, P>,
        (first, lanes): (u64, Range<usize>),
        steps: Range<u64>,
    ) {
        S::call(Walk { room: self, seen, points, walkers: (first, lanes), steps });
    }

    /// Copies the coordinates of a walker out of its lane.
    #[inline(always)]
    fn take<P: Pack>(&mut self, from: &[P], lane: usize) {
        let from = &from[lane / P::LANES * self.dim..][..self.dim];
        let mut all = [P::Scalar::default(); 16];
        for (order, to) in self.alone.order.chunks_exact(self.alone.length).zip(self.x.chunks_exact_mut(self.packs)) {
            for (order, to) in order.chunks(LANES).zip(to) {
                let mut row = [0.0; LANES];
                for (place, &coordinate) in row.iter_mut().zip(order) {
                    if let Some(from) = from.get(coordinate) {
                        from.store(&mut all);
                        *place = all[lane % P::LANES].to_f64();
                    }
                }
                *to = Pack::load(&row);
            }
        }
    }

    /// Copies its coordinates, or else its slopes, into its lane.
    #[inline(always)]
    fn give<P: Pack>(&self, is_moved: bool, to: &mut [P], lane: usize) {
        let to = &mut to[lane / P::LANES * self.dim..][..self.dim];
        let (mut numbers, mut row) = ([0.0; LANES], [P::Scalar::default(); 16]);
        row[lane % P::LANES] = P::Scalar::from_f64(1.0);
        let is_here = P::load(&row).equal(Real::constant(1.0));
        let from = if is_moved { &self.x } else { &self.slopes };
        for (order, from) in self.alone.order.chunks_exact(self.alone.length).zip(from.chunks_exact(self.packs)) {
            for (order, from) in order.chunks(LANES).zip(from) {
                from.store(&mut numbers);
                for (&number, &coordinate) in numbers.iter().zip(order) {
                    if let Some(to) = to.get_mut(coordinate) {
                        *to = Real::select(is_here, P::constant(number), *to);
                    }
                }
            }
        }
    }
}

/// What becomes of walkers.
pub enum Points<'a, P> {
    /// They move, with such steps.
    Moved(&'a mut [P], Step),
    /// They stay, and their slopes are written.
    Sloped(&'a [P], &'a mut [P]),
}

/// Steps of some walkers: one function for both.
struct Walk<'a, 'r, S: Simd, P> {
    room: &'a mut Room<'r, S>,
    seen: Seen<'a>,
    points: Points<'a, P>,
    walkers: (u64, Range<usize>),
    steps: Range<u64>,
}

impl<S: Simd, P: Pack> Routine<S> for Walk<'_, '_, S, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { room, seen, mut points, walkers: (first, lanes), steps } = self;
        for lane in lanes {
            let (from, size) = match &points {
                Points::Moved(x, size) => (&**x, Some(*size)),
                Points::Sloped(x, _) => (*x, None),
            };
            room.take(from, lane);
            for step in steps.clone() {
                let at = (first + lane as u64, step);
                S::call(Slope { room: &mut *room, seen, at });
                if let Some(size) = size {
                    S::call(Move { room: &mut *room, noise: seen.noise, size, at, is_single: P::LANES > LANES });
                }
            }
            match &mut points {
                Points::Moved(x, _) => room.give(true, x, lane),
                Points::Sloped(_, slopes) => room.give(false, slopes, lane),
            }
        }
    }
}

/// Moves a walker by its slopes, and kicks it with the increments of a step: one function for both precisions of states.
struct Move<'a, 'r, S: Simd> {
    room: &'a mut Room<'r, S>,
    noise: &'a Noise,
    size: Step,
    at: (u64, u64),
    is_single: bool,
}

impl<S: Simd> Routine<S> for Move<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { room, noise, size, at, is_single } = self;
        let Room { alone, dim, packs, x, slopes, kicks, .. } = room;
        let drift = S::F64::constant(-size.h);
        for (x, &slope) in x.iter_mut().zip(&*slopes) {
            *x = slope.mul_add(drift, *x);
        }
        if size.temperature > 0.0 {
            sight::numbers::<S>(noise, (Stream::Increment, Law::Normal), at, *dim, kicks);
            let (kicks, diffusion) = (&kicks[..*dim], S::F64::constant(size.diffusion()));
            for (x, order) in x.chunks_exact_mut(*packs).zip(alone.order.chunks_exact(alone.length)) {
                for (x, order) in x.iter_mut().zip(order.chunks(LANES)) {
                    let mut row = [0.0; LANES];
                    for (place, &coordinate) in row.iter_mut().zip(order) {
                        *place = kicks.get(coordinate).copied().unwrap_or(0.0);
                    }
                    *x = S::F64::load(&row).mul_add(diffusion, *x);
                }
            }
        }
        if is_single {
            // A state in single precision is nothing else between two steps either.
            let mut row = [0.0; LANES];
            for x in x {
                x.store(&mut row);
                *x = Pack::load(&row.map(|x| f64::from(x as f32)));
            }
        }
    }
}

/// The slopes of the walker of this number at a step: a function of its own, which all that move and look share.
struct Slope<'a, 'r, S: Simd> {
    room: &'a mut Room<'r, S>,
    seen: Seen<'a>,
    at: (u64, u64),
}

impl<S: Simd> Routine<S> for Slope<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { room, seen, at: (walker, step) } = self;
        let Room { alone, packs, form, x, slopes, sight, .. } = room;
        let factor = alone.factor * seen.scale;
        match form {
            FormRoom::Factors(form, active) => {
                form.look::<S>(seen, walker, step, (sight, active));
                form.slopes::<S, _>(x, *packs, active, factor, slopes);
            }
            FormRoom::Linear(linear) => {
                linear.look(seen, sight, (walker, step), factor);
                linear.slopes(x, slopes);
            }
            FormRoom::MeanLayer(layer) => layer.slopes(alone.length, factor, x, slopes),
            FormRoom::Head(head, room) => {
                sight.look::<S>(seen, walker, step);
                room.slopes(head, *packs, (seen, sight, factor), x, slopes);
            }
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
fn total<P: Pack<Scalar = f64>>(pack: P) -> f64 {
    let mut lanes = [0.0; LANES];
    pack.store(&mut lanes);
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[half + i];
        }
        half /= 2;
    }
    lanes[0]
}

/// Numbers as packs, the last of which is filled up with zeros.
#[inline(always)]
fn packed<P: Pack<Scalar = f64>>(numbers: &[f64], to: &mut Vec<P>) {
    for some in numbers.chunks(LANES) {
        let mut row = [0.0; LANES];
        row[..some.len()].copy_from_slice(some);
        to.push(P::load(&row));
    }
}
