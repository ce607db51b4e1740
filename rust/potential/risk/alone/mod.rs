//! Walkers that move one by one: closed forms whose packs go across the coordinates of a walker, and not across walkers.
//!
//! - `linear`: least squares of a linear model whose weights are products of coordinates.
//! - `factors`: entries of a product of two matrices.
//! - `head`: a head of attention.
//! - `mean_layer`: a layer of rectified units, averaged over all inputs.
//! - `sight`: what one walker sees at a step.
//!
//! It pays where a walker has hundreds of coordinates or rows: they stay in first-level cache for as many steps as nobody looks,
//! and a run of one seed leaves no lane idle. A step is a function of the state alone, and every sum has one order at every level:
//! nothing is carried from step to step, since a run that is cut could not carry it.

mod factors;
mod head;
mod linear;
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
use crate::simd::{Element, Pack, Routine, Simd};
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
    pub fn room<'a, S: Simd, T: Element>(&'a self, dim: usize, table: &Table) -> Room<'a, S, T> {
        let zero = T::Pack::<S>::constant(0.0);
        let packs = self.length.div_ceil(T::Pack::<S>::LANES);
        let all = vec![zero; packs * (self.order.len() / self.length)];
        let form = match &self.form {
            Form::Linear(_) => FormRoom::Linear(linear::Room::new(self.length, table)),
            Form::Factors(factors) => FormRoom::Factors(factors, Vec::new()),
            Form::MeanLayer(layer) => {
                FormRoom::Double(Double::MeanLayer(mean_layer::Room::new(layer, self.length.div_ceil(LANES))))
            }
            Form::Head(head) => {
                FormRoom::Double(Double::Head(head, Box::new(head::Room::new(head, &self.order, self.length))))
            }
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
pub struct Room<'a, S: Simd, T: Element> {
    alone: &'a Alone,
    dim: usize,
    /// Packs of a vector, the last of which is filled up with zeros.
    packs: usize,
    form: FormRoom<'a, S, T>,
    /// The walker's coordinates and slopes, vector by vector.
    x: Vec<T::Pack<S>>,
    slopes: Vec<T::Pack<S>>,
    sight: Sight,
    /// Normals of a step, by coordinate.
    kicks: Vec<f64>,
}

/// What it needs for a form.
enum FormRoom<'a, S: Simd, T: Element> {
    Linear(linear::Room<S, T>),
    Factors(&'a Factors, Vec<factors::Active>),
    Double(Double<'a, S>),
}

/// What it needs for one that is in double precision whatever the states.
enum Double<'a, S: Simd> {
    Head(&'a Head, Box<head::Room<S>>),
    MeanLayer(mean_layer::Room<S::F64>),
}

/// The slopes of such a form, by vectors in double precision: one function for both precisions.
struct Precise<'a, 'r, S: Simd> {
    form: &'a mut Double<'r, S>,
    /// Coordinates of a vector.
    length: usize,
    x: &'a [S::F64],
    slopes: &'a mut [S::F64],
    sight: &'a mut Sight,
    seen: Seen<'a>,
    walker: u64,
    step: u64,
    factor: f64,
}

impl<S: Simd> Routine<S> for Precise<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { form, length, x, slopes, sight, seen, walker, step, factor } = self;
        match form {
            Double::MeanLayer(layer) => layer.slopes(length, factor, x, slopes),
            Double::Head(head, room) => {
                sight.look::<S>(seen, walker, step);
                room.slopes(head, length.div_ceil(LANES), (seen, sight, factor), x, slopes);
            }
        }
    }
}

