//! The packs that a scheme moves: one worker's walkers, with room for what a step needs.

use std::ops::Range;

use crate::dynamics::gauge::Death;
use crate::error::{Cause, Place};
use crate::metric::{Change, Metric};
use crate::noise::{self, BoxMuller, Noise, Precision, Source, Stages, Stream, TOGETHER, Window};
use crate::observe::{BATCH, Tally};
use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Counters, Element, Pack, Simd};

/// Step size and temperature.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Step size h.
    pub h: f64,
    /// Temperature T.
    pub temperature: f64,
}

impl Step {
    /// The standard deviation of one step's noise, `sqrt(2 T h)`; the only place where it is written.
    #[must_use]
    pub fn diffusion(self) -> f64 {
        (2.0 * self.temperature * self.h).sqrt()
    }
}

impl Step {
    /// Moves x by `-h slope + sqrt(2 T h) normal`, coloured if there is a metric. `noise` scales the normals: 1 for one normal
    /// a step, 1/2 for the sum of two. `room` holds the moves.
    #[inline(always)]
    pub(crate) fn displace<S: Simd, R: Real>(
        self,
        noise: f64,
        metric: Option<&Metric>,
        slopes: &[R],
        normals: impl Iterator<Item = R>,
        room: &mut [R],
        x: &mut [R],
    ) {
        let (drift, diffusion) = (R::constant(-self.h), R::constant(self.diffusion() * noise));
        let Some(metric) = metric else {
            for ((x, &slope), normal) in x.iter_mut().zip(slopes).zip(normals) {
                *x = normal.mul_add(diffusion, slope.mul_add(drift, *x));
            }
            return;
        };
        let room = &mut room[..x.len()];
        for ((delta, &slope), normal) in room.iter_mut().zip(slopes).zip(normals) {
            *delta = normal.mul_add(diffusion, slope * drift);
        }
        S::call(Change { metric, is_gradient: false, numbers: &mut *room });
        for (x, &delta) in x.iter_mut().zip(&*room) {
            *x = *x + delta;
        }
    }
}

/// What becomes of the proposals of a pack of walkers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts<P> {
    /// How many were accepted since the last check.
    pub(crate) accepted: P,
    /// How many in a row have been refused by now, and the most that were: exact up to 2^53, 2^24 in single precision, and then
    /// no larger.
    pub(crate) refused: P,
    pub(crate) most_refused: P,
}

/// Packs of coordinates, about, whose gradients are written and read again before the nearest cache is full.
const STRIP: usize = 64;

/// One worker's packs for the block that it is walking.
pub struct Walk<'a, S: Simd, T: Element, V: Potential + 'a, Q: Precision<T>> {
    pub(crate) potential: &'a V,
    /// What the potential needs to work.
    pub(crate) worker: V::Worker<'a, S, T>,
    pub(crate) noise: &'a Noise,
    /// The metric, if it is not the Euclidean one; slopes are then W grad V in place of grad V.
    pub(crate) metric: Option<&'a Metric>,
    /// Finer steps in a step.
    pub(crate) substeps: u64,
    /// The number of the first walker.
    pub(crate) first: u64,
    /// The walkers that are somebody's, and packs up to the last of them.
    pub(crate) lanes: Range<usize>,
    pub(crate) live: usize,
    /// States, packs of `dim` coordinates one after another, as in all that follow.
    pub(crate) x: Vec<T::Pack<S>>,
    /// Room for gradients and slopes, for the walkers that move together.
    pub(crate) slopes: Vec<T::Pack<S>>,
    /// Room for their normals.
    pub(crate) normals: Vec<T::Pack<S>>,
    /// Room for their proposals.
    pub(crate) proposal: Vec<T::Pack<S>>,
    /// What a scheme keeps from one step to the next.
    pub(crate) kept: Vec<T::Pack<S>>,
    /// V(x), one a pack; only where a scheme needs it.
    pub(crate) energy: Vec<T::Pack<S>>,
    /// Room for V at proposals.
    pub(crate) proposed_energy: Vec<T::Pack<S>>,
    /// What becomes of proposals, one a pack.
    pub(crate) counts: Vec<Counts<T::Pack<S>>>,
    /// Room for ones where walkers of a strip have not moved in this step.
    pub(crate) moving: Vec<T::Pack<S>>,
    /// Walkers of the block that reached zero.
    pub(crate) deaths: Vec<Death>,
    /// Walkers of the block that became NaN since the last check for another reason than their potential.
    pub(crate) failures: Vec<(usize, Cause)>,
    /// What is known of the walkers' normals.
    pub(crate) increments: Window<Q::Drawn<S>>,
    /// Addresses of the walkers' other draws, one a pack.
    pub(crate) packs: Vec<Counters>,
    /// Room for such draws of several packs.
    pub(crate) chances: Stages<T::Pack<S>>,
    /// The worker's counts, some of which wait until there is time.
    pub(crate) tally: &'a mut Tally,
}

