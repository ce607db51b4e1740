//! Batches that somebody else has drawn, step by step: a run that is replayed, or a step that is checked.

use super::Table;
use crate::error::{Error, Result};

/// Rows, their weights and the noise on their labels.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// How many walkers there are batches for; one batch may serve all.
    pub walkers: usize,
    /// Steps.
    pub steps: usize,
    /// Rows in a batch.
    pub size: usize,
    /// Row numbers, by walker, step and place.
    pub rows: Vec<u32>,
    /// How much each row counts, likewise; nothing if all count 1.
    pub weights: Vec<f64>,
    /// Noise on labels, by walker, step, place and noisy entry; nothing if it is drawn.
    pub noise: Vec<f64>,
}

impl Given {
    /// Checks it.
    ///
    /// # Errors
    /// If sizes do not fit each other, or there is no such row.
    pub fn check(&self, table: &Table) -> Result<()> {
        let count = self.walkers.saturating_mul(self.steps).saturating_mul(self.size);
        let fits = |found: usize, each: usize| found == 0 || found == count.saturating_mul(each);
        let is_fine = count > 0
            && self.rows.len() == count
            && fits(self.weights.len(), 1)
            && fits(self.noise.len(), table.labels.entries.len())
            && self.rows.iter().all(|&row| (row as usize) < table.rows());
        if is_fine { Ok(()) } else { Err(Error::invalid("batch: what is given does not fit the rows")) }
    }

    /// Where the batch of a walker at a step begins. Lanes without a walker take the last one's, and what is beyond the last step,
    /// which nobody asks for, that of the last.
    #[must_use]
    pub fn start(&self, walker: u64, step: u64) -> usize {
        let walker = (walker as usize).min(self.walkers - 1);
        (walker * self.steps + (step as usize).min(self.steps - 1)) * self.size
    }
}
