//! Small dense systems on packs: elimination and Cholesky's factor, without pivots, so that every walker does the same.

use crate::real::Real;

/// Solves A z = b in place: `b` becomes z, and `a`, (m, m) by rows, is used up. Without pivots, which matrices near symmetric
/// positive definite ones do not need; where one vanishes, the result is not finite.
#[inline(always)]
pub fn solve<R: Real>(a: &mut [R], b: &mut [R]) {
    let m = b.len();
    for k in 0..m {
        let inverse = R::constant(1.0) / a[k * m + k];
        for row in k + 1..m {
            let factor = -(a[row * m + k] * inverse);
            for column in k + 1..m {
                a[row * m + column] = factor.mul_add(a[k * m + column], a[row * m + column]);
            }
            b[row] = factor.mul_add(b[k], b[row]);
        }
    }
    for k in (0..m).rev() {
        let mut rest = b[k];
        for column in k + 1..m {
            rest = (-a[k * m + column]).mul_add(b[column], rest);
        }
        b[k] = rest / a[k * m + k];
    }
}

/// Replaces the lower half of a symmetric positive definite A, (m, m) by rows, by the factor L of A = L Lᵀ. What is above the
/// diagonal stays; NaN where A is not positive definite.
#[inline(always)]
pub fn cholesky<R: Real>(a: &mut [R], m: usize) {
    for row in 0..m {
        for column in 0..=row {
            let mut rest = a[row * m + column];
            for k in 0..column {
                rest = (-a[row * m + k]).mul_add(a[column * m + k], rest);
            }
            a[row * m + column] = if row == column { rest.sqrt() } else { rest / a[column * m + column] };
        }
    }
}

/// Makes the columns of B, (r, r) by rows, orthogonal: B becomes B Y, and Y, which starts as the identity, the rotation. One-sided
/// Jacobi, which finds small singular values, the lengths of the columns, as accurately as large ones.
///
/// A walker whose columns are orthogonal is not turned any more, so that it does not matter what its neighbours need.
#[inline(always)]
pub fn orthogonalise<R: Real>(b: &mut [R], y: &mut [R], r: usize) {
    const SWEEPS: usize = 30;
    let (zero, one) = (R::constant(0.0), R::constant(1.0));
    let epsilon = (-f64::from(<R::Scalar as crate::real::Scalar>::MANTISSA) + 1.0).exp2();
    for row in 0..r {
        for column in 0..r {
            y[row * r + column] = if row == column { one } else { zero };
        }
    }
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..r {
            for q in p + 1..r {
                let (mut pp, mut qq, mut pq) = (zero, zero, zero);
                for row in b.chunks_exact(r) {
                    pp = row[p].mul_add(row[p], pp);
                    qq = row[q].mul_add(row[q], qq);
                    pq = row[p].mul_add(row[q], pq);
                }
                let turn = (R::constant(epsilon) * (pp.sqrt() * qq.sqrt())).less(pq.abs());
                if !R::any(turn) {
                    continue;
                }
                turned = true;
                // tan of the angle that makes the two columns orthogonal, the smaller of the two.
                let tau = (qq - pp) / (pq + pq);
                let root = tau.mul_add(tau, one).sqrt();
                let tan = one / (tau + R::select(tau.less(zero), -root, root));
                let cos = one / tan.mul_add(tan, one).sqrt();
                let sin = tan * cos;
                for matrix in [&mut *b, &mut *y] {
                    for row in matrix.chunks_exact_mut(r) {
                        let (left, right) = (row[p], row[q]);
                        row[p] = R::select(turn, left.mul_add(cos, -(right * sin)), left);
                        row[q] = R::select(turn, right.mul_add(cos, left * sin), right);
                    }
                }
            }
        }
        if !turned {
            break;
        }
    }
}
