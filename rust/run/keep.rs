//! What a run keeps: what an earlier part kept is handed to the blocks, and what all blocks kept is gathered, walker by walker.

use std::ops::Range;

use rayon::ThreadPool;

use super::block::Block;
use super::pool::{self, Task};
use super::{Acceptance, Plan};
use crate::dynamics::gauge::Death;
use crate::error::{Error, Result};
use crate::observe::{Histogram, Keep};
use crate::simd::Element;

/// What a run hands back, besides the states in the caller's room.
#[derive(Clone, Debug, Default)]
pub struct Outcome<T> {
    /// Which rows of the room are of the plan's walkers; the others only fill up the packs.
    pub rows: Range<usize>,
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
    /// For the coordinates of all walkers of [`Plan::aligned`]: after the run (walkers, dim) in C order.
    pub states: &'a mut [T],
    /// For the [sums](crate::observe::Watch::sums) of these walkers, for each watch: after the run (walkers, order + 1) in C order, the
    /// pivot last.
    pub sums: Vec<&'a mut [f64]>,
    /// For what becomes of the proposals of each walker; nothing if the scheme makes none.
    pub acceptance: &'a mut [Acceptance],
}

/// What one watch kept.
#[derive(Clone, Debug)]
pub enum Kept<T> {
    /// Counts, (groups, slots) in C order: underflow, the bins, overflow, NaN and, under a condition, elsewhere.
    Counts(Vec<u64>),
    /// Sums and pivot, in the caller's room.
    Sums,
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
        let aligned = (aligned.end - aligned.start) as usize;
        let sums = plan.watches.iter().map(|watch| aligned * watch.sums());
        let has_room_for_sums = sums.eq(room.sums.iter().map(|sums| sums.len()));
        if room.states.len() != aligned * dim || room.acceptance.len() != proposing || !has_room_for_sums {
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
        Keep::Moments(_) => Kept::Sums,
        Keep::Trace | Keep::States => Kept::Trace(by_walker(blocks, i, pool)),
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

/// Transposes what blocks kept of a watch, rows of walkers, into a row for each walker.
fn by_walker<T: Element>(blocks: &[Block<T>], watch: usize, pool: Option<&ThreadPool>) -> Vec<T> {
    let width = blocks.first().map_or(0, |block| block.columns[watch].trace.len() / block.walkers);
    let walkers: usize = blocks.iter().map(|block| block.live.len()).sum();
    let mut numbers = vec![T::default(); walkers * width];
    if width == 0 {
        return numbers;
    }
    // Eight walkers at a time: a line of cache is read at once, and as many are written to.
    let transpose = |block: &Block<T>, room: &mut [T]| {
        for (walkers, room) in (block.live.start..).step_by(8).zip(room.chunks_mut(8 * width)) {
            for (place, columns) in block.columns[watch].trace.chunks_exact(block.walkers).enumerate() {
                for (row, &number) in room.chunks_exact_mut(width).zip(&columns[walkers..]) {
                    row[place] = number;
                }
            }
        }
    };
    let mut rest = &mut numbers[..];
    let rooms = blocks.iter().map(|block| rest.split_off_mut(..block.live.len() * width).unwrap_or_default());
    let mut rooms: Vec<_> = blocks.iter().zip(rooms).collect();
    let tasks = rooms
        .chunks_mut(pool::share(blocks.len(), pool))
        .map(|rooms| -> Task { Box::new(move || rooms.iter_mut().for_each(|(block, room)| transpose(block, room))) });
    pool::all(tasks.collect(), pool);
    numbers
}
