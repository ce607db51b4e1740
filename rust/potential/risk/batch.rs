//! Which rows each walker sees at a step.

use super::{Given, Table};
use crate::error::{Error, Result};
use crate::noise::{self, Address, MAX_DIM, Noise, Stream};
use crate::real::Real;
use crate::simd::{Pack, Routine, Simd};

/// Walkers whose words are drawn together: the lanes of a pack of doubles.
pub const LANES: usize = 8;

/// No row: the walker has fewer than others.
pub const NONE: u32 = u32::MAX;

/// How the rows of a batch are chosen.
#[derive(Clone, Debug)]
pub enum Batch {
    /// All of them, in their order.
    Full,
    /// So many, each of them any row.
    Draws(usize),
    /// So many different ones.
    Distinct(usize),
    /// So many at a time of a random order, until fewer are left; then of another order.
    Epochs(usize),
    /// Each row with this probability, in their order.
    Mask(f64),
    /// As given.
    Given(Box<Given>),
}

impl Batch {
    /// The batch of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str, size: usize, chance: f64) -> Result<Self> {
        match name {
            "full" => Ok(Self::Full),
            "draws" => Ok(Self::Draws(size)),
            "distinct" => Ok(Self::Distinct(size)),
            "epochs" => Ok(Self::Epochs(size)),
            "mask" => Ok(Self::Mask(chance)),
            other => Err(Error::invalid(format!("batch: there is none that is called {other:?}"))),
        }
    }

    /// Checks that it can be drawn.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check(&self, table: &Table) -> Result<()> {
        let rows = table.rows();
        let (most, words, is_fine) = match *self {
            Self::Given(ref given) => {
                given.check(table)?;
                (if given.noise.is_empty() { given.size } else { 0 }, 0, true)
            }
            Self::Full => (rows, 0, true),
            Self::Draws(size) => (size, size, size > 0),
            Self::Distinct(size) => (size, size, size > 0 && size <= rows),
            Self::Epochs(size) => (size, rows, size > 0 && size <= rows),
            Self::Mask(chance) => (rows, rows, chance > 0.0 && chance < 1.0),
        };
        if !is_fine || rows >= NONE as usize {
            return Err(Error::invalid(format!("batch: {words} of {rows} rows cannot be drawn so")));
        }
        if words > MAX_DIM || most.saturating_mul(table.noisy()) > MAX_DIM {
            return Err(Error::invalid(format!(
                "batch: {most} of {rows} rows, {} entries of which are noisy, need more random numbers a step than there are \
                 addresses ({MAX_DIM}); take smaller batches, or fewer rows",
                table.noisy()
            )));
        }
        Ok(())
    }
}

/// The rows of some walkers at one step.
#[derive(Debug, Default)]
pub struct Picks {
    /// Row numbers, by place in the batch and walker.
    rows: Vec<u32>,
    /// How much each counts, likewise; nothing if all do that are there.
    weights: Vec<f64>,
    walkers: usize,
    /// Orders of the rows, walker by walker, and what they are for: first walker, walkers, epoch.
    orders: Vec<u32>,
    ordered: Option<(u64, usize, u64)>,
    /// Which rows a walker has already.
    taken: Vec<u64>,
    words: Vec<[u64; LANES]>,
}

impl Picks {
    /// The most rows that a walker has.
    #[inline]
    #[must_use]
    pub fn most(&self) -> usize {
        self.rows.len() / self.walkers.max(1)
    }

    /// How many walkers there are.
    #[inline]
    #[must_use]
    pub fn walkers(&self) -> usize {
        self.walkers
    }

    /// How much a walker's row at one place counts.
    #[inline]
    #[must_use]
    pub fn weight(&self, place: usize, walker: usize) -> f64 {
        let at = place * self.walkers + walker;
        let is_row = f64::from(u8::from(self.rows[at] != NONE));
        self.weights.get(at).copied().unwrap_or(is_row)
    }

    /// The rows of all walkers at one place in the batch.
    #[inline]
    #[must_use]
    pub fn at(&self, place: usize) -> &[u32] {
        &self.rows[place * self.walkers..(place + 1) * self.walkers]
    }

