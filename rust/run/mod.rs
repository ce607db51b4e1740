//! A run: settings in, blocks cut, steps made in epochs short enough to stop for progress and Ctrl-C, results merged.

mod acceptance;
mod advance;
mod block;
mod pool;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::dynamics::gauge::Death;
use crate::error::{Cause, Error, Kind, Result};
use crate::metric::Metric;
use crate::noise::{BoxMuller, Noise, Precision};
use crate::observe::{Histogram, Keep, Tally, Watch};
use crate::potential::Potential;
use crate::scheme::Scheme;
use crate::simd::{Element, Level};
use crate::walk::Step;
pub use acceptance::Acceptance;
use advance::{Advance, Runaway};
use block::Block;

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
    /// The first observed step after `step`; `u64::MAX` if there is none.
    fn next_look(&self, step: u64) -> u64 {
        let since = step.saturating_sub(self.burn_in);
        let next = self.watches.iter().filter_map(|watch| watch.looks.next(since)).min();
        next.map_or(u64::MAX, |next| self.burn_in.saturating_add(next))
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

    /// Walkers in a block: as asked for, unless some threads would have none.
    fn block_size(&self) -> usize {
        let share = (self.walkers.end - self.walkers.start).div_ceil(self.threads as u64);
        self.block.min(usize::try_from(share).unwrap_or(usize::MAX))
    }

    /// Whether waking other threads would take longer than they could save.
    fn is_work_for_one(&self) -> bool {
        let walker_steps = (self.walkers.end - self.walkers.start).saturating_mul(self.steps.end - self.steps.start);
        self.threads == 1 || walker_steps < self.alone_below
    }
}

/// What a run hands back.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    /// States after the last step, (walkers, dim) in C order.
    pub states: Vec<T>,
    /// For each watch what it kept.
    pub kept: Vec<Kept<T>>,
    /// Steps made: all of them, unless the caller stopped the run.
    pub steps: u64,
    /// What became of the proposals of each walker; nothing if there are none.
    pub acceptance: Vec<Acceptance>,
    /// Who reached zero, in the order of the walkers.
    pub deaths: Vec<Death>,
}

/// What one watch kept.
#[derive(Clone, Debug)]
pub enum Kept<T> {
    /// Counts, (groups, slots) in C order: underflow, the bins, overflow, NaN and, under a condition, elsewhere.
    Counts(Vec<u64>),
    /// Sums and pivot, (walkers, order + 1) in C order.
    Sums(Vec<f64>),
    /// Values, (walkers, draws) in C order; states, (walkers, draws, dim).
    Trace(Vec<T>),
}

/// What an earlier part of a run has kept that this part goes on with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a> {
    /// The sums of powers, a vector for each watch; nothing at the beginning.
    pub sums: &'a [Vec<f64>],
    /// What became of the proposals of each walker; nothing at the beginning.
    pub acceptance: &'a [Acceptance],
}