impl<S: Simd, T: Element> Room<'_, S, T> {
    /// Takes some walkers, the first lane being the walker of this number, through some steps.
    #[inline(always)]
    pub fn walk(
        &mut self,
        seen: Seen<'_>,
        points: Points<'_, T::Pack<S>>,
        (first, lanes): (u64, Range<usize>),
        steps: Range<u64>,
    ) {
        S::call(Walk { room: self, seen, points, walkers: (first, lanes), steps });
    }

    /// Copies the coordinates of a walker out of its lane.
    #[inline(always)]
    fn take(&mut self, from: &[T::Pack<S>], lane: usize) {
        let (lanes, length) = (T::Pack::<S>::LANES, self.alone.length);
        let from = &from[lane / lanes * self.dim..][..self.dim];
        let (mut all, mut row) = ([T::default(); 16], [T::default(); 16]);
        for (order, to) in self.alone.order.chunks_exact(length).zip(self.x.chunks_exact_mut(self.packs)) {
            for (order, to) in order.chunks(lanes).zip(to) {
                row.fill(T::default());
                for (place, &coordinate) in row.iter_mut().zip(order) {
                    if let Some(from) = from.get(coordinate) {
                        from.store(&mut all);
                        *place = all[lane % lanes];
                    }
                }
                *to = Pack::load(&row);
            }
        }
    }

    /// Copies numbers that stand as the coordinates of a walker do into its lane.
    #[inline(always)]
    fn give(&self, numbers: &[T::Pack<S>], to: &mut [T::Pack<S>], lane: usize) {
        let (lanes, alone, dim) = (T::Pack::<S>::LANES, self.alone, self.dim);
        let to = &mut to[lane / lanes * dim..][..dim];
        let mut row = [T::default(); 16];
        row[lane % lanes] = T::from_f64(1.0);
        let is_here = T::Pack::<S>::load(&row).equal(Real::constant(1.0));
        for (order, numbers) in alone.order.chunks_exact(alone.length).zip(numbers.chunks_exact(self.packs)) {
            for (order, number) in order.chunks(lanes).zip(numbers) {
                number.store(&mut row);
                for (&number, &coordinate) in row.iter().zip(order) {
                    if let Some(to) = to.get_mut(coordinate) {
                        *to = Real::select(is_here, Real::splat(number), *to);
                    }
                }
            }
        }
    }

    /// Moves the walker by its slopes, and kicks it with normals of this size, the increments of a step.
    #[inline(always)]
    fn step(&mut self, noise: &Noise, size: Step, at: (u64, u64)) {
        let (lanes, drift) = (T::Pack::<S>::LANES, T::Pack::<S>::constant(-size.h));
        if size.temperature <= 0.0 {
            for (x, &slope) in self.x.iter_mut().zip(&self.slopes) {
                *x = slope.mul_add(drift, *x);
            }
            return;
        }
        sight::numbers::<S>(noise, (Stream::Increment, Law::Normal), at, self.dim, &mut self.kicks);
        let diffusion = T::Pack::<S>::constant(size.diffusion());
        let kicks = &self.kicks[..self.dim];
        let vectors = self.x.chunks_exact_mut(self.packs).zip(self.slopes.chunks_exact(self.packs));
        for ((x, slopes), order) in vectors.zip(self.alone.order.chunks_exact(self.alone.length)) {
            for ((x, &slope), order) in x.iter_mut().zip(slopes).zip(order.chunks(lanes)) {
                let mut row = [T::default(); 16];
                for (place, &coordinate) in row.iter_mut().zip(order) {
                    *place = T::from_f64(kicks.get(coordinate).copied().unwrap_or(0.0));
                }
                *x = T::Pack::<S>::load(&row).mul_add(diffusion, slope.mul_add(drift, *x));
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
struct Walk<'a, 'r, S: Simd, T: Element> {
    room: &'a mut Room<'r, S, T>,
    seen: Seen<'a>,
    points: Points<'a, T::Pack<S>>,
    walkers: (u64, Range<usize>),
    steps: Range<u64>,
}

impl<S: Simd, T: Element> Routine<S> for Walk<'_, '_, S, T> {
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
                let walker = first + lane as u64;
                S::call(Slope { room: &mut *room, seen, walker, step });
                if let Some(size) = size {
                    room.step(seen.noise, size, (walker, step));
                }
            }
            match &mut points {
                Points::Moved(x, _) => room.give(&room.x, x, lane),
                Points::Sloped(_, slopes) => room.give(&room.slopes, slopes, lane),
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
            FormRoom::Double(form) => {
                let zero = S::F64::constant(0.0);
                let count = alone.order.len() / alone.length * alone.length.div_ceil(LANES);
                let (mut wide, mut wide_slopes) = (vec![zero; count], vec![zero; count]);
                copied::<_, S::F64>((x, *packs), &mut wide, alone.length);
                let length = alone.length;
                S::call(Precise {
                    form,
                    length,
                    x: &wide,
                    slopes: &mut wide_slopes,
                    sight,
                    seen,
                    walker,
                    step,
                    factor,
                });
                copied::<S::F64, _>((&wide_slopes, length.div_ceil(LANES)), slopes, length);
            }
        }
        if alone.decay != 0.0 || alone.lasso != 0.0 {
            pull(x, slopes, alone.decay, alone.lasso);
        }
    }
}

/// Copies vectors of some packs into those of packs of another precision.
#[inline(always)]
fn copied<P: Pack, Q: Pack>((from, packs): (&[P], usize), to: &mut [Q], length: usize) {
    let mut numbers = [0.0; 16];
    for (from, to) in from.chunks_exact(packs).zip(to.chunks_exact_mut(length.div_ceil(Q::LANES))) {
        for first in (0..length).step_by(P::LANES.max(Q::LANES)) {
            let mut all = [P::Scalar::default(); 16];
            for (from, all) in from[first / P::LANES..].iter().zip(all.chunks_exact_mut(P::LANES)) {
                from.store(all);
            }
            numbers.iter_mut().zip(all).for_each(|(number, x)| *number = x.to_f64());
            for (to, numbers) in to[first / Q::LANES..].iter_mut().zip(numbers.chunks_exact(Q::LANES)) {
                *to =
                    Q::load(&std::array::from_fn::<_, 16, _>(|k| Q::Scalar::from_f64(*numbers.get(k).unwrap_or(&0.0))));
            }
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