impl<'a, S, T, V, Q> Walk<'a, S, T, V, Q>
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    /// Batches of counts for each unit of walkers that moves: as many counts as walkers.
    pub(crate) const BATCHES: usize = Q::PACKS * <T::Pack<S> as Pack>::LANES / BATCH;

    /// Whether states and normals are in double precision.
    pub(crate) const IS_DOUBLE: bool = T::Pack::<S>::LANES == 8 && Q::PACKS == 1;

    /// Whether long steps are compiled once more for a frequent number of coordinates: in double precision throughout.
    pub(crate) const UNROLLS: bool = T::Pack::<S>::UNROLLS && Self::IS_DOUBLE;

    pub(crate) fn new(
        potential: &'a V,
        noise: &'a Noise,
        metric: Option<&'a Metric>,
        substeps: u64,
        tally: &'a mut Tally,
    ) -> Self {
        Self {
            potential,
            worker: potential.worker::<S, T>(),
            noise,
            metric,
            substeps,
            first: 0,
            lanes: 0..0,
            live: 0,
            x: Vec::new(),
            slopes: Vec::new(),
            normals: Vec::new(),
            proposal: Vec::new(),
            kept: Vec::new(),
            energy: Vec::new(),
            proposed_energy: Vec::new(),
            counts: Vec::new(),
            moving: Vec::new(),
            deaths: Vec::new(),
            failures: Vec::new(),
            increments: Window::default(),
            packs: Vec::new(),
            chances: Stages::default(),
            tally,
        }
    }

    /// Takes up the walkers from `first` on, of which these lanes are somebody's, with their state by pack, coordinate and lane.
    #[inline(always)]
    pub(crate) fn load(&mut self, first: u64, live: &Range<usize>, state: &[T]) {
        let lanes = T::Pack::<S>::LANES;
        let zero = T::Pack::<S>::constant(0.0);
        let walkers = state.len() / self.potential.dim();
        self.first = first;
        self.lanes = live.clone();
        self.live = live.end.div_ceil(lanes);
        Self::read(&mut self.x, state);
        self.slopes.resize(self.x.len(), zero);
        self.normals.resize(self.x.len(), zero);
        self.proposal.resize(self.x.len(), zero);
        let nothing = Counts { accepted: zero, refused: zero, most_refused: zero };
        self.counts.clear();
        self.counts.resize(walkers / lanes, nothing);
        self.moving.resize(walkers / lanes, zero);
        self.energy.resize(walkers / lanes, zero);
        self.deaths.clear();
        self.failures.clear();
        self.increments.reset(Q::counters::<S>(first, walkers), self.potential.dim().div_ceil(2));
        self.packs.clear();
        self.packs.extend(<noise::Native as Precision<T>>::counters::<S>(first, walkers));
    }

    /// Reads coordinates by pack, coordinate and lane.
    #[inline(always)]
    pub(crate) fn read(x: &mut Vec<T::Pack<S>>, state: &[T]) {
        x.clear();
        for lanes in state.chunks_exact(T::Pack::<S>::LANES) {
            x.push(Pack::load(lanes));
        }
    }

    /// Puts the coordinates back to where they came from.
    #[inline(always)]
    pub(crate) fn store(&self, state: &mut [T]) {
        for (x, lanes) in self.x.iter().zip(state.chunks_exact_mut(T::Pack::<S>::LANES)) {
            x.store(lanes);
        }
    }

    /// Moves a pack of walkers to proposal `i` of the strip where the mask holds; energies and slopes go with them.
    #[inline(always)]
    pub(crate) fn take(&mut self, i: usize, pack: usize, accept: <T::Pack<S> as Real>::Mask, dim: usize) {
        let (there, here) = (i * dim..(i + 1) * dim, pack * dim..(pack + 1) * dim);
        let (x, y) = (&mut self.x[here.clone()], &self.proposal[there.clone()]);
        let (slope, slope_at_y) = (&mut self.kept[here], &self.slopes[there]);
        self.energy[pack] = Real::select(accept, self.proposed_energy[i], self.energy[pack]);
        for j in 0..dim {
            x[j] = Real::select(accept, y[j], x[j]);
            slope[j] = Real::select(accept, slope_at_y[j], slope[j]);
        }
    }

    /// The logarithm of the uniform number that decides on a pack's proposals. At each step the packs must ask in their order.
    #[inline(always)]
    pub(crate) fn log_chance(&mut self, pack: usize, step: u64) -> T::Pack<S> {
        if !T::Pack::<S>::BY_STAGES {
            return self.noise.log_uniform(&self.packs[pack], Stream::Accept, step);
        }
        let which = pack % TOGETHER;
        if which == 0 {
            let several = &self.packs[pack..self.packs.len().min(pack + TOGETHER)];
            self.chances.log_uniforms::<S>(self.noise, several, Stream::Accept, step);
        }
        self.chances.log_uniform(which)
    }

    /// Counts the proposals of a pack of walkers: accepted where the mask holds, refused elsewhere.
    #[inline(always)]
    pub(crate) fn count(&mut self, pack: usize, accept: <T::Pack<S> as Real>::Mask) {
        let (zero, one) = (T::Pack::<S>::constant(0.0), T::Pack::<S>::constant(1.0));
        let Counts { accepted, refused, most_refused } = &mut self.counts[pack];
        *accepted = *accepted + Real::select(accept, one, zero);
        *refused = Real::select(accept, zero, *refused + one);
        *most_refused = refused.greater(*most_refused);
    }

    /// Packs of coordinates that move: those that are nobody's need not.
    #[inline(always)]
    pub(crate) fn extent(&self, dim: usize) -> usize {
        self.live.next_multiple_of(Q::PACKS) * dim
    }

    /// Packs of coordinates that move together: the block's if the potential prefers that, or as many units as stay in the
    /// nearest cache.
    #[inline(always)]
    pub(crate) fn strip(&self, dim: usize) -> usize {
        let unit = Self::unit(dim);
        if self.potential.is_by_block() { self.x.len() } else { (STRIP / unit).max(1) * unit }
    }

    /// Packs of coordinates in a unit. The potential's `dim` is an argument so that it may be a constant, which unrolls the
    /// loops over them.
    #[inline(always)]
    pub(crate) fn unit(dim: usize) -> usize {
        Q::PACKS * dim
    }

    /// Whether a step is the Euclidean one, with a normal for each coordinate: then the loop over the walkers calls nothing, and what it
    /// needs stays in registers.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.substeps == 1 && self.metric.is_none()
    }

    /// Where the normals of a step come from.
    #[inline(always)]
    pub(crate) fn increments(&self, step: u64) -> Source<'a> {
        Source { noise: self.noise, stream: Stream::Increment, step, substeps: self.substeps }
    }

    /// The cause of what became of a walker that was at `before` ahead of the step, and where it came to. Whose orbit led nowhere
    /// from a place more than `FAR` times as far out did not fail for the slice but for the step.
    #[cold]
    pub(crate) fn blame(&self, walker: usize, before: &[T::Pack<S>], cause: Cause) -> (Cause, Place) {
        const FAR: f64 = 10.0;
        let was = self.farthest(before, walker);
        let is_lost = matches!(cause, Cause::NoReturn | Cause::NoProjection);
        // The schemes that look for a way back leave here where they looked from.
        let came = self.farthest(if is_lost { &self.proposal } else { &self.x }, walker);
        let is_far = came.value.abs() > FAR * (1.0 + was.value.abs());
        let cause = if cause == Cause::NoReturn && is_far { Cause::TooFarOut } else { cause };
        (cause, if came.value.is_finite() { came } else { was })
    }

    /// The coordinate of a walker that is farthest from zero, or the first that is NaN.
    fn farthest(&self, states: &[T::Pack<S>], walker: usize) -> Place {
        let (dim, lanes) = (self.potential.dim(), T::Pack::<S>::LANES);
        let mut row = [T::default(); 16];
        let mut farthest = Place { coordinate: 0, value: 0.0 };
        for coordinate in 0..dim {
            states[walker / lanes * dim + coordinate].store(&mut row);
            let value = row[walker % lanes].to_f64();
            if value.is_nan() || value.abs() > farthest.value.abs() {
                farthest = Place { coordinate, value };
            }
            if value.is_nan() {
                break;
            }
        }
        farthest
    }
}
