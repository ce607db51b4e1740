//! A run: settings in, blocks cut, steps made in epochs short enough to stop for progress and Ctrl-C, results merged.

mod acceptance;
mod advance;
mod between;
mod block;
mod keep;
mod pool;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::error::{Cause, Error, Kind, Result};
use crate::metric::Metric;
use crate::noise::{ALIGNMENT, BoxMuller, GROUP, Noise, Precision};
use crate::observe::{Histogram, Keep, Tally, Watch};
use crate::potential::Potential;
use crate::scheme::Scheme;
use crate::simd::{Element, Level};
use crate::walk::Step;
pub use acceptance::Acceptance;
use advance::{Advance, Runaway};
use block::Block;
use keep::collect;
pub use keep::{Before, Kept, Outcome, Room};
use pool::Task;

/// Numbers that are laid out, or moved, before the caller is heard.
const PIECE: usize = 1 << 20;

/// The caller hears from a run about this often; a third of the promise for Ctrl-C.
const EPOCH: Duration = Duration::from_millis(50);

/// What a run does, apart from its potential and scheme.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Step size and temperature.
    pub step: Step,
    /// The random function.
    pub noise: Noise,
    /// The metric of the parameters, if it is not the Euclidean one.
    pub metric: Option<Metric>,
    /// Each step's noise is the normalised sum over this many finer steps, so that runs with the same key and different
    /// step sizes can share a Brownian path.
    pub substeps: u64,
    /// Numbers of the walkers.
    pub walkers: Range<u64>,
    /// Numbers of the steps to make.
    pub steps: Range<u64>,
    /// Observers look after this many steps, counted from step 0.
    pub burn_in: u64,
    /// What is watched.
    pub watches: Vec<Watch>,
    /// Walker w counts into group w % groups.
    pub groups: u64,
    /// A coordinate beyond this has run away.
    pub bound: f64,
    /// Threads to use.
    pub threads: usize,
    /// Runs of fewer walker-steps wake no other thread.
    pub alone_below: u64,
    /// Instruction set to use.
    pub level: Level,
    /// Walkers in a block.
    pub block: usize,
}

impl Plan {
    /// The walkers and those that fill up the packs at both ends; the room for a run's states is for all of them.
    #[must_use]
    pub fn aligned(&self) -> Range<u64> {
        let alignment = ALIGNMENT as u64;
        self.walkers.start / alignment * alignment..self.walkers.end.next_multiple_of(alignment)
    }

    /// The first observed step after `step`; `u64::MAX` if there is none.
    fn next_look(&self, step: u64) -> u64 {
        let since = step.saturating_sub(self.burn_in);
        let next = self.watches.iter().filter_map(|watch| watch.looks.next(since)).min();
        next.map_or(u64::MAX, |next| self.burn_in.saturating_add(next))
    }

    /// The watches that see every step after this one, if a scheme may count for them: there is one, and it is plain.
    fn glance(&self, step: u64) -> Option<(Histogram, usize)> {
        match &self.watches[..] {
            [watch] if step >= self.burn_in => watch.plain(),
            _ => None,
        }
    }

    fn is_due(&self, watch: &Watch, step: u64) -> bool {
        step > self.burn_in && watch.looks.is_due(step - self.burn_in)
    }

    /// Finds the first slot of each walker's group for every histogram; walkers that are not live count into a group of
    /// their own, the last.
    fn aim<T>(&self, block: &Block<T>, tally: &mut Tally) {
        for (i, (watch, table)) in self.watches.iter().zip(self.tables()).enumerate() {
            let Keep::Histogram(histogram, _) = &watch.keep else { continue };
            let slots = (0..block.walkers).map(|walker| {
                let is_live = block.live.contains(&walker);
                let group = if is_live { (block.first + walker as u64) % self.groups } else { self.groups };
                (table.start + group as usize * histogram.stride()) as i32
            });
            tally.aim(i, slots);
        }
    }

    /// The part of a worker's table that belongs to each watch.
    fn tables(&self) -> impl Iterator<Item = Range<usize>> {
        self.watches.iter().scan(0, |end, watch| {
            let start = *end;
            if let Keep::Histogram(histogram, _) = &watch.keep {
                *end += (self.groups as usize + 1) * histogram.stride();
            }
            Some(start..*end)
        })
    }

