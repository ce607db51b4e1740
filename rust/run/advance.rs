//! The loop, written once: a block's walkers make many steps in the packs of one instruction set, and observers look on.

use std::marker::PhantomData;
use std::ops::Range;

use super::Plan;
use super::block::Block;
use crate::noise::{BoxMuller, Precision};
use crate::observe::{Sight, Tally};
use crate::potential::Potential;
use crate::real::Real;
use crate::scheme::Scheme;
use crate::simd::{Element, Job, Pack, Simd};
use crate::walk::Walk;

/// After how many steps a block's walkers are checked for NaN and runaway; a hit is traced back to its step.
const CHECK_EVERY: u64 = 64;

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
    pub tally: &'a mut Tally,
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
        let Plan { noise, metric, substeps, .. } = self.plan;
        let mut walk = Walk::<S, T, V, Q>::new(self.potential, noise, metric.as_ref(), *substeps, self.tally);
        let mut sights: Vec<_> = self.plan.watches.iter().map(|watch| watch.observable.sight::<S, T>()).collect();
        let mut first: Option<Runaway> = None;
        for block in &mut *self.blocks {
            walk.load(block.first, &block.state);
            self.plan.aim(block, walk.tally);
            let runaway = cross(self.plan, self.scheme, &mut walk, &mut sights, block, self.steps.clone());
            walk.store(&mut block.state);
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
    sights: &mut [Sight<'_, S, T>],
    block: &mut Block<T>,
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
    scheme.begin(walk, steps.start);
    let mut next_look = plan.next_look(steps.start);
    let mut stride = CHECK_EVERY;
    let mut from = steps.start;
    while from < steps.end {
        let to = steps.end.min(from + stride);
        start.copy_from_slice(&walk.x);
        for step in from..to {
            scheme.advance(walk, step, plan.step);
            if step + 1 == next_look {
                walk.tally.settle();
                for (i, (watch, column)) in plan.watches.iter().zip(&mut block.columns).enumerate() {
                    if plan.is_due(watch, next_look) {
                        watch.see::<S, T, V>(i, walk.potential, &walk.x, &mut sights[i], column, walk.tally);
                    }
                }
                next_look = plan.next_look(next_look);
            }
        }
        if let Some(walker) = walk.runaway(&block.live, plan.bound) {
            if to - from == 1 {
                // The next block may be of another size.
                walk.tally.settle();
                return Some(Runaway { step: to, walker: block.first + walker as u64 });
            }
            // Repeats the steps since the last check one by one. What observers see twice goes the way of the whole run.
            stride = 1;
            walk.x.copy_from_slice(&start);
            scheme.begin(walk, from);
            continue;
        }
        collect_accepted(walk, block);
        from = to;
    }
    walk.tally.settle();
    None
}

/// Adds the packs' counts of accepted proposals to the block's.
#[inline(always)]
fn collect_accepted<S: Simd, T: Element, V: Potential, Q>(walk: &mut Walk<'_, S, T, V, Q>, block: &mut Block<T>) {
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
