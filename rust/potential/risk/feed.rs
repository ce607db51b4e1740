//! The entries of the rows that walkers see, as the tape of a row's loss wants them.

use std::ops::Range;

use super::batch::{LANES, NONE, Picks};
use crate::error::{Error, Result};
use crate::noise::{self, Address, Noise, Stream};
use crate::real::Scalar;
use crate::simd::{Pack, Routine, Simd};

/// The rows, and how much noise is added to their entries.
#[derive(Clone, Debug)]
pub struct Table {
    numbers: Vec<f64>,
    rows: usize,
    width: usize,
    /// Which entries are noisy, and the standard deviation of their noise.
    noisy: Vec<(usize, f64)>,
}

impl Table {
    /// Takes rows in C order, and the standard deviation of the noise that each entry of a row gets at every step.
    ///
    /// # Errors
    /// If there are no rows or the sizes do not fit.
    pub fn new(numbers: Vec<f64>, rows: usize, noise: &[f64]) -> Result<Self> {
        let width = noise.len();
        if rows == 0 || rows.checked_mul(width) != Some(numbers.len()) {
            let found = numbers.len();
            return Err(Error::invalid(format!("risk: {found} numbers are not {rows} rows of {width} entries")));
        }
        let noisy = noise.iter().copied().enumerate().filter(|&(_, sigma)| sigma != 0.0).collect();
        Ok(Self { numbers, rows, width, noisy })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Entries in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many entries of a row are noisy.
    #[must_use]
    pub fn noisy(&self) -> usize {
        self.noisy.len()
    }

    fn row(&self, number: u32) -> &[f64] {
        &self.numbers[number as usize * self.width..][..self.width]
    }
}

/// Entries and weights, by place in the batch and pack of walkers.
#[derive(Debug)]
pub struct Feed<P> {
    pub entries: Vec<P>,
    pub weights: Vec<P>,
    /// Normals, by place, noisy entry and walker.
    normals: Vec<[f64; LANES]>,
}

impl<P: Pack> Feed<P> {
    /// Nothing yet.
    pub fn empty() -> Self {
        Self { entries: Vec::new(), weights: Vec::new(), normals: Vec::new() }
    }

    /// Makes ready what walkers see at some places of their batches, the first of them even.
    #[inline(always)]
    pub fn fill<S: Simd>(
        &mut self,
        table: &Table,
        noise: &Noise,
        picks: &Picks,
        (first, step): (u64, u64),
        places: Range<usize>,
    ) {
        let (lanes, width) = (P::LANES, table.width);
        let walkers = picks.at(places.start).len();
        let noisy = places.len() * table.noisy();
        let eights = walkers / LANES;
        self.normals.resize(noisy.next_multiple_of(2) * eights, [0.0; LANES]);
        if noisy > 0 {
            let start = places.start * table.noisy() / 2;
            S::call(Normals { noise, first, step, start, eights, normals: &mut self.normals });
        }
        self.entries.clear();
        self.weights.clear();
        let mut rows = vec![P::Scalar::default(); lanes * width];
        let mut weights = [P::Scalar::default(); 16];
        for (turn, place) in places.enumerate() {
            for (pack, picked) in picks.at(place).chunks_exact(lanes).enumerate() {
                for (lane, &number) in picked.iter().enumerate() {
                    let is_row = number != NONE;
                    weights[lane] = P::Scalar::from_f64(f64::from(u8::from(is_row)));
                    for (entry, &number) in table.row(if is_row { number } else { 0 }).iter().enumerate() {
                        rows[entry * lanes + lane] = P::Scalar::from_f64(number);
                    }
                    for (k, &(entry, sigma)) in table.noisy.iter().enumerate() {
                        let walker = pack * lanes + lane;
                        let normal = self.normals[(turn * table.noisy() + k) * eights + walker / LANES][walker % LANES];
                        let number = table.row(if is_row { number } else { 0 })[entry];
                        rows[entry * lanes + lane] = P::Scalar::from_f64(number + sigma * normal);
                    }
                }
                self.weights.push(P::load(&weights));
                self.entries.extend(rows.chunks_exact(lanes).map(P::load));
            }
        }
    }
}

/// Normals of all walkers for successive noisy entries.
struct Normals<'a> {
    noise: &'a Noise,
    first: u64,
    step: u64,
    /// The first pair.
    start: usize,
    eights: usize,
    normals: &'a mut [[f64; LANES]],
}

impl<S: Simd> Routine<S> for Normals<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { noise, first, step, start, eights, normals } = self;
        for eight in 0..eights {
            let counters = noise::counters::<S::F64>(first + (eight * LANES) as u64);
            for (pair, normals) in (start..).zip(normals.chunks_exact_mut(2 * eights)) {
                let (one, two) = noise.pair::<S::F64>(&counters, Address { stream: Stream::Label, step, pair });
                one.store(&mut normals[eight]);
                two.store(&mut normals[eights + eight]);
            }
        }
    }
}
