//! GL(r) on (U, V) -> (U g, V g⁻ᵀ): the way back to UᵀU = VᵀV by a symmetric g, which is unique.
//!
//! With P = UᵀU and Q = VᵀV, g P g = g⁻¹ Q g⁻¹ for the root g of S = P⁻¹ # Q, the positive solution of S P S = Q (# is the geometric
//! mean of positive matrices).

use crate::dynamics::dense::{cholesky, orthogonalise};
use crate::real::Real;

/// The largest r.
pub const MOST_COLUMNS: usize = 8;

/// A square matrix of up to so many columns, by rows.
type Matrix<R> = [R; MOST_COLUMNS * MOST_COLUMNS];

/// Where the entries of U and V are among the coordinates, by rows.
#[derive(Clone, Debug)]
pub struct GeneralLinear {
    columns: usize,
    u: Vec<usize>,
    v: Vec<usize>,
}

impl GeneralLinear {
    /// Takes the coordinates of U and of V, by rows of `columns` entries, 2 to 8.
    #[must_use]
    pub fn new(columns: usize, u: Vec<usize>, v: Vec<usize>) -> Self {
        Self { columns, u, v }
    }

    /// All coordinates that move.
    #[must_use]
    pub fn coordinates(&self) -> Vec<usize> {
        [&self.u[..], &self.v[..]].concat()
    }

    /// Moves a point to the slice; it becomes NaN where U or V has not full rank.
    #[inline(always)]
    pub fn retract<R: Real>(&self, x: &mut [R]) {
        let (r, empty) = (self.columns, [R::constant(0.0); MOST_COLUMNS * MOST_COLUMNS]);
        let (mut p, mut q, mut root, mut inverse) = (empty, empty, empty, empty);
        gram(&self.u, r, x, &mut p);
        gram(&self.v, r, x, &mut q);
        if r == 2 {
            two_by_two(&p, &q, &mut root, &mut inverse);
        } else {
            any_size(r, &mut p, &mut q, &mut root, &mut inverse);
        }
        multiply(&self.u, r, x, &root);
        multiply(&self.v, r, x, &inverse);
    }
}

/// AᵀA of the matrix A at these coordinates.
#[inline(always)]
fn gram<R: Real>(places: &[usize], r: usize, x: &[R], gram: &mut Matrix<R>) {
    for row in places.chunks_exact(r) {
        for i in 0..r {
            for j in 0..r {
                gram[i * r + j] = x[row[i]].mul_add(x[row[j]], gram[i * r + j]);
            }
        }
    }
}

/// Replaces A by A g for a symmetric g.
#[inline(always)]
fn multiply<R: Real>(places: &[usize], r: usize, x: &mut [R], g: &Matrix<R>) {
    let mut old = [R::constant(0.0); MOST_COLUMNS];
    for row in places.chunks_exact(r) {
        for (old, &place) in old.iter_mut().zip(row) {
            *old = x[place];
        }
        for (j, &place) in row.iter().enumerate() {
            let mut sum = R::constant(0.0);
            for i in 0..r {
                sum = old[i].mul_add(g[i * r + j], sum);
            }
            x[place] = sum;
        }
    }
}

