//! The loop, written once: a block's walkers make many steps in the packs of one instruction set, and observers look on.

use std::marker::PhantomData;
use std::ops::Range;

use super::Plan;
use super::acceptance::{Note, Recall};
use super::between::{Begin, Look, Lost};
use super::block::Block;
use crate::dynamics::gauge::Death;
use crate::error::{Cause, Place};
use crate::noise::{BoxMuller, Precision, WINDOW};
use crate::observe::{Tally, View};
use crate::potential::Potential;
use crate::real::Real;
use crate::scheme::Scheme;
use crate::simd::{Element, Job, Simd};
use crate::walk::Walk;

/// After how many steps a block's walkers are checked for NaN and runaway; a hit is traced back to its step. As many as a scheme
/// can make at once.
const CHECK_EVERY: u64 = WINDOW;

/// A walker that diverged, and the step after which it had.
#[derive(Clone, Copy, Debug)]
pub struct Runaway {
    pub step: u64,
    pub walker: u64,
    pub cause: Cause,
    pub place: Place,
}

impl Runaway {
    /// What came first is reported, whatever the order in which blocks were moved.
    pub fn order(&self) -> (u64, u64) {
        (self.step, self.walker)
    }
}

/// Moves some blocks through some steps.
pub struct Advance<'a, 'r, T, V, C, Q> {
    pub plan: &'a Plan,
    pub potential: &'a V,
    pub scheme: C,
    pub precision: PhantomData<Q>,
    pub blocks: &'a mut [Block<'r, T>],
    pub tally: &'a mut Tally,
    pub steps: Range<u64>,
    /// Whether they are handed back then.
    pub is_last: bool,
}

impl<T, V, C, Q> Job for Advance<'_, '_, T, V, C, Q>
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
        let mut room = self.scheme.room::<S, T>();
        let mut views: Vec<_> = self.plan.watches.iter().map(|watch| watch.view::<S, T>()).collect();
        let mut first: Option<Runaway> = None;
        for block in &mut *self.blocks {
            walk.load(block.first, &block.live, block.state);
            self.plan.aim(block, walk.tally);
            if self.scheme.is_metropolis() {
                S::call(Recall::<S, T> { block, counts: &mut walk.counts });
            }
            let runaway = cross(self.plan, self.scheme, &mut room, &mut walk, &mut views, block, self.steps.clone());
            walk.store(block.state);
            if self.is_last {
                // While it is in a cache.
                block.end(self.potential.dim());
            }
            first = [first, runaway].into_iter().flatten().min_by_key(Runaway::order);
        }
        first
    }
}

/// Moves one block, watching and checking it.
#[inline(always)]
fn cross<S, T, V, C, Q>(
    plan: &Plan,
    scheme: C,
    room: &mut C::Room<S, T>,
    walk: &mut Walk<'_, S, T, V, Q>,
    views: &mut [View<'_, S, T>],
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
    let dim = walk.potential.dim();
    // Where walkers are at the beginning is still in the room.
    let mut start = Vec::new();
    S::call(Begin { scheme, room, walk, step: steps.start });
    let mut next_look = plan.next_look(steps.start);
    let mut stride = CHECK_EVERY;
    let mut from = steps.start;
    while from < steps.end {
        // Steps that a scheme makes at once end where these do.
        let to = steps.end.min(from.saturating_add(stride - from % stride));
        if from > steps.start {
            start.clone_from(&walk.x);
        }
        let mut step = from;
        while step < to {
            if step == plan.burn_in {
                // What was refused so far counts only if it goes on.
                for counts in &mut walk.counts {
                    counts.most_refused = Real::constant(0.0);
                }
            }
            let glance = plan.glance(step);
            let until = if glance.is_some() { to } else { to.min(next_look) };
            if scheme.leap(walk, step..until, plan.step, glance) {
                step = until;
                if glance.is_some() {
                    next_look = plan.next_look(step);
                    continue;
                }
            } else {
                scheme.advance(room, walk, step, plan.step);
                step += 1;
            }
            if step == next_look {
                let (x, columns, tally) = (&walk.x[..], &mut block.columns[..], &mut *walk.tally);
                S::call(Look { plan, step: next_look, potential: walk.potential, x, views, columns, tally });
                next_look = plan.next_look(next_look);
            }
        }
        if let Some(walker) = S::call(Lost::<S, T> { x: &walk.x, dim, live: &block.live, bound: plan.bound }) {
            if from == steps.start {
                Walk::<S, T, V, Q>::read(&mut start, block.state);
            }
            if to - from == 1 {
                // The next block may be of another size.
                walk.tally.settle();
                let cause = walk.failures.iter().find(|failure| failure.0 == walker).map_or(Cause::OutOfRange, |f| f.1);
                let (cause, place) = walk.blame(walker, &start, cause);
                return Some(Runaway { step: to, walker: block.first + walker as u64, cause, place });
            }
            // Repeats the steps since the last check one by one. What observers see twice goes the way of the whole run.
            stride = 1;
            walk.x.copy_from_slice(&start);
            walk.failures.clear();
            S::call(Begin { scheme, room, walk, step: from });
            continue;
        }
        if scheme.is_metropolis() {
            S::call(Note::<S, T> { block, counts: &mut walk.counts });
        }
        walk.failures.clear();
        from = to;
    }
    walk.tally.settle();
    let is_live = |death: &&Death| block.live.contains(&(death.walker as usize));
    let number = |death: &Death| Death { walker: block.first + death.walker, ..*death };
    block.deaths.extend(walk.deaths.iter().filter(is_live).map(number));
    None
}
