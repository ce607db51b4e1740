//! The entries of the rows that walkers see, as the tape of a row's loss wants them.

use std::ops::Range;

use super::Batch;
use super::batch::{LANES, NONE, Picks};
use crate::error::{Error, Result};
use crate::noise::{self, Address, Noise, Stream};
use crate::real::Scalar;
use crate::simd::{Counters, Pack, Routine, Simd};

/// The rows, and what is added to their entries in every batch.
#[derive(Clone, Debug)]
pub struct Table {
    numbers: Vec<f64>,
    rows: usize,
    width: usize,
    /// Noise on labels.
    pub(super) labels: Noisy,
    /// Inputs that are drawn afresh.
    pub(super) inputs: Noisy,
}

/// Random numbers that are added to some entries.
#[derive(Clone, Debug)]
pub(super) struct Noisy {
    pub stream: Stream,
    pub law: Law,
    /// Which entries, and what each number is multiplied by.
    pub entries: Vec<(usize, f64)>,
}

/// What they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Standard normals.
    Normal,
    /// Uniform in (0, 1).
    Uniform,
}

impl Law {
    /// The law of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "normal" => Ok(Self::Normal),
            "uniform" => Ok(Self::Uniform),
            other => Err(Error::invalid(format!("risk: no law {other:?}"))),
        }
    }
}

impl Table {
    /// Takes rows in C order; the standard deviation of the normal noise that each entry of a row gets in every batch; and the
    /// multiple of a number of some law that it gets instead or as well.
    ///
    /// # Errors
    /// If there are no rows or the sizes do not fit.
    pub fn new(numbers: Vec<f64>, rows: usize, labels: &[f64], inputs: &[f64], law: Law) -> Result<Self> {
        let width = labels.len();
        if rows == 0 || rows.checked_mul(width) != Some(numbers.len()) || inputs.len() != width {
            let found = numbers.len();
            return Err(Error::invalid(format!("risk: {found} numbers are not {rows} rows of {width} entries")));
        }
        let noisy = |stream, law, scales: &[f64]| Noisy {
            stream,
            law,
            entries: scales.iter().copied().enumerate().filter(|&(_, scale)| scale != 0.0).collect(),
        };
        let labels = noisy(Stream::Label, Law::Normal, labels);
        Ok(Self { numbers, rows, width, labels, inputs: noisy(Stream::Input, law, inputs) })
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

    /// The most random numbers that a row needs from one stream.
    #[must_use]
    pub fn noisy(&self) -> usize {
        self.labels.entries.len().max(self.inputs.entries.len())
    }

    /// The entries of a row.
    #[inline]
    #[must_use]
    pub fn row(&self, number: u32) -> &[f64] {
        &self.numbers[number as usize * self.width..][..self.width]
    }
}

/// Entries and weights, by place in the batch and pack of walkers.
#[derive(Debug)]
pub struct Feed<P> {
    pub entries: Vec<P>,
    pub weights: Vec<P>,
    labels: Vec<[f64; LANES]>,
    inputs: Vec<[f64; LANES]>,
    /// One pack of rows, by entry and walker.
    numbers: Vec<f64>,
}

impl<P: Pack> Feed<P> {
    /// Nothing yet.
    pub fn empty() -> Self {
        Self { entries: Vec::new(), weights: Vec::new(), labels: Vec::new(), inputs: Vec::new(), numbers: Vec::new() }
    }

