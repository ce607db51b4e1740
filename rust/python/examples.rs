//! A mean over rows as Python has it: two tapes, the rows, and how they are drawn.

use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::tape::Tape;
use crate::error::Result;
use crate::noise::Noise;
use crate::potential::Risk;
use crate::potential::risk::{Batch, Table};

/// A mean over rows, read from a dict.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Examples<'py> {
    /// The gradient of what is no part of the mean.
    rest: Tape<'py>,
    /// The gradient of a row's loss, as a function of the coordinates and the row.
    row: Tape<'py>,
    table: PyReadonlyArray2<'py, f64>,
    /// The standard deviation of the noise on each entry of a row.
    noise: Vec<f64>,
    /// Name, size and chance of the batch.
    batch: (String, usize, f64),
    /// What the sum over a batch is multiplied by.
    scale: f64,
}

impl Examples<'_> {
    /// The checked risk, whose noise has this key.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn risk(&self, key: u128) -> Result<Risk> {
        let (name, size, chance) = &self.batch;
        let numbers = self.table.as_array().iter().copied().collect();
        let table = Table::new(numbers, self.table.shape()[0], &self.noise)?;
        let batch = Batch::named(name, *size, *chance)?;
        Risk::new(self.rest.program()?, self.row.program()?, table, batch, self.scale, Noise::new(key))
    }
}
