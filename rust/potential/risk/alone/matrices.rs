//! Matrices of packs: their products and transposes.
//!
//! Products are made row by row of the result, each sum in the order of what is summed over: how many rows go side by side changes
//! no sum.

use crate::potential::risk::batch::LANES;
use crate::real::Real;
use crate::simd::{Pack, Routine, Simd};

/// Writes the transpose of some columns of a matrix, the rows of which are so many packs apart, the last pack filled up with zeros.
#[inline(always)]
pub fn turn<S: Simd>(rows: &[S::F64], (apart, count, columns): (usize, usize, usize), to: &mut Vec<S::F64>) {
    let (across, zero) = (count.div_ceil(LANES), Real::constant(0.0));
    to.resize(columns * across, zero);
    for (t, rows) in rows.chunks(LANES * apart).enumerate() {
        for first in (0..columns).step_by(LANES) {
            let mut square = [zero; LANES];
            for (k, line) in square.iter_mut().enumerate() {
                *line = rows.get(k * apart + first / LANES).copied().unwrap_or(zero);
            }
            for (to, column) in to[first * across + t..].iter_mut().step_by(across).zip(S::turned(square)) {
                *to = column;
            }
        }
    }
}

/// A product of matrices, or that added to what is there: one function for all.
pub struct Product<'a, P> {
    /// The left one, and how far apart its rows and its columns are.
    pub left: (&'a [f64], usize, usize),
    /// The right one, and how far apart its rows are.
    pub right: (&'a [P], usize),
    /// Rows, what is summed over, packs of columns.
    pub sizes: (usize, usize, usize),
    /// Where it goes, and how far apart rows are there.
    pub out: (&'a mut [P], usize),
    pub is_new: bool,
}

impl<S: Simd, P: Pack<Scalar = f64>> Routine<S> for Product<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let (rows, _, packs) = self.sizes;
        let mut row = 0;
        // One of the two distances is 1, which saves the loop its arithmetic.
        if P::UNROLLS && packs.is_multiple_of(3) {
            while row + 4 <= rows {
                for pack in (0..packs).step_by(3) {
                    if self.left.2 == 1 { self.by_rows::<4, 3>(row, pack) } else { self.by_columns::<4, 3>(row, pack) }
                }
                row += 4;
            }
        } else if P::UNROLLS {
            while row + 8 <= rows {
                for pack in 0..packs {
                    if self.left.2 == 1 { self.by_rows::<8, 1>(row, pack) } else { self.by_columns::<8, 1>(row, pack) }
                }
                row += 8;
            }
        }
        while row < rows {
            for pack in 0..packs {
                if self.left.2 == 1 { self.by_rows::<1, 1>(row, pack) } else { self.by_columns::<1, 1>(row, pack) }
            }
            row += 1;
        }
    }
}

impl<P: Pack<Scalar = f64>> Product<'_, P> {
    /// Some rows and packs of the result where the left one's columns are side by side.
    #[inline(always)]
    fn by_rows<const R: usize, const C: usize>(&mut self, row: usize, pack: usize) {
        let ((left, down, _), (right, apart), (_, inner, _)) = (self.left, self.right, self.sizes);
        let mut lines: [&[f64]; R] = [&[]; R];
        for (i, line) in lines.iter_mut().enumerate() {
            *line = &left[(row + i) * down..][..inner];
        }
        let mut sums = self.before::<R, C>(row, pack);
        let mut rights = right[pack..].chunks(apart);
        for k in 0..inner {
            let Some(entries) = rights.next().and_then(<[P]>::first_chunk::<C>) else { return };
            for (sums, line) in sums.iter_mut().zip(&lines) {
                add(sums, P::splat(line[k]), entries);
            }
        }
        self.put(row, pack, &sums);
    }

    /// The same where its rows are.
    #[inline(always)]
    fn by_columns<const R: usize, const C: usize>(&mut self, row: usize, pack: usize) {
        let ((left, _, along), (right, apart), (_, inner, _)) = (self.left, self.right, self.sizes);
        let mut sums = self.before::<R, C>(row, pack);
        for (line, entries) in left[row..].chunks(along).zip(right[pack..].chunks(apart)).take(inner) {
            let (Some(line), Some(entries)) = (line.first_chunk::<R>(), entries.first_chunk::<C>()) else { return };
            for (sums, &factor) in sums.iter_mut().zip(line) {
                add(sums, P::splat(factor), entries);
            }
        }
        self.put(row, pack, &sums);
    }

    #[inline(always)]
    fn before<const R: usize, const C: usize>(&self, row: usize, pack: usize) -> [[P; C]; R] {
        let mut sums = [[P::constant(0.0); C]; R];
        if !self.is_new {
            for (i, sums) in sums.iter_mut().enumerate() {
                sums.copy_from_slice(&self.out.0[(row + i) * self.out.1 + pack..][..C]);
            }
        }
        sums
    }

    #[inline(always)]
    fn put<const R: usize, const C: usize>(&mut self, row: usize, pack: usize, sums: &[[P; C]; R]) {
        for (i, sums) in sums.iter().enumerate() {
            self.out.0[(row + i) * self.out.1 + pack..][..C].copy_from_slice(sums);
        }
    }
}

/// Adds a multiple of some packs.
#[inline(always)]
fn add<P: Real, const C: usize>(sums: &mut [P; C], factor: P, entries: &[P; C]) {
    for (sum, &entry) in sums.iter_mut().zip(entries) {
        *sum = factor.mul_add(entry, *sum);
    }
}