    /// Draws the batches of `walkers`, the first and how many, a multiple of [`LANES`] or one, at a step.
    #[inline(always)]
    pub fn draw<S: Simd>(
        &mut self,
        noise: &Noise,
        batch: &Batch,
        count: usize,
        (first, walkers): (u64, usize),
        step: u64,
    ) {
        S::call(Choose { picks: self, noise, batch, count, walkers: (first, walkers), step });
    }

    #[inline(always)]
    fn choose<S: Simd>(
        &mut self,
        noise: &Noise,
        batch: &Batch,
        count: usize,
        (first, walkers): (u64, usize),
        step: u64,
    ) {
        if matches!(batch, Batch::Full) && self.walkers == walkers {
            return;
        }
        self.walkers = walkers;
        self.rows.clear();
        match *batch {
            Batch::Given(ref given) => self.take(given, (first, walkers), step),
            Batch::Full => (0..count as u32).for_each(|row| self.rows.resize(self.rows.len() + walkers, row)),
            Batch::Draws(size) | Batch::Distinct(size) => {
                self.rows.resize(size * walkers, NONE);
                for eight in (0..walkers).step_by(LANES) {
                    self.draw_words::<S>(noise, Stream::Rows, first + eight as u64, step, size);
                    for lane in 0..LANES.min(walkers) {
                        if matches!(batch, Batch::Draws(_)) {
                            self.draws(eight + lane, size, count);
                        } else {
                            self.distinct(eight + lane, size, count);
                        }
                    }
                }
            }
            Batch::Epochs(size) => {
                let turns = (count / size) as u64;
                self.order::<S>(noise, count, (first, walkers), step / turns);
                let start = (step % turns) as usize * size;
                for place in start..start + size {
                    let orders = &self.orders;
                    self.rows.extend((0..walkers).map(|walker| orders[walker * count + place]));
                }
            }
            Batch::Mask(chance) => {
                let below = (chance * 2.0_f64.powi(64)) as u64;
                for eight in (0..walkers).step_by(LANES) {
                    self.draw_words::<S>(noise, Stream::Mask, first + eight as u64, step, count);
                    (0..LANES.min(walkers)).for_each(|lane| self.masked(eight + lane, count, below));
                }
            }
        }
    }

    /// Takes what is given.
    fn take(&mut self, given: &Given, (first, walkers): (u64, usize), step: u64) {
        self.rows.resize(given.size * walkers, NONE);
        self.weights.resize(if given.weights.is_empty() { 0 } else { self.rows.len() }, 0.0);
        for walker in 0..walkers {
            let start = given.start(first + walker as u64, step);
            for place in 0..given.size {
                self.rows[place * walkers + walker] = given.rows[start + place];
                if let Some(&weight) = given.weights.get(start + place) {
                    self.weights[place * walkers + walker] = weight;
                }
            }
        }
    }

    /// Draws some words for eight walkers, or for the one that there is.
    fn draw_words<S: Simd>(&mut self, noise: &Noise, stream: Stream, first: u64, step: u64, count: usize) {
        if self.walkers == 1 {
            self.words.resize(count.next_multiple_of(2 * LANES), [0; LANES]);
            S::call(DrawOne { noise, stream, walker: first, step, words: &mut self.words });
        } else {
            self.words.resize(count.next_multiple_of(2), [0; LANES]);
            S::call(Draw { noise, stream, first, step, words: &mut self.words });
        }
    }

    fn draws(&mut self, walker: usize, size: usize, count: usize) {
        for place in 0..size {
            self.rows[place * self.walkers + walker] = below(self.words[place][walker % LANES], count);
        }
    }

