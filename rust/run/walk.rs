//! The loop, written once: a block's walkers make many steps in the packs of one instruction set, and observers look on.

use std::marker::PhantomData;
use std::ops::Range;

use super::block::Block;
use super::{Plan, Step};
use crate::noise::{self, BoxMuller, Noise, Precision, Stream};
use crate::observe::{Keep, Slots};
use crate::potential::Potential;
use crate::real::Real;
use crate::scheme::Scheme;
use crate::simd::{Counters, Element, Job, Pack, Simd};

/// After how many steps a block's walkers are checked for NaN and runaway; a hit is traced back to its step.
const CHECK_EVERY: u64 = 64;

/// One worker's packs for the block that it is walking.
pub struct Walk<'a, S: Simd, T: Element, V, Q> {
    pub(crate) potential: &'a V,
    pub(crate) noise: &'a Noise,
    /// States, packs of `dim` coordinates one after another, as in all that follow.
    pub(crate) x: Vec<T::Pack<S>>,
    pub(crate) gradient: Vec<T::Pack<S>>,
    pub(crate) normals: Vec<T::Pack<S>>,
    /// Room for the normals of one of a step's finer steps.
    finer: Vec<T::Pack<S>>,
    /// Finer steps in a step.
    substeps: u64,
    /// What a scheme keeps from one step to the next.
    pub(crate) kept: Vec<T::Pack<S>>,
    /// V(x), one a pack; only where a scheme needs it.
    pub(crate) energy: Vec<T::Pack<S>>,
    /// Accepted proposals since the last check, one a pack.
    pub(crate) accepted: Vec<T::Pack<S>>,
    /// Room for one proposal.
    pub(crate) proposal: Vec<T::Pack<S>>,
    /// Addresses of the walkers' normals.
    increments: Vec<Counters>,
    /// Addresses of the walkers' other draws, one a pack.
    pub(crate) packs: Vec<Counters>,
    precision: PhantomData<Q>,
}

impl<'a, S, T, V, Q> Walk<'a, S, T, V, Q>
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    fn new(potential: &'a V, noise: &'a Noise, substeps: u64) -> Self {
        let zero = T::Pack::<S>::constant(0.0);
        Self {
            potential,
            noise,
            x: Vec::new(),
            gradient: Vec::new(),
            normals: Vec::new(),
            finer: Vec::new(),
            substeps,
            kept: Vec::new(),
            energy: Vec::new(),
            accepted: Vec::new(),
            proposal: vec![zero; potential.dim()],
            increments: Vec::new(),
            packs: Vec::new(),
            precision: PhantomData,
        }
    }

    #[inline(always)]
    fn load(&mut self, block: &Block<T>) {
        let lanes = T::Pack::<S>::LANES;
        let zero = T::Pack::<S>::constant(0.0);
        self.x.clear();
        for lanes in block.state.chunks_exact(lanes) {
            self.x.push(Pack::load(lanes));
        }
        self.gradient.resize(self.x.len(), zero);
        self.normals.resize(self.x.len(), zero);
        self.finer.resize(if self.substeps > 1 { self.x.len() } else { 0 }, zero);
        self.accepted.clear();
        self.accepted.resize(block.walkers / lanes, zero);
        self.increments = Q::counters::<S>(block.first, block.walkers);
        self.packs = <noise::Native as Precision<T>>::counters::<S>(block.first, block.walkers);
    }

    /// Writes grad V at every walker into `gradient`.
    #[inline(always)]
    pub(crate) fn differentiate(&mut self) {
        for (x, gradient) in
            self.x.chunks_exact(self.potential.dim()).zip(self.gradient.chunks_exact_mut(self.potential.dim()))
        {
            self.potential.gradient(x, gradient);
        }
    }

    /// Writes the standard normals of a step into `normals`: those drawn for it, or the normalised sum of those drawn for
    /// the finer steps that it is made of.
    #[inline(always)]
    pub(crate) fn draw(&mut self, stream: Stream, step: u64) {
        let dim = self.potential.dim();
        let first = step * self.substeps;
        Q::fill::<S>(self.noise, &self.increments, stream, first, dim, &mut self.normals);
        if self.substeps > 1 {
            for finer in first + 1..first + self.substeps {
                Q::fill::<S>(self.noise, &self.increments, stream, finer, dim, &mut self.finer);
                for (sum, &normal) in self.normals.iter_mut().zip(&self.finer) {
                    *sum = *sum + normal;
                }
            }
            let scale = Real::constant((self.substeps as f64).sqrt().recip());
            for sum in &mut self.normals {
                *sum = *sum * scale;
            }
        }
    }

    /// The first live walker whose state is NaN or beyond `bound`.
    #[inline(always)]
    fn runaway(&self, block: &Block<T>, bound: f64) -> Option<usize> {
        let square = T::Pack::<S>::constant(bound * bound);
        let (none, one) = (T::Pack::<S>::constant(0.0), T::Pack::<S>::constant(1.0));
        let mut lanes = [T::default(); 16];
        for (pack, x) in self.x.chunks_exact(self.potential.dim()).enumerate() {
            let mut bad = none;
            for &x in x {
                bad = Real::select((x * x).less(square), bad, one);
            }
            bad.store(&mut lanes);
            for (lane, bad) in lanes[..T::Pack::<S>::LANES].iter().enumerate() {
                let walker = pack * T::Pack::<S>::LANES + lane;
                if bad.to_f64() > 0.0 && block.live.contains(&walker) {
                    return Some(walker);
                }
            }
        }
        None
    }
}

