//! A block: some walkers with consecutive numbers, their states and what observers keep of each, between two visits.

use std::ops::Range;

use super::acceptance::Acceptance;
use crate::dynamics::gauge::Death;
use crate::noise::ALIGNMENT;
use crate::observe::{Column, Keep, Watch};
use crate::real::Scalar;

/// Walkers `first..first + walkers`, of which `live` count; the others fill up the last pack.
#[derive(Clone, Debug)]
pub struct Block<T> {
    /// The number of the first walker, a multiple of [`ALIGNMENT`].
    pub first: u64,
    /// How many walkers, a multiple of [`ALIGNMENT`].
    pub walkers: usize,
    /// Those that were asked for.
    pub live: Range<usize>,
    /// Coordinates by pack, coordinate and lane, for the lanes of `T`.
    pub state: Vec<T>,
    /// What each observer keeps of these walkers.
    pub columns: Vec<Column<T>>,
    /// What became of the proposals of each live walker; nothing if there are none.
    pub acceptance: Vec<Acceptance>,
    /// Live walkers that reached zero.
    pub deaths: Vec<Death>,
}

impl<T: Scalar> Block<T> {
    /// The numbers of the blocks of at most `size` that `walkers` are in.
    pub fn numbers(walkers: &Range<u64>, size: usize) -> Range<u64> {
        let size = size.next_multiple_of(ALIGNMENT) as u64;
        walkers.start / size..walkers.end.div_ceil(size)
    }

    /// Block number `i` of `walkers`, filled with their `states`, (walkers, dim) in C order.
    pub fn cut(i: u64, walkers: &Range<u64>, size: usize, states: &[T], dim: usize, watches: &[Watch]) -> Self {
        let (size, alignment) = (size.next_multiple_of(ALIGNMENT) as u64, ALIGNMENT as u64);
        let start = (i * size).max(walkers.start / alignment * alignment);
        let end = ((i + 1) * size).min(walkers.end.next_multiple_of(alignment));
        let live = walkers.start.max(start)..walkers.end.min(end);
        let rows = (live.start - walkers.start) as usize * dim..(live.end - walkers.start) as usize * dim;
        let live = (live.start - start) as usize..(live.end - start) as usize;
        Self::new(start, (end - start) as usize, live, &states[rows], dim, watches)
    }

    fn new(first: u64, walkers: usize, live: Range<usize>, states: &[T], dim: usize, watches: &[Watch]) -> Self {
        let columns = watches.iter().map(|watch| match &watch.keep {
            Keep::Moments(moments) => Column { sums: moments.nothing(walkers), trace: Vec::new() },
            Keep::Histogram(..) | Keep::Trace | Keep::States => Column::default(),
        });
        let mut block = Self {
            first,
            walkers,
            live,
            state: vec![T::default(); walkers * dim],
            columns: columns.collect(),
            acceptance: Vec::new(),
            deaths: Vec::new(),
        };
        for (walker, row) in block.live.clone().zip(states.chunks_exact(dim)) {
            for (coordinate, &x) in row.iter().enumerate() {
                let index = Self::index(walker, coordinate, dim);
                block.state[index] = x;
            }
        }
        block
    }

    fn index(walker: usize, coordinate: usize, dim: usize) -> usize {
        let lanes = 64 / size_of::<T>();
        (walker / lanes * dim + coordinate) * lanes + walker % lanes
    }

    /// What became of the proposals of a walker, counted within the block, if it is live and makes any.
    pub fn acceptance_of(&self, walker: usize) -> Option<&Acceptance> {
        self.acceptance.get(walker.checked_sub(self.live.start)?)
    }

    /// Writes the states of the live walkers, (walkers, dim) in C order.
    pub fn read(&self, dim: usize, states: &mut [T]) {
        for (walker, row) in self.live.clone().zip(states.chunks_exact_mut(dim)) {
            for (coordinate, x) in row.iter_mut().enumerate() {
                *x = self.state[Self::index(walker, coordinate, dim)];
            }
        }
    }
}
