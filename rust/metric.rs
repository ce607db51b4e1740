//! A constant Riemannian metric G: dx = -G⁻¹ grad V dt + sqrt(2 T) G^(-1/2) dW. The law exp(-V/T) dx does not change with it.
//!
//! With G = L Lᵀ and W = L⁻¹, the coordinates y = Lᵀ x make the process an ordinary one: grad_y V = W grad V, and a move δ of y
//! is the move Wᵀ δ of x. Schemes therefore reckon with W grad V in place of grad V, and colour the move that comes out.

use crate::error::{Error, Result};
use crate::real::Real;
use crate::simd::{Routine, Simd};

/// A constant metric, as the inverse W of its lower Cholesky factor.
#[derive(Clone, Debug)]
pub struct Metric {
    dim: usize,
    /// Rows of W up to the diagonal, one after another.
    rows: Vec<f64>,
}

impl Metric {
    /// Takes G by rows, (dim, dim); only its lower half is read.
    ///
    /// # Errors
    /// If it is not square of that size or not positive definite.
    pub fn new(matrix: &[f64], dim: usize) -> Result<Self> {
        if matrix.len() != dim * dim {
            return Err(Error::invalid(format!("metric: expected {dim} by {dim} numbers, got {}", matrix.len())));
        }
        let lower = cholesky(matrix, dim)?;
        let mut inverse = vec![0.0; dim * dim];
        for column in 0..dim {
            for row in column..dim {
                let unit = if row == column { 1.0 } else { 0.0 };
                let known: f64 = (column..row).map(|k| lower[row * dim + k] * inverse[k * dim + column]).sum();
                inverse[row * dim + column] = (unit - known) / lower[row * dim + row];
            }
        }
        let rows = (0..dim).flat_map(|row| inverse[row * dim..=row * dim + row].to_vec()).collect();
        Ok(Self { dim, rows })
    }

    /// Replaces grad V by W grad V at every point, `dim` coordinates each, one after another.
    #[inline(always)]
    fn whiten<R: Real>(&self, gradients: &mut [R]) {
        for gradient in gradients.chunks_exact_mut(self.dim) {
            // From the last row upwards, so that what a row needs is still there.
            let mut end = self.rows.len();
            for row in (0..self.dim).rev() {
                let mut sum = R::constant(0.0);
                for (&w, &g) in self.rows[end - row - 1..end].iter().zip(&*gradient) {
                    sum = g.mul_add(R::constant(w), sum);
                }
                gradient[row] = sum;
                end -= row + 1;
            }
        }
    }

    /// Replaces a move δ of y by the move Wᵀ δ of x, at every point.
    #[inline(always)]
    fn colour<R: Real>(&self, moves: &mut [R]) {
        for delta in moves.chunks_exact_mut(self.dim) {
            let mut start = 0;
            for row in 0..self.dim {
                let here = delta[row];
                delta[row] = R::constant(0.0);
                for (&w, sum) in self.rows[start..=start + row].iter().zip(&mut *delta) {
                    *sum = here.mul_add(R::constant(w), *sum);
                }
                start += row + 1;
            }
        }
    }
}

/// Turns gradients into slopes, W grad V; without a metric they are the same.
#[inline(always)]
pub fn whiten<S: Simd, R: Real>(metric: Option<&Metric>, gradients: &mut [R]) {
    if let Some(metric) = metric {
        S::call(Change { metric, is_gradient: true, numbers: gradients });
    }
}

/// Gradients to slopes, or moves of y to moves of x: a metric is rare, so that it is one function for all schemes.
pub(crate) struct Change<'a, R> {
    pub metric: &'a Metric,
    pub is_gradient: bool,
    pub numbers: &'a mut [R],
}

impl<S: Simd, R: Real> Routine<S> for Change<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { metric, is_gradient, numbers } = self;
        if is_gradient {
            metric.whiten(numbers);
        } else {
            metric.colour(numbers);
        }
    }
}

/// The lower factor L of G = L Lᵀ.
fn cholesky(matrix: &[f64], dim: usize) -> Result<Vec<f64>> {
    let mut lower = vec![0.0; dim * dim];
    for row in 0..dim {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| lower[row * dim + k] * lower[column * dim + k]).sum();
            let rest = matrix[row * dim + column] - known;
            lower[row * dim + column] = if row == column { rest.sqrt() } else { rest / lower[column * dim + column] };
        }
        let pivot = lower[row * dim + row];
        if !(pivot.is_finite() && pivot > 0.0) {
            return Err(Error::invalid(format!("metric: it is not positive definite (pivot {row} is {pivot})")));
        }
    }
    Ok(lower)
}