    /// Floyd's way to a random subset: every row that comes into reach takes the place of one that was drawn before.
    fn distinct(&mut self, walker: usize, size: usize, count: usize) {
        self.taken.resize(count.div_ceil(64), 0);
        for place in 0..size {
            let last = count - size + place;
            let drawn = below(self.words[place][walker % LANES], last + 1);
            let is_taken = self.taken[drawn as usize / 64] >> (drawn % 64) & 1 == 1;
            let row = if is_taken { last as u32 } else { drawn };
            self.taken[row as usize / 64] |= 1 << (row % 64);
            self.rows[place * self.walkers + walker] = row;
        }
        for place in 0..size {
            self.taken[self.rows[place * self.walkers + walker] as usize / 64] = 0;
        }
    }

    fn masked(&mut self, walker: usize, count: usize, below: u64) {
        let mut place = 0;
        for row in 0..count {
            if self.words[row][walker % LANES] < below {
                if self.rows.len() <= place * self.walkers {
                    self.rows.resize((place + 1) * self.walkers, NONE);
                }
                self.rows[place * self.walkers + walker] = row as u32;
                place += 1;
            }
        }
    }

    /// Shuffles the rows of each walker for an epoch, unless they are. It is rare: a step of an epoch uses what the first has made.
    fn order<S: Simd>(&mut self, noise: &Noise, count: usize, (first, walkers): (u64, usize), epoch: u64) {
        if self.ordered == Some((first, walkers, epoch)) {
            return;
        }
        self.ordered = Some((first, walkers, epoch));
        self.orders.clear();
        for eight in (0..walkers).step_by(LANES) {
            self.draw_words::<S>(noise, Stream::Order, first + eight as u64, epoch, count);
            for lane in 0..LANES.min(walkers) {
                let start = self.orders.len();
                self.orders.extend(0..count as u32);
                let order = &mut self.orders[start..];
                for last in (1..count).rev() {
                    order.swap(last, below(self.words[last][lane], last + 1) as usize);
                }
            }
        }
    }
}

/// A whole number below `count`: each of them, up to a share `count` / 2^64, equally often.
fn below(word: u64, count: usize) -> u32 {
    ((u128::from(word) * count as u128) >> 64) as u32
}

/// The batches of some walkers at a step: one function for all who draw them.
struct Choose<'a> {
    picks: &'a mut Picks,
    noise: &'a Noise,
    batch: &'a Batch,
    count: usize,
    walkers: (u64, usize),
    step: u64,
}

impl<S: Simd> Routine<S> for Choose<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { picks, noise, batch, count, walkers, step } = self;
        picks.choose::<S>(noise, batch, count, walkers, step);
    }
}

/// Words of eight walkers, two of an address.
struct Draw<'a> {
    noise: &'a Noise,
    stream: Stream,
    first: u64,
    step: u64,
    words: &'a mut [[u64; LANES]],
}

impl<S: Simd> Routine<S> for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { noise, stream, first, step, words } = self;
        let counters = noise::counters::<S::F64>(first);
        for (pair, words) in words.chunks_exact_mut(2).enumerate() {
            let (one, two) = noise.words::<S::F64>(&counters, Address { stream, step, pair });
            for (words, bits) in words.iter_mut().zip([one, two]) {
                let mut lanes = [0.0; LANES];
                S::F64::from_bits(bits).store(&mut lanes);
                *words = lanes.map(f64::to_bits);
            }
        }
    }
}

/// Words of one walker, eight pairs at a time.
struct DrawOne<'a> {
    noise: &'a Noise,
    stream: Stream,
    walker: u64,
    step: u64,
    words: &'a mut [[u64; LANES]],
}

impl<S: Simd> Routine<S> for DrawOne<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { noise, stream, walker, step, words } = self;
        let mut lanes = [0.0; LANES];
        let counters = noise::pairs(walker);
        for (eight, words) in words.chunks_exact_mut(2 * LANES).enumerate() {
            let address = Address { stream, step, pair: eight * LANES };
            let (one, two) = noise.words::<S::F64>(&counters, address);
            for (turn, bits) in [one, two].into_iter().enumerate() {
                S::F64::from_bits(bits).store(&mut lanes);
                for (pair, word) in words.chunks_exact_mut(2).zip(lanes) {
                    pair[turn][0] = word.to_bits();
                }
            }
        }
    }
}