    /// Slots of all histograms together, for every group.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.tables().last().map_or(0, |table| table.end)
    }

    /// Walkers in a block: as many as asked for, unless some threads would have none, or the next lower power of two, since the
    /// draws of a block are those of a group.
    fn block_size(&self) -> usize {
        let share = (self.walkers.end - self.walkers.start).div_ceil(self.threads as u64);
        let size = self.block.min(usize::try_from(share).unwrap_or(usize::MAX)).clamp(ALIGNMENT, GROUP);
        1 << size.ilog2()
    }

    /// Whether waking other threads would take longer than they could save.
    fn is_work_for_one(&self) -> bool {
        let walker_steps = (self.walkers.end - self.walkers.start).saturating_mul(self.steps.end - self.steps.start);
        self.threads == 1 || walker_steps < self.alone_below
    }
}

/// Runs a plan in a `room`. `go_on` hears how many steps were made, also while walkers are laid out and amid the steps of many,
/// and says whether to go on.
///
/// # Errors
/// If a walker diverges, or room, states or what was kept `before` do not belong to the walkers and watches.
pub fn run<T, V, C, Q>(
    plan: &Plan,
    potential: &V,
    scheme: C,
    _precision: Q,
    before: Before<T>,
    room: Room<T>,
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<Outcome<T>>
where
    T: Element + BoxMuller,
    V: Potential,
    C: Scheme,
    Q: Precision<T>,
{
    let precision = PhantomData::<Q>;
    let advance = |blocks: &mut [Block<T>], tally: &mut Tally, steps, is_last| {
        plan.level.run(Advance { plan, potential, scheme, precision, blocks, tally, steps, is_last })
    };
    let kernel = Kernel {
        dim: potential.dim(),
        is_metropolis: scheme.is_metropolis(),
        advance: &advance,
        check: &|| potential.check(),
    };
    drive(plan, &kernel, before, room, &mut go_on)
}

/// Potential, scheme and noise behind one call, so that what is around the loop is compiled once for all of them.
struct Kernel<'a, T> {
    dim: usize,
    is_metropolis: bool,
    advance: &'a Advancing<'a, T>,
    check: &'a (dyn Fn() -> Result<()> + Sync),
}

/// Moves some blocks through some steps, which are their last or not.
type Advancing<'a, T> = dyn Fn(&mut [Block<T>], &mut Tally, Range<u64>, bool) -> Option<Runaway> + Sync + 'a;

