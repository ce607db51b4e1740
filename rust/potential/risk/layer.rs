//! A layer of rectified units in closed form: the loss (c/2) (Σ v max(0, w · x) − y)² of one row, for each walker.
//!
//! The coordinates of a walker are w and v of the first unit, of the second, and so on. Four rows are gone through at once, as far
//! as there are four: each coordinate is then read, and each sum written, once for all of them.

use crate::real::Real;

/// Rows that are gone through at a time.
pub const ROWS: usize = 4;

/// The sizes of a layer, and the factor of its loss.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// Inputs of a unit.
    pub inputs: usize,
    /// Units.
    pub units: usize,
    /// c.
    pub factor: f64,
}

impl Layer {
    /// Number of coordinates.
    #[must_use]
    pub fn dim(self) -> usize {
        self.units * (self.inputs + 1)
    }

    /// Entries of a row: the inputs and the label.
    #[must_use]
    pub fn width(self) -> usize {
        self.inputs + 1
    }

    /// Adds the gradients of `R` rows, each with its weight. `hidden` has room for `R` numbers of each unit.
    #[inline(always)]
    pub fn add<P: Real, const R: usize>(
        self,
        x: &[P],
        rows: [&[P]; R],
        weights: [P; R],
        hidden: &mut [[P; R]],
        sums: &mut [P],
    ) {
        let zero = P::constant(0.0);
        let mut errors = rows.map(|row| -row[self.inputs]);
        for (unit, hidden) in x.chunks_exact(self.inputs + 1).zip(&mut *hidden) {
            let mut active = [zero; R];
            for (i, &w) in unit[..self.inputs].iter().enumerate() {
                for (active, row) in active.iter_mut().zip(rows) {
                    *active = w.mul_add(row[i], *active);
                }
            }
            *hidden = active.map(|z| P::select(zero.less(z), z, zero));
            for (error, &h) in errors.iter_mut().zip(&*hidden) {
                *error = unit[self.inputs].mul_add(h, *error);
            }
        }
        // What counts nothing may be anything.
        for (error, weight) in errors.iter_mut().zip(weights) {
            *error = P::select(weight.equal(zero), zero, *error * (weight * P::constant(self.factor)));
        }
        let units = x.chunks_exact(self.inputs + 1).zip(sums.chunks_exact_mut(self.inputs + 1));
        for ((unit, sums), hidden) in units.zip(&*hidden) {
            let v = unit[self.inputs];
            let mut slopes = errors;
            for (slope, &h) in slopes.iter_mut().zip(hidden) {
                sums[self.inputs] = slope.mul_add(h, sums[self.inputs]);
                *slope = P::select(zero.less(h), *slope * v, zero);
            }
            for (i, sum) in sums[..self.inputs].iter_mut().enumerate() {
                for (&slope, row) in slopes.iter().zip(rows) {
                    *sum = slope.mul_add(row[i], *sum);
                }
            }
        }
    }
}