/// Runs a plan. `go_on` hears how many steps were made and says whether to make more.
///
/// # Errors
/// If a walker diverges, or what was kept `before` does not belong to the walkers and watches.
pub fn run<T, V, C, Q>(
    plan: &Plan,
    potential: &V,
    scheme: C,
    _precision: Q,
    states: &[T],
    before: Before,
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<Outcome<T>>
where
    T: Element + BoxMuller,
    V: Potential,
    C: Scheme,
    Q: Precision<T>,
{
    let dim = potential.dim();
    let numbers = Block::<T>::numbers(&plan.walkers, plan.block_size());
    let is_alone = plan.is_work_for_one() || numbers.end - numbers.start == 1;
    let pool = if is_alone { None } else { Some(pool::with_threads(plan.threads)?) };
    let cut = |i| Block::cut(i, &plan.walkers, plan.block_size(), states, dim, &plan.watches);
    let mut blocks: Vec<_> = match &pool {
        None => numbers.map(cut).collect(),
        Some(pool) => pool.install(|| numbers.into_par_iter().map(cut).collect()),
    };
    restore_sums(plan, &mut blocks, before.sums)?;
    if scheme.is_metropolis() {
        restore_acceptance(plan, &mut blocks, before.acceptance)?;
    }
    let workers: Vec<Mutex<Tally>> =
        (0..plan.threads).map(|_| Mutex::new(Tally::new(plan.watches.len(), plan.slots()))).collect();
    let mut totals = vec![0; plan.slots()];

    let mut epoch = Epoch::new(plan);
    let mut done = plan.steps.start;
    while done < plan.steps.end {
        let steps = done..plan.steps.end.min(done.saturating_add(epoch.steps));
        let started = Instant::now();
        let visit = |(blocks, worker): (&mut [Block<T>], usize)| {
            // A worker that panicked has poisoned a table that nobody will read: the panic is passed on.
            let mut tally = workers[worker].lock().unwrap_or_else(PoisonError::into_inner);
            let (steps, precision) = (steps.clone(), PhantomData::<Q>);
            plan.level.run(Advance { plan, potential, scheme, precision, blocks, tally: &mut tally, steps })
        };
        let runaway = match &pool {
            None => visit((&mut blocks, 0)),
            Some(pool) => {
                let share = blocks.len().div_ceil(8 * plan.threads);
                pool.install(|| {
                    let shares = blocks.par_chunks_mut(share);
                    shares
                        .map(|blocks| visit((blocks, rayon::current_thread_index().unwrap_or(0))))
                        .flatten()
                        .min_by_key(Runaway::order)
                })
            }
        };
        if let Some(runaway) = runaway {
            potential.check()?;
            return Err(diverged(runaway, plan, T::MANTISSA));
        }
        for worker in &workers {
            worker.lock().unwrap_or_else(PoisonError::into_inner).merge_into(&mut totals);
        }
        done = steps.end;
        epoch.adapt(started.elapsed());
        if !go_on(done - plan.steps.start) {
            break;
        }
    }

    Ok(Outcome {
        states: gather(&blocks, dim, pool.as_deref()),
        kept: collect(plan, &blocks, &totals),
        steps: done - plan.steps.start,
        acceptance: blocks.iter().flat_map(|block| block.acceptance.iter().copied()).collect(),
        deaths: deaths_of(&blocks),
    })
}

/// How many steps fit between two words with the caller.
struct Epoch {
    steps: u64,
    most: u64,
}

impl Epoch {
    fn new(plan: &Plan) -> Self {
        let walkers = plan.walkers.end - plan.walkers.start;
        // Counters of 32 bits between two merges: a group's walkers must not overflow them.
        let most = u64::from(u32::MAX) / walkers.div_ceil(plan.groups).max(1);
        Self { steps: (1_000_000 / walkers.max(1)).clamp(1, most.max(1)), most: most.max(1) }
    }

    fn adapt(&mut self, took: Duration) {
        let ratio = (EPOCH.as_secs_f64() / took.as_secs_f64().max(1e-9)).clamp(0.1, 4.0);
        self.steps = ((self.steps as f64 * ratio) as u64).clamp(1, self.most);
    }
}

fn diverged(Runaway { step, walker, cause, place }: Runaway, plan: &Plan, mantissa: u32) -> Error {
    let wider = if mantissa > 30 { "" } else { ", or dtype='float64'" };
    let message = match cause {
        Cause::OutOfRange => format!(
            "walker {walker} diverged at step {step}: a coordinate became NaN or exceeded {:e}. The step size {} is too large \
             for this potential where the walker was, or the walker started too far out; take a smaller step_size or nearer \
             initial states",
            plan.bound, plan.step.h
        ),
        Cause::TooFarOut => format!(
            "walker {walker} diverged at step {step}: it came so far out that no way leads back to the slice. The step size {} is \
             too large for this potential where the walker was, or the walker started too far out; take a smaller step_size or \
             nearer initial states",
            plan.step.h
        ),
        Cause::NoReturn => format!(
            "walker {walker} found no way back to the slice at step {step}: its orbit does not meet the slice, or only too far \
             away for this precision; take a smaller step_size (now {}), another level{wider}",
            plan.step.h
        ),
        Cause::NoProjection => format!(
            "walker {walker} found no way back to the slice at step {step}: the normals where it was do not lead there. The \
             step size {} is too large for the curvature of the slice; take a smaller one, or scheme='mala', which refuses \
             such steps",
            plan.step.h
        ),
        Cause::ReachedZero => format!(
            "walker {walker} reached zero at step {step}, the tip of the slice, and at_zero='error' forbids that; take \
             at_zero='absorb', or a level other than 0"
        ),
    };
    Error { kind: Kind::Diverged { walker, step, cause, place }, message }
}

/// Those of all blocks, in the order of the walkers.
fn deaths_of<T>(blocks: &[Block<T>]) -> Vec<Death> {
    let mut deaths: Vec<Death> = blocks.iter().flat_map(|block| block.deaths.iter().copied()).collect();
    deaths.sort_unstable();
    deaths
}

/// Hands the sums of an earlier part of the run, (walkers, order + 1) in C order, back to the walkers.
fn restore_sums<T>(plan: &Plan, blocks: &mut [Block<T>], sums_before: &[Vec<f64>]) -> Result<()> {
    for (i, (watch, sums)) in plan.watches.iter().zip(sums_before).enumerate() {
        let Keep::Moments(moments) = &watch.keep else { continue };
        if sums.len() as u64 != (plan.walkers.end - plan.walkers.start) * moments.width() as u64 {
            return Err(Error::invalid(format!(
                "sums of watch {i}: expected {} numbers of each walker",
                moments.width()
            )));
        }
        let mut rows = sums.chunks_exact(moments.width());
        for block in &mut *blocks {
            for (walker, row) in block.live.clone().zip(&mut rows) {
                for (column, &sum) in row.iter().enumerate() {
                    block.columns[i].sums[column * block.walkers + walker] = sum;
                }
            }
        }
    }
    Ok(())
}

/// Hands what became of the proposals of an earlier part of the run back to the walkers.
fn restore_acceptance<T>(plan: &Plan, blocks: &mut [Block<T>], before: &[Acceptance]) -> Result<()> {
    if !before.is_empty() && before.len() as u64 != plan.walkers.end - plan.walkers.start {
        return Err(Error::invalid("acceptance: expected the counts of each walker"));
    }
    let mut rows = before.iter().copied();
    for block in blocks {
        block.acceptance = block.live.clone().map(|_| rows.next().unwrap_or_default()).collect();
    }
    Ok(())
}

/// The states of all walkers, (walkers, dim) in C order.
fn gather<T: Element>(blocks: &[Block<T>], dim: usize, pool: Option<&ThreadPool>) -> Vec<T> {
    let walkers: usize = blocks.iter().map(|block| block.live.len()).sum();
    let mut states = vec![T::default(); walkers * dim];
    let mut rest = &mut states[..];
    let rooms = blocks.iter().map(|block| rest.split_off_mut(..block.live.len() * dim).unwrap_or_default());
    let mut rooms: Vec<_> = blocks.iter().zip(rooms).collect();
    match pool {
        None => rooms.iter_mut().for_each(|(block, room)| block.read(dim, room)),
        Some(pool) => pool.install(|| rooms.par_iter_mut().for_each(|(block, room)| block.read(dim, room))),
    }
    states
}

/// Gathers what the watches kept, walker by walker.
fn collect<T: Copy>(plan: &Plan, blocks: &[Block<T>], totals: &[u64]) -> Vec<Kept<T>> {
    let kept = plan.watches.iter().zip(plan.tables()).enumerate().map(|(i, (watch, table))| match &watch.keep {
        Keep::Histogram(histogram, given) => {
            Kept::Counts(counts(histogram, given.is_some(), plan.groups, &totals[table]))
        }
        Keep::Moments(_) => Kept::Sums(by_walker(blocks, |block| &block.columns[i].sums)),
        Keep::Trace | Keep::States => Kept::Trace(by_walker(blocks, |block| &block.columns[i].trace)),
    });
    kept.collect()
}

/// Counts as they are handed back: underflow, the bins, overflow, NaN and, under a condition, elsewhere.
fn counts(histogram: &Histogram, is_conditioned: bool, groups: u64, table: &[u64]) -> Vec<u64> {
    let groups = table.chunks_exact(histogram.stride()).take(groups as usize);
    let rows = groups.map(|group| {
        let (inside, last) = group.split_at(histogram.stride() - 2);
        [inside, &last[1..], &last[..usize::from(is_conditioned)]].concat()
    });
    rows.flatten().collect()
}

/// Transposes blocks' rows of walkers into a row for each walker.
fn by_walker<T, U: Copy>(blocks: &[Block<T>], rows: impl Fn(&Block<T>) -> &Vec<U>) -> Vec<U> {
    let mut gathered = Vec::new();
    for block in blocks {
        let rows = rows(block);
        for walker in block.live.clone() {
            gathered.extend(rows[walker.min(rows.len())..].iter().step_by(block.walkers));
        }
    }
    gathered
}