/// A walker that diverged, and the step after which it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Runaway {
    pub step: u64,
    pub walker: u64,
}

/// Moves some blocks through some steps.
pub struct Advance<'a, T, V, C, Q> {
    pub plan: &'a Plan,
    pub potential: &'a V,
    pub scheme: C,
    pub precision: PhantomData<Q>,
    pub blocks: &'a mut [Block<T>],
    pub slots: &'a mut [Slots],
    pub steps: Range<u64>,
}

impl<T, V, C, Q> Job for Advance<'_, T, V, C, Q>
where
    T: Element + BoxMuller,
    V: Potential,
    C: Scheme,
    Q: Precision<T>,
{
    type Output = Option<Runaway>;

    #[inline(always)]
    fn run<S: Simd>(self) -> Option<Runaway> {
        let mut walk = Walk::<S, T, V, Q>::new(self.potential, &self.plan.noise, self.plan.substeps);
        let mut first: Option<Runaway> = None;
        for block in &mut *self.blocks {
            walk.load(block);
            for (slots, watch) in self.slots.iter_mut().zip(&self.plan.watches) {
                if let Keep::Histogram(histogram) = &watch.keep {
                    self.plan.aim(block, histogram.stride(), slots);
                }
            }
            let runaway = cross(self.plan, self.scheme, &mut walk, block, self.slots, self.steps.clone());
            for (x, lanes) in walk.x.iter().zip(block.state.chunks_exact_mut(T::Pack::<S>::LANES)) {
                x.store(lanes);
            }
            first = [first, runaway].into_iter().flatten().min();
        }
        first
    }
}

/// Moves one block, watching and checking it.
#[inline(always)]
fn cross<S, T, V, C, Q>(
    plan: &Plan,
    scheme: C,
    walk: &mut Walk<'_, S, T, V, Q>,
    block: &mut Block<T>,
    slots: &mut [Slots],
    steps: Range<u64>,
) -> Option<Runaway>
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    C: Scheme,
    Q: Precision<T>,
{
    let mut start = walk.x.clone();
    scheme.begin(walk, steps.start, plan.step);
    let mut next_look = plan.next_look(steps.start);
    let mut from = steps.start;
    while from < steps.end {
        let to = steps.end.min(from + CHECK_EVERY);
        start.copy_from_slice(&walk.x);
        for step in from..to {
            scheme.advance(walk, step, plan.step);
            if step + 1 == next_look {
                for ((watch, column), slots) in plan.watches.iter().zip(&mut block.columns).zip(&mut *slots) {
                    if plan.is_due(watch, next_look) {
                        watch.see::<S, T, V>(walk.potential, &walk.x, column, slots);
                    }
                }
                next_look = plan.next_look(next_look);
            }
        }
        if walk.runaway(block, plan.bound).is_some() {
            return Some(first_runaway(plan, scheme, walk, block, &start, from..to));
        }
        collect_accepted(walk, block);
        from = to;
    }
    None
}

/// Repeats the steps since the last check one by one, to name the step and the walker.
#[cold]
#[inline(always)]
fn first_runaway<S, T, V, C, Q>(
    plan: &Plan,
    scheme: C,
    walk: &mut Walk<'_, S, T, V, Q>,
    block: &Block<T>,
    start: &[T::Pack<S>],
    steps: Range<u64>,
) -> Runaway
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    C: Scheme,
    Q: Precision<T>,
{
    walk.x.copy_from_slice(start);
    scheme.begin(walk, steps.start, plan.step);
    for step in steps.clone() {
        scheme.advance(walk, step, plan.step);
        if let Some(walker) = walk.runaway(block, plan.bound) {
            return Runaway { step: step + 1, walker: block.first + walker as u64 };
        }
    }
    // A walker beyond the bound at the end of the steps is beyond it after one of them.
    Runaway { step: steps.end, walker: block.first }
}

/// Adds the packs' counts of accepted proposals to the block's.
#[inline(always)]
fn collect_accepted<S: Simd, T: Element, V, Q>(walk: &mut Walk<'_, S, T, V, Q>, block: &mut Block<T>) {
    let mut lanes = [T::default(); 16];
    for (pack, accepted) in walk.accepted.iter_mut().enumerate() {
        accepted.store(&mut lanes);
        for (lane, count) in lanes[..T::Pack::<S>::LANES].iter().enumerate() {
            if block.live.contains(&(pack * T::Pack::<S>::LANES + lane)) {
                block.accepted += count.to_f64() as u64;
            }
        }
        *accepted = Real::constant(0.0);
    }
}

impl Step {
    /// The standard deviation of one step's noise, `sqrt(2 T h)`; the only place where it is written.
    #[must_use]
    pub fn diffusion(self) -> f64 {
        (2.0 * self.temperature * self.h).sqrt()
    }
}