    /// Makes ready what walkers see at some places of their batches, the first of them even.
    #[inline(always)]
    pub fn fill<S: Simd>(
        &mut self,
        table: &Table,
        (noise, batch): (&Noise, &Batch),
        picks: &Picks,
        (first, step): (u64, u64),
        places: Range<usize>,
    ) {
        let walkers = picks.walkers();
        match batch {
            Batch::Given(given) if !given.noise.is_empty() => {
                let count = table.labels.entries.len();
                self.labels.resize(places.len() * count * walkers / LANES, [0.0; LANES]);
                for walker in 0..walkers {
                    let start = given.start(first + walker as u64, step);
                    let noise = &given.noise[(start + places.start) * count..(start + places.end) * count];
                    for (i, &noise) in noise.iter().enumerate() {
                        self.labels[i * walkers / LANES + walker / LANES][walker % LANES] = noise;
                    }
                }
            }
            _ => draw::<S>(&table.labels, noise, (first, walkers), step, &places, &mut self.labels),
        }
        draw::<S>(&table.inputs, noise, (first, walkers), step, &places, &mut self.inputs);
        self.entries.clear();
        self.weights.clear();
        let is_full = matches!(batch, Batch::Full);
        self.numbers.resize(P::LANES * table.width, 0.0);
        let mut lanes = [P::Scalar::default(); 16];
        for (turn, place) in places.enumerate() {
            for (pack, picked) in picks.at(place).chunks_exact(P::LANES).enumerate() {
                if is_full {
                    for (lanes, &number) in self.numbers.chunks_exact_mut(P::LANES).zip(table.row(place as u32)) {
                        lanes.fill(number);
                    }
                } else {
                    for (lane, &number) in picked.iter().enumerate() {
                        let row = table.row(if number == NONE { 0 } else { number });
                        row.iter().enumerate().for_each(|(k, &number)| self.numbers[k * P::LANES + lane] = number);
                    }
                }
                for (noisy, drawn) in [(&table.labels, &self.labels), (&table.inputs, &self.inputs)] {
                    let count = noisy.entries.len();
                    for (k, &(entry, scale)) in noisy.entries.iter().enumerate() {
                        let drawn = &drawn.as_flattened()[(turn * count + k) * walkers + pack * P::LANES..];
                        let numbers = &mut self.numbers[entry * P::LANES..(entry + 1) * P::LANES];
                        numbers.iter_mut().zip(drawn).for_each(|(number, &drawn)| *number += scale * drawn);
                    }
                }
                for numbers in self.numbers.chunks_exact(P::LANES) {
                    lanes.iter_mut().zip(numbers).for_each(|(lane, &number)| *lane = P::Scalar::from_f64(number));
                    self.entries.push(P::load(&lanes));
                }
                for (lane, weight) in lanes[..P::LANES].iter_mut().enumerate() {
                    *weight = P::Scalar::from_f64(picks.weight(place, pack * P::LANES + lane));
                }
                self.weights.push(if is_full { P::constant(1.0) } else { P::load(&lanes) });
            }
        }
    }
}

/// Draws what is added at some places, for all walkers, by place, entry and walker.
#[inline(always)]
fn draw<S: Simd>(
    added: &Noisy,
    noise: &Noise,
    (first, walkers): (u64, usize),
    step: u64,
    places: &Range<usize>,
    numbers: &mut Vec<[f64; LANES]>,
) {
    let count = added.entries.len();
    numbers.resize((places.len() * count).next_multiple_of(2) * walkers / LANES, [0.0; LANES]);
    if count > 0 {
        S::call(Draw { noise, added, first, step, start: places.start * count / 2, eights: walkers / LANES, numbers });
    }
}

/// Random numbers of all walkers for successive entries.
struct Draw<'a> {
    noise: &'a Noise,
    added: &'a Noisy,
    first: u64,
    step: u64,
    /// The first pair.
    start: usize,
    eights: usize,
    numbers: &'a mut [[f64; LANES]],
}

impl<S: Simd> Routine<S> for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { noise, added: &Noisy { stream, law, .. }, first, step, start, eights, numbers } = self;
        for eight in 0..eights {
            let counters = noise::counters::<S::F64>(first + (eight * LANES) as u64);
            for (pair, numbers) in (start..).zip(numbers.chunks_exact_mut(2 * eights)) {
                let address = Address { stream, step, pair };
                let (one, two) = S::embed(Two { noise, law, counters: &counters, address });
                one.store(&mut numbers[eight]);
                two.store(&mut numbers[eights + eight]);
            }
        }
    }
}

/// Two numbers of some law for each counter.
struct Two<'a> {
    noise: &'a Noise,
    law: Law,
    counters: &'a Counters,
    address: Address,
}

impl<S: Simd> Routine<S> for Two<'_> {
    type Output = (S::F64, S::F64);

    #[inline(always)]
    fn run(self) -> (S::F64, S::F64) {
        let Self { noise, law, counters, address } = self;
        match law {
            Law::Normal => noise.pair::<S::F64>(counters, address),
            Law::Uniform => {
                let (one, two) = noise.words::<S::F64>(counters, address);
                (noise::uniform(one), noise::uniform(two))
            }
        }
    }
}
