//! The loss of one row: a tape, or a closed form of what is made of the row.

use super::alone::{self, Alone};
use super::layer::{Four, Layer, ROWS, teach};
use super::{Batch, Table};
use crate::error::{Error, Result};
use crate::potential::program::{Evaluator, Program, Rows};
use crate::real::Real;
use crate::simd::{Element, Pack, Simd};

/// The gradient of one row's loss.
#[derive(Debug)]
pub enum Row {
    /// A function of the coordinates, followed by the entries of the row.
    Tape(Program),
    /// A layer, and where its rows come from.
    Layer(Layer, Source),
    /// What moves walkers one by one.
    Alone(Alone),
}

/// Where inputs and label of a layer come from.
#[derive(Debug)]
pub enum Source {
    /// They are the entries of the row.
    Entries,
    /// A tape makes them of the entries.
    Tape(Program),
    /// The entries are the inputs and, if there is one more, the noise on the label; the label is that of another layer, whose
    /// weights w and v stand unit by unit. Walkers have so many of them in turn, which stand one after another.
    Teacher(Vec<f64>, usize),
}

impl Row {
    /// Checks that it is a function of so many coordinates and of these rows.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, dim: usize, table: &Table, batch: &Batch) -> Result<()> {
        let width = table.width();
        let fits = match self {
            Self::Tape(row) => (row.outputs(), row.dim()) == (dim, dim + width),
            Self::Layer(layer, source) => {
                let fits = match source {
                    Source::Entries => width == layer.width(),
                    Source::Tape(tape) => (tape.dim(), tape.outputs()) == (width, layer.width()),
                    Source::Teacher(units, count) => {
                        let is_whole = *count > 0 && units.len().is_multiple_of(layer.width() * count);
                        is_whole && (layer.inputs..=layer.width()).contains(&width)
                    }
                };
                fits && layer.dim() == dim
            }
            Self::Alone(alone) => return alone.check(dim, table, batch),
        };
        if fits {
            Ok(())
        } else {
            Err(Error::invalid(format!("risk: a row is none of {width} entries in {dim} dimensions")))
        }
    }

    /// One worker's registers and room.
    #[must_use]
    pub fn worker<S: Simd, T: Element>(&self, dim: usize, table: &Table) -> Worker<'_, S, T> {
        match self {
            Self::Tape(row) => Worker::Tape(row.evaluator()),
            Self::Alone(alone) => Worker::Alone(Box::new(alone.room(dim, table))),
            Self::Layer(layer, source) => Worker::Layer(Room {
                layer: *layer,
                source,
                tape: if let Source::Tape(tape) = source { Some(tape.evaluator()) } else { None },
                made: Vec::new(),
                units: Vec::new(),
                first: None,
                four: vec![[Real::constant(0.0); ROWS]; layer.width()],
                hidden: vec![[Real::constant(0.0); ROWS]; layer.units],
            }),
        }
    }
}

/// What a worker needs.
pub enum Worker<'a, S: Simd, T: Element> {
    /// Registers.
    Tape(Evaluator<'a, S, T>),
    /// Room for a layer.
    Layer(Room<'a, S, T>),
    /// Room for a walker.
    Alone(Box<alone::Room<'a, S>>),
}

/// What a worker needs for a layer.
pub struct Room<'a, S: Simd, T: Element> {
    layer: Layer,
    source: &'a Source,
    tape: Option<Evaluator<'a, S, T>>,
    /// Rows that a tape has made.
    made: Vec<T::Pack<S>>,
    /// The weights of the teachers of packs of walkers, and which walker they begin with.
    units: Vec<T::Pack<S>>,
    first: Option<(u64, usize)>,
    /// Four rows.
    four: Vec<Four<T::Pack<S>>>,
    hidden: Vec<Four<T::Pack<S>>>,
}

impl<S: Simd, T: Element> Worker<'_, S, T> {
    /// Adds up the gradients of rows that each walker has for itself, from the first walker on.
    #[inline(always)]
    pub fn accumulate(&mut self, first: u64, x: &[T::Pack<S>], rows: Rows<'_, T::Pack<S>>, sums: &mut [T::Pack<S>]) {
        match self {
            Self::Tape(row) => row.accumulate(x, rows, sums),
            Self::Layer(room) => room.accumulate(first, x, rows, sums),
            // Those walkers are not moved in packs.
            Self::Alone(_) => {}
        }
    }
}

impl<S: Simd, T: Element> Room<'_, S, T> {
    /// Lays out the teachers of some packs of walkers, unless they are: one set of packs if all have the same.
    fn assign(&mut self, first: u64, packs: usize) {
        let Source::Teacher(units, count) = self.source else { return };
        let (first, packs) = if *count == 1 { (0, 1) } else { (first, packs) };
        if self.first == Some((first, packs)) {
            return;
        }
        self.first = Some((first, packs));
        self.units.clear();
        let (lanes, each) = (T::Pack::<S>::LANES, units.len() / count);
        let mut row = [T::default(); 16];
        for pack in 0..packs {
            for weight in 0..each {
                for (lane, place) in row[..lanes].iter_mut().enumerate() {
                    let teacher = (first as usize + pack * lanes + lane) % count;
                    *place = T::from_f64(units[teacher * each + weight]);
                }
                self.units.push(Pack::load(&row));
            }
        }
    }

    #[inline(always)]
    fn accumulate(&mut self, first: u64, x: &[T::Pack<S>], rows: Rows<'_, T::Pack<S>>, sums: &mut [T::Pack<S>]) {
        self.assign(first, x.len() / self.layer.dim());
        let Self { layer, source, tape, made, units, four, hidden, .. } = self;
        let (mut entries, mut width) = (rows.entries, rows.width);
        if let Some(tape) = tape {
            width = layer.width();
            made.resize(rows.weights.len() * width, Real::constant(0.0));
            tape.evaluate(rows.entries, made);
            entries = made;
        }
        let packs = x.len() / layer.dim();
        let places = rows.weights.len() / packs;
        let zero = T::Pack::<S>::constant(0.0);
        for (pack, (x, sums)) in x.chunks_exact(layer.dim()).zip(sums.chunks_exact_mut(layer.dim())).enumerate() {
            for start in (0..places).step_by(ROWS) {
                let mut weights = [zero; ROWS];
                // The last one stands in for rows that are not there and count nothing.
                for (k, weight) in weights.iter_mut().enumerate() {
                    let at = (start + k).min(places - 1) * packs + pack;
                    *weight = if start + k < places { rows.weights[at] } else { zero };
                    for (four, &entry) in four.iter_mut().zip(&entries[at * width..(at + 1) * width]) {
                        four[k] = entry;
                    }
                }
                if let Source::Teacher(_, count) = source {
                    let each = if *count == 1 { units.len() } else { units.len() / packs };
                    let units = &units[if *count == 1 { 0 } else { pack * each }..][..each];
                    let (inputs, label) = four.split_at_mut(layer.inputs);
                    if width == layer.inputs {
                        label[0] = [zero; ROWS];
                    }
                    teach(units, inputs, &mut label[0]);
                }
                layer.add(x, four, weights, hidden, sums);
            }
        }
    }
}