/// Closed forms: A # B = sqrt(a b) (A/a + B/b) / sqrt(det(A/a + B/b)) with a² = det A, b² = det B; and the root of S is
/// (S + d) / sqrt(tr S + 2 d) with d² = det S.
#[inline(always)]
fn two_by_two<R: Real>(p: &Matrix<R>, q: &Matrix<R>, g: &mut Matrix<R>, inverse: &mut Matrix<R>) {
    let det_p = p[0].mul_add(p[3], -(p[1] * p[1])).sqrt();
    let det_q = q[0].mul_add(q[3], -(q[1] * q[1])).sqrt();
    // P⁻¹ over the root of its determinant is the adjugate of P over the root of P's.
    let (one_p, one_q) = (R::constant(1.0) / det_p, R::constant(1.0) / det_q);
    let mean =
        [p[3].mul_add(one_p, q[0] * one_q), q[1].mul_add(one_q, -(p[1] * one_p)), p[0].mul_add(one_p, q[3] * one_q)];
    let det = mean[0].mul_add(mean[2], -(mean[1] * mean[1]));
    let ratio = det_q / det_p;
    let scale = (ratio / det).sqrt();
    let s = [mean[0] * scale, mean[1] * scale, mean[2] * scale];
    // det S = det Q / det P, whose roots are those of the determinants.
    let norm = R::constant(1.0) / (s[0] + s[2] + ratio.sqrt() + ratio.sqrt()).sqrt();
    (g[0], g[1], g[3]) = ((s[0] + ratio.sqrt()) * norm, s[1] * norm, (s[2] + ratio.sqrt()) * norm);
    g[2] = g[1];
    let det_g = R::constant(1.0) / g[0].mul_add(g[3], -(g[1] * g[1]));
    (inverse[0], inverse[1], inverse[3]) = (g[3] * det_g, -(g[1] * det_g), g[0] * det_g);
    inverse[2] = inverse[1];
}

/// P = L Lᵀ, Q = K Kᵀ, and Kᵀ L = X Σ Yᵀ: S = L⁻ᵀ Y Σ Yᵀ L⁻¹ = C Cᵀ; from the singular values of Cᵀ, S = W D² Wᵀ and g = W D Wᵀ.
#[inline(always)]
fn any_size<R: Real>(r: usize, p: &mut Matrix<R>, q: &mut Matrix<R>, g: &mut Matrix<R>, inverse: &mut Matrix<R>) {
    let zero = R::constant(0.0);
    cholesky(p, r);
    cholesky(q, r);
    let (mut product, mut rotation): (Matrix<R>, Matrix<R>) = ([zero; 64], [zero; 64]);
    for i in 0..r {
        for j in 0..r {
            let mut sum = zero;
            for k in i.max(j)..r {
                sum = q[k * r + i].mul_add(p[k * r + j], sum);
            }
            product[i * r + j] = sum;
        }
    }
    // Twice the same: written once, it is compiled once.
    for pass in 0..2 {
        orthogonalise(&mut product[..r * r], &mut rotation[..r * r], r);
        if pass == 0 {
            product = half_of_mean(r, p, &product, &rotation);
        }
    }
    for k in 0..r {
        let root = length(&product[..r * r], r, k);
        for i in 0..r {
            for j in 0..r {
                let both = rotation[i * r + k] * rotation[j * r + k];
                g[i * r + j] = both.mul_add(root, g[i * r + j]);
                inverse[i * r + j] = inverse[i * r + j] + both / root;
            }
        }
    }
}

/// Cᵀ = Σ^(1/2) Yᵀ L⁻¹ from X Σ and Y, row by row: z L = row is solved from the last column on.
#[inline(always)]
fn half_of_mean<R: Real>(r: usize, lower: &Matrix<R>, lengths: &Matrix<R>, rotation: &Matrix<R>) -> Matrix<R> {
    let mut half: Matrix<R> = [R::constant(0.0); 64];
    for k in 0..r {
        let root = length(&lengths[..r * r], r, k).sqrt();
        for j in (0..r).rev() {
            let mut rest = rotation[j * r + k] * root;
            for i in j + 1..r {
                rest = (-half[k * r + i]).mul_add(lower[i * r + j], rest);
            }
            half[k * r + j] = rest / lower[j * r + j];
        }
    }
    half
}

/// The length of a column.
#[inline(always)]
fn length<R: Real>(matrix: &[R], r: usize, column: usize) -> R {
    let mut sum = R::constant(0.0);
    for row in matrix.chunks_exact(r) {
        sum = row[column].mul_add(row[column], sum);
    }
    sum.sqrt()
}