/// Cuts blocks, has them moved epoch by epoch, and gathers what they keep.
fn drive<T: Element>(
    plan: &Plan,
    kernel: &Kernel<T>,
    before: Before<T>,
    room: Room<T>,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Outcome<T>> {
    let dim = kernel.dim;
    let numbers = Block::<T>::numbers(&plan.walkers, plan.block_size());
    let is_alone = plan.is_work_for_one() || numbers.end - numbers.start == 1;
    let pool = if is_alone { None } else { Some(pool::with_threads(plan.threads)?) };
    before.check(plan, dim, kernel.is_metropolis, &room)?;
    let mut blocks = Block::cut(plan, dim, room);
    let kept: usize = plan.watches.iter().map(Watch::sums).sum();
    let piece = (PIECE / plan.block_size() / (dim + kept)).max(1);
    for (i, blocks) in blocks.chunks_mut(piece).enumerate() {
        if i > 0 && !go_on(0) {
            return Ok(Outcome::default());
        }
        each(blocks, pool.as_deref(), &|block| block.begin(plan, before, dim));
    }
    let workers: Vec<Mutex<Tally>> =
        (0..plan.threads).map(|_| Mutex::new(Tally::new(plan.watches.len(), plan.slots()))).collect();
    let mut totals = vec![0; plan.slots()];

    let mut epoch = Epoch::new(plan, dim);
    let mut done = plan.steps.start;
    let mut is_stopped = false;
    while done < plan.steps.end && !is_stopped {
        let steps = done..plan.steps.end.min(done.saturating_add(epoch.steps));
        let started = Instant::now();
        let mut first: Option<Runaway> = None;
        for (i, blocks) in blocks.chunks_mut(piece).enumerate() {
            is_stopped = is_stopped || i > 0 && !go_on(done - plan.steps.start);
            if is_stopped && done == plan.steps.start {
                // Nobody would know of a step that some have made.
                return Ok(Outcome::default());
            }
            let is_last = is_stopped || steps.end == plan.steps.end;
            let visit = |(blocks, worker): (&mut [Block<T>], usize)| {
                // A worker that panicked has poisoned a table that nobody will read: the panic is passed on.
                let mut tally = workers[worker].lock().unwrap_or_else(PoisonError::into_inner);
                (kernel.advance)(blocks, &mut tally, steps.clone(), is_last)
            };
            let share = pool::share(blocks.len(), pool.as_deref());
            let runaway = match &pool {
                None => visit((blocks, 0)),
                Some(pool) => pool.install(|| {
                    let shares = blocks.par_chunks_mut(share);
                    shares
                        .map(|blocks| visit((blocks, rayon::current_thread_index().unwrap_or(0))))
                        .flatten()
                        .min_by_key(Runaway::order)
                }),
            };
            first = [first, runaway].into_iter().flatten().min_by_key(Runaway::order);
        }
        if let Some(runaway) = first {
            (kernel.check)()?;
            return Err(diverged(runaway, plan, T::MANTISSA));
        }
        for worker in &workers {
            worker.lock().unwrap_or_else(PoisonError::into_inner).merge_into(&mut totals);
        }
        done = steps.end;
        epoch.adapt(started.elapsed());
        is_stopped = is_stopped || !go_on(done - plan.steps.start);
    }

    each(&mut blocks, pool.as_deref(), &|block| block.end(dim));
    let first = (plan.walkers.start - plan.aligned().start) as usize;
    Ok(Outcome {
        rows: first..first + before.states.len() / dim,
        kept: collect(plan, &blocks, &totals, pool.as_deref()),
        steps: done - plan.steps.start,
        deaths: blocks.iter().flat_map(|block| block.deaths.iter().copied()).collect(),
    })
}

/// Does something with each of some blocks.
fn each<T: Element>(blocks: &mut [Block<T>], pool: Option<&ThreadPool>, work: &(dyn Fn(&mut Block<T>) + Sync)) {
    let share = pool::share(blocks.len(), pool);
    let tasks = blocks.chunks_mut(share).map(|blocks| -> Task { Box::new(|| blocks.iter_mut().for_each(work)) });
    pool::all(tasks.collect(), pool);
}

/// How many steps fit between two words with the caller.
struct Epoch {
    steps: u64,
    most: u64,
}

impl Epoch {
    fn new(plan: &Plan, dim: usize) -> Self {
        let walkers = plan.walkers.end - plan.walkers.start;
        // Counters of 32 bits between two merges: a group's walkers must not overflow them.
        let most = u64::from(u32::MAX) / walkers.div_ceil(plan.groups).max(1);
        let numbers = walkers.max(1).saturating_mul(dim as u64);
        Self { steps: (2_000_000 / numbers.max(1)).clamp(1, most.max(1)), most: most.max(1) }
    }

    fn adapt(&mut self, took: Duration) {
        let ratio = (EPOCH.as_secs_f64() / took.as_secs_f64().max(1e-9)).clamp(0.1, 4.0);
        self.steps = ((self.steps as f64 * ratio) as u64).clamp(1, self.most);
    }
}

/// A number with no more zeros than are read at a glance.
fn shown(x: f64) -> String {
    if (1e-4..1e6).contains(&x.abs()) { x.to_string() } else { format!("{x:e}") }
}

fn diverged(Runaway { step, walker, cause, place }: Runaway, plan: &Plan, mantissa: u32) -> Error {
    let step_size = shown(plan.step.h);
    let wider = if mantissa > 30 { "" } else { ", or dtype='float64'" };
    let message = match cause {
        Cause::OutOfRange => format!(
            "walker {walker} diverged at step {step}: a coordinate became NaN or exceeded {:e}. The step size {step_size} is too large \
             for this potential where the walker was, or the walker started too far out; take a smaller step_size or nearer \
             initial states",
            plan.bound
        ),
        Cause::TooFarOut => format!(
            "walker {walker} diverged at step {step}: it came so far out that no way leads back to the slice. The step size {step_size} is \
             too large for this potential where the walker was, or the walker started too far out; take a smaller step_size or \
             nearer initial states"
        ),
        Cause::NoReturn => format!(
            "walker {walker} found no way back to the slice at step {step}: its orbit does not meet the slice, or only too far \
             away for this precision; take a smaller step_size (now {step_size}), another level{wider}"
        ),
        Cause::NoProjection => format!(
            "walker {walker} found no way back to the slice at step {step}: the normals where it was do not lead there. The \
             step size {step_size} is too large for the curvature of the slice; take a smaller one, or scheme='mala', which refuses \
             such steps"
        ),
        Cause::ReachedZero => format!(
            "walker {walker} reached zero at step {step}, the tip of the slice, and at_zero='error' forbids that; take \
             at_zero='absorb', or a level other than 0"
        ),
    };
    Error { kind: Kind::Diverged { walker, step, cause, place }, message }
}
