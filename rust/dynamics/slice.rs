//! A surface {chi = level} that is told by its equations: its tangent spaces, and the way back along normals.
//!
//! A tape gives chi_1 … chi_m, followed by their gradients. With J the (m, dim) matrix of the gradients, v - Jᵀ (J Jᵀ)⁻¹ J v is the
//! tangent part of v; and from y, the point y + J(x)ᵀ λ of the surface is found by Newton's method in λ, whose matrix is
//! J(y) J(x)ᵀ (Ciccotti, Lelièvre and Vanden-Eijnden, Comm. Pure Appl. Math. 61 (2008) 371). Equations that share no coordinates have
//! orthogonal normals: the systems fall into blocks, each of which is solved by itself.

use std::ops::Range;

use super::dense::solve;
use crate::error::{Error, Result};
use crate::potential::Program;
use crate::potential::program::Evaluator;
use crate::real::{Real, Scalar};
use crate::simd::{Element, Routine, Simd};

/// The most equations of one block.
pub const MOST_EQUATIONS: usize = 16;

/// Newton's steps in a run: who needs more is too far away.
const STEPS: usize = 30;
/// Newton's steps from wherever a user lets walkers start.
const STEPS_FROM_AFAR: usize = 300;

/// A surface.
#[derive(Debug)]
pub struct Slice {
    program: Program,
    levels: Vec<f64>,
    /// Which equations belong together.
    blocks: Vec<Range<usize>>,
}

impl Slice {
    /// Takes the tape of chi and its gradients, the level of each, and the sizes of the blocks that they fall into, in this order.
    ///
    /// # Errors
    /// If the tape has not so many outputs, or a block is too large or empty.
    pub fn new(program: Program, levels: Vec<f64>, sizes: &[usize]) -> Result<Self> {
        let (m, dim, outputs) = (levels.len(), program.dim(), program.outputs());
        let sound = sizes.iter().all(|size| (1..=MOST_EQUATIONS).contains(size));
        if outputs != m * (dim + 1) || m == 0 || !sound || sizes.iter().sum::<usize>() != m {
            return Err(Error::invalid(format!(
                "slice: {m} levels in {dim} dimensions need a tape of {} outputs, not {outputs}, and blocks of 1 to \
                 {MOST_EQUATIONS} of them, not {sizes:?}",
                m * (dim + 1)
            )));
        }
        let ends = sizes.iter().scan(0, |end, &size| {
            *end += size;
            Some(*end - size..*end)
        });
        let blocks = ends.collect();
        Ok(Self { program, levels, blocks })
    }

    /// Solves (A Bᵀ) z = s in place, block by block, for rows A and B that are orthogonal to those of other blocks.
    #[inline(always)]
    fn solve<R: Real>(&self, a: &[R], b: &[R], matrix: &mut [R], sides: &mut [R]) {
        let dim = self.dim();
        for block in &self.blocks {
            let (size, rows) = (block.len(), block.start * dim..block.end * dim);
            let matrix = &mut matrix[..size * size];
            products(&a[rows.clone()], &b[rows], dim, matrix);
            solve(matrix, &mut sides[block.clone()]);
        }
    }

    /// Number of coordinates.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.program.dim()
    }

    /// How many packs hold chi and its gradients at a pack of points.
    #[must_use]
    pub fn width(&self) -> usize {
        self.program.outputs()
    }

    /// One worker's tools.
    #[must_use]
    pub fn tools<S: Simd, T: Element>(&self) -> Tools<'_, S, T> {
        let largest = self.blocks.iter().map(Range::len).max().unwrap_or(0);
        let zeros = |count| vec![T::Pack::<S>::constant(0.0); count];
        let (matrix, sides) = (zeros(largest * largest), zeros(self.levels.len()));
        Tools { slice: self, tape: self.program.evaluator(), matrix, sides, moving: Vec::new() }
    }
}

/// What a worker needs to find its way.
pub struct Tools<'a, S: Simd, T: Element> {
    slice: &'a Slice,
    tape: Evaluator<'a, S, T>,
    matrix: Vec<T::Pack<S>>,
    sides: Vec<T::Pack<S>>,
    /// Ones in lanes that still move.
    moving: Vec<T::Pack<S>>,
}

impl<S: Simd, T: Element> Tools<'_, S, T> {
    /// Writes chi and its gradients at every point.
    #[inline(always)]
    pub fn look(&mut self, x: &[T::Pack<S>], there: &mut [T::Pack<S>]) {
        self.tape.evaluate(x, there);
    }

    /// Replaces vectors by their tangent parts at points where chi and its gradients are as given.
    #[inline(always)]
    pub fn flatten(&mut self, there: &[T::Pack<S>], vectors: &mut [T::Pack<S>]) {
        S::call(Flatten { tools: self, there, vectors });
    }

    /// Moves every y to the surface, along the normals at other points: where `normals` says, or if that is None, at y itself,
    /// step by step. `there` becomes chi and its gradients at the end; `lost` becomes one where there was none.
    #[inline(always)]
    pub fn project(
        &mut self,
        normals: Option<&[T::Pack<S>]>,
        y: &mut [T::Pack<S>],
        there: &mut [T::Pack<S>],
        lost: &mut [T::Pack<S>],
    ) {
        S::call(Project { tools: self, normals, y, there, lost });
    }
}

struct Flatten<'a, 'p, S: Simd, T: Element> {
    tools: &'a mut Tools<'p, S, T>,
    there: &'a [T::Pack<S>],
    vectors: &'a mut [T::Pack<S>],
}

