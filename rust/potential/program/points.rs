//! A program evaluated at given points, outside of any run.

use super::Program;
use crate::error::{Error, Result};
use crate::real::Real;
use crate::simd::{Element, Job, Level, Pack, Simd};

/// Packs that are evaluated at a time.
const PACKS: usize = 16;

struct At<'a, T> {
    program: &'a Program,
    points: &'a [T],
    results: &'a mut [T],
}

impl Program {
    /// Its results at points, (points, outputs) in C order; the points are (points, dim) in C order.
    ///
    /// # Errors
    /// If the points do not have `dim` coordinates, or there is no memory for the results.
    pub fn at<T: Element>(&self, level: Level, points: &[T]) -> Result<Vec<T>> {
        if !points.len().is_multiple_of(self.dim) {
            let (found, dim) = (points.len(), self.dim);
            return Err(Error::invalid(format!("points: {found} numbers are not rows of {dim} coordinates")));
        }
        let (rows, width) = (points.len() / self.dim, self.outputs.len());
        let mut results = Vec::new();
        let count = rows.checked_mul(width).filter(|&count| results.try_reserve_exact(count).is_ok());
        let Some(count) = count else {
            let message = format!("points: no memory for {width} results at {rows} points; evaluate fewer at a time");
            return Err(Error::invalid(message));
        };
        results.resize(count, T::default());
        level.run(At { program: self, points, results: &mut results });
        Ok(results)
    }
}

impl<T: Element> Job for At<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { program, points, results } = self;
        let (dim, width, lanes) = (program.dim, program.outputs.len(), T::Pack::<S>::LANES);
        let mut evaluator = program.evaluator::<S, T>();
        let mut x = vec![T::Pack::<S>::constant(0.0); PACKS * dim];
        let mut y = vec![T::Pack::<S>::constant(0.0); PACKS * width];
        let mut row = [T::default(); 16];
        for (points, results) in points.chunks(PACKS * lanes * dim).zip(results.chunks_mut(PACKS * lanes * width)) {
            let packs = (points.len() / dim).div_ceil(lanes);
            for (i, x) in x[..packs * dim].iter_mut().enumerate() {
                // Lanes without a point keep the last one's coordinate.
                for (lane, point) in row.iter_mut().zip(points.chunks_exact(dim).skip(i / dim * lanes).take(lanes)) {
                    *lane = point[i % dim];
                }
                *x = Pack::load(&row);
            }
            evaluator.evaluate(&x[..packs * dim], &mut y[..packs * width]);
            for (i, y) in y[..packs * width].iter().enumerate() {
                y.store(&mut row);
                for (lane, result) in
                    row.iter().zip(results.chunks_exact_mut(width).skip(i / width * lanes).take(lanes))
                {
                    result[i % width] = *lane;
                }
            }
        }
    }
}
