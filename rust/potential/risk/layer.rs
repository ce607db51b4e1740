//! A layer of rectified units in closed form: the loss (c/2) (Σ v max(0, w · x) − y)² of one row, for each walker.
//!
//! The coordinates of a walker are w and v of the first unit, of the second, and so on. Rows come in fours: each coordinate is then
//! read, and each sum written, once for all of them.

use crate::real::Real;

/// Rows that are gone through at a time.
pub const ROWS: usize = 4;

/// The same number of each of these rows.
pub type Four<P> = [P; ROWS];

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

    /// Adds the gradients of four rows, each with its weight. `rows` has the inputs and the label, and `hidden` room for each unit.
    #[inline(always)]
    pub fn add<P: Real>(self, x: &[P], rows: &[Four<P>], weights: Four<P>, hidden: &mut [Four<P>], sums: &mut [P]) {
        let zero = P::constant(0.0);
        let (inputs, mut errors) = (&rows[..self.inputs], rows[self.inputs]);
        for error in &mut errors {
            *error = -*error;
        }
        for (unit, hidden) in x.chunks_exact(self.inputs + 1).zip(&mut *hidden) {
            *hidden = active(unit, inputs);
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
            let (mut slopes, v) = (errors, unit[self.inputs]);
            let mut sum = sums[self.inputs];
            for (slope, &h) in slopes.iter_mut().zip(hidden) {
                sum = slope.mul_add(h, sum);
                *slope = P::select(zero.less(h), *slope * v, zero);
            }
            sums[self.inputs] = sum;
            for (to, row) in sums.iter_mut().zip(inputs) {
                let mut sum = *to;
                for (&slope, &input) in slopes.iter().zip(row) {
                    sum = slope.mul_add(input, sum);
                }
                *to = sum;
            }
        }
    }
}

/// The labels of four rows by another layer, added to what is there.
#[inline(always)]
pub fn teach<P: Real>(units: &[P], inputs: &[Four<P>], labels: &mut Four<P>) {
    for unit in units.chunks_exact(inputs.len() + 1) {
        let mut z = [P::constant(0.0); ROWS];
        for (&w, row) in unit.iter().zip(inputs) {
            for (z, &input) in z.iter_mut().zip(row) {
                *z = input.mul_add(w, *z);
            }
        }
        let v = unit[inputs.len()];
        for (label, z) in labels.iter_mut().zip(z) {
            *label = v.mul_add(rectified(z), *label);
        }
    }
}

/// What a unit makes of four rows.
#[inline(always)]
fn active<P: Real>(unit: &[P], inputs: &[Four<P>]) -> Four<P> {
    let mut z = [P::constant(0.0); ROWS];
    for (&w, row) in unit.iter().zip(inputs) {
        for (z, &input) in z.iter_mut().zip(row) {
            *z = w.mul_add(input, *z);
        }
    }
    for z in &mut z {
        *z = rectified(*z);
    }
    z
}

#[inline(always)]
fn rectified<P: Real>(z: P) -> P {
    let zero = P::constant(0.0);
    P::select(zero.less(z), z, zero)
}
