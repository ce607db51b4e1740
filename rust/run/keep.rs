//! What a run keeps: what an earlier part kept is handed to the blocks, and what all blocks kept is gathered, walker by walker.

use rayon::ThreadPool;
use rayon::prelude::*;

use super::block::Block;
use super::{Acceptance, Plan};
use crate::dynamics::gauge::Death;
use crate::error::{Error, Result};
use crate::observe::{Histogram, Keep};
use crate::simd::Element;

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

/// Those of all blocks, in the order of the walkers.
pub fn deaths_of<T>(blocks: &[Block<T>]) -> Vec<Death> {
    let mut deaths: Vec<Death> = blocks.iter().flat_map(|block| block.deaths.iter().copied()).collect();
    deaths.sort_unstable();
    deaths
}

/// Hands the sums of an earlier part of the run, (walkers, order + 1) in C order, back to the walkers.
pub fn restore_sums<T>(plan: &Plan, blocks: &mut [Block<T>], sums_before: &[Vec<f64>]) -> Result<()> {
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
pub fn restore_acceptance<T>(plan: &Plan, blocks: &mut [Block<T>], before: &[Acceptance]) -> Result<()> {
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
pub fn gather<T: Element>(blocks: &[Block<T>], dim: usize, pool: Option<&ThreadPool>) -> Vec<T> {
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
pub fn collect<T: Copy>(plan: &Plan, blocks: &[Block<T>], totals: &[u64]) -> Vec<Kept<T>> {
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
