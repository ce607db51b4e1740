//! A program on strips of packs: coordinates in, results out, and between them the interpreter.
//!
//! A strip is long enough to hide the interpreter's dispatch behind loads and stores, and short enough for the registers to stay in
//! first-level cache: with forty of them 8 packs took 1.3 times as long as 16, and 32 packs up to 1.6 times.

use std::cell::Cell;

use super::Program;
use super::interpret::{FOURS, Strip, Strips, interpret};
use super::quotient::Quotients;
use super::rows::ROWS;
use crate::math::FOUR;
use crate::real::Real;
use crate::simd::{Element, Routine, Simd};

/// Of which so many are used at least.
const LEAST: usize = 4;
/// Bytes of first-level cache for the registers.
const CACHE: usize = 32 << 10;

/// A program with one worker's registers, in the packs of one instruction set; those of the constants are filled in.
#[derive(Debug)]
pub struct Evaluator<'a, S: Simd, T: Element> {
    program: &'a Program,
    registers: Vec<Strip<T::Pack<S>>>,
}

impl<'a, S: Simd, T: Element> Evaluator<'a, S, T> {
    pub(super) fn new(program: &'a Program) -> Self {
        let mut registers = vec![[[T::Pack::<S>::constant(0.0); FOUR]; FOURS]; program.registers];
        for (strip, &constant) in registers.iter_mut().zip(&program.constants) {
            *strip = [[Real::constant(constant); FOUR]; FOURS];
        }
        Self { program, registers }
    }

    /// Evaluates the program for any number of packs. `x` has packs of `dim` coordinates one after another, and `outputs`
    /// likewise packs of results; a walker's results depend on nothing but its own coordinates.
    ///
    /// # Panics
    /// If the two do not hold the same number of whole packs.
    #[inline(always)]
    pub fn evaluate(&mut self, x: &[T::Pack<S>], outputs: &mut [T::Pack<S>]) {
        S::call(Execute { evaluator: self, x, rows: None, outputs });
    }

    /// Evaluates the program once for every row that each walker has, and adds up what it gives, row by row, to the numbers in
    /// `sums`. Its coordinates are those of the walker, followed by the entries of the row.
    ///
    /// # Panics
    /// If the sizes do not fit each other.
    #[inline(always)]
    pub fn accumulate(&mut self, x: &[T::Pack<S>], rows: Rows<'_, T::Pack<S>>, sums: &mut [T::Pack<S>]) {
        S::call(Execute { evaluator: self, x, rows: Some(rows), outputs: sums });
    }
}

/// Rows of data that each walker has for itself.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, P> {
    /// By row, pack of walkers and entry.
    pub entries: &'a [P],
    /// How much each row counts, by row and pack of walkers. What counts 0 may be anything, NaN for instance.
    pub weights: &'a [P],
    /// Entries in a row.
    pub width: usize,
}

/// One call of the interpreter, a function of its own: inlined into every kernel it would be compiled dozens of times.
struct Execute<'a, 'p, S: Simd, T: Element> {
    evaluator: &'a mut Evaluator<'p, S, T>,
    x: &'a [T::Pack<S>],
    rows: Option<Rows<'a, T::Pack<S>>>,
    outputs: &'a mut [T::Pack<S>],
}

impl<S: Simd, T: Element> Routine<S> for Execute<'_, '_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { evaluator: Evaluator { program, registers }, x, rows, outputs } = self;
        let (dim, width) = (program.dim - rows.map_or(0, |rows| rows.width), program.outputs.len());
        let all = x.len() / dim;
        assert_eq!((x.len() % dim, all * width), (0, outputs.len()), "inputs and outputs are not as many packs");
        let times = rows.map_or(1, |rows| rows.weights.len() / all);
        let constants = program.constants.len();
        let four = size_of::<[T::Pack<S>; FOUR]>();
        let packs = FOUR * (CACHE / (program.registers * four)).clamp(LEAST, FOURS);
        let strips = x.chunks(packs * dim).zip(outputs.chunks_mut(packs * width));
        for (first, (x, outputs)) in (0..).step_by(packs).zip(strips) {
            put(&mut registers[constants..constants + dim], x);
            for time in 0..times {
                if let Some(rows) = rows.filter(|rows| rows.width > 0) {
                    let entries = &rows.entries[(time * all + first) * rows.width..][..x.len() / dim * rows.width];
                    put(&mut registers[constants + dim..][..rows.width], entries);
                }
                let fours = (x.len() / dim).div_ceil(FOUR);
                run::<S, T>(program, Strips { all: Cell::from_mut(&mut registers[..]).as_slice_of_cells(), fours });
                for (output, &register) in program.outputs.iter().enumerate() {
                    let register = registers[usize::from(register)].as_flattened();
                    let results = outputs.chunks_exact_mut(width).zip(register);
                    match rows {
                        None => {
                            for (results, &result) in results {
                                results[output] = result;
                            }
                        }
                        Some(rows) => {
                            for ((results, &result), &weight) in results.zip(&rows.weights[time * all + first..]) {
                                add(&mut results[output], result, weight);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Puts the coordinates of some packs of points into registers of their own.
#[inline(always)]
fn put<P: Copy>(registers: &mut [Strip<P>], x: &[P]) {
    let dim = registers.len();
    for (coordinate, register) in registers.iter_mut().enumerate() {
        for (place, point) in register.as_flattened_mut().iter_mut().zip(x.chunks_exact(dim)) {
            *place = point[coordinate];
        }
    }
}

/// Adds what counts so much.
#[inline(always)]
fn add<P: Real>(sum: &mut P, result: P, weight: P) {
    *sum = Real::select(weight.equal(P::constant(0.0)), *sum, result.mul_add(weight, *sum));
}

/// Runs a program once.
#[inline(always)]
fn run<S: Simd, T: Element>(program: &Program, cells: Strips<'_, T::Pack<S>>) {
    for section in &program.sections {
        let (mut rows, stride) = match section.table {
            Some(table) => (program.data[table].numbers::<T>(), program.data[table].stride),
            // Straight code runs once, as if for a row that it does not read.
            None => (&[T::default()][..], 1),
        };
        if !section.together.is_empty() {
            let some = rows.chunks_exact(ROWS * stride);
            rows = some.remainder();
            for rows in some {
                if section.is_quotient {
                    S::call(Quotients::<S, T> { code: &section.together, row: rows, registers: cells });
                } else {
                    interpret::<S, T>(&section.together, rows, cells);
                }
            }
        }
        for row in rows.chunks_exact(stride) {
            interpret::<S, T>(&section.code, row, cells);
        }
    }
}
