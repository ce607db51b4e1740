//! What a run keeps: what an earlier part kept is handed to the blocks, and what all blocks kept is gathered, walker by walker.

use std::ops::Range;

use rayon::ThreadPool;

use super::block::Block;
use super::pool::{self, Task};
use super::{Acceptance, Plan};
use crate::dynamics::gauge::Death;
use crate::error::{Error, Result};
use crate::observe::{Column, Histogram, Keep};
use crate::simd::Element;

/// What a run hands back, besides the states in the caller's room.
#[derive(Clone, Debug, Default)]
pub struct Outcome<T> {
    /// Where in the room the states after the last step are, (walkers, dim) in C order.
    pub states: Range<usize>,
    /// For each watch what it kept.
    pub kept: Vec<Kept<T>>,
    /// Steps made: all of them, unless the caller stopped the run. If it did so before the first step, nothing was kept, and the
    /// room holds nothing.
    pub steps: u64,
    /// Who reached zero, in the order of the walkers.
    pub deaths: Vec<Death>,
}

/// The caller's room, in which a run is made: what it holds before does not matter.
#[derive(Debug)]
pub struct Room<'a, T> {
    /// For the coordinates of all walkers of [`Plan::aligned`].
    pub states: &'a mut [T],
    /// For what becomes of the proposals of each walker; nothing if the scheme makes none.
    pub acceptance: &'a mut [Acceptance],
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

/// Where a run goes on: where the walkers are, and what an earlier part has kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a, T> {
    /// Where the walkers are, (walkers, dim) in C order.
    pub states: &'a [T],
    /// The sums of powers, (walkers, order + 1) in C order for each watch; nothing at the beginning.
    pub sums: &'a [&'a [f64]],
    /// What became of the proposals of each walker; nothing at the beginning.
    pub acceptance: &'a [Acceptance],
}

impl<T> Before<'_, T> {
    /// # Errors
    /// If these, or a room, are not of the plan's walkers and watches.
    pub fn check(&self, plan: &Plan, dim: usize, is_metropolis: bool, room: &Room<T>) -> Result<()> {
        let (walkers, aligned) = ((plan.walkers.end - plan.walkers.start) as usize, plan.aligned());
        let proposing = if is_metropolis { walkers } else { 0 };
        if room.states.len() as u64 != (aligned.end - aligned.start) * dim as u64 || room.acceptance.len() != proposing
        {
            return Err(Error::invalid("room: expected one for the walkers and those that fill up the packs"));
        }
        if self.states.len() != walkers * dim {
            return Err(Error::invalid(format!("states: expected {dim} numbers of each of {walkers} walkers")));
        }
        for (i, (watch, sums)) in plan.watches.iter().zip(self.sums).enumerate() {
            let Keep::Moments(moments) = &watch.keep else { continue };
            let width = moments.width();
            if sums.len() != walkers * width {
                return Err(Error::invalid(format!("sums of watch {i}: expected {width} numbers of each walker")));
            }
        }
        if !self.acceptance.is_empty() && self.acceptance.len() != walkers {
            return Err(Error::invalid("acceptance: expected the counts of each walker"));
        }
        if self.acceptance.as_flattened().iter().any(|&count| count < 0) {
            return Err(Error::invalid("acceptance: counts are at least 0"));
        }
        Ok(())
    }
}

/// Gathers what the watches kept, walker by walker.
pub fn collect<T: Element>(
    plan: &Plan,
    blocks: &[Block<T>],
    totals: &[u64],
    pool: Option<&ThreadPool>,
) -> Vec<Kept<T>> {
    let kept = plan.watches.iter().zip(plan.tables()).enumerate().map(|(i, (watch, table))| match &watch.keep {
        Keep::Histogram(histogram, given) => {
            Kept::Counts(counts(histogram, given.is_some(), plan.groups, &totals[table]))
        }
        Keep::Moments(_) => Kept::Sums(by_walker(blocks, i, |column| &column.sums, pool)),
        Keep::Trace | Keep::States => Kept::Trace(by_walker(blocks, i, |column| &column.trace, pool)),
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
fn by_walker<T: Element, U: Copy + Default + Send>(
    blocks: &[Block<T>],
    watch: usize,
    rows: impl Fn(&Column<T>) -> &[U] + Sync,
    pool: Option<&ThreadPool>,
) -> Vec<U> {
    let width = blocks.first().map_or(0, |block| rows(&block.columns[watch]).len() / block.walkers);
    // Eight walkers at a time: a line of cache is read at once, and as many are written to.
    let transpose = |block: &Block<T>, room: &mut [U]| {
        for (walkers, room) in (block.live.start..).step_by(8).zip(room.chunks_mut(8 * width)) {
            for (place, columns) in rows(&block.columns[watch]).chunks_exact(block.walkers).enumerate() {
                for (row, &number) in room.chunks_exact_mut(width).zip(&columns[walkers..]) {
                    row[place] = number;
                }
            }
        }
    };
    gathered(blocks, width, &transpose, pool)
}

/// Gathers `width` numbers of each live walker, which `put` puts into a block's part of the room.
fn gathered<T: Element, U: Copy + Default + Send>(
    blocks: &[Block<T>],
    width: usize,
    put: &(dyn Fn(&Block<T>, &mut [U]) + Sync),
    pool: Option<&ThreadPool>,
) -> Vec<U> {
    let walkers: usize = blocks.iter().map(|block| block.live.len()).sum();
    let mut numbers = vec![U::default(); walkers * width];
    let mut rest = &mut numbers[..];
    let rooms = blocks.iter().map(|block| rest.split_off_mut(..block.live.len() * width).unwrap_or_default());
    let mut rooms: Vec<_> = blocks.iter().zip(rooms).collect();
    if width > 0 {
        let tasks = rooms
            .chunks_mut(pool::share(blocks.len(), pool))
            .map(|rooms| -> Task { Box::new(move || rooms.iter_mut().for_each(|(block, room)| put(block, room))) });
        pool::all(tasks.collect(), pool);
    }
    numbers
}
