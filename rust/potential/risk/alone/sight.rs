//! What one walker sees at a step: its rows, what is added to them, or other random numbers.

use super::Seen;
use crate::noise::{self, Address, Noise, Stream, normal};
use crate::potential::risk::batch::{LANES, NONE, Picks};
use crate::potential::risk::feed::Noisy;
use crate::potential::risk::{Batch, Law};
use crate::simd::{Counters, Pack, Pair, Routine, Simd};

/// Rows and random numbers.
#[derive(Debug, Default)]
pub struct Sight {
    picks: Picks,
    /// Random numbers, one after another; those of rows are the noise on labels.
    pub numbers: Vec<f64>,
    /// What is added to the inputs of rows.
    inputs: Vec<f64>,
}

impl Sight {
    /// Draws the rows of a walker and what is added to them.
    #[inline(always)]
    pub fn look<S: Simd>(&mut self, seen: Seen<'_>, walker: u64, step: u64) {
        S::call(Look { sight: self, seen, walker, step });
    }

    /// Rows in the batch.
    pub fn places(&self) -> usize {
        self.picks.most()
    }

    /// The row at a place in the batch, its label, which is its last entry, and how much it counts.
    #[inline(always)]
    pub fn row(&self, seen: Seen<'_>, place: usize) -> (usize, f64, f64) {
        let row = self.picks.at(place)[0];
        let mut label = seen.table.row(row)[seen.table.width() - 1];
        if let Some(&(_, scale)) = seen.table.labels.entries.first() {
            label += scale * self.numbers[place];
        }
        (row as usize, label, self.picks.weight(place, 0))
    }

    /// Appends the row at a place in the batch with all that is added to it, and returns how much it counts; nothing if there is
    /// none.
    #[inline(always)]
    pub fn whole_row(&self, seen: Seen<'_>, place: usize, to: &mut Vec<f64>) -> Option<f64> {
        let (number, weight) = (self.picks.at(place)[0], self.picks.weight(place, 0));
        if number == NONE || weight == 0.0 {
            return None;
        }
        let start = to.len();
        to.extend_from_slice(seen.table.row(number));
        let to = &mut to[start..];
        for (noisy, drawn) in [(&seen.table.labels, &self.numbers), (&seen.table.inputs, &self.inputs)] {
            let entries = &noisy.entries[..];
            let drawn = drawn.get(place * entries.len()..).unwrap_or_default();
            let first = entries.first().map_or(0, |&(entry, _)| entry);
            let all = entries.iter().zip(drawn);
            if entries.last().is_some_and(|&(last, _)| last - first + 1 == entries.len()) {
                // Side by side, as they mostly are.
                all.zip(&mut to[first..]).for_each(|((&(_, scale), drawn), to)| *to += scale * drawn);
            } else {
                all.for_each(|(&(entry, scale), drawn)| to[entry] += scale * drawn);
            }
        }
        Some(weight)
    }
}

/// Draws so many numbers of a stream for a walker at a step.
#[inline(always)]
pub(super) fn numbers<S: Simd>(
    noise: &Noise,
    (stream, law): (Stream, Law),
    (walker, step): (u64, u64),
    count: usize,
    to: &mut Vec<f64>,
) {
    if count > 0 {
        to.resize(count.next_multiple_of(4 * LANES), 0.0);
        S::call(Draw { noise, law, address: Address { stream, step, pair: 0 }, walker, numbers: to });
    }
}

/// The rows of a walker: a function of its own for all forms.
struct Look<'a> {
    sight: &'a mut Sight,
    seen: Seen<'a>,
    walker: u64,
    step: u64,
}

impl<S: Simd> Routine<S> for Look<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { sight, seen: Seen { table, batch, noise, .. }, walker, step } = self;
        sight.picks.draw::<S>(noise, batch, table.rows(), (walker, 1), step);
        match batch {
            Batch::Given(given) if !given.noise.is_empty() => {
                let (start, count) = (given.start(walker, step), table.labels.entries.len());
                sight.numbers.clear();
                sight.numbers.extend_from_slice(&given.noise[start * count..(start + given.size) * count]);
            }
            _ => draw::<S>(noise, &table.labels, (walker, step), sight.picks.most(), &mut sight.numbers),
        }
        draw::<S>(noise, &table.inputs, (walker, step), sight.picks.most(), &mut sight.inputs);
    }
}

/// Draws what is added to so many rows.
#[inline(always)]
fn draw<S: Simd>(noise: &Noise, added: &Noisy, at: (u64, u64), rows: usize, to: &mut Vec<f64>) {
    numbers::<S>(noise, (added.stream, added.law), at, rows * added.entries.len(), to);
}

/// Random numbers of one walker: the lanes of a pack are successive pairs.
struct Draw<'a> {
    noise: &'a Noise,
    law: Law,
    address: Address,
    walker: u64,
    numbers: &'a mut [f64],
}

impl<S: Simd> Routine<S> for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { noise, law, mut address, walker, numbers } = self;
        let counters = noise::pairs(walker);
        // Words are encrypted one turn ahead, so that the start of one chain of operations is beside the end of another.
        let mut ahead = two_words::<S::F64>(noise, &counters, address);
        let (mut firsts, mut seconds) = ([0.0; 2 * LANES], [0.0; 2 * LANES]);
        for numbers in numbers.chunks_exact_mut(4 * LANES) {
            let (first, second) = ahead;
            address.pair += 2 * LANES;
            ahead = two_words::<S::F64>(noise, &counters, address);
            let (one, two) = match law {
                Law::Normal => normal::pair::<Pair<S::F64>>(first, second),
                Law::Uniform => (noise::uniform(first), noise::uniform(second)),
            };
            one.0.store(&mut firsts);
            one.1.store(&mut firsts[LANES..]);
            two.0.store(&mut seconds);
            two.1.store(&mut seconds[LANES..]);
            for (pair, (&first, &second)) in numbers.chunks_exact_mut(2).zip(firsts.iter().zip(&seconds)) {
                (pair[0], pair[1]) = (first, second);
            }
        }
    }
}

/// The words of two packs side by side, as one chain of operations waits for itself.
#[inline(always)]
fn two_words<P: Pack>(noise: &Noise, pairs: &Counters, near: Address) -> (Pair<P::Bits>, Pair<P::Bits>) {
    let far = Address { pair: near.pair + LANES, ..near };
    let (near, far) = (noise.words::<P>(pairs, near), noise.words::<P>(pairs, far));
    (Pair(near.0, far.0), Pair(near.1, far.1))
}
