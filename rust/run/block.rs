//! A block: some walkers with consecutive numbers, their states and what observers keep of each, between two visits.

use std::ops::Range;

use super::Plan;
use super::acceptance::Acceptance;
use super::keep::{Before, Room};
use crate::dynamics::gauge::Death;
use crate::observe::{Column, Keep};
use crate::real::Scalar;

/// Walkers `first..first + walkers`, of which `live` count; the others fill up the last pack.
#[derive(Debug)]
pub struct Block<'a, T> {
    /// The number of the first walker, a multiple of [`ALIGNMENT`](crate::noise::ALIGNMENT).
    pub first: u64,
    /// How many walkers, a multiple of [`ALIGNMENT`](crate::noise::ALIGNMENT).
    pub walkers: usize,
    /// Those that were asked for.
    pub live: Range<usize>,
    /// Coordinates by pack, coordinate and lane, for the lanes of `T`: a part of the caller's room.
    pub state: &'a mut [T],
    /// What each observer keeps of these walkers.
    pub columns: Vec<Column<'a, T>>,
    /// What became of the proposals of each live walker, in the caller's room, too; nothing if there are none.
    pub acceptance: &'a mut [Acceptance],
    /// Live walkers that reached zero.
    pub deaths: Vec<Death>,
    /// Whether walkers are in rows again, to be handed back.
    has_ended: bool,
}

impl<'a, T: Scalar> Block<'a, T> {
    /// Walkers of a pack.
    const LANES: usize = 64 / size_of::<T>();

    /// The numbers of the blocks of `size` that `walkers` are in.
    pub fn numbers(walkers: &Range<u64>, size: usize) -> Range<u64> {
        let size = size as u64;
        walkers.start / size..walkers.end.div_ceil(size)
    }

    /// Cuts the walkers of a plan, and their room, into blocks that know nothing of the walkers yet.
    pub fn cut(plan: &Plan, dim: usize, room: Room<'a, T>) -> Vec<Self> {
        let Room { mut states, mut acceptance, mut sums } = room;
        let (walkers, size) = (plan.aligned(), plan.block_size() as u64);
        let blocks = Self::numbers(&walkers, plan.block_size()).map(|i| {
            let (start, end) = ((i * size).max(walkers.start), ((i + 1) * size).min(walkers.end));
            let live = plan.walkers.start.max(start)..plan.walkers.end.min(end);
            let walkers = (end - start) as usize;
            let columns = plan.watches.iter().zip(&mut sums).map(|(watch, sums)| {
                let sums = sums.split_off_mut(..walkers * watch.sums()).unwrap_or_default();
                Column { sums, trace: Vec::new() }
            });
            Self {
                first: start,
                walkers,
                live: (live.start - start) as usize..(live.end - start) as usize,
                state: states.split_off_mut(..walkers * dim).unwrap_or_default(),
                columns: columns.collect(),
                acceptance: acceptance.split_off_mut(..(live.end - live.start) as usize).unwrap_or_default(),
                deaths: Vec::new(),
                has_ended: false,
            }
        });
        blocks.collect()
    }

    /// Takes up the walkers where they stood before.
    pub fn begin(&mut self, plan: &Plan, before: Before<T>, dim: usize) {
        let start = (self.first + self.live.start as u64 - plan.walkers.start) as usize;
        let rows = start..start + self.live.len();
        let live = self.live.clone();
        lay_out(
            &before.states[rows.start * dim..rows.end * dim],
            &live,
            Self::LANES,
            &vec![T::default(); dim],
            self.state,
        );
        for (i, (watch, column)) in plan.watches.iter().zip(&mut self.columns).enumerate() {
            let Keep::Moments(moments) = &watch.keep else { continue };
            let width = moments.width();
            let sums = before.sums.get(i).map_or(&[][..], |sums| &sums[rows.start * width..rows.end * width]);
            lay_out(sums, &live, Self::LANES, &moments.nothing(), column.sums);
        }
        match before.acceptance {
            [] => self.acceptance.fill(Acceptance::default()),
            counts => self.acceptance.copy_from_slice(&counts[rows.start..][..self.acceptance.len()]),
        }
    }

    /// Turns packs into rows of walkers where they stand, and brings those that died into order, if that has not been done.
    pub fn end(&mut self, dim: usize) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        match dim {
            1 => {}
            2 => turn(self.state, Self::LANES, 2),
            8 => turn(self.state, Self::LANES, 8),
            dim => turn(self.state, Self::LANES, dim),
        }
        for Column { sums, .. } in &mut self.columns {
            match sums.len() / self.walkers {
                0 => {}
                3 => turn(sums, Self::LANES, 3),
                width => turn(sums, Self::LANES, width),
            }
        }
        self.deaths.sort_unstable();
    }
}

/// Lays rows of the live walkers out in packs of so many lanes; where there is no row it is `nothing`.
#[inline(always)]
fn lay_out<U: Copy>(rows: &[U], live: &Range<usize>, lanes: usize, nothing: &[U], packs: &mut [U]) {
    let width = nothing.len();
    let mut rows = rows.chunks_exact(width);
    for (pack, numbers) in packs.chunks_exact_mut(lanes * width).enumerate() {
        for lane in 0..lanes {
            let is_live = live.contains(&(pack * lanes + lane));
            let row = if is_live { rows.next() } else { None }.unwrap_or(nothing);
            for (column, &number) in row.iter().enumerate() {
                numbers[column * lanes + lane] = number;
            }
        }
    }
}

/// Turns packs of so many lanes into rows.
#[inline(always)]
fn turn<U: Copy + Default>(numbers: &mut [U], lanes: usize, dim: usize) {
    let mut pack = vec![U::default(); lanes * dim];
    for numbers in numbers.chunks_exact_mut(lanes * dim) {
        pack.copy_from_slice(numbers);
        for (coordinate, pack) in pack.chunks_exact(lanes).enumerate() {
            for (lane, &x) in pack.iter().enumerate() {
                numbers[lane * dim + coordinate] = x;
            }
        }
    }
}