impl<S: Simd, T: Element> Routine<S> for Flatten<'_, '_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { tools: Tools { slice, matrix, sides, .. }, there, vectors } = self;
        let (dim, m) = (slice.dim(), slice.levels.len());
        for (there, vector) in there.chunks_exact(slice.width()).zip(vectors.chunks_exact_mut(dim)) {
            let normals = &there[m..];
            products(vector, normals, dim, sides);
            slice.solve(normals, normals, matrix, sides);
            for (normal, &side) in normals.chunks_exact(dim).zip(&*sides) {
                add(vector, -side, normal);
            }
        }
    }
}

struct Project<'a, 'p, S: Simd, T: Element> {
    tools: &'a mut Tools<'p, S, T>,
    normals: Option<&'a [T::Pack<S>]>,
    y: &'a mut [T::Pack<S>],
    there: &'a mut [T::Pack<S>],
    lost: &'a mut [T::Pack<S>],
}

impl<S: Simd, T: Element> Routine<S> for Project<'_, '_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { tools: Tools { slice, tape, matrix, sides, moving }, normals, y, there, lost } = self;
        let (dim, m, width) = (slice.dim(), slice.levels.len(), slice.width());
        let (zero, one) = (T::Pack::<S>::constant(0.0), T::Pack::<S>::constant(1.0));
        moving.clear();
        moving.resize(lost.len(), one);
        lost.fill(zero);
        for _ in 0..=if normals.is_some() { STEPS } else { STEPS_FROM_AFAR } {
            tape.evaluate(y, there);
            let mut is_done = true;
            for (i, y) in y.chunks_exact_mut(dim).enumerate() {
                if !T::Pack::<S>::any(zero.less(moving[i])) {
                    continue;
                }
                let here = &there[i * width..(i + 1) * width];
                let far = slice.distance(here, y, sides);
                // A walker stops for itself, whatever its neighbours need; it is lost where it is nowhere.
                lost[i] = Real::select(far.is_nan(), moving[i], lost[i]);
                moving[i] = Real::select(zero.less(far), moving[i], zero);
                if !T::Pack::<S>::any(zero.less(moving[i])) {
                    continue;
                }
                is_done = false;
                let along = normals.map_or(&here[m..], |normals| &normals[i * width + m..(i + 1) * width]);
                slice.solve(&here[m..], along, matrix, sides);
                let share = if normals.is_some() { one } else { cautious(along, sides, y) };
                for (normal, &side) in along.chunks_exact(dim).zip(&*sides) {
                    add(y, Real::select(zero.less(moving[i]), side * share, zero), normal);
                }
            }
            if is_done {
                return;
            }
        }
        for (lost, &moving) in lost.iter_mut().zip(&*moving) {
            *lost = Real::select(zero.less(moving), one, *lost);
        }
    }
}

impl Slice {
    /// Writes level - chi; returns one where that is more than rounding, zero where it is not, and NaN where it is not known.
    #[inline(always)]
    fn distance<R: Real>(&self, there: &[R], y: &[R], sides: &mut [R]) -> R {
        let (zero, one) = (R::constant(0.0), R::constant(1.0));
        // Some thousand roundings of double precision, some thirty of single: what is left of Newton's last step is far less.
        let tolerance = R::constant(2.0_f64.powi(if <R::Scalar as Scalar>::MANTISSA > 30 { -42 } else { -19 }));
        let (mut far, mut sum) = (zero, zero);
        let gradients = there[self.levels.len()..].chunks_exact(y.len());
        for ((side, gradient), (&level, &chi)) in sides.iter_mut().zip(gradients).zip(self.levels.iter().zip(there)) {
            *side = R::constant(level) - chi;
            let mut scale = R::constant(level.abs());
            for (&g, &y) in gradient.iter().zip(y) {
                scale = scale + (g * y).abs();
            }
            far = R::select((tolerance * scale).less(side.abs()), one, far);
            sum = sum + (*side + scale) * zero;
        }
        far + sum
    }
}

/// The share of a move Jᵀ λ that is no longer than half the way from the origin: near critical points of chi Newton's step leads
/// far away.
#[inline(always)]
fn cautious<R: Real>(normals: &[R], sides: &[R], y: &[R]) -> R {
    let (mut square, mut limit) = (R::constant(0.0), R::constant(1e-6));
    for (j, &y) in y.iter().enumerate() {
        let mut component = R::constant(0.0);
        for (normal, &side) in normals.chunks_exact(normals.len() / sides.len()).zip(sides) {
            component = side.mul_add(normal[j], component);
        }
        square = component.mul_add(component, square);
        limit = (y * R::constant(0.25)).mul_add(y, limit);
    }
    R::constant(1.0).lesser((limit / square).sqrt())
}

/// The matrix A Bᵀ of two matrices with rows of `dim` numbers.
#[inline(always)]
fn products<R: Real>(a: &[R], b: &[R], dim: usize, into: &mut [R]) {
    let columns = b.len() / dim;
    for (row, a) in a.chunks_exact(dim).enumerate() {
        for (column, b) in b.chunks_exact(dim).enumerate() {
            let mut sum = R::constant(0.0);
            for (&a, &b) in a.iter().zip(b) {
                sum = a.mul_add(b, sum);
            }
            into[row * columns + column] = sum;
        }
    }
}

/// Adds a multiple of one vector to another.
#[inline(always)]
fn add<R: Real>(to: &mut [R], factor: R, vector: &[R]) {
    for (to, &v) in to.iter_mut().zip(vector) {
        *to = factor.mul_add(v, *to);
    }
}
