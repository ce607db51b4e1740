//! A run: settings in, blocks cut, steps made in epochs short enough to stop for progress and Ctrl-C, results merged.

mod advance;
mod block;
mod pool;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::error::{Error, Kind, Result};
use crate::metric::Metric;
use crate::noise::{BoxMuller, Noise, Precision};
use crate::observe::{Keep, Tally, Watch};
use crate::potential::Potential;
use crate::scheme::Scheme;
use crate::simd::{Element, Level};
use crate::walk::Step;
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
        let next = |every: u64| self.burn_in.saturating_add((since / every + 1).saturating_mul(every));
        self.watches.iter().map(|watch| next(watch.every)).min().unwrap_or(u64::MAX)
    }

    fn is_due(&self, watch: &Watch, step: u64) -> bool {
        step > self.burn_in && (step - self.burn_in).is_multiple_of(watch.every)
    }

    /// Finds the first slot of each walker's group for every histogram; walkers that are not live count into a group of
    /// their own, the last.
    fn aim<T>(&self, block: &Block<T>, tally: &mut Tally) {
        for (i, (watch, table)) in self.watches.iter().zip(self.tables()).enumerate() {
            let Keep::Histogram(histogram) = &watch.keep else { continue };
            let firsts = (0..block.walkers).map(|walker| {
                let is_live = block.live.contains(&walker);
                let group = if is_live { (block.first + walker as u64) % self.groups } else { self.groups };
                (table.start + group as usize * histogram.stride()) as i32
            });
            tally.aim(i, firsts);
        }
    }

    /// The part of a worker's table that belongs to each watch.
    fn tables(&self) -> impl Iterator<Item = Range<usize>> {
        self.watches.iter().scan(0, |end, watch| {
            let start = *end;
            if let Keep::Histogram(histogram) = &watch.keep {
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
    /// Proposals accepted by all walkers together.
    pub accepted: u64,
}

/// What one watch kept.
#[derive(Clone, Debug)]
pub enum Kept<T> {
    /// Counts, (groups, slots) in C order.
    Counts(Vec<u64>),
    /// Sums, (walkers, order) in C order.
    Sums(Vec<f64>),
    /// Values, (walkers, draws) in C order.
    Trace(Vec<T>),
}

/// Runs a plan. `sums_before` continue the moments of an earlier part, a vector for each watch; `go_on` hears how many
/// steps were made and says whether to make more.
///
/// # Errors
/// If a walker diverges, or `sums_before` do not belong to the watches.
pub fn run<T, V, C, Q>(
    plan: &Plan,
    potential: &V,
    scheme: C,
    _precision: Q,
    states: &[T],
    sums_before: &[Vec<f64>],
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<Outcome<T>>
where
    T: Element + BoxMuller,
    V: Potential,
    C: Scheme,
    Q: Precision<T>,
{
    let dim = potential.dim();
    let mut blocks = Block::cut(plan.walkers.clone(), plan.block_size(), states, dim, &plan.watches);
    let alone = plan.is_work_for_one() || blocks.len() == 1;
    restore_sums(plan, &mut blocks, sums_before)?;
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
        let runaway = if alone {
            visit((&mut blocks, 0))
        } else {
            let share = blocks.len().div_ceil(8 * plan.threads);
            pool::with_threads(plan.threads)?.install(|| {
                let visits = blocks
                    .par_chunks_mut(share)
                    .map(|blocks| visit((blocks, rayon::current_thread_index().unwrap_or(0))));
                visits.flatten().min()
            })
        };
        if let Some(runaway) = runaway {
            potential.check()?;
            return Err(diverged(runaway, plan));
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
        states: blocks.iter().flat_map(|block| block.states(dim)).collect(),
        kept: collect(plan, &blocks, &totals),
        steps: done - plan.steps.start,
        accepted: blocks.iter().map(|block| block.accepted).sum(),
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

fn diverged(Runaway { step, walker }: Runaway, plan: &Plan) -> Error {
    Error {
        kind: Kind::Diverged { walker, step },
        message: format!(
            "walker {walker} diverged at step {step}: a coordinate became NaN or exceeded {:e}. The step size {} is too large \
             for this potential where the walker was, or the walker started too far out; take a smaller step_size or nearer \
             initial states",
            plan.bound, plan.step.h
        ),
    }
}

/// Hands the sums of an earlier part of the run, (walkers, order) in C order, back to the walkers.
fn restore_sums<T>(plan: &Plan, blocks: &mut [Block<T>], sums_before: &[Vec<f64>]) -> Result<()> {
    for (i, (watch, sums)) in plan.watches.iter().zip(sums_before).enumerate() {
        let Keep::Moments(moments) = &watch.keep else { continue };
        if sums.len() as u64 != (plan.walkers.end - plan.walkers.start) * moments.order as u64 {
            return Err(Error::invalid(format!("sums of watch {i}: expected {} powers of each walker", moments.order)));
        }
        let mut rows = sums.chunks_exact(moments.order);
        for block in &mut *blocks {
            for (walker, row) in block.live.clone().zip(&mut rows) {
                for (power, &sum) in row.iter().enumerate() {
                    block.columns[i].sums[power * block.walkers + walker] = sum;
                }
            }
        }
    }
    Ok(())
}

/// Gathers what the watches kept, walker by walker.
fn collect<T: Copy>(plan: &Plan, blocks: &[Block<T>], totals: &[u64]) -> Vec<Kept<T>> {
    let kept = plan.watches.iter().zip(plan.tables()).enumerate().map(|(i, (watch, table))| match &watch.keep {
        Keep::Histogram(histogram) => Kept::Counts(totals[table][..plan.groups as usize * histogram.stride()].to_vec()),
        Keep::Moments(_) => Kept::Sums(by_walker(blocks, |block| &block.columns[i].sums)),
        Keep::Trace => Kept::Trace(by_walker(blocks, |block| &block.columns[i].trace)),
    });
    kept.collect()
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
