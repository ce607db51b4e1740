//! A mean over rows as Python has it: two tapes, the rows, and how they are drawn.

use numpy::{PyReadonlyArray2, PyReadonlyArray3, PyReadonlyArray4, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::tape::Tape;
use crate::error::{Error, Result};
use crate::noise::Noise;
use crate::potential::Risk;
use crate::potential::risk::alone::{Alone, Factors, Form, Head, Linear, Masks, MeanLayer};
use crate::potential::risk::{Batch, Given, Law, Layer, Row, Source, Table};

/// The gradient of a row's loss.
#[derive(FromPyObject)]
enum RowOf<'py> {
    /// As a function of the coordinates and the row.
    Tape(Tape<'py>),
    /// Inputs, units and factor of a layer, and what makes its rows.
    Layer(usize, usize, f64, SourceOf<'py>),
    /// As a closed form that moves walkers one by one.
    Alone(AloneOf),
}

/// Pairs of vectors, and with masks their chance and what the products are to be.
type FactorsOf = (Vec<(usize, usize)>, Option<(f64, Vec<f64>)>);

/// A closed form that moves walkers one by one, read from a dict.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct AloneOf {
    /// The number of each coordinate of each vector.
    order: Vec<usize>,
    /// Coordinates of a vector.
    length: usize,
    factor: f64,
    decay: f64,
    lasso: f64,
    /// None, as the next, for least squares.
    factors: Option<FactorsOf>,
    /// Sizes of a head, in order, or the units of a layer, and what they learn from.
    taught: Option<(Vec<usize>, Vec<f64>)>,
}

impl AloneOf {
    fn alone(&self) -> Result<Alone> {
        let form = match (&self.factors, &self.taught) {
            (None, Some((sizes, teacher))) => match sizes[..] {
                [tokens, asking, inputs, columns, outputs] => {
                    Form::Head(Head { tokens, asking, inputs, columns, outputs, teacher: teacher.clone() })
                }
                [units] => Form::MeanLayer(MeanLayer { teacher: teacher.clone(), units }),
                _ => return Err(Error::invalid(format!("risk: no closed form has {} sizes", sizes.len()))),
            },
            (None, None) => Form::Linear(Linear),
            (Some((pairs, masks)), _) => {
                let masks = masks.as_ref().map(|(chance, targets)| Masks { chance: *chance, targets: targets.clone() });
                Form::Factors(Factors { pairs: pairs.clone(), masks })
            }
        };
        let Self { length, factor, decay, lasso, .. } = *self;
        Ok(Alone { form, factor, order: self.order.clone(), length, decay, lasso })
    }
}

/// What makes the rows of a layer.
#[derive(FromPyObject)]
enum SourceOf<'py> {
    /// The weights of other layers, one for each walker in turn; none if rows are as they are.
    Teachers(Vec<Vec<f64>>),
    Tape(Tape<'py>),
}

/// A mean over rows, read from a dict.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Examples<'py> {
    /// The gradient of what is no part of the mean, if there is any.
    rest: Option<Tape<'py>>,
    row: RowOf<'py>,
    table: PyReadonlyArray2<'py, f64>,
    /// The standard deviation of the noise on each entry of a row.
    labels: Vec<f64>,
    /// The multiple of a number of this law that is added to each entry.
    inputs: Vec<f64>,
    law: String,
    /// Name, size and chance of the batch.
    batch: (String, usize, f64),
    /// What the sum over a batch is multiplied by.
    scale: f64,
    /// Rows, weights and noise on labels, if they are given; the last two may be empty.
    given: Option<(PyReadonlyArray3<'py, u32>, PyReadonlyArray3<'py, f64>, PyReadonlyArray4<'py, f64>)>,
}

impl Examples<'_> {
    /// The checked risk, whose noise has this key.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn risk(&self, dim: usize, key: u128) -> Result<Risk> {
        let (name, size, chance) = &self.batch;
        let numbers = self.table.as_array().iter().copied().collect();
        let law = Law::named(&self.law)?;
        let table = Table::new(numbers, self.table.shape()[0], &self.labels, &self.inputs, law)?;
        let batch = match &self.given {
            None => Batch::named(name, *size, *chance)?,
            Some((rows, weights, noise)) => Batch::Given(Box::new(Given {
                walkers: rows.shape()[0],
                steps: rows.shape()[1],
                size: rows.shape()[2],
                rows: rows.as_array().iter().copied().collect(),
                weights: weights.as_array().iter().copied().collect(),
                noise: noise.as_array().iter().copied().collect(),
            })),
        };
        let rest = self.rest.as_ref().map(Tape::program).transpose()?;
        let row = match &self.row {
            RowOf::Tape(tape) => Row::Tape(tape.program()?),
            RowOf::Layer(inputs, units, factor, source) => {
                let layer = Layer { inputs: *inputs, units: *units, factor: *factor };
                let source = match source {
                    SourceOf::Teachers(teachers) if teachers.is_empty() => Source::Entries,
                    SourceOf::Teachers(teachers) => Source::Teacher(teachers.concat(), teachers.len()),
                    SourceOf::Tape(tape) => Source::Tape(tape.program()?),
                };
                Row::Layer(layer, source)
            }
            RowOf::Alone(alone) => Row::Alone(alone.alone()?),
        };
        Risk::new(dim, (rest, row), table, batch, self.scale, Noise::new(key))
    }
}
