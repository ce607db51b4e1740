//! What one walker sees at a step: its rows and the noise on their labels, or other random numbers.

use super::Seen;
use crate::noise::{self, Address, Noise};
use crate::potential::risk::Batch;
use crate::potential::risk::batch::{LANES, Picks};
use crate::potential::risk::feed::{Law, Noisy};
use crate::simd::{Pack, Routine, Simd};

/// Rows and random numbers.
#[derive(Debug, Default)]
pub struct Sight {
    picks: Picks,
    /// Random numbers, one after another.
    pub numbers: Vec<f64>,
}

impl Sight {
    /// Draws the rows of a walker and the noise on their labels.
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

    /// Draws so many numbers for a walker at a step.
    #[inline(always)]
    pub(super) fn numbers<S: Simd>(&mut self, noise: &Noise, drawn: &Noisy, (walker, step): (u64, u64), count: usize) {
        if count > 0 {
            self.numbers.resize(count.next_multiple_of(2 * LANES), 0.0);
            S::call(Draw { noise, drawn, walker, step, numbers: &mut self.numbers });
        }
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
                let start = given.start(walker, step);
                sight.numbers.clear();
                sight.numbers.extend_from_slice(&given.noise[start..start + given.size]);
            }
            _ => {
                let count = sight.picks.most() * table.labels.entries.len();
                sight.numbers::<S>(noise, &table.labels, (walker, step), count);
            }
        }
    }
}

/// Random numbers of one walker: the lanes of a pack are successive pairs.
struct Draw<'a> {
    noise: &'a Noise,
    drawn: &'a Noisy,
    walker: u64,
    step: u64,
    numbers: &'a mut [f64],
}

impl<S: Simd> Routine<S> for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { noise, drawn: &Noisy { stream, law, .. }, walker, step, numbers } = self;
        let address = Address { stream, step, pair: 0 };
        let (mut firsts, mut seconds) = ([0.0; LANES], [0.0; LANES]);
        for (eight, numbers) in numbers.chunks_exact_mut(2 * LANES).enumerate() {
            let counters = noise::pairs(walker, eight * LANES);
            let (one, two) = match law {
                Law::Normal => noise.pair::<S::F64>(&counters, address),
                Law::Uniform => {
                    let (one, two) = noise.words::<S::F64>(&counters, address);
                    (noise::uniform(one), noise::uniform(two))
                }
            };
            one.store(&mut firsts);
            two.store(&mut seconds);
            for (pair, (&first, &second)) in numbers.chunks_exact_mut(2).zip(firsts.iter().zip(&seconds)) {
                (pair[0], pair[1]) = (first, second);
            }
        }
    }
}
